// How all segments are read at a start: in order, in pieces, each byte once. Changes nothing. A repair
// leaves a segment that begins the log anew; whatever has a lower number then is left behind.

import type { Disk, DiskFile } from '../../platform/disk.js'
import { DiskError } from '../../platform/disk.js'
import { must, RaftsmanError } from '../../platform/errors.js'
import type { NodeId } from '../core/types.js'
import { LogCorrupt, LogMismatch } from './log-errors.js'
import type { SegmentHeader } from './payload.js'
import type { LogState, MemoryLimits } from './replay.js'
import { Replay } from './replay.js'
import { segmentNames, sequenceOf } from './segment-files.js'
import type { SegmentScan } from './segment-scan.js'
import { checkScans, readHead, SegmentScanner } from './segment-scan.js'

/** Larger files were not written by us. */
export const segmentFileBytesMax = 1024 * 1024 * 1024
const pieceBytes = 4 * 1024 * 1024
const headBytes = 512

export interface LoadedSegment {
  readonly name: string
  readonly scan: SegmentScan
}

export interface LoadedLog {
  readonly segments: readonly LoadedSegment[]
  /** Null when the directory has no segment. */
  readonly state: LogState | null
  readonly replay: Replay
  /** Names of segments that a repair replaced. */
  readonly leftBehind: readonly string[]
  /** A hard state was found in an unfinished write that the log itself does not hold. */
  readonly adopted: boolean
}

export interface LogOwner {
  readonly clusterId: number
  readonly nodeId: NodeId
}

/** Reads every segment. Errors: LogCorrupt, LogMismatch, DiskError. Changes nothing. */
export function loadSegments(
  disk: Disk,
  directory: string,
  owner: LogOwner & MemoryLimits,
  done: (error: RaftsmanError | null, loaded?: LoadedLog) => void,
): void {
  findSegments(disk, directory, (findError, found) => {
    if (findError !== null) {
      done(findError)
      return
    }
    const { names, leftBehind } = must(found, 'a listing without error')
    const segments: LoadedSegment[] = []
    const replay = new Replay(owner.nodeId, owner)
    const next = (): void => {
      const name = names[segments.length]
      if (name === undefined) {
        const [error, loaded] = guarded(() =>
          finishLoading(directory, segments, replay, leftBehind),
        )
        done(error, loaded)
        return
      }
      const path = `${directory}/${name}`
      const isOldest = segments.length === 0
      const scanner = new SegmentScanner(path, sequenceOf(name), replay, isOldest)
      loadSegment(disk, path, scanner, (error, scan) => {
        if (error !== null) {
          done(error)
          return
        }
        const scanned = must(scan, 'a scan without error')
        const [mismatch] = guarded(() => {
          checkOwner(directory, scanned.header, owner)
          if (scanned.header.sequence !== sequenceOf(name))
            throw new LogCorrupt(path, 0, 'the segment carries the name of another one')
        })
        if (mismatch !== null) {
          done(mismatch)
          return
        }
        segments.push({ name, scan: scanned })
        next()
      })
    }
    next()
  })
}

/** Names from the last segment that begins the log anew, and those that it left behind. */
export function findSegments(
  disk: Disk,
  directory: string,
  done: (
    error: DiskError | null,
    found?: { readonly names: readonly string[]; readonly leftBehind: readonly string[] },
  ) => void,
): void {
  disk.list(directory, (listError, all) => {
    if (listError !== null) {
      done(listError)
      return
    }
    const names = segmentNames(must(all, 'a listing without error has names'))
    const look = (at: number): void => {
      const name = names[at]
      if (name === undefined) {
        done(null, { names, leftBehind: [] })
        return
      }
      const path = `${directory}/${name}`
      withFile(disk, path, done, (file, close) => {
        file.read(0, headBytes, (error, bytes) => {
          close(() => {
            if (error !== null) done(error)
            else if (beginsAnew(path, asBuffer(must(bytes, 'a read has content'))))
              done(null, { names: names.slice(at), leftBehind: names.slice(0, at) })
            else look(at - 1)
          })
        })
      })
    }
    look(names.length - 1)
  })
}

function beginsAnew(path: string, bytes: Buffer): boolean {
  // What cannot be read is judged when its turn comes.
  const [, head] = guarded(() => readHead(path, bytes))
  return head?.header.beginsAnew ?? false
}

function loadSegment(
  disk: Disk,
  path: string,
  scanner: SegmentScanner,
  done: (error: RaftsmanError | null, scan?: SegmentScan) => void,
): void {
  withFile(disk, path, done, (file, close) => {
    const answer = (error: RaftsmanError | null, scan?: SegmentScan) =>
      close(() => done(error, scan))
    file.size((sizeError, size) => {
      if (sizeError !== null) answer(sizeError)
      else if (must(size, 'a size') > segmentFileBytesMax)
        answer(new DiskError('io', path, `file is larger than ${segmentFileBytesMax} bytes`))
      else readPieces(file, must(size, 'a size'), scanner, answer)
    })
  })
}

function readPieces(
  file: DiskFile,
  size: number,
  scanner: SegmentScanner,
  done: (error: RaftsmanError | null, scan?: SegmentScan) => void,
): void {
  const finish = (): void => {
    file.read(scanner.at, size - scanner.at, (error, bytes) => {
      if (error !== null) done(error)
      else {
        const rest = asBuffer(must(bytes, 'a read has content'))
        const [failure, scan] = guarded(() => scanner.finish(rest))
        done(failure, scan)
      }
    })
  }
  const next = (needed: number): void => {
    const { at } = scanner
    const bytesMax = Math.min(size - at, Math.max(needed, pieceBytes))
    file.read(at, bytesMax, (readError, bytes) => {
      if (readError !== null) {
        done(readError)
        return
      }
      const piece = asBuffer(must(bytes, 'a read has content'))
      const [error, claimed] = guarded(() => scanner.piece(piece))
      if (error !== null) done(error)
      else if (claimed === 0 || scanner.at + must(claimed, 'a claim') > size) finish()
      else if (scanner.at === at && must(claimed, 'a claim') <= piece.length) finish()
      else next(must(claimed, 'a claim'))
    })
  }
  next(0)
}

export function withFile(
  disk: Disk,
  path: string,
  fail: (error: DiskError) => void,
  use: (file: DiskFile, close: (done: () => void) => void) => void,
): void {
  disk.open(path, { create: false, write: false }, (error, opened) => {
    if (error !== null) {
      fail(error)
      return
    }
    const file = must(opened, 'an open without error has a file')
    use(file, done => file.close(() => done()))
  })
}

export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function finishLoading(
  directory: string,
  segments: readonly LoadedSegment[],
  replay: Replay,
  leftBehind: readonly string[],
): LoadedLog {
  const first = segments[0]
  if (first === undefined) return { segments, state: null, replay, leftBehind, adopted: false }
  checkScans(segments.map(({ name, scan }) => ({ file: `${directory}/${name}`, scan })))
  let adopted = false
  for (const found of segments.at(-1)?.scan.looseHardStates ?? [])
    adopted = replay.adopt(found) || adopted
  const state = replay.finish()
  if (state === null)
    throw new LogCorrupt(`${directory}/${first.name}`, 0, 'entries before this segment are missing')
  return { segments, state, replay, leftBehind, adopted }
}

export function checkOwner(directory: string, header: SegmentHeader, owner: LogOwner): void {
  if (header.clusterId !== owner.clusterId)
    throw new LogMismatch(
      directory,
      `it belongs to cluster ${header.clusterId}, this node to cluster ${owner.clusterId}`,
    )
  if (header.nodeId !== owner.nodeId)
    throw new LogMismatch(directory, `it belongs to node ${header.nodeId}, not ${owner.nodeId}`)
}

export function guarded<T>(run: () => T): [RaftsmanError, undefined] | [null, T] {
  try {
    return [null, run()]
  } catch (error) {
    if (error instanceof RaftsmanError) return [error, undefined]
    throw error
  }
}
