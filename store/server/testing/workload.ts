// Clients of a cluster that is being shot at, and what they remember: every operation with what it
// was told, and from how far on the history it had to happen. Judged by history-check.ts.

import { RaftsmanError, must } from '../../../platform/errors.js'
import type { Random } from '../../../platform/random.js'
import type { Store } from '../../client/types.js'
import type { KeyValue, Revision, TxnRequest } from '../../core/types.js'
import { text, utf8 } from './clients.js'
import { pause } from './store-processes.js'

export type Fate =
  | { readonly kind: 'done'; readonly revision: Revision }
  | { readonly kind: 'unknown' }
  | { readonly kind: 'not-applied' }

/** A write of one key. Values are never written twice, so one tells its writer. */
export interface WriteRecord {
  readonly kind: 'put' | 'delete'
  readonly key: string
  readonly value: string
  /** What was acknowledged, to anybody, before this was begun. */
  readonly floor: Revision
  readonly fate: Fate
}

/** put key=value if the key's last change is `expected` (0: never made, or deleted). */
export interface SwapRecord {
  readonly key: string
  readonly value: string
  readonly expected: Revision
  readonly floor: Revision
  readonly fate: Fate
  /** Of a swap that is done: false when the comparison failed. */
  readonly succeeded: boolean
}

export interface ReadRecord {
  readonly key: string
  readonly floor: Revision
  readonly revision: Revision
  readonly member: number
  /** Null when the key was not there. */
  readonly found: { readonly modRevision: Revision; readonly value: string } | null
}

const errorPauseMs = 10

/** What all clients of one run know together. */
export class Workload {
  readonly writes: WriteRecord[] = []
  readonly swaps: SwapRecord[] = []
  readonly reads: ReadRecord[] = []
  /** Error codes that clients were given, with how often. */
  readonly errors = new Map<string, number>()
  readonly #random: Random
  readonly #valueBytes: number
  /** The highest revision that anybody was told. */
  #floor: Revision = 0
  #values = 0
  #running = true
  readonly #loops: Promise<void>[] = []

  constructor(random: Random, valueBytes: number) {
    this.#random = random
    this.#valueBytes = valueBytes
  }

  get floor(): Revision {
    return this.#floor
  }

  get acknowledged(): number {
    return this.writes.filter(({ fate }) => fate.kind === 'done').length
  }

  /** Keys of its own, each put once or twice and some of them deleted. */
  startWriter(store: Store, prefix: string, pauseMs = 0): void {
    let at = 0
    this.#loop(pauseMs, async () => {
      const key = `${prefix}${String(at).padStart(6, '0')}`
      at += 1
      await this.#put(store, key)
      if (this.#random.next() < 0.2) await this.#delete(store, key)
      else if (this.#random.next() < 0.1) await this.#put(store, key)
    })
  }

  /** Reads a register and swaps it, against others that do the same. */
  startSwapper(store: Store, keys: readonly string[], pauseMs = 0): void {
    this.#loop(pauseMs, async () => {
      const key = must(keys[this.#random.integer(keys.length)], 'a key')
      const seen = await this.#read(store, key)
      if (seen !== undefined) await this.#swap(store, key, seen?.modRevision ?? 0)
    })
  }

  startReader(store: Store, keys: readonly string[], pauseMs = 0): void {
    this.#loop(pauseMs, async () => {
      await this.#read(store, must(keys[this.#random.integer(keys.length)], 'a key'))
    })
  }

  /** Answers when every operation under way is over. */
  async stop(): Promise<void> {
    this.#running = false
    await Promise.all(this.#loops)
  }

  /** One linearizable read; undefined when it failed. */
  readOnce(store: Store, key: string): Promise<KeyValue | null | undefined> {
    return this.#read(store, key)
  }

  #loop(pauseMs: number, turn: () => Promise<void>): void {
    const run = async () => {
      while (this.#running) {
        await turn()
        if (pauseMs > 0) await pause(pauseMs)
      }
    }
    this.#loops.push(run())
  }

  async #put(store: Store, key: string): Promise<void> {
    const value = this.#nextValue()
    const floor = this.#floor
    const fate = await this.#fateOf(store.put({ key: utf8(key), value: utf8(value) }))
    this.writes.push({ kind: 'put', key, value, floor, fate })
  }

  async #delete(store: Store, key: string): Promise<void> {
    const floor = this.#floor
    const fate = await this.#fateOf(store.deleteRange({ key: utf8(key) }))
    this.writes.push({ kind: 'delete', key, value: '', floor, fate })
  }

  async #swap(store: Store, key: string, expected: Revision): Promise<void> {
    const value = this.#nextValue()
    const floor = this.#floor
    const request: TxnRequest = {
      compare: [{ target: 'mod', result: 'equal', key: utf8(key), modRevision: expected }],
      success: [{ kind: 'put', request: { key: utf8(key), value: utf8(value) } }],
      failure: [],
    }
    let succeeded = false
    const answer = store.txn(request).then(response => {
      succeeded = response.succeeded
      return response
    })
    const fate = await this.#fateOf(answer)
    this.swaps.push({ key, value, expected, floor, fate, succeeded })
  }

  async #read(store: Store, key: string): Promise<KeyValue | null | undefined> {
    const floor = this.#floor
    try {
      const { header, kvs } = await store.range({ key: utf8(key) })
      const kv = kvs[0] ?? null
      const found = kv === null ? null : { modRevision: kv.modRevision, value: text(kv.value) }
      this.reads.push({ key, floor, revision: header.revision, member: header.memberId, found })
      this.#floor = Math.max(this.#floor, header.revision)
      return kv
    } catch (error) {
      await this.#failed(error)
      return undefined
    }
  }

  async #fateOf(
    answer: Promise<{ readonly header: { readonly revision: Revision } }>,
  ): Promise<Fate> {
    try {
      const { revision } = (await answer).header
      this.#floor = Math.max(this.#floor, revision)
      return { kind: 'done', revision }
    } catch (error) {
      const { outcome } = await this.#failed(error)
      return { kind: outcome }
    }
  }

  async #failed(error: unknown): Promise<RaftsmanError> {
    if (!(error instanceof RaftsmanError)) throw error
    const name = `${error.code} (${error.outcome})`
    this.errors.set(name, (this.errors.get(name) ?? 0) + 1)
    await pause(errorPauseMs)
    return error
  }

  #nextValue(): string {
    this.#values += 1
    return `${this.#values} `.padEnd(this.#random.integer(this.#valueBytes) + 8, 'x')
  }
}
