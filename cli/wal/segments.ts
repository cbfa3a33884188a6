// The segments of a log as `raftsman wal` sees them: read only, without the lock, so that it works on a
// log in use and on damaged ones. What is judged here is what a start would find.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Examined } from '../../raft/storage/examination.js'
import { examineSegment } from '../../raft/storage/examination.js'
import { formatVersion } from '../../raft/storage/payload.js'
import { BadPayload } from '../../raft/storage/payload-reader.js'
import type { LogRecord } from '../../raft/storage/record.js'
import { recordType } from '../../raft/storage/record.js'
import { Replay } from '../../raft/storage/replay.js'
import { segmentNames, sequenceOf } from '../../raft/storage/segment-files.js'
import { UserError } from '../user-error.js'

export const exitDamaged = 1
export const exitUnreadable = 2

const segmentBytesMax = 1024 * 1024 * 1024

export interface Range {
  readonly from: number
  readonly to: number
}

export interface SegmentView {
  readonly name: string
  readonly sequence: number
  readonly fileBytes: number
  readonly examined: Examined
  readonly records: readonly { readonly offset: number; readonly record: LogRecord }[]
  /** In use and not readable. */
  readonly bad: readonly Range[]
  /** Of the last write, which was torn or is under way: not damage. */
  readonly unfinishedBytes: number
  /** A repair replaced it; nothing of it counts. */
  readonly leftBehind: boolean
}

function failure(message: string): UserError {
  return new UserError(message, exitUnreadable)
}

/** Names of the segments, oldest first. Throws UserError when there are none. */
export function listSegments(directory: string): readonly string[] {
  if (!existsSync(directory)) throw failure(`There is no directory ${directory}.`)
  if (!statSync(directory).isDirectory())
    throw failure(`${directory} is a file; give the directory of the log.`)
  const names = segmentNames(readdirSync(directory))
  if (names.length === 0)
    throw failure(
      `${directory} holds no segments of a log; give the directory with the .wal files, ` +
        'as in .raftsman/masters/m1/store/log.',
    )
  return names
}

/** Null when it was removed since it was listed: the log is in use. */
export function readSegment(directory: string, name: string, isLast: boolean): SegmentView | null {
  const path = join(directory, name)
  let segment: Buffer
  try {
    const { size } = statSync(path)
    if (size > segmentBytesMax) throw failure(`${path} is larger than a segment can be.`)
    segment = readFileSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return null
    if (error instanceof UserError) throw error
    throw failure(`${path} cannot be read: ${error instanceof Error ? error.message : 'why?'}.`)
  }
  const records: { offset: number; record: LogRecord }[] = []
  const bad: Range[] = []
  let durable = 0
  const examined = examineSegment(segment, {
    record(record, offset) {
      records.push({ offset, record })
      durable = Math.max(durable, record.durable)
    },
    bad(from, to) {
      bad.push({ from, to })
    },
  })
  if (examined.version > formatVersion)
    throw failure(
      `${path} has format version ${examined.version}; this program knows ${formatVersion}.`,
    )
  const torn = isLast ? bad.findIndex(({ from }) => from >= durable) : -1
  const tornFrom = torn === -1 ? null : (bad[torn]?.from ?? null)
  return {
    name,
    sequence: sequenceOf(name),
    fileBytes: segment.length,
    examined,
    records: tornFrom === null ? records : records.filter(({ offset }) => offset < tornFrom),
    bad: torn === -1 ? bad : bad.slice(0, torn),
    unfinishedBytes: tornFrom === null ? 0 : examined.used - tornFrom,
    leftBehind: false,
  }
}

export interface Verdict {
  readonly segment: SegmentView
  /** Sentences; none for a good segment. */
  readonly damage: readonly string[]
}

/** Follows the segments as a start does, oldest first. */
export class Verifier {
  readonly replay = new Replay(0, {
    cachedBytesMax: 0,
    appliedIndex: Number.MAX_SAFE_INTEGER,
  })
  private previous: SegmentView | null = null
  private damaged = false

  get isDamaged(): boolean {
    return this.damaged
  }

  /** `next` tells whether the end of this segment is all there was of it. */
  judge(segment: SegmentView, next: SegmentView | null): Verdict {
    const damage: string[] = []
    const { header, previousCrc, end, lastCrc } = segment.examined
    const { previous } = this
    if (previous !== null && previous.sequence !== segment.sequence - 1)
      damage.push('the segment before it is missing')
    if (header === null) damage.push('its header is not readable')
    else if (header.sequence !== segment.sequence)
      damage.push(`it is segment ${header.sequence} under the name of another`)
    else if (previous !== null && damage.length === 0) {
      const follows = previous.examined.lastCrc === previousCrc
      if (previous.examined.header !== null && !follows)
        damage.push('it does not continue the segment before it')
    }
    const isWhole = next?.examined.previousCrc === lastCrc
    for (const { from, to } of segment.bad)
      if (!(isWhole && from === end)) damage.push(`bytes ${from} to ${to - 1} are not readable`)
    if (header !== null && end < header.initialBytes)
      damage.push(`bytes ${end} to ${header.initialBytes - 1} are not readable`)
    if (damage.length === 0 && !this.damaged) this.follow(segment, damage)
    this.damaged ||= damage.length > 0
    this.previous = segment
    return { segment, damage }
  }

  private follow(segment: SegmentView, damage: string[]): void {
    if (this.previous === null) this.replay.begin(segment.examined.header?.nextIndex ?? 1)
    for (const { record, offset } of segment.records) {
      if (record.type === recordType.segment) continue
      try {
        this.replay.apply(record, segment.sequence, offset)
      } catch (error) {
        if (!(error instanceof BadPayload)) throw error
        damage.push(`the record at byte ${offset} makes no sense: ${error.message}`)
        return
      }
    }
  }

  /** A sentence when the log as a whole is damaged although its segments are good. */
  finish(): string | null {
    if (this.damaged || this.replay.finish() !== null) return null
    this.damaged = true
    return 'Entries before the first segment are missing.'
  }
}

/** All segments, each with the one behind it; those that a repair replaced are marked. */
export function* segmentsOf(
  directory: string,
): Generator<{ readonly segment: SegmentView; readonly next: SegmentView | null }> {
  const names = listSegments(directory)
  const begins = names.findLastIndex(
    name => readSegment(directory, name, false)?.examined.header?.beginsAnew ?? false,
  )
  let current: SegmentView | null = null
  for (const [at, name] of names.entries()) {
    const segment = readSegment(directory, name, at === names.length - 1)
    if (segment === null) continue
    if (current !== null) yield { segment: current, next: segment }
    current = { ...segment, leftBehind: at < begins }
  }
  if (current !== null) yield { segment: current, next: null }
}
