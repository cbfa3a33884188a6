// The unmodified kubectl in a folder of its own: without cached discovery of another server, and with an editor
// that does what a script says.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'

const hearMsMax = 60_000
const runMsMax = 90_000

/** Scripts have no blanks at the ends of lines. */
const linesOf = (text: string): string[] => {
  const lines = text.split(/\r?\n/)
  const whole = lines.at(-1) === '' ? lines.slice(0, -1) : lines
  return whole.map(line => (line.trim() === '' ? '|' : line))
}

export class KubectlFolder {
  readonly #binary: string
  readonly #path = mkdtempSync(join(tmpdir(), 'raftsman-kubectl-'))
  readonly #env: Record<string, string | undefined>

  constructor(binary: string, kubeconfig: string) {
    this.#binary = binary
    const own = {
      HOME: this.#path,
      TMPDIR: this.#path,
      KUBECONFIG: kubeconfig,
      KUBECTL_EXTERNAL_DIFF: 'diff -u -N',
    }
    // Folders that are not there are worth a warning to `kubectl plugin`.
    const folders = (process.env['PATH'] ?? '').split(delimiter).filter(path => existsSync(path))
    const terminal = { TZ: 'UTC', COLUMNS: '80', PATH: folders.join(delimiter) }
    this.#env = { ...process.env, ...own, ...terminal }
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.#path, name), text)
  }

  /** `substitution` as sed knows it. */
  setEditor(substitution: string): void {
    this.#env['KUBE_EDITOR'] = `sed -i -e ${substitution}`
  }

  /** What it prints on both outputs, and how it ends when that is not well. */
  run(words: readonly string[], input: string): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      const child = this.#spawn(words, runMsMax)
      let [out, err] = ['', '']
      child.stdout?.on('data', (bytes: Buffer) => {
        out += String(bytes)
      })
      child.stderr?.on('data', (bytes: Buffer) => {
        err += String(bytes)
      })
      // It may end without having read.
      child.stdin?.on('error', () => {})
      child.stdin?.end(input)
      child.once('error', reject)
      child.once('close', (code, signal) => {
        const end = code === 0 ? [] : [`exit ${code ?? signal}`]
        resolve([...linesOf(out), ...linesOf(err), ...end])
      })
    })
  }

  start(words: readonly string[]): KubectlProcess {
    return new KubectlProcess(this.#spawn(words))
  }

  remove(): void {
    rmSync(this.#path, { recursive: true, force: true })
  }

  #spawn(words: readonly string[], timeout?: number): ChildProcess {
    const options = { env: this.#env, cwd: this.#path, stdio: 'pipe' } as const
    return spawn(this.#binary, words, timeout === undefined ? options : { ...options, timeout })
  }
}

/** One that goes on while others run. */
export class KubectlProcess {
  readonly #child: ChildProcess
  readonly #ended: Promise<void>
  #text = ''
  #over = false
  #heard = 0
  #wake: () => void = () => {}

  constructor(child: ChildProcess) {
    this.#child = child
    for (const output of [child.stdout, child.stderr]) {
      output?.on('data', (bytes: Buffer) => {
        this.#text += String(bytes)
        this.#wake()
      })
    }
    this.#ended = new Promise(resolve => {
      child.once('close', () => {
        this.#over = true
        this.#wake()
        resolve()
      })
    })
  }

  /** So many lines beyond those that were heard before; fewer when it ends, or says no more. */
  async hear(count: number): Promise<readonly string[]> {
    const endMs = performance.now() + hearMsMax
    while (!this.#over && this.#lines().length < count) {
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
    const lines = this.#lines().slice(0, count)
    this.#heard += lines.length
    return lines
  }

  /** SIGINT, and the end. */
  async interrupt(): Promise<readonly string[]> {
    this.#child.kill('SIGINT')
    await this.#ended
    return []
  }

  /** Complete ones that were not heard yet. */
  #lines(): readonly string[] {
    return linesOf(this.#text.slice(0, this.#text.lastIndexOf('\n') + 1)).slice(this.#heard)
  }
}
