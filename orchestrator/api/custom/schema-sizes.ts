// How large values of a schema may be, as rules are estimated by it: by its maxItems, maxProperties and maxLength, else by what
// fits a request. Counterpart: SchemaDeclType of k8s.io/apiserver/pkg/cel/common.

import { boolType, dynType, listType, mapType, numberType, stringType } from '../cel/cost-sizes.js'
import type { SizedType } from '../cel/cost-sizes.js'
import type { JSONSchemaProps } from '../types/apiextensions.js'
import { escapedName } from './rule-values.js'
import { furtherOf, isEmbedded, isIntOrString, itemsOf, propertiesOf } from './schema-parts.js'

/** Of a request; whatever ours takes, rules are estimated by what Kubernetes does. */
export const requestBytesMax = 3 * 1024 * 1024
const contentBytesMax = requestBytesMax - 2

/** A character of a text with a maxLength may take so many bytes. */
const bytesPerCharacter = 4
const nameCharactersMax = 253
const dateBytes = 12
const timeBytesMax = 32
const timeBytesMin = 21
const durationBytesMin = 3
const depthMax = 100

/** By schema, each once: a schema of many parts has a rule at many of them. */
export class SchemaSizes {
  readonly #known = new Map<JSONSchemaProps, SizedType | null>()
  readonly #root: JSONSchemaProps

  constructor(root: JSONSchemaProps) {
    this.#root = root
  }

  /** Null for what rules do not see: it may be anything. */
  of(schema: JSONSchemaProps, depth = 0): SizedType | null {
    const known = this.#known.get(schema)
    if (known !== undefined) return known
    const type = depth > depthMax ? null : this.#made(schema, depth + 1)
    this.#known.set(schema, type)
    return type
  }

  #made(schema: JSONSchemaProps, depth: number): SizedType | null {
    if (isIntOrString(schema)) return { ...dynType, most: textMost(schema, contentBytesMax) }
    switch (schema.type ?? '') {
      case 'array': {
        const items = itemsOf(schema)
        const item = items === null ? null : this.of(items, depth)
        if (item === null) return null
        const fitting = Math.floor(contentBytesMax / (item.bytesMin + 1))
        return listType(item, atLeastNone(schema.maxItems) ?? fitting)
      }
      case 'object':
        return this.#object(schema, depth)
      case 'string':
        return textType(schema)
      case 'boolean':
        return boolType
      case 'integer':
      case 'number':
        return numberType
      default:
        return null
    }
  }

  #object(schema: JSONSchemaProps, depth: number): SizedType | null {
    const further = furtherOf(schema)
    if (further !== null && further !== 'any') {
      const value = this.of(further, depth)
      if (value === null) return null
      const fitting = Math.floor(contentBytesMax / (value.bytesMin + 6))
      return mapType(value, atLeastNone(schema.maxProperties) ?? fitting)
    }
    const fields = new Map<string, SizedType>()
    const needed = new Set(schema.required ?? [])
    let bytesMin = 2
    for (const [name, property] of propertiesOf(schema)) {
      const type = this.of(property, depth)
      if (type === null) continue
      fields.set(escapedName(name), type)
      if (needed.has(name) && property.default === undefined) {
        bytesMin += name.length + type.bytesMin + 4
      }
    }
    if (schema === this.#root || isEmbedded(schema)) setCommon(fields)
    return { kind: 'object', most: 0, bytesMin, fields }
  }
}

/** What every object has, whatever its schema says of it. */
function setCommon(fields: Map<string, SizedType>): void {
  const text = { ...stringType, most: contentBytesMax }
  const given = fields.get('metadata')?.fields
  const names = new Map<string, SizedType>()
  for (const [name, characters] of [
    ['name', nameCharactersMax],
    ['generateName', nameCharactersMax - 1],
  ] as const) {
    const most = bytesPerCharacter * characters
    names.set(name, { ...stringType, most: Math.min(most, given?.get(name)?.most ?? most) })
  }
  fields
    .set('apiVersion', fields.get('apiVersion') ?? text)
    .set('kind', fields.get('kind') ?? text)
    .set('metadata', { kind: 'object', most: 0, bytesMin: 2, fields: names })
}

function atLeastNone(count: number | undefined): number | null {
  return count === undefined ? null : Math.max(0, count)
}

function textMost({ maxLength }: JSONSchemaProps, otherwise: number): number {
  const given = atLeastNone(maxLength)
  return given === null ? otherwise : bytesPerCharacter * given
}

function textType(schema: JSONSchemaProps): SizedType {
  switch (schema.format ?? '') {
    case 'byte':
      return { kind: 'bytes', most: atLeastNone(schema.maxLength) ?? contentBytesMax, bytesMin: 2 }
    case 'duration':
      return { kind: 'duration', most: timeBytesMax, bytesMin: durationBytesMin }
    case 'date':
      return { kind: 'time', most: dateBytes, bytesMin: dateBytes }
    case 'date-time':
      return { kind: 'time', most: timeBytesMax, bytesMin: timeBytesMin }
    default:
      break
  }
  const values = (schema.enum ?? []).filter(value => typeof value === 'string')
  const longest = Math.max(0, ...values.map(value => new TextEncoder().encode(value).length))
  const otherwise = (schema.enum ?? []).length === 0 ? contentBytesMax : longest
  return { ...stringType, most: textMost(schema, otherwise) }
}
