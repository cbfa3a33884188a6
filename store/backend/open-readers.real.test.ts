// Readers that last: between two slices none of them holds anything of SQLite, so that its write-ahead
// log is taken in whole, and does not grow, for as long as somebody lists or copies the state.

import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { SnapshotSource } from '../../raft/state-machine.js'
import { bytes, Driver } from '../core/testing/driver.js'
import { SqliteBackend } from './sqlite.js'

const folder = mkdtempSync(join(tmpdir(), 'raftsman-readers-'))
const path = join(folder, 'state.db')
const mebibyte = 1024 * 1024

afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('A list, a sorted list, a watch of the past and a snapshot hold up no checkpoint.', () => {
  const backend = new SqliteBackend({ path })
  const driver = new Driver({ cacheBytesMax: 0, watch: { logEventsMax: 1 } }, backend)
  const value = 'x'.repeat(1_000)
  const everything = { key: bytes('\0'), end: bytes('\0') }
  const write = (): void => {
    for (let at = 0; at < 1_000; at++) driver.put(`k${at}`, value)
    driver.core.flush()
    driver.core.checkpoint()
    expect(driver.core.durableIndex).toBe(driver.core.appliedIndex)
  }
  write()
  const list = driver.core.openRange(everything)
  const sorted = driver.core.openRange({ ...everything, sortTarget: 'mod', sortOrder: 'descend' })
  const watcher = driver.core.openWatch({ ...everything, startRevision: 1 }, () => {})
  const opened: SnapshotSource[] = []
  driver.core.openSnapshot((error, source) => {
    if (error !== null || source === undefined) throw error ?? new Error('no snapshot')
    opened.push(source)
  })
  for (let round = 0; round < 20; round++) {
    expect(list.next(10_000).end).toBeNull()
    expect(sorted.next(10_000).end).toBeNull()
    expect(watcher.next(10_000)?.events.length).toBeGreaterThan(0)
    opened[0]?.read(10_000, error => expect(error).toBeNull())
    write()
  }
  // Twenty rounds of a mebibyte each went through it.
  expect(statSync(`${path}-wal`).size).toBeLessThan(8 * mebibyte)
  opened[0]?.close()
  driver.core.close()
})
