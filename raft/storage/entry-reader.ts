// Entries read back from disk while the log is written: for followers that are further behind than
// what the protocol core keeps in memory. Counterpart: MemoryStorage.Entries of etcd, which keeps all of
// them in memory instead. What later entries replaced is never returned, and every record is checked
// as at a start: its checksum, that it is the very record the table means, and that the next follows.

import type { Clock } from '../../platform/clock.js'
import type { Disk, DiskFile } from '../../platform/disk.js'
import { must } from '../../platform/errors.js'
import type { RaftsmanError } from '../../platform/errors.js'
import type { Entry, LogIndex, SnapshotMeta, Term } from '../core/types.js'
import { term } from '../core/types.js'
import { EntryCursor } from './entries-payload.js'
import type { EntryIndex, EntryRun } from './entry-index.js'
import { LogReadRefused, LogUnreadable } from './log-errors.js'
import { BadPayload } from './payload-reader.js'
import { claimedBytes, readRecord, recordType } from './record.js'

export interface FoundEntries {
  /** Of the entry before the first. */
  readonly prevTerm: Term
  readonly entries: readonly Entry[]
}

/** Null: compacted, or replaced by a snapshot. */
export type ReadDone = (error: RaftsmanError | null, found?: FoundEntries | null) => void

export interface ReaderEnvironment {
  readonly disk: Disk
  readonly clock: Clock
  readonly index: EntryIndex
  /** Where the log starts, and the last entry that is written and not about to be replaced. */
  readonly bounds: () => { readonly start: SnapshotMeta; readonly last: number }
  readonly fileOf: (sequence: number) => { readonly path: string; readonly salt: number }
}

const readsMax = 4
const readsWaitingMax = 64
/** An entry in memory beside its data, as the protocol core counts it. */
const envelopeBytes = 48
const pieceBytesMin = 64 * 1024
const pieceBytesMax = 4 * 1024 * 1024

interface Job {
  readonly from: LogIndex
  readonly bytesMax: number
  readonly done: ReadDone
  /** Entries behind it were replaced since the job began. */
  limit: number
  replaced: boolean
  prevTerm: Term | null
  readonly entries: Entry[]
  bytes: number
  /** The next entry to be looked at: `from`, or the one before it for its term. */
  next: number
}

export class EntryReader {
  private readonly environment: ReaderEnvironment
  private readonly active = new Set<Job>()
  private waiting: Job[] = []
  private ended = false

  constructor(environment: ReaderEnvironment) {
    this.environment = environment
  }

  /** Files are open. */
  get busy(): boolean {
    return this.active.size > 0
  }

  /**
   * Entries from `from` on, below `bytesMax` together but at least one if there is any. Errors:
   * LogUnreadable; LogReadRefused with `log-busy` for more than 64 waiting reads and
   * `log-out-of-range` for what is not in the log (yet).
   */
  read(from: LogIndex, bytesMax: number, done: ReadDone): void {
    const { clock } = this.environment
    if (this.waiting.length >= readsWaitingMax) {
      const error = new LogReadRefused('log-busy', 'too many reads of the log are under way')
      clock.defer(() => done(error))
      return
    }
    this.waiting.push({
      from,
      bytesMax,
      done,
      limit: Number.MAX_SAFE_INTEGER,
      replaced: false,
      prevTerm: null,
      entries: [],
      bytes: 0,
      next: from,
    })
    clock.defer(() => this.begin())
  }

  /** Entries from `first` on are being replaced. */
  cut(first: number): void {
    for (const job of this.active) job.limit = Math.min(job.limit, first - 1)
  }

  /** The whole log is being replaced. */
  replace(): void {
    for (const job of this.active) job.replaced = true
  }

  /** Nothing is answered any more. */
  end(): void {
    this.ended = true
    this.waiting = []
  }

  private begin(): void {
    if (this.ended || this.active.size >= readsMax) return
    const job = this.waiting.shift()
    if (job === undefined) return
    const { start, last } = this.environment.bounds()
    job.limit = last
    this.active.add(job)
    const before = job.from - 1
    if (before > start.index) job.next = before
    else if (before === start.index) job.prevTerm = start.term
    this.go(job)
  }

  /** Reads the run that has the next entry, or ends the job. */
  private go(job: Job): void {
    if (this.ended) {
      this.active.delete(job)
      return
    }
    if (this.isComplete(job)) {
      this.finish(job, null)
      return
    }
    const run = this.environment.index.find(job.next)
    if (run === null) {
      this.finish(job, this.outOfRange(job))
      return
    }
    const { path } = this.environment.fileOf(run.sequence)
    this.environment.disk.open(path, { create: false, write: false }, (error, file) => {
      if (error !== null)
        this.finish(job, new LogUnreadable(path, run.offset, error.message, error))
      else this.readRun(job, run, must(file, 'an open without error has a file'))
    })
  }

  private isComplete(job: Job): boolean {
    return job.replaced || this.isCompacted(job) || job.next > job.limit || isFull(job)
  }

  private isCompacted({ from }: Job): boolean {
    return from <= this.environment.bounds().start.index
  }

  private readRun(job: Job, run: EntryRun, file: DiskFile): void {
    const scan = new RunScan(job, run, this.environment.fileOf(run.sequence).salt)
    const close = (error: LogUnreadable | null) =>
      file.close(() => {
        if (error === null) this.go(job)
        else this.finish(job, error)
      })
    const next = (bytes: number): void => {
      file.read(scan.at, bytes, (error, content) => {
        if (error !== null) {
          close(new LogUnreadable(file.path, scan.at, error.message, error))
          return
        }
        const read = must(content, 'a read without error has content')
        const { at } = scan
        const needed = scan.piece(Buffer.from(read.buffer, read.byteOffset, read.byteLength))
        const stuck = scan.at === at && needed > 0 && needed <= read.length
        if (needed === 0) close(null)
        else if (needed < 0 || stuck)
          close(new LogUnreadable(file.path, scan.at, 'the record there is damaged'))
        else if (read.length < bytes && scan.at + needed > at + read.length)
          close(new LogUnreadable(file.path, scan.at, 'the file ends inside a record'))
        else next(Math.max(needed, pieceBytes(job)))
      })
    }
    next(pieceBytes(job))
  }

  private outOfRange({ from }: Job): LogReadRefused {
    return new LogReadRefused('log-out-of-range', `entry ${from} is not in the log`)
  }

  private finish(job: Job, error: RaftsmanError | null): void {
    this.active.delete(job)
    if (this.ended) return
    const { done, limit, entries, prevTerm, from } = job
    while ((entries.at(-1)?.index ?? 0) > limit) entries.pop()
    // Of a start whose term is not known nothing can be said to a follower.
    const unknown = prevTerm === 0 && from > 1
    if (job.replaced || this.isCompacted(job) || unknown) done(null, null)
    else if (error !== null) done(error)
    else if (prevTerm === null || from - 1 > Math.max(limit, this.environment.bounds().start.index))
      done(this.outOfRange(job))
    else done(null, { prevTerm, entries })
    this.begin()
  }
}

function pieceBytes({ bytesMax, bytes }: Job): number {
  return Math.min(pieceBytesMax, Math.max(pieceBytesMin, bytesMax - bytes + pieceBytesMin))
}

function isFull({ entries, bytes, bytesMax }: Job): boolean {
  return entries.length > 0 && bytes >= bytesMax
}

/** Goes through one run of entries in one segment, a piece at a time. */
class RunScan {
  /** Offset of the next record. */
  at: number
  private readonly job: Job
  private readonly run: EntryRun
  private readonly salt: number
  private previousCrc: number | null = null
  /** Index that the next record of entries must begin with. */
  private expected: number

  constructor(job: Job, run: EntryRun, salt: number) {
    this.job = job
    this.run = run
    this.salt = salt
    this.at = run.offset
    this.expected = run.index
  }

  /**
   * Takes the records of a piece that begins at `at`. Returns 0 when the run is through or the job has
   * enough, -1 for damage, else how many bytes the next piece must have.
   */
  piece(bytes: Buffer): number {
    let offset = 0
    for (;;) {
      const record = readRecord(bytes, offset, this.salt)
      if (record === null) {
        const claimed = claimedBytes(bytes, offset)
        const cutOff = claimed > bytes.length - offset
        if (cutOff) return claimed
        return claimed === 0 && bytes.length - offset < recordHeadBytes ? recordHeadBytes : -1
      }
      const chained =
        this.previousCrc === null
          ? record.crc === this.run.crc
          : record.previousCrc === this.previousCrc
      if (!chained) return -1
      this.previousCrc = record.crc
      this.at += record.end - offset
      offset = record.end
      if (record.type !== recordType.entries) continue
      if (!this.take(record.payload)) return -1
      const { job, run } = this
      if (isFull(job) || job.next > Math.min(run.last, job.limit)) return 0
    }
  }

  /** False when the record cannot be the one that belongs here. */
  private take(payload: Buffer): boolean {
    const { job, run } = this
    try {
      const cursor = new EntryCursor(payload)
      if (cursor.first !== this.expected) return false
      this.expected = cursor.last + 1
      while (cursor.index < run.last && cursor.next()) {
        if (cursor.index < job.next || cursor.index > job.limit) continue
        job.next = cursor.index + 1
        if (cursor.index < job.from) {
          job.prevTerm = term(cursor.term)
          continue
        }
        const weight = cursor.dataBytes + envelopeBytes
        job.bytes += weight
        if (job.bytes > job.bytesMax && job.entries.length > 0) return true
        job.entries.push(cursor.entry())
      }
      return true
    } catch (error) {
      if (error instanceof BadPayload) return false
      throw error
    }
  }
}

const recordHeadBytes = 24
