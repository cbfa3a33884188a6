// Messages of the Lease service.

import {
  bool,
  int64,
  magnitude,
  manyBytes,
  manyNested,
  message,
  string,
} from '../../../platform/protobuf-message.js'
import { header } from './kv.js'

export const LeaseGrantRequest = message('etcdserverpb.LeaseGrantRequest', {
  TTL: magnitude(1),
  ID: int64(2),
})

export const LeaseGrantResponse = message('etcdserverpb.LeaseGrantResponse', {
  header,
  ID: int64(2),
  TTL: int64(3),
  error: string(4),
})

export const LeaseRevokeRequest = message('etcdserverpb.LeaseRevokeRequest', { ID: magnitude(1) })

export const LeaseRevokeResponse = message('etcdserverpb.LeaseRevokeResponse', { header })

export const LeaseKeepAliveRequest = message('etcdserverpb.LeaseKeepAliveRequest', {
  ID: int64(1),
})

export const LeaseKeepAliveResponse = message('etcdserverpb.LeaseKeepAliveResponse', {
  header,
  ID: int64(2),
  TTL: int64(3),
})

export const LeaseTimeToLiveRequest = message('etcdserverpb.LeaseTimeToLiveRequest', {
  ID: int64(1),
  keys: bool(2),
})

export const LeaseTimeToLiveResponse = message('etcdserverpb.LeaseTimeToLiveResponse', {
  header,
  ID: int64(2),
  TTL: int64(3),
  grantedTTL: int64(4),
  keys: manyBytes(5),
})

export const LeaseLeasesRequest = message('etcdserverpb.LeaseLeasesRequest', {})

const LeaseStatus = message('etcdserverpb.LeaseStatus', { ID: int64(1) })

export const LeaseLeasesResponse = message('etcdserverpb.LeaseLeasesResponse', {
  header,
  leases: manyNested(2, () => LeaseStatus),
})
