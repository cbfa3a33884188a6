// A real disk whose log writes can be held up, refused for want of room, or made to fail.

import type { Completion, Disk, DiskFile } from '../../platform/disk.js'
import { DiskError } from '../../platform/disk.js'
import { must } from '../../platform/errors.js'

export class UnrulyDisk {
  readonly disk: Disk
  private mood: 'well' | 'stalled' | 'full' | 'broken' = 'well'
  private held: (() => void)[] = []

  constructor(inner: Disk) {
    this.disk = {
      ...inner,
      open: (path, options, done) =>
        inner.open(path, options, (error, file) => {
          if (file === undefined) done(error)
          else done(null, this.wrapped(file))
        }),
    }
  }

  /** Syncs do not answer. */
  stall(): void {
    this.mood = 'stalled'
  }

  /** There is no room for anything. */
  fill(): void {
    this.mood = 'full'
  }

  /** Syncs fail. */
  break(): void {
    this.mood = 'broken'
  }

  heal(): void {
    this.mood = 'well'
    const { held } = this
    this.held = []
    for (const sync of held) sync()
  }

  private wrapped(file: DiskFile): DiskFile {
    const ifRoom = (done: Completion, run: () => void) => {
      if (this.mood === 'full')
        setImmediate(done, new DiskError('full', file.path, 'no room, for a test'))
      else run()
    }
    const ifAwake = (done: Completion, run: () => void) => {
      if (this.mood === 'stalled') this.held.push(run)
      else if (this.mood === 'broken')
        setImmediate(done, new DiskError('io', file.path, 'failed, for a test'))
      else run()
    }
    return {
      path: file.path,
      read: (position, length, done) => file.read(position, length, done),
      size: done => file.size(done),
      truncate: (size, done) => file.truncate(size, done),
      close: done => file.close(done),
      write: (buffers, position, done) => ifRoom(done, () => file.write(buffers, position, done)),
      preallocate: (size, done) => ifRoom(done, () => file.preallocate(size, done)),
      writeSynced: (buffers, position, done) =>
        ifRoom(done, () => ifAwake(done, () => file.writeSynced(buffers, position, done))),
      datasync: done => ifAwake(done, () => file.datasync(done)),
    }
  }
}

export function unruly(disks: ReadonlyMap<number, UnrulyDisk>, id: number): UnrulyDisk {
  return must(disks.get(id), `n${id} has a disk`)
}
