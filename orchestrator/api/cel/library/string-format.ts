// "%s has %d".format([a, b]). Counterpart: the formatter of ext.Strings of cel-go.

import { Optional } from '@marcbachmann/cel-js'
import { spend } from '../metering.js'

const precisionMax = 1_000

/** Throws Error with what cel-go says. */
export function formatted(template: string, values: readonly unknown[]): string {
  spend(Math.floor(template.length / 16) + values.length)
  let next = 0
  return template.replace(
    /%(?:\.(\d+))?([\s\S]?)/g,
    (_, precision: string | undefined, verb: string) => {
      if (verb === '%') return '%'
      if (next >= values.length) throw new Error(`index ${next} out of range`)
      const value = values[next++]
      if (precision !== undefined && Number(precision) > precisionMax) {
        throw new Error(`precision ${precision} is too large`)
      }
      return clause(verb, value, precision === undefined ? 6 : Number(precision))
    },
  )
}

function clause(verb: string, value: unknown, precision: number): string {
  switch (verb) {
    case 's':
      return textOf(value)
    case 'd':
      if (typeof value === 'bigint') return value.toString()
      if (typeof value === 'number' && !Number.isFinite(value)) return textOf(value)
      throw wrong('integer clause can only be used on integers', value)
    case 'f':
      return numberOf(value, 'fixed-point clause can only be used on doubles').toFixed(
        Math.min(precision, 100),
      )
    case 'e': {
      const number = numberOf(value, 'scientific clause can only be used on doubles')
      return number.toExponential(Math.min(precision, 100)).replace(/e([-+])(\d)$/, 'e$10$2')
    }
    case 'b':
      if (typeof value === 'boolean') return value ? '1' : '0'
      if (typeof value === 'bigint') return value.toString(2)
      throw wrong('only integers and bools can be formatted as binary', value)
    case 'o':
      if (typeof value === 'bigint') return value.toString(8)
      throw wrong('octal clause can only be used on integers', value)
    case 'x':
      return hexOf(value)
    case 'X':
      return hexOf(value).toUpperCase()
    default:
      throw new Error(`could not parse formatting clause: unrecognized formatting clause "${verb}"`)
  }
}

function wrong(what: string, value: unknown): Error {
  return new Error(`error during formatting: ${what}, was given ${typeName(value)}`)
}

function numberOf(value: unknown, what: string): number {
  if (typeof value === 'number') return value
  if (typeof value === 'bigint') return Number(value)
  throw wrong(what, value)
}

function hexOf(value: unknown): string {
  if (typeof value === 'bigint') return value.toString(16)
  if (typeof value === 'string') return Buffer.from(value, 'utf8').toString('hex')
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  throw wrong('only integers, byte buffers, and strings can be formatted as hex', value)
}

function typeName(value: unknown): string {
  if (typeof value === 'bigint') return 'int'
  if (typeof value === 'number') return 'double'
  if (typeof value === 'boolean') return 'bool'
  if (value === null) return 'null_type'
  if (Array.isArray(value)) return 'list'
  return typeof value === 'string' ? 'string' : 'map'
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  if (value === null) return 'null'
  if (typeof value === 'number') {
    if (value === Infinity) return 'Infinity'
    return value === -Infinity ? '-Infinity' : String(value)
  }
  if (typeof value === 'bigint' || typeof value === 'boolean') return String(value)
  if (value instanceof Date) return value.toISOString().replace('.000Z', 'Z')
  if (Array.isArray(value)) return `[${value.map(innerText).join(', ')}]`
  if (value instanceof Map) return mapText(value)
  if (value instanceof Optional) return value.hasValue() ? textOf(value.value()) : 'optional.none()'
  if (typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    return mapText(new Map(Object.entries(value)))
  }
  throw new Error(
    'error during formatting: string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps',
  )
}

function innerText(value: unknown): string {
  return textOf(value)
}

function mapText(map: ReadonlyMap<unknown, unknown>): string {
  const entries = [...map].map(([key, value]) => `${innerText(key)}: ${innerText(value)}`)
  return `{${entries.sort().join(', ')}}`
}
