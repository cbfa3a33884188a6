// x-kubernetes-validations: rules in CEL over a value and, on updates, over what it was before.
// Counterpart: apiserver/schema/cel. Rules that speak of oldSelf look at changes, and are passed over
// where there is nothing to compare with; what is new in a list is compared by the list's keys.

import { CelError, compileCel } from './cel/program.js'
import { celValue } from './cel/values.js'
import { findingsMax } from '../decode/shape.js'
import type { FieldError } from '../kind.js'
import type { Json } from '../object.js'
import { isJsonObject, own } from '../record.js'
import type { JSONSchemaProps, ValidationRule } from '../types/apiextensions.js'
import { duplicate, forbiddenField, invalidValue, required } from '../validation/field-errors.js'
import { childPath, furtherOf, isList, itemsOf, listKey, propertyOf } from './schema-parts.js'
import { Optional } from '@marcbachmann/cel-js'

/** Evaluations for one object: each has a budget of its own besides. */
const evaluationsMax = 2_000

export function validateRules(
  schema: JSONSchemaProps,
  value: Json,
  old: Json | undefined,
): readonly FieldError[] {
  const rules = new Rules()
  rules.walk(schema, value, old, '')
  return rules.errors.slice(0, findingsMax)
}

class Rules {
  readonly errors: FieldError[] = []
  #evaluations = 0
  readonly #values = new Map<Json, unknown>()

  walk(schema: JSONSchemaProps, value: Json, old: Json | undefined, path: string): void {
    for (const rule of schema['x-kubernetes-validations'] ?? []) {
      this.#apply(rule, schema, value, old, path)
    }
    if (isList(value)) this.#items(schema, value, old, path)
    else if (isJsonObject(value)) {
      const before = isJsonObject(old) ? old : {}
      const further = furtherOf(schema)
      for (const [name, inner] of Object.entries(value)) {
        const known = propertyOf(schema, name) ?? (further === 'any' ? null : further)
        if (known === null || inner === undefined) continue
        this.walk(known, inner, own(before, name), childPath(path, name))
      }
    }
  }

  #items(schema: JSONSchemaProps, value: readonly Json[], old: Json | undefined, path: string) {
    const items = itemsOf(schema)
    if (items === null) return
    const keys = schema['x-kubernetes-list-map-keys'] ?? []
    const keyOf = (item: Json) =>
      isJsonObject(item) ? JSON.stringify(listKey(item, keys)) : undefined
    const comparable = schema['x-kubernetes-list-type'] === 'map' && isList(old)
    const before = new Map(comparable ? old.map(item => [keyOf(item), item]) : [])
    for (const [index, item] of value.entries()) {
      this.walk(items, item, before.get(keyOf(item)), `${path}[${index}]`)
    }
  }

  /** Once for all rules of a value. */
  #cel(schema: JSONSchemaProps, value: Json): unknown {
    if (typeof value !== 'object' || value === null) return celValue(schema, value)
    const known = this.#values.get(value) ?? celValue(schema, value)
    this.#values.set(value, known)
    return known
  }

  #apply(
    rule: ValidationRule,
    schema: JSONSchemaProps,
    value: Json,
    old: Json | undefined,
    path: string,
  ): void {
    const type = schema.type ?? ''
    const optional = rule.optionalOldSelf === true
    try {
      const program = compileCel(rule.rule)
      if (program.usesOldSelf && old === undefined && !optional) return
      if (++this.#evaluations > evaluationsMax) {
        throw new CelError(
          'validation failed due to running out of cost budget, no further validation rules will be run',
        )
      }
      const before = old === undefined ? undefined : this.#cel(schema, old)
      const variables = {
        self: this.#cel(schema, value),
        oldSelf: optional
          ? before === undefined
            ? Optional.none()
            : Optional.of(before)
          : (before ?? null),
      }
      const result = program.run(variables)
      if (result === true) return
      this.errors.push(failure(rule, type, fieldOf(rule, path), textOf(rule, variables)))
    } catch (error) {
      if (!(error instanceof CelError)) throw error
      const detail = `${error.message} evaluating rule: ${rule.message ?? rule.rule.trim()}`
      this.errors.push(invalidValue(shownPath(path), type, detail))
    }
  }
}

function shownPath(path: string): string {
  return path === '' ? '<nil>' : path
}

function fieldOf({ fieldPath = '' }: ValidationRule, path: string): string {
  const below = fieldPath.replace(/^\./, '')
  return below === '' ? shownPath(path) : path === '' ? below : `${path}.${below}`
}

function textOf(rule: ValidationRule, variables: Readonly<Record<string, unknown>>): string {
  const { message = '', messageExpression = '' } = rule
  if (messageExpression !== '') {
    try {
      const text = compileCel(messageExpression).run(variables)
      if (typeof text === 'string' && text.trim() !== '' && !text.includes('\n')) return text.trim()
    } catch (error) {
      // The rule has failed all the same; what is left says so.
      if (!(error instanceof CelError)) throw error
    }
  }
  return message.trim() === '' ? `failed rule: ${rule.rule.trim()}` : message.trim()
}

function failure(rule: ValidationRule, type: string, field: string, text: string): FieldError {
  switch (rule.reason ?? '') {
    case 'FieldValueForbidden':
      return forbiddenField(field, text)
    case 'FieldValueRequired':
      return required(field, text)
    case 'FieldValueDuplicate':
      return duplicate(field, type)
    default:
      return invalidValue(field, type, text)
  }
}
