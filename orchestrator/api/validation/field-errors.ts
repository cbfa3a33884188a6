// What can be wrong with a field, worded as users know it. Counterpart: util/validation/field of
// k8s.io/apimachinery. A message is the cause's text; the Status puts the path before it.

import type { FieldError } from '../kind.js'
import type { Json } from '../object.js'

/** `detail` may be ''. */
export function required(field: string, detail = ''): FieldError {
  const message = detail === '' ? 'Required value' : `Required value: ${detail}`
  return { reason: 'FieldValueRequired', field, message }
}

export function invalidValue(field: string, value: Json | undefined, detail: string): FieldError {
  return {
    reason: 'FieldValueInvalid',
    field,
    message: `Invalid value: ${shown(value)}: ${detail}`,
  }
}

/** Where the value is a whole struct, or says nothing: only the text is shown. */
export function invalidField(field: string, detail: string): FieldError {
  return { reason: 'FieldValueInvalid', field, message: `Invalid value: ${detail}` }
}

/** A list is shown in its own order, a set sorted. */
export function notSupported(
  field: string,
  value: Json | undefined,
  supported: Iterable<string>,
): FieldError {
  const values = Array.isArray(supported) ? supported : [...supported].sort()
  const list = values.map(s => JSON.stringify(s))
  const message = `Unsupported value: ${shown(value)}: supported values: ${list.join(', ')}`
  return { reason: 'FieldValueNotSupported', field, message }
}

export function forbiddenField(field: string, detail: string): FieldError {
  return { reason: 'FieldValueForbidden', field, message: `Forbidden: ${detail}` }
}

export function duplicate(field: string, value: Json): FieldError {
  return { reason: 'FieldValueDuplicate', field, message: `Duplicate value: ${shown(value)}` }
}

/** A reference to something that the object does not have, such as a volume by name. */
export function notFoundValue(field: string, value: Json): FieldError {
  return { reason: 'FieldValueNotFound', field, message: `Not found: ${shown(value)}` }
}

export function tooLong(field: string, bytesMax: number): FieldError {
  const message = `Too long: may not be more than ${bytesMax} bytes`
  return { reason: 'FieldValueTooLong', field, message }
}

export function tooMany(field: string, count: number, countMax: number): FieldError {
  const items = countMax === 1 ? 'item' : 'items'
  const message = `Too many: ${count}: must have at most ${countMax} ${items}`
  return { reason: 'FieldValueTooMany', field, message }
}

export function typeInvalid(field: string, message: string): FieldError {
  return { reason: 'FieldValueTypeInvalid', field, message }
}

/** The texts that the same check gives for many fields, as errors of this one. */
export function invalidFor(field: string, value: Json, details: readonly string[]): FieldError[] {
  return details.map(detail => invalidValue(field, value, detail))
}

const shownCharactersMax = 1000

/** Long values are cut: an error must not carry a megabyte back. */
function shown(value: Json | undefined): string {
  const text = JSON.stringify(value ?? null)
  return text.length <= shownCharactersMax ? text : `${text.slice(0, shownCharactersMax)}...`
}
