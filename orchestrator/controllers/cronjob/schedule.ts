// When a schedule is due, in a time zone. Pure. Counterpart: Next of robfig/cron, and mostRecentScheduleTime of
// pkg/controller/cronjob. A time that a day does not have, because the clocks go forward, is not due that day; so it is
// there. A time that a day has twice, because they go back, is due once, the first time; there it is due twice.
// Schedules of all hours go on through both: between two of their times there is never an hour too much.

import type { CronSchedule } from '../../api/cron-schedule.js'
import { dateOf } from '../../api/time.js'
import type { TimeZone } from '../../api/time-zone.js'

export interface Missed {
  readonly latestMs: number
  /** More than a hundred, as after a long rest or when a clock is wrong. */
  readonly tooMany: boolean
}

const missedMax = 100
const minuteMs = 60_000
const hourMs = 60 * minuteMs
const dayMs = 24 * hourMs
/** A schedule that is not due for so long never is, such as that of every 30th of February. */
const horizonMs = 6 * 366 * dayMs
/** Between two changes of a zone's clocks there is always more. */
const strideMs = 7 * dayMs

type Fields = Extract<CronSchedule, { kind: 'fields' }>

export class Timetable {
  readonly zone: TimeZone
  private readonly schedule: CronSchedule
  private readonly anchorMs: number
  private readonly hours: readonly number[]
  private readonly minutes: readonly number[]

  /** Schedules of the sort "@every 90s" count from the anchor, in wall time. */
  constructor(schedule: CronSchedule, zone: TimeZone, anchorMs: number) {
    this.schedule = schedule
    this.zone = zone
    this.anchorMs = Math.floor(anchorMs / 1000) * 1000
    this.hours = schedule.kind === 'fields' ? ascending(schedule.hours) : []
    this.minutes = schedule.kind === 'fields' ? ascending(schedule.minutes) : []
  }

  /** The first time after `afterMs`; null when there is none until `untilMs`, or in years. */
  next(afterMs: number, untilMs = Number.POSITIVE_INFINITY): number | null {
    const { schedule, anchorMs } = this
    if (schedule.kind === 'fields') return this.nextByFields(schedule, afterMs, untilMs)
    const periodMs = schedule.seconds * 1000
    const periods = Math.max(1, Math.floor((afterMs - anchorMs) / periodMs) + 1)
    const dueMs = anchorMs + periods * periodMs
    return dueMs <= untilMs ? dueMs : null
  }

  /** The times after `sinceMs`, up to and with `nowMs`; null when there are none. */
  missed(sinceMs: number, nowMs: number): Missed | null {
    let latestMs = this.next(sinceMs, nowMs)
    if (latestMs === null) return null
    for (let count = 1; count <= missedMax; count++) {
      const dueMs = this.next(latestMs, nowMs)
      if (dueMs === null) return { latestMs, tooMany: false }
      latestMs = dueMs
    }
    return { latestMs: this.latest(latestMs, nowMs), tooMany: true }
  }

  /** By bisection, however many there are between. `dueMs` is one of them. */
  private latest(dueMs: number, nowMs: number): number {
    const stepMs = this.schedule.kind === 'fields' ? minuteMs : 1000
    let lowMs = dueMs
    let highMs = nowMs
    // The one at `lowMs` is due, and none is after `highMs`.
    while (highMs - lowMs >= stepMs) {
      const middleMs = Math.floor((lowMs + highMs) / 2)
      const laterMs = this.next(middleMs, nowMs)
      if (laterMs === null) highMs = middleMs
      else lowMs = laterMs
    }
    return lowMs
  }

  /** Goes from one span of even time to the next: in each, the clocks show what UTC does, shifted. */
  private nextByFields(fields: Fields, afterMs: number, untilMs: number): number | null {
    const { zone } = this
    let startMs = (Math.floor(afterMs / minuteMs) + 1) * minuteMs
    const limitMs = Math.min(untilMs, startMs + horizonMs)
    const oncePerTime = this.hours.length < 24
    let shownMs = oncePerTime ? shownBefore(zone, startMs) : Number.NEGATIVE_INFINITY
    while (startMs <= limitMs) {
      const offsetMs = zone.offsetMs(startMs)
      const endMs = endOfSpan(zone, startMs)
      const clockMs = this.firstShown(
        fields,
        Math.max(startMs + offsetMs, shownMs),
        endMs + offsetMs,
      )
      if (clockMs !== null) {
        const dueMs = clockMs - offsetMs
        return dueMs <= limitMs ? dueMs : null
      }
      if (oncePerTime) shownMs = Math.max(shownMs, endMs + offsetMs)
      startMs = endMs
    }
    return null
  }

  /** The first time within that the clocks show and the fields name; both as if it were UTC. */
  private firstShown(fields: Fields, fromMs: number, toMs: number): number | null {
    for (let day = Math.floor(fromMs / dayMs); day * dayMs < toMs; day++) {
      if (!isDueOn(fields, day)) continue
      for (const hour of this.hours) {
        const beginMs = day * dayMs + hour * hourMs
        if (beginMs + hourMs <= fromMs) continue
        for (const minute of this.minutes) {
          const shownMs = beginMs + minute * minuteMs
          if (shownMs >= toMs) return null
          if (shownMs >= fromMs) return shownMs
        }
      }
    }
    return null
  }
}

const ascending = (values: ReadonlySet<number>): readonly number[] =>
  [...values].sort((a, b) => a - b)

/** `day` since the Unix epoch, which was a Thursday. */
function isDueOn({ months, days, weekdays }: Fields, day: number): boolean {
  const date = dateOf(day)
  if (!months.has(date.month)) return false
  const byDay = days.values.has(date.day)
  const byWeekday = weekdays.values.has(((day % 7) + 11) % 7)
  return days.open || weekdays.open ? byDay && byWeekday : byDay || byWeekday
}

/** Up to the next change of the clocks, or some days on when there is none that soon. */
function endOfSpan(zone: TimeZone, startMs: number): number {
  const endMs = startMs + strideMs
  return zone.offsetMs(endMs) === zone.offsetMs(startMs) ? endMs : changeOf(zone, startMs, endMs)
}

/** The first minute from which the clocks are not as at `fromMs`; they are not so at `toMs`. */
function changeOf(zone: TimeZone, fromMs: number, toMs: number): number {
  const before = zone.offsetMs(fromMs)
  let low = fromMs / minuteMs
  let high = toMs / minuteMs
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2)
    if (zone.offsetMs(middle * minuteMs) === before) low = middle
    else high = middle
  }
  return high * minuteMs
}

/** All times below have been on the clocks: they were put back within the last day. */
function shownBefore(zone: TimeZone, atMs: number): number {
  const dayAgoMs = atMs - dayMs
  const before = zone.offsetMs(dayAgoMs)
  if (before <= zone.offsetMs(atMs)) return Number.NEGATIVE_INFINITY
  return changeOf(zone, dayAgoMs, atMs) + before
}
