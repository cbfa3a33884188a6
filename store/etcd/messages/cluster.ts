// Messages of the Cluster service.

import {
  bool,
  manyNested,
  manyStrings,
  message,
  nested,
  string,
  uint64,
} from '../../../platform/protobuf-message.js'
import { header } from './kv.js'

export const Member = message('etcdserverpb.Member', {
  ID: uint64(1),
  name: string(2),
  peerURLs: manyStrings(3),
  clientURLs: manyStrings(4),
  isLearner: bool(5),
})

const member = nested(2, () => Member)
const members = manyNested(2, () => Member)

export const MemberAddRequest = message('etcdserverpb.MemberAddRequest', {
  peerURLs: manyStrings(1),
  isLearner: bool(2),
})

export const MemberAddResponse = message('etcdserverpb.MemberAddResponse', {
  header,
  member,
  members: manyNested(3, () => Member),
})

export const MemberRemoveRequest = message('etcdserverpb.MemberRemoveRequest', { ID: uint64(1) })

export const MemberRemoveResponse = message('etcdserverpb.MemberRemoveResponse', {
  header,
  members,
})

export const MemberUpdateRequest = message('etcdserverpb.MemberUpdateRequest', {
  ID: uint64(1),
  peerURLs: manyStrings(2),
})

export const MemberUpdateResponse = message('etcdserverpb.MemberUpdateResponse', {
  header,
  members,
})

export const MemberListRequest = message('etcdserverpb.MemberListRequest', {
  linearizable: bool(1),
})

export const MemberListResponse = message('etcdserverpb.MemberListResponse', { header, members })

export const MemberPromoteRequest = message('etcdserverpb.MemberPromoteRequest', {
  ID: uint64(1),
})

export const MemberPromoteResponse = message('etcdserverpb.MemberPromoteResponse', {
  header,
  members,
})
