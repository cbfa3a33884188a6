// Makes a damaged log usable again, and throws nothing away. What can be saved (salvage.ts) is written
// to a new segment that begins the log anew; its rename is the one moment that decides. Before it the
// damaged log is all there is, and the next start repairs again; after it the damaged segments are
// only moved aside, which any later start completes.
//
//   1.wal 2.wal(damaged) 3.wal ──> next.tmp ──rename──> 4.wal ──> damaged-4/1.wal 2.wal 3.wal
//
// Counterpart: `etcdctl snapshot restore` with a new member, by hand. Leaves out logs whose last vote
// is lost, and those of clusters of one: they have no peer to bring back what is missing.

import type { Disk, DiskError, DiskFile } from '../../platform/disk.js'
import { must } from '../../platform/errors.js'
import type { RaftsmanError } from '../../platform/errors.js'
import type { Clock } from '../../platform/clock.js'
import type { Entry, HardState } from '../core/types.js'
import { logIndex, term } from '../core/types.js'
import { writeEntries } from './entries-payload.js'
import { EntryReader } from './entry-reader.js'
import type { Examined } from './examination.js'
import { examineSegment, resemblesOwner } from './examination.js'
import { LogCorrupt, LogMismatch } from './log-errors.js'
import type { TailOptions } from './log-tail.js'
import { firstRecords, stepBytes } from './log-tail.js'
import { lastMark } from './log-tip.js'
import { formatVersion, readHardState, writeHardState } from './payload.js'
import { RecordBuffer, recordType } from './record.js'
import { readable } from './segment-scan.js'
import { nameSegment, prepareSegment, segmentName, sequenceOf } from './segment-files.js'
import { asBuffer, checkOwner, findSegments, guarded } from './segment-loading.js'
import { segmentFileBytesMax, withFile } from './segment-loading.js'
import type { SalvagePlan } from './salvage.js'
import { Salvage } from './salvage.js'
import { patientDisk } from './unreadable-pages.js'

const copyBytes = 1024 * 1024

export interface RepairOptions extends TailOptions {
  readonly clock: Clock
  readonly appliedIndex: number
}

/**
 * Repairs the log in the directory, which `damage` says is damaged. Errors: that one, with the reason
 * why it cannot be repaired, LogMismatch, DiskError; nothing is changed then.
 */
export function repairLog(
  options: RepairOptions,
  damage: LogCorrupt | DiskError,
  done: (error: RaftsmanError | null) => void,
): void {
  const { directory, disk, logger } = options
  const patient = { ...options, disk: patientDisk(disk) }
  findSegments(patient.disk, directory, (listError, found) => {
    if (listError !== null) {
      done(listError)
      return
    }
    const { names } = must(found, 'a listing without error')
    const salvage = new Salvage(options.nodeId)
    const salts = new Map<number, number>()
    examineAll(patient, names, salvage, salts, error => {
      if (error !== null) {
        done(error)
        return
      }
      const { file, offset, detail } = placeOf(damage)
      const reason = `damaged at byte ${offset} of ${file}: ${detail}`
      const [defect, plan] = guarded(() =>
        readable(file, offset, () => salvage.plan(options.appliedIndex, reason)),
      )
      if (plan === undefined) done(defect)
      else if (typeof plan === 'string') done(beyondRepair(damage, plan))
      else {
        const sequence = sequenceOf(must(names.at(-1), 'a damaged log has a segment')) + 1
        writeAnew(patient, plan, sequence, salts, writeError => {
          if (writeError === null)
            logger.error(
              {
                damage: reason,
                kept: `${directory}/${damagedName(sequence)}`,
                begin: plan.snapshot.index,
                last: plan.last,
                missing: plan.damage?.floor ?? 0,
              },
              'the log was damaged and is repaired',
            )
          done(writeError)
        })
      }
    })
  })
}

function placeOf(damage: LogCorrupt | DiskError) {
  if (damage instanceof LogCorrupt) return damage
  return { file: damage.path, offset: 0, detail: damage.message }
}

function beyondRepair(damage: LogCorrupt | DiskError, why: string): LogCorrupt {
  const { file, offset, detail } = placeOf(damage)
  return new LogCorrupt(file, offset, `${detail}; it cannot be repaired, for ${why}`)
}

/** Where the segments are kept that the segment `sequence` replaced. */
export function damagedName(sequence: number): string {
  return `damaged-${sequence}`
}

function examineAll(
  options: RepairOptions,
  names: readonly string[],
  salvage: Salvage,
  salts: Map<number, number>,
  done: (error: RaftsmanError | null) => void,
): void {
  const { directory, disk } = options
  let previous: { sequence: number; lastCrc: number } | null = null
  const next = (at: number): void => {
    const name = names[at]
    if (name === undefined) {
      done(null)
      return
    }
    readSegment(disk, `${directory}/${name}`, (error, segment) => {
      if (error !== null) {
        done(error)
        return
      }
      const bytes = must(segment, 'a read without error')
      const [failure, result] = guarded(() =>
        examineOne(options, name, bytes, previous, at === names.length - 1, salvage),
      )
      if (result === undefined) {
        done(failure)
        return
      }
      const sequence = sequenceOf(name)
      if (result.salt === null) previous = null
      else {
        salts.set(sequence, result.salt)
        previous = { sequence, lastCrc: result.lastCrc }
      }
      next(at + 1)
    })
  }
  next(0)
}

function examineOne(
  options: RepairOptions,
  name: string,
  segment: Buffer,
  previous: { sequence: number; lastCrc: number } | null,
  isLast: boolean,
  salvage: Salvage,
): Examined {
  const sequence = sequenceOf(name)
  const path = `${options.directory}/${name}`
  const firstLook = examineSegment(segment, { record() {}, bad() {} })
  const { header, salt, version, previousCrc, used } = firstLook
  if (version > formatVersion)
    throw new LogMismatch(name, `its format is version ${version}, which is newer than ours`)
  if (header !== null) checkOwner(options.directory, header, options)
  const isOurs = header === null ? resemblesOwner(segment, options) : header.sequence === sequence
  if (salt === null || !isOurs) {
    salvage.gap(used)
    return { ...firstLook, salt: null }
  }
  const follows = previous !== null && previous.sequence === sequence - 1
  if (previous !== null && !(follows && previous.lastCrc === previousCrc)) salvage.gap(0)
  if (header !== null) salvage.segment(header)
  const torn = isLast ? tornFrom(segment) : Number.POSITIVE_INFINITY
  return examineSegment(segment, {
    record(record, offset) {
      if (record.type === recordType.segment) return
      if (offset < torn) readable(path, offset, () => salvage.record(record, sequence, offset))
      else if (record.type === recordType.hardState)
        salvage.promise(readHardState(record.payload).state)
    },
    bad(from, to) {
      if (from < torn) salvage.gap(to - from)
    },
  })
}

/** In the last segment: where bytes begin that were never durable for certain. */
function tornFrom(segment: Buffer): number {
  const gaps: number[] = []
  let durable = 0
  let end = 0
  examineSegment(segment, {
    record(record) {
      durable = Math.max(durable, record.durable)
      end = record.end
    },
    bad(from) {
      gaps.push(from)
    },
  })
  return gaps.find(from => from >= durable) ?? end
}

function readSegment(
  disk: Disk,
  path: string,
  done: (error: DiskError | null, segment?: Buffer) => void,
): void {
  withFile(disk, path, done, (file, close) => {
    file.size((sizeError, size) => {
      if (sizeError !== null) close(() => done(sizeError))
      else
        file.read(0, Math.min(must(size, 'a size'), segmentFileBytesMax), (error, bytes) =>
          close(() => {
            if (error !== null) done(error)
            else done(null, asBuffer(must(bytes, 'a read without error')))
          }),
        )
    })
  })
}

/** Writes what is saved to a segment that begins the log anew, and gives it its name. */
function writeAnew(
  options: RepairOptions,
  plan: SalvagePlan,
  sequence: number,
  salts: ReadonlyMap<number, number>,
  done: (error: RaftsmanError | null) => void,
): void {
  const { disk, directory } = options
  const { hardState, snapshot, restoring, damage, chain, last } = plan
  const commit = logIndex(Math.max(snapshot.index, Math.min(hardState.commit, last)))
  const mark = chain === null ? snapshot : lastMark(chain.replay.confMarks)
  const start = firstRecords(options, {
    hardState: { ...hardState, commit },
    snapshot,
    restoring,
    damaged: damage,
    sequence,
    previousCrc: 0,
    nextIndex: last + 1,
    mark: { index: mark.index, term: mark.term },
    beginsAnew: true,
  })
  prepareSegment(disk, directory, stepBytes(options), (prepareError, prepared) => {
    if (prepareError !== null) {
      done(prepareError)
      return
    }
    const file = must(prepared, 'a preparation without error')
    const finish = (error: RaftsmanError | null) => file.close(() => done(error))
    const state = { ...hardState, commit }
    const copy = new Copy(file, start.buffer, start.salt, state, mark)
    const close = (error: RaftsmanError | null) => {
      if (error !== null) finish(error)
      else
        copy.end(endError => {
          if (endError !== null) finish(endError)
          else nameSegment(disk, directory, file, sequence, start.buffer, finish)
        })
    }
    if (chain === null || last === snapshot.index) close(null)
    else copyEntries(entriesOf(options, plan, salts), snapshot.index, last, copy, close)
  })
}

function entriesOf(
  options: RepairOptions,
  { chain, snapshot, last }: SalvagePlan,
  salts: ReadonlyMap<number, number>,
): EntryReader {
  const { disk, clock, directory } = options
  return new EntryReader({
    disk,
    clock,
    index: must(chain, 'entries come from a chain').replay.index,
    // The term before the first entry may not be known, and is not needed here.
    bounds: () => ({ start: { ...snapshot, term: term(1) }, last }),
    fileOf: sequence => ({
      path: `${directory}/${segmentName(sequence)}`,
      salt: must(salts.get(sequence), 'a chain is of readable segments'),
    }),
  })
}

function copyEntries(
  reader: EntryReader,
  start: number,
  last: number,
  copy: Copy,
  done: (error: RaftsmanError | null) => void,
): void {
  const next = (from: number): void => {
    if (from > last) {
      done(null)
      return
    }
    reader.read(logIndex(from), copyBytes, (error, found) => {
      if (error !== null) {
        done(error)
        return
      }
      const { entries } = must(found, 'nothing is compacted meanwhile')
      copy.write(entries, writeError => {
        if (writeError !== null) done(writeError)
        else next(must(entries.at(-1), 'an entry that is in the log').index + 1)
      })
    })
  }
  next(start + 1)
}

/** The records behind the first ones of the new segment. */
class Copy {
  private readonly file: DiskFile
  private readonly salt: number
  private readonly hardState: HardState
  private readonly mark: { readonly index: number; readonly term: number }
  private readonly buffer = new RecordBuffer()
  private position: number
  private lastCrc: number

  constructor(
    file: DiskFile,
    first: RecordBuffer,
    salt: number,
    hardState: HardState,
    mark: { readonly index: number; readonly term: number },
  ) {
    this.file = file
    this.salt = salt
    this.hardState = hardState
    this.mark = mark
    this.position = first.position
    this.lastCrc = first.lastCrc
  }

  write(entries: readonly Entry[], done: (error: DiskError | null) => void): void {
    this.buffer.clear()
    writeEntries(this.buffer, entries)
    this.put(0, done)
  }

  /**
   * All of it is durable, and the last record says so: without one that does, damage to the others
   * could later pass for a torn write.
   */
  end(done: (error: DiskError | null) => void): void {
    this.file.datasync(error => {
      if (error !== null) {
        done(error)
        return
      }
      this.buffer.clear()
      writeHardState(this.buffer, this.hardState, this.mark)
      this.put(this.position, done)
    })
  }

  private put(durable: number, done: (error: DiskError | null) => void): void {
    const { buffer, position } = this
    buffer.seal(durable, this.lastCrc, this.salt)
    this.lastCrc = buffer.lastCrc
    this.position += buffer.position
    this.file.write([buffer.content()], position, done)
  }
}

/** Moves segments aside that a repair replaced. Errors: DiskError; the next start goes on with it. */
export function moveAside(
  disk: Disk,
  directory: string,
  names: readonly string[],
  sequence: number,
  done: (error: DiskError | null) => void,
): void {
  const aside = `${directory}/${damagedName(sequence)}`
  const move = (at: number): void => {
    const name = names[at]
    if (name === undefined) {
      disk.syncDirectory(aside, error => {
        if (error !== null) done(error)
        else disk.syncDirectory(directory, done)
      })
      return
    }
    disk.rename(`${directory}/${name}`, `${aside}/${name}`, error => {
      if (error !== null) done(error)
      else move(at + 1)
    })
  }
  disk.makeDirectory(aside, error => {
    if (error !== null) done(error)
    else move(0)
  })
}
