import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  formatMicroTime,
  formatTime,
  microTimeOfMs,
  msOfTime,
  parseTime,
  timeOfMs,
} from './time.js'

test('times agree with the calendar of the platform', () => {
  const instants = fc.date({
    min: new Date('0001-01-01T00:00:00Z'),
    max: new Date('9999-12-31T23:59:59Z'),
    noInvalidDate: true,
  })
  fc.assert(
    fc.property(instants, date => {
      const ms = date.getTime()
      expect(msOfTime(date.toISOString())).toBe(ms)
      expect(timeOfMs(ms)).toBe(date.toISOString().replace(/\.[0-9]{3}Z$/, 'Z'))
      expect(microTimeOfMs(ms)).toBe(date.toISOString().replace(/Z$/, '000Z'))
    }),
  )
})

test.each([
  ['2026-01-31T12:00:00+02:00', '2026-01-31T10:00:00Z'],
  ['2026-01-31T12:00:00.999Z', '2026-01-31T12:00:00Z'],
  ['2024-02-29T00:00:00z', '2024-02-29T00:00:00Z'],
])('%s is written %s', (text, canonical) => {
  const time = parseTime(text)
  expect(time === null ? null : formatTime(time)).toBe(canonical)
})

test('microseconds are kept, finer parts cut', () => {
  const time = parseTime('2026-01-31T12:00:00.123456789Z')
  expect(time === null ? null : formatMicroTime(time)).toBe('2026-01-31T12:00:00.123456Z')
})

test.each([
  '',
  'now',
  '2026-01-31',
  '2026-02-30T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-01-01T24:00:00Z',
  '2026-01-01 00:00:00Z',
])('%j is no time', text => {
  expect(parseTime(text)).toBeNull()
})
