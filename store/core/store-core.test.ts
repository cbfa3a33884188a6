import { expect, test } from 'vitest'
import type { Entry } from '../../raft/core/types.js'
import type { Command } from './command.js'
import { StoreError, storeErrorCodes } from './errors.js'
import { localEntry } from './local-entry.js'
import { atOnce } from './sliced.js'
import { bytes, Driver, show, text } from './testing/driver.js'
import type { Compare, RangeRequest, RequestOp, TxnRequest } from './types.js'

const put = (key: string, value = 'v'): RequestOp => ({
  kind: 'put',
  request: { key: bytes(key), value: bytes(value) },
})
const remove = (key: string, end?: string): RequestOp => ({
  kind: 'deleteRange',
  request: end === undefined ? { key: bytes(key) } : { key: bytes(key), end: bytes(end) },
})
const range = (key: string, more: Partial<RangeRequest> = {}): RequestOp => ({
  kind: 'range',
  request: { key: bytes(key), ...more },
})
const txn = (
  success: RequestOp[],
  failure: RequestOp[] = [],
  compare: Compare[] = [],
): Command => ({
  kind: 'txn',
  request: { compare, success, failure },
})
const nested = (success: RequestOp[], failure: RequestOp[] = []): RequestOp => ({
  kind: 'txn',
  request: { compare: [], success, failure },
})

function refusalOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof StoreError) return error.code
    throw error
  }
  return 'accepted'
}

test('A new store is at revision 1, with nothing compacted.', () => {
  const { core } = new Driver()
  expect(core.header()).toEqual({ clusterId: 7, memberId: 1, revision: 1, raftTerm: 0 })
  expect(core.compactRevision).toBe(-1)
})

test('A put raises revision and version and keeps the create revision; recreation starts over.', () => {
  const driver = new Driver()
  expect(driver.put('a', '1').header.revision).toBe(2)
  driver.put('b', '1')
  driver.put('a', '2')
  expect(driver.range('a')).toEqual(['a=2 c2 m4 v2'])
  expect(driver.delete('a')).toMatchObject({ deleted: 1, header: { revision: 5 } })
  driver.put('a', '3')
  expect(driver.range('a')).toEqual(['a=3 c6 m6 v1'])
})

test('Deleting nothing uses no revision.', () => {
  const driver = new Driver()
  expect(driver.delete('a')).toMatchObject({ deleted: 0, header: { revision: 1 } })
  expect(driver.txn({ success: [remove('a', '\0')] }).header.revision).toBe(1)
})

test('prevKv gives what stood before, for puts and for deletions.', () => {
  const driver = new Driver()
  expect(driver.put('a', '1', { prevKv: true }).prevKv).toBeNull()
  const { prevKv } = driver.put('a', '2', { prevKv: true })
  expect(prevKv && show(prevKv)).toBe('a=1 c2 m2 v1')
  expect(driver.delete('a', '\0', true).prevKvs.map(show)).toEqual(['a=2 c2 m3 v2'])
})

test('ignoreValue keeps the value, ignoreLease the lease; each needs a key that lives.', () => {
  const driver = new Driver()
  driver.grant(5, 60)
  driver.put('a', 'kept', { lease: 5 })
  driver.put('a', '', { ignoreValue: true, lease: 5 })
  expect(driver.range('a')).toEqual(['a=kept c2 m3 v2'])
  driver.put('a', 'new', { ignoreLease: true })
  expect(driver.core.range({ key: bytes('a') }).kvs[0]?.lease).toBe(5)
  for (const request of [
    { key: bytes('none'), value: bytes(''), ignoreValue: true },
    { key: bytes('none'), value: bytes('x'), ignoreLease: true },
  ]) {
    expect(driver.refusal({ kind: 'put', request })).toBe('key-not-found')
  }
})

const big = 'x'.repeat(1024 * 1024)

test.each<[string, Command, string]>([
  [
    'a put without a key',
    { kind: 'put', request: { key: bytes(''), value: bytes('') } },
    'key-empty',
  ],
  ['a deletion without a key', { kind: 'deleteRange', request: { key: bytes('') } }, 'key-empty'],
  ['an operation without a key', txn([range('')]), 'key-empty'],
  [
    'a compare without a key',
    txn([], [], [{ key: bytes(''), target: 'mod', modRevision: 0, result: 'equal' }]),
    'key-empty',
  ],
  [
    'ignoreValue with a value',
    { kind: 'put', request: { key: bytes('a'), value: bytes('x'), ignoreValue: true } },
    'value-provided',
  ],
  [
    'ignoreLease with a lease',
    { kind: 'put', request: { key: bytes('a'), value: bytes('x'), ignoreLease: true, lease: 1 } },
    'lease-provided',
  ],
  [
    'an unknown lease',
    { kind: 'put', request: { key: bytes('a'), value: bytes('x'), lease: 99 } },
    'lease-not-found',
  ],
  [
    '1.5 MiB in one put',
    { kind: 'put', request: { key: bytes('a'), value: bytes(big + big) } },
    'request-too-large',
  ],
  ['1.5 MiB in one transaction', txn([put('a', big), put('b', big)]), 'request-too-large'],
  [
    '129 operations',
    txn(Array.from({ length: 129 }, (_, i) => put(`k${i}`))),
    'too-many-operations',
  ],
  [
    '128 operations of which one nests another',
    txn([...Array.from({ length: 127 }, (_, i) => put(`k${i}`)), nested([put('z')])]),
    'too-many-operations',
  ],
  ['one key put twice', txn([put('a'), put('a')]), 'duplicate-key'],
  ['a key put and deleted', txn([put('b'), remove('a', 'c')]), 'duplicate-key'],
  ['a key deleted and put', txn([remove('a', '\0'), put('b')]), 'duplicate-key'],
  ['a nested put of a key put above', txn([put('a'), nested([], [put('a')])]), 'duplicate-key'],
  ['two nested puts of a key', txn([nested([put('a')]), nested([put('a')])]), 'duplicate-key'],
  [
    'a nested deletion behind a nested put',
    txn([nested([put('a')]), nested([remove('a')])]),
    'duplicate-key',
  ],
  ['a range of the future', txn([put('a'), range('a', { revision: 9 })]), 'future-revision'],
  ['a revoke of no lease', { kind: 'leaseRevoke', id: 4, leaderTerm: 0 }, 'lease-not-found'],
  ['a lease without an id', { kind: 'leaseGrant', id: 0, ttlSeconds: 5 }, 'malformed'],
  [
    'a lease beyond 9,000,000,000 s',
    { kind: 'leaseGrant', id: 4, ttlSeconds: 9_000_000_001 },
    'lease-ttl-too-large',
  ],
  ['a compaction of the future', { kind: 'compact', request: { revision: 2 } }, 'future-revision'],
])('Apply refuses %s, and nothing changes.', (_name, command, code) => {
  const driver = new Driver()
  expect(driver.refusal(command)).toBe(code)
  expect(driver.core.revision).toBe(1)
  expect(driver.range('\0', '\0')).toEqual([])
})

test('The same key may be touched in both branches, and ranges clash with nothing.', () => {
  const driver = new Driver()
  const both = nested([put('a')], [remove('a'), put('b')])
  expect(
    driver.txn({ success: [both, range('a'), range('a')], failure: [put('a')] }).succeeded,
  ).toBe(true)
})

test('128 operations are accepted, each branch counted for itself.', () => {
  const many = Array.from({ length: 128 }, (_, i) => put(`k${i}`))
  const driver = new Driver()
  expect(driver.txn({ success: many, failure: many }).responses).toHaveLength(128)
  expect(driver.core.revision).toBe(2)
})

const onKey = (more: object): Compare => ({ key: bytes('a'), ...more }) as Compare

test.each<[string, boolean, boolean, Compare]>([
  ['version = 0', false, true, onKey({ target: 'version', version: 0, result: 'equal' })],
  ['version > 0', true, false, onKey({ target: 'version', version: 0, result: 'greater' })],
  ['create = 0', false, true, onKey({ target: 'create', createRevision: 0, result: 'equal' })],
  ['mod < 3', true, true, onKey({ target: 'mod', modRevision: 3, result: 'less' })],
  ['mod != 2', false, true, onKey({ target: 'mod', modRevision: 2, result: 'notEqual' })],
  ['lease = 0', true, true, onKey({ target: 'lease', lease: 0, result: 'equal' })],
  ['value = v', true, false, onKey({ target: 'value', value: bytes('v'), result: 'equal' })],
  ['value != w', true, false, onKey({ target: 'value', value: bytes('w'), result: 'notEqual' })],
  ['value < w', true, false, onKey({ target: 'value', value: bytes('w'), result: 'less' })],
])(
  'Compare %s is %s of a key with version 1 and %s of a missing one.',
  (_name, present, missing, compare) => {
    const driver = new Driver()
    const succeeded = (): boolean => driver.txn({ compare: [compare] }).succeeded
    expect(succeeded()).toBe(missing)
    driver.put('a', 'v')
    expect(succeeded()).toBe(present)
    driver.delete('a')
    expect(succeeded()).toBe(missing)
  },
)

test('A compare over a range holds when every key in it passes, or none is there.', () => {
  const driver = new Driver()
  const compare = (version: number): Compare => ({
    key: bytes('a'),
    end: bytes('c'),
    target: 'version',
    version,
    result: 'equal',
  })
  const succeeded = (version: number): boolean =>
    driver.txn({ compare: [compare(version)] }).succeeded
  expect([succeeded(0), succeeded(1)]).toEqual([true, false])
  driver.put('a', '1')
  driver.put('b', '1')
  driver.put('c', '1')
  driver.put('c', '2')
  expect([succeeded(0), succeeded(1)]).toEqual([false, true])
  driver.put('b', '2')
  expect(succeeded(1)).toBe(false)
})

test('All compares of a transaction, nested ones too, see the state before it.', () => {
  const driver = new Driver()
  const exists: Compare = { key: bytes('a'), target: 'version', version: 0, result: 'greater' }
  const inner: RequestOp = {
    kind: 'txn',
    request: { compare: [exists], success: [put('seen')], failure: [put('unseen')] },
  }
  driver.txn({ success: [put('a'), inner] })
  expect(driver.range('\0', '\0').map(one => one.split('=')[0])).toEqual(['a', 'unseen'])
})

test('A range inside a transaction sees the writes before it, at the revision of the transaction.', () => {
  const driver = new Driver()
  driver.put('a', 'old')
  const { header, responses } = driver.txn({
    success: [range('a'), put('a', 'new'), range('a'), range('a', { revision: 2 })],
  })
  const seen = responses.map(op =>
    op.kind === 'range' ? [op.response.header.revision, ...op.response.kvs.map(show)] : op.kind,
  )
  expect(seen).toEqual([[2, 'a=old c2 m2 v1'], 'put', [3, 'a=new c2 m3 v2'], [3, 'a=old c2 m2 v1']])
  expect(header.revision).toBe(3)
})

test('A transaction of which one operation is refused changes nothing at all.', () => {
  const driver = new Driver()
  const refused: RequestOp = {
    kind: 'put',
    request: { key: bytes('b'), value: bytes(''), ignoreValue: true },
  }
  expect(driver.refusal(txn([put('a'), refused]))).toBe('key-not-found')
  expect(driver.range('\0', '\0')).toEqual([])
  expect(driver.core.revision).toBe(1)
})

test('Read-only transactions are told apart, nested ones too, and read without the log.', () => {
  const { core, ...driver } = new Driver()
  expect(driver.entries).toEqual([])
  const request = (op: RequestOp): TxnRequest => ({ compare: [], success: [], failure: [op] })
  expect(core.isReadOnly(request(nested([range('a')])))).toBe(true)
  expect(core.isReadOnly(request(nested([], [put('a')])))).toBe(false)
  expect(atOnce(core.readTxn(request(range('a'))))).toMatchObject({
    succeeded: true,
    responses: [],
  })
  expect(core.appliedIndex).toBe(0)
})

test('Reads know the past, refuse the future, and allow the compacted revision itself.', () => {
  const driver = new Driver()
  driver.put('a', '1')
  driver.put('a', '2')
  driver.put('b', '1')
  driver.compact(3)
  const read = (revision: number) =>
    refusalOf(() => driver.core.range({ key: bytes('a'), revision }))
  expect([0, 2, 3, 4, 5].map(read)).toEqual([
    'accepted',
    'compacted',
    'accepted',
    'accepted',
    'future-revision',
  ])
  expect(driver.core.range({ key: bytes('a'), revision: 3 })).toMatchObject({
    header: { revision: 4 },
  })
  expect(driver.refusal({ kind: 'compact', request: { revision: 3 } })).toBe('compacted')
  expect(refusalOf(() => driver.core.range({ key: bytes('') }))).toBe('key-empty')
})

test.each<[string, Partial<RangeRequest>, string[], boolean]>([
  ['everything', {}, ['a', 'b', 'c', 'd'], false],
  ['a limit', { limit: 2 }, ['a', 'b'], true],
  ['a limit that just fits', { limit: 4 }, ['a', 'b', 'c', 'd'], false],
  ['keys descending', { sortOrder: 'descend' }, ['d', 'c', 'b', 'a'], false],
  ['versions descending', { sortTarget: 'version', sortOrder: 'descend', limit: 1 }, ['a'], true],
  ['a target without an order ascends', { sortTarget: 'mod' }, ['b', 'c', 'd', 'a'], false],
  [
    'creation descending',
    { sortTarget: 'create', sortOrder: 'descend' },
    ['d', 'c', 'b', 'a'],
    false,
  ],
  ['values', { sortTarget: 'value' }, ['d', 'c', 'b', 'a'], false],
  ['a least modification', { minModRevision: 4 }, ['a', 'c', 'd'], false],
  ['a least modification and a limit', { minModRevision: 4, limit: 2 }, ['a', 'c'], true],
  ['a last modification', { maxModRevision: 4 }, ['b', 'c'], false],
  ['creation between', { minCreateRevision: 3, maxCreateRevision: 4 }, ['b', 'c'], false],
  ['only the count', { countOnly: true }, [], false],
])(
  'A range with %s: keys, more, and a count that ignores limit and filters.',
  (_name, more, keys, left) => {
    const driver = new Driver()
    for (const [key, value] of [
      ['a', '1'],
      ['b', '3'],
      ['c', '2'],
      ['d', '1'],
      ['a', '4'],
    ] as const) {
      driver.put(key, value)
    }
    const response = driver.core.range({ key: bytes('a'), end: bytes('\0'), ...more })
    expect(response.kvs.map(kv => text(kv.key))).toEqual(keys)
    expect([response.more, response.count]).toEqual([left, 4])
  },
)

test.each<[string, string, string | undefined, string[]]>([
  ['a single key', 'b', undefined, ['b']],
  ['an empty end as a single key', 'b', '', ['b']],
  ['from a key on', 'b', '\0', ['b', 'b\0', 'c']],
  ['both zero bytes', '\0', '\0', ['a', 'b', 'b\0', 'c']],
  ['a half-open interval', 'a', 'b', ['a']],
  ['an interval the wrong way round', 'c', 'a', []],
])('A range of %s.', (_name, key, end, keys) => {
  const driver = new Driver()
  for (const one of ['a', 'b', 'b\0', 'c']) driver.put(one, 'v')
  const request = end === undefined ? { key: bytes(key) } : { key: bytes(key), end: bytes(end) }
  expect(driver.core.range(request).kvs.map(kv => text(kv.key))).toEqual(keys)
  expect(driver.core.range({ ...request, countOnly: true }).count).toBe(keys.length)
  const keysOnly = driver.core.range({ ...request, keysOnly: true })
  expect(keysOnly.kvs.map(kv => [text(kv.key), kv.value.length])).toEqual(keys.map(one => [one, 0]))
})

test('One entry carries many commands, each answered for itself; a bad one spoils no other.', () => {
  const driver = new Driver()
  const results = driver.batch([
    { kind: 'put', request: { key: bytes('a'), value: bytes('1') } },
    { kind: 'put', request: { key: bytes(''), value: bytes('1') } },
    { kind: 'put', request: { key: bytes('b'), value: bytes('1') } },
  ])
  expect(
    results.map(result => (result.ok ? result.response.header.revision : result.error.code)),
  ).toEqual([2, 'key-empty', 3])
})

test('An entry that is no batch of commands is answered with an error and still applied.', () => {
  const { core } = new Driver()
  const entry: Entry = { ...localEntry(1, 3, []), data: Buffer.from('\x01garbage') }
  expect(core.apply(entry)).toMatchObject([{ ok: false, error: { code: 'malformed' } }])
  expect([core.appliedIndex, core.header().raftTerm]).toEqual([1, 3])
})

test('Entries without commands only move the index; one out of order breaks an invariant.', () => {
  const { core } = new Driver()
  const noop: Entry = { ...localEntry(1, 1, []), kind: 'noop', data: new Uint8Array(0) }
  expect(core.apply(noop)).toEqual([])
  expect([core.appliedIndex, core.revision]).toEqual([1, 1])
  expect(() => core.apply(noop)).toThrow('in order')
})

test('Every refusal has a code, a gRPC status and says what is known of the effect: that there is none.', () => {
  for (const code of storeErrorCodes) {
    const error = new StoreError(code)
    const outcome = code === 'once-forgotten' ? 'unknown' : 'not-applied'
    expect(error).toMatchObject({ code, outcome })
    expect(error.grpc.length).toBeGreaterThan(0)
  }
})
