// Segments as files: their names, and how a new one comes to be. A file gets its name only when its
// header is durable, so every named segment is whole.

import type { Disk, DiskError, DiskFile } from '../../platform/disk.js'
import { DiskError as Failure } from '../../platform/disk.js'
import { must } from '../../platform/errors.js'
import type { RecordBuffer } from './record.js'

const temporaryName = 'next.tmp'

export function segmentName(sequence: number): string {
  return `${String(sequence).padStart(10, '0')}.wal`
}

export function segmentNames(names: readonly string[]): string[] {
  return names.filter(name => /^\d{10}\.wal$/.test(name)).sort()
}

export function sequenceOf(name: string): number {
  return Number(name.slice(0, 10))
}

/** A file without a name of its own yet, with room reserved. */
export function prepareSegment(
  disk: Disk,
  directory: string,
  bytes: number,
  done: (error: DiskError | null, file?: DiskFile) => void,
): void {
  const path = `${directory}/${temporaryName}`
  disk.open(path, { create: true, write: true, synced: true }, (openError, opened) => {
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
