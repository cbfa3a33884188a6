// Reading a range at a revision. Counterpart: etcd's applier for Range and mvcc's kvstore_txn. What
// can be decided by the index alone (counts, filters, most orders, keysOnly) reads no value.

import { unreachable } from '../../platform/errors.js'
import { CompactedError, StoreError } from './errors.js'
import type { KeyIndex, KeyVersion } from './key-index.js'
import { boundsOf, compareBytes, keyBytes } from './key-range.js'
import type { RowStore } from './row-store.js'
import type { KeyValue, RangeRequest, Revision, SortTarget } from './types.js'

export interface RangeSource {
  readonly index: KeyIndex
  readonly rows: RowStore
  readonly compactRevision: Revision
  /** The newest one readable: inside a transaction that has written, its own. */
  readonly readRevision: Revision
}

export interface RangeResult {
  readonly kvs: readonly KeyValue[]
  readonly more: boolean
  readonly count: number
}

interface Candidate {
  readonly key: string
  readonly version: KeyVersion
}

const noBytes = new Uint8Array(0)

/** Throws `future-revision` or CompactedError. 0 and below mean the newest. */
export function checkReadable(revision: Revision, newest: Revision, compacted: Revision): void {
  if (revision <= 0) return
  if (revision > newest) throw new StoreError('future-revision')
  if (revision < compacted) throw new CompactedError(compacted)
}

export function readRange(source: RangeSource, request: RangeRequest): RangeResult {
  const asked = request.revision ?? 0
  checkReadable(asked, source.readRevision, source.compactRevision)
  const revision = asked <= 0 ? source.readRevision : asked
  const limit = Math.max(0, request.limit ?? 0)
  if (request.countOnly === true) {
    return { kvs: [], more: false, count: collect(source, request, revision, null, 0) }
  }
  const order = orderOf(request)
  const filter = filterOf(request)
  let found: Candidate[] = []
  // A limit may stop the walk only when nothing is left out or moved afterwards.
  const stopAt = limit > 0 && order === null && filter === null ? limit : 0
  const count = collect(source, request, revision, found, stopAt)
  if (filter !== null) found = found.filter(({ version }) => filter(version))
  if (order !== null) sort(found, order, source.rows)
  const total = stopAt > 0 ? count : found.length
  const more = limit > 0 && total > limit
  if (limit > 0 && found.length > limit) found.length = limit
  const keysOnly = request.keysOnly === true
  return { kvs: found.map(one => materialize(one, source.rows, keysOnly)), more, count }
}

/** Fills `into` up to `stopAt` (0: all) and answers how many live keys the whole range has. */
function collect(
  source: RangeSource,
  request: RangeRequest,
  revision: Revision,
  into: Candidate[] | null,
  stopAt: number,
): number {
  const { start, end, single } = boundsOf(request)
  if (single) {
    const version = source.index.get(start)?.at(revision) ?? null
    if (version === null || version.version === 0) return 0
    into?.push({ key: start, version })
    return 1
  }
  const isNewest = revision >= source.readRevision
  if (into === null && isNewest) return source.index.countLive(start, end)
  let count = 0
  source.index.ascend(start, end, entry => {
    const version = isNewest ? entry : entry.at(revision)
    if (version === null || version.version === 0) return true
    count++
    if (into !== null && (stopAt === 0 || into.length < stopAt)) {
      into.push({ key: entry.key, version })
    }
    return !(isNewest && stopAt > 0 && count >= stopAt)
  })
  return isNewest && stopAt > 0 ? source.index.countLive(start, end) : count
}

function materialize({ key, version }: Candidate, rows: RowStore, keysOnly: boolean): KeyValue {
  if (!keysOnly) return rows.read(version.ordinal)
  return {
    key: keyBytes(key),
    value: noBytes,
    createRevision: version.createRevision,
    modRevision: version.modRevision,
    version: version.version,
    lease: version.lease,
  }
}

interface Order {
  readonly target: SortTarget
  readonly descend: boolean
}

/** Null: by key, ascending, as the index has it. Another target without an order ascends. */
function orderOf(request: RangeRequest): Order | null {
  const target = request.sortTarget ?? 'key'
  const descend = request.sortOrder === 'descend'
  return target === 'key' && !descend ? null : { target, descend }
}

function sort(found: Candidate[], { target, descend }: Order, rows: RowStore): void {
  const sign = descend ? -1 : 1
  const compare = comparator(target, rows)
  found.sort((a, b) => sign * compare(a, b))
}

function comparator(target: SortTarget, rows: RowStore): (a: Candidate, b: Candidate) => number {
  switch (target) {
    case 'key':
      return (a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)
    case 'version':
      return (a, b) => a.version.version - b.version.version
    case 'create':
      return (a, b) => a.version.createRevision - b.version.createRevision
    case 'mod':
      return (a, b) => a.version.modRevision - b.version.modRevision
    case 'value':
      return (a, b) =>
        compareBytes(rows.read(a.version.ordinal).value, rows.read(b.version.ordinal).value)
    default:
      return unreachable(target)
  }
}

function filterOf(request: RangeRequest): ((version: KeyVersion) => boolean) | null {
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
