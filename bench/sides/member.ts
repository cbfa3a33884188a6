// One member as a process of its own. It ends with this program, however that ends, and not with a Ctrl-C
// on the terminal: that is for the load generator, which then ends it.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { must } from '../../platform/errors.js'
import type { Launch, MemberPlace } from './side.js'

/** The server until standard input closes. Its pid is the one line that the shell says. */
const lifeline = `
log=$1
shift
exec 3<&0
"$@" </dev/null 3<&- >>"$log" 2>&1 &
server=$!
echo $server
(cat <&3; kill -9 $server) >/dev/null 2>&1 &
wait $server`

export class Member {
  readonly place: MemberPlace
  readonly #launch: Launch
  readonly #logFile: string
  readonly #environment: Readonly<Record<string, string>>
  readonly #onSurprise: (sentence: string) => void
  #shell: ChildProcess | null = null
  #pid: number | null = null

  constructor(
    place: MemberPlace,
    launch: Launch,
    directory: string,
    environment: Readonly<Record<string, string>>,
    onSurprise: (sentence: string) => void,
  ) {
    this.place = place
    this.#launch = launch
    this.#logFile = join(directory, `${place.name}.log`)
    this.#environment = environment
    this.#onSurprise = onSurprise
  }

  /** Of the server itself; null when it does not run. */
  get pid(): number | null {
    return this.#pid
  }

  /** The end of what it said. */
  log(): string {
    try {
      return readFileSync(this.#logFile, 'utf8').slice(-2_000)
    } catch {
      return ''
    }
  }

  /** Answers when the process exists, which is before it serves. */
  async start(): Promise<void> {
    const { program, args } = this.#launch
    const shell = spawn('sh', ['-c', lifeline, 'sh', this.#logFile, program, ...args], {
      stdio: ['pipe', 'pipe', 'ignore'],
      env: { ...process.env, ...this.#environment },
      // A process group of its own, which is killed as a whole.
      detached: true,
    })
    this.#shell = shell
    shell.stdin.on('error', () => {})
    shell.once('exit', (code, signal) => {
      if (this.#shell !== shell) return
      this.#shell = null
      this.#pid = null
      this.#onSurprise(`${this.place.name} ended by itself (${code ?? signal}): ${this.log()}`)
    })
    this.#pid = await new Promise<number>((resolve, reject) => {
      shell.once('error', reject)
      shell.once('exit', () => reject(new Error(`${this.place.name} did not start`)))
      shell.stdout.once('data', (line: Buffer) => resolve(Number(String(line))))
    })
  }

  /** SIGKILL; answers when it is gone, and its ports are free. */
  async kill(): Promise<void> {
    const [shell, pid] = [this.#shell, this.#pid]
    if (shell === null) return
    this.#shell = null
    this.#pid = null
    const gone = new Promise<void>(resolve => {
      shell.once('exit', () => resolve())
    })
    const group = must(shell.pid, 'a shell that runs has a pid')
    // A server with much memory takes a while to go. The shell waits for it, so it is not killed before.
    if (shell.exitCode === null && shell.signalCode === null) {
      killed(pid ?? -group)
      await gone
    }
    killed(-group)
  }

  /** SIGTERM, and SIGKILL when that takes too long: profiles are written at an end in good order. */
  async stop(patienceMs: number): Promise<void> {
    const shell = this.#shell
    if (shell === null || this.#pid === null) return
    const pid = this.#pid
    this.#shell = null
    const gone = new Promise<void>(resolve => {
      shell.once('exit', () => resolve())
    })
    process.kill(pid, 'SIGTERM')
    let patience: NodeJS.Timeout | undefined
    const late = new Promise<void>(resolve => {
      patience = setTimeout(resolve, patienceMs)
    })
    await Promise.race([gone, late])
    clearTimeout(patience)
    this.#shell = shell
    await this.kill()
  }

  suspend(): void {
    if (this.#pid !== null) process.kill(this.#pid, 'SIGSTOP')
  }

  resume(): void {
    if (this.#pid !== null) process.kill(this.#pid, 'SIGCONT')
  }
}

/** Or gone already. */
function killed(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
