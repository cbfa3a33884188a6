// Replicated state that is no key of a client: alarms, users, members, the cluster's version. A map
// from names to bytes that every member holds equal, kept by the backend, carried by snapshots and
// covered by the state hash. Counterpart: etcd's buckets beside `key` (alarm, auth, members, cluster).
// What the bytes mean is the business of typed views, which are made anew on start and on restore.

import { assert } from '../../platform/errors.js'
import { StoreError } from './errors.js'
import { RunningHash } from './hash.js'
import {
  systemRecordBytesMax,
  systemRecordNameBytesMax,
  systemRecordsBytesMax,
  systemRecordsMax,
} from './limits.js'
import type { Bytes } from './types.js'

export interface SystemRecord {
  /** `family/name`, as in `auth/user/root`: 1 to 256 bytes of well-formed UTF-8. */
  readonly name: string
  /** Whoever sets or gets it leaves the bytes as they are. */
  readonly value: Bytes
}

/** 32 bits, unsigned. It stands on disks: it never changes. */
export function recordChecksum({ name, value }: SystemRecord): number {
  return new RunningHash().bytes(Buffer.from(name)).bytes(value).word()
}

/** Whether `name` can name a record. Half a surrogate pair would come back from disk as another. */
export function isRecordName(name: string): boolean {
  const bytes = Buffer.byteLength(name)
  return bytes > 0 && bytes <= systemRecordNameBytesMax && !/\p{Surrogate}/u.test(name)
}

export class SystemRecords {
  readonly #hash: RunningHash
  readonly #values = new Map<string, Bytes>()
  /** Of names and values. 0 <= bytes <= systemRecordsBytesMax */
  #bytes = 0
  /** Of their checksums. */
  #sum = 0
  /** Since the last flush; a name without a value was deleted. */
  #changed = new Set<string>()

  /** `hash` is the running hash of the state, which everything set or deleted from now on enters. */
  constructor(records: Iterable<SystemRecord>, hash: RunningHash) {
    this.#hash = hash
    for (const { name, value } of records) {
      assert(!this.#values.has(name), 'a stored record is there once')
      this.#values.set(name, value)
      this.#count({ name, value }, 1)
    }
  }

  get size(): number {
    return this.#values.size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** 32 bits over all of them. */
  get checksum(): number {
    return this.#sum >>> 0
  }

  get(name: string): Bytes | undefined {
    return this.#values.get(name)
  }

  /** In the order of names (of their UTF-16 code units). Costs a walk over all records. */
  entries(prefix = ''): readonly SystemRecord[] {
    const found: SystemRecord[] = []
    for (const [name, value] of this.#values) {
      if (name.startsWith(prefix)) found.push({ name, value })
    }
    return found.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /**
   * Throws StoreError and has then changed nothing: `malformed` for a name that is none,
   * `request-too-large` for the value, `too-many-records`. A command that sets several asks
   * `checkRoom` first, so that it is refused as a whole.
   */
  set(name: string, value: Bytes): void {
    this.checkRoom([{ name, value }])
    const before = this.#values.get(name)
    if (before !== undefined) this.#count({ name, value: before }, -1)
    this.#values.set(name, value)
    this.#count({ name, value }, 1)
    this.#changed.add(name)
    this.#hash.number(1).bytes(Buffer.from(name)).bytes(value)
  }

  /** Throws as `set` does, when not all of them could be set one after the other. */
  checkRoom(records: readonly SystemRecord[]): void {
    let more = 0
    let bytes = this.#bytes
    for (const { name, value } of records) {
      if (!isRecordName(name)) throw new StoreError('malformed', 'a record cannot have that name')
      if (value.length > systemRecordBytesMax) throw new StoreError('request-too-large')
      if (!this.#values.has(name)) more++
      bytes += bytesOf(name, value)
    }
    // What is replaced makes room only once it is: the limit is far away, and the rule simple.
    if (this.#values.size + more > systemRecordsMax || bytes > systemRecordsBytesMax) {
      throw new StoreError('too-many-records')
    }
  }

  /** False when there was none. */
  delete(name: string): boolean {
    const before = this.#values.get(name)
    if (before === undefined) return false
    this.#values.delete(name)
    this.#count({ name, value: before }, -1)
    this.#changed.add(name)
    this.#hash.number(2).bytes(Buffer.from(name))
    return true
  }

  get changedCount(): number {
    return this.#changed.size
  }

  /** What a flush has to write. `flushed` follows when it has been. */
  changes(): { readonly records: readonly SystemRecord[]; readonly deleted: readonly string[] } {
    const records: SystemRecord[] = []
    const deleted: string[] = []
    for (const name of this.#changed) {
      const value = this.#values.get(name)
      if (value === undefined) deleted.push(name)
      else records.push({ name, value })
    }
    return { records, deleted }
  }

  flushed(): void {
    this.#changed = new Set()
  }

  #count(record: SystemRecord, sign: 1 | -1): void {
    this.#bytes += sign * bytesOf(record.name, record.value)
    this.#sum = (this.#sum + sign * recordChecksum(record)) | 0
  }
}

function bytesOf(name: string, value: Bytes): number {
  return Buffer.byteLength(name) + value.length
}
