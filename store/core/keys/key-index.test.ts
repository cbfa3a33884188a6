import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { KeyIndex } from './key-index.js'
import type { NewVersion } from './key-leaf.js'

/** The dumbest thing that can be right: a map, sorted when it is read. */
class SortedModel {
  readonly versions = new Map<string, NewVersion[]>()

  keys(start: string, end: string | null): string[] {
    return [...this.versions.keys()]
      .sort((a, b) => (a < b ? -1 : 1))
      .filter(key => key >= start && (end === null || key < end))
  }

  live(start: string, end: string | null): number {
    return this.keys(start, end).filter(key => this.versions.get(key)?.at(-1)?.version !== 0).length
  }

  /** Answers the rows dropped. Every version that a read at or above `revision` can see stays. */
  compact(revision: number): number[] {
    const dropped: number[] = []
    for (const [key, versions] of this.versions) {
      const newest = versions.filter(({ modRevision }) => modRevision <= revision).at(-1)
      const kept = versions.filter(one => {
        if (one.modRevision > revision) return true
        return one === newest && (one.version > 0 || one.modRevision === revision)
      })
      for (const one of versions) if (!kept.includes(one)) dropped.push(one.ordinal)
      if (kept.length === 0) this.versions.delete(key)
      else this.versions.set(key, kept)
    }
    return dropped.sort((a, b) => a - b)
  }
}

/** Keys with much, little and nothing in common, long and short ones, and every byte. */
const families: readonly ((number: number) => string)[] = [
  number => `k${String(number).padStart(5, '0')}`,
  number => `/registry/pods/namespace-${number % 7}/pod-${number}`,
  number => 'a'.repeat(number % 300),
  number => String.fromCharCode(number % 256, (number * 7) % 256, number % 3),
  number => `${'long'.repeat(2_000)}${number % 50}`,
]

const step = fc.record({
  kind: fc.constantFrom(
    ...(['put', 'put', 'put', 'put', 'delete', 'remove', 'fill', 'clear', 'compact'] as const),
  ),
  family: fc.nat(families.length - 1),
  number: fc.nat(3_000),
})

test('The index agrees with a sorted map on order, ranges, counts, versions and compactions.', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), step, step, (steps, a, b) => {
      const index = new KeyIndex()
      const model = new SortedModel()
      let revision = 1
      const keyOf = ({ family, number }: Omit<typeof a, 'kind'>) =>
        families[family]?.(number) || 'empty'
      const record = (key: string, version: number): void => {
        revision++
        const ordinal = revision * 3
        const lease = revision % 5 === 0 ? revision : 0
        const row = {
          modRevision: revision,
          ordinal,
          createRevision: 1,
          version,
          lease,
          bytes: revision,
          checksum: 0xffff_ffff - revision,
        }
        index.record(key, row, index.get(key))
        model.versions.set(key, [...(model.versions.get(key) ?? []), row])
      }
      const remove = (key: string): void => {
        if (model.versions.delete(key)) index.remove(key)
      }
      for (const { kind, family, number } of steps) {
        const key = keyOf({ family, number })
        if (kind === 'put') record(key, 1)
        else if (kind === 'delete' && model.versions.has(key)) record(key, 0)
        else if (kind === 'remove') remove(key)
        else if (kind === 'fill') {
          for (let i = 0; i < 400; i++) record(keyOf({ family, number: number + i }), 1)
        } else if (kind === 'clear') {
          for (let i = 0; i < 700; i++) remove(keyOf({ family, number: number + i }))
        } else if (kind === 'compact') {
          const dropped: number[] = []
          const gone: string[] = []
          index.ascend('', null, entry => {
            if (entry.compact(revision - (number % 50), dropped) === 'gone') gone.push(entry.key)
            return true
          })
          for (const one of gone) index.remove(one)
          expect(dropped.sort((x, y) => x - y)).toEqual(model.compact(revision - (number % 50)))
        }
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
        const back: string[] = []
        index.descend(start, end, entry => back.push(entry.key) > 0)
        expect(back.reverse()).toEqual(walked)
        expect(index.countLive(start, end)).toBe(model.live(start, end))
      }
      for (const [key, versions] of model.versions) {
        const entry = index.get(key)
        expect(entry).toMatchObject(versions.at(-1) ?? {})
        for (const [at, version] of versions.entries()) {
          expect(entry?.at(version.modRevision)?.ordinal).toBe(version.ordinal)
          expect(entry?.positionOf(version.ordinal)).toBe(at)
          const { bytes: _bytes, checksum: _checksum, ...known } = version
          if (at < versions.length - 1) expect(entry?.olderVersion(at)).toEqual(known)
        }
        expect(entry?.at((versions[0]?.modRevision ?? 0) - 1)).toBeNull()
      }
      expect(index.get('never')).toBeUndefined()
    }),
    { numRuns: 60 },
  )
})

const rowAt = (revision: number): NewVersion => ({
  modRevision: revision,
  ordinal: revision,
  createRevision: 1,
  version: 1,
  lease: 0,
  bytes: 0,
  checksum: 0,
})

test('Keys stand in the order of their bytes, also above 127.', () => {
  const index = new KeyIndex()
  const keys = ['\xff', 'a', '\x80', '\x00', 'a\x00', 'Z']
  for (const [at, key] of keys.entries()) index.record(key, rowAt(at + 2), undefined)
  const walked: string[] = []
  index.ascend('', null, entry => walked.push(entry.key) > 0)
  expect(walked).toEqual(['\x00', 'Z', 'a', 'a\x00', '\x80', '\xff'])
})

test('An entry is of no use any more once its place may be that of another key.', () => {
  const index = new KeyIndex()
  index.record('b', rowAt(2), undefined)
  const kept: { readonly key: string }[] = []
  index.ascend('', null, entry => kept.push(entry) > 0)
  index.record('a', rowAt(3), undefined)
  expect(() => kept[0]?.key).toThrow('before the index changes')
  expect(() =>
    index.ascend('', null, () => {
      index.record('c', rowAt(4), index.get('c'))
      return true
    }),
  ).toThrow('the index stays')
})

test('A version becomes that of its own key, whatever has happened to the index since it was looked up.', () => {
  for (const others of [[], ['a'], ['c'], Array.from({ length: 600 }, (_, at) => `a${at}`)]) {
    const index = new KeyIndex()
    index.record('b', rowAt(2), undefined)
    const known = index.get('b')
    for (const [at, other] of others.entries()) index.record(other, rowAt(at + 3), undefined)
    index.record('b', rowAt(1_000), known)
    expect(index.get('b')).toMatchObject({ ordinal: 1_000, olderCount: 1 })
    for (const [at, other] of others.entries())
      expect(index.get(other)).toMatchObject({ ordinal: at + 3, olderCount: 0 })
  }
})
