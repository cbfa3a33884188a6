// The histogram against a sorted array, which is right and has no limit.

import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { Histogram, relativeErrorMax } from './histogram.js'

const micros = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.integer({ min: 0, max: 10_000_000 }),
  fc.integer({ min: 2 ** 30, max: 2 ** 36 - 1 }),
)
const values = fc.array(micros, { minLength: 1, maxLength: 300 })

const histogramOf = (all: readonly number[]): Histogram => {
  const histogram = new Histogram()
  for (const value of all) histogram.record(value)
  return histogram
}

test('A percentile is what a sorted array says, or at most one part in 128 above it.', () => {
  fc.assert(
    fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (all, part) => {
      const sorted = all.toSorted((a, b) => a - b)
      const exact = sorted[Math.max(1, Math.ceil(part * sorted.length)) - 1] ?? 0
      const told = histogramOf(all).percentileMicros(part)
      expect(told).toBeGreaterThanOrEqual(exact)
      expect(told).toBeLessThanOrEqual(exact * (1 + relativeErrorMax))
    }),
  )
})

test('Count, least, greatest and mean are exact.', () => {
  fc.assert(
    fc.property(values, all => {
      const histogram = histogramOf(all)
      expect(histogram.count).toBe(all.length)
      expect(histogram.minMicros).toBe(Math.min(...all))
      expect(histogram.maxMicros).toBe(Math.max(...all))
      const sum = all.reduce((total, value) => total + value, 0)
      expect(histogram.meanMicros).toBeCloseTo(sum / all.length, 3)
      expect(histogram.percentileMicros(1)).toBe(Math.max(...all))
    }),
  )
})

test('Two merged are as one that saw everything, and so is what comes back from JSON.', () => {
  fc.assert(
    fc.property(values, values, (left, right) => {
      const merged = histogramOf(left)
      merged.merge(histogramOf(right))
      const whole = histogramOf([...left, ...right]).toJSON()
      expect(merged.toJSON()).toEqual(whole)
      expect(Histogram.from(JSON.parse(JSON.stringify(whole))).toJSON()).toEqual(whole)
    }),
  )
})

test('A curve rises to the whole.', () => {
  fc.assert(
    fc.property(values, all => {
      const curve = histogramOf(all).curve()
      for (const [at, point] of curve.entries()) {
        const before = curve[at - 1]
        if (before !== undefined) expect(point.micros).toBeGreaterThan(before.micros)
        const below = all.filter(value => value <= point.micros).length
        expect(point.part).toBeCloseTo(below / all.length, 9)
      }
      expect(curve.at(-1)).toEqual({ micros: Math.max(...all), part: 1 })
    }),
  )
})

test('What is longer than the last bucket is counted there, and the greatest is still exact.', () => {
  const histogram = histogramOf([5, 2 ** 40])
  expect(histogram.count).toBe(2)
  expect(histogram.maxMicros).toBe(2 ** 40)
  expect(histogram.percentileMicros(0.5)).toBe(5)
})

test('Of nothing everything is nothing.', () => {
  const empty = new Histogram()
  expect([empty.count, empty.minMicros, empty.maxMicros, empty.meanMicros]).toEqual([0, 0, 0, 0])
  expect(empty.percentileMicros(0.99)).toBe(0)
  expect(empty.curve()).toEqual([])
})

test('Recorded times over is as recorded one by one, fractions are rounded up.', () => {
  const at = new Histogram()
  at.record(10.2, 3)
  expect(at.toJSON()).toEqual(histogramOf([11, 11, 11]).toJSON())
})
