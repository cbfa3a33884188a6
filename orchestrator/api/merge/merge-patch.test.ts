import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Json } from '../object.js'
import { mergePatch } from './merge-patch.js'

test.each<readonly [Json, Json, Json]>([
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [
    ['a', 'b'],
    ['c', 'd'],
    ['c', 'd'],
  ],
  [{ a: 'b' }, ['c'], ['c']],
  [{ a: 'foo' }, null, null],
  [{ a: 'foo' }, 'bar', 'bar'],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: 'b', c: null }, { a: 'b' }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
])('%j patched by %j is %j', (original, patch, expected) => {
  expect(mergePatch(original, patch)).toEqual(expected)
})

const json = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<Json>
const objects = fc.dictionary(
  fc.constantFrom('a', 'b', 'c', '__proto__'),
  json,
) as fc.Arbitrary<Json>

test('a patch applied twice changes nothing more', () => {
  fc.assert(
    fc.property(objects, objects, (original, patch) => {
      const once = mergePatch(original, patch)
      expect(mergePatch(once, patch)).toEqual(once)
    }),
  )
})

test('the empty patch changes nothing, and the original is never written to', () => {
  fc.assert(
    fc.property(objects, objects, (original, patch) => {
      const before = JSON.stringify(original)
      expect(mergePatch(original, {})).toEqual(original)
      mergePatch(original, patch)
      expect(JSON.stringify(original)).toBe(before)
      expect(Object.keys(Object.prototype)).toEqual([])
    }),
  )
})
