// A disk that answers for bad sectors: pages that cannot be read come back as zeros. For repairs and
// for looking at damaged logs only; what is missing then shows as a bad record, like any other damage.

import type { Disk, DiskFile, Result } from '../../platform/disk.js'

const pageBytes = 4096

export function patientDisk(disk: Disk): Disk {
  return {
    readFile: (path, bytesMax, done) => disk.readFile(path, bytesMax, done),
    replaceFile: (path, content, done) => disk.replaceFile(path, content, done),
    list: (path, done) => disk.list(path, done),
    makeDirectory: (path, done) => disk.makeDirectory(path, done),
    rename: (from, to, done) => disk.rename(from, to, done),
    remove: (path, done) => disk.remove(path, done),
    syncDirectory: (path, done) => disk.syncDirectory(path, done),
    freeBytes: (path, done) => disk.freeBytes(path, done),
    open: (path, options, done) =>
      disk.open(path, options, (error, file) => {
        if (file === undefined) done(error)
        else done(null, options.write ? file : patientFile(file))
      }),
  }
}

function patientFile(file: DiskFile): DiskFile {
  return {
    path: file.path,
    write: (buffers, position, done) => file.write(buffers, position, done),
    writeSynced: (buffers, position, done) => file.writeSynced(buffers, position, done),
    datasync: done => file.datasync(done),
    truncate: (size, done) => file.truncate(size, done),
    preallocate: (size, done) => file.preallocate(size, done),
    size: done => file.size(done),
    close: done => file.close(done),
    read: (position, length, done) =>
      file.read(position, length, (error, content) => {
        if (error === null || error.kind !== 'io') done(error, content)
        else readPages(file, position, length, done)
      }),
  }
}

function readPages(
  file: DiskFile,
  position: number,
  length: number,
  done: Result<Uint8Array>,
): void {
  const content = new Uint8Array(length)
  const page = (at: number): void => {
    if (at >= length) {
      done(null, content)
      return
    }
    const begin = position + at
    const bytes = Math.min(pageBytes - (begin % pageBytes), length - at)
    file.read(begin, bytes, (error, read) => {
      if (error !== null && error.kind !== 'io') done(error)
      else if (read !== undefined && read.length < bytes) {
        content.set(read, at)
        done(null, content.subarray(0, at + read.length))
      } else {
        if (read !== undefined) content.set(read, at)
        page(at + bytes)
      }
    })
  }
  page(0)
}
