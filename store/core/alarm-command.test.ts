import { expect, test } from 'vitest'
import { MemoryBackend } from '../backend/memory.js'
import type { Command } from './command.js'
import { atOnce } from './sliced.js'
import { StoreCore } from './store-core.js'
import { bytes, Driver } from './testing/driver.js'
import type { AlarmKind, RequestOp } from './types.js'

const raise = (driver: Driver, kind: AlarmKind, member = 5) =>
  driver.run({ kind: 'alarm', activate: true, alarm: { kind, member } })
const clear = (driver: Driver, kind: AlarmKind, member = 5) =>
  driver.run({ kind: 'alarm', activate: false, alarm: { kind, member } })

const put: RequestOp = { kind: 'put', request: { key: bytes('k'), value: bytes('v') } }
const range: RequestOp = { kind: 'range', request: { key: bytes('k') } }
const remove: RequestOp = { kind: 'deleteRange', request: { key: bytes('none') } }
const txn = (success: readonly RequestOp[], failure: readonly RequestOp[] = []): Command => ({
  kind: 'txn',
  request: { compare: [], success, failure },
})
const nested = (op: RequestOp): RequestOp => ({
  kind: 'txn',
  request: { compare: [], success: [], failure: [op] },
})

// What etcd 3.4 answered to each of these, asked over gRPC.
test.each<[string, Command, string, string]>([
  [
    'a put',
    { kind: 'put', request: { key: bytes('k'), value: bytes('v') } },
    'no-space',
    'corrupt',
  ],
  ['a deletion', { kind: 'deleteRange', request: { key: bytes('none') } }, 'done', 'corrupt'],
  ['a transaction of reads and deletions', txn([range, remove]), 'done', 'corrupt'],
  ['a transaction with a put', txn([put]), 'no-space', 'corrupt'],
  ['one whose other branch has a put', txn([], [put]), 'no-space', 'corrupt'],
  ['one with a put deep inside', txn([nested(nested(put))]), 'no-space', 'corrupt'],
  ['a grant', { kind: 'leaseGrant', id: 9, ttlSeconds: 9 }, 'no-space', 'corrupt'],
  ['a revoke', { kind: 'leaseRevoke', id: 7, leaderTerm: 0 }, 'done', 'corrupt'],
  ['a compaction', { kind: 'compact', request: { revision: 2 } }, 'done', 'corrupt'],
  [
    'a note of the time left',
    { kind: 'leaseCheckpoint', leaderTerm: 1, checkpoints: [{ id: 7, remainingSeconds: 1 }] },
    'done',
    'done',
  ],
])("Of %s the alarms allow what etcd's do.", (_name, command, nospace, corrupt) => {
  const outcome = (...kinds: readonly AlarmKind[]): string => {
    const driver = new Driver()
    driver.grant(7, 60)
    driver.put('a', '1')
    for (const kind of kinds) raise(driver, kind)
    const { stateHash } = driver.core
    const [result] = driver.batch([command])
    if (result === undefined || result.ok) return 'done'
    expect(driver.core.stateHash).toBe(stateHash)
    return result.error.code
  }
  expect(outcome()).toBe('done')
  expect(outcome('none')).toBe('done')
  expect(outcome('nospace')).toBe(nospace)
  expect(outcome('corrupt')).toBe(corrupt)
  expect(outcome('nospace', 'corrupt')).toBe(corrupt === 'corrupt' ? 'corrupt' : nospace)
})

test('Reads go on under every alarm.', () => {
  const driver = new Driver()
  driver.put('a', '1')
  raise(driver, 'nospace')
  raise(driver, 'corrupt')
  expect(driver.range('a')).toEqual(['a=1 c2 m2 v1'])
  const request = { compare: [], success: [range], failure: [] }
  expect(atOnce(driver.core.readTxn(request)).succeeded).toBe(true)
})

test('An alarm is on until it has been turned off for every member that it was raised for.', () => {
  const driver = new Driver()
  expect(raise(driver, 'nospace', 5).alarms).toEqual([{ kind: 'nospace', member: 5 }])
  expect(raise(driver, 'nospace', 5).alarms).toEqual([{ kind: 'nospace', member: 5 }])
  raise(driver, 'nospace', 2)
  raise(driver, 'corrupt', 9)
  const all = [
    { kind: 'nospace', member: 2 },
    { kind: 'nospace', member: 5 },
    { kind: 'corrupt', member: 9 },
  ]
  expect(driver.core.alarms.list()).toEqual(all)
  expect(driver.core.alarms.list('corrupt')).toEqual(all.slice(2))
  expect(clear(driver, 'corrupt', 5).alarms).toEqual([])
  clear(driver, 'corrupt', 9)
  expect(clear(driver, 'nospace', 5).alarms).toEqual([{ kind: 'nospace', member: 5 }])
  expect(clear(driver, 'nospace', 5).alarms).toEqual([])
  expect(() => driver.put('b', '1')).toThrow('etcdserver: mvcc: database space exceeded')
  clear(driver, 'nospace', 2)
  driver.put('b', '1')
  expect(driver.core.alarms.list()).toEqual([])
})

test('Alarms outlive a restart.', () => {
  const backend = new MemoryBackend()
  const driver = new Driver({}, backend)
  raise(driver, 'nospace', 3)
  driver.core.flush()
  const again = new StoreCore(backend, { clusterId: 7, memberId: 1 })
  expect(again.alarms.list()).toEqual([{ kind: 'nospace', member: 3 }])
})
