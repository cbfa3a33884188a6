import { expect, test } from 'vitest'
import { MemoryBackend } from '../backend/memory.js'
import type { Command } from './command.js'
import { localEntry } from './local-entry.js'
import { nodeId } from '../../raft/core/types.js'
import { StoreCore } from './store-core.js'
import { bytes, Driver } from './testing/driver.js'
import type { RequestOp } from './types.js'

const value = 'x'.repeat(100)
/** Of a put of one of the keys below: key, value and what a row takes beside them. */
const rowBytes = 2 + 100 + 64

/** With room for exactly `rows` more puts of `value`. */
function limited(rows: number): Driver {
  const driver = new Driver()
  // The record of the limit counts too, and is as long for every number of two bytes.
  driver.run({ kind: 'quota', bytes: 60_000 })
  driver.run({ kind: 'quota', bytes: driver.core.usedBytes + rows * rowBytes })
  return driver
}

const put = (key: string): RequestOp => ({
  kind: 'put',
  request: { key: bytes(key), value: bytes(value) },
})
const txn = (success: readonly RequestOp[], failure: readonly RequestOp[] = []): Command => ({
  kind: 'txn',
  request: { compare: [], success, failure },
})
const code = (driver: Driver, command: Command): string => {
  const [result] = driver.batch([command])
  return result === undefined || result.ok ? 'done' : result.error.code
}

test('What fits is stored to the last byte; what does not is refused whole, and an alarm is raised.', () => {
  const driver = limited(3)
  expect(code(driver, txn([put('k1'), put('k2')]))).toBe('done')
  const { revision } = driver.core
  expect(code(driver, txn([put('k3'), put('k4')]))).toBe('no-space')
  expect(driver.core.revision).toBe(revision)
  expect(driver.core.alarms.list()).toEqual([{ kind: 'nospace', member: 1 }])
  // It would fit, but the alarm is on.
  expect(code(driver, txn([put('k3')]))).toBe('no-space')
  driver.run({ kind: 'alarm', activate: false, alarm: { kind: 'nospace', member: 1 } })
  const over = driver.core.quotaBytes - driver.core.usedBytes
  expect(over).toBe(rowBytes)
  expect(code(driver, txn([put('k3')]))).toBe('done')
  expect(driver.core.usedBytes).toBe(driver.core.quotaBytes)
})

test.each<[string, Command, string]>([
  ['a put', txn([put('k1')]), 'no-space'],
  ['a transaction that might put', txn([], [put('k1')]), 'no-space'],
  ['a lease', { kind: 'leaseGrant', id: 5, ttlSeconds: 10 }, 'no-space'],
  ['a deletion', { kind: 'deleteRange', request: { key: bytes('k0') } }, 'done'],
  ['a compaction', { kind: 'compact', request: { revision: 2 } }, 'done'],
])('At the limit %s is %#: let through or refused as under the alarm.', (_, command, wanted) => {
  const driver = limited(1)
  expect(code(driver, txn([put('k0')]))).toBe('done')
  expect(code(driver, command)).toBe(wanted)
  expect(driver.core.alarms.has('nospace')).toBe(wanted === 'no-space')
})

test('Deleting and compacting makes room again, at once and on all members alike.', () => {
  const driver = limited(2)
  driver.batch([txn([put('k1'), put('k2')])])
  expect(code(driver, txn([put('k3')]))).toBe('no-space')
  driver.delete('k1', 'k9')
  driver.compact(driver.core.revision)
  driver.run({ kind: 'alarm', activate: false, alarm: { kind: 'nospace', member: 1 } })
  // The deletions themselves go with the next compaction; nothing has been deleted on disk yet.
  expect(driver.core.compacting).toBe(true)
  expect(code(driver, txn([put('k3')]))).toBe('done')
})

test('Without a limit nothing is refused, and a limit can be taken back.', () => {
  const driver = limited(0)
  expect(code(driver, txn([put('k1')]))).toBe('no-space')
  driver.run({ kind: 'quota', bytes: 0 })
  driver.run({ kind: 'alarm', activate: false, alarm: { kind: 'nospace', member: 1 } })
  expect(code(driver, txn([put('k1')]))).toBe('done')
})

test('The alarm is of the member that proposed what was refused.', () => {
  const driver = limited(0)
  const entry = localEntry(driver.core.appliedIndex + 1, 1, [txn([put('k1')])])
  driver.core.apply({ ...entry, origin: nodeId(3) })
  expect(driver.core.alarms.list()).toEqual([{ kind: 'nospace', member: 3 }])
})

test('The limit, and what counts against it, are found again after a restart.', () => {
  const backend = new MemoryBackend()
  const driver = new Driver({}, backend)
  driver.run({ kind: 'quota', bytes: 12_345 })
  for (let i = 0; i < 9; i++) driver.put(`k${i % 4}`, value)
  driver.compact(6)
  driver.core.flush()
  const again = new StoreCore(backend, { clusterId: 7, memberId: 1 })
  expect(again.quotaBytes).toBe(12_345)
  expect(again.usedBytes).toBe(driver.core.usedBytes)
})
