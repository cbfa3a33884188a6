// Ranges, puts, deletes and transactions as positional arrays: the part of requests and answers
// that nests. Bodies inside a transaction are the same arrays as outside, without ids.

import { unreachable } from '../../platform/errors.js'
import type { PackedValue } from '../../platform/msgpack.js'
import type {
  Compare,
  DeleteRangeRequest,
  KeyValue,
  PutRequest,
  RangeRequest,
  RequestOp,
  ResponseHeader,
  ResponseOp,
  TxnRequest,
} from '../core/types.js'
import { asBits, asBytes, asFields, asFlag, asList, asName, asUint } from './wire.js'

const sortOrders = ['none', 'ascend', 'descend'] as const
const sortTargets = ['key', 'version', 'create', 'mod', 'value'] as const
const compareTargets = ['version', 'create', 'mod', 'value', 'lease'] as const
const compareResults = ['equal', 'notEqual', 'greater', 'less'] as const
const opKinds = ['range', 'put', 'deleteRange', 'txn'] as const

const rangeBit = { serializable: 1, keysOnly: 2, countOnly: 4, paged: 8 } as const
const putBit = { prevKv: 1, ignoreValue: 2, ignoreLease: 4 } as const

/** The number that stands for a name; the inverse of `asName`. */
const indexIn = <N extends string>(names: readonly N[], name: N): number => names.indexOf(name)

/**
 * The request with its end, if it has one. Set behind, for V8 makes a literal with a range spread into it
 * the slow way: that took longer than all the rest of a read.
 */
function ending<T extends object>(
  request: T & { end?: Uint8Array },
  end: unknown,
  what: string,
): T & { end?: Uint8Array } {
  if (end !== null) request.end = asBytes(end, what)
  return request
}

export function encodeRange(request: RangeRequest): PackedValue {
  return [
    request.key,
    request.end ?? null,
    request.limit ?? 0,
    request.revision ?? 0,
    indexIn(sortOrders, request.sortOrder ?? 'none'),
    indexIn(sortTargets, request.sortTarget ?? 'key'),
    (request.serializable === true ? rangeBit.serializable : 0) |
      (request.keysOnly === true ? rangeBit.keysOnly : 0) |
      (request.countOnly === true ? rangeBit.countOnly : 0) |
      (request.paged === true ? rangeBit.paged : 0),
    request.minModRevision ?? 0,
    request.maxModRevision ?? 0,
    request.minCreateRevision ?? 0,
    request.maxCreateRevision ?? 0,
  ]
}

export function decodeRange(body: unknown): RangeRequest {
  const fields = asFields(body, 11, 'range')
  const bits = asBits(fields[6], 15, 'range flags')
  const request = {
    key: asBytes(fields[0], 'range key'),
    limit: asUint(fields[2], 'range limit'),
    revision: asUint(fields[3], 'range revision'),
    sortOrder: asName(fields[4], sortOrders, 'range sort order'),
    sortTarget: asName(fields[5], sortTargets, 'range sort target'),
    serializable: (bits & rangeBit.serializable) !== 0,
    keysOnly: (bits & rangeBit.keysOnly) !== 0,
    countOnly: (bits & rangeBit.countOnly) !== 0,
    paged: (bits & rangeBit.paged) !== 0,
    minModRevision: asUint(fields[7], 'range minModRevision'),
    maxModRevision: asUint(fields[8], 'range maxModRevision'),
    minCreateRevision: asUint(fields[9], 'range minCreateRevision'),
    maxCreateRevision: asUint(fields[10], 'range maxCreateRevision'),
  }
  return ending(request, fields[1], 'range end')
}

export function encodePut(request: PutRequest): PackedValue {
  return [
    request.key,
    request.value,
    request.lease ?? 0,
    (request.prevKv === true ? putBit.prevKv : 0) |
      (request.ignoreValue === true ? putBit.ignoreValue : 0) |
      (request.ignoreLease === true ? putBit.ignoreLease : 0),
  ]
}

export function decodePut(body: unknown): PutRequest {
  const fields = asFields(body, 4, 'put')
  const bits = asBits(fields[3], 7, 'put flags')
  return {
    key: asBytes(fields[0], 'put key'),
    value: asBytes(fields[1], 'put value'),
    lease: asUint(fields[2], 'put lease'),
    prevKv: (bits & putBit.prevKv) !== 0,
    ignoreValue: (bits & putBit.ignoreValue) !== 0,
    ignoreLease: (bits & putBit.ignoreLease) !== 0,
  }
}

export function encodeDeleteRange(request: DeleteRangeRequest): PackedValue {
  return [request.key, request.end ?? null, request.prevKv === true]
}

export function decodeDeleteRange(body: unknown): DeleteRangeRequest {
  const fields = asFields(body, 3, 'deleteRange')
  const request = {
    key: asBytes(fields[0], 'deleteRange key'),
    prevKv: asFlag(fields[2], 'deleteRange prevKv'),
  }
  return ending(request, fields[1], 'deleteRange end')
}

export function encodeTxn(request: TxnRequest): PackedValue {
  return [
    request.compare.map(encodeCompare),
    request.success.map(encodeRequestOp),
    request.failure.map(encodeRequestOp),
  ]
}

export function decodeTxn(body: unknown): TxnRequest {
  const fields = asFields(body, 3, 'txn')
  return {
    compare: asList(fields[0], 'txn compare').map(decodeCompare),
    success: asList(fields[1], 'txn success').map(decodeRequestOp),
    failure: asList(fields[2], 'txn failure').map(decodeRequestOp),
  }
}

function encodeCompare(compare: Compare): PackedValue {
  const operand =
    compare.target === 'version'
      ? compare.version
      : compare.target === 'create'
        ? compare.createRevision
        : compare.target === 'mod'
          ? compare.modRevision
          : compare.target === 'value'
            ? compare.value
            : compare.lease
  return [
    indexIn(compareTargets, compare.target),
    indexIn(compareResults, compare.result),
    compare.key,
    compare.end ?? null,
    operand,
  ]
}

function decodeCompare(value: unknown): Compare {
  const fields = asFields(value, 5, 'compare')
  const target = asName(fields[0], compareTargets, 'compare target')
  const key = asBytes(fields[2], 'compare key')
  const end = fields[3]
  const result = asName(fields[1], compareResults, 'compare result')
  switch (target) {
    case 'version': {
      const version = asUint(fields[4], 'compare version')
      return ending({ key, result, target, version }, end, 'compare end')
    }
    case 'create': {
      const createRevision = asUint(fields[4], 'compare createRevision')
      return ending({ key, result, target, createRevision }, end, 'compare end')
    }
    case 'mod': {
      const modRevision = asUint(fields[4], 'compare modRevision')
      return ending({ key, result, target, modRevision }, end, 'compare end')
    }
    case 'value': {
      const value = asBytes(fields[4], 'compare value')
      return ending({ key, result, target, value }, end, 'compare end')
    }
    case 'lease': {
      const lease = asUint(fields[4], 'compare lease')
      return ending({ key, result, target, lease }, end, 'compare end')
    }
    default:
      return unreachable(target)
  }
}

function encodeRequestOp(op: RequestOp): PackedValue {
  switch (op.kind) {
    case 'range':
      return [0, encodeRange(op.request)]
    case 'put':
      return [1, encodePut(op.request)]
    case 'deleteRange':
      return [2, encodeDeleteRange(op.request)]
    case 'txn':
      return [3, encodeTxn(op.request)]
    default:
      return unreachable(op)
  }
}

function decodeRequestOp(value: unknown): RequestOp {
  const fields = asFields(value, 2, 'operation')
  const kind = asName(fields[0], opKinds, 'operation kind')
  switch (kind) {
    case 'range':
      return { kind, request: decodeRange(fields[1]) }
    case 'put':
      return { kind, request: decodePut(fields[1]) }
    case 'deleteRange':
      return { kind, request: decodeDeleteRange(fields[1]) }
    case 'txn':
      return { kind, request: decodeTxn(fields[1]) }
    default:
      return unreachable(kind)
  }
}

export function encodeKeyValue(kv: KeyValue): PackedValue {
  return [kv.key, kv.value, kv.createRevision, kv.modRevision, kv.version, kv.lease]
}

/** As Buffer.from, which first looks for what else it could have been given, at half the time. */
function copyOf(bytes: Uint8Array): Buffer {
  const copy = Buffer.allocUnsafe(bytes.length)
  copy.set(bytes)
  return copy
}

/** Copies key and value: users keep them, and a view would keep the whole frame. */
export function decodeKeyValue(value: unknown): KeyValue {
  const fields = asFields(value, 6, 'key-value')
  return {
    key: copyOf(asBytes(fields[0], 'key')),
    value: copyOf(asBytes(fields[1], 'value')),
    createRevision: asUint(fields[2], 'createRevision'),
    modRevision: asUint(fields[3], 'modRevision'),
    version: asUint(fields[4], 'version'),
    lease: asUint(fields[5], 'lease'),
  }
}

export function encodeOptionalKeyValue(kv: KeyValue | null): PackedValue {
  return kv === null ? null : encodeKeyValue(kv)
}

export function decodeOptionalKeyValue(value: unknown): KeyValue | null {
  return value === null ? null : decodeKeyValue(value)
}

/** The body of an answer to a range, put, deleteRange or txn; the header stands outside. */
export function encodeResponseBody(op: ResponseOp): PackedValue {
  switch (op.kind) {
    case 'range':
      return [op.response.kvs.map(encodeKeyValue), op.response.more, op.response.count]
    case 'put':
      return [encodeOptionalKeyValue(op.response.prevKv)]
    case 'deleteRange':
      return [op.response.deleted, op.response.prevKvs.map(encodeKeyValue)]
    case 'txn':
      return [op.response.succeeded, op.response.responses.map(encodeResponseOp)]
    default:
      return unreachable(op)
  }
}

function encodeResponseOp(op: ResponseOp): PackedValue {
  return [indexIn(opKinds, op.kind), encodeResponseBody(op)]
}

/** Operations of a transaction have the header of the whole. */
export function decodeResponseBody<K extends ResponseOp['kind']>(
  kind: K,
  body: unknown,
  header: ResponseHeader,
): Extract<ResponseOp, { kind: K }>
export function decodeResponseBody(
  kind: ResponseOp['kind'],
  body: unknown,
  header: ResponseHeader,
): ResponseOp {
  switch (kind) {
    case 'range': {
      const fields = asFields(body, 3, 'range answer')
      const kvs = asList(fields[0], 'range answer kvs').map(decodeKeyValue)
      const more = asFlag(fields[1], 'range answer more')
      const count = asUint(fields[2], 'range answer count')
      return { kind, response: { header, kvs, more, count } }
    }
    case 'put': {
      const fields = asFields(body, 1, 'put answer')
      return { kind, response: { header, prevKv: decodeOptionalKeyValue(fields[0]) } }
    }
    case 'deleteRange': {
      const fields = asFields(body, 2, 'deleteRange answer')
      const deleted = asUint(fields[0], 'deleteRange answer deleted')
      const prevKvs = asList(fields[1], 'deleteRange answer prevKvs').map(decodeKeyValue)
      return { kind, response: { header, deleted, prevKvs } }
    }
    case 'txn': {
      const fields = asFields(body, 2, 'txn answer')
      const succeeded = asFlag(fields[0], 'txn answer succeeded')
      const responses = asList(fields[1], 'txn answer responses').map(op =>
        decodeResponseOp(op, header),
      )
      return { kind, response: { header, succeeded, responses } }
    }
    default:
      return unreachable(kind)
  }
}

function decodeResponseOp(value: unknown, header: ResponseHeader): ResponseOp {
  const fields = asFields(value, 2, 'operation answer')
  return decodeResponseBody(asName(fields[0], opKinds, 'operation kind'), fields[1], header)
}
