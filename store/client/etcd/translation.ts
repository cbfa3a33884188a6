// The store's vocabulary in etcd's messages, and back. etcd's numbers have 64 bits: those that count
// stay below 2^53, and those that are names (of members, clusters, leases of others) come rounded,
// which still tells one from another. Who would send a rounded name back is refused.

import { must, unreachable } from '../../../platform/errors.js'
import type { Decoded, Encodable } from '../../../platform/protobuf-message.js'
import type * as messages from '../../etcd/messages/kv.js'
import type { WatchCreateRequest } from '../../etcd/messages/watch.js'
import type {
  Compare,
  CompareResult,
  DeleteRangeRequest,
  DeleteRangeResponse,
  KeyRange,
  KeyValue,
  LeaseId,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  RequestOp,
  ResponseHeader,
  ResponseOp,
  SortTarget,
  TxnRequest,
  TxnResponse,
  WatchEvent,
  WatchRequest,
} from '../../core/types.js'
import { clientError } from '../call.js'

const sortOrders = { none: 0, ascend: 1, descend: 2 } as const
const sortTargets: Readonly<Record<SortTarget, number>> = {
  key: 0,
  version: 1,
  create: 2,
  mod: 3,
  value: 4,
}
const compareResults: Readonly<Record<CompareResult, number>> = {
  equal: 0,
  greater: 1,
  less: 2,
  notEqual: 3,
}
const deleteEvent = 1
const filters = { noPut: 0, noDelete: 1 } as const

const rangeEnd = ({ end }: KeyRange): { readonly rangeEnd?: Uint8Array } =>
  end === undefined ? {} : { rangeEnd: end }

/** Throws `lease-id-rounded` for an id that stands for one of 64 bits. */
export function exactLease(id: LeaseId): LeaseId {
  if (Number.isSafeInteger(id)) return id
  const message = 'the lease is not one of this client, and its id is too large to be named here'
  throw clientError('lease-id-rounded', message, { retryable: false })
}

export function rangeMessage(request: RangeRequest): Encodable<typeof messages.RangeRequest> {
  const { sortOrder, sortTarget, end: _end, ...rest } = request
  return {
    ...rest,
    ...rangeEnd(request),
    sortOrder: sortOrders[sortOrder ?? 'none'],
    sortTarget: sortTargets[sortTarget ?? 'key'],
  }
}

export function putMessage(request: PutRequest): Encodable<typeof messages.PutRequest> {
  return request.lease === undefined ? request : { ...request, lease: exactLease(request.lease) }
}

export function deleteRangeMessage(
  request: DeleteRangeRequest,
): Encodable<typeof messages.DeleteRangeRequest> {
  return { key: request.key, ...rangeEnd(request), prevKv: request.prevKv ?? false }
}

export function txnMessage(request: TxnRequest): Encodable<typeof messages.TxnRequest> {
  return {
    compare: request.compare.map(compareMessage),
    success: request.success.map(operationMessage),
    failure: request.failure.map(operationMessage),
  }
}

function operationMessage(op: RequestOp): Encodable<typeof messages.RequestOp> {
  switch (op.kind) {
    case 'range':
      return { requestRange: rangeMessage(op.request) }
    case 'put':
      return { requestPut: putMessage(op.request) }
    case 'deleteRange':
      return { requestDeleteRange: deleteRangeMessage(op.request) }
    case 'txn':
      return { requestTxn: txnMessage(op.request) }
    default:
      return unreachable(op)
  }
}

function compareMessage(compare: Compare): Encodable<typeof messages.Compare> {
  const common = {
    key: compare.key,
    ...rangeEnd(compare),
    result: compareResults[compare.result],
  }
  switch (compare.target) {
    case 'version':
      return { ...common, target: 0, version: compare.version }
    case 'create':
      return { ...common, target: 1, createRevision: compare.createRevision }
    case 'mod':
      return { ...common, target: 2, modRevision: compare.modRevision }
    case 'value':
      return { ...common, target: 3, value: compare.value }
    case 'lease':
      return { ...common, target: 4, lease: exactLease(compare.lease) }
    default:
      return unreachable(compare)
  }
}

export function watchMessage(
  request: WatchRequest,
  watchId: number,
  startRevision: number,
): Encodable<typeof WatchCreateRequest> {
  return {
    key: request.key,
    ...rangeEnd(request),
    startRevision,
    watchId,
    progressNotify: request.progressNotify ?? false,
    prevKv: request.prevKv ?? false,
    filters: [
      ...(request.noPut === true ? [filters.noPut] : []),
      ...(request.noDelete === true ? [filters.noDelete] : []),
    ],
    // What is too long for one message comes in several rather than not at all.
    fragment: true,
  }
}

export function headerOf(header: Decoded<typeof messages.ResponseHeader> | null): ResponseHeader {
  return must(header, 'an answer of etcd has a header')
}

/** The key-values of a message may pin its bytes; the message is all there is in them. */
export function keyValueOf(message: Decoded<typeof messages.KeyValue>): KeyValue {
  return message
}

export function rangeResponse(message: Decoded<typeof messages.RangeResponse>): RangeResponse {
  const { header, kvs, more, count } = message
  return { header: headerOf(header), kvs: kvs.map(keyValueOf), more, count }
}

export function putResponse(message: Decoded<typeof messages.PutResponse>): PutResponse {
  const { header, prevKv } = message
  return { header: headerOf(header), prevKv: prevKv === null ? null : keyValueOf(prevKv) }
}

export function deleteRangeResponse(
  message: Decoded<typeof messages.DeleteRangeResponse>,
): DeleteRangeResponse {
  const { header, deleted, prevKvs } = message
  return { header: headerOf(header), deleted, prevKvs: prevKvs.map(keyValueOf) }
}

export function txnResponse(message: messages.TxnResponse): TxnResponse {
  const header = headerOf(message.header)
  return txnResult(message, header)
}

/** Operations inside of a transaction have the header of the whole. */
function txnResult(message: messages.TxnResponse, header: ResponseHeader): TxnResponse {
  return {
    header,
    succeeded: message.succeeded,
    responses: message.responses.map(one => operationResponse(one, header)),
  }
}

function operationResponse(message: messages.ResponseOp, header: ResponseHeader): ResponseOp {
  const { responseRange, responsePut, responseDeleteRange, responseTxn } = message
  if (responseRange !== null) {
    return { kind: 'range', response: rangeResponse({ ...responseRange, header }) }
  }
  if (responsePut !== null) {
    return { kind: 'put', response: putResponse({ ...responsePut, header }) }
  }
  if (responseDeleteRange !== null) {
    return {
      kind: 'deleteRange',
      response: deleteRangeResponse({ ...responseDeleteRange, header }),
    }
  }
  const txn = must(responseTxn, 'an operation of etcd has an answer')
  return { kind: 'txn', response: txnResult(txn, header) }
}

export function watchEvent(message: Decoded<typeof messages.Event>): WatchEvent {
  const { type, kv, prevKv } = message
  return {
    kind: type === deleteEvent ? 'delete' : 'put',
    kv: keyValueOf(must(kv, 'an event of etcd has a key-value')),
    prevKv: prevKv === null ? null : keyValueOf(prevKv),
  }
}
