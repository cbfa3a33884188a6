// What a start reads of a state file: the heads of rows and no value, so that it takes as long as there
// are keys and not as long as there are bytes.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { bytes, Driver, text } from '../core/testing/driver.js'
import { SqliteBackend } from './sqlite.js'

const folder = mkdtempSync(join(tmpdir(), 'raftsman-start-'))
const path = join(folder, 'state.db')
const pageBytes = 8192

afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Zeros in place of every page that holds nothing but a part of a long value of `letter`. */
function wipeValuesOf(letter: string): number {
  const file = readFileSync(path)
  const inside = Buffer.alloc(pageBytes - 4, letter)
  let wiped = 0
  for (let at = 0; at < file.length; at += pageBytes) {
    if (!file.subarray(at + 4, at + pageBytes).equals(inside)) continue
    file.fill(0, at, at + pageBytes)
    wiped += 1
  }
  writeFileSync(path, file)
  return wiped
}

test('A start reads no value: damage in one shows when it is read, and not before.', () => {
  const driver = new Driver({}, new SqliteBackend({ path }))
  for (const letter of ['x', 'y', 'z']) driver.put(letter, letter.repeat(200_000))
  driver.core.close()
  expect(wipeValuesOf('y')).toBeGreaterThan(20)

  const again = new Driver({ cacheBytesMax: 0 }, new SqliteBackend({ path }))
  expect(again.core.keyCount).toBe(3)
  const everything = { key: bytes('\0'), end: bytes('\0') }
  expect(again.core.range({ ...everything, keysOnly: true }).kvs.map(kv => text(kv.key))).toEqual([
    'x',
    'y',
    'z',
  ])
  expect(again.core.range({ key: bytes('z') }).kvs[0]?.value).toHaveLength(200_000)
  expect(() => again.core.range({ key: bytes('y') })).toThrow(
    expect.objectContaining({ code: 'backend-corrupt' }),
  )
  again.core.close()
})
