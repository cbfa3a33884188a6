// Files as an argument, completion-based: every call answers through its callback, never twice,
// and never before the call returned. Paths are those of the machine. There is deliberately no
// fsync of metadata per file: `datasync` or `writeSynced` for content, `syncDirectory` after create and
// rename.

import { RaftsmanError } from './errors.js'

export type DiskErrorCode = 'not-found' | 'exists' | 'full' | 'io' | 'denied'

/** A failed disk call. `full` (ENOSPC, EDQUOT) may be retried once room is made; `io` may not. */
export class DiskError extends RaftsmanError {
  readonly kind: DiskErrorCode
  readonly path: string

  constructor(kind: DiskErrorCode, path: string, message: string, cause?: unknown) {
    super(`${message} (${path})`, {
      code: `disk-${kind}`,
      retryable: kind === 'full',
      outcome: 'unknown',
      cause,
    })
    this.kind = kind
    this.path = path
  }
}

export type Completion = (error: DiskError | null) => void
export type Result<T> = (error: DiskError | null, value?: T) => void

export interface DiskFile {
  readonly path: string
  /** Writes all buffers one behind another from `position` (bytes), as one vectored write. */
  write(buffers: readonly Uint8Array[], position: number, done: Completion): void
  /**
   * The same, and what this call has written is on disk when it answers, with the size that reading it
   * needs. What was written by others may not be. One call to the machine instead of two where the
   * file was opened for it. An error other than `full` is that of a failed sync: not to be retried.
   */
  writeSynced(buffers: readonly Uint8Array[], position: number, done: Completion): void
  /** Reads up to `length` bytes; a shorter answer means the end of the file. */
  read(position: number, length: number, done: Result<Uint8Array>): void
  /** Content and size are on disk when it answers. */
  datasync(done: Completion): void
  truncate(size: number, done: Completion): void
  /** Reserves blocks so that later writes below `size` need no allocation; zero filled. */
  preallocate(size: number, done: Completion): void
  size(done: Result<number>): void
  close(done: Completion): void
}

export interface OpenOptions {
  readonly create: boolean
  readonly write: boolean
  /** Fail with `exists` if the file is there. */
  readonly exclusive?: boolean
  /** `writeSynced` will be called often. */
  readonly synced?: boolean
}

export interface Disk {
  open(path: string, options: OpenOptions, done: Result<DiskFile>): void
  /** Whole file; a file above `maxBytes` is an `io` error. */
  readFile(path: string, maxBytes: number, done: Result<Uint8Array>): void
  /** Atomically replaces: temporary file, datasync, rename, syncDirectory. */
  replaceFile(path: string, content: Uint8Array, done: Completion): void
  /** Names in a directory, sorted. */
  list(path: string, done: Result<readonly string[]>): void
  makeDirectory(path: string, done: Completion): void
  rename(from: string, to: string, done: Completion): void
  remove(path: string, done: Completion): void
  syncDirectory(path: string, done: Completion): void
  freeBytes(path: string, done: Result<number>): void
}
