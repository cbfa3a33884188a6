// Time as the store knows it, and how long it remembers. One key is written over with the wall time as
// long as anything else changes; the revisions of that key are the calendar, and compaction trims it like all
// the rest. Every master runs this, and a compare-and-swap lets one of them do the work.
// Counterpart: storage/etcd3/compact.go, which keeps five minutes and no times.

import type { Clock, Timer } from '../../platform/clock.js'
import { RaftsmanError } from '../../platform/errors.js'
import type { Logger } from '../../platform/logger.js'
import type { Store } from '../../store/client/types.js'
import { badRequest, expired } from '../api/status.js'
import { keyBytes, registryPrefix } from './keys.js'
import { storeError } from './object-storage.js'

/** Below the prefix of all objects, and no object's key. */
const markKey = keyBytes(`${registryPrefix}time`)
/** Times are known to within this. */
export const markMs = 10_000
const trimMs = 60_000
/** A mark further ahead than this was made by a clock that was wrong, and is not waited for. */
const clockErrorMsMax = 60_000
const encoder = new TextEncoder()
const decoder = new TextDecoder()

/** What was stored at `revision` was the state at `timeMs`, since the Unix epoch. */
export interface Moment {
  readonly revision: number
  readonly timeMs: number
}

export interface HistoryOptions {
  readonly store: Store
  readonly clock: Clock
  readonly logger: Logger
  /** Older states may go; null keeps them for ever. */
  readonly retentionMs: number | null
}

export class History {
  readonly #options: HistoryOptions
  #timers: Timer[] = []

  constructor(options: HistoryOptions) {
    this.#options = options
  }

  get retentionMs(): number | null {
    return this.#options.retentionMs
  }

  start(): void {
    const { clock, retentionMs } = this.#options
    this.#timers = [clock.setTicker(markMs, () => this.#quietly('mark', this.mark()))]
    if (retentionMs === null) return
    this.#timers.push(clock.setTicker(trimMs, () => this.#quietly('trim', this.trim())))
  }

  stop(): void {
    for (const timer of this.#timers) timer.cancel()
    this.#timers = []
  }

  /** Notes the time at the newest revision, unless another master just has or nothing has changed since. */
  async mark(): Promise<void> {
    const { store, clock } = this.#options
    const nowMs = clock.wallMs()
    const answer = await store.range({ key: markKey })
    const last = momentOf(answer.kvs[0])
    if (last !== null) {
      const ageMs = nowMs - last.timeMs
      const early = ageMs < markMs / 2 && ageMs > -clockErrorMsMax
      if (early || answer.header.revision === last.revision) return
    }
    await store.txn({
      compare: [{ target: 'mod', key: markKey, result: 'equal', modRevision: last?.revision ?? 0 }],
      success: [{ kind: 'put', request: { key: markKey, value: encoder.encode(String(nowMs)) } }],
      failure: [],
    })
  }

  /** Lets go of what is older than is kept. */
  async trim(): Promise<void> {
    const { store, clock, retentionMs, logger } = this.#options
    if (retentionMs === null) return
    const { before } = await this.#search(clock.wallMs() - retentionMs)
    if (before === null) return
    try {
      await store.compact({ revision: before.revision })
      logger.debug({ revision: before.revision }, 'history trimmed')
    } catch (error) {
      // Another master was faster.
      if (!isCode(error, 'compacted')) throw error
    }
  }

  /** The last noted moment that is not after `timeMs`. Throws ApiError: Expired before history begins. */
  async at(timeMs: number): Promise<Moment> {
    const found = await this.#guarded(async () => {
      const { before } = await this.#search(timeMs)
      if (before !== null && (await this.#isKept(before))) return { before }
      return { before: null, begins: await this.#oldest() }
    })
    if (found.before !== null) return found.before
    const { begins } = found
    const since = begins === null ? '' : `; it begins at ${new Date(begins.timeMs).toISOString()}`
    throw expired(`no history is kept of ${new Date(timeMs).toISOString()}${since}`)
  }

  /** Where history begins, null before the first mark, and the newest state. */
  async bounds(): Promise<{ readonly oldest: Moment | null; readonly newest: Moment }> {
    const { clock, store } = this.#options
    return await this.#guarded(async () => {
      const nowMs = clock.wallMs()
      const oldest = await this.#oldest()
      const { header } = await store.range({ key: markKey, countOnly: true })
      return { oldest, newest: { revision: header.revision, timeMs: nowMs } }
    })
  }

  /** The earliest moment that can still be read. */
  async #oldest(): Promise<Moment | null> {
    const { oldest } = await this.#search(Number.NEGATIVE_INFINITY)
    if (oldest === null || (await this.#isKept(oldest))) return oldest
    // An operator has compacted between two marks: the earlier is still in force, and its state is gone.
    const { oldest: next } = await this.#search(oldest.timeMs)
    return next === null || next.revision === oldest.revision ? null : next
  }

  async #isKept({ revision }: Moment): Promise<boolean> {
    return (await this.#markAt(revision)) !== null
  }

  /**
   * The last mark that is not after `timeMs`, and the earliest one that was met above it: with a time
   * before all others that is where history begins. About as many reads as a revision has bits.
   */
  async #search(
    timeMs: number,
  ): Promise<{ readonly before: Moment | null; readonly oldest: Moment | null }> {
    const { store } = this.#options
    const newest = await store.range({ key: markKey })
    let oldest = momentOf(newest.kvs[0])
    if (oldest !== null && oldest.timeMs <= timeMs) return { before: oldest, oldest }
    let before: Moment | null = null
    let low = 1
    let high = (oldest?.revision ?? 0) - 1
    while (low <= high) {
      const middle = Math.floor((low + high) / 2)
      const mark = await this.#markAt(middle)
      if (mark === null) low = middle + 1
      else if (mark.timeMs <= timeMs) {
        before = mark
        low = middle + 1
      } else {
        oldest = mark
        high = mark.revision - 1
      }
    }
    return { before, oldest }
  }

  /** The mark in force at a revision; null where there was none, or where it has been compacted. */
  async #markAt(revision: number): Promise<Moment | null> {
    try {
      const { kvs } = await this.#options.store.range({ key: markKey, revision })
      return momentOf(kvs[0])
    } catch (error) {
      if (isCode(error, 'compacted')) return null
      throw error
    }
  }

  async #guarded<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw storeError(error)
    }
  }

  #quietly(what: string, work: Promise<void>): void {
    work.catch((error: unknown) => {
      // It is tried again at the next tick, and nobody waits for it.
      this.#options.logger.debug({ what, error: String(error) }, 'history not kept this time')
    })
  }
}

/** RFC 3339, or milliseconds since the Unix epoch. Throws ApiError BadRequest. */
export function parseTime(text: string): number {
  const timeMs = /^\d{1,15}$/.test(text) ? Number(text) : Date.parse(text)
  if (Number.isNaN(timeMs)) throw badRequest(`at: "${text}" is no time of RFC 3339`)
  return timeMs
}

function momentOf(
  kv: { readonly value: Uint8Array; readonly modRevision: number } | undefined,
): Moment | null {
  if (kv === undefined) return null
  const timeMs = Number(decoder.decode(kv.value))
  return Number.isFinite(timeMs) ? { revision: kv.modRevision, timeMs } : null
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof RaftsmanError && error.code === code
}
