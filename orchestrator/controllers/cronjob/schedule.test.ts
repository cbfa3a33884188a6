import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseCronSchedule } from '../../api/cron-schedule.js'
import { timeZoneOf } from '../../api/time-zone.js'
import { formatTime, parseTimeMs } from '../../client/timestamps.js'
import { Timetable } from './schedule.js'

const minuteMs = 60_000
const at = (text: string): number => parseTimeMs(text) ?? Number.NaN
const newYear = '2026-01-01T00:00:00Z'

function timetable(schedule: string, zoneName = 'UTC', anchor = newYear): Timetable {
  const parsed = parseCronSchedule(schedule)
  const zone = timeZoneOf(zoneName)
  if ('problem' in parsed || zone === null) throw new Error(`${schedule} ${zoneName}`)
  return new Timetable(parsed.schedule, zone, at(anchor))
}

/** So many times in a row. */
function following(of: Timetable, after: string, count: number): readonly string[] {
  const times: string[] = []
  let afterMs = at(after)
  for (let more = count; more > 0; more--) {
    const dueMs = of.next(afterMs)
    if (dueMs === null) break
    times.push(formatTime(dueMs))
    afterMs = dueMs
  }
  return times
}

describe('five fields', () => {
  const cases: readonly [string, string, string, readonly string[]][] = [
    ['every minute', '* * * * *', newYear, ['2026-01-01T00:01:00Z', '2026-01-01T00:02:00Z']],
    [
      'a list, in order of time and not of writing',
      '45,5 * * * *',
      newYear,
      ['2026-01-01T00:05:00Z', '2026-01-01T00:45:00Z', '2026-01-01T01:05:00Z'],
    ],
    ['a range', '0 9-10 * * *', newYear, ['2026-01-01T09:00:00Z', '2026-01-01T10:00:00Z']],
    ['a step', '*/25 3 * * *', newYear, ['2026-01-01T03:00:00Z', '2026-01-01T03:25:00Z']],
    [
      'a step over a range',
      '20-40/15 * * * *',
      newYear,
      ['2026-01-01T00:20:00Z', '2026-01-01T00:35:00Z', '2026-01-01T01:20:00Z'],
    ],
    [
      'names of months and days',
      '0 9 * jan-mar mon-fri',
      '2026-03-31T10:00:00Z',
      ['2027-01-01T09:00:00Z', '2027-01-04T09:00:00Z'],
    ],
    [
      'a day of the month or of the week, where both are restricted',
      '0 0 1,15 * sun',
      newYear,
      ['2026-01-04T00:00:00Z', '2026-01-11T00:00:00Z', '2026-01-15T00:00:00Z'],
    ],
    [
      'a day of the month alone, where the week is open',
      '0 0 1,15 * *',
      newYear,
      ['2026-01-15T00:00:00Z', '2026-02-01T00:00:00Z'],
    ],
    [
      'a day of the week alone, where the month is open',
      '0 0 ? * 3',
      newYear,
      ['2026-01-07T00:00:00Z'],
    ],
    ['the day that only leap years have', '0 0 29 2 *', newYear, ['2028-02-29T00:00:00Z']],
    ['a day that no year has', '0 0 30 2 *', newYear, []],
    ['strictly after', '0 0 * * *', newYear, ['2026-01-02T00:00:00Z']],
    ['within the minute', '1 0 * * *', '2026-01-01T00:00:59Z', ['2026-01-01T00:01:00Z']],
  ]
  test.each(cases)('%s', (_, schedule, after, expected) => {
    expect(following(timetable(schedule), after, Math.max(1, expected.length))).toEqual(expected)
  })
})

test.each([
  ['@hourly', '2026-01-01T13:00:00Z'],
  ['@daily', '2026-01-02T00:00:00Z'],
  ['@midnight', '2026-01-02T00:00:00Z'],
  ['@weekly', '2026-01-04T00:00:00Z'],
  ['@monthly', '2026-02-01T00:00:00Z'],
  ['@yearly', '2027-01-01T00:00:00Z'],
  ['@annually', '2027-01-01T00:00:00Z'],
])('%s is due next at %s', (schedule, expected) => {
  expect(following(timetable(schedule), '2026-01-01T12:10:00Z', 1)).toEqual([expected])
})

test('@every counts from its anchor, wherever it is asked', () => {
  const every = timetable('@every 90s')
  expect(following(every, newYear, 2)).toEqual(['2026-01-01T00:01:30Z', '2026-01-01T00:03:00Z'])
  expect(following(every, '2026-01-01T00:04:00Z', 1)).toEqual(['2026-01-01T00:04:30Z'])
  expect(following(every, '2025-12-31T00:00:00Z', 1)).toEqual(['2026-01-01T00:01:30Z'])
  expect(every.missed(at(newYear), at('2026-01-01T00:10:00Z'))).toEqual({
    latestMs: at('2026-01-01T00:09:00Z'),
    tooMany: false,
  })
  expect(every.missed(at(newYear), at('2026-01-02T00:00:31Z'))).toEqual({
    latestMs: at('2026-01-02T00:00:00Z'),
    tooMany: true,
  })
})

describe('time zones', () => {
  const newYork = 'America/New_York'
  const saoPaulo = 'America/Sao_Paulo'
  const cases: readonly [string, string, string, string, readonly string[]][] = [
    ['a time of the zone', '0 9 * * *', 'Asia/Kolkata', newYear, ['2026-01-01T03:30:00Z']],
    [
      'a day of the zone',
      '0 0 1 * *',
      'Pacific/Auckland',
      newYear,
      ['2026-01-31T11:00:00Z', '2026-02-28T11:00:00Z'],
    ],
    [
      'a time that does not exist on a day is skipped that day',
      '30 2 * * *',
      newYork,
      '2026-03-08T05:00:00Z',
      ['2026-03-09T06:30:00Z'],
    ],
    [
      'a midnight that does not exist is skipped',
      '0 0 * * *',
      saoPaulo,
      '2018-11-03T03:00:00Z',
      ['2018-11-05T02:00:00Z'],
    ],
    [
      'half an hour that does not exist is skipped',
      '15 2 * * *',
      'Australia/Lord_Howe',
      '2026-10-03T12:00:00Z',
      ['2026-10-04T15:15:00Z'],
    ],
    [
      'a time that comes twice runs once, the first time',
      '30 1 * * *',
      newYork,
      '2026-11-01T04:00:00Z',
      ['2026-11-01T05:30:00Z', '2026-11-02T06:30:00Z'],
    ],
    [
      'also for one who asks in the second hour',
      '30 1 * * *',
      newYork,
      '2026-11-01T06:10:00Z',
      ['2026-11-02T06:30:00Z'],
    ],
    [
      'a time that comes twice around midnight runs once',
      '30 23 * * *',
      saoPaulo,
      '2018-02-17T12:00:00Z',
      ['2018-02-18T01:30:00Z', '2018-02-19T02:30:00Z'],
    ],
    [
      'what is due in all hours goes on through both',
      '*/30 * * * *',
      newYork,
      '2026-11-01T05:00:00Z',
      ['2026-11-01T05:30:00Z', '2026-11-01T06:00:00Z', '2026-11-01T06:30:00Z'],
    ],
    [
      'and over the one that is left out',
      '*/30 * * * *',
      newYork,
      '2026-03-08T06:30:00Z',
      ['2026-03-08T07:00:00Z', '2026-03-08T07:30:00Z'],
    ],
  ]
  test.each(cases)('%s', (_, schedule, zone, after, expected) => {
    expect(following(timetable(schedule, zone), after, expected.length)).toEqual(expected)
  })
})

/** Minute by minute, with every time on the clocks written down. */
function dumbTimes(
  hours: readonly number[],
  minutes: readonly number[],
  zoneName: string,
  fromMs: number,
  toMs: number,
): readonly number[] {
  const zone = timeZoneOf(zoneName)
  const shown = new Set<number>()
  const due: number[] = []
  for (let ms = fromMs; ms <= toMs; ms += minuteMs) {
    const clockMs = ms + (zone?.offsetMs(ms) ?? 0)
    const again = shown.has(clockMs)
    shown.add(clockMs)
    const minute = Math.floor(clockMs / minuteMs)
    if (!minutes.includes(minute % 60) || !hours.includes(Math.floor(minute / 60) % 24)) continue
    if (!again || hours.length === 24) due.push(ms)
  }
  return due
}

test('around changes of the clocks it agrees with one who looks at every minute', () => {
  const changes = [
    ['America/New_York', '2026-03-08T07:00:00Z'],
    ['America/New_York', '2026-11-01T06:00:00Z'],
    ['America/Sao_Paulo', '2018-02-18T02:00:00Z'],
    ['America/Sao_Paulo', '2018-11-04T03:00:00Z'],
    ['Australia/Lord_Howe', '2026-04-04T15:00:00Z'],
  ] as const
  const allHours = Array.from({ length: 24 }, (_, hour) => hour)
  const some = (max: number) =>
    fc
      .uniqueArray(fc.nat(max), { minLength: 1, maxLength: 4 })
      .map(list => list.sort((a, b) => a - b))
  fc.assert(
    fc.property(
      fc.constantFrom(...changes),
      fc.oneof(some(23), fc.constant(allHours)),
      some(59),
      fc.nat(26 * 60),
      ([zone, change], hours, minutes, before) => {
        const beginMs = at(change) - 40 * 60 * minuteMs
        const endMs = at(change) + 26 * 60 * minuteMs
        const afterMs = at(change) - before * minuteMs + 13 * 60 * minuteMs
        const of = timetable(`${minutes.join(',')} ${hours.join(',')} * * *`, zone)
        const found: number[] = []
        for (let ms = of.next(afterMs, endMs); ms !== null; ms = of.next(ms, endMs)) found.push(ms)
        const expected = dumbTimes(hours, minutes, zone, beginMs, endMs).filter(ms => ms > afterMs)
        expect(found).toEqual(expected)
      },
    ),
    { numRuns: 60 },
  )
})

describe('missed times', () => {
  test('the latest of a few', () => {
    const since = at('2026-01-01T00:00:00Z')
    const missed = timetable('*/5 * * * *').missed(since, at('2026-01-01T00:17:00Z'))
    expect(missed).toEqual({ latestMs: at('2026-01-01T00:15:00Z'), tooMany: false })
  })
  test('none before the first', () => {
    expect(timetable('*/5 * * * *').missed(at(newYear), at('2026-01-01T00:04:59Z'))).toBeNull()
  })
  test('one that is due now counts, one at the beginning does not', () => {
    const five = at('2026-01-01T00:05:00Z')
    expect(timetable('*/5 * * * *').missed(at(newYear), five)?.latestMs).toBe(five)
    expect(timetable('*/5 * * * *').missed(five, five)).toBeNull()
  })
  test('a hundred are not too many, and a hundred and one are', () => {
    const of = timetable('* * * * *')
    expect(of.missed(at(newYear), at('2026-01-01T01:40:30Z'))?.tooMany).toBe(false)
    expect(of.missed(at(newYear), at('2026-01-01T01:41:00Z'))?.tooMany).toBe(true)
  })
  test('the latest of very many is found all the same', () => {
    const of = timetable('* 0-3 * jan *')
    expect(of.missed(at('2020-06-01T00:00:00Z'), at('2026-12-24T00:00:00Z'))).toEqual({
      latestMs: at('2026-01-31T03:59:00Z'),
      tooMany: true,
    })
  })
})
