// The clients of a cluster under attack: loops that ask, remember what they were told, and go on whatever
// happens. Two workloads: `register` (reads, puts, deletions and swaps of single keys, beside keys that are
// written once) and `append` (transactions that append to several lists).

import { performance } from 'node:perf_hooks'
import { RaftsmanError, must } from '../../platform/errors.js'
import type { Random } from '../../platform/random.js'
import type { Store } from '../../store/client/types.js'
import type { KeyValue } from '../../store/core/types.js'
import type { Answer, Call, Operation, Sighting } from './operation.js'

export const workloads = ['register', 'append'] as const
export type WorkloadName = (typeof workloads)[number]

const errorPauseMs = 20
const listItemsMax = 30
const unseen: Sighting = { revision: 0, value: null }

const utf8 = (text: string): Uint8Array => Buffer.from(text)
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()
const pause = (ms: number): Promise<void> =>
  new Promise(done => {
    setTimeout(done, ms)
  })

export interface ClientsOptions {
  readonly random: Random
  /** Between two operations of one loop. */
  readonly pauseMs: number
  readonly valueBytesMax: number
}

export class Clients {
  readonly operations: Operation[] = []
  readonly errors = new Map<string, number>()
  readonly startedMs = performance.now()
  /** The highest revision that anybody was told. */
  floor = 1
  /** Keys that loops meet at; the caller makes it new ones now and then, so that their histories stay short. */
  epoch = 1
  private readonly options: ClientsOptions
  private readonly loops: Promise<void>[] = []
  private running = true
  private names = 0
  private clients = 0

  constructor(options: ClientsOptions) {
    this.options = options
  }

  get acknowledged(): number {
    return this.operations.filter(
      ({ call, answer }) => call.kind !== 'read' && answer !== null && answer.succeeded !== false,
    ).length
  }

  start(workload: WorkloadName, store: Store): void {
    this.clients += 1
    const client = this.clients
    const turn = workload === 'append' ? this.append : this.register
    this.loops.push(this.loop(() => turn(client, store)))
  }

  /** Answers when every operation under way is over. */
  async stop(): Promise<void> {
    this.running = false
    await Promise.all(this.loops)
  }

  private async loop(turn: () => Promise<void>): Promise<void> {
    while (this.running) {
      await turn()
      await pause(this.options.pauseMs * (0.5 + this.options.random.next()))
    }
  }

  private name(client: number): string {
    this.names += 1
    return `${client}.${this.names}`
  }

  private padded(name: string): string {
    return `${name} ${'x'.repeat(this.options.random.integer(this.options.valueBytesMax))}`
  }

  private pick<T>(from: readonly T[]): T {
    return must(from[this.options.random.integer(from.length)], 'something to pick from')
  }

  // ---- workloads ----

  private readonly register = async (client: number, store: Store): Promise<void> => {
    const { random } = this.options
    const key = `r/${this.epoch}/${this.pick(['a', 'b', 'c'])}`
    const draw = random.next()
    if (draw < 0.25) await this.put(client, store, `u/${this.name(client)}`)
    else if (draw < 0.45) await this.put(client, store, key)
    else if (draw < 0.55) await this.delete(client, store, key)
    else {
      const seen = await this.read(client, store, key)
      if (seen !== null && draw < 0.8) await this.swap(client, store, key, seen)
    }
  }

  private readonly append = async (client: number, store: Store): Promise<void> => {
    const keys = ['a', 'b', 'c', 'd'].filter(() => this.options.random.next() < 0.5)
    const lists: { readonly key: string; readonly seen: Sighting }[] = []
    for (const name of keys) {
      const key = `l/${this.epoch}/${name}`
      const seen = await this.read(client, store, key)
      if (seen === null) return
      lists.push({ key, seen })
    }
    if (lists.length === 0) return
    const item = this.name(client)
    const call: Call = { kind: 'append', item, lists }
    await this.ask(client, call, async () => {
      const { header, succeeded } = await store.txn({
        compare: lists.map(({ key, seen }) => ({
          target: 'mod',
          result: 'equal',
          key: utf8(key),
          modRevision: seen.revision,
        })),
        success: lists.map(({ key, seen }) => ({
          kind: 'put',
          request: { key: utf8(key), value: utf8(appended(seen, item)) },
        })),
        failure: [],
      })
      return { ...header, succeeded }
    })
  }

  // ---- operations ----

  private put(client: number, store: Store, key: string): Promise<unknown> {
    const name = this.name(client)
    const request = { key: utf8(key), value: utf8(this.padded(name)) }
    return this.ask(client, { kind: 'put', key, value: name }, async () => {
      return (await store.put(request)).header
    })
  }

  private delete(client: number, store: Store, key: string): Promise<unknown> {
    return this.ask(client, { kind: 'delete', key }, async () => {
      const { header, deleted } = await store.deleteRange({ key: utf8(key) })
      return { ...header, succeeded: deleted > 0 }
    })
  }

  private swap(client: number, store: Store, key: string, seen: Sighting): Promise<unknown> {
    const name = this.name(client)
    const value = utf8(this.padded(name))
    return this.ask(client, { kind: 'swap', key, seen, value: name }, async () => {
      const modRevision = seen.revision
      const { header, succeeded } = await store.txn({
        compare: [{ target: 'mod', result: 'equal', key: utf8(key), modRevision }],
        success: [{ kind: 'put', request: { key: utf8(key), value } }],
        failure: [],
      })
      return { ...header, succeeded }
    })
  }

  /** Null when nobody answered. */
  private async read(client: number, store: Store, key: string): Promise<Sighting | null> {
    const answer = await this.ask(client, { kind: 'read', key }, async () => {
      const { header, kvs } = await store.range({ key: utf8(key) })
      return { ...header, found: sighting(kvs[0]) }
    })
    return answer?.found ?? null
  }

  private async ask(
    client: number,
    call: Call,
    work: () => Promise<
      Pick<Answer, 'revision' | 'found' | 'succeeded'> & { readonly memberId: number }
    >,
  ): Promise<Answer | null> {
    const { floor } = this
    const calledMs = this.nowMs()
    const asked = { client, call, calledMs, floor }
    try {
      const { revision, memberId, found, succeeded } = await work()
      this.floor = Math.max(this.floor, revision)
      const answer: Answer = {
        atMs: this.nowMs(),
        revision,
        member: memberId,
        ...(found === undefined ? {} : { found }),
        ...(succeeded === undefined ? {} : { succeeded }),
      }
      this.operations.push({ ...asked, answer, outcome: 'answered' })
      return answer
    } catch (error) {
      if (!(error instanceof RaftsmanError)) throw error
      const { code, outcome } = error
      const name = `${code}, ${outcome}`
      this.errors.set(name, (this.errors.get(name) ?? 0) + 1)
      this.operations.push({ ...asked, answer: null, outcome, error: code })
      await pause(errorPauseMs)
      return null
    }
  }

  private nowMs(): number {
    return performance.now() - this.startedMs
  }
}

function sighting(kv: KeyValue | undefined): Sighting {
  return kv === undefined ? unseen : { revision: kv.modRevision, value: text(kv.value) }
}

/** The newest item first, so that a value begins with the name of who wrote it; the oldest are left out. */
function appended(seen: Sighting, item: string): string {
  const items = seen.value === null ? [] : seen.value.split(',')
  return [item, ...items].slice(0, listItemsMax).join(',')
}
