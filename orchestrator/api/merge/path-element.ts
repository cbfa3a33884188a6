// One step of a path in a field set, in the words of FieldsV1: "f:spec" is a field or a key of a map,
// `k:{"name":"a"}` an element of a keyed list, `v:"a"` a value of a set, "i:0" a place in a list.
// Counterpart: fieldpath of structured-merge-diff. Equal steps are equal strings.

import type { Json } from '../object.js'
import { isJsonObject, own } from '../record.js'
import type { ListSchema } from '../schema.js'

export type PathElement = string

export function fieldElement(name: string): PathElement {
  return `f:${name}`
}

function keyElement(entries: readonly (readonly [string, Json])[]): PathElement {
  const texts = entries.map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
  return `k:{${texts.join(',')}}`
}

function byName(a: readonly [string, Json], b: readonly [string, Json]): number {
  return a[0] < b[0] ? -1 : 1
}

/**
 * What tells an element of a set or a keyed list apart. A key that the element leaves out counts as
 * its default, and without one not at all. Null where nothing tells it apart.
 */
export function itemElement(list: ListSchema, item: Json): PathElement | null {
  if (list.listType === 'set') {
    return typeof item === 'object' ? null : `v:${JSON.stringify(item)}`
  }
  if (!isJsonObject(item) || list.items.type !== 'struct') return null
  const { listKeys } = list
  const [only = ''] = listKeys
  // Most lists have one key, and every write of a pod asks for some dozen elements.
  const name = listKeys.length === 1 ? own(item, only) : undefined
  if (name !== undefined) return `k:{"${only}":${JSON.stringify(name)}}`
  const entries: (readonly [string, Json])[] = []
  for (const key of listKeys) {
    const value = own(item, key) ?? list.items.fields.get(key)?.default
    if (value !== undefined) entries.push([key, value])
  }
  if (entries.length === 0) return null
  return keyElement(entries.length === 1 ? entries : entries.toSorted(byName))
}

function parsed(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json
  } catch {
    return undefined
  }
}

/** The one way to write a step that a client wrote in its own; null when it is none. */
export function canonicalElement(text: string): PathElement | null {
  const content = text.slice(2)
  switch (text.slice(0, 2)) {
    case 'f:':
      return text
    case 'i:':
      return /^-?[0-9]{1,15}$/.test(content) ? `i:${Number(content)}` : null
    case 'v:': {
      const value = parsed(content)
      return value === undefined ? null : `v:${JSON.stringify(value)}`
    }
    case 'k:': {
      const value = parsed(content)
      if (!isJsonObject(value)) return null
      const entries = Object.entries(value).map(([name, inner]) => [name, inner ?? null] as const)
      return keyElement(entries.toSorted(byName))
    }
    default:
      return null
  }
}

/** As users read it: `.spec`, `[name="a"]`, `[="a"]`, `[0]`. */
function elementText(element: PathElement): string {
  const content = element.slice(2)
  switch (element.slice(0, 2)) {
    case 'f:':
      return `.${content}`
    case 'v:':
      return `[=${content}]`
    case 'k:': {
      const value = parsed(content)
      const entries = isJsonObject(value) ? Object.entries(value) : []
      return `[${entries.map(([name, key]) => `${name}=${JSON.stringify(key)}`).join(',')}]`
    }
    default:
      return `[${content}]`
  }
}

/** `.spec.template.spec.containers[name="web"].image` */
export function pathText(path: readonly PathElement[]): string {
  return path.map(elementText).join('')
}
