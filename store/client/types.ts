// What a user of the store sees, whether it is reached over the network (StoreClient), in the same
// process (LocalStore, for tests and simulation) or through something else. Every call may fail
// with a RaftsmanError whose `outcome` says whether a write may have happened.

import type {
  CompactionRequest,
  CompactionResponse,
  DeleteRangeRequest,
  DeleteRangeResponse,
  LeaseGrantRequest,
  LeaseGrantResponse,
  LeaseId,
  LeaseKeepAliveResponse,
  LeaseLeasesResponse,
  LeaseRevokeResponse,
  LeaseTimeToLiveResponse,
  Member,
  MemberStatus,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  Revision,
  TxnRequest,
  TxnResponse,
  WatchBatch,
  WatchRequest,
} from '../core/types.js'

export interface WatchHandlers {
  /** In revision order, each revision once, also over reconnections. Called synchronously. */
  readonly onBatch: (batch: WatchBatch) => void
  /**
   * The watch is over: `compactRevision` is set when history it needed is gone (list again and
   * start behind it). Not called after `cancel`.
   */
  readonly onEnd: (error: Error, compactRevision?: Revision) => void
  /** The watch is registered with a member (again, after each reconnection). */
  readonly onCreated?: (revision: Revision) => void
}

export interface Watch {
  cancel(): void
  /** Asks for a progress batch now; it arrives through `onBatch`, in order. */
  requestProgress(): void
}

export interface Store {
  range(request: RangeRequest): Promise<RangeResponse>
  put(request: PutRequest): Promise<PutResponse>
  deleteRange(request: DeleteRangeRequest): Promise<DeleteRangeResponse>
  txn(request: TxnRequest): Promise<TxnResponse>
  compact(request: CompactionRequest): Promise<CompactionResponse>
  leaseGrant(request: LeaseGrantRequest): Promise<LeaseGrantResponse>
  leaseRevoke(id: LeaseId): Promise<LeaseRevokeResponse>
  leaseKeepAlive(id: LeaseId): Promise<LeaseKeepAliveResponse>
  leaseTimeToLive(id: LeaseId, withKeys: boolean): Promise<LeaseTimeToLiveResponse>
  leaseLeases(): Promise<LeaseLeasesResponse>
  watch(request: WatchRequest, handlers: WatchHandlers): Watch
  /** Of the member that this client talks to. */
  status(): Promise<MemberStatus>
  memberList(): Promise<readonly Member[]>
  /** Hands leadership to another member, by id. */
  moveLeader(target: number): Promise<void>
  close(): void
}
