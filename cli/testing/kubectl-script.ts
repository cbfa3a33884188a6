// Golden scripts of kubectl: command lines as users type them, and what a real cluster prints. The scripts are
// in cli/kubectl-golden/; each is replayed with several versions of the unmodified kubectl against a cluster of ours.
//
//   > get pods             kubectl with these words
//   < text                 a line of its standard input
//     OK                   what it prints: standard output, then standard error; "exit 1" where it fails.
//                          Blanks in a row count as two, for columns are as wide as what stands in them
//     |                    an empty line
//   [1.31-] …, [-1.30] …   a line of any of these sorts, for versions from 1.31 on, or up to 1.30
//   <name>                 whatever stands there the first time, and the same from then on, in commands too;
//                          <#> is any number, <*> anything, <none> and the like stand for themselves
//   > until …              asked again until it prints what stands there
//   > unordered …          the lines come in any order
//   > file web.yaml        the lines of input become a file, in the folder in which kubectl runs
//   > editor s/a/b/        what edit does from now on, as a substitution
//   > start w …            goes on while others run; `hear w` waits for the lines beneath it, `interrupt w` ends it

import { must } from '../../platform/errors.js'
import { Bindings } from '../../platform/testing/script/bindings.js'
import { wordsOf } from '../../platform/testing/script/words.js'
import type { KubectlProcess } from './kubectl-process.js'
import { KubectlFolder } from './kubectl-process.js'

const untilMsMax = 60_000
const pauseMs = 100

/** What kubectl prints in angle brackets itself. */
const itself = ['none', 'unset', 'unknown', 'nil', 'invalid', 'set', 'pending', 'string']

interface Step {
  readonly line: string
  readonly command: string
  readonly input: readonly string[]
  readonly expected: readonly string[]
  readonly beneath: readonly {
    readonly text: string
    readonly kind: 'input' | 'output' | 'other'
  }[]
}

/** "1.31" as a number that can be compared. */
const minorOf = (version: string): number => Number(version.split('.')[1] ?? 0)

export class KubectlSession {
  readonly #folder: KubectlFolder
  readonly #version: string
  readonly #running = new Map<string, KubectlProcess>()
  #bindings = new Bindings({})

  constructor(binary: string, version: string, kubeconfig: string) {
    this.#folder = new KubectlFolder(binary, kubeconfig)
    this.#version = version
  }

  /** The script with what did happen beneath each command: equal to the script where all is well. */
  async replay(script: string): Promise<string> {
    this.#bindings = new Bindings(Object.fromEntries(itself.map(name => [name, `<${name}>`])))
    const lines: string[] = []
    for (const part of this.#partsOf(script)) {
      if (typeof part === 'string') lines.push(part)
      else lines.push(part.line, ...(await this.#play(part)))
    }
    return lines.join('\n')
  }

  async end(): Promise<void> {
    await Promise.all([...this.#running.values()].map(one => one.interrupt()))
    this.#folder.remove()
  }

  *#partsOf(script: string): Generator<string | Step> {
    const lines = script.split('\n')
    for (let at = 0; at < lines.length; ) {
      const line = must(lines[at], 'a line is there')
      at += 1
      const { text, counts } = this.#meant(line)
      if (!text.startsWith('> ')) {
        yield line
        continue
      }
      const beneath: Step['beneath'][number][] = []
      for (; at < lines.length; at++) {
        const below = must(lines[at], 'a line is there')
        const meant = this.#meant(below)
        const isInput = /^<( |$)/.test(meant.text)
        if (!isInput && !meant.text.startsWith('  ')) break
        const kind = !meant.counts || !counts ? 'other' : isInput ? 'input' : 'output'
        beneath.push({ text: below, kind })
      }
      if (!counts) {
        yield line
        for (const { text: below } of beneath) yield below
        continue
      }
      const texts = (wanted: string) =>
        beneath
          .filter(({ kind }) => kind === wanted)
          .map(({ text: below }) => this.#meant(below).text)
      yield {
        line,
        command: text.slice(2),
        input: texts('input').map(below => below.replace(/^< ?/, '')),
        expected: texts('output').map(below => below.slice(2)),
        beneath,
      }
    }
  }

  /** A line without the versions that it is for. */
  #meant(line: string): { readonly text: string; readonly counts: boolean } {
    const [all, from, to] = /^\[(1\.\d+)?-(1\.\d+)?\]/.exec(line) ?? []
    if (all === undefined) return { text: line, counts: true }
    const minor = minorOf(this.#version)
    const counts =
      (from === undefined || minor >= minorOf(from)) && (to === undefined || minor <= minorOf(to))
    return { text: line.slice(all.length), counts }
  }

  async #play(step: Step): Promise<readonly string[]> {
    let words = wordsOf(this.#bindings.fill(step.command))
    const flags = { until: false, unordered: false }
    while (words[0] === 'until' || words[0] === 'unordered') {
      flags[words[0]] = true
      words = words.slice(1)
    }
    const expected = step.expected.map(narrow)
    const endMs = performance.now() + untilMsMax
    for (;;) {
      const before = this.#bindings.copy()
      const printed = (await this.#perform(words, step)).map(narrow)
      const happened = this.#bindings.match(expected, printed, flags.unordered)
      if (happened.join('\n') === expected.join('\n')) return step.beneath.map(({ text }) => text)
      if (!flags.until || performance.now() > endMs) return corrected(step, happened)
      this.#bindings = before
      await new Promise(resolve => {
        setTimeout(resolve, pauseMs)
      })
    }
  }

  async #perform(words: readonly string[], step: Step): Promise<readonly string[]> {
    const [verb = '', name = '', ...rest] = words
    const input = step.input.map(line => `${this.#bindings.fill(line)}\n`).join('')
    switch (verb) {
      case 'file':
        this.#folder.write(name, input)
        return []
      case 'editor':
        this.#folder.setEditor(name)
        return []
      case 'start':
        this.#running.set(name, this.#folder.start(rest))
        return []
      case 'hear':
        return await this.#process(name).hear(step.expected.length)
      case 'interrupt':
        return await this.#process(name).interrupt()
      default:
        return await this.#folder.run(words, input)
    }
  }

  #process(name: string): KubectlProcess {
    return must(this.#running.get(name), `${name} was started`)
  }
}

/** What happened in place of what was expected, and what is for other versions behind it. */
function corrected(step: Step, happened: readonly string[]): readonly string[] {
  const texts = (kind: string) =>
    step.beneath.filter(line => line.kind === kind).map(({ text }) => text)
  return [...texts('input'), ...happened.map(line => `  ${line}`), ...texts('other')]
}

function narrow(line: string): string {
  return line.trimEnd().replaceAll(/(?<=\S) {2,}|\t+/g, '  ')
}
