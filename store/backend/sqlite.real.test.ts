import {
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import * as fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { must } from '../../platform/errors.js'
import { BackendError } from '../core/backend.js'
import { unfinished } from '../../raft/state-machine.js'
import { applyWhole, localEntry } from '../core/local-entry.js'
import { bytes, Driver } from '../core/testing/driver.js'
import { makeRow } from '../core/row.js'
import { emptyMeta } from '../core/state.js'
import { StoreCore } from '../core/store-core.js'
import { SqliteBackend } from './sqlite.js'

let directory = ''
let files = 0
const backends: SqliteBackend[] = []

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'raftsman-backend-'))
})

afterEach(() => {
  for (const backend of backends.splice(0)) backend.close()
  rmSync(directory, { recursive: true })
})

const newPath = (): string => join(directory, `state-${files++}.db`)

function open(path: string, sizeBytesMax?: number): SqliteBackend {
  const backend = new SqliteBackend(sizeBytesMax === undefined ? { path } : { path, sizeBytesMax })
  backends.push(backend)
  return backend
}

const config = { clusterId: 7, memberId: 1, cacheBytesMax: 0 }

/** The files as they are now, as a process killed at this point would leave them. */
function survivorOf(path: string): string {
  const copy = newPath()
  copyFileSync(path, copy)
  copyFileSync(`${path}-wal`, `${copy}-wal`)
  return copy
}

function codeOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    if (error instanceof BackendError) return error.code
    throw error
  }
  return 'fine'
}

test('A store that was closed opens again as it was, durably.', () => {
  const path = newPath()
  const driver = new Driver(config, open(path))
  driver.grant(5, 60)
  for (let i = 0; i < 300; i++)
    driver.put(`key${i % 90}`, `value ${i}`, { lease: i % 2 === 0 ? 5 : 0 })
  driver.delete('key1', 'key3')
  const { stateHash, revision, appliedIndex } = driver.core
  const hash = driver.core.hashKv(0).step(1000)?.hash
  driver.core.close()
  const again = new StoreCore(open(path), config)
  expect(again).toMatchObject({ stateHash, revision, appliedIndex, durableIndex: appliedIndex })
  expect(again.hashKv(0).step(1000)?.hash).toBe(hash)
  expect(again.leaseTimeToLive(5, true, 0)).toEqual(driver.core.leaseTimeToLive(5, true, 0))
})

test('After a kill at any point the last flush is there, whole, and a replay gives the same state.', () => {
  const action = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('put'), key: fc.nat(9) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete'), key: fc.nat(9) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('compact'), key: fc.nat(5) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('slice'), key: fc.nat(9) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('flush'), key: fc.constant(0) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('checkpoint'), key: fc.constant(0) }) },
  )
  fc.assert(
    fc.property(fc.array(action, { minLength: 5, maxLength: 60 }), actions => {
      const path = newPath()
      const backend = open(path)
      const driver = new Driver(config, backend)
      driver.grant(5, 60)
      let flushed = 0
      for (const { kind, key } of actions) {
        if (kind === 'put')
          driver.put(`k${key}`, `v${driver.core.revision}`, { lease: key % 2 === 0 ? 5 : 0 })
        else if (kind === 'delete') driver.delete(`k${key}`, `k${key + 3}`)
        else if (kind === 'compact') {
          const request = { revision: Math.max(0, driver.core.revision - key) }
          driver.batch([{ kind: 'compact', request }])
        } else if (kind === 'slice') driver.core.compactSlice(key + 1)
        else if (kind === 'flush') flushed = driver.core.flush().appliedIndex
        else driver.core.checkpoint()
      }
      const crashed = open(survivorOf(path))
      expect(crashed.meta?.appliedIndex ?? 0).toBe(flushed)
      const again = new StoreCore(crashed, config)
      for (const entry of driver.entries.slice(again.appliedIndex)) again.apply(entry)
      expect(again.stateHash).toBe(driver.core.stateHash)
      const hash = driver.core.hashKv(0).step(1000)?.hash
      expect(again.hashKv(0).step(1000)?.hash).toBe(hash)
      while (!again.compactSlice(3));
      again.flush()
      expect(again.hashKv(0).step(1000)?.hash).toBe(hash)
      // What compaction leaves is the same however often it was interrupted.
      while (!driver.core.compactSlice(3));
      driver.core.flush()
      expect(crashed.readRows(1, 1000, 1e9).map(row => row.ordinal)).toEqual(
        backend.readRows(1, 1000, 1e9).map(row => row.ordinal),
      )
      backend.close()
      crashed.close()
    }),
    { numRuns: 60 },
  )
})

test('Rows of an entry that a kill has cut short are no part of the state, and come again.', () => {
  const sliced = { ...config, sliceWorkMax: 1 }
  const all = { key: bytes('\0'), end: bytes('\0') }
  const path = newPath()
  const backend = open(path)
  const driver = new Driver(sliced, backend)
  for (let at = 0; at < 9; at++) driver.put(`k${at}`, 'v')
  driver.core.flush()
  driver.put('unflushed', 'v')
  const entry = localEntry(driver.core.appliedIndex + 1, 1, [
    { kind: 'put', request: { key: bytes('new'), value: bytes('v') } },
    { kind: 'deleteRange', request: all },
  ])
  driver.entries.push(entry)
  for (let pieces = 1; driver.core.apply(entry) === unfinished; pieces++) {
    driver.core.flush()
    if (pieces % 3 === 0) driver.core.checkpoint()
    const crashed = open(survivorOf(path))
    expect(crashed.meta?.lastOrdinal).toBe(9)
    expect(
      crashed
        .readRows(1, 1000, 1e9)
        .map(row => row.ordinal)
        .at(-1),
    ).toBe(9)
    const again = new StoreCore(crashed, sliced)
    expect(again.keyCount).toBe(9)
    for (const one of driver.entries.slice(again.appliedIndex)) {
      while (again.apply(one) === unfinished) if (pieces % 2 === 0) again.flush()
    }
    again.flush()
    expect(again.keyCount).toBe(0)
    expect(crashed.readRows(1, 1000, 1e9)).toHaveLength(9 + 1 + 1 + 11)
    const { stateHash } = again
    again.close()
    const last = new StoreCore(open(survivorOf(path)), sliced)
    for (const one of driver.entries.slice(last.appliedIndex)) applyWhole(last, one)
    expect(last.stateHash).toBe(stateHash)
  }
  driver.core.checkpoint()
  expect(driver.core.durableIndex).toBe(0 + 9)
  driver.core.flush()
  driver.core.checkpoint()
  expect(driver.core.durableIndex).toBe(entry.index)
})

test('The durable index follows checkpoints, not flushes.', () => {
  const driver = new Driver(config, open(newPath()))
  driver.put('a', '1')
  driver.core.flush()
  expect(driver.core.durableIndex).toBe(0)
  driver.put('a', '2')
  driver.core.checkpoint()
  expect(driver.core.durableIndex).toBe(1)
})

test('All that is applied can be made durable at once, flushed or not; what it cannot write it says.', () => {
  const driver = new Driver(config, open(newPath(), 400_000))
  const answers: unknown[] = []
  const ask = () => driver.core.makeDurable(error => answers.push(error?.code ?? 'fine'))
  driver.put('a', '1')
  ask()
  expect(driver.core.durableIndex).toBe(1)
  driver.put('a', '2')
  driver.core.flush()
  driver.put('a', '3')
  ask()
  expect(driver.core.durableIndex).toBe(3)
  for (let number = 0; number < 50; number += 1) driver.put(`key${number}`, 'x'.repeat(10_000))
  ask()
  expect(driver.core.durableIndex).toBe(3)
  expect(answers).toEqual(['fine', 'fine', 'backend-full'])
})

test('It asks for a checkpoint when much was flushed since the last one.', () => {
  const driver = new Driver({ ...config, checkpointBytes: 1000 }, open(newPath()))
  driver.put('a', 'x'.repeat(1000))
  expect(driver.core.needsCheckpoint).toBe(false)
  driver.core.flush()
  expect(driver.core.needsCheckpoint).toBe(true)
  driver.core.checkpoint()
  expect(driver.core.needsCheckpoint).toBe(false)
})

test('Deletions and moved pages count as changes too when it asks for a checkpoint.', () => {
  const driver = new Driver({ ...config, checkpointBytes: 100_000 }, open(newPath()))
  const asked = (work: () => void): boolean => {
    driver.core.checkpoint()
    work()
    return driver.core.needsCheckpoint
  }
  for (let number = 0; number < 200; number += 1) driver.put(`key${number}`, 'x'.repeat(2_000))
  driver.core.flush()
  driver.delete('key', 'kez')
  driver.compact(driver.core.revision)
  while (!driver.core.compactSlice(1_000));
  expect(asked(() => driver.core.flush())).toBe(true)
  expect(asked(() => driver.core.reclaimSlice(50_000))).toBe(false)
  expect(asked(() => driver.core.reclaimSlice(100_000))).toBe(true)
})

test('A full disk is a typed, retryable error; nothing is lost, and apply stops in time.', () => {
  const path = newPath()
  const sizeBytesMax = 400_000
  const driver = new Driver({ pendingBytesMax: 300_000 }, open(path, sizeBytesMax))
  const value = 'x'.repeat(10_000)
  let number = 0
  while (codeOf(() => driver.core.flush()) === 'fine') driver.put(`key${number++}`, value)
  expect(codeOf(() => driver.core.flush())).toBe('backend-full')
  expect(driver.core.range({ key: bytes('key0') }).count).toBe(1)
  while (!driver.core.saturated) driver.put(`key${number++}`, value)
  const appliedBefore = driver.core.appliedIndex
  expect(() => driver.put('one', value)).toThrow(
    expect.objectContaining({ code: 'back-pressure', retryable: true }),
  )
  driver.entries.pop()
  expect(driver.core.appliedIndex).toBe(appliedBefore)
  // There is room again: the same state machine goes on where it was.
  const roomy = new Driver(config, open(newPath()))
  for (const entry of driver.entries) roomy.core.apply(entry)
  expect(roomy.core.stateHash).toBe(driver.core.stateHash)
  const reopened = new StoreCore(open(survivorOf(path)), config)
  for (const entry of driver.entries.slice(reopened.appliedIndex)) reopened.apply(entry)
  reopened.flush()
  expect(reopened.stateHash).toBe(driver.core.stateHash)
})

test.each<[string, (path: string) => void]>([
  [
    'is something else',
    path =>
      writeFileSync(path, 'this is no database, but long enough to be read as one'.repeat(30)),
  ],
  ['has lost its second half', path => truncateSync(path, 8192 * 6)],
])('A file that %s is told apart as corrupt, so that it can be built anew.', (_name, damage) => {
  const path = newPath()
  const driver = new Driver(config, open(path))
  for (let i = 0; i < 200; i++) driver.put(`key${i}`, 'x'.repeat(500))
  driver.core.close()
  damage(path)
  expect(codeOf(() => new StoreCore(open(path), config))).toBe('backend-corrupt')
})

test('A directory that is not there is an input-output error, and a closed backend says so.', () => {
  expect(codeOf(() => open(join(directory, 'none', 'state.db')))).toBe('backend-io')
  const backend = open(newPath())
  backend.close()
  expect(codeOf(() => backend.readRow(1))).toBe('backend-closed')
})

test('What an unfinished or replaced generation left behind is deleted by checkpoints.', () => {
  const path = newPath()
  const backend = open(path)
  const driver = new Driver(config, backend)
  driver.put('a', 'mine')
  driver.core.flush()
  const rows = Array.from({ length: 12_000 }, (_, i) =>
    makeRow(i + 1, {
      key: bytes(`k${i}`),
      value: bytes('v'.repeat(50)),
      createRevision: i + 2,
      modRevision: i + 2,
      version: 1,
      lease: 0,
    }),
  )
  backend.beginRestore().write({ rows })
  const crashed = open(survivorOf(path))
  expect(new StoreCore(crashed, config).range({ key: bytes('a') }).count).toBe(1)
  const before = crashed.sizeBytes
  for (let i = 0; i < 4; i++) crashed.checkpoint()
  expect(crashed.sizeBytes).toBeLessThan(before / 2)
  expect(crashed.readRows(1, 10, 1000)).toHaveLength(1)
})

const noRows = { rows: [], deletedOrdinals: [], leases: [], deletedLeases: [] }

test('System records are written, replaced and deleted with the rest of a transaction.', () => {
  const path = newPath()
  const backend = open(path)
  const driver = new Driver(config, backend)
  driver.put('a', '1')
  driver.core.flush()
  const meta = must(backend.meta, 'it has been written')
  const set = (records: Record<string, string>, deletedRecords: readonly string[] = []): void => {
    const all = Object.entries(records).map(([name, value]) => ({ name, value: bytes(value) }))
    backend.commit({ ...noRows, meta, records: all, deletedRecords })
  }
  set({ 'some/1': 'on', 'auth/user/ä': '' })
  set({ 'some/1': 'off', 'some/2': 'x' }, ['auth/user/ä', 'none'])
  const found = open(survivorOf(path))
  const records = found.records().map(({ name, value }) => `${name}=${value.toString()}`)
  expect(records.sort()).toEqual(['some/1=off', 'some/2=x'])
  expect(new StoreCore(found, config).range({ key: bytes('a') }).count).toBe(1)
})

test('A file from before system records keeps its data and takes them from now on.', () => {
  const path = newPath()
  const driver = new Driver(config, open(path))
  for (let i = 0; i < 100; i++) driver.put(`key${i % 30}`, `value ${i}`)
  const hash = driver.core.hashKv(0).step(1000)?.hash
  driver.core.close()
  const old = new Database(path)
  old.exec('DROP TABLE records_1')
  expect(old.prepare('SELECT format FROM meta').pluck().get()).toBe(1)
  old.close()
  const backend = open(path)
  const core = new StoreCore(backend, config)
  expect(core.stateHash).toBe(driver.core.stateHash)
  expect(core.hashKv(0).step(1000)?.hash).toBe(hash)
  const meta = must(backend.meta, 'it has been written')
  const records = [{ name: 'cluster/version', value: bytes('2') }]
  backend.commit({ ...noRows, meta, records, deletedRecords: [] })
  core.close()
  const raised = new Database(path)
  expect(raised.prepare('SELECT format FROM meta').pluck().get()).toBe(2)
  raised.exec('UPDATE meta SET format = 3')
  raised.close()
  expect(codeOf(() => open(path))).toBe('backend-io')
})

test('A damaged system record is an error when the store is opened.', () => {
  const path = newPath()
  const backend = open(path)
  const records = [{ name: 'auth/user/root', value: bytes('<a secret>') }]
  backend.commit({ ...noRows, meta: emptyMeta, records, deletedRecords: [] })
  backend.close()
  const file = new Database(path)
  file.prepare('UPDATE records_1 SET value = ?').run(bytes('<a secreT>'))
  file.close()
  expect(codeOf(() => new StoreCore(open(path), config))).toBe('backend-corrupt')
})

test('What a compaction has freed is given back a little at a time, and a kill in between loses nothing.', () => {
  const path = newPath()
  const backend = open(path)
  const driver = new Driver(config, backend)
  for (let i = 0; i < 2_000; i++) driver.put(`key${i % 20}`, `${i}`.repeat(500))
  driver.core.flush()
  driver.core.checkpoint()
  driver.compact(driver.core.revision)
  while (!driver.core.compactSlice(5));
  driver.core.flush()
  const before = { file: backend.fileBytes, used: backend.sizeBytes }
  expect(before.file).toBeGreaterThan(10 * before.used)
  const sliceBytes = 80_000
  let slices = 0
  let crashed: SqliteBackend | null = null
  while (driver.core.reclaimSlice(sliceBytes)) {
    slices++
    // No slice gives back more than it was told to.
    expect(before.file - backend.fileBytes).toBeLessThanOrEqual(slices * sliceBytes)
    driver.put('meanwhile', String(slices))
    if (slices === 20) crashed = open(survivorOf(path))
  }
  expect(slices).toBeGreaterThan(40)
  expect(backend.fileBytes).toBeLessThan(1.5 * before.used)
  driver.core.flush()
  driver.core.checkpoint()
  driver.core.close()
  expect(statSync(path).size).toBeLessThan(2 * before.used)
  const again = new StoreCore(open(path), config)
  expect(again.stateHash).toBe(driver.core.stateHash)
  const other = new StoreCore(must(crashed, 'it was killed'), config)
  for (const entry of driver.entries.slice(other.appliedIndex)) other.apply(entry)
  expect(other.contentDigest).toBe(again.contentDigest)
  expect(other.hashKv(0).step(1000)?.hash).toBe(again.hashKv(0).step(1000)?.hash)
})

test('A flush leaves nothing pending, rows dropped by a compaction included.', () => {
  const driver = new Driver(config, open(newPath()))
  for (let i = 0; i < 10; i++) driver.put('a', String(i))
  driver.core.flush()
  driver.compact(11)
  while (!driver.core.compactSlice(1));
  expect(driver.core.pendingRows).toBe(9)
  expect(driver.core.flush()).toEqual({ rows: 0, appliedIndex: 11 })
  expect([driver.core.pendingRows, driver.core.pendingBytes]).toEqual([0, 0])
})

test('A flipped bit in a value is an error when it is read, never an answer.', () => {
  const path = newPath()
  const driver = new Driver(config, open(path))
  for (let i = 0; i < 20; i++) driver.put(`key${i}`, `<value number ${i}>`)
  driver.core.close()
  const file = readFileSync(path)
  const at = file.indexOf('<value number 7>')
  expect(at).toBeGreaterThan(0)
  file[at + 3] = (file[at + 3] ?? 0) ^ 1
  writeFileSync(path, file)
  const again = new StoreCore(open(path), config)
  expect(again.range({ key: bytes('key6') }).count).toBe(1)
  expect(codeOf(() => again.range({ key: bytes('key7') }))).toBe('backend-corrupt')
  const watcher = again.openWatch(
    { key: bytes('key'), end: bytes('\0'), startRevision: 2 },
    () => {},
  )
  expect(codeOf(() => watcher.next(1_000_000))).toBe('backend-corrupt')
})

test('A disk that fills up during a restore leaves the old state, and the next attempt goes well.', () => {
  const from = new Driver()
  for (let i = 0; i < 400; i++) from.put(`key${i}`, 'x'.repeat(1000))
  const chunks: Uint8Array[] = []
  from.core.openSnapshot((_error, source) => {
    const take = (): void =>
      source?.read(50_000, (_failed, chunk) => {
        if (chunk === null || chunk === undefined) return
        chunks.push(chunk)
        take()
      })
    take()
  })
  const restore = (core: StoreCore): string[] => {
    const codes: string[] = []
    core.beginRestore(from.core.appliedIndex, (_error, sink) => {
      const done = (error: { readonly code: string } | null): void => {
        if (error !== null) codes.push(error.code)
      }
      for (const chunk of chunks) sink?.write(chunk, done)
      sink?.commit(done)
    })
    return codes
  }
  const path = newPath()
  const small = open(path, 300_000)
  const driver = new Driver(config, small)
  driver.put('mine', 'stays')
  expect(restore(driver.core)[0]).toBe('backend-full')
  expect(driver.range('\0', '\0')).toEqual(['mine=stays c2 m2 v1'])
  driver.core.close()
  const again = new StoreCore(open(path), config)
  expect(again.range({ key: bytes('mine') }).count).toBe(1)
  expect(restore(again)).toEqual([])
  expect(again.stateHash).toBe(from.core.stateHash)
  again.close()
  expect(new StoreCore(open(path), config).stateHash).toBe(from.core.stateHash)
})
