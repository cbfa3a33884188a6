// Segments as files: their names, how a new one comes to be, and how all of them are read at a
// start. A file gets its name only when its header is durable, so every named segment is whole.

import type { Disk, DiskError, DiskFile } from '../../platform/disk.js'
import { DiskError as Failure } from '../../platform/disk.js'
import { must, RaftsmanError } from '../../platform/errors.js'
import type { NodeId } from '../core/types.js'
import { LogCorrupt, LogMismatch } from './log-errors.js'
import type { RecordBuffer } from './record.js'
import type { LogState, SegmentScan } from './replay.js'
import { checkScans, Replay, scanSegment } from './replay.js'

const temporaryName = 'next.tmp'
/** Larger files were not written by us. */
const segmentFileBytesMax = 1024 * 1024 * 1024

export function segmentName(sequence: number): string {
  return `${String(sequence).padStart(10, '0')}.wal`
}

function segmentNames(names: readonly string[]): string[] {
  return names.filter(name => /^\d{10}\.wal$/.test(name)).sort()
}

/** A file without a name of its own yet, with room reserved. */
export function prepareSegment(
  disk: Disk,
  directory: string,
  bytes: number,
  done: (error: DiskError | null, file?: DiskFile) => void,
): void {
  const path = `${directory}/${temporaryName}`
  disk.open(path, { create: true, write: true }, (openError, opened) => {
    if (openError !== null) {
      done(openError)
      return
    }
    const file = must(opened, 'an open without error has a file')
    const fail = (error: DiskError) => file.close(() => done(error))
    file.truncate(0, truncateError => {
      if (truncateError !== null) fail(truncateError)
      else
        file.preallocate(bytes, allocateError => {
          if (allocateError !== null) fail(allocateError)
          else
            file.datasync(syncError => {
              if (syncError !== null) fail(syncError)
              else done(null, file)
            })
        })
    })
  })
}

/** Writes the first records of a prepared file and gives it its name. */
export function nameSegment(
  disk: Disk,
  directory: string,
  file: DiskFile,
  sequence: number,
  initial: RecordBuffer,
  done: (error: DiskError | null) => void,
): void {
  file.write([initial.content()], 0, writeError => {
    if (writeError !== null) {
      done(writeError)
      return
    }
    file.datasync(syncError => {
      if (syncError !== null) {
        done(asFatal(syncError))
        return
      }
      const path = `${directory}/${segmentName(sequence)}`
      disk.rename(`${directory}/${temporaryName}`, path, renameError => {
        if (renameError !== null) done(renameError)
        else disk.syncDirectory(directory, error => done(error === null ? null : asFatal(error)))
      })
    })
  })
}

/** A failed sync is never retried: the pages may be marked clean although they were lost. */
export function asFatal(error: DiskError): DiskError {
  return error.kind === 'full' ? new Failure('io', error.path, error.message, error) : error
}

export interface LoadedSegment {
  readonly name: string
  readonly scan: SegmentScan
}

export interface LoadedLog {
  readonly segments: readonly LoadedSegment[]
  /** Null when the directory has no segment. */
  readonly state: LogState | null
}

/** Reads every segment. Errors: LogCorrupt, LogMismatch, DiskError. Changes nothing. */
export function loadSegments(
  disk: Disk,
  directory: string,
  owner: { readonly clusterId: number; readonly nodeId: NodeId },
  done: (error: RaftsmanError | null, loaded?: LoadedLog) => void,
): void {
  disk.list(directory, (listError, all) => {
    if (listError !== null) {
      done(listError)
      return
    }
    const names = segmentNames(must(all, 'a listing without error has names'))
    const segments: LoadedSegment[] = []
    const replay = new Replay()
    const next = (): void => {
      const name = names[segments.length]
      if (name === undefined) {
        const [error, loaded] = guarded(() => finishLoading(directory, segments, replay))
        done(error, loaded)
        return
      }
      const path = `${directory}/${name}`
      disk.readFile(path, segmentFileBytesMax, (readError, content) => {
        if (readError !== null) {
          done(readError)
          return
        }
        const bytes = must(content, 'a read without error has content')
        const segment = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
        const [error, scan] = guarded(() => {
          const scanned = scanSegment(path, segment, replay)
          checkOwner(directory, scanned, owner)
          return scanned
        })
        if (scan === undefined) {
          done(error)
          return
        }
        segments.push({ name, scan })
        next()
      })
    }
    next()
  })
}

function finishLoading(
  directory: string,
  segments: readonly LoadedSegment[],
  replay: Replay,
): LoadedLog {
  const first = segments[0]
  if (first === undefined) return { segments, state: null }
  checkScans(segments.map(({ name, scan }) => ({ file: `${directory}/${name}`, scan })))
  const state = replay.finish()
  if (state === null)
    throw new LogCorrupt(`${directory}/${first.name}`, 0, 'entries before this segment are missing')
  return { segments, state }
}

function checkOwner(
  directory: string,
  { header }: SegmentScan,
  owner: { readonly clusterId: number; readonly nodeId: NodeId },
): void {
  if (header.clusterId !== owner.clusterId)
    throw new LogMismatch(
      directory,
      `it belongs to cluster ${header.clusterId}, this node to cluster ${owner.clusterId}`,
    )
  if (header.nodeId !== owner.nodeId)
    throw new LogMismatch(directory, `it belongs to node ${header.nodeId}, not ${owner.nodeId}`)
}

function guarded<T>(run: () => T): [RaftsmanError, undefined] | [null, T] {
  try {
    return [null, run()]
  } catch (error) {
    if (error instanceof RaftsmanError) return [error, undefined]
    throw error
  }
}
