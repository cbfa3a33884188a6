// etcd's KV service.

import type { RpcMethod } from '../../platform/rpc.js'
import { rpcCode } from '../../platform/rpc.js'
import { StoreError } from '../core/errors.js'
import type { KeyValue, RangeRequest, ResponseOp, TxnResponse } from '../core/types.js'
import type { Answer } from '../protocol.js'
import { CallRequester, single, unary } from './calls.js'
import type { EtcdContext } from './context.js'
import {
  compactRevision,
  deleteRangeRequest,
  putRequest,
  rangeRequest,
  txnRequest,
} from './kv-requests.js'
import * as messages from './messages/kv.js'

export function kvMethods(context: EtcdContext): readonly (readonly [string, RpcMethod])[] {
  return [
    [
      '/etcdserverpb.KV/Range',
      unary<'range', messages.RangeRequest, unknown>(
        context,
        messages.RangeRequest,
        message => ({ kind: 'range', id: 0, request: rangeRequest(message) }),
        ({ response }) => messages.RangeResponse.encode(response),
      ),
    ],
    [
      '/etcdserverpb.KV/RangeStream',
      single(context, messages.RangeRequest, (call, message) => {
        const request = rangeRequest(message)
        checkStreamable(request)
        context.service.handle(new RangeStreamCall(context, call), {
          kind: 'range',
          id: 0,
          request,
        })
      }),
    ],
    [
      '/etcdserverpb.KV/Put',
      unary<'put', messages.PutRequest, unknown>(
        context,
        messages.PutRequest,
        message => ({ kind: 'put', id: 0, request: putRequest(message) }),
        ({ response }) => messages.PutResponse.encode(response),
      ),
    ],
    [
      '/etcdserverpb.KV/DeleteRange',
      unary<'deleteRange', messages.DeleteRangeRequest, unknown>(
        context,
        messages.DeleteRangeRequest,
        message => ({ kind: 'deleteRange', id: 0, request: deleteRangeRequest(message) }),
        ({ response }) => messages.DeleteRangeResponse.encode(response),
      ),
    ],
    [
      '/etcdserverpb.KV/Txn',
      unary<'txn', messages.TxnRequest, unknown>(
        context,
        messages.TxnRequest,
        message => ({ kind: 'txn', id: 0, request: txnRequest(message) }),
        ({ response }) =>
          messages.TxnResponse.encode({ ...txnResponse(response), header: response.header }),
      ),
    ],
    [
      '/etcdserverpb.KV/Compact',
      unary(
        context,
        messages.CompactionRequest,
        ({ revision, physical }) => {
          const at = compactRevision(revision, context.machine.compactRevision)
          return { kind: 'compact', id: 0, request: { revision: at, physical } }
        },
        ({ response }) => messages.CompactionResponse.encode(response),
      ),
    ],
  ]
}

/** Answers inside a transaction say at which revision they were made, and nothing else. */
function txnResponse(response: TxnResponse): messages.TxnResponseInput {
  return { header: {}, succeeded: response.succeeded, responses: response.responses.map(inner) }
}

function inner(op: ResponseOp): messages.ResponseOpInput {
  const { revision } = op.response.header
  switch (op.kind) {
    case 'range':
      return { responseRange: { ...op.response, header: { revision } } }
    case 'put':
      return { responsePut: { ...op.response, header: { revision } } }
    case 'deleteRange':
      return { responseDeleteRange: { ...op.response, header: { revision } } }
    case 'txn':
      return { responseTxn: txnResponse(op.response) }
    default:
      throw new StoreError('malformed')
  }
}

/** @throws StoreError */
function checkStreamable(request: RangeRequest): void {
  const sorted = request.sortOrder !== 'none' || request.sortTarget !== 'key'
  const filtered =
    (request.minModRevision ?? 0) > 0 ||
    (request.maxModRevision ?? 0) > 0 ||
    (request.minCreateRevision ?? 0) > 0 ||
    (request.maxCreateRevision ?? 0) > 0
  if (sorted || filtered) throw new StoreError('invalid-sort')
}

/** Key-values as they come; header, count and the rest of them last. */
class RangeStreamCall extends CallRequester {
  override rangePart(_id: number, kvs: readonly KeyValue[]): void {
    this.reply(messages.RangeStreamResponse.encode({ rangeResponse: { kvs } }))
  }

  override answer(answer: Answer): void {
    if (answer.kind !== 'range') return
    this.reply(messages.RangeStreamResponse.encode({ rangeResponse: answer.response }))
    this.call.end(rpcCode.ok, '')
  }
}
