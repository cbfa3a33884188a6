import { expect, test } from 'vitest'
import { sameJson } from './equality.js'

test.each([
  [1, 1, true],
  ['1', 1, false],
  [{ a: 1, b: 2 }, { b: 2, a: 1 }, true],
  [{ a: 1 }, { a: 1, b: undefined }, true],
  [{ a: 1 }, { a: 1, b: {} }, false],
  [{ a: 1 }, { a: 1, b: 0 }, false],
  [undefined, [], false],
  [[1, 2], [2, 1], false],
  [[1], [1, 2], false],
  [[1], { 0: 1 }, false],
  [{}, { constructor: { x: 1 } }, false],
])('%j and %j: same is %s', (a, b, same) => {
  expect(sameJson(a, b)).toBe(same)
  expect(sameJson(b, a)).toBe(same)
})
