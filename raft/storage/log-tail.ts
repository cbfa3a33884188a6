// The end of a log, where writing goes on: cut clean after a crash, or made new. Counterpart: the
// repair and creation parts of wal.WAL of etcd.

import type { Disk, DiskError, DiskFile } from '../../platform/disk.js'
import { must } from '../../platform/errors.js'
import type { RaftsmanError } from '../../platform/errors.js'
import type { Logger } from '../../platform/logger.js'
import type { Random } from '../../platform/random.js'
import type { NodeId } from '../core/types.js'
import { lastMark } from './log-tip.js'
import type { Segment } from './log-tip.js'
import type { ConfMark } from './payload.js'
import {
  formatVersion,
  noConfMark,
  writeDamage,
  writeHardState,
  writeMarker,
  writeSegmentHeader,
} from './payload.js'
import { RecordBuffer, recordType } from './record.js'
import type { LogState } from './replay.js'
import { emptyHardState, emptySnapshot } from './replay.js'
import { nameSegment, prepareSegment, sequenceOf } from './segment-files.js'
import type { LoadedLog } from './segment-loading.js'
import type { SegmentScan } from './segment-scan.js'

/** Room is reserved in steps of this size, ahead of the writer. */
const allocationBytes = 1024 * 1024

export interface TailOptions {
  readonly directory: string
  readonly clusterId: number
  readonly nodeId: NodeId
  readonly segmentBytes: number
  readonly disk: Disk
  readonly random: Random
  readonly logger: Logger
}

export const freshState: LogState = {
  hardState: emptyHardState,
  snapshot: emptySnapshot,
  entries: [],
  entriesAfter: null,
  termRuns: [],
  confChanges: [],
  restoring: null,
  damaged: null,
}

/** Where writing goes on. */
export interface Tail {
  readonly file: DiskFile
  readonly segments: Segment[]
  readonly salt: number
  readonly position: number
  readonly initialBytes: number
  readonly allocated: number
  readonly lastCrc: number
  /** Written by an older version: nothing of the current one may stand in it. */
  readonly outdated: boolean
}

export function stepBytes({ segmentBytes }: TailOptions): number {
  return Math.min(allocationBytes, segmentBytes)
}

/** What every segment starts with: all that is needed of older ones beside their entries. */
export interface Beginning
  extends Pick<LogState, 'hardState' | 'snapshot' | 'restoring' | 'damaged'> {
  readonly sequence: number
  readonly previousCrc: number
  readonly nextIndex: number
  readonly mark: ConfMark
  readonly beginsAnew: boolean
}

export function firstRecords(
  options: Pick<TailOptions, 'clusterId' | 'nodeId' | 'random'>,
  state: Beginning,
): { buffer: RecordBuffer; salt: number } {
  const { clusterId, nodeId, random } = options
  const buffer = new RecordBuffer()
  const salt = random.integer(0x1_0000_0000)
  const fill = (initialBytes: number) => {
    buffer.clear()
    writeSegmentHeader(buffer, { ...state, clusterId, nodeId, initialBytes, salt })
    writeHardState(buffer, state.hardState, state.mark)
    writeMarker(buffer, recordType.compaction, state.snapshot)
    if (state.restoring !== null) writeMarker(buffer, recordType.restore, state.restoring)
    if (state.damaged !== null) writeDamage(buffer, state.damaged)
  }
  fill(0)
  fill(buffer.position)
  buffer.seal(0, state.previousCrc, salt, 0)
  return { buffer, salt }
}

export function openTail(
  options: TailOptions,
  loaded: LoadedLog,
  done: (error: RaftsmanError | null, tail?: Tail) => void,
): void {
  const last = loaded.segments.at(-1)
  if (last === undefined) {
    createFirst(options, done)
    return
  }
  const path = `${options.directory}/${last.name}`
  options.disk.open(path, { create: false, write: true, synced: true }, (openError, opened) => {
    if (openError !== null) {
      done(openError)
      return
    }
    const file = must(opened, 'an open without error has a file')
    const { scan } = last
    const cut = cutEnd(loaded, scan)
    const finish = (error: DiskError | null) => {
      if (error !== null) {
        file.close(() => done(error))
        return
      }
      file.size((sizeError, size) => {
        if (sizeError !== null) {
          file.close(() => done(sizeError))
          return
        }
        done(null, {
          file,
          segments: loaded.segments.map(segment => ({
            sequence: sequenceOf(segment.name),
            salt: segment.scan.header.salt,
            maxIndex: segment.scan.maxIndex,
          })),
          salt: scan.header.salt,
          position: cut.position,
          initialBytes: scan.header.initialBytes,
          allocated: must(size, 'a size without error'),
          lastCrc: cut.lastCrc,
          outdated: scan.header.version < formatVersion,
        })
      })
    }
    // What was read may only be in the page cache yet, and will be answered for from now on.
    // So may the name of the file, when its last owner was killed between the rename and its sync.
    const settle = (error: DiskError | null) => {
      if (error !== null) finish(error)
      else
        file.datasync(syncError => {
          if (syncError !== null) finish(syncError)
          else options.disk.syncDirectory(options.directory, finish)
        })
    }
    // A sync that failed leaves pages that count as clean and are not on disk: only writing them
    // again makes the sync that follows mean something.
    const writeAgain = (error: DiskError | null) => {
      if (error !== null || scan.durable >= cut.position) settle(error)
      else
        file.read(scan.durable, cut.position - scan.durable, (readError, bytes) => {
          if (readError !== null) settle(readError)
          else file.write([must(bytes, 'a read without error')], scan.durable, settle)
        })
    }
    if (scan.tornBytes === 0) {
      writeAgain(null)
      return
    }
    const { position: end, promise } = cut
    options.logger.warn(
      { file: path, offset: scan.end, bytes: scan.tornBytes },
      'unfinished last write cut off',
    )
    if (promise === null) file.truncate(end, writeAgain)
    else
      file.write([promise.content()], scan.end, writeError => {
        if (writeError !== null) finish(writeError)
        else
          file.datasync(syncError => {
            if (syncError !== null) finish(syncError)
            else file.truncate(end, writeAgain)
          })
      })
  })
}

/**
 * Where the log ends once its unfinished write is cut off. A promise in that write is kept: nobody may
 * have been told of it, but keeping it is never wrong, and who damaged the write is not known. It takes
 * the place of the write before the rest is cut, so that there is no moment without it.
 */
function cutEnd({ adopted, state, replay }: LoadedLog, scan: SegmentScan) {
  if (!adopted || state === null)
    return { position: scan.end, lastCrc: scan.lastCrc, promise: null }
  const promise = new RecordBuffer()
  writeHardState(promise, state.hardState, lastMark(replay.confMarks))
  promise.seal(scan.durable, scan.lastCrc, scan.header.salt)
  return { position: scan.end + promise.position, lastCrc: promise.lastCrc, promise }
}

function createFirst(
  options: TailOptions,
  done: (error: RaftsmanError | null, tail?: Tail) => void,
): void {
  const { disk, directory } = options
  prepareSegment(disk, directory, stepBytes(options), (error, prepared) => {
    if (error !== null) {
      done(error)
      return
    }
    const file = must(prepared, 'a preparation without error')
    const { buffer, salt } = firstRecords(options, {
      ...freshState,
      sequence: 1,
      previousCrc: 0,
      nextIndex: 1,
      mark: noConfMark,
      beginsAnew: false,
    })
    nameSegment(disk, directory, file, 1, buffer, nameError => {
      if (nameError !== null) {
        file.close(() => done(nameError))
        return
      }
      done(null, {
        file,
        segments: [{ sequence: 1, salt, maxIndex: 0 }],
        salt,
        position: buffer.position,
        initialBytes: buffer.position,
        allocated: Math.max(buffer.position, stepBytes(options)),
        lastCrc: buffer.lastCrc,
        outdated: false,
      })
    })
  })
}
