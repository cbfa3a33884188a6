import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { KeyIndex } from './key-index.js'

/** The dumbest thing that can be right: a map, sorted when it is read. */
class SortedModel {
  readonly versions = new Map<string, { mod: number; version: number }[]>()

  keys(start: string, end: string | null): string[] {
    return [...this.versions.keys()]
      .sort((a, b) => (a < b ? -1 : 1))
      .filter(key => key >= start && (end === null || key < end))
  }

  live(start: string, end: string | null): number {
    return this.keys(start, end).filter(key => this.versions.get(key)?.at(-1)?.version !== 0).length
  }
}

const keyOf = (number: number): string => `k${String(number).padStart(5, '0')}`

const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('put'), key: fc.nat(3000) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('delete'), key: fc.nat(3000) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove'), key: fc.nat(3000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('fill'), key: fc.nat(2000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('clear'), key: fc.nat(2000) }) },
)

test('The index agrees with a sorted map on order, ranges, counts and versions.', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.nat(3000), fc.nat(3000), (steps, a, b) => {
      const index = new KeyIndex()
      const model = new SortedModel()
      let revision = 1
      const record = (key: string, version: number): void => {
        revision++
        const row = {
          modRevision: revision,
          ordinal: revision,
          createRevision: 1,
          version,
          lease: 0,
          bytes: 0,
          checksum: 0,
        }
        index.record(key, row, index.get(key))
        const known = model.versions.get(key) ?? []
        model.versions.set(key, [...known, { mod: revision, version }])
      }
      const remove = (key: string): void => {
        if (!model.versions.delete(key)) return
        index.remove(key)
      }
      for (const { kind, key } of steps) {
        if (kind === 'put') record(keyOf(key), 1)
        else if (kind === 'delete' && model.versions.has(keyOf(key))) record(keyOf(key), 0)
        else if (kind === 'remove') remove(keyOf(key))
        else if (kind === 'fill') for (let i = 0; i < 400; i++) record(keyOf(key + i), 1)
        else if (kind === 'clear') for (let i = 0; i < 700; i++) remove(keyOf(key + i))
      }
      expect(index.size).toBe(model.versions.size)
      for (const [start, end] of [
        ['', null],
        [keyOf(a), null],
        [keyOf(a), keyOf(b)],
        ['', keyOf(b)],
      ] as const) {
        const walked: string[] = []
        index.ascend(start, end, entry => walked.push(entry.key) > 0)
        expect(walked).toEqual(model.keys(start, end))
        expect(index.countLive(start, end)).toBe(model.live(start, end))
      }
      for (const [key, versions] of model.versions) {
        const entry = index.get(key)
        for (const { mod, version } of versions) expect(entry?.at(mod)?.version).toBe(version)
        expect(entry?.at((versions[0]?.mod ?? 0) - 1)).toBeNull()
      }
    }),
    { numRuns: 150 },
  )
})

test('Keys stand in the order of their bytes, also above 127.', () => {
  const index = new KeyIndex()
  const keys = ['\xff', 'a', '\x80', '\x00', 'a\x00', 'Z']
  let revision = 1
  for (const key of keys) {
    const row = {
      modRevision: ++revision,
      ordinal: revision,
      createRevision: 1,
      version: 1,
      lease: 0,
      bytes: 0,
      checksum: 0,
    }
    index.record(key, row, undefined)
  }
  const walked: string[] = []
  index.ascend('', null, entry => walked.push(entry.key) > 0)
  expect(walked).toEqual(['\x00', 'Z', 'a', 'a\x00', '\x80', '\xff'])
})
