// A key as the index knows it: a picture of its newest version, and a view of its older ones. Made
// when it is asked for, and to be used before the index changes. Counterpart: etcd's keyIndex.

import { assert, must } from '../../../platform/errors.js'
import type { Ordinal } from '../backend.js'
import {
  type KeyLeaf,
  type KeyVersion,
  type NewVersion,
  type OlderVersions,
  olderWidth,
} from './key-leaf.js'
import type { LeaseId, Revision } from '../types.js'

export class KeyEntry implements NewVersion {
  readonly modRevision: Revision
  readonly ordinal: Ordinal
  readonly createRevision: Revision
  readonly version: number
  readonly lease: LeaseId
  readonly bytes: number
  readonly checksum: number
  readonly #leaf: KeyLeaf
  readonly #slot: number
  readonly #changes: number
  readonly #older: OlderVersions | null
  #key: string | null

  constructor(leaf: KeyLeaf, slot: number, key: string | null) {
    const newest = leaf.versionAt(slot)
    this.modRevision = newest.modRevision
    this.ordinal = newest.ordinal
    this.createRevision = newest.createRevision
    this.version = newest.version
    this.lease = newest.lease
    this.bytes = newest.bytes
    this.checksum = newest.checksum
    this.#leaf = leaf
    this.#slot = slot
    this.#changes = leaf.changes
    this.#older = leaf.olderAt(slot)
    this.#key = key
  }

  get key(): string {
    if (this.#key === null) {
      this.#assertInPlace()
      this.#key = this.#leaf.keyAt(this.#slot)
    }
    return this.#key
  }

  get olderCount(): number {
    return this.#older === null ? 0 : this.#older.length / olderWidth
  }

  /** 0 is the oldest. */
  olderVersion(position: number): KeyVersion {
    const older = must(this.#older, 'older versions')
    const at = position * olderWidth
    assert(at >= 0 && at < older.length, 'an older version within the history')
    return {
      modRevision: older[at] as number,
      ordinal: older[at + 1] as number,
      createRevision: older[at + 2] as number,
      version: older[at + 3] as number,
      lease: older[at + 4] as number,
    }
  }

  /**
   * `next` is the newest version from now on, and this picture is out of date. Answers by how much the number
   * of live keys changes; null, and nothing was done, where the index has changed since.
   */
  advance(next: NewVersion): -1 | 0 | 1 | null {
    return this.#leaf.changes === this.#changes ? this.#leaf.advance(this.#slot, next) : null
  }

  /** Of the first version in row `ordinal` or a later one; the newest version stands at `olderCount`. */
  positionOf(ordinal: Ordinal): number {
    return this.#search(1, ordinal)
  }

  /** The newest version at `revision`, a deletion included; null when there was none yet. */
  at(revision: Revision): KeyVersion | null {
    if (this.modRevision <= revision) return this
    const position = this.#search(0, revision + 1) - 1
    return position < 0 ? null : this.olderVersion(position)
  }

  /**
   * Drops what no read at or above `revision` can see, and adds the ordinals dropped to `dropped`, until there
   * are `droppedMax` of them: `unfinished` where more of this key has to go. A deletion made at `revision`
   * itself stays, for a watch may start there. `gone`: nothing is left.
   */
  compact(
    revision: Revision,
    dropped: Ordinal[],
    droppedMax = Number.POSITIVE_INFINITY,
  ): 'kept' | 'gone' | 'unfinished' {
    this.#assertInPlace()
    const hidden = this.#hiddenBy(revision)
    const dead = this.version === 0 && this.modRevision < revision
    const room = Math.max(0, droppedMax - dropped.length)
    this.#drop(Math.min(hidden, room), dropped)
    if (hidden + (dead ? 1 : 0) > room) return 'unfinished'
    if (!dead) return 'kept'
    dropped.push(this.ordinal)
    return 'gone'
  }

  /** Of the older versions, how many. */
  #hiddenBy(revision: Revision): number {
    if (this.modRevision <= revision) return this.olderCount
    const kept = this.#search(0, revision + 1) - 1
    if (kept < 0) return 0
    const { version, modRevision } = this.olderVersion(kept)
    return version > 0 || modRevision === revision ? kept : kept + 1
  }

  /** The oldest ones. */
  #drop(count: number, dropped: Ordinal[]): void {
    if (count === 0) return
    const older = must(this.#older, 'older versions')
    for (let at = 0; at < count; at++) dropped.push(older[at * olderWidth + 1] as number)
    if (count * olderWidth === older.length) this.#leaf.setOlder(this.#slot, null)
    // In place: a key may have very many, of which some go at a time.
    else older.splice(0, count * olderWidth)
  }

  /** Position of the first older version whose number at `field` is not below `value`. */
  #search(field: number, value: number): number {
    const older = this.#older ?? []
    let low = 0
    let high = this.olderCount
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((older[middle * olderWidth + field] as number) < value) low = middle + 1
      else high = middle
    }
    return low
  }

  #assertInPlace(): void {
    assert(this.#leaf.changes === this.#changes, 'an entry is used before the index changes')
  }
}
