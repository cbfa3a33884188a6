import { expect, test } from 'vitest'
import { spreadOf, unsteadiness } from './statistics.js'

test.each([
  [[], { median: 0, least: 0, most: 0 }],
  [[7], { median: 7, least: 7, most: 7 }],
  [[9, 1, 4], { median: 4, least: 1, most: 9 }],
  [[4, 1, 9, 2], { median: 3, least: 1, most: 9 }],
])('of %j it is %j', (values, spread) => {
  expect(spreadOf(values)).toEqual(spread)
})

test('Unsteady is how far the farther end lies from the median, as a part of it.', () => {
  expect(unsteadiness(spreadOf([90, 100, 130]))).toBeCloseTo(0.3)
  expect(unsteadiness(spreadOf([60, 100, 130]))).toBeCloseTo(0.4)
  expect(unsteadiness(spreadOf([0, 0]))).toBe(0)
})
