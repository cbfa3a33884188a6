// Which keys came to life and which went, lately: with it the keys of a range at a revision not long
// ago are counted from those there are now, without a look at any. Pages of a list, all pinned to the
// revision of the first, would else walk the rest of the range each for their count.

import type { Revision } from '../types.js'

const changesMax = 32_768

interface Change {
  readonly revision: Revision
  readonly key: string
  readonly change: 1 | -1
}

export class LiveChanges {
  #changes: Change[] = []
  /** Every change behind this revision is here. */
  #since: Revision = 0

  /** In the order of revisions. */
  note(revision: Revision, key: string, change: 1 | -1): void {
    this.#changes.push({ revision, key, change })
    if (this.#changes.length <= changesMax) return
    const gone = changesMax >>> 2
    this.#since = this.#changes[gone - 1]?.revision ?? this.#since
    this.#changes = this.#changes.slice(gone)
  }

  /** By how many more keys live in the range now than at `revision`; null when it is too long ago. */
  behind(revision: Revision, start: string, end: string | null): number | null {
    if (revision < this.#since) return null
    let low = 0
    let high = this.#changes.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#changes[middle] as Change).revision <= revision) low = middle + 1
      else high = middle
    }
    let difference = 0
    for (let at = low; at < this.#changes.length; at++) {
      const { key, change } = this.#changes[at] as Change
      if (key >= start && (end === null || key < end)) difference += change
    }
    return difference
  }
}
