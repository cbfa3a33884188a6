// A disk in memory that fails as disks do: what was not synced is lost in a power cut, sector by
// sector and in any order; syncs fail; room runs out; bits rot; sectors land in the wrong place.
// Deterministic: every choice comes from a seeded Random, and when calls answer is the caller's
// affair. For tests and the simulator.

import type { Completion, Disk, DiskErrorCode, DiskFile, OpenOptions, Result } from '../disk.js'
import { DiskError } from '../disk.js'
import { must } from '../errors.js'
import type { Random } from '../random.js'

/** What a call amounts to for the machine: the simulator gives each a time of its own. */
export type DiskOperation = 'read' | 'write' | 'sync' | 'name'

export interface MemoryDiskOptions {
  readonly random: Random
  /** Runs the end of a call later: at once is not allowed. The simulator's delay stands here. */
  readonly schedule: (callback: () => void, operation: DiskOperation) => void
  /** What a crash keeps or loses as a whole; 512 when absent. */
  readonly sectorBytes?: number
}

/** Faults to come. Fields may be set at any time. */
export interface DiskFaults {
  /** Bytes that all files together may take. */
  capacityBytes: number
  /** This many more syncs succeed; then one fails, and `null` again. */
  syncsUntilFailure: number | null
  /** This many more writes succeed; then one fails with `io`, and `null` again. */
  writesUntilFailure: number | null
  /** Syncs answer at once and do nothing, as drives that lie do. No log survives that. */
  syncsLie: boolean
}

interface Inode {
  content: Uint8Array
  size: number
  syncedContent: Uint8Array
  syncedSize: number
  readonly dirty: Set<number>
  /** Sectors of syncs under way, which are no longer in `dirty`. */
  readonly syncing: Set<readonly number[]>
}

const emptyInode = (): Inode => ({
  content: new Uint8Array(0),
  size: 0,
  syncedContent: new Uint8Array(0),
  syncedSize: 0,
  dirty: new Set(),
  syncing: new Set(),
})

/** One step in the journal of the file system: it happens whole or not at all. */
type NameChange = readonly { readonly path: string; readonly inode: Inode | null }[]

export class MemoryDisk implements Disk {
  readonly faults: DiskFaults = {
    capacityBytes: Number.MAX_SAFE_INTEGER,
    syncsUntilFailure: null,
    writesUntilFailure: null,
    syncsLie: false,
  }
  private readonly random: Random
  private readonly schedule: (callback: () => void, operation: DiskOperation) => void
  private readonly sectorBytes: number
  private names = new Map<string, Inode>()
  private syncedNames = new Map<string, Inode>()
  /** Creations, renames and removals since their directory was synced, in order. */
  private nameChanges: NameChange[] = []
  /** A crash makes everything that was open, and every call under way, void. */
  private life = 0

  constructor(options: MemoryDiskOptions) {
    this.random = options.random
    this.schedule = options.schedule
    this.sectorBytes = options.sectorBytes ?? 512
  }

  /**
   * Power is cut: of what was not synced each sector survives or not, and so does each change of a
   * name, in order up to some point. Calls under way never answer.
   */
  crash(): void {
    this.kill()
    const survivors = this.random.integer(this.nameChanges.length + 1)
    const names = new Map(this.syncedNames)
    for (const change of this.nameChanges.slice(0, survivors))
      for (const { path, inode } of change) setName(names, path, inode)
    this.names = names
    this.syncedNames = new Map(names)
    this.nameChanges = []
    for (const inode of new Set(names.values())) this.loseSectors(inode)
  }

  /**
   * The process is killed and the machine goes on: what was written is still in its cache, and no
   * more durable than before. Calls under way never answer.
   */
  kill(): void {
    this.life += 1
    for (const inode of new Set([...this.names.values(), ...this.syncedNames.values()])) {
      for (const sectors of inode.syncing) for (const sector of sectors) inode.dirty.add(sector)
      inode.syncing.clear()
    }
  }

  private loseSectors(inode: Inode): void {
    const size = this.random.integer(2) === 0 ? inode.syncedSize : inode.size
    // Mostly some of each; now and then all or nothing of the last writes.
    const chance = this.random.integer(5)
    for (const sector of [...inode.dirty].sort((a, b) => a - b)) {
      if (this.random.integer(4) < chance) this.copySector(inode, sector)
    }
    inode.content = grown(inode.syncedContent.slice(), size)
    inode.content.fill(0, size)
    inode.syncedContent = inode.content.slice()
    inode.size = size
    inode.syncedSize = size
    inode.dirty.clear()
  }

  private copySector(inode: Inode, sector: number): void {
    const start = sector * this.sectorBytes
    const end = Math.min(start + this.sectorBytes, inode.content.length)
    inode.syncedContent = grown(inode.syncedContent, end)
    inode.syncedContent.set(inode.content.subarray(start, end), start)
  }

  /** What the file holds now, or null. A copy. */
  contentOf(path: string): Uint8Array | null {
    const inode = this.names.get(path)
    return inode === undefined ? null : inode.content.slice(0, inode.size)
  }

  /** Puts a file there, durable, past all faults. */
  place(path: string, content: Uint8Array): void {
    const inode: Inode = {
      ...emptyInode(),
      content: content.slice(),
      size: content.length,
      syncedContent: content.slice(),
      syncedSize: content.length,
    }
    this.names.set(path, inode)
    this.syncedNames.set(path, inode)
  }

  paths(): readonly string[] {
    return [...this.names.keys()].sort()
  }

  /**
   * What would be left of every file if power were cut now and nothing unsynced survived. Views,
   * not copies.
   */
  durableFiles(): ReadonlyMap<string, Uint8Array> {
    const files = new Map<string, Uint8Array>()
    for (const [path, { syncedContent, syncedSize }] of this.syncedNames)
      files.set(path, syncedContent.subarray(0, syncedSize))
    return files
  }

  /** A bit rots. */
  flipBit(path: string, offset: number, bit: number): void {
    const inode = must(this.names.get(path), 'the file exists')
    for (const content of [inode.content, inode.syncedContent])
      if (offset < content.length) content[offset] = (content[offset] as number) ^ (1 << bit)
  }

  /** A sector lands where another one stands: `to` holds what `from` holds, in cache and on disk. */
  misdirect(path: string, from: number, to: number): void {
    const inode = must(this.names.get(path), 'the file exists')
    const { sectorBytes } = this
    for (const content of [inode.content, inode.syncedContent])
      content.copyWithin(to * sectorBytes, from * sectorBytes, (from + 1) * sectorBytes)
  }

  private answer(operation: DiskOperation, callback: () => void): void {
    const life = this.life
    this.schedule(() => {
      if (life === this.life) callback()
    }, operation)
  }

  private refuse(done: (error: DiskError) => void, kind: DiskErrorCode, path: string): void {
    this.answer('name', () => done(new DiskError(kind, path, `memory disk: ${kind}`)))
  }

  open(path: string, options: OpenOptions, done: Result<DiskFile>): void {
    const found = this.names.get(path)
    if (found !== undefined && options.exclusive === true) this.refuse(done, 'exists', path)
    else if (found !== undefined) this.answer('name', () => done(null, this.handle(path, found)))
    else if (!options.create) this.refuse(done, 'not-found', path)
    else {
      const inode = emptyInode()
      this.change(path, inode)
      this.answer('name', () => done(null, this.handle(path, inode)))
    }
  }

  private handle(path: string, inode: Inode): DiskFile {
    const life = this.life
    /** Whoever had the file open died with the crash: what its timers still try has no effect. */
    const living = (run: () => void) => {
      if (life === this.life) run()
    }
    return {
      path,
      write: (buffers, position, done) =>
        living(() => this.writeInode(path, inode, buffers, position, done)),
      writeSynced: (buffers, position, done) =>
        living(() =>
          this.writeInode(path, inode, buffers, position, error => {
            if (error !== null) done(error)
            else this.syncRange(path, inode, position, position + lengthOf(buffers), done)
          }),
        ),
      read: (position, length, done) =>
        living(() => {
          const end = Math.min(position + length, inode.size)
          const content = inode.content.slice(Math.min(position, end), end)
          this.answer('read', () => done(null, content))
        }),
      datasync: done => living(() => this.syncInode(path, inode, done)),
      truncate: (size, done) =>
        living(() => {
          this.resize(inode, size)
          this.answer('name', () => done(null))
        }),
      preallocate: (size, done) => living(() => this.preallocateInode(path, inode, size, done)),
      size: done => living(() => this.answer('name', () => done(null, inode.size))),
      close: done => living(() => this.answer('name', () => done(null))),
    }
  }

  private preallocateInode(path: string, inode: Inode, size: number, done: Completion): void {
    if (size > inode.size && this.lacksRoomFor(size - inode.size)) {
      this.refuse(done, 'full', path)
      return
    }
    if (size > inode.size) this.resize(inode, size)
    this.answer('write', () => done(null))
  }

  private resize(inode: Inode, size: number): void {
    inode.content = grown(inode.content, size)
    const [from, to] = [Math.min(size, inode.size), Math.max(size, inode.size)]
    inode.content.fill(0, from)
    this.soil(inode, from, to)
    inode.size = size
  }

  private soil(inode: Inode, from: number, to: number): void {
    for (let at = Math.floor(from / this.sectorBytes); at * this.sectorBytes < to; at += 1)
      inode.dirty.add(at)
  }

  private writeInode(
    path: string,
    inode: Inode,
    buffers: readonly Uint8Array[],
    position: number,
    done: Completion,
  ): void {
    const end = position + lengthOf(buffers)
    if (this.strikes('writesUntilFailure')) {
      this.refuse(done, 'io', path)
      return
    }
    if (end > inode.size && this.lacksRoomFor(end - inode.size)) {
      this.refuse(done, 'full', path)
      return
    }
    inode.content = grown(inode.content, end)
    let at = position
    for (const buffer of buffers) {
      inode.content.set(buffer, at)
      at += buffer.length
    }
    this.soil(inode, position, end)
    inode.size = Math.max(inode.size, end)
    this.answer('write', () => done(null))
  }

  private syncInode(path: string, inode: Inode, done: Completion): void {
    this.sync(path, inode, [...inode.dirty], inode.size, done)
  }

  /** Nothing but this: what else was written stays as durable as it was. */
  private syncRange(path: string, inode: Inode, from: number, to: number, done: Completion): void {
    const sectors: number[] = []
    for (let at = Math.floor(from / this.sectorBytes); at * this.sectorBytes < to; at += 1)
      if (inode.dirty.has(at)) sectors.push(at)
    this.sync(path, inode, sectors, Math.max(inode.syncedSize, Math.min(to, inode.size)), done)
  }

  private sync(
    path: string,
    inode: Inode,
    sectors: readonly number[],
    size: number,
    done: Completion,
  ): void {
    // What is written while the sync is under way is not part of it.
    const clean = () => {
      for (const sector of sectors) inode.dirty.delete(sector)
    }
    if (this.strikes('syncsUntilFailure')) {
      // As Linux does: the pages count as clean from now on, although nothing was written.
      clean()
      this.refuse(done, 'io', path)
      return
    }
    if (this.faults.syncsLie) {
      this.answer('sync', () => done(null))
      return
    }
    clean()
    inode.syncing.add(sectors)
    this.answer('sync', () => {
      inode.syncing.delete(sectors)
      for (const sector of sectors) this.copySector(inode, sector)
      inode.syncedContent = grown(inode.syncedContent, size)
      inode.syncedContent.fill(0, size)
      inode.syncedSize = size
      done(null)
    })
  }

  private strikes(fault: 'syncsUntilFailure' | 'writesUntilFailure'): boolean {
    const left = this.faults[fault]
    if (left === null) return false
    this.faults[fault] = left === 0 ? null : left - 1
    return left === 0
  }

  private lacksRoomFor(bytes: number): boolean {
    const { capacityBytes } = this.faults
    return capacityBytes < Number.MAX_SAFE_INTEGER && this.usedBytes() + bytes > capacityBytes
  }

  private usedBytes(): number {
    let used = 0
    for (const inode of new Set(this.names.values())) used += inode.size
    return used
  }

  private change(path: string, inode: Inode | null): void {
    setName(this.names, path, inode)
    this.nameChanges.push([{ path, inode }])
  }

  readFile(path: string, maxBytes: number, done: Result<Uint8Array>): void {
    const inode = this.names.get(path)
    if (inode === undefined) this.refuse(done, 'not-found', path)
    else if (inode.size > maxBytes) this.refuse(done, 'io', path)
    else {
      const content = inode.content.slice(0, inode.size)
      this.answer('read', () => done(null, content))
    }
  }

  replaceFile(path: string, content: Uint8Array, done: Completion): void {
    this.answer('name', () => {
      this.place(path, content)
      done(null)
    })
  }

  list(path: string, done: Result<readonly string[]>): void {
    const prefix = `${path}/`
    const found = new Set<string>()
    for (const name of this.names.keys())
      if (name.startsWith(prefix))
        found.add(must(name.slice(prefix.length).split('/')[0], 'a name'))
    this.answer('name', () => done(null, [...found].sort()))
  }

  makeDirectory(_path: string, done: Completion): void {
    this.answer('name', () => done(null))
  }

  rename(from: string, to: string, done: Completion): void {
    const inode = this.names.get(from)
    if (inode === undefined) {
      this.refuse(done, 'not-found', from)
      return
    }
    setName(this.names, from, null)
    setName(this.names, to, inode)
    // A crash never leaves both names or none.
    this.nameChanges.push([
      { path: to, inode },
      { path: from, inode: null },
    ])
    this.answer('name', () => done(null))
  }

  remove(path: string, done: Completion): void {
    if (!this.names.has(path)) {
      this.refuse(done, 'not-found', path)
      return
    }
    this.change(path, null)
    this.answer('name', () => done(null))
  }

  syncDirectory(_path: string, done: Completion): void {
    const names = new Map(this.names)
    const changes = this.nameChanges
    const count = changes.length
    this.answer('sync', () => {
      this.syncedNames = names
      if (changes === this.nameChanges) this.nameChanges = changes.slice(count)
      done(null)
    })
  }

  freeBytes(_path: string, done: Result<number>): void {
    this.answer('name', () => done(null, Math.max(0, this.faults.capacityBytes - this.usedBytes())))
  }
}

function lengthOf(buffers: readonly Uint8Array[]): number {
  let length = 0
  for (const buffer of buffers) length += buffer.length
  return length
}

function setName(names: Map<string, Inode>, path: string, inode: Inode | null): void {
  if (inode === null) names.delete(path)
  else names.set(path, inode)
}

function grown(content: Uint8Array, size: number): Uint8Array {
  if (content.length >= size) return content
  const larger = new Uint8Array(Math.max(size, content.length * 2))
  larger.set(content)
  return larger
}
