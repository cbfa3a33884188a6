// A snapshot in a file: the stream of the state, zeros up to a multiple of 512 bytes, and the SHA-256 of
// all of it. Read in pieces, checked before anything is believed.

import { createHash } from 'node:crypto'
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import type { StateMeta } from '../../store/core/backend.js'
import type { SnapshotHandlers } from '../../store/core/snapshot.js'
import { SnapshotReader } from '../../store/core/snapshot.js'
import { StoreError } from '../../store/core/errors.js'
import { UserError } from '../user-error.js'

const sectorBytes = 512
const hashBytes = 32
const chunkBytes = 1024 * 1024

export interface SnapshotFileInfo {
  readonly meta: StateMeta
  readonly bytes: number
  /** Of the stream, in hexadecimal; what the file ends with when it is whole. */
  readonly sha256: string
}

/** Throws UserError for a file that is damaged, or none of ours. Without `checkHash` its end may be missing. */
export function readSnapshotFile(
  path: string,
  handlers: SnapshotHandlers,
  checkHash = true,
): SnapshotFileInfo {
  const file = openSync(path, 'r')
  try {
    const bytes = fstatSync(file).size
    const hasHash = bytes % sectorBytes === hashBytes
    if (!hasHash && checkHash) refuse(path, 'it does not end with its SHA-256')
    const streamBytes = hasHash ? bytes - hashBytes : bytes
    const hash = createHash('sha256')
    const reader = new SnapshotReader(handlers)
    for (let at = 0; at < streamBytes; ) {
      const chunk = readAt(file, at, Math.min(chunkBytes, streamBytes - at))
      if (chunk.length === 0) refuse(path, 'it is cut short')
      hash.update(chunk)
      reader.push(chunk)
      at += chunk.length
    }
    const sha256 = hash.digest('hex')
    const told = hasHash ? readAt(file, streamBytes, hashBytes).toString('hex') : ''
    if (checkHash && told !== sha256) refuse(path, 'its SHA-256 is another one')
    return { meta: reader.finish(), bytes, sha256 }
  } catch (error) {
    if (error instanceof StoreError) refuse(path, error.message)
    throw error
  } finally {
    closeSync(file)
  }
}

function readAt(file: number, position: number, length: number): Buffer {
  const buffer = Buffer.alloc(length)
  return buffer.subarray(0, readSync(file, buffer, 0, length, position))
}

function refuse(path: string, reason: string): never {
  throw new UserError(`${path} is damaged, or no snapshot of this program: ${reason}.`)
}
