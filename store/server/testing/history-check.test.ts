// The judge of runs with failures must see every kind of broken promise, or its silence says nothing.

import { expect, test } from 'vitest'
import type { Change, Memory } from './history-check.js'
import { History, firstDifference } from './history-check.js'
import type { Fate } from './workload.js'

const put = (
  revision: number,
  key: string,
  value: string,
  version = 1,
  createRevision = revision,
) => ({ revision, kind: 'put', key, value, version, createRevision }) satisfies Change
const gone = (revision: number, key: string): Change => ({
  revision,
  kind: 'delete',
  key,
  value: '',
  version: 0,
  createRevision: 0,
})

const history = [put(2, 'a', '1'), put(3, 'b', '2'), put(4, 'a', '3', 2, 2), gone(5, 'b')]
const nothing: Memory = { writes: [], swaps: [], reads: [] }
const done = (revision: number): Fate => ({ kind: 'done', revision })
const unknown: Fate = { kind: 'unknown' }
const refused: Fate = { kind: 'not-applied' }
const write = (key: string, value: string, fate: Fate, floor = 0): Memory => ({
  ...nothing,
  writes: [{ kind: 'put', key, value, floor, fate }],
})
const remove = (key: string, fate: Fate): Memory => ({
  ...nothing,
  writes: [{ kind: 'delete', key, value: '', floor: 0, fate }],
})
const swap = (value: string, expected: number, fate: Fate, succeeded: boolean): Memory => ({
  ...nothing,
  swaps: [{ key: 'a', value, expected, floor: 0, fate, succeeded }],
})
const read = (revision: number, modRevision: number, value: string, floor = 0): Memory => ({
  ...nothing,
  reads: [{ key: 'a', floor, revision, member: 1, found: { modRevision, value } }],
})

test.each([
  ['an acknowledged write', write('a', '1', done(2))],
  ['a write of unknown fate that happened', write('a', '1', unknown)],
  ['a write of unknown fate that did not', write('c', '9', unknown)],
  ['a refused write', write('c', '9', refused)],
  ['a delete', remove('b', done(5))],
  ['a swap', swap('3', 2, done(4), true)],
  ['a swap that rightly failed', swap('9', 2, done(4), false)],
  ['a read of the newest', read(4, 4, '3', 4)],
  ['a read of what was new when it was asked', read(3, 2, '1', 3)],
])('finds nothing in %s', (_what, memory) => {
  expect(new History(history).judge(memory)).toEqual([])
})

test.each([
  ['a write that was lost', write('c', '9', done(6)), 'is at none'],
  ['a write that was acknowledged elsewhere', write('a', '1', done(3)), 'is at 2'],
  ['a refused write that happened', write('a', '1', refused), 'refused, has happened'],
  ['a write before it was asked', write('a', '1', unknown, 3), 'before it was asked'],
  ['a delete that was lost', remove('a', done(6)), 'is at none'],
  ['a swap that was lost', swap('9', 4, done(6), true), 'is lost'],
  ['a swap of something else', swap('3', 1, unknown, false), 'replaced 2'],
  ['a swap that failed and happened', swap('3', 2, done(4), false), 'has happened'],
  ['a swap that failed for nothing', swap('9', 4, done(5), false), 'compared equal'],
  ['a stale read', read(3, 2, '1', 4), 'is older than 4'],
  ['a read of what was overwritten', read(4, 2, '1'), 'saw 2, the history has 4'],
])('finds %s', (_what, memory, sentence) => {
  expect(new History(history).judge(memory)).toEqual([expect.stringContaining(sentence)])
})

test.each([
  ['a change out of order', [put(3, 'a', '1'), put(2, 'b', '2')], 'after 3'],
  ['a version that skips', [put(2, 'a', '1'), put(3, 'a', '2', 3, 2)], 'follows'],
  ['a value that is there twice', [put(2, 'a', '1'), put(3, 'b', '1')], 'twice'],
  ['a deletion of nothing', [gone(2, 'a')], 'deletes nothing'],
])('finds %s in the history itself', (_what, changes, sentence) => {
  expect(new History(changes).judge(nothing)).toEqual([expect.stringContaining(sentence)])
})

test('tells where two histories part', () => {
  expect(firstDifference(history, history)).toBeNull()
  expect(firstDifference(history.slice(1), history)).toContain('event 0 is 3 put b v1')
  expect(firstDifference(history.slice(0, 3), history)).toContain('event 3 is the end')
})
