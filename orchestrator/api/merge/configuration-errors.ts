// What is wrong with a configuration before it can be applied: fields nobody knows, values of the
// wrong sort, list elements that nothing tells apart or that stand there twice. In the words that
// clients know. Counterpart: typed/validate of structured-merge-diff.

import type { Json } from '../object.js'
import { isJsonObject } from '../record.js'
import type { ListSchema, ScalarSchema, TypeSchema } from '../schema.js'
import { fieldType, isGranularList } from './granularity.js'
import { fieldElement, itemElement, pathText } from './path-element.js'
import type { PathElement } from './path-element.js'

const errorsMax = 100

/** Sentences, each with the path it is about. Numbers and texts are not looked at more closely. */
export function configurationErrors(value: Json, type: TypeSchema): readonly string[] {
  const errors: string[] = []
  check(value, type, [], errors)
  return errors
}

function check(
  value: Json,
  type: TypeSchema,
  path: readonly PathElement[],
  errors: string[],
): void {
  if (value === null || isUntyped(type)) return
  const wrong = (what: string): void => {
    const at = pathText(path)
    if (errors.length < errorsMax) errors.push(at === '' ? what : `${at}: ${what}`)
  }
  if (type.type === 'list') {
    if (!Array.isArray(value)) wrong(`expected list, got ${shown(value)}`)
    else checkItems(value as readonly Json[], type, path, errors, wrong)
    return
  }
  if (type.type === 'union') return
  if (type.type !== 'struct' && type.type !== 'map') {
    const what = scalarError(value, type)
    if (what !== null) wrong(what)
    return
  }
  if (!isJsonObject(value)) {
    wrong(`expected map, got ${shown(value)}`)
    return
  }
  for (const [key, inner = null] of Object.entries(value)) {
    const step = [...path, fieldElement(key)]
    const innerType = fieldType(type, key)
    if (innerType !== null) check(inner, innerType, step, errors)
    else if (errors.length < errorsMax) {
      errors.push(`${pathText(step)}: field not declared in schema`)
    }
  }
}

/** What these hold is nobody's but the kind's to check. */
function isUntyped({ type }: TypeSchema): boolean {
  return type === 'raw' || type === 'fields-v1' || type === 'json' || type === 'union'
}

function checkItems(
  items: readonly Json[],
  type: ListSchema,
  path: readonly PathElement[],
  errors: string[],
  wrong: (what: string) => void,
): void {
  const seen = new Set<PathElement>()
  for (const [index, item] of items.entries()) {
    let element = `i:${index}`
    if (isGranularList(type)) {
      const found = itemElement(type, item)
      if (found === null) {
        wrong(`element ${index}: ${whyUnidentified(item, type)}`)
        return
      }
      if (seen.has(found)) wrong(`duplicate entries for key ${pathText([found])}`)
      seen.add(found)
      element = found
    }
    check(item, type.items, [...path, element], errors)
  }
}

function whyUnidentified(item: Json, { listType, listKeys }: ListSchema): string {
  const list = listType === 'set' ? 'associative list without keys' : 'associative list with keys'
  if (listType === 'set') {
    if (item === null) return `${list} has an element that's an explicit null`
    return Array.isArray(item)
      ? 'not supported: associative list with lists as elements'
      : `${list} has an element that's a map type`
  }
  if (item === null) return `${list} may not have a null element`
  if (!isJsonObject(item)) return `${list} may not have non-map elements`
  const keys = listKeys.map(key => JSON.stringify(key)).join(' ')
  return `${list} has an element that omits all key fields [${keys}] (and doesn't have default values for any key fields)`
}

const numbers: ReadonlySet<string> = new Set(['int32', 'int64', 'double'])
const strings: ReadonlySet<string> = new Set(['string', 'bytes'])

function scalarError(value: Json, { type }: ScalarSchema): string | null {
  if (numbers.has(type)) {
    return typeof value === 'number'
      ? null
      : `expected numeric (int or float), got ${sortOf(value)}`
  }
  if (type === 'bool') {
    return typeof value === 'boolean' ? null : `expected boolean, got ${shown(value)}`
  }
  if (strings.has(type)) {
    const held = JSON.stringify(value).slice(0, shownCharactersMax)
    return typeof value === 'string'
      ? null
      : `expected string, got &value.valueUnstructured{Value:${held}}`
  }
  return typeof value === 'object' ? `expected any scalar, got ${shown(value)}` : null
}

const shownCharactersMax = 200

function shown(value: Json): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return `&{${text.slice(0, shownCharactersMax)}}`
}

function sortOf(value: Json): string {
  if (Array.isArray(value)) return '[]interface {}'
  if (typeof value === 'boolean') return 'bool'
  return typeof value === 'object' ? 'map[string]interface {}' : typeof value
}
