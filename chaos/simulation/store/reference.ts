// A second, plain implementation of what the log amounts to: every version of every key that ever was,
// lists instead of trees, nothing compacted, nothing on disk. Written from etcd's documented rules. What
// it says of a command, of a range at a revision and of the events of a watch is what must be answered.

import { must, unreachable } from '../../../platform/errors.js'
import type { Compare, KeyRange, PutRequest, RangeRequest } from '../../../store/core/types.js'
import type { KeyValue, RequestOp, TxnRequest } from '../../../store/core/types.js'

/** One version of a key, as the answer or event that shows it. `version` 0: deleted. */
export interface Change {
  readonly key: string
  readonly kv: KeyValue
  /** The live version before it. */
  readonly before: KeyValue | null
}

export interface ReferenceLease {
  readonly id: number
  readonly ttlSeconds: number
  /** Of the log. */
  readonly grantedAt: number
  /** 0 while it lives. */
  goneAt: number
  /** The last checkpoint; 0: none, or withdrawn. */
  remainingSeconds: number
}

/** What a command must be answered with; `body` is compared as text. */
export type Expected =
  | { readonly ok: true; readonly revision: number; readonly body: unknown }
  | { readonly ok: false; readonly code: string }

export class Refusal extends Error {
  readonly code: string

  constructor(code: string) {
    super(code)
    this.code = code
  }
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')
const noBytes = new Uint8Array(0)

/** Half open; null: no end. */
interface Span {
  readonly start: string
  readonly end: string | null
}

export function spanOf({ key, end }: KeyRange): Span {
  const start = text(key)
  if (end === undefined || end.length === 0) return { start, end: `${start}\0` }
  return { start, end: end.length === 1 && end[0] === 0 ? null : text(end) }
}

export const within = ({ start, end }: Span, key: string): boolean =>
  key >= start && (end === null || key < end)

export class Reference {
  revision = 1
  compacted = -1
  /** All that were ever granted. */
  readonly leases = new Map<number, ReferenceLease>()
  /** changes[i] are those of revision i + 2: the empty store has revision 1. */
  private readonly changes: Change[][] = []
  private readonly versions = new Map<string, KeyValue[]>()
  /** Of the transaction that is being applied. */
  private pending: Change[] = []
  /** The revision that transactions see. */
  private view = Number.MAX_SAFE_INTEGER

  changesOf(revision: number): readonly Change[] {
    return this.changes[revision - 2] ?? []
  }

  livingLeases(): ReferenceLease[] {
    return [...this.leases.values()].filter(({ goneAt }) => goneAt === 0)
  }

  // ---- reading ----

  /** The version of a key at a revision, deletions included. */
  versionAt(key: string, revision: number): KeyValue | null {
    return this.versions.get(key)?.findLast(kv => kv.modRevision <= revision) ?? null
  }

  private liveAt(key: string, revision: number): KeyValue | null {
    const kv = this.versionAt(key, revision)
    return kv === null || kv.version === 0 ? null : kv
  }

  /** In key order. */
  liveIn(span: Span, revision: number): KeyValue[] {
    const found: { readonly key: string; readonly kv: KeyValue }[] = []
    for (const key of this.versions.keys()) {
      const kv = within(span, key) ? this.liveAt(key, revision) : null
      if (kv !== null) found.push({ key, kv })
    }
    return found.sort((a, b) => (a.key < b.key ? -1 : 1)).map(({ kv }) => kv)
  }

  /** `newest`: the revision that the answer was made at, maybe before a compaction of later. */
  range(request: RangeRequest, newest: number, isEarlier = false) {
    const asked = request.revision ?? 0
    if (asked > newest) throw new Refusal('future-revision')
    if (asked > 0 && asked < this.compacted && !isEarlier) throw new Refusal('compacted')
    const all = this.liveIn(spanOf(request), asked > 0 ? asked : newest)
    if (request.countOnly === true) return { kvs: [], more: false, count: all.length }
    const { minModRevision = 0, maxModRevision = 0 } = request
    const { minCreateRevision = 0, maxCreateRevision = 0, limit = 0 } = request
    const kept = all.filter(
      ({ modRevision, createRevision }) =>
        (minModRevision <= 0 || modRevision >= minModRevision) &&
        (maxModRevision <= 0 || modRevision <= maxModRevision) &&
        (minCreateRevision <= 0 || createRevision >= minCreateRevision) &&
        (maxCreateRevision <= 0 || createRevision <= maxCreateRevision),
    )
    const sorted = kept.sort(orderOf(request))
    const kvs = (limit > 0 ? sorted.slice(0, limit) : sorted).map(kv =>
      request.keysOnly === true ? { ...kv, value: noBytes } : kv,
    )
    return { kvs, more: kvs.length < sorted.length, count: all.length }
  }

  /** A transaction that writes nothing, answered at that revision. */
  readTxn(request: TxnRequest, revision: number): object {
    this.view = revision
    try {
      return this.run(request, this.choose(request), revision)
    } finally {
      this.view = Number.MAX_SAFE_INTEGER
    }
  }

  // ---- applying ----

  /** Commands that write keys. Throws Refusal, and has then changed nothing. */
  put(request: PutRequest): Expected {
    this.checkPut(request)
    const prevKv = this.runPut(request, this.revision + 1)
    return this.committed({ prevKv: request.prevKv === true ? prevKv : null })
  }

  deleteRange(request: KeyRange & { readonly prevKv?: boolean }): Expected {
    return this.committed(this.runDelete(request, this.revision + 1))
  }

  txn(request: TxnRequest): Expected {
    const path = this.choose(request)
    this.checkPath(request, [...path])
    return this.committed(this.run(request, path, this.revision + 1))
  }

  compact(revision: number): Expected {
    if (revision <= this.compacted) throw new Refusal('compacted')
    if (revision > this.revision) throw new Refusal('future-revision')
    this.compacted = revision
    return { ok: true, revision: this.revision, body: {} }
  }

  grant(id: number, ttlSeconds: number, index: number): Expected {
    if (this.leases.get(id)?.goneAt === 0) throw new Refusal('lease-exists')
    this.leases.set(id, { id, ttlSeconds, grantedAt: index, goneAt: 0, remainingSeconds: 0 })
    return { ok: true, revision: this.revision, body: { id, ttlSeconds } }
  }

  revoke(id: number, leaderTerm: number, term: number, index: number): Expected {
    if (leaderTerm !== 0 && leaderTerm !== term) throw new Refusal('stale-leader')
    const lease = this.leases.get(id)
    if (lease === undefined || lease.goneAt !== 0) throw new Refusal('lease-not-found')
    for (const { key } of this.attachedTo(id)) this.record(text(key), this.tombstone(key))
    lease.goneAt = index
    return this.committed({})
  }

  checkpoint(
    checkpoints: readonly { readonly id: number; readonly remainingSeconds: number }[],
    leaderTerm: number,
    term: number,
  ): Expected {
    if (leaderTerm !== 0 && leaderTerm !== term) throw new Refusal('stale-leader')
    for (const { id, remainingSeconds } of checkpoints) {
      const lease = this.leases.get(id)
      if (lease?.goneAt === 0) lease.remainingSeconds = Math.min(remainingSeconds, lease.ttlSeconds)
    }
    return { ok: true, revision: this.revision, body: {} }
  }

  /** Live keys of a lease, in key order. */
  attachedTo(lease: number, revision = this.revision): KeyValue[] {
    return this.liveIn({ start: '', end: null }, revision).filter(kv => kv.lease === lease)
  }

  // ---- transactions ----

  /** Inside a transaction its own writes are seen; none has been committed at them yet. */
  private now(key: string): KeyValue | null {
    return this.liveAt(key, this.view)
  }

  private choose(txn: TxnRequest): boolean[] {
    const succeeded = txn.compare.every(compare => this.compares(compare))
    const path = [succeeded]
    for (const op of succeeded ? txn.success : txn.failure)
      if (op.kind === 'txn') path.push(...this.choose(op.request))
    return path
  }

  private checkPath(txn: TxnRequest, path: boolean[]): void {
    for (const op of path.shift() === true ? txn.success : txn.failure) {
      if (op.kind === 'txn') this.checkPath(op.request, path)
      else if (op.kind === 'put') this.checkPut(op.request)
      else if (op.kind === 'range') this.range(op.request, this.revision)
    }
  }

  private checkPut({ key, lease = 0, ignoreValue, ignoreLease }: PutRequest): void {
    const keeps = ignoreValue === true || ignoreLease === true
    if (keeps && this.now(text(key)) === null) throw new Refusal('key-not-found')
    if (lease !== 0 && this.leases.get(lease)?.goneAt !== 0) throw new Refusal('lease-not-found')
  }

  private run(txn: TxnRequest, path: boolean[], revision: number): object {
    const succeeded = path.shift() === true
    const responses = (succeeded ? txn.success : txn.failure).map(op => ({
      kind: op.kind,
      ...this.operate(op, path, revision),
    }))
    return { succeeded, responses }
  }

  private operate(op: RequestOp, path: boolean[], revision: number): object {
    switch (op.kind) {
      case 'put': {
        const prevKv = this.runPut(op.request, revision)
        return { prevKv: op.request.prevKv === true ? prevKv : null }
      }
      case 'deleteRange':
        return this.runDelete(op.request, revision)
      case 'range':
        return this.range(op.request, this.newest(revision), this.view <= this.revision)
      case 'txn':
        return this.run(op.request, path, revision)
      default:
        return unreachable(op)
    }
  }

  private newest(ofTransaction: number): number {
    if (this.view <= this.revision) return this.view
    return this.pending.length > 0 ? ofTransaction : this.revision
  }

  private runPut(request: PutRequest, revision: number): KeyValue | null {
    const before = this.now(text(request.key))
    const { lease = 0, ignoreLease, ignoreValue } = request
    this.record(text(request.key), {
      key: request.key,
      value: ignoreValue === true ? (before?.value ?? noBytes) : request.value,
      createRevision: before?.createRevision ?? revision,
      modRevision: revision,
      version: (before?.version ?? 0) + 1,
      lease: ignoreLease === true ? (before?.lease ?? 0) : lease,
    })
    return before
  }

  private runDelete(request: KeyRange & { readonly prevKv?: boolean }, revision: number) {
    const found = this.liveIn(spanOf(request), revision)
    for (const { key } of found) this.record(text(key), this.tombstone(key))
    return { deleted: found.length, prevKvs: request.prevKv === true ? found : [] }
  }

  private tombstone(key: Uint8Array): KeyValue {
    const modRevision = this.revision + 1
    return { key, value: noBytes, createRevision: 0, modRevision, version: 0, lease: 0 }
  }

  private record(key: string, kv: KeyValue): void {
    const versions = this.versions.get(key) ?? []
    this.versions.set(key, versions)
    const before = versions.at(-1) ?? null
    versions.push(kv)
    this.pending.push({ key, kv, before: before === null || before.version === 0 ? null : before })
  }

  private committed(body: object): Expected {
    if (this.pending.length > 0) {
      this.revision += 1
      this.changes.push(this.pending)
      this.pending = []
    }
    return { ok: true, revision: this.revision, body }
  }

  private compares(compare: Compare): boolean {
    const found = this.liveIn(spanOf(compare), this.view)
    if (found.length === 0) return passes(compare, null)
    return found.every(kv => passes(compare, kv))
  }
}

function passes(compare: Compare, kv: KeyValue | null): boolean {
  const test = (difference: number): boolean =>
    ({
      equal: difference === 0,
      notEqual: difference !== 0,
      greater: difference > 0,
      less: difference < 0,
    })[compare.result]
  switch (compare.target) {
    case 'value':
      return kv !== null && test(Buffer.compare(kv.value, compare.value))
    case 'version':
      return test((kv?.version ?? 0) - compare.version)
    case 'create':
      return test((kv?.createRevision ?? 0) - compare.createRevision)
    case 'mod':
      return test((kv?.modRevision ?? 0) - compare.modRevision)
    case 'lease':
      return test((kv?.lease ?? 0) - compare.lease)
    default:
      return unreachable(compare)
  }
}

function orderOf(request: RangeRequest): (a: KeyValue, b: KeyValue) => number {
  const { sortTarget = 'key', sortOrder = 'none' } = request
  const sign = sortOrder === 'descend' ? -1 : 1
  const by = must(
    {
      key: (a: KeyValue, b: KeyValue) => Buffer.compare(a.key, b.key),
      value: (a: KeyValue, b: KeyValue) => Buffer.compare(a.value, b.value),
      version: (a: KeyValue, b: KeyValue) => a.version - b.version,
      create: (a: KeyValue, b: KeyValue) => a.createRevision - b.createRevision,
      mod: (a: KeyValue, b: KeyValue) => a.modRevision - b.modRevision,
    }[sortTarget],
    'a known order',
  )
  return (a, b) => sign * by(a, b)
}
