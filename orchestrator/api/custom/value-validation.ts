// Whether a value keeps to its schema, in the words of the original. Counterpart: kube-openapi's
// validate, and apiserver/validation which makes field errors of what that finds.

import { findingsMax } from '../decode/shape.js'
import { sameJson } from '../equality.js'
import type { FieldError } from '../kind.js'
import type { Json, JsonObject } from '../object.js'
import { isJsonObject, own } from '../record.js'
import type { JSONSchemaProps } from '../types/apiextensions.js'
import {
  invalidValue,
  required,
  tooLong,
  tooMany,
  typeInvalid,
} from '../validation/field-errors.js'
import { hasFormat } from './formats.js'
import { matchesPattern } from '../pattern.js'
import {
  childPath,
  furtherOf,
  isIntOrString,
  isList,
  itemsBefore,
  itemsOf,
  propertiesOf,
  propertyOf,
} from './schema-parts.js'

/**
 * Errors of a value at `path`, such as `spec.items[0]`; '' is the object itself. Parts that are as in
 * `old` may be wrong: the schema may have become stricter since they were written.
 */
export function validateValue(
  schema: JSONSchemaProps,
  value: Json,
  path: string,
  old?: Json,
): FieldError[] {
  const check = new Check()
  check.value(schema, value, path, old)
  return check.errors
}

/** How often alternatives may be tried in one object: each level of them may double the work. */
const alternativesMax = 50_000

class Check {
  errors: FieldError[] = []
  #alternatives = 0

  #add(error: FieldError): void {
    if (this.errors.length < findingsMax) this.errors.push(error)
  }

  value(schema: JSONSchemaProps, value: Json, path: string, old?: Json): void {
    if (old !== undefined && sameJson(value, old)) return
    if (value === null) {
      if (schema.nullable !== true) this.#type(schema, value, path)
      return
    }
    this.#type(schema, value, path)
    this.#choices(schema, value, path)
    if (typeof value === 'string') this.#text(schema, value, path)
    else if (typeof value === 'number') this.#number(schema, value, path)
    else if (isList(value)) this.#list(schema, value, path, old)
    else if (isJsonObject(value)) this.#object(schema, value, path, old)
    this.#composites(schema, value, path)
  }

  #type(schema: JSONSchemaProps, value: Json, path: string): void {
    const { type = '' } = schema
    const found = typeOf(value)
    if (isIntOrString(schema)) {
      if (found !== 'integer' && found !== 'string') this.#wrongType(path, 'integer,string', found)
      return
    }
    if (type === '' || type === found || (type === 'number' && found === 'integer')) return
    this.#wrongType(path, type, found)
  }

  #wrongType(path: string, wanted: string, found: string): void {
    const text = `${path} in body must be of type ${wanted}: "${found}"`
    this.#add(typeInvalid(path, `Invalid value: "${found}": ${text}`))
  }

  #choices({ enum: choices }: JSONSchemaProps, value: Json, path: string): void {
    if (choices === undefined || choices.length === 0) return
    if (choices.some(choice => sameJson(choice, value))) return
    const shown = choices.map(c => JSON.stringify(typeof c === 'string' ? c : JSON.stringify(c)))
    this.#add({
      reason: 'FieldValueNotSupported',
      field: path,
      message: `Unsupported value: ${JSON.stringify(value)}: supported values: ${shown.join(', ')}`,
    })
  }

  #text(schema: JSONSchemaProps, value: string, path: string): void {
    const { maxLength, minLength, pattern = '', format = '' } = schema
    const length = maxLength === undefined && minLength === undefined ? 0 : codePoints(value)
    if (maxLength !== undefined && length > maxLength) this.#add(tooLong(path, maxLength))
    if (minLength !== undefined && length < minLength) {
      this.#invalid(path, value, `should be at least ${minLength} chars long`)
    }
    if (pattern !== '' && !matchesPattern(pattern, value)) {
      this.#invalid(path, value, `should match '${pattern}'`)
    }
    if (format !== '' && (schema.type ?? '') === 'string' && !hasFormat(format, value)) {
      const text = `${path} in body must be of type ${format}: ${JSON.stringify(value)}`
      this.#add(typeInvalid(path, `Invalid value: ${JSON.stringify(value)}: ${text}`))
    }
  }

  #number(schema: JSONSchemaProps, value: number, path: string): void {
    const { multipleOf, maximum, minimum, format = '' } = schema
    if (multipleOf !== undefined && multipleOf > 0 && !isMultiple(value, multipleOf)) {
      this.#invalid(path, value, `should be a multiple of ${multipleOf}`)
    }
    if (maximum !== undefined) {
      if (schema.exclusiveMaximum === true && value >= maximum) {
        this.#invalid(path, value, `should be less than ${maximum}`)
      } else if (value > maximum) {
        this.#invalid(path, value, `should be less than or equal to ${maximum}`)
      }
    }
    if (minimum !== undefined) {
      if (schema.exclusiveMinimum === true && value <= minimum) {
        this.#invalid(path, value, `should be greater than ${minimum}`)
      } else if (value < minimum) {
        this.#invalid(path, value, `should be greater than or equal to ${minimum}`)
      }
    }
    if (format === 'int32' && Math.abs(value + 0.5) > 2 ** 31) {
      const text = `Checked value must be of type integer with format int32 in ${path}`
      this.#add(invalidValue(path, value, text))
    }
  }

  #list(
    schema: JSONSchemaProps,
    value: readonly Json[],
    path: string,
    old: Json | undefined,
  ): void {
    const { maxItems, minItems } = schema
    if (maxItems !== undefined && value.length > maxItems) {
      this.#add(tooMany(path, value.length, maxItems))
    }
    if (minItems !== undefined && value.length < minItems) {
      this.#invalid(path, value.length, `should have at least ${minItems} items`)
    }
    const items = itemsOf(schema)
    if (items === null) return
    const before = itemsBefore(schema, old)
    for (const [index, item] of value.entries()) {
      this.value(items, item, `${path}[${index}]`, before(item))
    }
  }

  #object(schema: JSONSchemaProps, value: JsonObject, path: string, old: Json | undefined): void {
    const before = isJsonObject(old) ? old : {}
    const { maxProperties, minProperties } = schema
    const keys = Object.keys(value)
    if (maxProperties !== undefined && keys.length > maxProperties) {
      this.#add(tooMany(path, keys.length, maxProperties))
    }
    if (minProperties !== undefined && keys.length < minProperties) {
      this.#invalid(path, keys.length, `should have at least ${minProperties} properties`)
    }
    for (const name of schema.required ?? []) {
      if (!Object.hasOwn(value, name)) this.#add(required(childPath(path, name)))
    }
    for (const [name, property] of propertiesOf(schema)) {
      const inner = Object.hasOwn(value, name) ? value[name] : undefined
      if (inner !== undefined) {
        this.value(property, inner, childPath(path, name), own(before, name))
      }
    }
    const further = furtherOf(schema)
    if (further === null || further === 'any') return
    for (const name of keys) {
      if (propertyOf(schema, name) !== undefined) continue
      this.value(further, value[name] ?? null, childPath(path, name), own(before, name))
    }
  }

  #composites(schema: JSONSchemaProps, value: Json, path: string): void {
    const name = JSON.stringify(path)
    const { allOf = [], anyOf = [], oneOf = [], not } = schema
    if (anyOf.length > 0 && !anyOf.some(one => this.#holds(one, value, path))) {
      this.#whole(`${name} must validate at least one schema (anyOf)`)
    }
    if (oneOf.length > 0) {
      const holding = oneOf.filter(one => this.#holds(one, value, path)).length
      if (holding !== 1) {
        const why = holding === 0 ? 'Found none valid' : `Found ${holding} valid alternatives`
        this.#whole(`${name} must validate one and only one schema (oneOf). ${why}`)
      }
    }
    if (allOf.length > 0 && !allOf.every(one => this.#holds(one, value, path))) {
      for (const one of allOf) this.value(one, value, path)
      this.#whole(`${name} must validate all the schemas (allOf)`)
    }
    if (not !== undefined && this.#holds(not, value, path)) {
      this.#whole(`${name} must not validate the schema (not)`)
    }
  }

  #holds(schema: JSONSchemaProps, value: Json, path: string): boolean {
    if (++this.#alternatives > alternativesMax) return false
    const kept = this.errors
    this.errors = []
    this.value(schema, value, path)
    const holds = this.errors.length === 0
    this.errors = kept
    return holds
  }

  #invalid(path: string, value: Json, rest: string): void {
    this.#add(invalidValue(path, value, `${path} in body ${rest}`))
  }

  /** The original knows no place for these. */
  #whole(text: string): void {
    this.#add(invalidValue('<nil>', '', text))
  }
}

function typeOf(value: Json): string {
  if (value === null) return 'null'
  if (isList(value)) return 'array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return typeof value === 'boolean' ? 'boolean' : typeof value
}

function codePoints(text: string): number {
  let count = 0
  for (const _ of text) count++
  return count
}

function isMultiple(value: number, of: number): boolean {
  const quotient = value / of
  return Math.abs(quotient - Math.round(quotient)) < 1e-9
}
