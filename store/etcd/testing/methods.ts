// The methods of etcd's services with their messages, for test clients.

import type { MessageType } from '../../../platform/protobuf-message.js'
import * as cluster from '../messages/cluster.js'
import * as kv from '../messages/kv.js'
import * as lease from '../messages/lease.js'
import * as lock from '../messages/lock.js'
import * as maintenance from '../messages/maintenance.js'
import * as watch from '../messages/watch.js'
import type { Method } from './etcd-client.js'

const method = <Q, A>(
  path: string,
  request: MessageType<unknown, Q>,
  answer: MessageType<A, never>,
): Method<Q, A> => ({ path, request, answer })

export const range = method('/etcdserverpb.KV/Range', kv.RangeRequest, kv.RangeResponse)
export const rangeStream = method(
  '/etcdserverpb.KV/RangeStream',
  kv.RangeRequest,
  kv.RangeStreamResponse,
)
export const put = method('/etcdserverpb.KV/Put', kv.PutRequest, kv.PutResponse)
export const deleteRange = method(
  '/etcdserverpb.KV/DeleteRange',
  kv.DeleteRangeRequest,
  kv.DeleteRangeResponse,
)
export const txn = method('/etcdserverpb.KV/Txn', kv.TxnRequest, kv.TxnResponse)
export const compact = method(
  '/etcdserverpb.KV/Compact',
  kv.CompactionRequest,
  kv.CompactionResponse,
)
export const watchStream = method(
  '/etcdserverpb.Watch/Watch',
  watch.WatchRequest,
  watch.WatchResponse,
)
export const leaseGrant = method(
  '/etcdserverpb.Lease/LeaseGrant',
  lease.LeaseGrantRequest,
  lease.LeaseGrantResponse,
)
export const leaseRevoke = method(
  '/etcdserverpb.Lease/LeaseRevoke',
  lease.LeaseRevokeRequest,
  lease.LeaseRevokeResponse,
)
export const leaseKeepAlive = method(
  '/etcdserverpb.Lease/LeaseKeepAlive',
  lease.LeaseKeepAliveRequest,
  lease.LeaseKeepAliveResponse,
)
export const leaseTimeToLive = method(
  '/etcdserverpb.Lease/LeaseTimeToLive',
  lease.LeaseTimeToLiveRequest,
  lease.LeaseTimeToLiveResponse,
)
export const leaseLeases = method(
  '/etcdserverpb.Lease/LeaseLeases',
  lease.LeaseLeasesRequest,
  lease.LeaseLeasesResponse,
)
export const memberList = method(
  '/etcdserverpb.Cluster/MemberList',
  cluster.MemberListRequest,
  cluster.MemberListResponse,
)
export const status = method(
  '/etcdserverpb.Maintenance/Status',
  maintenance.StatusRequest,
  maintenance.StatusResponse,
)
export const downgrade = method(
  '/etcdserverpb.Maintenance/Downgrade',
  maintenance.DowngradeRequest,
  maintenance.DowngradeResponse,
)
export const lockLock = method('/v3lockpb.Lock/Lock', lock.LockRequest, lock.LockResponse)
export const lockUnlock = method('/v3lockpb.Lock/Unlock', lock.UnlockRequest, lock.UnlockResponse)
export const campaign = method(
  '/v3electionpb.Election/Campaign',
  lock.CampaignRequest,
  lock.CampaignResponse,
)
export const proclaim = method(
  '/v3electionpb.Election/Proclaim',
  lock.ProclaimRequest,
  lock.ProclaimResponse,
)
export const leader = method(
  '/v3electionpb.Election/Leader',
  lock.LeaderRequest,
  lock.LeaderResponse,
)
export const observe = method(
  '/v3electionpb.Election/Observe',
  lock.LeaderRequest,
  lock.LeaderResponse,
)
export const resign = method(
  '/v3electionpb.Election/Resign',
  lock.ResignRequest,
  lock.ResignResponse,
)
