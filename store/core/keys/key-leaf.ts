// A leaf of the key index: up to a few hundred keys in order, each with its newest version and its
// older ones. Ten million keys are what memory is made of, so they are no objects: what the keys have
// in common stands once, the rest of them in one buffer, the numbers in another. Neither is looked at
// by the garbage collector.

import { assert } from '../../../platform/errors.js'
import type { Ordinal } from '../backend.js'
import type { LeaseId, Revision } from '../types.js'

/** What is known of one version without reading its value. Version 0 is a deletion. */
export interface KeyVersion {
  readonly modRevision: Revision
  readonly ordinal: Ordinal
  readonly createRevision: Revision
  readonly version: number
  readonly lease: LeaseId
}

/** A version when it is made, which is when it becomes the newest. */
export interface NewVersion extends KeyVersion {
  /** Of key and value. */
  readonly bytes: number
  /** Of the row. */
  readonly checksum: number
}

const leafEntriesMax = 256
/** A leaf of long keys is split sooner. */
const leafBytesMax = 64 * 1024
/** Of a newest version: modRevision, ordinal, createRevision, version; leases stand apart. */
const width = 4
/** And of 32 bits: bytes, checksum. */
const contentWidth = 2

/** Numbers of an older version. */
export const olderWidth = 5

/** Flat, oldest first. */
export type OlderVersions = number[]

export class KeyLeaf {
  readonly leaf = true
  next: KeyLeaf | null = null
  previous: KeyLeaf | null = null
  /** Entries whose newest version is not a deletion. */
  live = 0
  /** Counts changes after which a slot may be that of another key. */
  changes = 0
  #count = 0
  #prefix: string
  #suffixes = Buffer.alloc(0)
  /** Of each suffix. */
  #ends = new Uint32Array(0)
  #numbers = new Float64Array(0)
  #contents = new Uint32Array(0)
  /** Null while no key here has one. */
  #leases: Float64Array | null = null
  /** Null while every key here was written once. */
  #older: (OlderVersions | null)[] | null = null

  /** All keys that will be put in here are thought to begin with `prefix`. */
  constructor(prefix: string) {
    this.#prefix = prefix
  }

  get count(): number {
    return this.#count
  }

  get full(): boolean {
    return this.#count > leafEntriesMax || (this.#count > 1 && this.#bytes > leafBytesMax)
  }

  /** Both fit well into one leaf. */
  fitsWith(other: KeyLeaf): boolean {
    const count = this.#count + other.#count
    const bytes = this.#keyBytes + other.#keyBytes
    return count * 4 <= leafEntriesMax * 3 && bytes * 2 <= leafBytesMax
  }

  get small(): boolean {
    return this.#count <= leafEntriesMax >>> 2
  }

  /** First slot whose key is not below `key`. */
  lowerBound(key: string): number {
    const order = this.#compareToPrefix(key)
    if (order !== 0) return order < 0 ? 0 : this.#count
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#compareSuffix(middle, key) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  holds(slot: number, key: string): boolean {
    return (
      slot < this.#count && this.#compareToPrefix(key) === 0 && this.#compareSuffix(slot, key) === 0
    )
  }

  keyAt(slot: number): string {
    const start = this.#startOf(slot)
    const end = this.#endOf(slot)
    const prefixLength = this.#prefix.length
    const length = prefixLength + end - start
    if (scratch.length < length) scratch = Buffer.allocUnsafeSlow(length * 2)
    scratch.write(this.#prefix, 'latin1')
    for (let at = start; at < end; at++) {
      scratch[prefixLength + at - start] = this.#suffixes[at] as number
    }
    return scratch.toString('latin1', 0, length)
  }

  isLive(slot: number): boolean {
    return this.#numbers[slot * width + 3] !== 0
  }

  versionAt(slot: number): NewVersion {
    const at = slot * width
    return {
      modRevision: this.#numbers[at] as number,
      ordinal: this.#numbers[at + 1] as number,
      createRevision: this.#numbers[at + 2] as number,
      version: this.#numbers[at + 3] as number,
      lease: this.#leases?.[slot] ?? 0,
      bytes: this.#contents[slot * contentWidth] as number,
      checksum: this.#contents[slot * contentWidth + 1] as number,
    }
  }

  olderAt(slot: number): OlderVersions | null {
    return this.#older?.[slot] ?? null
  }

  liveBefore(slot: number): number {
    let live = 0
    for (let at = 0; at < slot; at++) if (this.isLive(at)) live++
    return live
  }

  insert(slot: number, key: string, version: NewVersion, older: OlderVersions | null = null): void {
    const shared = sharedLength(this.#prefix, key)
    if (shared < this.#prefix.length) this.#shortenPrefix(shared)
    const length = key.length - this.#prefix.length
    this.#makeRoom(length)
    const start = this.#startOf(slot)
    this.#suffixes.copyWithin(start + length, start, this.#bytes)
    for (let at = 0; at < length; at++) {
      this.#suffixes[start + at] = key.charCodeAt(this.#prefix.length + at)
    }
    for (let at = this.#count; at > slot; at--) {
      this.#ends[at] = (this.#ends[at - 1] as number) + length
    }
    this.#ends[slot] = start + length
    this.#numbers.copyWithin((slot + 1) * width, slot * width, this.#count * width)
    this.#contents.copyWithin(
      (slot + 1) * contentWidth,
      slot * contentWidth,
      this.#count * contentWidth,
    )
    this.#leases?.copyWithin(slot + 1, slot, this.#count)
    this.#older?.splice(slot, 0, null)
    this.#count++
    this.changes++
    if (version.version > 0) this.live++
    this.#set(slot, version)
    if (older !== null) this.#setOlder(slot, older)
  }

  remove(slot: number): void {
    assert(slot < this.#count, 'a key that is removed is there')
    if (this.isLive(slot)) this.live--
    const start = this.#startOf(slot)
    const end = this.#endOf(slot)
    this.#suffixes.copyWithin(start, end, this.#bytes)
    for (let at = slot + 1; at < this.#count; at++) {
      this.#ends[at - 1] = (this.#ends[at] as number) - (end - start)
    }
    this.#numbers.copyWithin(slot * width, (slot + 1) * width, this.#count * width)
    this.#contents.copyWithin(
      slot * contentWidth,
      (slot + 1) * contentWidth,
      this.#count * contentWidth,
    )
    this.#leases?.copyWithin(slot, slot + 1, this.#count)
    this.#older?.splice(slot, 1)
    this.#count--
    this.changes++
  }

  /** The present version becomes an older one; answers by how much the number of live keys changes. */
  advance(slot: number, next: NewVersion): -1 | 0 | 1 {
    const present = this.versionAt(slot)
    assert(next.modRevision > present.modRevision, 'versions of a key follow in revision order')
    const { modRevision, ordinal, createRevision, version, lease } = present
    const older = this.olderAt(slot)
    if (older === null) {
      this.#setOlder(slot, [modRevision, ordinal, createRevision, version, lease])
    } else older.push(modRevision, ordinal, createRevision, version, lease)
    this.#set(slot, next)
    const change = Number(next.version > 0) - Number(version > 0)
    this.live += change
    return change as -1 | 0 | 1
  }

  setOlder(slot: number, older: OlderVersions | null): void {
    if (older !== null) this.#setOlder(slot, older)
    else if (this.#older !== null) this.#older[slot] = null
  }

  /** The keys from `slot` on, in a leaf of their own that follows this one. */
  splitOff(slot: number): KeyLeaf {
    const right = this.#part(slot, this.#count)
    const left = this.#part(0, slot)
    this.#prefix = left.#prefix
    this.#suffixes = left.#suffixes
    this.#ends = left.#ends
    this.#numbers = left.#numbers
    this.#contents = left.#contents
    this.#leases = left.#leases
    this.#older = left.#older
    this.#count = left.#count
    this.live = left.live
    this.changes++
    right.next = this.next
    right.previous = this
    if (this.next !== null) this.next.previous = right
    this.next = right
    return right
  }

  /** Takes in the leaf that follows. */
  join(right: KeyLeaf): void {
    assert(this.next === right, 'neighbours are joined')
    for (let slot = 0; slot < right.#count; slot++) this.#push(right, slot)
    this.next = right.next
    if (right.next !== null) right.next.previous = this
  }

  get #bytes(): number {
    return this.#count === 0 ? 0 : this.#endOf(this.#count - 1)
  }

  get #keyBytes(): number {
    return this.#bytes + this.#count * this.#prefix.length
  }

  #startOf(slot: number): number {
    return slot === 0 ? 0 : (this.#ends[slot - 1] as number)
  }

  #endOf(slot: number): number {
    return this.#ends[slot] as number
  }

  /** Of what `key` begins with. */
  #compareToPrefix(key: string): number {
    const { length } = this.#prefix
    for (let at = 0; at < length; at++) {
      if (at === key.length) return -1
      const difference = key.charCodeAt(at) - this.#prefix.charCodeAt(at)
      if (difference !== 0) return difference
    }
    return 0
  }

  /** The key of a slot against one that begins with the prefix. */
  #compareSuffix(slot: number, key: string): number {
    const end = this.#endOf(slot)
    let at = this.#prefix.length
    for (let from = this.#startOf(slot); from < end; from++, at++) {
      if (at >= key.length) return 1
      const difference = (this.#suffixes[from] as number) - key.charCodeAt(at)
      if (difference !== 0) return difference
    }
    return at < key.length ? -1 : 0
  }

  #set(slot: number, next: NewVersion): void {
    const { modRevision, ordinal, createRevision, version, lease, bytes, checksum } = next
    const at = slot * width
    this.#numbers[at] = modRevision
    this.#numbers[at + 1] = ordinal
    this.#numbers[at + 2] = createRevision
    this.#numbers[at + 3] = version
    this.#contents[slot * contentWidth] = bytes
    this.#contents[slot * contentWidth + 1] = checksum
    if (lease !== 0) this.#leases ??= new Float64Array(this.#ends.length)
    if (this.#leases !== null) this.#leases[slot] = lease
  }

  #setOlder(slot: number, older: OlderVersions): void {
    this.#older ??= Array.from({ length: this.#count }, () => null)
    this.#older[slot] = older
  }

  #makeRoom(length: number): void {
    if (this.#count === this.#ends.length) {
      const capacity = this.#count + Math.max(8, this.#count >>> 3)
      this.#ends = grown(this.#ends, new Uint32Array(capacity))
      this.#numbers = grown(this.#numbers, new Float64Array(capacity * width))
      this.#contents = grown(this.#contents, new Uint32Array(capacity * contentWidth))
      if (this.#leases !== null) this.#leases = grown(this.#leases, new Float64Array(capacity))
    }
    const bytes = this.#bytes + length
    if (bytes <= this.#suffixes.length) return
    this.#suffixes = grown(this.#suffixes, Buffer.allocUnsafeSlow(bytes + (bytes >>> 3) + 16))
  }

  #shortenPrefix(length: number): void {
    const more = this.#prefix.slice(length)
    const from = this.#suffixes
    const to = Buffer.allocUnsafeSlow(this.#bytes + this.#count * more.length)
    let written = 0
    for (let slot = 0; slot < this.#count; slot++) {
      // Ends are moved behind the start of the next.
      const start = slot === 0 ? 0 : (this.#ends[slot - 1] as number) - slot * more.length
      const end = this.#endOf(slot)
      written += to.write(more, written, 'latin1')
      written += from.copy(to, written, start, end)
      this.#ends[slot] = written
    }
    this.#suffixes = to
    this.#prefix = this.#prefix.slice(0, length)
  }

  #part(from: number, to: number): KeyLeaf {
    if (from === to) return new KeyLeaf('')
    const first = this.keyAt(from)
    const part = new KeyLeaf(first.slice(0, sharedLength(first, this.keyAt(to - 1))))
    // What is not of the suffixes any more.
    const cut = part.#prefix.length - this.#prefix.length
    const bytes = this.#endOf(to - 1) - this.#startOf(from) - (to - from) * cut
    part.#count = to - from
    part.#suffixes = Buffer.allocUnsafeSlow(bytes)
    part.#ends = new Uint32Array(to - from)
    let written = 0
    for (let slot = from; slot < to; slot++) {
      written += this.#suffixes.copy(
        part.#suffixes,
        written,
        this.#startOf(slot) + cut,
        this.#endOf(slot),
      )
      part.#ends[slot - from] = written
      if (this.isLive(slot)) part.live++
    }
    part.#numbers = this.#numbers.slice(from * width, to * width)
    part.#contents = this.#contents.slice(from * contentWidth, to * contentWidth)
    const leases = this.#leases?.slice(from, to)
    if (leases?.some(lease => lease !== 0) === true) part.#leases = leases
    const older = this.#older?.slice(from, to)
    if (older?.some(versions => versions !== null) === true) part.#older = older
    return part
  }

  #push(from: KeyLeaf, slot: number): void {
    this.insert(this.#count, from.keyAt(slot), from.versionAt(slot), from.olderAt(slot))
  }
}

/** Where keys are put together; one at a time. */
let scratch = Buffer.allocUnsafeSlow(1024)

function sharedLength(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  let at = 0
  while (at < length && a.charCodeAt(at) === b.charCodeAt(at)) at++
  return at
}

function grown<T extends Uint32Array | Float64Array | Buffer>(from: T, to: T): T {
  to.set(from)
  return to
}
