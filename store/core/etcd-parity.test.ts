// Where a state machine could as well do otherwise and clients of etcd would notice: what is refused
// first, and what a limit cuts off. Found by comparison with a real etcd (chaos/differential).

import { expect, test } from 'vitest'

import { bytes, Driver, text } from './testing/driver.js'
import type { RangeRequest, RequestOp } from './types.js'

const keepValue = (key: string, lease = 0): RequestOp => ({
  kind: 'put',
  request: { key: bytes(key), value: bytes(''), ignoreValue: true, lease },
})
const readAt = (revision: number): RequestOp => ({
  kind: 'range',
  request: { key: bytes('a'), revision },
})
const nested = (...success: RequestOp[]): RequestOp => ({
  kind: 'txn',
  request: { compare: [], success, failure: [] },
})

function refusal(...success: RequestOp[]): string {
  const request = { compare: [], success, failure: [] }
  return new Driver().refusal({ kind: 'txn', request })
}

test('A put that lacks both its lease and its key is refused for the lease, but in a transaction for the key.', () => {
  const put = { key: bytes('a'), value: bytes(''), ignoreValue: true, lease: 7 }
  expect(new Driver().refusal({ kind: 'put', request: put })).toBe('lease-not-found')
  expect(refusal(keepValue('a', 7))).toBe('key-not-found')
})

test('In a transaction puts are looked at before ranges, wherever either stands.', () => {
  expect(refusal(readAt(99), keepValue('a'))).toBe('key-not-found')
  expect(refusal(readAt(99), nested(keepValue('a')))).toBe('key-not-found')
  expect(refusal(nested(readAt(99)), keepValue('a'))).toBe('key-not-found')
  expect(refusal(nested(readAt(99)))).toBe('future-revision')
})

const versions = (request: Partial<RangeRequest>): string => {
  const driver = new Driver()
  for (const key of ['a', 'a', 'a', 'b', 'b', 'c', 'd']) driver.put(key, 'v')
  const range = { key: bytes('a'), end: bytes('z'), sortTarget: 'version' as const, ...request }
  const { kvs, more, count } = driver.core.range(range)
  return `${kvs.map(kv => text(kv.key)).join('')} ${more} ${count}`
}

test('With a limit and no order, what is sorted is what the limit leaves and one more.', () => {
  expect(versions({ limit: 1 })).toBe('b true 4')
  expect(versions({ limit: 2 })).toBe('cb true 4')
  expect(versions({ limit: 3 })).toBe('cdb true 4')
  expect(versions({ limit: 4 })).toBe('cdba false 4')
})

test('With an order, or where revisions are chosen, everything is sorted before the limit.', () => {
  expect(versions({ limit: 1, sortOrder: 'ascend' })).toBe('c true 4')
  expect(versions({ limit: 1, sortOrder: 'descend' })).toBe('a true 4')
  expect(versions({ limit: 1, minModRevision: 1 })).toBe('c true 4')
})

test('No lease has the id that stands for ids that none can have.', () => {
  const id = 2 ** 53 - 1
  expect(new Driver().refusal({ kind: 'leaseGrant', id, ttlSeconds: 9 })).toBe('malformed')
})
