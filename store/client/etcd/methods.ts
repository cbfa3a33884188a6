// The procedures of etcd that a client calls: path, and what goes either way.

import type { MessageType } from '../../../platform/protobuf-message.js'
import * as cluster from '../../etcd/messages/cluster.js'
import * as kv from '../../etcd/messages/kv.js'
import * as lease from '../../etcd/messages/lease.js'
import * as maintenance from '../../etcd/messages/maintenance.js'

export interface Method<Q, A> {
  readonly path: string
  readonly encode: (request: Q) => Uint8Array
  /** Ids of 64 bits come rounded. Throws MalformedMessage. */
  readonly decode: (answer: Uint8Array) => A
}

function method<Q, A, X, Y>(
  path: string,
  request: MessageType<X, Q>,
  response: MessageType<A, Y>,
): Method<Q, A> {
  return {
    path: `/etcdserverpb.${path}`,
    encode: message => request.encode(message),
    decode: bytes => response.decode(bytes, { rounded: true }),
  }
}

export const methods = {
  range: method('KV/Range', kv.RangeRequest, kv.RangeResponse),
  put: method('KV/Put', kv.PutRequest, kv.PutResponse),
  deleteRange: method('KV/DeleteRange', kv.DeleteRangeRequest, kv.DeleteRangeResponse),
  txn: method('KV/Txn', kv.TxnRequest, kv.TxnResponse),
  compact: method('KV/Compact', kv.CompactionRequest, kv.CompactionResponse),
  leaseGrant: method('Lease/LeaseGrant', lease.LeaseGrantRequest, lease.LeaseGrantResponse),
  leaseRevoke: method('Lease/LeaseRevoke', lease.LeaseRevokeRequest, lease.LeaseRevokeResponse),
  leaseKeepAlive: method(
    'Lease/LeaseKeepAlive',
    lease.LeaseKeepAliveRequest,
    lease.LeaseKeepAliveResponse,
  ),
  leaseTimeToLive: method(
    'Lease/LeaseTimeToLive',
    lease.LeaseTimeToLiveRequest,
    lease.LeaseTimeToLiveResponse,
  ),
  leaseLeases: method('Lease/LeaseLeases', lease.LeaseLeasesRequest, lease.LeaseLeasesResponse),
  memberList: method('Cluster/MemberList', cluster.MemberListRequest, cluster.MemberListResponse),
  status: method('Maintenance/Status', maintenance.StatusRequest, maintenance.StatusResponse),
  moveLeader: method(
    'Maintenance/MoveLeader',
    maintenance.MoveLeaderRequest,
    maintenance.MoveLeaderResponse,
  ),
} as const
