import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { MemoryBackend } from '../backend/memory.js'
import { SqliteBackend } from '../backend/sqlite.js'
import type { Backend } from './backend.js'
import { storedBytes } from './content.js'
import { RunningHash } from './hash.js'
import { StoreCore } from './store-core.js'
import { type Step, step } from './testing/arbitraries.js'
import { bytes, Driver } from './testing/driver.js'

const config = { clusterId: 7, memberId: 1, cacheBytesMax: 0 }

function take(driver: Driver, one: Step): void {
  if (one.kind === 'txn') driver.batch([one])
  else if (one.kind === 'compact') {
    const revision = Math.max(0, driver.core.revision - one.back)
    driver.batch([{ kind: 'compact', request: { revision } }])
  } else if (one.kind === 'slice') driver.core.compactSlice(one.keys)
  else driver.core.flush()
}

const content = ({ usedBytes, contentDigest }: StoreCore) => ({ usedBytes, contentDigest })

/** What is left once compactions have deleted all that they hide, added up row by row. */
function countedIn(backend: Backend): number {
  let counted = 0
  for (const { kv } of backend.readRows(1, 1e6, 1e9)) {
    counted += storedBytes({ bytes: kv.key.length + kv.value.length })
  }
  return counted
}

test.each<[string, () => Backend]>([
  ['memory', () => new MemoryBackend()],
  ['sqlite', () => new SqliteBackend({ path: ':memory:' })],
])(
  'What a state in %s holds follows from the log, however far its rows are deleted.',
  (_, make) => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const backend = make()
        const driver = new Driver(config, backend)
        const lazy = new Driver(config)
        driver.grant(1, 60)
        lazy.grant(1, 60)
        for (const one of steps) {
          take(driver, one)
          // The same commands, and no housekeeping.
          if (one.kind === 'txn' || one.kind === 'compact') take(lazy, one)
          expect(content(driver.core)).toEqual(content(lazy.core))
        }
        driver.core.flush()
        expect(content(new StoreCore(backend, config))).toEqual(content(driver.core))
        while (!driver.core.compactSlice(2));
        driver.core.flush()
        expect(content(driver.core)).toEqual(content(lazy.core))
        expect(driver.core.usedBytes).toBe(countedIn(backend))
        expect(content(new StoreCore(backend, config))).toEqual(content(driver.core))
      }),
      { numRuns: 150 },
    )
  },
)

test('A single changed byte of a value, a lease or a record gives another digest.', () => {
  const digests = new Set<string>()
  const note = (change: (driver: Driver) => void): void => {
    const driver = new Driver()
    driver.put('a', 'value')
    change(driver)
    digests.add(driver.core.contentDigest)
  }
  note(driver => driver.put('b', '1'))
  note(driver => driver.put('b', '2'))
  note(driver => driver.put('c', '1'))
  note(driver => driver.grant(1, 60))
  note(driver => driver.grant(1, 61))
  note(driver => driver.grant(2, 60))
  const raise = (member: number) => (driver: Driver) =>
    driver.run({ kind: 'alarm', activate: true, alarm: { kind: 'none', member } })
  note(raise(1))
  note(raise(2))
  expect(digests.size).toBe(8)
})

test('Rows that were exchanged, and rows that are there twice, give other sums.', () => {
  const of = (values: readonly string[]): string => {
    const driver = new Driver()
    for (const [at, value] of values.entries()) driver.put(`key${at}`, value)
    return driver.core.contentDigest
  }
  expect(of(['a', 'b'])).not.toBe(of(['b', 'a']))
  expect(of(['a', 'a', 'a'])).not.toBe(of(['a']))
  expect(new RunningHash().digest()).not.toBe(of([]).slice(0, 16))
})

test('Many versions are forgotten in the order in which they were replaced.', () => {
  const driver = new Driver({ cacheBytesMax: 0 })
  driver.put('only', bytes('x').toString())
  const { usedBytes } = driver.core
  for (let round = 0; round < 5_000; round++) driver.put('only', 'x')
  expect(driver.core.usedBytes).toBe(usedBytes * 5_001)
  driver.compact(2_502)
  expect(driver.core.usedBytes).toBe(usedBytes * 2_501)
  driver.compact(5_002)
  expect(driver.core.usedBytes).toBe(usedBytes)
  driver.delete('only')
  driver.compact(5_003)
  driver.put('other', 'x')
  driver.compact(5_004)
  expect(driver.core.usedBytes).toBe(usedBytes + 1)
})
