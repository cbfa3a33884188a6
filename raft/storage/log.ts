// The write-ahead log: one writer, group commit, recovery. Counterpart: wal.WAL of etcd. While one
// write and its datasync are under way everything that comes in is collected, and goes out as the
// next single write. Tasks answer in order, and only when they are durable (or need not be).
//
//   append ──> queue ──> one write ──> one datasync ──> done, done, done
//                └─ collects while a write is under way
//
// Leaves out reading entries back while running: the protocol core keeps what it still needs.

import type { Clock } from '../../platform/clock.js'
import type { Disk, DiskError, DiskFile } from '../../platform/disk.js'
import { assert, must } from '../../platform/errors.js'
import type { RaftsmanError } from '../../platform/errors.js'
import type { Logger } from '../../platform/logger.js'
import type { Metrics } from '../../platform/metrics.js'
import type { Processes } from '../../platform/processes.js'
import type { Random } from '../../platform/random.js'
import type { Entry, HardState, NodeId, SnapshotMeta } from '../core/types.js'
import type { DirectoryLock } from './lock.js'
import { lockDirectory } from './lock.js'
import type { Segment, Tail } from './log-tail.js'
import { firstRecords, freshState, openTail, stepBytes } from './log-tail.js'
import { writeEntries, writeHardState, writeMarker } from './payload.js'
import { RecordBuffer, recordType } from './record.js'
import type { LogState } from './replay.js'
import { asFatal, loadSegments, nameSegment, prepareSegment, segmentName } from './segment-files.js'

export const segmentBytesUsual = 64 * 1024 * 1024
/** A write takes no further task beyond this size, nor beyond a part of a segment. */
const writeBytesMax = 8 * 1024 * 1024
const writesPerSegment = 4
/**
 * Reserved room spares a lone small write the journal of the file system; a busy log has that cost
 * once for many tasks anyway, and would write every byte twice. So no more than a step in this time.
 */
const reserveMsMin = 1000
/** How long a writer without room waits before it tries again. */
const fullRetryMs = 500
/** A disk that answers nothing must not keep the process from ending. */
const haltMsMax = 1000
const haltPollMs = 2

export interface LogOptions {
  readonly directory: string
  readonly clusterId: number
  readonly nodeId: NodeId
  readonly segmentBytes: number
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  readonly processes: Processes
  readonly logger: Logger
  readonly metrics: Metrics
  /** The log will never answer again, and what it was given may or may not be durable. */
  readonly onFatal: (error: DiskError) => void
}

export interface LogWrite {
  /** Contiguous. Replace what the log holds from the first one's index on. */
  readonly entries: readonly Entry[]
  readonly hardState: HardState | null
  /** The log is empty from here on and starts behind it; `entries` follow. */
  readonly snapshot: SnapshotMeta | null
  /** False: it may answer before it is durable. */
  readonly mustSync: boolean
}

export interface Recovered extends LogState {
  /** The directory was new; the state is that of nothing ever written. */
  readonly fresh: boolean
  /** Bytes of an unfinished last write that were cut off. */
  readonly tornBytes: number
}

interface Operation {
  readonly write: LogWrite
  readonly compaction: SnapshotMeta | null
  readonly restore: SnapshotMeta | null
  readonly done: () => void
}

const nothing: LogWrite = { entries: [], hardState: null, snapshot: null, mustSync: false }

export class RaftLog {
  private readonly options: LogOptions
  private readonly lock: DirectoryLock
  private readonly observeSync: (seconds: number) => void
  private readonly countBytes: (bytes: number) => void
  private queue: Operation[] = []
  /** Of the write under way; empty when none is. */
  private batch: readonly Operation[] = []
  private readonly buffer = new RecordBuffer()
  /** Oldest first; the last is the one written to. */
  private readonly segments: Segment[]
  private file: DiskFile
  private salt: number
  /** Where the next record goes in the current segment. */
  private position: number
  /** Bytes of the current segment that are durable. durable <= position */
  private durable: number
  private initialBytes: number
  /** Bytes of the current file that are reserved. */
  private allocated: number
  private allocating = false
  private reservedMs = Number.NEGATIVE_INFINITY
  private lastCrc: number
  private spare: DiskFile | null = null
  private preparingSpare = false
  /** Runs when the reservation or preparation under way has ended. */
  private afterRoom: (() => void) | null = null
  // What the records written so far amount to; every segment starts with it.
  private hardState: HardState
  private snapshot: SnapshotMeta
  private restoring: SnapshotMeta | null
  private lastIndex: number
  private isFull = false
  private ended = false
  private removing = false
  private afterWrites: (() => void) | null = null

  private constructor(options: LogOptions, lock: DirectoryLock, state: LogState, tail: Tail) {
    this.options = options
    this.lock = lock
    this.hardState = state.hardState
    this.snapshot = state.snapshot
    this.restoring = state.restoring
    this.lastIndex = state.snapshot.index + state.entries.length
    this.segments = tail.segments
    this.file = tail.file
    this.salt = tail.salt
    this.position = tail.position
    this.durable = tail.position
    this.initialBytes = tail.initialBytes
    this.allocated = tail.allocated
    this.lastCrc = tail.lastCrc
    const syncs = options.metrics.histogram(
      'raftsman_log_sync_seconds',
      'Time of one datasync of the write-ahead log.',
      [0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1, 2, 4],
    )
    const bytes = options.metrics.counter(
      'raftsman_log_written_bytes_total',
      'Bytes written to the write-ahead log.',
    )
    this.observeSync = seconds => syncs.observe(seconds)
    this.countBytes = amount => bytes.add(amount)
  }

  /**
   * Takes the directory and recovers what it holds. Errors: DirectoryLocked, LogCorrupt,
   * LogMismatch, DiskError; nothing is changed then.
   */
  static open(
    options: LogOptions,
    done: (error: RaftsmanError | null, log?: RaftLog, recovered?: Recovered) => void,
  ): void {
    const { disk, directory } = options
    disk.makeDirectory(directory, directoryError => {
      if (directoryError !== null) {
        done(directoryError)
        return
      }
      lockDirectory(options, (lockError, taken) => {
        if (lockError !== null) {
          done(lockError)
          return
        }
        const lock = must(taken, 'a lock without error')
        const fail = (error: RaftsmanError) => lock.release(() => done(error))
        loadSegments(disk, directory, options, (loadError, loaded) => {
          if (loadError !== null) {
            fail(loadError)
            return
          }
          const log = must(loaded, 'a load without error')
          openTail(options, log, (tailError, tail) => {
            if (tailError !== null) {
              fail(tailError)
              return
            }
            const fresh = log.state === null
            const state = log.state ?? freshState
            const tornBytes = log.segments.at(-1)?.scan.tornBytes ?? 0
            const opened = new RaftLog(options, lock, state, must(tail, 'a tail without error'))
            opened.reserveAhead()
            done(null, opened, { ...state, fresh, tornBytes })
          })
        })
      })
    })
  }

  /** No room on the disk: what was given waits, and nothing is answered until there is room. */
  get full(): boolean {
    return this.isFull
  }

  /** Answers in the order of the calls, when durable. Never answers after a fatal error. */
  append(write: LogWrite, done: () => void): void {
    this.enqueue({ write, compaction: null, restore: null, done })
  }

  /**
   * The state machine no longer needs entries up to `meta.index`: the log starts behind it from
   * now on, and segments that hold nothing else are removed.
   */
  compact(meta: SnapshotMeta): void {
    const removes =
      this.segments.length > 1 && must(this.segments[0], 'a segment').maxIndex <= meta.index
    const write = { ...nothing, mustSync: removes }
    const done = () => {
      if (removes) this.removeSegments()
    }
    this.enqueue({ write, compaction: meta, restore: null, done })
  }

  /**
   * The state machine is about to replace its state by that of a snapshot. When it has, but a crash
   * keeps the snapshot itself from the log, recovery tells so by `restoring`.
   */
  beginRestore(meta: SnapshotMeta, done: () => void): void {
    this.enqueue({ write: { ...nothing, mustSync: true }, compaction: null, restore: meta, done })
  }

  /** Writes what it was given, then lets go of files and directory. */
  close(done: () => void): void {
    if (this.batch.length === 0 && this.queue.length === 0) this.halt(done)
    else this.afterWrites = () => this.halt(done)
  }

  /**
   * Ends at once: nothing more is written or answered. Files and directory are let go when the disk
   * has answered what is under way; `done` does not wait longer than a moment for that.
   */
  halt(done: () => void): void {
    const { clock } = this.options
    this.ended = true
    this.queue = []
    let answered = false
    const answer = () => {
      if (answered) return
      answered = true
      patience.cancel()
      done()
    }
    const patience = clock.setTimer(haltMsMax, answer)
    const settle = (): void => {
      if (this.batch.length > 0 || this.allocating || this.preparingSpare || this.removing) {
        clock.setTimer(haltPollMs, settle)
        return
      }
      const files = this.spare === null ? [this.file] : [this.file, this.spare]
      this.spare = null
      closeAll(files, () => this.lock.release(answer))
    }
    settle()
  }

  private enqueue(operation: Operation): void {
    if (this.ended) return
    this.queue.push(operation)
    if (this.batch.length === 0) this.begin()
  }

  private begin(): void {
    const bytesMax = Math.min(writeBytesMax, this.options.segmentBytes / writesPerSegment)
    let taken = 0
    this.buffer.clear()
    while (taken < this.queue.length && this.buffer.position < bytesMax) {
      const { write, compaction, restore } = must(this.queue[taken], 'a task of the queue')
      taken += 1
      // The hard state first: a torn write must not leave entries of a term that it forgot.
      if (write.hardState !== null) writeHardState(this.buffer, write.hardState)
      if (write.snapshot !== null) writeMarker(this.buffer, recordType.snapshot, write.snapshot)
      if (write.entries.length > 0) writeEntries(this.buffer, write.entries)
      if (compaction !== null) writeMarker(this.buffer, recordType.compaction, compaction)
      if (restore !== null) writeMarker(this.buffer, recordType.restore, restore)
    }
    this.batch = this.queue.splice(0, taken)
    this.write()
  }

  /** Writes the batch where it belongs. Comes here again when it was delayed or failed for room. */
  private write(): void {
    if (this.ended) {
      this.batch = []
      return
    }
    const size = this.buffer.position
    if (size === 0) {
      this.options.clock.defer(() => this.finish())
      return
    }
    const end = this.position + size
    if (end > this.options.segmentBytes && this.position > this.initialBytes) {
      this.rotate()
      return
    }
    // Zeros that are being written behind `allocated` must not overtake us.
    if (this.allocating && end > this.allocated) {
      this.afterRoom = () => this.write()
      return
    }
    this.buffer.seal(this.durable, this.lastCrc, this.salt)
    this.file.write([this.buffer.content()], this.position, error => {
      if (error !== null) this.failed(error)
      else if (this.batch.some(({ write }) => write.mustSync)) this.sync(() => this.written(true))
      else this.written(false)
    })
  }

  private sync(done: () => void): void {
    const started = this.options.clock.monotonicMs()
    this.file.datasync(error => {
      if (error !== null) {
        this.failed(asFatal(error))
        return
      }
      this.observeSync((this.options.clock.monotonicMs() - started) / 1000)
      done()
    })
  }

  private written(synced: boolean): void {
    const size = this.buffer.position
    this.lastCrc = this.buffer.lastCrc
    this.position += size
    this.allocated = Math.max(this.allocated, this.position)
    if (synced) this.durable = this.position
    this.countBytes(size)
    this.isFull = false
    this.reserveAhead()
    this.finish()
  }

  private finish(): void {
    const batch = this.batch
    for (const operation of batch) this.account(operation)
    this.batch = []
    if (this.ended) return
    // Starts the next write before answering, so that the disk is never idle meanwhile.
    if (this.queue.length > 0) this.begin()
    for (const { done } of batch) done()
    if (this.batch.length === 0 && this.queue.length === 0) {
      const after = this.afterWrites
      this.afterWrites = null
      after?.()
    }
  }

  private account({ write, compaction, restore }: Operation): void {
    if (write.hardState !== null) this.hardState = write.hardState
    if (write.snapshot !== null) {
      this.snapshot = write.snapshot
      this.lastIndex = write.snapshot.index
      // Everything older is overridden by the marker in the current segment.
      for (const segment of this.segments.slice(0, -1)) segment.maxIndex = 0
      if (this.restoring !== null && this.restoring.index <= write.snapshot.index)
        this.restoring = null
    }
    const last = write.entries.at(-1)
    if (last !== undefined) {
      this.lastIndex = last.index
      const current = must(this.segments.at(-1), 'a log has a segment')
      current.maxIndex = Math.max(current.maxIndex, last.index)
    }
    if (compaction !== null) this.snapshot = compaction
    if (restore !== null) this.restoring = restore
  }

  private failed(error: DiskError): void {
    if (error.kind !== 'full') {
      this.ended = true
      this.batch = []
      this.queue = []
      this.options.logger.error({ error, file: error.path }, 'write-ahead log failed')
      this.options.onFatal(error)
      return
    }
    if (!this.isFull)
      this.options.logger.error({ file: error.path }, 'disk of the write-ahead log is full')
    this.isFull = true
    // Nothing of the batch was answered; the next try writes the same bytes to the same place.
    this.options.clock.setTimer(fullRetryMs, () => this.write())
  }

  /** Goes on in a new segment, then with the batch. All of the old one is durable before. */
  private rotate(): void {
    if (this.durable < this.position) {
      this.sync(() => {
        this.durable = this.position
        this.write()
      })
      return
    }
    if (this.allocating || this.preparingSpare) {
      this.afterRoom = () => this.write()
      return
    }
    const { disk, directory } = this.options
    const spare = this.spare
    if (spare === null) {
      this.prepareSpare(error => {
        if (error === null) this.write()
        else this.failed(error)
      })
      return
    }
    const sequence = must(this.segments.at(-1), 'a log has a segment').sequence + 1
    const start = firstRecords(this.options, sequence, this.lastCrc, this.lastIndex + 1, {
      hardState: this.hardState,
      snapshot: this.snapshot,
      restoring: this.restoring,
    })
    nameSegment(disk, directory, spare, sequence, start.buffer, error => {
      if (error !== null) {
        this.failed(error)
        return
      }
      this.file.close(() => {})
      this.file = spare
      this.spare = null
      this.segments.push({ sequence, maxIndex: 0 })
      this.salt = start.salt
      this.lastCrc = start.buffer.lastCrc
      this.initialBytes = start.buffer.position
      this.position = this.initialBytes
      this.durable = this.position
      this.allocated = Math.max(this.position, stepBytes(this.options))
      this.write()
    })
  }

  /** Reserves the next step of the current segment, and prepares the next, off the hot path. */
  private reserveAhead(): void {
    const { segmentBytes } = this.options
    const step = stepBytes(this.options)
    if (this.ended || this.allocating || this.preparingSpare) return
    const now = this.options.clock.monotonicMs()
    const short = this.allocated < segmentBytes && this.position + step / 2 > this.allocated
    if (short && now - this.reservedMs >= reserveMsMin) {
      this.allocating = true
      this.reservedMs = now
      const target = Math.min(this.allocated + step, segmentBytes)
      this.file.preallocate(target, error => {
        this.allocating = false
        // Without room reserved the writes themselves find out; nothing is lost here.
        if (error === null) this.allocated = Math.max(this.allocated, target)
        this.roomSettled()
      })
    } else if (this.spare === null && this.position > segmentBytes / 2) this.prepareSpare(() => {})
  }

  private prepareSpare(done: (error: DiskError | null) => void): void {
    this.preparingSpare = true
    const { disk, directory } = this.options
    prepareSegment(disk, directory, stepBytes(this.options), (error, file) => {
      this.preparingSpare = false
      if (error === null) this.spare = must(file, 'a preparation without error')
      done(error)
      this.roomSettled()
    })
  }

  private roomSettled(): void {
    const after = this.afterRoom
    this.afterRoom = null
    after?.()
  }

  private removeSegments(): void {
    if (this.removing || this.ended) return
    const oldest = must(this.segments[0], 'a log has a segment')
    if (this.segments.length === 1 || oldest.maxIndex > this.snapshot.index) return
    this.removing = true
    const { disk, directory, logger } = this.options
    // Oldest first, one at a time: whatever a crash leaves is without gaps.
    disk.remove(`${directory}/${segmentName(oldest.sequence)}`, error => {
      this.removing = false
      if (error !== null && error.kind !== 'not-found') {
        logger.warn({ error, segment: oldest.sequence }, 'segment could not be removed')
        return
      }
      this.segments.shift()
      this.removeSegments()
    })
  }
}

function closeAll(files: readonly DiskFile[], done: () => void): void {
  let left = files.length
  assert(left > 0, 'a log has a file')
  for (const file of files)
    file.close(() => {
      left -= 1
      if (left === 0) done()
    })
}
