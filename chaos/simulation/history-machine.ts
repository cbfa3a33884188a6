// The state machine of the simulated members: a digest of all entries, kept in three places as the
// store keeps its projection: in memory, in the operating system's cache, and durably. A killed
// process loses the first, a power cut the first two. Snapshots carry the state through real chunks.

import { RaftsmanError } from '../../platform/errors.js'
import type { Entry, LogIndex } from '../../raft/core/types.js'
import { logIndex } from '../../raft/core/types.js'
import type { SnapshotSink, SnapshotSource, StateMachine } from '../../raft/state-machine.js'
import { holds } from './failure.js'
import type { History, StateDigest } from './history.js'
import { emptyDigest } from './history.js'
import type { DiskOperation } from '../../platform/testing/memory-disk.js'

export interface StateImage {
  readonly index: number
  readonly digest: StateDigest
}

export const emptyImage: StateImage = { index: 0, digest: emptyDigest }

/** What of a state outlives its process. */
export class StateStore {
  /** Survives the process. */
  cached: StateImage = emptyImage
  /** Survives a power cut. durable.index <= cached.index */
  durable: StateImage = emptyImage

  powerCut(): void {
    this.cached = this.durable
  }
}

type Later = (kind: DiskOperation, run: () => void) => void

export interface HistoryMachineOptions {
  readonly member: number
  readonly history: History
  readonly store: StateStore
  /** Runs later in the life of the process, as if a disk of that kind had answered. */
  readonly later: Later
  readonly flushMs: number
  readonly flush: (delayMs: number, run: () => void) => void
  /** Bytes of a snapshot beside the state itself. */
  readonly paddingBytes: number
  readonly full: () => boolean
  /** The state has been replaced, and the log does not say so yet. */
  readonly restoring: () => void
}

const headBytes = 24
/** Opening a snapshot takes up to so many syncs, one less, by its index. */
const openingSyncsMax = 32

export class HistoryMachine implements StateMachine {
  appliedIndex: LogIndex
  private digest: StateDigest
  private readonly options: HistoryMachineOptions
  private flushing = false
  /** A restore replaces everything; a flush of before must not undo it. */
  private generation = 0

  constructor(options: HistoryMachineOptions) {
    this.options = options
    const { cached } = options.store
    this.appliedIndex = logIndex(cached.index)
    this.digest = cached.digest
  }

  get durableIndex(): LogIndex {
    return logIndex(this.options.store.durable.index)
  }

  /** Only at a start, when all that is applied is what the cache held. */
  makeDurable(done: (error: RaftsmanError | null) => void): void {
    const { image } = this
    this.options.later('sync', () => {
      this.options.store.durable = image
      done(null)
    })
  }

  /** The result is the index: where the proposer finds its proposal. */
  apply(entry: Entry): unknown {
    if (this.options.full())
      throw new RaftsmanError('the state has no room', {
        code: 'disk-full',
        retryable: true,
        outcome: 'not-applied',
      })
    const { history, member } = this.options
    this.digest = history.apply(member, entry, this.digest)
    this.appliedIndex = entry.index
    return entry.index
  }

  applied(): void {
    const { store, flush, flushMs, later } = this.options
    if (this.flushing) return
    this.flushing = true
    const { generation } = this
    flush(flushMs, () => {
      this.flushing = false
      if (generation !== this.generation) return
      const image = this.image
      store.cached = image
      later('sync', () => {
        if (generation === this.generation && image.index > store.durable.index)
          store.durable = image
      })
    })
  }

  get image(): StateImage {
    return { index: this.appliedIndex, digest: this.digest }
  }

  openSnapshot(done: (error: RaftsmanError | null, source?: SnapshotSource) => void): void {
    const { later, paddingBytes } = this.options
    // Applying goes on before the picture is taken, and behind it.
    const syncs = this.appliedIndex % openingSyncsMax
    const before = syncs >> 1
    slowly(before, later, () => {
      const { image } = this
      slowly(syncs - before, later, () => {
        done(null, sourceOf(image, pack(image, paddingBytes), later))
      })
    })
  }

  beginRestore(
    index: LogIndex,
    done: (error: RaftsmanError | null, sink?: SnapshotSink) => void,
  ): void {
    const { later, store, member, history } = this.options
    const chunks: Uint8Array[] = []
    const sink: SnapshotSink = {
      write: (chunk, answer) => {
        chunks.push(chunk.slice())
        later('write', () => answer(null))
      },
      commit: answer => {
        const image = unpack(member, Buffer.concat(chunks))
        const wanted = history.digestAt(image.index)
        holds(
          image.index === index &&
            image.digest.low === wanted.low &&
            image.digest.high === wanted.high,
          'snapshot-content',
          () =>
            `m${member} restores a snapshot of ${image.index} labelled ${index}, or another state`,
        )
        later('sync', () => {
          this.generation += 1
          this.flushing = false
          store.cached = image
          store.durable = image
          this.appliedIndex = index
          this.digest = image.digest
          this.options.restoring()
          later('sync', () => answer(null))
        })
      },
      abort() {},
    }
    later('write', () => done(null, sink))
  }
}

function sourceOf(image: StateImage, bytes: Uint8Array, later: Later): SnapshotSource {
  let at = 0
  let closed = false
  return {
    index: logIndex(image.index),
    read(bytesMax, answer) {
      later('read', () => {
        if (closed) return
        const chunk = at === bytes.length ? null : bytes.subarray(at, at + bytesMax)
        at += chunk?.length ?? 0
        answer(null, chunk)
      })
    },
    close() {
      closed = true
    },
  }
}

function slowly(syncs: number, later: Later, run: () => void): void {
  if (syncs === 0) later('read', run)
  else later('sync', () => slowly(syncs - 1, later, run))
}

function pack(image: StateImage, paddingBytes: number): Uint8Array {
  const bytes = new Uint8Array(headBytes + paddingBytes).fill(image.index & 0xff)
  const view = new DataView(bytes.buffer)
  view.setFloat64(0, image.index, true)
  view.setInt32(8, image.digest.low, true)
  view.setInt32(12, image.digest.high, true)
  view.setUint32(16, paddingBytes, true)
  return bytes
}

function unpack(member: number, bytes: Uint8Array): StateImage {
  holds(
    bytes.length >= headBytes,
    'snapshot-content',
    () => `m${member} is given a snapshot of ${bytes.length} bytes`,
  )
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const index = view.getFloat64(0, true)
  const whole =
    bytes.length === headBytes + view.getUint32(16, true) &&
    bytes.subarray(headBytes).every(byte => byte === (index & 0xff))
  holds(whole, 'snapshot-content', () => `m${member} is given a snapshot that is not whole`)
  return { index, digest: { low: view.getInt32(8, true), high: view.getInt32(12, true) } }
}
