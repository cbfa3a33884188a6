import { expect, test } from 'vitest'
import { ageOf, humanDuration } from './duration.js'

const secondMs = 1000
const minuteMs = 60 * secondMs
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs

test.each([
  [-2 * secondMs, '<invalid>'],
  [-1 * secondMs, '0s'],
  [0, '0s'],
  [999, '0s'],
  [119 * secondMs, '119s'],
  [120 * secondMs, '2m'],
  [5 * minuteMs + 30 * secondMs, '5m30s'],
  [10 * minuteMs + 30 * secondMs, '10m'],
  [179 * minuteMs, '179m'],
  [180 * minuteMs, '3h'],
  [3 * hourMs + 5 * minuteMs, '3h5m'],
  [8 * hourMs + 5 * minuteMs, '8h'],
  [47 * hourMs, '47h'],
  [48 * hourMs, '2d'],
  [49 * hourMs, '2d1h'],
  [8 * dayMs + hourMs, '8d'],
  [729 * dayMs, '729d'],
  [730 * dayMs, '2y'],
  [740 * dayMs, '2y10d'],
  [8 * 365 * dayMs + dayMs, '8y'],
])('%d ms are %s', (ms, text) => {
  expect(humanDuration(ms)).toBe(text)
})

test('an age counts from a time to now', () => {
  const nowMs = Date.UTC(2026, 0, 2, 0, 0, 0)
  expect(ageOf('2026-01-01T23:59:00Z', nowMs)).toBe('60s')
  expect(ageOf('2026-01-02T01:00:00+01:00', nowMs)).toBe('0s')
  expect(ageOf(undefined, nowMs)).toBe('<unknown>')
  expect(ageOf('yesterday', nowMs)).toBe('<unknown>')
})
