// Runs a program to its end and keeps what it says, within limits. For short commands of the system, such
// as nft and conntrack; what lives on is spawned through Processes itself.

import type { Clock } from './clock.js'
import { RaftsmanError } from './errors.js'
import type { Processes } from './processes.js'

export interface CommandSpec {
  readonly command: string
  readonly args: readonly string[]
  /** PATH of the child, and nothing else of the environment. */
  readonly searchPath: string
  /** Written to its standard input. */
  readonly input?: string
  readonly timeoutMs: number
  /** Of standard output, and of standard error. */
  readonly outputBytesMax: number
}

export interface CommandResult {
  /** Null when a signal ended it. */
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

/** `command-not-started`, `command-timeout`, `command-output`: it said more than may be said. */
export class CommandError extends RaftsmanError {}

/** @throws CommandError when it cannot be started or goes beyond a limit, which ends it. */
export function runCommand(
  processes: Processes,
  clock: Clock,
  spec: CommandSpec,
): Promise<CommandResult> {
  const { command, args, searchPath, input, timeoutMs, outputBytesMax } = spec
  return new Promise((resolve, reject) => {
    const ended = { exitCode: null as number | null, streams: 0, exited: false, settled: false }
    const texts = { stdout: '', stderr: '' }
    const fail = (code: string, message: string, cause?: unknown): void => {
      if (ended.settled) return
      ended.settled = true
      timer.cancel()
      child?.kill('SIGKILL')
      const outcome = code === 'command-not-started' ? 'not-applied' : 'unknown'
      reject(new CommandError(`${command}: ${message}`, { code, retryable: true, outcome, cause }))
    }
    const timer = clock.setTimer(timeoutMs, () =>
      fail('command-timeout', `no end after ${timeoutMs} ms`),
    )
    const finish = (): void => {
      if (ended.settled || !ended.exited || ended.streams > 0) return
      ended.settled = true
      timer.cancel()
      resolve({ exitCode: ended.exitCode, ...texts })
    }
    const child = processes.spawn(
      {
        command,
        args,
        env: { PATH: searchPath, LC_ALL: 'C' },
        directory: '/',
        detached: false,
        stdin: input === undefined ? 'ignore' : 'pipe',
        stdout: 'pipe',
        stderr: 'pipe',
      },
      ({ code }) => {
        ended.exitCode = code
        ended.exited = true
        finish()
      },
      error => fail('command-not-started', error.message, error),
    )
    if (child === null) return
    for (const name of ['stdout', 'stderr'] as const) {
      const stream = child[name]
      if (stream === null) continue
      ended.streams += 1
      let bytes = 0
      stream.setEncoding('utf8')
      stream.on('data', (chunk: string) => {
        bytes += chunk.length
        if (bytes > outputBytesMax) fail('command-output', `more than ${outputBytesMax} bytes`)
        else texts[name] += chunk
      })
      stream.once('close', () => {
        ended.streams -= 1
        finish()
      })
    }
    if (input !== undefined) child.stdin?.end(input)
  })
}
