// A store inside a store: everything below one prefix, seen as if there were nothing else. For a cluster
// that others use too. Counterpart: namespace.NewKV and its kin of etcd's client. Revisions, leases
// and compaction stay those of the whole.

import { assert, unreachable } from '../../platform/errors.js'
import type {
  Bytes,
  CompactionRequest,
  Compare,
  DeleteRangeRequest,
  DeleteRangeResponse,
  KeyRange,
  KeyValue,
  LeaseGrantRequest,
  LeaseId,
  LeaseTimeToLiveResponse,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  RequestOp,
  ResponseOp,
  TxnRequest,
  TxnResponse,
  WatchBatch,
  WatchRequest,
} from '../core/types.js'
import type { Store, Watch, WatchHandlers } from './types.js'

/** The store itself where the prefix is empty. */
export function prefixedStore(store: Store, prefix: Bytes): Store {
  return prefix.length === 0 ? store : new PrefixedStore(store, prefix)
}

class PrefixedStore implements Store {
  readonly #store: Store
  readonly #prefix: Bytes
  readonly #prefixEnd: Bytes

  constructor(store: Store, prefix: Bytes) {
    this.#store = store
    // A copy: the caller may go on with its own.
    this.#prefix = new Uint8Array(prefix)
    this.#prefixEnd = endOf(prefix)
  }

  async range(request: RangeRequest): Promise<RangeResponse> {
    return this.#rangeResponse(await this.#store.range(this.#inner(request)))
  }

  async put(request: PutRequest): Promise<PutResponse> {
    return this.#putResponse(await this.#store.put(this.#put(request)))
  }

  async deleteRange(request: DeleteRangeRequest): Promise<DeleteRangeResponse> {
    return this.#deleteRangeResponse(await this.#store.deleteRange(this.#inner(request)))
  }

  async txn(request: TxnRequest): Promise<TxnResponse> {
    return this.#txnResponse(await this.#store.txn(this.#txn(request)))
  }

  compact(request: CompactionRequest) {
    return this.#store.compact(request)
  }

  leaseGrant(request: LeaseGrantRequest) {
    return this.#store.leaseGrant(request)
  }

  leaseRevoke(id: LeaseId) {
    return this.#store.leaseRevoke(id)
  }

  leaseKeepAlive(id: LeaseId) {
    return this.#store.leaseKeepAlive(id)
  }

  /** Of its keys those below the prefix. */
  async leaseTimeToLive(id: LeaseId, withKeys: boolean): Promise<LeaseTimeToLiveResponse> {
    const response = await this.#store.leaseTimeToLive(id, withKeys)
    const keys = response.keys.filter(key => this.#has(key)).map(key => this.#outerKey(key))
    return { ...response, keys }
  }

  leaseLeases() {
    return this.#store.leaseLeases()
  }

  watch(request: WatchRequest, handlers: WatchHandlers): Watch {
    return this.#store.watch(this.#inner(request), {
      ...handlers,
      onBatch: batch => handlers.onBatch(this.#batch(batch)),
    })
  }

  status() {
    return this.#store.status()
  }

  memberList() {
    return this.#store.memberList()
  }

  moveLeader(target: number) {
    return this.#store.moveLeader(target)
  }

  close(): void {
    this.#store.close()
  }

  #innerKey(key: Bytes): Bytes {
    // An empty key is refused, and must not become the prefix.
    if (key.length === 0) return key
    const inner = new Uint8Array(this.#prefix.length + key.length)
    inner.set(this.#prefix)
    inner.set(key, this.#prefix.length)
    return inner
  }

  #inner<R extends KeyRange>(request: R): R {
    const key = this.#innerKey(request.key)
    if (request.end === undefined) return { ...request, key }
    const open = request.end.length === 1 && request.end[0] === 0
    return { ...request, key, end: open ? this.#prefixEnd : this.#innerKey(request.end) }
  }

  #put(request: PutRequest): PutRequest {
    return { ...request, key: this.#innerKey(request.key) }
  }

  #txn({ compare, success, failure }: TxnRequest): TxnRequest {
    return {
      compare: compare.map((one): Compare => this.#inner(one)),
      success: success.map(op => this.#operation(op)),
      failure: failure.map(op => this.#operation(op)),
    }
  }

  #operation(op: RequestOp): RequestOp {
    switch (op.kind) {
      case 'range':
        return { kind: 'range', request: this.#inner(op.request) }
      case 'put':
        return { kind: 'put', request: this.#put(op.request) }
      case 'deleteRange':
        return { kind: 'deleteRange', request: this.#inner(op.request) }
      case 'txn':
        return { kind: 'txn', request: this.#txn(op.request) }
      default:
        return unreachable(op)
    }
  }

  #has(key: Bytes): boolean {
    return this.#prefix.every((byte, at) => key[at] === byte)
  }

  #outerKey(key: Bytes): Bytes {
    assert(this.#has(key), 'what is read below a prefix begins with it')
    return key.subarray(this.#prefix.length)
  }

  #outer<K extends KeyValue | null>(kv: K): K {
    return kv === null ? kv : { ...kv, key: this.#outerKey(kv.key) }
  }

  #rangeResponse(response: RangeResponse): RangeResponse {
    return { ...response, kvs: response.kvs.map(kv => this.#outer(kv)) }
  }

  #putResponse(response: PutResponse): PutResponse {
    return { ...response, prevKv: this.#outer(response.prevKv) }
  }

  #deleteRangeResponse(response: DeleteRangeResponse): DeleteRangeResponse {
    return { ...response, prevKvs: response.prevKvs.map(kv => this.#outer(kv)) }
  }

  #txnResponse(response: TxnResponse): TxnResponse {
    const responses = response.responses.map((op): ResponseOp => {
      switch (op.kind) {
        case 'range':
          return { kind: 'range', response: this.#rangeResponse(op.response) }
        case 'put':
          return { kind: 'put', response: this.#putResponse(op.response) }
        case 'deleteRange':
          return { kind: 'deleteRange', response: this.#deleteRangeResponse(op.response) }
        case 'txn':
          return { kind: 'txn', response: this.#txnResponse(op.response) }
        default:
          return unreachable(op)
      }
    })
    return { ...response, responses }
  }

  #batch({ revision, events }: WatchBatch): WatchBatch {
    return {
      revision,
      events: events.map(({ kind, kv, prevKv }) => ({
        kind,
        kv: this.#outer(kv),
        prevKv: this.#outer(prevKv),
      })),
    }
  }
}

/** The first key behind all that begin with the prefix; the open end where there is none. */
function endOf(prefix: Bytes): Bytes {
  let length = prefix.length
  while (length > 0 && prefix[length - 1] === 0xff) length -= 1
  if (length === 0) return Uint8Array.of(0)
  const end = new Uint8Array(prefix.subarray(0, length))
  end[length - 1] = (end[length - 1] ?? 0) + 1
  return end
}
