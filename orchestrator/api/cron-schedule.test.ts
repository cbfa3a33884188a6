import { describe, expect, test } from 'vitest'
import { parseCronSchedule, zoneInFront } from './cron-schedule.js'

function fieldsOf(text: string): Record<string, unknown> {
  const parsed = parseCronSchedule(text)
  if ('problem' in parsed || parsed.schedule.kind !== 'fields') throw new Error(text)
  const { minutes, hours, days, months, weekdays } = parsed.schedule
  return {
    minutes: [...minutes],
    hours: [...hours],
    days: [...days.values],
    months: [...months],
    weekdays: [...weekdays.values],
    open: [days.open, weekdays.open],
  }
}

describe('schedules', () => {
  test('of five fields', () => {
    expect(fieldsOf('*/20 1,3-5 ? JAN-mar/2 sun,5')).toEqual({
      minutes: [0, 20, 40],
      hours: [1, 3, 4, 5],
      days: Array.from({ length: 31 }, (_, index) => index + 1),
      months: [1, 3],
      weekdays: [0, 5],
      open: [true, false],
    })
    expect(fieldsOf('50/5 0 1 1 *')['minutes']).toEqual([50, 55])
    // A star with a step is not open: both kinds of days count then.
    expect(fieldsOf('0 0 */2 * */1')['open']).toEqual([false, true])
  })

  test.each([
    ['@hourly', '0 * * * *'],
    ['@daily', '0 0 * * *'],
    ['@midnight', '0 0 * * *'],
    ['@weekly', '0 0 * * 0'],
    ['@monthly', '0 0 1 * *'],
    ['@yearly', '0 0 1 1 *'],
    ['@annually', '0 0 1 1 *'],
    ['TZ=Asia/Tokyo 0 4 * * *', '0 4 * * *'],
    ['CRON_TZ=UTC @daily', '0 0 * * *'],
  ])('%s means %s', (text, fields) => {
    expect(parseCronSchedule(text)).toEqual(parseCronSchedule(fields))
  })

  test.each([
    ['@every 90s', 90],
    ['@every 1h30m', 5400],
    ['@every 1.5h', 5400],
    ['@every 2m0.9s', 120],
    ['@every 10ms', 1],
    ['@every 0', 1],
  ])('%s is every %d seconds', (text, seconds) => {
    expect(parseCronSchedule(text)).toEqual({ schedule: { kind: 'every', seconds } })
  })
})

test.each([
  ['', 'empty spec string'],
  ['* * * *', 'expected exactly 5 fields, found 4: [* * * *]'],
  ['* * * * * *', 'expected exactly 5 fields, found 6: [* * * * * *]'],
  ['60 * * * *', 'end of range (60) above maximum (59): 60'],
  ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'],
  ['5-3 * * * *', 'beginning of range (5) beyond end of range (3): 5-3'],
  ['* * * * 7', 'end of range (7) above maximum (6): 7'],
  ['*/0 * * * *', 'step of range should be a positive number: */0'],
  ['1-2-3 * * * *', 'too many hyphens: 1-2-3'],
  ['*/2/3 * * * *', 'too many slashes: */2/3'],
  ['x * * * *', 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
  ['* * * foo *', 'failed to parse int from foo: strconv.Atoi: parsing "foo": invalid syntax'],
  [
    '99999999999999999999 * * * *',
    'failed to parse int from 99999999999999999999: strconv.Atoi: parsing "99999999999999999999": value out of range',
  ],
  ['@sometimes', 'unrecognized descriptor: @sometimes'],
  ['@every x', 'failed to parse duration @every x: time: invalid duration "x"'],
  ['@every 5', 'failed to parse duration @every 5: time: missing unit in duration "5"'],
  ['@every 5d', 'failed to parse duration @every 5d: time: unknown unit "d" in duration "5d"'],
])('%j is no schedule', (text, problem) => {
  expect(parseCronSchedule(text)).toEqual({ problem })
})

test.each([
  ['TZ=Asia/Tokyo 0 4 * * *', 'Asia/Tokyo'],
  ['CRON_TZ=UTC @daily', 'UTC'],
  ['0 4 * * *', null],
])('the zone in front of %j is %j', (text, zone) => {
  expect(zoneInFront(text)).toBe(zone)
})
