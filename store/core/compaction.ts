// Deleting what a compaction has hidden, a slice of keys at a time. Counterpart: etcd's
// scheduleCompaction. Progress is not stored: after a restart the walk starts over and finds less.

import type { Ordinal } from './backend.js'
import type { KeyIndex } from './keys/key-index.js'
import type { RowStore } from './row-store.js'
import type { Revision } from './types.js'

export class Compactor {
  /** Everything up to here has been deleted. */
  #done: Revision
  #target: Revision
  /** First key not looked at in the present walk; null between walks. */
  #position: string | null = null
  /** Target when the present walk began: a later one needs a walk of its own. */
  #walking: Revision = 0

  constructor(done: Revision, target: Revision) {
    this.#done = done
    this.#target = target
  }

  get done(): Revision {
    return this.#done
  }

  get pending(): boolean {
    return this.#done < this.#target
  }

  raise(target: Revision): void {
    this.#target = target
  }

  /** Looks at `keysMax` keys and drops as many rows; true when nothing is left to do. Tells of rows before they go. */
  slice(
    index: KeyIndex,
    rows: RowStore,
    keysMax: number,
    dropping: (ordinals: readonly Ordinal[]) => void,
  ): boolean {
    if (!this.pending) return true
    if (this.#position === null) {
      this.#position = ''
      this.#walking = this.#target
    }
    const dropped: Ordinal[] = []
    const gone: string[] = []
    let looked = 0
    let next: string | null = null
    index.ascend(this.#position, null, entry => {
      if (looked >= keysMax || dropped.length >= keysMax) {
        next = entry.key
        return false
      }
      looked++
      const left = entry.compact(this.#walking, dropped, keysMax)
      if (left === 'gone') gone.push(entry.key)
      else if (left === 'unfinished') next = entry.key
      return next === null
    })
    for (const key of gone) index.remove(key)
    dropping(dropped)
    rows.drop(dropped)
    this.#position = next
    if (next === null) this.#done = this.#walking
    return !this.pending
  }
}
