// Ranges on their way to clients. Each is a cursor that gives a slice whenever its turn has come and
// its reader has taken most of what it was sent; so a list of any length holds a slice in memory, and
// what stands in sockets is bounded for all readers together (unread-budget.ts). Slices are taken for
// a few milliseconds a turn of the event loop, so that heartbeats and writes pass between them.
// Counterpart: etcd's Range, which builds the whole answer, and RangeStream.

import { RaftsmanError } from '../../platform/errors.js'
import type { Clock } from '../../platform/clock.js'
import { CompactedError, rangeInterrupted } from '../core/errors.js'
import type { RangeCursor, RangeSlice, Replica as Machine } from '../core/replica.js'
import type { KeyValue, RangeRequest, RangeResponse } from '../core/types.js'
import { protocolLimits } from '../protocol.js'
import type { Requester } from './requester.js'
import type { UnreadBudget } from './unread-budget.js'

/** Per turn of the event loop, for all ranges together, whichever comes first. */
const turnMsMax = 2
const turnSlicesMax = 16
/** Until the readers are looked at again when none of them has room. */
const unreadRetryMs = 5

export interface RangeSink {
  /** Key-values ahead of the answer. */
  readonly part: (kvs: readonly KeyValue[]) => void
  /** Once; never when the reader has gone. */
  readonly done: (error: RaftsmanError | null, response?: RangeResponse) => void
}

export type RangeReader = Pick<Requester, 'open' | 'bufferedBytes'>

interface OpenRange {
  readonly request: RangeRequest
  readonly cursor: RangeCursor
  readonly reader: RangeReader
  readonly sink: RangeSink
  /** Throws when the reader may not have the next slice. */
  readonly check: () => void
}

export interface LongRangesOptions {
  readonly machine: Pick<Machine, 'openRange'>
  readonly clock: Clock
  readonly unread: UnreadBudget
}

export class LongRanges {
  readonly #options: LongRangesOptions
  /** In the order of their turns. */
  readonly #open = new Set<OpenRange>()
  #scheduled = false
  #closed = false

  constructor(options: LongRangesOptions) {
    this.#options = options
  }

  /** Ranges that have given something and not all. */
  get size(): number {
    return this.#open.size
  }

  /** The first slice at once: most ranges have no second one. */
  answer(request: RangeRequest, reader: RangeReader, sink: RangeSink, check = () => {}): void {
    let cursor: RangeCursor
    try {
      cursor = this.#options.machine.openRange(request)
    } catch (error) {
      if (!(error instanceof RaftsmanError)) throw error
      sink.done(error)
      return
    }
    const range = { request, cursor, reader, sink, check }
    if (!this.#slice(range)) return
    this.#open.add(range)
    this.#schedule(false)
  }

  close(): void {
    this.#closed = true
    for (const { cursor } of this.#open) cursor.close()
    this.#open.clear()
  }

  #schedule(later: boolean): void {
    if (this.#scheduled || this.#closed || this.#open.size === 0) return
    this.#scheduled = true
    const { clock } = this.#options
    const run = () => {
      this.#scheduled = false
      if (!this.#closed) this.#turn()
    }
    if (later) clock.setTimer(unreadRetryMs, run)
    else clock.defer(run)
  }

  #turn(): void {
    const { clock } = this.#options
    const endMs = clock.monotonicMs() + turnMsMax
    let slices = 0
    // One slice each; those that gave one go behind the others.
    for (const range of this.#open) {
      if (!range.reader.open) {
        this.#open.delete(range)
        range.cursor.close()
        continue
      }
      if (this.#roomOf(range.reader) <= 0) continue
      this.#open.delete(range)
      slices += 1
      if (this.#slice(range)) this.#open.add(range)
      if (slices >= turnSlicesMax || clock.monotonicMs() >= endMs) break
    }
    this.#schedule(slices === 0)
  }

  /** True when more is to come. */
  #slice({ request, cursor, reader, sink, check }: OpenRange): boolean {
    let slice: RangeSlice
    try {
      check()
      slice = cursor.next(Math.max(1, Math.min(protocolLimits.partBytes, this.#roomOf(reader))))
    } catch (error) {
      if (!(error instanceof RaftsmanError)) throw error
      cursor.close()
      sink.done(interrupted(request, error))
      return false
    }
    const { kvs, end } = slice
    if (end !== null) {
      cursor.close()
      sink.done(null, { header: cursor.header, kvs, ...end })
      return false
    }
    if (kvs.length > 0) sink.part(kvs)
    return true
  }

  #roomOf(reader: RangeReader): number {
    return this.#options.unread.share - reader.bufferedBytes
  }
}

function interrupted(request: RangeRequest, error: RaftsmanError): RaftsmanError {
  const overtaken = error instanceof CompactedError && (request.revision ?? 0) <= 0
  return overtaken ? rangeInterrupted() : error
}
