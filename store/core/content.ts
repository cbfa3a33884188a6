// What a state amounts to, kept up to date with every command: how much it holds, for the quota, and a
// sum over what it holds, to compare members by. Counterpart: the database size that etcd's quota
// goes by, and the hash of its corruption check; both of those depend on the file, these on the log.
//
// A row counts from when it is made until a compaction hides it, whether it has been deleted by then or
// not, for that is each member's own business. When a row is replaced it is known which compaction will
// hide it: so a compaction only takes what has been lined up for it, and looks at no key.

import type { AppliedState } from './applied-state.js'
import { hex } from './hash.js'
import type { NewVersion } from './keys/key-leaf.js'
import type { Pace, Sliced } from './sliced.js'
import type { Revision } from './types.js'

/** What a row takes beside key and value, about as in the backend. */
const rowOverheadBytes = 64

export function storedBytes({ bytes }: Pick<NewVersion, 'bytes'>): number {
  return bytes + rowOverheadBytes
}

export class Content {
  /** Replaced by a later version of their key, in the order in which that happened. */
  readonly #replaced = new HiddenRows()
  /** Deletions of keys: a compaction at the revision itself still keeps them. */
  readonly #deletions = new HiddenRows()
  #bytes = 0
  #longest = 0
  #sum = 0
  #mixed = 0

  /** Of all rows that count. */
  get bytes(): number {
    return this.#bytes
  }

  /** No row has ever been longer, of those that were here since this process began. */
  get longestBytes(): number {
    return this.#longest
  }

  /** Sixteen hexadecimal digits. */
  get digest(): string {
    return hex(this.#sum) + hex(this.#mixed)
  }

  /** `before` is the newest version of the key until now, be it a deletion. */
  made(version: NewVersion, before: NewVersion | undefined): void {
    this.#count(version, 1)
    const { modRevision, bytes } = version
    if (bytes > this.#longest) this.#longest = bytes
    if (version.version === 0) this.#deletions.push(modRevision + 1, version)
    // A deletion is hidden by what comes behind it anyway.
    if (before !== undefined && before.version > 0) this.#replaced.push(modRevision, before)
  }

  *compacted(revision: Revision, pace: Pace): Sliced<void> {
    const hide = (bytes: number, checksum: number): void => this.#count({ bytes, checksum }, -1)
    for (const rows of [this.#replaced, this.#deletions]) {
      while (rows.take(revision, hide)) if (pace.spend(chunkRows)) yield
    }
  }

  #count({ bytes, checksum }: Pick<NewVersion, 'bytes' | 'checksum'>, sign: 1 | -1): void {
    this.#bytes += sign * storedBytes({ bytes })
    this.#sum = (this.#sum + sign * (checksum | 0)) | 0
    this.#mixed = (this.#mixed + sign * Math.imul(checksum ^ (checksum >>> 15), 0x2c1b3c6d)) | 0
  }
}

const chunkRows = 1024

/** A queue of rows by the lowest compaction that hides them: sixteen bytes a row. */
class HiddenRows {
  #chunks: Chunk[] = []
  /** Of the first chunk. */
  #taken = 0

  /** Revisions do not go back. */
  push(revision: Revision, { bytes, checksum }: Pick<NewVersion, 'bytes' | 'checksum'>): void {
    let chunk = this.#chunks.at(-1)
    if (chunk === undefined || chunk.length === chunkRows) {
      chunk = new Chunk()
      this.#chunks.push(chunk)
    }
    chunk.revisions[chunk.length] = revision
    chunk.bytes[chunk.length] = bytes
    chunk.checksums[chunk.length] = checksum
    chunk.length++
  }

  /** Up to `chunkRows` of them; true where there may be more. */
  take(revision: Revision, hide: (bytes: number, checksum: number) => void): boolean {
    const chunk = this.#chunks[0]
    if (chunk === undefined) return false
    while (this.#taken < chunk.length) {
      const at = this.#taken
      if ((chunk.revisions[at] as number) > revision) return false
      hide(chunk.bytes[at] as number, chunk.checksums[at] as number)
      this.#taken++
    }
    if (chunk.length < chunkRows) return false
    this.#chunks.shift()
    this.#taken = 0
    return true
  }
}

class Chunk {
  readonly revisions = new Float64Array(chunkRows)
  readonly bytes = new Uint32Array(chunkRows)
  readonly checksums = new Uint32Array(chunkRows)
  length = 0
}

/** Sums over rows, leases, system records and sessions: what is on disk, where the state hash is what was done. */
export function contentDigest({
  kv,
  records,
  sessions,
}: Pick<AppliedState, 'kv' | 'records' | 'sessions'>): string {
  return kv.content.digest + hex(kv.leases.checksum) + hex(records.checksum + sessions.checksum)
}
