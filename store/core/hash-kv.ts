// One hash over all that can be read at a revision and below, to compare members by. Counterpart:
// etcd's HashKV. Rows that a compaction has hidden do not count, whether they are deleted or not.

import { RunningHash } from './hash.js'
import type { KeyEntry } from './keys/key-entry.js'
import type { KeyVersion } from './keys/key-leaf.js'
import { keyBytes } from './key-range.js'
import type { Kv } from './kv.js'
import { checkReadable } from './range/range-plan.js'
import type { HashJob } from './replica.js'
import type { HashKvResponse, ResponseHeader, Revision } from './types.js'

export class HashWalk implements HashJob {
  readonly #kv: () => Kv
  readonly #header: () => ResponseHeader
  readonly #revision: Revision
  #walked: Kv
  #compactRevision: Revision
  #hash = new RunningHash()
  #position = ''

  constructor(kv: () => Kv, header: () => ResponseHeader, revision: Revision) {
    this.#kv = kv
    this.#header = header
    this.#revision = revision
    this.#walked = kv()
    this.#compactRevision = this.#walked.compactRevision
  }

  step(keysMax: number): HashKvResponse | null {
    const kv = this.#kv()
    if (kv !== this.#walked || kv.compactRevision !== this.#compactRevision) {
      // What counts has changed under the walk: it starts over.
      this.#walked = kv
      this.#compactRevision = kv.compactRevision
      this.#hash = new RunningHash()
      this.#position = ''
    }
    checkReadable(this.#revision, kv.revision, kv.compactRevision)
    let looked = 0
    const next = kv.index.ascendSlice(this.#position, null, entry => {
      this.#entry(kv, entry)
      looked++
      return looked >= keysMax
    })
    if (next !== null) {
      this.#position = next
      return null
    }
    return {
      header: this.#header(),
      hash: this.#hash.digest(),
      revision: this.#revision,
      compactRevision: this.#compactRevision,
    }
  }

  #entry(kv: Kv, entry: KeyEntry): void {
    const newestKept = entry.at(this.#compactRevision)
    for (let position = 0; position < entry.olderCount; position++) {
      this.#version(kv, entry.key, entry.olderVersion(position), newestKept)
    }
    this.#version(kv, entry.key, entry, newestKept)
  }

  #version(kv: Kv, key: string, version: KeyVersion, newestKept: KeyVersion | null): void {
    const compacted = this.#compactRevision
    const { modRevision } = version
    if (modRevision > this.#revision) return
    if (modRevision <= compacted) {
      if (modRevision !== newestKept?.modRevision) return
      if (version.version === 0 && modRevision < compacted) return
    }
    this.#hash
      .bytes(keyBytes(key))
      .number(modRevision)
      .number(version.createRevision)
      .number(version.version)
      .number(version.lease)
      .bytes(kv.rows.read(version.ordinal).value)
  }
}
