// Taking in a snapshot: the stream fills a fresh state with the backend and a fresh index beside it,
// and both take the place of the old ones in one step. Counterpart: etcd's applySnapshot.

import type { RaftsmanError } from '../../platform/errors.js'
import type { SnapshotSink } from '../../raft/state-machine.js'
import { type Backend, BackendError, type BackendRestore, type StateMeta } from './backend.js'
import { StoreError, UnknownCommandError } from './errors.js'
import { headOf } from './row.js'
import { SnapshotReader } from './snapshot.js'
import { StateBuilder } from './state.js'

export class RestoreSink implements SnapshotSink {
  readonly #index: number
  readonly #restore: BackendRestore
  /** Throws where the state is of a version that this program does not know. */
  readonly #onCheck: (builder: StateBuilder) => void
  readonly #onCommit: (meta: StateMeta, builder: StateBuilder) => void
  readonly #onVisible: () => void
  readonly #builder = new StateBuilder()
  readonly #reader: SnapshotReader
  #state: 'open' | 'failed' | 'aborted' | 'committed' = 'open'

  constructor(
    backend: Backend,
    index: number,
    onCheck: (builder: StateBuilder) => void,
    onCommit: (meta: StateMeta, builder: StateBuilder) => void,
    onVisible: () => void,
  ) {
    this.#index = index
    this.#onCheck = onCheck
    this.#onCommit = onCommit
    this.#onVisible = onVisible
    this.#restore = backend.beginRestore()
    this.#reader = new SnapshotReader({
      onMeta: meta => {
        if (meta.appliedIndex !== this.#index) {
          throw new StoreError('snapshot-corrupt', 'it is of another index')
        }
      },
      onLeases: leases => {
        this.#restore.write({ leases })
        for (const lease of leases) this.#builder.lease(lease)
      },
      onRecords: records => {
        this.#restore.write({ records })
        for (const record of records) this.#builder.record(record)
      },
      onRows: rows => {
        this.#restore.write({ rows })
        for (const row of rows) this.#builder.row(headOf(row))
      },
    })
  }

  write(chunk: Uint8Array, done: (error: RaftsmanError | null) => void): void {
    this.#attempt(() => this.#reader.push(chunk), done)
  }

  commit(done: (error: RaftsmanError | null) => void): void {
    const wasOpen = this.#state === 'open'
    this.#attempt(() => {
      const meta = this.#reader.finish()
      if (!this.#builder.finish(meta)) {
        throw new StoreError('snapshot-corrupt', 'its rows do not fit together')
      }
      this.#onCheck(this.#builder)
      this.#restore.commit(meta)
      this.#state = 'committed'
      this.#onCommit(meta, this.#builder)
    }, done)
    // What listeners throw is theirs, and no failure of the restore.
    if (wasOpen && this.#isCommitted()) this.#onVisible()
  }

  #isCommitted(): boolean {
    return this.#state === 'committed'
  }

  abort(): void {
    if (this.#state !== 'open') return
    this.#state = 'aborted'
    this.#restore.abort()
  }

  /** After a first error nothing more is taken, and the old state stays. */
  #attempt(step: () => void, done: (error: RaftsmanError | null) => void): void {
    if (this.#state !== 'open') {
      done(new BackendError('backend-closed', 'the restore is over'))
      return
    }
    try {
      step()
    } catch (error) {
      const known = error instanceof StoreError || error instanceof BackendError
      if (!known && !(error instanceof UnknownCommandError)) throw error
      this.#state = 'failed'
      this.#restore.abort()
      done(error)
      return
    }
    done(null)
  }
}
