import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { RunningHash } from './hash.js'
import { systemRecordBytesMax, systemRecordsBytesMax } from './limits.js'
import { isRecordName, type SystemRecord, SystemRecords } from './system-records.js'
import { bytes } from './testing/driver.js'

const codeOf = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    return (error as { code: string }).code
  }
  return 'fine'
}

type Step =
  | { readonly kind: 'set'; readonly name: string; readonly value: Uint8Array }
  | { readonly kind: 'delete'; readonly name: string }
  | { readonly kind: 'flush' }

const name = fc.constantFrom('some/user/a', 'some/user/b', 'some/role/a', 'member/1', 'ä', '𝄞')
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), name, value: fc.uint8Array({ maxLength: 9 }) }),
  fc.record({ kind: fc.constant('delete' as const), name }),
  fc.constant({ kind: 'flush' as const }),
)

test('Records are a map; what a flush is told makes the stored ones equal to it.', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), steps => {
      const records = new SystemRecords([], new RunningHash())
      const model = new Map<string, Uint8Array>()
      const stored = new Map<string, Uint8Array>()
      const flush = (): void => {
        const changes = records.changes()
        for (const { name, value } of changes.records) stored.set(name, value)
        for (const name of changes.deleted) stored.delete(name)
        records.flushed()
        expect(records.changedCount).toBe(0)
      }
      for (const one of steps) {
        if (one.kind === 'set') {
          records.set(one.name, one.value)
          model.set(one.name, one.value)
        } else if (one.kind === 'delete') {
          expect(records.delete(one.name)).toBe(model.delete(one.name))
        } else flush()
        expect(records.size).toBe(model.size)
      }
      flush()
      const sorted = (map: Map<string, Uint8Array>): SystemRecord[] =>
        Array.from(map, ([name, value]) => ({ name, value })).sort((a, b) =>
          a.name < b.name ? -1 : 1,
        )
      expect(records.entries()).toEqual(sorted(model))
      expect(sorted(stored)).toEqual(sorted(model))
      const users = records.entries('some/user/').map(record => record.name)
      expect(users).toEqual([...model.keys()].filter(name => name.startsWith('some/user/')).sort())
      const total = records
        .entries()
        .reduce((sum, record) => sum + Buffer.byteLength(record.name) + record.value.length, 0)
      expect(records.bytes).toBe(total)
    }),
  )
})

test('Everything set or deleted enters the state hash, and reading does not.', () => {
  const digests = new Set<string>()
  const hash = new RunningHash()
  const records = new SystemRecords([{ name: 'a', value: bytes('1') }], hash)
  digests.add(hash.digest())
  records.get('a')
  records.entries()
  records.delete('none')
  digests.add(hash.digest())
  expect(digests.size).toBe(1)
  records.set('a', bytes('2'))
  digests.add(hash.digest())
  records.set('b', bytes('2'))
  digests.add(hash.digest())
  records.delete('a')
  digests.add(hash.digest())
  expect(digests.size).toBe(4)
})

test.each([
  ['a', true],
  ['x'.repeat(256), true],
  ['', false],
  ['x'.repeat(257), false],
  ['ä'.repeat(129), false],
  ['\ud834', false],
  ['auth/user/\udd1e', false],
])('Whether a record can be named %j is %s.', (name, can) => {
  expect(isRecordName(name)).toBe(can)
  const records = new SystemRecords([], new RunningHash())
  expect(codeOf(() => records.set(name, bytes('v')))).toBe(can ? 'fine' : 'malformed')
})

test('A record that is too large, or one too many, is refused and changes nothing.', () => {
  const hash = new RunningHash()
  const records = new SystemRecords([], hash)
  const largest = new Uint8Array(systemRecordBytesMax - 10)
  const room = Math.floor(systemRecordsBytesMax / systemRecordBytesMax)
  for (let i = 0; i < room; i++) records.set(`r${i}`, largest)
  const before = { digest: hash.digest(), size: records.size, bytes: records.bytes }
  const tooLarge = new Uint8Array(systemRecordBytesMax + 1)
  expect(codeOf(() => records.set('s', tooLarge))).toBe('request-too-large')
  expect(codeOf(() => records.set('s', largest))).toBe('too-many-records')
  const two = [
    { name: 's', value: bytes('1') },
    { name: 't', value: largest },
  ]
  expect(codeOf(() => records.checkRoom(two))).toBe('too-many-records')
  expect({ digest: hash.digest(), size: records.size, bytes: records.bytes }).toEqual(before)
})
