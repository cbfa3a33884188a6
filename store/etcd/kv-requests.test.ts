// Requests of etcd's clients in our form: what numbers that mean nothing amount to, and what is refused
// before it could reach the log.

import { describe, expect, it } from 'vitest'

import { StoreError } from '../core/errors.js'
import { nobodysLease } from '../core/limits.js'
import { compactRevision, knownLease, rangeRequest, txnRequest } from './kv-requests.js'
import type { Compare } from './messages/kv.js'
import { RangeRequest, TxnRequest } from './messages/kv.js'
import type { Encodable } from '../../platform/protobuf-message.js'

const key = Buffer.from('k')
const largest = Number.MAX_SAFE_INTEGER

const range = (fields: Encodable<typeof RangeRequest>) =>
  rangeRequest(RangeRequest.decode(RangeRequest.encode({ key, ...fields })))

const compared = (fields: Partial<Compare>) =>
  txnRequest(TxnRequest.decode(TxnRequest.encode({ compare: [{ key, ...fields }] }))).compare[0]

const refusal = (act: () => unknown): string => {
  try {
    act()
    return 'taken'
  } catch (error) {
    return error instanceof StoreError ? error.code : String(error)
  }
}

describe('a range', () => {
  it('takes numbers below zero for none', () => {
    expect(range({ limit: -1, revision: -2 })).toMatchObject({ limit: 0, revision: 0 })
  })

  it('takes numbers beyond everything for as much as there is', () => {
    expect(range({ limit: 2 ** 60, revision: 2 ** 62 })).toMatchObject({
      limit: largest,
      revision: largest,
    })
  })

  it('is refused with an order that is not known', () => {
    expect(refusal(() => range({ sortOrder: 3 }))).toBe('invalid-sort')
    expect(refusal(() => range({ sortTarget: 5 }))).toBe('invalid-sort')
  })

  it('of one key has no end', () => {
    expect(range({}).end).toBeUndefined()
    expect(range({ rangeEnd: Buffer.of(0) }).end).toEqual(Buffer.of(0))
  })
})

describe('a comparison', () => {
  it('with a number below zero holds or not, whatever the key', () => {
    const results = ['equal', 'greater', 'less', 'notEqual'].map((_name, result) =>
      compared({ result, target: 0, version: -1 }),
    )
    expect(results.map(compare => compare?.result)).toEqual([
      'equal',
      'notEqual',
      'equal',
      'notEqual',
    ])
    expect(results.every(compare => compare?.target === 'version')).toBe(true)
    expect(
      new Set(results.map(compare => compare && 'version' in compare && compare.version)),
    ).toEqual(new Set([largest]))
  })

  it('without an operand compares with zero, or with nothing', () => {
    expect(compared({ target: 1 })).toMatchObject({ target: 'create', createRevision: 0 })
    expect(compared({ target: 3 })).toMatchObject({ target: 'value', value: new Uint8Array(0) })
  })

  it('is refused when nobody knows it', () => {
    expect(refusal(() => compared({ target: 9 }))).toBe('malformed')
    expect(refusal(() => compared({ result: 9 }))).toBe('malformed')
  })
})

describe('an operation without a request', () => {
  it('is refused as etcd does', () => {
    expect(refusal(() => txnRequest({ compare: [], success: [noOperation], failure: [] }))).toBe(
      'key-not-found',
    )
  })
})

const noOperation = {
  requestRange: null,
  requestPut: null,
  requestDeleteRange: null,
  requestTxn: null,
}

describe('a lease', () => {
  it.each([-1, 2 ** 53, -(2 ** 60), largest])('%d is nobody’s', id => {
    expect(knownLease(id)).toBe(nobodysLease)
  })

  it('of a good id is that one', () => {
    expect(knownLease(7)).toBe(7)
    expect(knownLease(0)).toBe(0)
  })
})

describe('a compaction', () => {
  it('below zero has happened already', () => {
    expect(refusal(() => compactRevision(-1, 5))).toBe('compacted')
    expect(compactRevision(2 ** 60, 5)).toBe(largest)
  })
})
