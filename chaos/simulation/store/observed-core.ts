// The shipping state machine of the store, with somebody who looks on: every entry it applies, and every
// state that takes the place of its own, is told. It does nothing else that StoreCore does not do.

import type { RaftsmanError } from '../../../platform/errors.js'
import type { Entry, LogIndex } from '../../../raft/core/types.js'
import { type SnapshotSink, unfinished } from '../../../raft/state-machine.js'
import type { Backend } from '../../../store/core/backend.js'
import type { CommandResult } from '../../../store/core/command.js'
import type { Watcher } from '../../../store/core/replica.js'
import { StoreCore } from '../../../store/core/store-core.js'
import type { StoreCoreConfig } from '../../../store/core/store-core-config.js'
import type { WatchRequest } from '../../../store/core/types.js'

export interface CoreObserver {
  /** An entry takes another turn. */
  readonly paused: (entry: Entry, core: StoreCore) => void
  readonly applied: (entry: Entry, results: readonly CommandResult[], core: StoreCore) => void
  /** The state has been replaced by that of a snapshot. */
  readonly restored: (core: StoreCore) => void
  readonly watched: (request: WatchRequest, core: StoreCore) => void
}

export class ObservedCore extends StoreCore {
  readonly #observer: CoreObserver

  constructor(backend: Backend, config: StoreCoreConfig, observer: CoreObserver) {
    super(backend, config)
    this.#observer = observer
  }

  override apply(entry: Entry): readonly CommandResult[] | typeof unfinished {
    const results = super.apply(entry)
    if (results === unfinished) this.#observer.paused(entry, this)
    else this.#observer.applied(entry, results, this)
    return results
  }

  override openWatch(request: WatchRequest, onReadable: () => void): Watcher {
    this.#observer.watched(request, this)
    return super.openWatch(request, onReadable)
  }

  override beginRestore(
    index: LogIndex,
    done: (error: RaftsmanError | null, sink?: SnapshotSink) => void,
  ): void {
    super.beginRestore(index, (error, sink) => {
      if (sink === undefined) done(error)
      else
        done(error, {
          write: (chunk, answer) => sink.write(chunk, answer),
          commit: answer =>
            sink.commit(failure => {
              if (failure === null) this.#observer.restored(this)
              answer(failure)
            }),
          abort: () => sink.abort(),
        })
    })
  }
}
