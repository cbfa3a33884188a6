// Runs a command beside a container's main process for a client who is connected: with its input,
// its output as it comes, and a terminal if it asked for one. Counterpart: the CRI's Exec.
//
//   kubelet ── pipes ── keeper (sh) ── setsid ── command
//                                  └── setsid ── script ── pseudo terminal ── command
//
// Node has no pseudo terminals; script(1) of util-linux makes one, and stty(1) sets its size.

import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import type { Clock } from '../../../../platform/clock.js'
import type { Files } from '../../../../platform/files.js'
import type {
  ChildProcess,
  ProcessIdentity,
  Processes,
  ProcessSpec,
} from '../../../../platform/processes.js'
import type { CommandStreams } from '../../../streams/remote-command.js'
import type { TerminalSize } from '../../../streams/terminal-size.js'
import { RuntimeError } from '../../runtime.js'
import { findProgram } from './container-root.js'
import { readText } from './container-state.js'
import { environmentOf } from './exec.js'
import { splitEnv } from './supervisor.js'
import { quoted, terminalScript } from './terminal.js'

export interface ExecSessionRequest {
  readonly files: Files
  readonly processes: Processes
  readonly clock: Clock
  readonly searchPath: string
  readonly tools: { readonly setsid: string; readonly env: string }
  /** Of the run. */
  readonly directory: string
  readonly main: ProcessIdentity
  readonly command: readonly string[]
  readonly tty: boolean
  readonly streams: CommandStreams
}

/**
 * $1 path of setsid, then the command, which gets a session of its own and the shell's input. What it
 * left behind ends with it, as with a container; a SIGTERM ends both.
 */
const keeperScript = `
setsid=$1
shift
exec 3<&0
gone= child=
end() {
  kill -s KILL "$child"
  kill -s KILL -- "-$child"
} 2>/dev/null
trap 'gone=1; [ -z "$child" ] || end' TERM
"$setsid" "$@" <&3 3<&- &
child=$!
exec 3<&- </dev/null
[ -z "$gone" ] || end
while :; do
  wait "$child"
  code=$?
  kill -0 "$child" 2>/dev/null || break
done
kill -s KILL -- "-$child" 2>/dev/null
exit "$code"
`

/** Output that still comes after the end is waited for as long as it comes. */
const drainMs = 2_000
const killMs = 5_000
let count = 0

/** Resolves with the exit code once all output was handed on. Throws RuntimeError. */
export async function runExecSession(request: ExecSessionRequest): Promise<number> {
  const { files, processes, streams, main, tty } = request
  const inherited = await environmentOf(files, main)
  const env = new Map(Object.entries(inherited))
  if (tty && !env.has('TERM')) env.set('TERM', 'xterm')
  const root = join(request.directory, 'root')
  const directory = (await files.realPath(`/proc/${main.pid}/cwd`)) ?? root
  const [name, ...args] = request.command
  if (name === undefined) throw new RuntimeError('container-not-started', 'nothing to execute')
  const path = env.get('PATH') ?? request.searchPath
  const program = await findProgram(files, name, path, root, directory)
  const { environment, assignments } = splitEnv(env)
  const odd = assignments.length === 0 ? [] : [request.tools.env, ...assignments]
  const command = [...odd, program, ...args]
  const terminal = tty ? await openTerminal(request, command) : null
  const spec: ProcessSpec = {
    command: '/bin/sh',
    args: ['-c', keeperScript, 'keeper', request.tools.setsid].concat(terminal?.command ?? command),
    env: terminal === null ? environment : { ...environment, SHELL: '/bin/sh' },
    directory,
    detached: true,
    stdin: streams.stdin === null && !tty ? 'ignore' : 'pipe',
    stdout: streams.stdout === null ? 'ignore' : 'pipe',
    stderr: streams.stderr === null ? 'ignore' : 'pipe',
  }
  let child: ChildProcess | null = null
  const ended = new Promise<number>((resolve, reject) => {
    child = processes.spawn(
      spec,
      status => resolve(status.code ?? 137),
      error => reject(new RuntimeError('container-not-started', error.message, error)),
    )
  })
  if (child === null) return ended
  return accompany(request, child, ended, terminal)
}

/** Until the child has ended: sizes reach its terminal, and it ends when the client leaves. */
async function accompany(
  { streams, clock }: ExecSessionRequest,
  child: ChildProcess,
  ended: Promise<number>,
  terminal: Terminal | null,
): Promise<number> {
  const leave = (): void => {
    child.kill('SIGTERM')
    clock.setTimer(killMs, () => child.kill('SIGKILL'))
  }
  if (streams.signal.aborted) leave()
  streams.signal.addEventListener('abort', leave, { once: true })
  if (terminal !== null) streams.onResize(size => void terminal.resize(size))
  const drained = passOn(child, streams, clock)
  try {
    const code = await ended
    await drained()
    return code
  } finally {
    streams.signal.removeEventListener('abort', leave)
    child.stdin?.destroy()
    await terminal?.close()
  }
}

/** Joins the pipes; the answer is called after the end and resolves when nothing more comes. */
function passOn(child: ChildProcess, streams: CommandStreams, clock: Clock): () => Promise<void> {
  const { stdin, stdout, stderr, signal } = streams
  if (child.stdin !== null && stdin !== null) stdin.pipe(child.stdin)
  const outputs = [
    { from: child.stdout, to: stdout },
    { from: child.stderr, to: stderr },
  ]
  let touched = 0
  const pending = outputs.map(async ({ from, to }) => {
    if (from === null || to === null) return
    from.on('data', () => {
      touched += 1
    })
    from.pipe(to)
    // Who does not take output any more ends it with a signal, seen elsewhere.
    to.once('close', () => from.resume())
    await finished(from).catch(() => {})
  })
  return async () => {
    const all = Promise.all(pending)
    for (;;) {
      const before = touched
      const what = await new Promise<'done' | 'quiet'>(resolve => {
        const timer = clock.setTimer(drainMs, () => resolve('quiet'))
        void all.then(() => {
          timer.cancel()
          resolve('done')
        })
      })
      // Something that took a session of its own holds the pipe, or the client is slow.
      const slow = stdout?.writableNeedDrain === true || stderr?.writableNeedDrain === true
      if (what !== 'quiet' || signal.aborted) break
      if (touched === before && !slow) break
    }
    child.stdout?.destroy()
    child.stderr?.destroy()
  }
}

interface Terminal {
  readonly command: readonly string[]
  resize(size: TerminalSize): Promise<void>
  /** Ends what is still on it. */
  close(): Promise<void>
}

async function openTerminal(
  request: ExecSessionRequest,
  command: readonly string[],
): Promise<Terminal> {
  const { files, processes, searchPath, directory } = request
  const script = await findProgram(files, 'script', searchPath, directory, directory)
  const stty = await findProgram(files, 'stty', searchPath, directory, directory)
  count += 1
  const notePath = join(directory, `terminal-${count}`)
  const sizePath = `${notePath}.size`
  const note = async () => {
    const text = (await readText(files, notePath)) ?? ''
    const match = /^(\d{1,10}) (\d{1,19}) (\/dev\/pts\/\d{1,10})\n$/.exec(text)
    if (match === null) return null
    const [, pid, startTicks, device = ''] = match
    return { leader: { pid: Number(pid), startTicks: Number(startTicks) }, device }
  }
  let queue = Promise.resolve()
  const resize = async ({ columns, rows }: TerminalSize): Promise<void> => {
    const size = ['rows', String(rows), 'cols', String(columns)]
    // For the shell on the terminal, where it has not looked yet.
    await files.write(sizePath, Buffer.from(`${size.join(' ')}\n`), 0o600)
    const opened = await note()
    if (opened === null) return
    const spec: ProcessSpec = {
      command: stty,
      args: ['-F', opened.device, ...size],
      env: {},
      directory: '/',
      detached: false,
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: 'ignore',
    }
    await new Promise<void>(resolve => {
      processes.spawn(
        spec,
        () => resolve(),
        () => resolve(),
      )
    })
  }
  const inside = ['/bin/sh', '-c', terminalScript, 'terminal', notePath, sizePath, stty, ...command]
  return {
    command: [script, '-q', '-e', '-f', '-c', `exec ${inside.map(quoted).join(' ')}`, '/dev/null'],
    resize(size) {
      queue = queue.then(() => resize(size)).catch(() => {})
      return queue
    },
    async close() {
      const opened = await note()
      if (opened !== null) processes.signalGroup(opened.leader, 'SIGKILL')
      await queue
      await files.removeTree(notePath)
      await files.removeTree(sizePath)
    },
  }
}
