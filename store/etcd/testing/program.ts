// Programs that golden scripts run: one that ends, as the lines that it printed, and one that goes on
// while others run.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'

const hearMsMax = 90_000
const runMsMax = 40_000
const env = { ...process.env, ETCDCTL_API: '3' }

/** Scripts have no blanks at the ends of lines. */
const emptyLine = '|'

/** Retries that etcdctl tells of, with the time and its own places in the code. */
const isNoise = (line: string): boolean => /^\{"level":"(warn|info)"/.test(line)
/** How far it is, written over and over, also in front of what comes next. */
const progress = /\r? *\d+ \/ \d+ +[\d.]+%(?: (?:\d+m)?\d+s)? */g

const linesOf = (text: string): string[] => {
  const lines = text
    .replaceAll(progress, '')
    .split(/\r?\n/)
    .filter(line => !isNoise(line))
  const whole = lines.at(-1) === '' ? lines.slice(0, -1) : lines
  return whole.map(line => (line.trim() === '' ? emptyLine : line.trimEnd()))
}

/** What it prints on both outputs, and how it ends when that is not well. */
export function run(
  program: string,
  args: readonly string[],
  input: string,
): Promise<readonly string[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { env, stdio: 'pipe', timeout: runMsMax })
    let [out, err] = ['', '']
    child.stdout.on('data', (bytes: Buffer) => {
      out += String(bytes)
    })
    child.stderr.on('data', (bytes: Buffer) => {
      err += String(bytes)
    })
    // It may end without having read.
    child.stdin.on('error', () => {})
    child.stdin.end(input)
    child.once('error', reject)
    child.once('close', (code, signal) => {
      const end = code === 0 ? [] : [`exit ${code ?? signal}`]
      resolve([...linesOf(out), ...linesOf(err), ...end])
    })
  })
}

export class Program {
  readonly #child: ChildProcess
  readonly #ended: Promise<string>
  #text = ''
  #over = false
  #heard = 0
  #wake: () => void = () => {}

  constructor(program: string, args: readonly string[]) {
    this.#child = spawn(program, args, { env, stdio: 'pipe' })
    for (const output of [this.#child.stdout, this.#child.stderr]) {
      output?.on('data', (bytes: Buffer) => {
        this.#text += String(bytes)
        this.#wake()
      })
    }
    this.#child.stdin?.on('error', () => {})
    this.#ended = new Promise(resolve => {
      this.#child.once('close', (code, signal) => {
        this.#over = true
        this.#wake()
        // The signal is what it was sent.
        resolve(code === 0 || signal !== null ? '' : `exit ${code}`)
      })
    })
  }

  tell(line: string): void {
    this.#child.stdin?.write(`${line}\n`)
  }

  /** So many lines beyond those that were heard before; fewer when it ends, or says no more. */
  async hear(count: number): Promise<readonly string[]> {
    const endMs = performance.now() + hearMsMax
    while (!this.#over && this.#whole().length < this.#heard + count) {
      const leftMs = endMs - performance.now()
      if (leftMs <= 0) break
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, leftMs)
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
    return this.#take(count)
  }

  /** SIGINT; what it said in the end. */
  async interrupt(): Promise<readonly string[]> {
    this.#child.kill('SIGINT')
    const end = await this.#ended
    return [...this.#take(Number.MAX_SAFE_INTEGER), ...(end === '' ? [] : [end])]
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  /** Lines that are complete. */
  #whole(): readonly string[] {
    return linesOf(this.#text.slice(0, this.#text.lastIndexOf('\n') + 1))
  }

  #take(count: number): readonly string[] {
    const lines = this.#whole().slice(this.#heard, this.#heard + count)
    this.#heard += lines.length
    return lines
  }
}
