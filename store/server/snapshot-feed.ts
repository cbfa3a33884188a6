// A snapshot for a client: the picture of the state as a stream of bytes, padded so that its length is
// that of whole disk sectors, and the SHA-256 of all of it. Counterpart: Maintenance.Snapshot of etcd,
// whose clients look for 32 bytes behind a multiple of 512. Read in pieces between other work, and
// only as fast as the client takes it.

import { createHash } from 'node:crypto'
import { RaftsmanError } from '../../platform/errors.js'
import type { Clock } from '../../platform/clock.js'
import type { SnapshotSource } from '../../raft/state-machine.js'
import type { Replica as Machine } from '../core/replica.js'
import type { Requester } from './requester.js'

const chunkBytes = 256 * 1024
/** That the client has not read, above which the next chunk waits. */
const unreadBytesMax = 4 * 1024 * 1024
const unreadRetryMs = 5
/** A client that takes nothing for so long is given up: its snapshot keeps history from being deleted. */
const stalledMsMax = 60_000
export const sectorBytes = 512

export interface SnapshotEnd {
  readonly bytes: number
  readonly sha256: Uint8Array
}

export interface SnapshotSinkOf {
  readonly part: (bytes: Uint8Array) => void
  readonly done: (error: RaftsmanError | null, end?: SnapshotEnd) => void
}

/** Answers `sink.done` once; nothing when the requester has gone. */
export function feedSnapshot(
  machine: Machine,
  clock: Clock,
  requester: Pick<Requester, 'open' | 'bufferedBytes'>,
  sink: SnapshotSinkOf,
): void {
  machine.openSnapshot((error, source) => {
    if (error !== null || source === undefined) sink.done(error ?? new SnapshotStalled())
    else new Feed(clock, requester, source, sink).next()
  })
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
  readonly #requester: Pick<Requester, 'open' | 'bufferedBytes'>
  readonly #source: SnapshotSource
  readonly #sink: SnapshotSinkOf
  readonly #hash = createHash('sha256')
  #bytes = 0
  #movedMs: number

  constructor(
    clock: Clock,
    requester: Pick<Requester, 'open' | 'bufferedBytes'>,
    source: SnapshotSource,
    sink: SnapshotSinkOf,
  ) {
    this.#clock = clock
    this.#requester = requester
    this.#source = source
    this.#sink = sink
    this.#movedMs = clock.monotonicMs()
  }

  next(): void {
    if (!this.#requester.open) {
      this.#source.close()
      return
    }
    if (this.#requester.bufferedBytes > unreadBytesMax) {
      if (this.#clock.monotonicMs() - this.#movedMs > stalledMsMax)
        this.#fail(new SnapshotStalled())
      else this.#clock.setTimer(unreadRetryMs, () => this.next())
      return
    }
    this.#movedMs = this.#clock.monotonicMs()
    this.#source.read(chunkBytes, (error, chunk) => {
      if (error !== null) this.#fail(error)
      else if (chunk === undefined || chunk === null) this.#end()
      else {
        this.#send(chunk)
        this.#clock.defer(() => this.next())
      }
    })
  }

  #send(chunk: Uint8Array): void {
    this.#hash.update(chunk)
    this.#bytes += chunk.length
    this.#sink.part(chunk)
  }

  #end(): void {
    this.#source.close()
    const over = this.#bytes % sectorBytes
    if (over > 0) this.#send(new Uint8Array(sectorBytes - over))
    this.#sink.done(null, { bytes: this.#bytes, sha256: this.#hash.digest() })
  }

  #fail(error: RaftsmanError): void {
    this.#source.close()
    this.#sink.done(error)
  }
}
