// A watch that looks whether its user may still read before it gives anything away. That is one
// comparison unless users or roles have changed.

import type { Watcher } from '../../core/replica.js'
import type { Revision, WatchBatch } from '../../core/types.js'

export interface GuardedWatcherOptions {
  readonly watcher: Watcher
  readonly onReadable: () => void
  /** Another object whenever permissions may be others. */
  readonly mark: () => object
  /** Throws when the watch has to end. */
  readonly check: () => void
  readonly onClose: (self: GuardedWatcher) => void
}

export class GuardedWatcher implements Watcher {
  readonly #options: GuardedWatcherOptions
  #checked: object

  /** Has been checked in this turn. */
  constructor(options: GuardedWatcherOptions) {
    this.#options = options
    this.#checked = options.mark()
  }

  get nextRevision(): Revision {
    return this.#options.watcher.nextRevision
  }

  next(eventsBytesMax: number, fragments?: boolean): WatchBatch | null {
    this.#check()
    return this.#options.watcher.next(eventsBytesMax, fragments)
  }

  progress(atLeast: Revision): Revision | null {
    // A watch that has to end says so when it is asked for more; until then it has no progress.
    if (this.#options.mark() !== this.#checked) return null
    return this.#options.watcher.progress(atLeast)
  }

  /** So that a watch that lost its permission ends now, and not with the next event. */
  wake(): void {
    this.#options.onReadable()
  }

  close(): void {
    this.#options.onClose(this)
    this.#options.watcher.close()
  }

  #check(): void {
    const mark = this.#options.mark()
    if (mark === this.#checked) return
    this.#options.check()
    this.#checked = mark
  }
}
