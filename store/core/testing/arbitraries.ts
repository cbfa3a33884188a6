// Random requests over few keys, so that they meet.

import * as fc from 'fast-check'
import type {
  Compare,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from '../types.js'
import { bytes } from './driver.js'

const keys = ['a', 'b', 'c', 'd', 'e', 'f']
export const key = fc.constantFrom(...keys)
export const end = fc.constantFrom(undefined, undefined, '\0', 'b', 'd', 'g')
export const value = fc.constantFrom('', 'x', 'y', 'zz')

export const ranged = (from: string, to: string | undefined) =>
  to === undefined ? { key: bytes(from) } : { key: bytes(from), end: bytes(to) }

const put: fc.Arbitrary<PutRequest> = fc
  .record({ key, value, ignoreValue: fc.boolean() })
  .map(one => ({
    key: bytes(one.key),
    value: bytes(one.ignoreValue ? '' : one.value),
    ignoreValue: one.ignoreValue,
    prevKv: true,
  }))

const remove: fc.Arbitrary<DeleteRangeRequest> = fc
  .record({ key, end })
  .map(one => ({ ...ranged(one.key, one.end), prevKv: true }))

const range: fc.Arbitrary<RangeRequest> = fc
  .record({ key, end, revision: fc.constantFrom(0, 0, 0, 1, 3, 8, 20) })
  .map(one => ({ ...ranged(one.key, one.end), revision: one.revision }))

const compare: fc.Arbitrary<Compare> = fc
  .record({
    key,
    end,
    result: fc.constantFrom(
      'equal' as const,
      'notEqual' as const,
      'greater' as const,
      'less' as const,
    ),
    operand: fc.oneof(
      fc.record({ target: fc.constant('version' as const), version: fc.nat(3) }),
      fc.record({ target: fc.constant('create' as const), createRevision: fc.nat(12) }),
      fc.record({ target: fc.constant('mod' as const), modRevision: fc.nat(12) }),
      fc.record({ target: fc.constant('value' as const), value: value.map(bytes) }),
      fc.record({ target: fc.constant('lease' as const), lease: fc.nat(1) }),
    ),
  })
  .map(one => ({ ...ranged(one.key, one.end), result: one.result, ...one.operand }))

const { txn: anyTxn } = fc.letrec<{ op: RequestOp; txn: TxnRequest }>(tie => ({
  op: fc.oneof(
    { maxDepth: 2 },
    put.map(request => ({ kind: 'put' as const, request })),
    remove.map(request => ({ kind: 'deleteRange' as const, request })),
    range.map(request => ({ kind: 'range' as const, request })),
    tie('txn').map(request => ({ kind: 'txn' as const, request })),
  ),
  txn: fc.record({
    compare: fc.array(compare, { maxLength: 2 }),
    success: fc.array(tie('op'), { maxLength: 3 }),
    failure: fc.array(tie('op'), { maxLength: 3 }),
  }),
}))

export const txn: fc.Arbitrary<TxnRequest> = anyTxn

export type Step =
  | { readonly kind: 'txn'; readonly request: TxnRequest }
  | { readonly kind: 'compact'; readonly back: number }
  | { readonly kind: 'slice'; readonly keys: number }
  | { readonly kind: 'flush' }

const single = fc.oneof(
  put.map(request => ({ kind: 'put' as const, request })),
  remove.map(request => ({ kind: 'deleteRange' as const, request })),
)

export const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: single.map(op => ({
      kind: 'txn' as const,
      request: { compare: [], success: [op], failure: [] },
    })),
  },
  { weight: 4, arbitrary: txn.map(request => ({ kind: 'txn' as const, request })) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('compact' as const),
      back: fc.integer({ min: -1, max: 6 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('slice' as const),
      keys: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'flush' as const }) },
)
