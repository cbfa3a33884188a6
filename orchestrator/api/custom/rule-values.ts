// JSON as CEL sees it by its schema: whole numbers apart from others, times as times, and names that
// are no identifiers escaped. Counterpart: apiserver's common.UnstructuredToVal and cel.Escape.

import type { Json } from '../object.js'
import { isJsonObject } from '../record.js'
import { msOfTime } from '../time.js'
import type { JSONSchemaProps } from '../types/apiextensions.js'
import { furtherOf, isList, itemsOf, propertyOf } from './schema-parts.js'

const keywords: ReadonlySet<string> = new Set(
  'true false null in as break const continue else for function if import let loop package namespace return var void while'.split(
    ' ',
  ),
)

/** As a rule writes the name of a property. */
export function escapedName(name: string): string {
  if (keywords.has(name)) return `__${name}__`
  return name
    .replaceAll('__', '__underscores__')
    .replaceAll('.', '__dot__')
    .replaceAll('-', '__dash__')
    .replaceAll('/', '__slash__')
}

export function celValue(schema: JSONSchemaProps | null, value: Json): unknown {
  if (typeof value === 'number') {
    const isWhole = Number.isInteger(value) && schema?.type !== 'number'
    return isWhole ? BigInt(value) : value
  }
  if (typeof value === 'string') return celText(schema, value)
  if (isList(value)) {
    const items = schema === null ? null : itemsOf(schema)
    return value.map(item => celValue(items, item))
  }
  if (!isJsonObject(value)) return value
  const result = new Map<string, unknown>()
  const further = schema === null ? null : furtherOf(schema)
  for (const [name, inner] of Object.entries(value)) {
    if (inner === undefined) continue
    const property = schema === null ? undefined : propertyOf(schema, name)
    const type = property ?? (further === 'any' ? null : further)
    result.set(property === undefined ? name : escapedName(name), celValue(type, inner))
  }
  return result
}

function celText(schema: JSONSchemaProps | null, text: string): unknown {
  if (schema?.format !== 'date-time' && schema?.format !== 'date') return text
  const ms = msOfTime(schema.format === 'date' ? `${text}T00:00:00Z` : text)
  return ms === null ? text : new Date(ms)
}
