// Runs a command beside a container's main process, with the environment and the directory that
// this one really has. For exec probes and hooks; who is connected gets exec-session.ts.

import { join } from 'node:path'
import type { Clock } from '../../../../platform/clock.js'
import type { Files } from '../../../../platform/files.js'
import type { ProcessIdentity, Processes } from '../../../../platform/processes.js'
import { type ExecResult, RuntimeError } from '../../runtime.js'
import { findProgram } from './container-root.js'

const environmentBytesMax = 2 * 1024 * 1024
const outputBytesMax = 10 * 1024
let count = 0

export interface ExecRequest {
  readonly files: Files
  readonly processes: Processes
  readonly clock: Clock
  readonly searchPath: string
  /** Of the run. */
  readonly directory: string
  readonly main: ProcessIdentity
  readonly command: readonly string[]
  readonly timeoutMs: number
}

export async function environmentOf(
  files: Files,
  main: ProcessIdentity,
): Promise<Readonly<Record<string, string>>> {
  const content = await files.read(`/proc/${main.pid}/environ`, environmentBytesMax)
  const environment: Record<string, string> = Object.create(null)
  for (const entry of Buffer.from(content ?? [])
    .toString('utf8')
    .split('\0')) {
    const equals = entry.indexOf('=')
    if (equals > 0) environment[entry.slice(0, equals)] = entry.slice(equals + 1)
  }
  return environment
}

async function readOutput(files: Files, path: string): Promise<string> {
  if ((await files.stat(path)) === null) return ''
  const file = await files.open(path, null)
  try {
    return Buffer.from(await file.read(0, outputBytesMax)).toString('utf8')
  } finally {
    await file.close()
    await files.removeTree(path)
  }
}

export async function execBeside(request: ExecRequest): Promise<ExecResult> {
  const { files, processes, clock, main } = request
  const env = await environmentOf(files, main)
  const root = join(request.directory, 'root')
  const directory = (await files.realPath(`/proc/${main.pid}/cwd`)) ?? root
  const [name, ...args] = request.command
  if (name === undefined) throw new RuntimeError('container-not-started', 'nothing to execute')
  const program = await findProgram(files, name, env['PATH'] ?? request.searchPath, root, directory)
  count += 1
  const outputPath = join(request.directory, `exec-${count}`)
  const finished = await new Promise<{ code: number; timedOut: boolean }>((resolve, reject) => {
    let timedOut = false
    const child = processes.spawn(
      {
        command: program,
        args,
        env,
        directory,
        detached: true,
        stdin: 'ignore',
        stdout: { appendTo: outputPath },
        stderr: { appendTo: outputPath },
      },
      status => {
        timer.cancel()
        resolve({ code: status.code ?? 137, timedOut })
      },
      error => {
        timer.cancel()
        reject(new RuntimeError('container-not-started', error.message, error))
      },
    )
    const timer = clock.setTimer(request.timeoutMs, () => {
      timedOut = true
      const identity = child === null ? null : processes.identify(child.pid)
      if (identity !== null) processes.signalGroup(identity, 'SIGKILL')
    })
  })
  return { ...finished, output: await readOutput(files, outputPath) }
}
