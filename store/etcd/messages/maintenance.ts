// Messages of the Maintenance service, alarms among them.

import {
  bool,
  bytes,
  enumeration,
  int64,
  manyNested,
  manyStrings,
  message,
  nested,
  string,
  uint32,
  uint64,
} from '../../../platform/protobuf-message.js'
import { header } from './kv.js'

export const AlarmRequest = message('etcdserverpb.AlarmRequest', {
  action: enumeration(1, 'AlarmAction'),
  memberID: uint64(2),
  alarm: enumeration(3, 'AlarmType'),
})

export const AlarmMember = message('etcdserverpb.AlarmMember', {
  memberID: uint64(1),
  alarm: enumeration(2, 'AlarmType'),
})

export const AlarmResponse = message('etcdserverpb.AlarmResponse', {
  header,
  alarms: manyNested(2, () => AlarmMember),
})

export const DowngradeInfo = message('etcdserverpb.DowngradeInfo', {
  enabled: bool(1),
  targetVersion: string(2),
})

export const StatusRequest = message('etcdserverpb.StatusRequest', {})

export const StatusResponse = message('etcdserverpb.StatusResponse', {
  header,
  version: string(2),
  dbSize: int64(3),
  leader: uint64(4),
  raftIndex: uint64(5),
  raftTerm: uint64(6),
  raftAppliedIndex: uint64(7),
  errors: manyStrings(8),
  dbSizeInUse: int64(9),
  isLearner: bool(10),
  storageVersion: string(11),
  dbSizeQuota: int64(12),
  downgradeInfo: nested(13, () => DowngradeInfo),
})

export const DefragmentRequest = message('etcdserverpb.DefragmentRequest', {})

export const DefragmentResponse = message('etcdserverpb.DefragmentResponse', { header })

export const HashRequest = message('etcdserverpb.HashRequest', {})

export const HashResponse = message('etcdserverpb.HashResponse', { header, hash: uint32(2) })

export const HashKVRequest = message('etcdserverpb.HashKVRequest', { revision: int64(1) })

export const HashKVResponse = message('etcdserverpb.HashKVResponse', {
  header,
  hash: uint32(2),
  compactRevision: int64(3),
  hashRevision: int64(4),
})

export const SnapshotRequest = message('etcdserverpb.SnapshotRequest', {})

export const SnapshotResponse = message('etcdserverpb.SnapshotResponse', {
  header,
  remainingBytes: uint64(2),
  blob: bytes(3),
  version: string(4),
})

export const MoveLeaderRequest = message('etcdserverpb.MoveLeaderRequest', {
  targetID: uint64(1),
})

export const MoveLeaderResponse = message('etcdserverpb.MoveLeaderResponse', { header })

export const DowngradeRequest = message('etcdserverpb.DowngradeRequest', {
  action: enumeration(1, 'DowngradeAction'),
  version: string(2),
})

export const DowngradeResponse = message('etcdserverpb.DowngradeResponse', {
  header,
  version: string(2),
})
