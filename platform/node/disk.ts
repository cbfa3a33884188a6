// The real disk, over Node's callback API: no promise stands in the way of the log's hot path.
// Leaves out O_DIRECT and fallocate, which Node does not offer: room is reserved by writing zeros,
// which on ext4 and xfs also spares later datasyncs the extent conversion.

import * as fs from 'node:fs'
import { dirname } from 'node:path'
import type { Completion, Disk, DiskErrorCode, DiskFile, OpenOptions, Result } from '../disk.js'
import { DiskError } from '../disk.js'
import { must } from '../errors.js'

const zeros = Buffer.alloc(1024 * 1024)
const fileMode = 0o600
const directoryMode = 0o700

const kinds: ReadonlyMap<string, DiskErrorCode> = new Map([
  ['ENOENT', 'not-found'],
  ['ENOTDIR', 'not-found'],
  ['EEXIST', 'exists'],
  ['ENOTEMPTY', 'exists'],
  ['ENOSPC', 'full'],
  ['EDQUOT', 'full'],
  ['EACCES', 'denied'],
  ['EPERM', 'denied'],
  ['EROFS', 'denied'],
])

function diskError(path: string, cause: NodeJS.ErrnoException): DiskError {
  return new DiskError(kinds.get(cause.code ?? '') ?? 'io', path, cause.message, cause)
}

type ErrnoCallback = (error: NodeJS.ErrnoException | null) => void

const completing =
  (path: string, done: Completion): ErrnoCallback =>
  error =>
    done(error === null || error === undefined ? null : diskError(path, error))

export function nodeDisk(): Disk {
  return {
    open,
    readFile,
    replaceFile,
    list,
    makeDirectory,
    rename,
    remove,
    syncDirectory,
    freeBytes,
  }
}

function open(path: string, options: OpenOptions, done: Result<DiskFile>): void {
  const { O_RDONLY, O_RDWR, O_CREAT, O_EXCL, O_WRONLY, O_DSYNC } = fs.constants
  const flags =
    (options.write ? O_RDWR : O_RDONLY) |
    (options.create ? O_CREAT : 0) |
    (options.exclusive === true ? O_EXCL : 0)
  fs.open(path, flags, fileMode, (error, fd) => {
    if (error) done(diskError(path, error))
    else if (options.synced !== true) done(null, openFile(path, fd, null))
    // A second one: not every write is to wait for the disk, and the flag cannot be changed later.
    else
      fs.open(path, O_WRONLY | O_DSYNC, (syncedError, syncedFd) => {
        if (syncedError) fs.close(fd, () => done(diskError(path, syncedError)))
        else done(null, openFile(path, fd, syncedFd))
      })
  })
}

function openFile(path: string, fd: number, syncedFd: number | null): DiskFile {
  return {
    path,
    write(buffers, position, done) {
      writeAll(path, fd, buffers, position, done)
    },
    writeSynced(buffers, position, done) {
      if (syncedFd !== null) writeAll(path, syncedFd, buffers, position, done)
      else
        writeAll(path, fd, buffers, position, error => {
          if (error !== null) done(error)
          else this.datasync(done)
        })
    },
    read(position, length, done) {
      readUpTo(path, fd, position, Buffer.allocUnsafe(length), 0, done)
    },
    datasync(done) {
      fs.fdatasync(fd, completing(path, done))
    },
    truncate(size, done) {
      fs.ftruncate(fd, size, completing(path, done))
    },
    preallocate(size, done) {
      fs.fstat(fd, (error, stat) => {
        if (error) done(diskError(path, error))
        else writeZeros(path, fd, stat.size, size, done)
      })
    },
    size(done) {
      fs.fstat(fd, (error, stat) => {
        if (error) done(diskError(path, error))
        else done(null, stat.size)
      })
    },
    close(done) {
      if (syncedFd === null) fs.close(fd, completing(path, done))
      else fs.close(syncedFd, () => fs.close(fd, completing(path, done)))
    },
  }
}

function writeAll(
  path: string,
  fd: number,
  buffers: readonly Uint8Array[],
  position: number,
  done: Completion,
): void {
  let total = 0
  for (const buffer of buffers) total += buffer.length
  if (total === 0) {
    setImmediate(done, null)
    return
  }
  fs.writev(fd, buffers, position, (error, written) => {
    if (error) done(diskError(path, error))
    else if (written === total) done(null)
    // A short write is how a disk that is just filling up announces itself.
    else writeAll(path, fd, behind(buffers, written), position + written, done)
  })
}

/** What is left of the buffers after their first `skip` bytes. */
function behind(buffers: readonly Uint8Array[], skip: number): readonly Uint8Array[] {
  const rest: Uint8Array[] = []
  let left = skip
  for (const buffer of buffers) {
    if (left >= buffer.length) left -= buffer.length
    else {
      rest.push(left === 0 ? buffer : buffer.subarray(left))
      left = 0
    }
  }
  return rest
}

function writeZeros(path: string, fd: number, from: number, to: number, done: Completion): void {
  if (from >= to) {
    setImmediate(done, null)
    return
  }
  const length = Math.min(zeros.length, to - from)
  fs.write(fd, zeros, 0, length, from, (error, written) => {
    if (error) done(diskError(path, error))
    else writeZeros(path, fd, from + written, to, done)
  })
}

function readUpTo(
  path: string,
  fd: number,
  position: number,
  target: Buffer,
  filled: number,
  done: Result<Uint8Array>,
): void {
  if (filled === target.length) {
    setImmediate(done, null, target)
    return
  }
  fs.read(fd, target, filled, target.length - filled, position + filled, (error, count) => {
    if (error) done(diskError(path, error))
    else if (count === 0) done(null, target.subarray(0, filled))
    else readUpTo(path, fd, position, target, filled + count, done)
  })
}

function readFile(path: string, maxBytes: number, done: Result<Uint8Array>): void {
  open(path, { create: false, write: false }, (error, file) => {
    if (error) {
      done(error)
      return
    }
    const opened = must(file, 'an open without error has a file')
    // One byte more than allowed tells a file at the limit from one above it.
    opened.read(0, maxBytes + 1, (readError, content) => {
      opened.close(() => {
        if (readError) done(readError)
        else if (must(content, 'a read without error has content').length > maxBytes)
          done(new DiskError('io', path, `file is larger than ${maxBytes} bytes`))
        else done(null, content)
      })
    })
  })
}

function replaceFile(path: string, content: Uint8Array, done: Completion): void {
  const temporary = `${path}.new`
  open(temporary, { create: true, write: true }, (error, file) => {
    if (error) {
      done(error)
      return
    }
    const opened = must(file, 'an open without error has a file')
    const finish = (failure: DiskError | null) => {
      opened.close(closeError => {
        const first = failure ?? closeError
        if (first) done(first)
        else
          rename(temporary, path, renameError => {
            if (renameError) done(renameError)
            else syncDirectory(dirname(path), done)
          })
      })
    }
    opened.truncate(0, truncateError => {
      if (truncateError) finish(truncateError)
      else
        opened.write([content], 0, writeError => {
          if (writeError) finish(writeError)
          else opened.datasync(finish)
        })
    })
  })
}

function list(path: string, done: Result<readonly string[]>): void {
  fs.readdir(path, (error, names) => {
    if (error) done(diskError(path, error))
    else done(null, names.sort())
  })
}

function makeDirectory(path: string, done: Completion): void {
  fs.mkdir(path, { recursive: true, mode: directoryMode }, completing(path, done))
}

function rename(from: string, to: string, done: Completion): void {
  fs.rename(from, to, completing(from, done))
}

function remove(path: string, done: Completion): void {
  fs.rm(path, completing(path, done))
}

function syncDirectory(path: string, done: Completion): void {
  fs.open(path, fs.constants.O_RDONLY, (error, fd) => {
    if (error) done(diskError(path, error))
    else
      fs.fsync(fd, syncError => {
        fs.close(fd, () => completing(path, done)(syncError))
      })
  })
}

function freeBytes(path: string, done: Result<number>): void {
  fs.statfs(path, (error, stat) => {
    if (error) done(diskError(path, error))
    else done(null, stat.bavail * stat.bsize)
  })
}
