// Messages of the KV service, and those that all services share: the header and the key-value. Field
// names are those of the proto files in JavaScript's spelling; messages.test.ts holds them together.

import {
  bool,
  bytes,
  enumeration,
  int64,
  magnitude,
  manyNested,
  message,
  nested,
  optional,
  uint64,
} from '../../../platform/protobuf-message.js'
import type { Decoded, Encodable, MessageType } from '../../../platform/protobuf-message.js'

export const ResponseHeader = message('etcdserverpb.ResponseHeader', {
  clusterId: uint64(1),
  memberId: uint64(2),
  revision: int64(3),
  raftTerm: uint64(4),
})

export const KeyValue = message('mvccpb.KeyValue', {
  key: bytes(1),
  createRevision: int64(2),
  modRevision: int64(3),
  version: int64(4),
  value: bytes(5),
  lease: int64(6),
})

export const Event = message('mvccpb.Event', {
  type: enumeration(1, 'EventType'),
  kv: nested(2, () => KeyValue),
  prevKv: nested(3, () => KeyValue),
})

export const header = nested(1, () => ResponseHeader)

export const RangeRequest = message('etcdserverpb.RangeRequest', {
  key: bytes(1),
  rangeEnd: bytes(2),
  limit: magnitude(3),
  revision: magnitude(4),
  sortOrder: enumeration(5, 'SortOrder'),
  sortTarget: enumeration(6, 'SortTarget'),
  serializable: bool(7),
  keysOnly: bool(8),
  countOnly: bool(9),
  minModRevision: magnitude(10),
  maxModRevision: magnitude(11),
  minCreateRevision: magnitude(12),
  maxCreateRevision: magnitude(13),
})
export type RangeRequest = Decoded<typeof RangeRequest>

export const RangeResponse = message('etcdserverpb.RangeResponse', {
  header,
  kvs: manyNested(2, () => KeyValue),
  more: bool(3),
  count: int64(4),
})

export const RangeStreamResponse = message('etcdserverpb.RangeStreamResponse', {
  rangeResponse: nested(1, () => RangeResponse),
})

export const PutRequest = message('etcdserverpb.PutRequest', {
  key: bytes(1),
  value: bytes(2),
  lease: magnitude(3),
  prevKv: bool(4),
  ignoreValue: bool(5),
  ignoreLease: bool(6),
})
export type PutRequest = Decoded<typeof PutRequest>

export const PutResponse = message('etcdserverpb.PutResponse', {
  header,
  prevKv: nested(2, () => KeyValue),
})

export const DeleteRangeRequest = message('etcdserverpb.DeleteRangeRequest', {
  key: bytes(1),
  rangeEnd: bytes(2),
  prevKv: bool(3),
})
export type DeleteRangeRequest = Decoded<typeof DeleteRangeRequest>

export const DeleteRangeResponse = message('etcdserverpb.DeleteRangeResponse', {
  header,
  deleted: int64(2),
  prevKvs: manyNested(3, () => KeyValue),
})

export const Compare = message('etcdserverpb.Compare', {
  result: enumeration(1, 'CompareResult'),
  target: enumeration(2, 'CompareTarget'),
  key: bytes(3),
  version: optional(magnitude(4)),
  createRevision: optional(magnitude(5)),
  modRevision: optional(magnitude(6)),
  value: optional(bytes(7)),
  lease: optional(magnitude(8)),
  rangeEnd: bytes(64),
})
export type Compare = Decoded<typeof Compare>

/** Transactions contain themselves, so their shapes are named by hand. */
export interface RequestOp {
  readonly requestRange: RangeRequest | null
  readonly requestPut: PutRequest | null
  readonly requestDeleteRange: DeleteRangeRequest | null
  readonly requestTxn: TxnRequest | null
}

export interface TxnRequest {
  readonly compare: readonly Compare[]
  readonly success: readonly RequestOp[]
  readonly failure: readonly RequestOp[]
}

interface RequestOpInput {
  readonly requestRange?: Encodable<typeof RangeRequest>
  readonly requestPut?: Encodable<typeof PutRequest>
  readonly requestDeleteRange?: Encodable<typeof DeleteRangeRequest>
  readonly requestTxn?: TxnRequestInput
}

export interface TxnRequestInput {
  readonly compare?: readonly Encodable<typeof Compare>[]
  readonly success?: readonly RequestOpInput[]
  readonly failure?: readonly RequestOpInput[]
}

export const RequestOp: MessageType<RequestOp, RequestOpInput> = message('etcdserverpb.RequestOp', {
  requestRange: nested(1, () => RangeRequest),
  requestPut: nested(2, () => PutRequest),
  requestDeleteRange: nested(3, () => DeleteRangeRequest),
  requestTxn: nested(4, () => TxnRequest),
})

export const TxnRequest: MessageType<TxnRequest, TxnRequestInput> = message(
  'etcdserverpb.TxnRequest',
  {
    compare: manyNested(1, () => Compare),
    success: manyNested(2, () => RequestOp),
    failure: manyNested(3, () => RequestOp),
  },
)

export interface ResponseOp {
  readonly responseRange: Decoded<typeof RangeResponse> | null
  readonly responsePut: Decoded<typeof PutResponse> | null
  readonly responseDeleteRange: Decoded<typeof DeleteRangeResponse> | null
  readonly responseTxn: TxnResponse | null
}

export interface TxnResponse {
  readonly header: Decoded<typeof ResponseHeader> | null
  readonly succeeded: boolean
  readonly responses: readonly ResponseOp[]
}

export interface ResponseOpInput {
  readonly responseRange?: Encodable<typeof RangeResponse>
  readonly responsePut?: Encodable<typeof PutResponse>
  readonly responseDeleteRange?: Encodable<typeof DeleteRangeResponse>
  readonly responseTxn?: TxnResponseInput
}

export interface TxnResponseInput {
  readonly header?: Encodable<typeof ResponseHeader>
  readonly succeeded?: boolean
  readonly responses?: readonly ResponseOpInput[]
}

export const ResponseOp: MessageType<ResponseOp, ResponseOpInput> = message(
  'etcdserverpb.ResponseOp',
  {
    responseRange: nested(1, () => RangeResponse),
    responsePut: nested(2, () => PutResponse),
    responseDeleteRange: nested(3, () => DeleteRangeResponse),
    responseTxn: nested(4, () => TxnResponse),
  },
)

export const TxnResponse: MessageType<TxnResponse, TxnResponseInput> = message(
  'etcdserverpb.TxnResponse',
  { header, succeeded: bool(2), responses: manyNested(3, () => ResponseOp) },
)

export const CompactionRequest = message('etcdserverpb.CompactionRequest', {
  revision: magnitude(1),
  physical: bool(2),
})

export const CompactionResponse = message('etcdserverpb.CompactionResponse', { header })
