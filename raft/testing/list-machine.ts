// A state machine of a few lines: the list of all payloads. It keeps its durable half in a
// `ListDisk`, which outlives it as a file would.

import { must } from '../../platform/errors.js'
import type { Entry, LogIndex } from '../core/types.js'
import { logIndex } from '../core/types.js'
import type { SnapshotSink, SnapshotSource, StateMachine } from '../state-machine.js'

export interface ListDisk {
  items: readonly string[]
  appliedIndex: number
}

export function emptyListDisk(): ListDisk {
  return { items: [], appliedIndex: 0 }
}

export class ListMachine implements StateMachine {
  items: string[]
  appliedIndex: LogIndex
  /** Snapshots that took the place of its state. */
  restores = 0
  private readonly disk: ListDisk
  /** Entries applied between two flushes to the disk. */
  private readonly flushEvery: number

  constructor(disk: ListDisk, flushEvery: number) {
    this.disk = disk
    this.flushEvery = flushEvery
    this.items = [...disk.items]
    this.appliedIndex = logIndex(disk.appliedIndex)
  }

  get durableIndex(): LogIndex {
    return logIndex(this.disk.appliedIndex)
  }

  /** The result is the length of the list with this item. */
  apply(entry: Entry): unknown {
    this.appliedIndex = entry.index
    if (entry.kind !== 'normal') return null
    this.items.push(new TextDecoder().decode(entry.data))
    return this.items.length
  }

  applied(): void {
    if (this.appliedIndex - this.disk.appliedIndex >= this.flushEvery) this.flush()
  }

  private flush(): void {
    this.disk.items = [...this.items]
    this.disk.appliedIndex = this.appliedIndex
  }

  makeDurable(done: (error: null) => void): void {
    this.flush()
    done(null)
  }

  openSnapshot(done: (error: null, source?: SnapshotSource) => void): void {
    const bytes = Buffer.from(JSON.stringify(this.items))
    let at = 0
    done(null, {
      index: this.appliedIndex,
      read(bytesMax, answer) {
        const end = Math.min(bytes.length, at + Math.min(bytesMax, 1000))
        const chunk = at === bytes.length ? null : bytes.subarray(at, end)
        at = end
        answer(null, chunk)
      },
      close() {},
    })
  }

  beginRestore(index: LogIndex, done: (error: null, sink?: SnapshotSink) => void): void {
    const chunks: Uint8Array[] = []
    done(null, {
      write(chunk, answer) {
        chunks.push(chunk.slice())
        answer(null)
      },
      commit: answer => {
        const items: unknown = JSON.parse(Buffer.concat(chunks).toString())
        this.items = must(Array.isArray(items) ? items.map(String) : null, 'a list of items')
        this.appliedIndex = index
        this.restores += 1
        this.flush()
        answer(null)
      },
      abort() {},
    })
  }
}
