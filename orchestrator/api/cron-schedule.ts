// Schedules of CronJobs: five fields, or a descriptor such as @daily or @every 90s. A text that is none
// is answered with the words of the original. Counterpart: ParseStandard of robfig/cron. When a schedule
// is due next is for its controller to say.

export type CronSchedule =
  | {
      readonly kind: 'fields'
      readonly minutes: ReadonlySet<number>
      readonly hours: ReadonlySet<number>
      readonly days: CronDays
      readonly months: ReadonlySet<number>
      /** Sunday is 0. */
      readonly weekdays: CronDays
    }
  | { readonly kind: 'every'; readonly seconds: number }

/** A day is due by either of the two kinds of days, unless one of them was left open with a star. */
export interface CronDays {
  readonly values: ReadonlySet<number>
  readonly open: boolean
}

export type ParsedSchedule =
  | { readonly schedule: CronSchedule }
  /** What is wrong, in words. */
  | { readonly problem: string }

interface Bounds {
  readonly min: number
  readonly max: number
  /** The first stands for `min`. */
  readonly names: readonly string[]
}

const monthNames = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ')
const weekdayNames = 'sun mon tue wed thu fri sat'.split(' ')

const bounds = {
  minutes: { min: 0, max: 59, names: [] },
  hours: { min: 0, max: 23, names: [] },
  days: { min: 1, max: 31, names: [] },
  months: { min: 1, max: 12, names: monthNames },
  weekdays: { min: 0, max: 6, names: weekdayNames },
} as const satisfies Readonly<Record<string, Bounds>>

const descriptors: ReadonlyMap<string, string> = new Map([
  ['@yearly', '0 0 1 1 *'],
  ['@annually', '0 0 1 1 *'],
  ['@monthly', '0 0 1 * *'],
  ['@weekly', '0 0 * * 0'],
  ['@daily', '0 0 * * *'],
  ['@midnight', '0 0 * * *'],
  ['@hourly', '0 * * * *'],
])

const everyPrefix = '@every '
const zonePrefix = /^(?:CRON_)?TZ=(\S*)\s*/

/** A time zone in front is passed over: whether there may be one, and which, is for others to check. */
export function parseCronSchedule(text: string): ParsedSchedule {
  try {
    return { schedule: scheduleOf(text.replace(zonePrefix, '').trim()) }
  } catch (error) {
    if (error instanceof ScheduleProblem) return { problem: error.message }
    throw error
  }
}

/** The name of the time zone in front; null without one. */
export function zoneInFront(text: string): string | null {
  return zonePrefix.exec(text)?.[1] ?? null
}

class ScheduleProblem extends Error {}

function scheduleOf(text: string): CronSchedule {
  if (text === '') throw new ScheduleProblem('empty spec string')
  if (text.startsWith(everyPrefix)) return { kind: 'every', seconds: everySeconds(text) }
  const standard = text.startsWith('@') ? descriptors.get(text) : text
  if (standard === undefined) throw new ScheduleProblem(`unrecognized descriptor: ${text}`)
  const fields = standard.split(/\s+/)
  const [minutes = '', hours = '', days = '', months = '', weekdays = ''] = fields
  if (fields.length !== 5) {
    const found = `found ${fields.length}: [${fields.join(' ')}]`
    throw new ScheduleProblem(`expected exactly 5 fields, ${found}`)
  }
  return {
    kind: 'fields',
    minutes: valuesOf(minutes, bounds.minutes).values,
    hours: valuesOf(hours, bounds.hours).values,
    days: valuesOf(days, bounds.days),
    months: valuesOf(months, bounds.months).values,
    weekdays: valuesOf(weekdays, bounds.weekdays),
  }
}

function valuesOf(field: string, within: Bounds): CronDays {
  const values = new Set<number>()
  let open = false
  for (const expression of field.split(',').filter(part => part !== '')) {
    const range = rangeOf(expression, within)
    open ||= range.open
    for (let value = range.start; value <= range.end; value += range.step) values.add(value)
  }
  return { values, open }
}

interface Range {
  readonly start: number
  readonly end: number
  readonly step: number
  readonly open: boolean
}

function rangeOf(expression: string, within: Bounds): Range {
  const [span = '', stepText, ...slashes] = expression.split('/')
  const [low = '', high, ...hyphens] = span.split('-')
  const star = low === '*' || low === '?'
  if (!star && hyphens.length > 0) throw new ScheduleProblem(`too many hyphens: ${expression}`)
  const start = star ? within.min : numberOrName(low, within)
  let end = star ? within.max : high === undefined ? start : numberOrName(high, within)
  if (slashes.length > 0) throw new ScheduleProblem(`too many slashes: ${expression}`)
  const step = stepText === undefined ? 1 : wholeNumber(stepText)
  // "5/15" goes on to the end of the field.
  if (stepText !== undefined && high === undefined) end = within.max
  const problem = rangeProblem(start, end, step, within)
  if (problem !== null) throw new ScheduleProblem(`${problem}: ${expression}`)
  return { start, end, step, open: star && step === 1 }
}

function rangeProblem(start: number, end: number, step: number, within: Bounds): string | null {
  const { min, max } = within
  if (start < min) return `beginning of range (${start}) below minimum (${min})`
  if (end > max) return `end of range (${end}) above maximum (${max})`
  if (start > end) return `beginning of range (${start}) beyond end of range (${end})`
  return step === 0 ? 'step of range should be a positive number' : null
}

function numberOrName(text: string, within: Bounds): number {
  const index = within.names.indexOf(text.toLowerCase())
  return index === -1 ? wholeNumber(text) : within.min + index
}

function wholeNumber(text: string): number {
  const because = (why: string) =>
    new ScheduleProblem(
      `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: ${why}`,
    )
  if (!/^[+-]?\d+$/.test(text)) throw because('invalid syntax')
  const value = Number(text)
  if (!Number.isSafeInteger(value)) throw because('value out of range')
  if (value < 0) throw new ScheduleProblem(`negative number (${value}) not allowed: ${text}`)
  return value
}

const unitSeconds: ReadonlyMap<string, number> = new Map([
  ['ns', 1e-9],
  ['us', 1e-6],
  ['\u00b5s', 1e-6],
  ['\u03bcs', 1e-6],
  ['ms', 1e-3],
  ['s', 1],
  ['m', 60],
  ['h', 3600],
])

const durationCharactersMax = 100

/** Whole seconds, and at least one. */
function everySeconds(text: string): number {
  const duration = text.slice(everyPrefix.length)
  const quoted = JSON.stringify(duration)
  const because = (why: string) =>
    new ScheduleProblem(`failed to parse duration ${text}: time: ${why}`)
  const body = duration.replace(/^[+-]/, '')
  if (body === '0') return 1
  let seconds = 0
  let rest = body
  if (rest === '' || rest.length > durationCharactersMax)
    throw because(`invalid duration ${quoted}`)
  while (rest !== '') {
    const number = /^(?:\d+(?:\.\d*)?|\.\d+)/.exec(rest)?.[0]
    if (number === undefined) throw because(`invalid duration ${quoted}`)
    rest = rest.slice(number.length)
    const unit = /^[^\d.]*/.exec(rest)?.[0] ?? ''
    if (unit === '') throw because(`missing unit in duration ${quoted}`)
    const factor = unitSeconds.get(unit)
    if (factor === undefined) {
      throw because(`unknown unit ${JSON.stringify(unit)} in duration ${quoted}`)
    }
    seconds += Number(number) * factor
    rest = rest.slice(unit.length)
  }
  return Math.max(1, Math.floor(duration.startsWith('-') ? -seconds : seconds))
}
