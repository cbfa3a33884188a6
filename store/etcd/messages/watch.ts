// Messages of the Watch service.

import {
  bool,
  bytes,
  int64,
  magnitude,
  manyEnumerations,
  manyNested,
  message,
  nested,
  string,
} from '../../../platform/protobuf-message.js'
import type { Decoded } from '../../../platform/protobuf-message.js'
import { Event, header } from './kv.js'

export const WatchCreateRequest = message('etcdserverpb.WatchCreateRequest', {
  key: bytes(1),
  rangeEnd: bytes(2),
  startRevision: magnitude(3),
  progressNotify: bool(4),
  filters: manyEnumerations(5, 'FilterType'),
  prevKv: bool(6),
  watchId: int64(7),
  fragment: bool(8),
})
export type WatchCreateRequest = Decoded<typeof WatchCreateRequest>

const WatchCancelRequest = message('etcdserverpb.WatchCancelRequest', { watchId: int64(1) })

const WatchProgressRequest = message('etcdserverpb.WatchProgressRequest', {})

export const WatchRequest = message('etcdserverpb.WatchRequest', {
  createRequest: nested(1, () => WatchCreateRequest),
  cancelRequest: nested(2, () => WatchCancelRequest),
  progressRequest: nested(3, () => WatchProgressRequest),
})

export const WatchResponse = message('etcdserverpb.WatchResponse', {
  header,
  watchId: int64(2),
  created: bool(3),
  canceled: bool(4),
  compactRevision: int64(5),
  cancelReason: string(6),
  fragment: bool(7),
  events: manyNested(11, () => Event),
})
