import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  countIndexes,
  countShared,
  formatIndexes,
  hasIndex,
  indexesBelow,
  intervalsOf as intervalsFrom,
  joinIndexes,
  parseIndexes,
  sharedIndex,
} from './job-indexes.js'
import type { IndexInterval } from './job-indexes.js'

test.each([
  ['', 0, []],
  ['0', 1, [{ first: 0, last: 0 }]],
  [
    '1,3-5,7',
    5,
    [
      { first: 1, last: 1 },
      { first: 3, last: 5 },
      { first: 7, last: 7 },
    ],
  ],
])('%j are %d indexes', (text, count, intervals) => {
  expect(parseIndexes(text, 8)).toEqual({ intervals, count })
})

test.each([
  ['8', 'too large index: "8"'],
  ['2-9', 'too large index: "9"'],
  ['a', 'cannot convert string to integer for index: "a"'],
  ['1,', 'cannot convert string to integer for index: ""'],
  ['3,2', 'non-increasing order, previous: 3, current: 2'],
  ['3,3', 'non-increasing order, previous: 3, current: 3'],
  ['3-2', 'non-increasing order, previous: 3, current: 2'],
  [
    '1-2-3',
    'the fragment "1-2-3" violates the requirement that an index interval can have at most two parts separated by \'-\'',
  ],
])('%j is refused', (text, problem) => {
  expect(parseIndexes(text, 8)).toEqual({ problem })
})

const universe = 30

/** As few intervals as a sorted set of indexes has. */
function textOf(indexes: ReadonlySet<number>): string {
  const parts: string[] = []
  for (let index = 0; index < universe; index++) {
    if (!indexes.has(index)) continue
    let last = index
    while (indexes.has(last + 1)) last++
    parts.push(index === last ? `${index}` : `${index}-${last}`)
    index = last
  }
  return parts.join(',')
}

function intervalsOf(indexes: ReadonlySet<number>): readonly IndexInterval[] {
  const parsed = parseIndexes(textOf(indexes), universe)
  if ('problem' in parsed) throw new Error(parsed.problem)
  expect(parsed.count).toBe(indexes.size)
  return parsed.intervals
}

test('the shared index is the lowest that two sets have in common', () => {
  const indexes = fc.uniqueArray(fc.nat(universe - 1)).map(list => new Set(list))
  fc.assert(
    fc.property(indexes, indexes, (some, others) => {
      const both = [...some].filter(index => others.has(index))
      const expected = both.length === 0 ? null : Math.min(...both)
      expect(sharedIndex(intervalsOf(some), intervalsOf(others))).toBe(expected)
    }),
  )
})

test.each([
  [[], ''],
  [[4], '4'],
  [[1, 3, 4, 5, 7], '1,3-5,7'],
  [[0, 1], '0,1'],
  [[2, 0, 1, 2], '0-2'],
])('%j are written %j', (indexes, text) => {
  expect(formatIndexes(intervalsFrom(indexes))).toBe(text)
})

test('sets of indexes join, are cut, counted and asked as sets of numbers are', () => {
  const indexes = fc.uniqueArray(fc.nat(universe - 1)).map(list => new Set(list))
  fc.assert(
    fc.property(indexes, indexes, fc.nat(universe), (some, others, limit) => {
      const both = new Set([...some, ...others])
      const joined = joinIndexes(intervalsOf(some), intervalsOf(others))
      expect(joined).toEqual(intervalsOf(both))
      expect(countIndexes(joined)).toBe(both.size)
      for (let index = 0; index < universe; index++) {
        expect(hasIndex(joined, index)).toBe(both.has(index))
      }
      const below = new Set([...both].filter(index => index < limit))
      expect(indexesBelow(joined, limit)).toEqual(intervalsOf(below))
      const shared = [...some].filter(index => others.has(index)).length
      expect(countShared(intervalsOf(some), intervalsOf(others))).toBe(shared)
    }),
  )
})
