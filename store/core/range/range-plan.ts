// A range request, understood, and what every way of reading one needs: which version of a key counts,
// what can be counted without a walk, how much one slice may be. Counterpart: the options of etcd's
// mvcc Range.

import { CompactedError, StoreError } from '../errors.js'
import type { KeyEntry } from '../keys/key-entry.js'
import type { KeyIndex } from '../keys/key-index.js'
import type { KeyVersion } from '../keys/key-leaf.js'
import { type Bounds, boundsOf, keyBytes } from '../key-range.js'
import { type RowStore, rowBytes } from '../row-store.js'
import { workOf } from '../sliced.js'
import type { KeyValue, RangeRequest, Revision } from '../types.js'

export interface RangeSource {
  readonly index: KeyIndex
  readonly rows: RowStore
  readonly compactRevision: Revision
  /** The newest one readable; within a transaction that has written, its own. */
  readonly readRevision: Revision
}

/** How much work a slice may be; see workOf. */
const workMax = 4_000
/** At which a page of `request.paged` ends. */
const pageBytesMax = 1024 * 1024
const noBytes = new Uint8Array(0)

/** Throws `future-revision` or CompactedError. 0 and below mean the newest. */
export function checkReadable(revision: Revision, newest: Revision, compacted: Revision): void {
  if (revision <= 0) return
  if (revision > newest) throw new StoreError('future-revision')
  if (revision < compacted) throw new CompactedError(compacted)
}

export type VersionFilter = (version: KeyVersion) => boolean

/** A request, understood. */
export interface RangePlan {
  readonly bounds: Bounds
  readonly revision: Revision
  /** 0: none. */
  readonly limit: number
  readonly keysOnly: boolean
  readonly countOnly: boolean
  readonly filter: VersionFilter | null
  /** It may end before the limit, once it is this long. */
  readonly bytesMax: number
}

export function planOf(request: RangeRequest, revision: Revision): RangePlan {
  return {
    bounds: boundsOf(request),
    revision,
    limit: Math.max(0, request.limit ?? 0),
    keysOnly: request.keysOnly === true,
    countOnly: request.countOnly === true,
    filter: filterOf(request),
    bytesMax: request.paged === true ? pageBytesMax : Number.POSITIVE_INFINITY,
  }
}

function filterOf(request: RangeRequest): VersionFilter | null {
  const minMod = request.minModRevision ?? 0
  const maxMod = request.maxModRevision ?? 0
  const minCreate = request.minCreateRevision ?? 0
  const maxCreate = request.maxCreateRevision ?? 0
  if (minMod <= 0 && maxMod <= 0 && minCreate <= 0 && maxCreate <= 0) return null
  return ({ modRevision, createRevision }) =>
    (minMod <= 0 || modRevision >= minMod) &&
    (maxMod <= 0 || modRevision <= maxMod) &&
    (minCreate <= 0 || createRevision >= minCreate) &&
    (maxCreate <= 0 || createRevision <= maxCreate)
}

/** The live version of a key at a revision; null when there is none. */
export function liveAt(entry: KeyEntry, revision: Revision): KeyVersion | null {
  const version = entry.at(revision)
  return version === null || version.version === 0 ? null : version
}

/** How many keys live in the range, where the index can tell without looking at them; else null. */
export function countWithoutWalk(source: RangeSource, plan: RangePlan): number | null {
  const { start, end, single } = plan.bounds
  if (single) {
    const entry = source.index.get(start)
    return entry !== undefined && liveAt(entry, plan.revision) !== null ? 1 : 0
  }
  return source.index.countLiveAt(plan.revision, start, end)
}

export function materialize(
  entry: KeyEntry,
  version: KeyVersion,
  rows: RowStore,
  keysOnly: boolean,
): KeyValue {
  if (!keysOnly) return rows.read(version.ordinal)
  return {
    key: keyBytes(entry.key),
    value: noBytes,
    createRevision: version.createRevision,
    modRevision: version.modRevision,
    version: version.version,
    lease: version.lease,
  }
}

/** Work and bytes of one slice. */
export class SliceBudget {
  #work = 0
  #bytes = 0
  readonly #bytesMax: number

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get spent(): boolean {
    return this.#work >= workMax || this.#bytes >= this.#bytesMax
  }

  looked(): void {
    this.#work += 1
  }

  took(kv: KeyValue, keysOnly: boolean): void {
    this.#bytes += rowBytes(kv)
    this.#work += keysOnly ? 1 : workOf.reading
  }
}
