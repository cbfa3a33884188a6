import { expect, test } from 'vitest'
import { timeZoneOf } from './time-zone.js'

const hourMs = 3_600_000
const winter = Date.UTC(2026, 0, 15)
const summer = Date.UTC(2026, 6, 15)

test.each([
  ['UTC', 0, 0],
  ['Europe/Berlin', 1, 2],
  ['America/New_York', -5, -4],
  ['Asia/Kolkata', 5.5, 5.5],
  ['Australia/Lord_Howe', 11, 10.5],
  ['Etc/GMT+5', -5, -5],
])('clocks of %s are ahead of UTC by %d hours in January and %d in July', (name, first, second) => {
  const zone = timeZoneOf(name)
  expect(zone?.offsetMs(winter)).toBe(first * hourMs)
  expect(zone?.offsetMs(summer)).toBe(second * hourMs)
})

test.each(['Europe/Nowhere', 'europe/berlin', '+01:00', 'local', ''])('%j is no zone', name => {
  expect(timeZoneOf(name)).toBeNull()
})

test('a zone is made once', () => {
  expect(timeZoneOf('Europe/Paris')).toBe(timeZoneOf('Europe/Paris'))
})
