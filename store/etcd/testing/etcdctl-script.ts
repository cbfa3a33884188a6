// Golden scripts of etcdctl: command lines that a person can read and write, and what they print. The
// scripts are in store/etcd/golden/; each is replayed against a cluster of etcd and one of ours.
//
//   > put a 1            etcdctl, of one member after the other
//   < text               a line of its standard input
//     OK                 what it prints: standard output, then standard error; "exit 1" where it fails
//     |                an empty line; |? one that may be missing
//   E text, R text       the same of etcd alone, of Raftsman alone; E> and R> are commands of one of them
//   <name>               whatever stands there the first time, and the same from then on, in commands too;
//                        <name+1> is a number beside it, <#> any number, <*> anything
//   > on 2|all|leader|follower …   of that member, all of them, one that does not lead
//   > on other|plain …   of another cluster, without users; of a lone member, without TLS too
//   > until …            asked again until it prints what stands there
//   > unordered …        the lines come in any order
//   > as root:secret     the user of what follows; "as nobody" for none
//   > start w …          goes on while others run; `hear w` waits for the lines beneath it, `tell w …`
//                        writes one to it, `interrupt w` ends it
//   > bytes 1500 …       with so many bytes as its standard input
//   > join m4            starts one more member, which was added
//   > raftsman …         our own command line

import { must } from '../../../platform/errors.js'
import { Bindings } from '../../../platform/testing/script/bindings.js'
import { wordsOf } from '../../../platform/testing/script/words.js'
import { Program, run } from './program.js'

const untilMsMax = 60_000
const pauseMs = 50

/** What scripts are replayed against. */
export interface ScriptCluster {
  readonly kind: 'etcd' | 'raftsman'
  /** Client URLs, in the order of ids or names. */
  readonly endpoints: readonly string[]
  /** Of another cluster, without users. */
  readonly otherEndpoints: readonly string[]
  /** Of a lone member without TLS. */
  readonly plainEndpoint: string
  /** For certificates. */
  readonly tlsFlags: readonly string[]
  readonly otherTlsFlags: readonly string[]
  /** Names that scripts may use from the beginning. */
  readonly names: Readonly<Record<string, string>>
  /** Starts the member, which has been added; at `peer`. */
  join(name: string): Promise<void>
  /** Program and first arguments of our command line. */
  readonly raftsman: readonly string[]
}

interface Step {
  /** As it stands in the script. */
  readonly line: string
  readonly command: string
  readonly input: readonly string[]
  readonly expected: readonly string[]
  /** All lines, those that this cluster is not asked about as they stand. */
  readonly beneath: readonly Beneath[]
}

interface Beneath {
  readonly text: string
  readonly kind: 'input' | 'output' | 'other'
}

/** Comments and empty lines as they stand, and steps. */
function* partsOf(script: string, kind: ScriptCluster['kind']): Generator<string | Step> {
  const own = kind === 'etcd' ? 'E' : 'R'
  const lines = script.split('\n')
  for (let at = 0; at < lines.length; ) {
    const line = must(lines[at], 'a line is there')
    at += 1
    const [, mark, command] = /^([ER]?)> (.*)$/.exec(line) ?? []
    if (command === undefined) {
      yield line
      continue
    }
    const beneath: Beneath[] = []
    while (/^([ER]?<( |$)|[ER ] )/.test(lines[at] ?? '')) {
      const text = must(lines[at], 'it matched')
      const isInput = /^[ER]?<( |$)/.test(text)
      const counts = (mark === '' || mark === own) && (text.startsWith(own) || /^[ <]/.test(text))
      beneath.push({ text, kind: counts ? (isInput ? 'input' : 'output') : 'other' })
      at += 1
    }
    if (mark !== '' && mark !== own) {
      yield line
      for (const { text } of beneath) yield text
      continue
    }
    const texts = (wanted: Beneath['kind']) =>
      beneath
        .filter(({ kind: found }) => found === wanted)
        .map(({ text }) => text.replace(/^([ER]?< ?|[ER ] )/, ''))
    yield { line, command, input: texts('input'), expected: texts('output'), beneath }
  }
}

/** What was printed, an empty line that may be missing marked as such whether it is there or not. */
function withOptional(expected: readonly string[], printed: readonly string[]): readonly string[] {
  const at = expected.indexOf('|?')
  if (at === -1) return printed
  return [...printed.slice(0, at), '|?', ...printed.slice(printed[at] === '|' ? at + 1 : at)]
}

/** Scripts against one cluster, one after the other. What one started goes on in those that follow. */
export class EtcdctlSession {
  readonly #cluster: ScriptCluster
  #bindings: Bindings
  readonly #running = new Map<string, Program>()
  #user: readonly string[] = []
  #turn = 0

  constructor(cluster: ScriptCluster) {
    this.#cluster = cluster
    this.#bindings = new Bindings(cluster.names)
  }

  /** The script with what did happen beneath each command: equal to the script where all is well. */
  async replay(script: string): Promise<string> {
    this.#bindings = new Bindings(this.#cluster.names)
    const lines: string[] = []
    for (const part of partsOf(script, this.#cluster.kind)) {
      if (typeof part === 'string') lines.push(part)
      else lines.push(part.line, ...(await this.#play(part)))
    }
    return lines.join('\n')
  }

  async end(): Promise<void> {
    await Promise.all([...this.#running.values()].map(program => program.kill()))
  }

  /** The lines beneath the step, as they should stand there. */
  async #play(step: Step): Promise<readonly string[]> {
    let words = wordsOf(this.#bindings.fill(step.command))
    const flags = { until: false, unordered: false }
    while (words[0] === 'until' || words[0] === 'unordered') {
      flags[words[0]] = true
      words = words.slice(1)
    }
    const endMs = performance.now() + untilMsMax
    for (;;) {
      const before = this.#bindings.copy()
      const printed = withOptional(step.expected, await this.#perform(words, step))
      const happened = this.#bindings.match(step.expected, printed, flags.unordered)
      const right = happened.join('\n') === step.expected.join('\n')
      if (right) return step.beneath.map(({ text }) => text)
      if (!flags.until || performance.now() > endMs) return this.#corrected(step, happened)
      this.#bindings = before
      await new Promise(resolve => {
        setTimeout(resolve, pauseMs)
      })
    }
  }

  /** What happened in place of the lines that were expected, what is of the other cluster behind it. */
  #corrected(step: Step, happened: readonly string[]): readonly string[] {
    const own = step.beneath.some(({ text, kind }) => kind === 'output' && /^[ER]/.test(text))
    const margin = own ? (this.#cluster.kind === 'etcd' ? 'E ' : 'R ') : '  '
    const texts = (kind: Beneath['kind']) =>
      step.beneath.filter(line => line.kind === kind).map(({ text }) => text)
    return [...texts('input'), ...happened.map(line => margin + line), ...texts('other')]
  }

  async #perform(words: readonly string[], step: Step): Promise<readonly string[]> {
    const [verb = '', ...rest] = words
    switch (verb) {
      case 'as':
        this.#user = rest[0] === 'nobody' ? [] : [`--user=${rest[0]}`]
        return []
      case 'join':
        return await this.#join(must(rest[0], 'a name'))
      case 'raftsman': {
        const [program = '', ...first] = this.#cluster.raftsman
        return await run(program, [...first, ...rest], '')
      }
      case 'start': {
        const [name = '', ...args] = rest
        this.#running.set(name, new Program('etcdctl', await this.#etcdctl(args)))
        return []
      }
      case 'hear':
        return await this.#program(rest[0]).hear(step.expected.length)
      case 'tell':
        this.#program(rest[0]).tell(rest.slice(1).join(' '))
        return []
      case 'interrupt':
        return await this.#program(rest[0]).interrupt()
      case 'bytes':
        return await run('etcdctl', await this.#etcdctl(rest.slice(1)), 'x'.repeat(Number(rest[0])))
      default: {
        const input = step.input.map(line => `${this.#bindings.fill(line)}\n`).join('')
        return await run('etcdctl', await this.#etcdctl(words), input)
      }
    }
  }

  async #join(name: string): Promise<readonly string[]> {
    try {
      await this.#cluster.join(name)
      return []
    } catch (error) {
      return String(error).split('\n')
    }
  }

  #program(name = ''): Program {
    return must(this.#running.get(name), `${name} was started`)
  }

  async #etcdctl(words: readonly string[]): Promise<readonly string[]> {
    const { endpoints, otherEndpoints, plainEndpoint, tlsFlags, otherTlsFlags } = this.#cluster
    this.#turn += 1
    const next = must(endpoints[this.#turn % endpoints.length], 'there is one')
    if (words[0] !== 'on') return [...this.#user, ...this.#at([next]), ...tlsFlags, ...words]
    const [, where = '', ...args] = words
    if (where === 'plain') return [...this.#at([plainEndpoint]), ...args]
    if (where === 'other') return [...this.#at(otherEndpoints), ...otherTlsFlags, ...args]
    const asked = await this.#members(where)
    return [...this.#user, ...this.#at(asked), ...tlsFlags, ...args]
  }

  #at = (endpoints: readonly string[]): readonly string[] => [
    `--endpoints=${endpoints.join(',')}`,
    '--dial-timeout=10s',
    '--command-timeout=20s',
  ]

  async #members(where: string): Promise<readonly string[]> {
    const { endpoints } = this.#cluster
    if (where === 'all') return endpoints
    if (/^\d$/.test(where))
      return [must(endpoints[Number(where) - 1], `there is a member ${where}`)]
    const leader = await this.#leader()
    if (where === 'leader') return [leader]
    return [
      must(
        endpoints.find(one => one !== leader),
        'one does not lead',
      ),
    ]
  }

  async #leader(): Promise<string> {
    const { endpoints, tlsFlags } = this.#cluster
    const [json = ''] = await run(
      'etcdctl',
      [...this.#at(endpoints), ...tlsFlags, ...this.#user, 'endpoint', 'status', '-w', 'json'],
      '',
    )
    // Ids have more digits than numbers here.
    for (const [, endpoint = '', id, leader] of json.matchAll(
      /"Endpoint":"([^"]+)".*?"member_id":(\d+).*?"leader":(\d+)/g,
    )) {
      if (id === leader) return endpoint
    }
    throw new Error(`nobody leads: ${json}`)
  }
}
