// What the schema of a definition says about the types in its rules, so that a rule about a field that
// there is not is refused with the definition. Counterpart: SchemaDeclType of
// k8s.io/apiserver/pkg/cel/common. Where the schema leaves something open, so is the type.

import { celEnvironment } from '../cel/environment.js'
import { CelError } from '../cel/cel-error.js'
import { Language } from '../cel/program.js'
import type { JSONSchemaProps } from '../types/apiextensions.js'
import { escapedName } from './rule-values.js'
import { furtherOf, isEmbedded, isIntOrString, itemsOf, propertiesOf } from './schema-parts.js'

const structsMax = 1_000
const nodesMax = 20_000
const depthMax = 100
/** Parts of one schema whose rules are checked so. */
const partsMax = 200

/** Mistakes that are the author's, whatever the checker of types makes of the rest. */
const certain =
  /undefined field '|found no matching overload for '_[^']*' applied to '\((?:int|string|bool|double|, )+\)'/

export class RuleTypes {
  readonly #environment = celEnvironment()
  readonly #types = new Map<JSONSchemaProps, string>()
  #structs = 0
  #parts = 0

  constructor(root: JSONSchemaProps) {
    this.#declare(root, true)
  }

  /** What is wrong with an expression about values of a part of the schema; null for nothing. */
  problem(schema: JSONSchemaProps, expression: string, optionalOldSelf: boolean): string | null {
    const type = this.#types.get(schema)
    if (type === undefined || type === 'dyn' || ++this.#parts > partsMax) return null
    const environment = this.#environment.clone()
    environment
      .registerVariable('self', type)
      .registerVariable('oldSelf', optionalOldSelf ? `optional<${type}>` : type)
    try {
      new Language(environment).compile(expression)
      return null
    } catch (error) {
      if (!(error instanceof CelError)) throw error
      return certain.test(error.message) ? error.message : null
    }
  }

  #declare(schema: JSONSchemaProps, isObject: boolean, depth = 0): string {
    if (depth > depthMax || this.#types.size > nodesMax) return 'dyn'
    const known = this.#types.get(schema)
    if (known !== undefined) return known
    const type = this.#typeOf(schema, isObject || isEmbedded(schema), depth + 1)
    this.#types.set(schema, type)
    return schema.nullable === true ? 'dyn' : type
  }

  #typeOf(schema: JSONSchemaProps, isObject: boolean, depth: number): string {
    if (isIntOrString(schema)) return 'dyn'
    const { type = '', format = '' } = schema
    switch (type) {
      case 'boolean':
        return 'bool'
      case 'integer':
        return 'int'
      case 'number':
        return 'double'
      case 'string':
        return textTypes.get(format) ?? 'string'
      case 'array': {
        const items = itemsOf(schema)
        return items === null ? 'list' : `list<${this.#declare(items, false, depth)}>`
      }
      case 'object':
        return this.#objectType(schema, isObject, depth)
      default:
        return 'dyn'
    }
  }

  #objectType(schema: JSONSchemaProps, isObject: boolean, depth: number): string {
    const further = furtherOf(schema)
    if (further !== null) {
      return further === 'any' ? 'dyn' : `map<string, ${this.#declare(further, false, depth)}>`
    }
    const fields = new Map<string, string>()
    for (const [name, property] of propertiesOf(schema)) {
      fields.set(escapedName(name), this.#declare(property, false, depth))
    }
    if (isObject) {
      const metadata = this.#struct(
        new Map([
          ['name', 'string'],
          ['generateName', 'string'],
        ]),
      )
      fields.set('apiVersion', 'string').set('kind', 'string').set('metadata', metadata)
    }
    return fields.size === 0 ? 'dyn' : this.#struct(fields)
  }

  #struct(fields: ReadonlyMap<string, string>): string {
    if (++this.#structs > structsMax) return 'dyn'
    const name = `object.T${this.#structs}`
    this.#environment.registerType(name, { fields: Object.fromEntries(fields) })
    return name
  }
}

const textTypes: ReadonlyMap<string, string> = new Map([
  ['date-time', 'google.protobuf.Timestamp'],
  ['date', 'google.protobuf.Timestamp'],
  ['byte', 'dyn'],
  ['duration', 'dyn'],
])
