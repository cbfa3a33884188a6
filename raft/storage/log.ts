// The write-ahead log: one writer, group commit, recovery. Counterpart: wal.WAL of etcd. While one
// write is on its way to the disk everything that comes in is collected, and goes out as the
// next single write. Tasks answer in order, and only when they are durable (or need not be).
//
//   append ──> queue ──> one synced write ──> done, done, done
//                └─ collects while a write is under way
//
// Reading entries back while running is entry-reader.ts; what the records amount to is log-tip.ts.

import type { Clock } from '../../platform/clock.js'
import type { Completion, Disk, DiskError, DiskFile } from '../../platform/disk.js'
import { assert, must } from '../../platform/errors.js'
import type { RaftsmanError } from '../../platform/errors.js'
import type { Logger } from '../../platform/logger.js'
import type { Metrics } from '../../platform/metrics.js'
import type { Processes } from '../../platform/processes.js'
import type { Random } from '../../platform/random.js'
import type { LogIndex, NodeId, SnapshotMeta } from '../core/types.js'
import { logIndex } from '../core/types.js'
import type { ReadDone } from './entry-reader.js'
import { EntryReader } from './entry-reader.js'
import type { DirectoryLock } from './lock.js'
import { lockDirectory } from './lock.js'
import type { Tail } from './log-tail.js'
import { firstRecords, freshState, openTail, stepBytes } from './log-tail.js'
import { LogBatch } from './log-batch.js'
import { lastMark, LogTip } from './log-tip.js'
import type { Damage } from './payload.js'
import type { LogState } from './replay.js'
import { asFatal, nameSegment, prepareSegment, segmentName } from './segment-files.js'
import type { LoadedLog } from './segment-loading.js'
import { openLog } from './log-opening.js'
import type { LogWrite, Operation } from './operation.js'
import { nothing, operationOf } from './operation.js'

export const segmentBytesUsual = 64 * 1024 * 1024
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
/** As etcd has them, and two below. */
const syncSeconds = Array.from({ length: 16 }, (_, at) => 0.00025 * 2 ** at)

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
  /** Of the entries that the state machine has applied, about so many bytes are kept in memory. */
  readonly cachedBytesMax?: number
  /** What the state machine's own durable state amounts to. */
  readonly appliedIndex?: LogIndex
  /** A log is repaired to begin where that state ends, which must then be durable: asked before. */
  readonly settleState?: (done: (error: RaftsmanError | null) => void) => void
  /**
   * Whether a damaged log is repaired as far as peers can bring back what is missing. Off: it is
   * LogCorrupt. A cluster of one has nobody to bring anything back.
   */
  readonly repair?: boolean
}

export interface Recovered extends LogState {
  /** The directory was new; the state is that of nothing ever written. */
  readonly fresh: boolean
  /** Bytes of an unfinished last write that were cut off. */
  readonly tornBytes: number
  readonly lastIndex: LogIndex
  /** Of this node's own entries in the log; 0 for none. */
  readonly highestSequence: number
}

export class RaftLog {
  private readonly options: LogOptions
  private readonly lock: DirectoryLock
  private readonly observeSync: (seconds: number) => void
  private readonly countBytes: (bytes: number) => void
  private readonly countWait: () => void
  private queue: Operation[] = []
  /** Of the write under way; empty when none is. */
  private readonly batch: LogBatch
  private readonly tip: LogTip
  private readonly reader: EntryReader
  private file: DiskFile
  private salt: number
  /** Where the next record goes in the current segment. */
  private position: number
  /** Bytes of the current segment that are durable. durable <= position */
  private durable: number
  private initialBytes: number
  /** Bytes of the current file that are reserved. */
  private allocated: number
  /** The file in which a step is being reserved: the current one, or one that was left since. */
  private allocating: DiskFile | null = null
  private reservedMs = Number.NEGATIVE_INFINITY
  private lastCrc: number
  private spare: DiskFile | null = null
  private preparingSpare = false
  /** Runs when the reservation or preparation under way has ended. */
  private afterRoom: (() => void) | null = null
  private outdated: boolean
  private isFull = false
  private ended = false
  private answering = false
  private removing = false
  private afterWrites: (() => void) | null = null

  private constructor(options: LogOptions, lock: DirectoryLock, tip: LogTip, tail: Tail) {
    this.options = options
    this.lock = lock
    this.tip = tip
    this.batch = new LogBatch(options.segmentBytes)
    this.reader = new EntryReader({
      disk: options.disk,
      clock: options.clock,
      index: tip.index,
      bounds: () => ({ start: tip.snapshot, last: this.readableIndex }),
      fileOf: sequence => ({
        path: `${options.directory}/${segmentName(sequence)}`,
        salt: tip.segment(sequence).salt,
      }),
    })
    this.file = tail.file
    this.outdated = tail.outdated
    this.salt = tail.salt
    this.position = tail.position
    this.durable = tail.position
    this.initialBytes = tail.initialBytes
    this.allocated = tail.allocated
    this.lastCrc = tail.lastCrc
    const syncs = options.metrics.histogram(
      'etcd_disk_wal_fsync_duration_seconds',
      'Time of one synced write of the write-ahead log.',
      syncSeconds,
    )
    let writtenBytes = 0
    options.metrics.observed({
      type: 'gauge',
      name: 'etcd_disk_wal_write_bytes_total',
      help: 'Bytes written to the write-ahead log since the process began.',
      read: () => writtenBytes,
    })
    this.observeSync = seconds => syncs.observe(seconds)
    const waits = options.metrics.counter(
      'raftsman_log_rotation_waits_total',
      'Writes to the write-ahead log that waited for the next segment to be prepared.',
    )
    this.countBytes = bytes => {
      writtenBytes += bytes
    }
    this.countWait = () => waits.add(1)
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
        openLog(options, (loadError, loaded) => {
          if (loadError !== null) {
            fail(loadError)
            return
          }
          const log = must(loaded, 'a load without error')
          openTail(options, log, (tailError, tail) => {
            if (tailError !== null) fail(tailError)
            else RaftLog.begin(options, lock, log, must(tail, 'a tail without error'), done)
          })
        })
      })
    })
  }

  private static begin(
    options: LogOptions,
    lock: DirectoryLock,
    { state: found, replay, segments }: LoadedLog,
    tail: Tail,
    done: (error: null, log: RaftLog, recovered: Recovered) => void,
  ): void {
    const state = found ?? freshState
    const tip = new LogTip(state, replay, tail.segments)
    const log = new RaftLog(options, lock, tip, tail)
    log.reserveAhead()
    done(null, log, {
      ...state,
      fresh: found === null,
      tornBytes: segments.at(-1)?.scan.tornBytes ?? 0,
      lastIndex: logIndex(tip.lastIndex),
      highestSequence: replay.highestSequence,
    })
  }

  /** No room on the disk: what was given waits, and nothing is answered until there is room. */
  get full(): boolean {
    return this.isFull
  }

  /** Answers in the order of the calls, when durable. Never answers after a fatal error. */
  append(write: LogWrite, done: () => void): void {
    this.enqueue(operationOf(write, done))
  }

  /** On disk, on average; 0 where it is too short to say. */
  get meanEntryBytes(): number {
    return this.tip.index.meanBytes
  }

  /**
   * Entries from `from` on, below `bytesMax` together but at least one if there is any; null when
   * `from` is compacted. What was given to `append` and is not written yet is not in it. Errors:
   * LogUnreadable (the disk fails, or what was durable is damaged), LogReadRefused.
   */
  read(from: LogIndex, bytesMax: number, done: ReadDone): void {
    if (!this.ended) this.reader.read(from, bytesMax, done)
  }

  /**
   * The state machine no longer needs entries up to `meta.index`: the log starts behind it from
   * now on, and segments that hold nothing else are removed.
   */
  compact(meta: SnapshotMeta): void {
    const { segments } = this.tip
    const removes = segments.length > 1 && must(segments[0], 'a segment').maxIndex <= meta.index
    const done = () => {
      if (removes) this.removeSegments()
    }
    this.enqueue({ ...nothing, mustSync: removes, compaction: meta, done })
  }

  /**
   * The state machine is about to replace its state by that of a snapshot. When it has, but a crash
   * keeps the snapshot itself from the log, recovery tells so by `restoring`.
   */
  beginRestore(meta: SnapshotMeta, done: () => void): void {
    this.enqueue({ ...nothing, mustSync: true, restore: meta, done })
  }

  /**
   * The owner of the log is about to let a leader replace what is in it, for it has lost what the log
   * builds on. Until `repaired`, also after a crash, nothing in it up to `floor` is certain.
   */
  declareDamaged(damage: Damage, done: () => void): void {
    this.enqueue({ ...nothing, mustSync: true, damage, done })
  }

  /** What was lost has been replaced: from the next start on nothing is damaged any more. */
  repaired(): void {
    this.enqueue({ ...nothing, mustSync: true, whole: true })
  }

  /** Writes what it was given, then lets go of files and directory. */
  close(done: () => void): void {
    if (this.batch.isEmpty && this.queue.length === 0) this.halt(done)
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
    this.reader.end()
    let answered = false
    const answer = () => {
      if (answered) return
      answered = true
      patience.cancel()
      done()
    }
    const patience = clock.setTimer(haltMsMax, answer)
    const settle = (): void => {
      const reserving = this.allocating !== null || this.preparingSpare
      const busy = reserving || this.removing || this.reader.busy
      if (!this.batch.isEmpty || busy) {
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
    if (this.reader.busy) {
      const first = operation.entries[0]
      if (operation.snapshot !== null) this.reader.replace()
      else if (first !== undefined) this.reader.cut(first.index)
    }
    this.queue.push(operation)
    if (this.batch.isEmpty && !this.answering) this.begin()
  }

  /** Entries up to here are written, and nothing on its way replaces them. */
  private get readableIndex(): number {
    let last = this.tip.lastIndex
    for (const pending of [this.batch.operations, this.queue])
      for (const { snapshot, entries } of pending) {
        if (snapshot !== null) return 0
        const first = entries[0]
        if (first !== undefined) last = Math.min(last, first.index - 1)
      }
    return last
  }

  private begin(): void {
    this.batch.fill(this.queue, this.tip)
    this.write()
  }

  /** Writes the batch where it belongs. Comes here again when it was delayed or failed for room. */
  private write(): void {
    if (this.ended) {
      this.batch.release()
      return
    }
    const size = this.batch.buffer.position
    if (size === 0) {
      this.options.clock.defer(() => this.finish())
      return
    }
    const end = this.position + size
    const beyond = end > this.options.segmentBytes && this.position > this.initialBytes
    if (beyond || this.outdated) {
      this.rotate()
      return
    }
    // Zeros that are being written behind `allocated` must not overtake us.
    if (this.allocating === this.file && end > this.allocated) {
      this.afterRoom = () => this.write()
      return
    }
    this.batch.buffer.seal(this.durable, this.lastCrc, this.salt)
    const content = [this.batch.buffer.content()]
    const mustSync = this.batch.operations.some(operation => operation.mustSync)
    // A synced write makes nothing durable but itself: behind others it takes a sync for all of them.
    if (mustSync && this.durable === this.position)
      this.file.writeSynced(
        content,
        this.position,
        this.synced(() => this.written(true)),
      )
    else
      this.file.write(content, this.position, error => {
        if (error !== null) this.failed(error)
        else if (mustSync) this.sync(() => this.written(true))
        else this.written(false)
      })
  }

  private sync(done: () => void): void {
    const synced = this.synced(done)
    this.file.datasync(error => synced(error === null ? null : asFatal(error)))
  }

  /** Of what makes the log durable, timed from now on. */
  private synced(done: () => void): Completion {
    const started = this.options.clock.monotonicMs()
    return error => {
      if (error !== null) {
        this.failed(error)
        return
      }
      this.observeSync((this.options.clock.monotonicMs() - started) / 1000)
      done()
    }
  }

  private written(synced: boolean): void {
    const size = this.batch.buffer.position
    this.lastCrc = this.batch.buffer.lastCrc
    this.position += size
    this.allocated = Math.max(this.allocated, this.position)
    if (synced) this.durable = this.position
    this.countBytes(size)
    this.isFull = false
    this.reserveAhead()
    this.batch.account(this.tip, this.position - size)
    this.finish()
  }

  private finish(): void {
    const operations = this.batch.release()
    if (this.ended) return
    // As much waits as was written: the next write starts before the answers, so that the disk is not
    // idle meanwhile. Less waits: the answers come first, for what they bring belongs into the same
    // write. Otherwise a hundred writers that wait for each other's disk take turns, one and then
    // ninety-nine, and every record costs two datasyncs.
    if (this.queue.length > 0 && this.queue.length >= operations.length) this.begin()
    this.answering = true
    for (const { done } of operations) done()
    this.answering = false
    if (this.batch.isEmpty && this.queue.length > 0) this.begin()
    if (this.batch.isEmpty && this.queue.length === 0) {
      const after = this.afterWrites
      this.afterWrites = null
      after?.()
    }
  }

  private failed(error: DiskError): void {
    if (error.kind !== 'full') {
      this.ended = true
      this.batch.release()
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
    const { disk, directory } = this.options
    const spare = this.spare
    // The next segment is prepared from the middle of this one on: a writer waits here only when it
    // fills half a segment in less time than that takes.
    if (spare === null) this.countWait()
    if (this.preparingSpare) {
      this.afterRoom = () => this.write()
      return
    }
    if (spare === null) {
      this.prepareSpare(error => {
        if (error === null) this.write()
        else this.failed(error)
      })
      return
    }
    const { tip } = this
    const sequence = tip.current.sequence + 1
    const start = firstRecords(this.options, {
      hardState: tip.hardState,
      snapshot: tip.snapshot,
      restoring: tip.restoring,
      damaged: tip.damaged,
      sequence,
      previousCrc: this.lastCrc,
      nextIndex: tip.lastIndex + 1,
      mark: lastMark(tip.marks),
      beginsAnew: false,
    })
    nameSegment(disk, directory, spare, sequence, start.buffer, error => {
      if (error !== null) {
        this.failed(error)
        return
      }
      // Zeros may still be on their way into the old file; it is closed behind them.
      if (this.allocating !== this.file) this.file.close(() => {})
      this.file = spare
      this.spare = null
      tip.segments.push({ sequence, salt: start.salt, maxIndex: 0 })
      this.outdated = false
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
    if (this.ended || this.preparingSpare) return
    const now = this.options.clock.monotonicMs()
    const short = this.allocated < segmentBytes && this.position + step / 2 > this.allocated
    if (short && this.allocating === null && now - this.reservedMs >= reserveMsMin) {
      const { file } = this
      this.allocating = file
      this.reservedMs = now
      const target = Math.min(this.allocated + step, segmentBytes)
      file.preallocate(target, error => {
        this.allocating = null
        if (file !== this.file) file.close(() => {})
        // Without room reserved the writes themselves find out; nothing is lost here.
        else if (error === null) this.allocated = Math.max(this.allocated, target)
        this.roomSettled()
      })
    }
    if (this.spare === null && this.position > segmentBytes / 2) this.prepareSpare(() => {})
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
    const { segments, snapshot } = this.tip
    const oldest = must(segments[0], 'a log has a segment')
    if (segments.length === 1 || oldest.maxIndex > snapshot.index) return
    this.removing = true
    const { disk, directory, logger } = this.options
    // Oldest first, one at a time: whatever a crash leaves is without gaps.
    disk.remove(`${directory}/${segmentName(oldest.sequence)}`, error => {
      this.removing = false
      if (error !== null && error.kind !== 'not-found') {
        logger.warn({ error, segment: oldest.sequence }, 'segment could not be removed')
        return
      }
      segments.shift()
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
