// A snapshot for a client: the picture of the state as a stream of bytes, padded so that its length is
// that of whole disk sectors, and the SHA-256 of all of it. Counterpart: Maintenance.Snapshot of etcd,
// whose clients look for 32 bytes behind a multiple of 512, and which starts over when a connection is cut.
// Read in pieces between other work, and only as fast as the client takes it.
//
//   client names it ──> feed ──> parts, the last 16 MiB of them kept ──> end, kept as well
//                        ^  cut: waits for 30 s
//   named again, with how much has come ──> goes on from there, over another link

import { createHash } from 'node:crypto'
import { RaftsmanError } from '../../platform/errors.js'
import type { Clock, Timer } from '../../platform/clock.js'
import type { SnapshotSource } from '../../raft/state-machine.js'
import { StoreError } from '../core/errors.js'
import type { Replica as Machine } from '../core/replica.js'
import type { Requester } from './requester.js'

const chunkBytes = 256 * 1024
/** That the client has not read, above which the next chunk waits. */
const unreadBytesMax = 4 * 1024 * 1024
const unreadRetryMs = 5
/** A client that takes nothing for so long is given up: its snapshot keeps history from being deleted. */
const stalledMsMax = 60_000
/** Sent, and perhaps not arrived: what link and sockets hold at a time, and a little more. */
const windowBytesMax = 16 * 1024 * 1024
/** For one whose connection was cut to come again. */
const heldMs = 30_000
/** Named snapshots at a time, those under way, waiting and ended together. */
const heldMax = 4
export const sectorBytes = 512

export interface SnapshotEnd {
  readonly bytes: number
  readonly sha256: Uint8Array
}

export interface SnapshotSinkOf {
  readonly part: (bytes: Uint8Array) => void
  readonly done: (error: RaftsmanError | null, end?: SnapshotEnd) => void
}

export interface SnapshotWish {
  /** What the client calls it, to come back to it; 0: it will not. */
  readonly name: number
  /** Bytes that have come already. */
  readonly offset: number
}

type Taker = Pick<Requester, 'open' | 'bufferedBytes'>

export class SnapshotDesk {
  readonly #machine: Machine
  readonly #clock: Clock
  /** Oldest first. */
  readonly #held = new Map<number, Feed>()

  constructor(machine: Machine, clock: Clock) {
    this.#machine = machine
    this.#clock = clock
  }

  /** Answers `sink.done` once, with `snapshot-gone` where it cannot go on; nothing when the taker has gone. */
  feed({ name, offset }: SnapshotWish, taker: Taker, sink: SnapshotSinkOf): void {
    const known = this.#held.get(name)
    if (known !== undefined) known.goOn(offset, taker, sink)
    else if (offset > 0) sink.done(new StoreError('snapshot-gone'))
    else if (!this.#makeRoom(name)) sink.done(new StoreError('too-many-snapshots'))
    else this.#begin(name, taker, sink)
  }

  close(): void {
    for (const feed of this.#held.values()) feed.drop()
  }

  #begin(name: number, taker: Taker, sink: SnapshotSinkOf): void {
    this.#machine.openSnapshot((error, source) => {
      if (error !== null || source === undefined) {
        sink.done(error ?? new StoreError('snapshot-gone'))
        return
      }
      const feed = new Feed(this.#clock, source, name !== 0, () => this.#held.delete(name))
      if (name !== 0) this.#held.set(name, feed)
      feed.goOn(0, taker, sink)
    })
  }

  #makeRoom(name: number): boolean {
    if (name === 0 || this.#held.size < heldMax) return true
    const idle = [...this.#held.values()].find(feed => feed.idle)
    idle?.drop()
    return idle !== undefined
  }
}

class SnapshotStalled extends RaftsmanError {
  constructor() {
    super('the client did not take the snapshot', {
      code: 'snapshot-stalled',
      retryable: true,
      outcome: 'not-applied',
    })
  }
}

class Feed {
  readonly #clock: Clock
  readonly #source: SnapshotSource
  readonly #named: boolean
  readonly #onDropped: () => void
  readonly #hash = createHash('sha256')
  /** Of the whole, read so far. */
  #bytes = 0
  /** The last of them, for a taker that has lost some. */
  #window: Uint8Array[] = []
  #windowBytes = 0
  /** All has been read. */
  #end: SnapshotEnd | null = null
  #taker: Taker | null = null
  #sink: SnapshotSinkOf | null = null
  /** Of the whole, given to the present taker or had by it before. */
  #given = 0
  #movedMs: number
  /** Until it is dropped, while nobody takes it. */
  #patience: Timer | null = null
  #scheduled = false
  #dropped = false

  constructor(clock: Clock, source: SnapshotSource, named: boolean, onDropped: () => void) {
    this.#clock = clock
    this.#source = source
    this.#named = named
    this.#onDropped = onDropped
    this.#movedMs = clock.monotonicMs()
  }

  /** Nobody takes it now. */
  get idle(): boolean {
    return this.#taker?.open !== true
  }

  goOn(offset: number, taker: Taker, sink: SnapshotSinkOf): void {
    if (offset < this.#bytes - this.#windowBytes || offset > this.#bytes) {
      sink.done(new StoreError('snapshot-gone'))
      return
    }
    // Of the taker before, whose link may not know yet that it has ended.
    this.#sink?.done(new StoreError('snapshot-gone'))
    this.#patience?.cancel()
    this.#patience = null
    this.#taker = taker
    this.#sink = sink
    this.#given = offset
    this.#movedMs = this.#clock.monotonicMs()
    this.#schedule()
  }

  drop(): void {
    if (this.#dropped) return
    this.#dropped = true
    this.#patience?.cancel()
    if (this.#end === null) this.#source.close()
    this.#window = []
    this.#onDropped()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    this.#clock.defer(() => {
      this.#scheduled = false
      this.#next()
    })
  }

  #next(): void {
    const taker = this.#taker
    const sink = this.#sink
    if (this.#dropped || taker === null || sink === null) return
    if (!taker.open) {
      this.#wait()
      return
    }
    if (taker.bufferedBytes > unreadBytesMax) {
      if (this.#clock.monotonicMs() - this.#movedMs > stalledMsMax)
        this.#fail(new SnapshotStalled())
      else this.#clock.setTimer(unreadRetryMs, () => this.#schedule())
      return
    }
    this.#movedMs = this.#clock.monotonicMs()
    if (this.#given < this.#bytes) this.#give(sink)
    else if (this.#end === null) this.#read()
    else {
      this.#sink = null
      sink.done(null, this.#end)
      // The answer may get lost as well.
      this.#wait()
      return
    }
    this.#schedule()
  }

  /** What stands in the window behind what the taker has. */
  #give(sink: SnapshotSinkOf): void {
    let start = this.#bytes - this.#windowBytes
    for (const chunk of this.#window) {
      const end = start + chunk.length
      if (end > this.#given) {
        sink.part(chunk.subarray(this.#given - start))
        this.#given = end
        return
      }
      start = end
    }
  }

  #read(): void {
    this.#source.read(chunkBytes, (error, chunk) => {
      if (error !== null) this.#fail(error)
      else if (chunk !== undefined && chunk !== null) this.#keep(chunk)
      else {
        this.#source.close()
        const over = this.#bytes % sectorBytes
        if (over > 0) this.#keep(new Uint8Array(sectorBytes - over))
        this.#end = { bytes: this.#bytes, sha256: this.#hash.digest() }
      }
    })
  }

  #keep(chunk: Uint8Array): void {
    this.#hash.update(chunk)
    this.#bytes += chunk.length
    this.#window.push(chunk)
    this.#windowBytes += chunk.length
    const max = this.#named ? windowBytesMax : chunk.length
    while (this.#windowBytes > max) this.#windowBytes -= this.#window.shift()?.length ?? 0
  }

  #wait(): void {
    this.#taker = null
    this.#sink = null
    if (this.#named) this.#patience = this.#clock.setTimer(heldMs, () => this.drop())
    else this.drop()
  }

  #fail(error: RaftsmanError): void {
    this.#sink?.done(error)
    this.#sink = null
    this.drop()
  }
}
