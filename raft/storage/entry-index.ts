// Where entries stand on disk: a sparse table of (index, segment, offset), in memory, that follows
// what is written. Pure. Truncation makes it more than a list of offsets: what was overwritten stays on
// disk, so a run of records may be read only up to where the next one begins.
//
//   points  (1, seg 1, @176)  (90, seg 1, @65 KiB)  (101, seg 2, @200)   (97, seg 2, @9 KiB)
//                                                      └─ dropped when 97 was written again
//   90..96 stand in order behind the second point, whatever else comes behind 96 there
//
// Bounded: a point every `pointBytes` of a segment, one a segment, and one each time that entries were
// overwritten, which takes a change of leader.

import { assert, must } from '../../platform/errors.js'

const pointBytes = 64 * 1024

export interface EntryPoint {
  /** Of the first entry in the record. */
  readonly index: number
  readonly sequence: number
  readonly offset: number
  readonly crc: number
}

export interface EntryRun extends EntryPoint {
  /** The last entry that may be read in this run. */
  readonly last: number
}

export class EntryIndex {
  /** By index, ascending strictly; those before `dead` are forgotten. */
  private points: EntryPoint[] = []
  private dead = 0
  private last = 0
  private interrupted = false

  /** Entries `point.index` to `last` were written, and replace what was there from then on. */
  append(point: EntryPoint, last: number): void {
    assert(last >= point.index, 'a record holds an entry')
    let newest = this.newest
    const follows = newest !== null && point.index === this.last + 1
    if (!follows) {
      while (newest !== null && newest.index >= point.index) {
        this.points.pop()
        newest = this.newest
      }
    }
    const near =
      follows &&
      !this.interrupted &&
      newest !== null &&
      newest.sequence === point.sequence &&
      point.offset - newest.offset < pointBytes
    if (!near) this.points.push(point)
    this.last = last
    this.interrupted = false
  }

  private get newest(): EntryPoint | null {
    return this.points.length > this.dead ? (this.points.at(-1) ?? null) : null
  }

  /** What comes next does not stand behind what came last, although it may follow by index. */
  interrupt(): void {
    this.interrupted = true
  }

  /** Everything is gone: a snapshot took its place. */
  clear(): void {
    this.points = []
    this.dead = 0
    this.last = 0
  }

  /** Entries up to `index` will not be asked for any more. */
  forget(index: number): void {
    while (this.dead + 1 < this.points.length && this.at(this.dead + 1).index <= index + 1)
      this.dead += 1
    if (this.dead * 2 > this.points.length) {
      this.points = this.points.slice(this.dead)
      this.dead = 0
    }
  }

  private at(position: number): EntryPoint {
    return must(this.points[position], 'a point of the table')
  }

  /** The run that has the entry, or null when none has. */
  find(index: number): EntryRun | null {
    let low = this.dead
    let high = this.points.length
    if (index > this.last) return null
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.at(middle).index <= index) low = middle + 1
      else high = middle
    }
    if (low === this.dead) return null
    const next = this.points[low]
    return { ...this.at(low - 1), last: next === undefined ? this.last : next.index - 1 }
  }

  /** What an entry takes on disk, on average; 0 where there are too few to say. */
  get meanBytes(): number {
    let bytes = 0
    let entries = 0
    for (let position = this.dead + 1; position < this.points.length; position += 1) {
      const point = this.at(position - 1)
      const next = this.at(position)
      if (next.sequence !== point.sequence) continue
      bytes += next.offset - point.offset
      entries += next.index - point.index
    }
    return entries === 0 ? 0 : bytes / entries
  }

  /** Points that are kept, for tests of their number. */
  get size(): number {
    return this.points.length - this.dead
  }
}
