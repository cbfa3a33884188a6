// Lengths of time as people write them: 90s, 30m, 1h30m, 7d.

import { Option } from 'commander'
import { UserError } from './user-error.js'

const unitMs: ReadonlyMap<string, number> = new Map([
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
])

/** Milliseconds; null when the text is no length of time. */
export function spanMs(text: string): number | null {
  if (!/^(\d{1,6}[smhd])+$/.test(text)) return null
  let sum = 0
  for (const [, count, unit = ''] of text.matchAll(/(\d+)([smhd])/g)) {
    sum += Number(count) * (unitMs.get(unit) ?? 0)
  }
  return sum
}

const retentionMsMin = 60_000

/** How long history is kept; null for ever. Throws UserError. */
export function retentionMs(text: string): number | null {
  if (text === 'forever') return null
  const ms = spanMs(text)
  if (ms !== null && ms >= retentionMsMin) return ms
  throw new UserError(
    `--history takes a length of time of a minute or more, as in 30m, 1h or 7d, or "forever", not "${text}".`,
  )
}

const historyUsual = '1h'
export const historyMsUsual = 3_600_000

/** As `retentionMs` reads it. */
export function retentionText(ms: number | null): string {
  return ms === null ? 'forever' : `${ms / 1_000}s`
}

/** Of whoever starts API servers; its value is in milliseconds, null for ever. */
export function historyOption(): Option {
  return new Option('--history <time>', 'how long the past can be read: 30m, 7d, forever')
    .argParser(retentionMs)
    .default(historyMsUsual, historyUsual)
}
