// Answers of the store as etcdctl prints them: plain lines, or JSON with base64 keys and values.

import { unreachable } from '../../platform/errors.js'
import type {
  KeyValue,
  RangeResponse,
  ResponseHeader,
  ResponseOp,
  TxnResponse,
  WatchBatch,
} from '../../store/core/types.js'

const text = (value: Uint8Array): string => Buffer.from(value).toString('utf8')
const base64 = (value: Uint8Array): string => Buffer.from(value).toString('base64')

const headerJson = (header: ResponseHeader): object => ({
  cluster_id: header.clusterId,
  member_id: header.memberId,
  revision: header.revision,
  raft_term: header.raftTerm,
})

const kvJson = (kv: KeyValue): object => ({
  key: base64(kv.key),
  create_revision: kv.createRevision,
  mod_revision: kv.modRevision,
  version: kv.version,
  ...(kv.value.length > 0 ? { value: base64(kv.value) } : {}),
  ...(kv.lease === 0 ? {} : { lease: kv.lease }),
})

export function rangeJson(response: RangeResponse): object {
  return {
    header: headerJson(response.header),
    kvs: response.kvs.map(kvJson),
    ...(response.more ? { more: true } : {}),
    count: response.count,
  }
}

export const headerOnlyJson = (response: { readonly header: ResponseHeader }): object => ({
  header: headerJson(response.header),
})

export function rangeLines(
  response: RangeResponse,
  what: { readonly keysOnly: boolean; readonly countOnly: boolean; readonly valueOnly: boolean },
): readonly string[] {
  if (what.countOnly) return [String(response.count)]
  return response.kvs.flatMap(kv => {
    if (what.valueOnly) return [text(kv.value)]
    return what.keysOnly ? [text(kv.key)] : [text(kv.key), text(kv.value)]
  })
}

function opLines(op: ResponseOp): readonly string[] {
  switch (op.kind) {
    case 'range':
      return rangeLines(op.response, { keysOnly: false, countOnly: false, valueOnly: false })
    case 'put':
      return ['OK']
    case 'deleteRange':
      return [String(op.response.deleted)]
    case 'txn':
      return txnLines(op.response)
    default:
      return unreachable(op)
  }
}

export function txnLines(response: TxnResponse): readonly string[] {
  return [
    response.succeeded ? 'SUCCESS' : 'FAILURE',
    ...response.responses.flatMap(op => ['', ...opLines(op)]),
  ]
}

function opJson(op: ResponseOp): object {
  switch (op.kind) {
    case 'range':
      return { response_range: rangeJson(op.response) }
    case 'put':
      return { response_put: headerOnlyJson(op.response) }
    case 'deleteRange':
      return {
        response_delete_range: { ...headerOnlyJson(op.response), deleted: op.response.deleted },
      }
    case 'txn':
      return { response_txn: txnJson(op.response) }
    default:
      return unreachable(op)
  }
}

export const txnJson = (response: TxnResponse): object => ({
  header: headerJson(response.header),
  succeeded: response.succeeded,
  responses: response.responses.map(opJson),
})

export function batchLines(batch: WatchBatch): readonly string[] {
  return batch.events.flatMap(({ kind, kv, prevKv }) => [
    kind === 'put' ? 'PUT' : 'DELETE',
    ...(prevKv === null ? [] : [text(prevKv.key), text(prevKv.value)]),
    text(kv.key),
    ...(kind === 'put' ? [text(kv.value)] : ['']),
  ])
}

export const batchJson = (batch: WatchBatch): object => ({
  revision: batch.revision,
  events: batch.events.map(({ kind, kv, prevKv }) => ({
    type: kind.toUpperCase(),
    kv: kvJson(kv),
    ...(prevKv === null ? {} : { prev_kv: kvJson(prevKv) }),
  })),
})
