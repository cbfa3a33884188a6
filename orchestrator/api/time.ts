// Times as the API writes them: RFC 3339 in UTC, to the second or to the microsecond.
// Counterpart: Time and MicroTime of meta/v1. Calendar arithmetic only; nothing here reads a clock.

export interface Timestamp {
  /** Since the Unix epoch. */
  readonly seconds: number
  readonly nanos: number
}

const expression =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,9}))?([Zz]|[+-][0-9]{2}:[0-9]{2})$/

const daySeconds = 86_400

/** Days since the epoch of a proleptic Gregorian date; years begin in March, so leap days end them. */
function daysOf(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year
  const era = Math.floor(shifted / 400)
  const yearOfEra = shifted - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100)
  return era * 146_097 + dayOfEra + dayOfYear - 719_468
}

/** The date so many days after 1970-01-01. */
export function dateOf(days: number): { year: number; month: number; day: number } {
  const shifted = days + 719_468
  const era = Math.floor(shifted / 146_097)
  const dayOfEra = shifted - era * 146_097
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  )
  const dayOfYear =
    dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100))
  const monthIndex = Math.floor((5 * dayOfYear + 2) / 153)
  const month = monthIndex + (monthIndex < 10 ? 3 : -9)
  const day = dayOfYear - Math.floor((153 * monthIndex + 2) / 5) + 1
  return { year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day }
}

/** null when the text is no RFC 3339 time. */
export function parseTime(text: string): Timestamp | null {
  const match = expression.exec(text)
  if (match === null) return null
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number)
  if (year === undefined || month === undefined || day === undefined) return null
  if (hour === undefined || minute === undefined || second === undefined) return null
  if (month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59) return null
  const days = daysOf(year, month, day)
  if (dateOf(days).day !== day) return null
  const zone = match[8] ?? 'Z'
  const offset = zone.length === 1 ? 0 : Number(zone.slice(1, 3)) * 60 + Number(zone.slice(4, 6))
  const offsetSeconds = (zone.startsWith('-') ? -offset : offset) * 60
  const seconds = days * daySeconds + hour * 3600 + minute * 60 + second - offsetSeconds
  return { seconds, nanos: Number((match[7] ?? '').padEnd(9, '0')) }
}

function digits(value: number, count: number): string {
  return String(value).padStart(count, '0')
}

function upToSeconds(seconds: number): string {
  const days = Math.floor(seconds / daySeconds)
  const rest = seconds - days * daySeconds
  const { year, month, day } = dateOf(days)
  const date = `${digits(year, 4)}-${digits(month, 2)}-${digits(day, 2)}`
  const hour = Math.floor(rest / 3600)
  const minute = Math.floor((rest % 3600) / 60)
  return `${date}T${digits(hour, 2)}:${digits(minute, 2)}:${digits(rest % 60, 2)}`
}

/** "2026-01-31T12:00:00Z"; fractions are cut off. */
export function formatTime({ seconds }: Timestamp): string {
  return `${upToSeconds(seconds)}Z`
}

/** "2026-01-31T12:00:00.000000Z". */
export function formatMicroTime({ seconds, nanos }: Timestamp): string {
  return `${upToSeconds(seconds)}.${digits(Math.floor(nanos / 1000), 6)}Z`
}

/** The text of a wall time in milliseconds since the Unix epoch. */
export function timeOfMs(ms: number): string {
  return formatTime({ seconds: Math.floor(ms / 1000), nanos: 0 })
}

export function microTimeOfMs(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  return formatMicroTime({ seconds, nanos: Math.floor((ms - seconds * 1000) * 1e6) })
}

/** Milliseconds since the Unix epoch; null when the text is no RFC 3339 time. */
export function msOfTime(text: string): number | null {
  const time = parseTime(text)
  return time === null ? null : time.seconds * 1000 + Math.floor(time.nanos / 1e6)
}
