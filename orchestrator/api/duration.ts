// Durations as kubectl prints them: one or two units, coarser the longer it is ("5m30s", "3d4h").
// Counterpart: util/duration of k8s.io/apimachinery. Time comes as an argument.

import { msOfTime } from './time.js'

const secondMs = 1000
const minuteMs = 60 * secondMs
const hourMs = 60 * minuteMs
const dayHours = 24
const yearHours = 365 * dayHours

function twoUnits(big: number, bigUnit: string, small: number, smallUnit: string): string {
  return small === 0 ? `${big}${bigUnit}` : `${big}${bigUnit}${small}${smallUnit}`
}

export function humanDuration(durationMs: number): string {
  const seconds = Math.trunc(durationMs / secondMs)
  if (seconds < -1) return '<invalid>'
  if (seconds < 0) return '0s'
  if (seconds < 120) return `${seconds}s`
  const minutes = Math.trunc(durationMs / minuteMs)
  if (minutes < 10) return twoUnits(minutes, 'm', seconds % 60, 's')
  if (minutes < 180) return `${minutes}m`
  const hours = Math.trunc(durationMs / hourMs)
  if (hours < 8) return twoUnits(hours, 'h', minutes % 60, 'm')
  if (hours < 48) return `${hours}h`
  const days = Math.trunc(hours / dayHours)
  if (hours < 8 * dayHours) return twoUnits(days, 'd', hours % dayHours, 'h')
  if (hours < 2 * yearHours) return `${days}d`
  const years = Math.trunc(hours / yearHours)
  if (hours < 8 * yearHours) return twoUnits(years, 'y', days % 365, 'd')
  return `${years}y`
}

/** The age of an RFC 3339 time at `nowMs` (since the Unix epoch); "<unknown>" where there is none. */
export function ageOf(timestamp: string | undefined, nowMs: number): string {
  const sinceMs = timestamp === undefined ? null : msOfTime(timestamp)
  return sinceMs === null ? '<unknown>' : humanDuration(nowMs - sinceMs)
}
