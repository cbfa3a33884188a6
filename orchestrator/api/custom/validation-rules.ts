// x-kubernetes-validations: rules in CEL over a value and, on updates, over what it was before.
// Counterpart: apiserver/schema/cel. Rules that speak of oldSelf look at changes, and are passed over
// where there is nothing to compare with; what is new in a list is compared by the list's keys. Other
// rules are passed over where nothing changed.

import { CelError } from '../cel/cel-error.js'
import { Budget } from '../cel/metering.js'
import { sameJson } from '../equality.js'
import { shownFieldPath } from './field-path.js'
import { ruleLanguage } from './rule-language.js'
import { celValue } from './rule-values.js'
import { findingsMax } from '../decode/shape.js'
import type { FieldError } from '../kind.js'
import type { Json } from '../object.js'
import { isJsonObject, own } from '../record.js'
import type { JSONSchemaProps, ValidationRule } from '../types/apiextensions.js'
import { duplicate, forbiddenField, invalidValue, required } from '../validation/field-errors.js'
import { childPath, furtherOf, isList, itemsBefore, itemsOf, propertyOf } from './schema-parts.js'
import { Optional } from '@marcbachmann/cel-js'

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
  readonly #budget = new Budget()
  #spent = false
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
    const before = itemsBefore(schema, old)
    for (const [index, item] of value.entries()) {
      this.walk(items, item, before(item), `${path}[${index}]`)
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
    if (this.#spent) return
    const type = schema.type ?? ''
    const optional = rule.optionalOldSelf === true
    try {
      const program = ruleLanguage.compile(rule.rule)
      const isTransition = program.names.has('oldSelf')
      if (isTransition && old === undefined && !optional) return
      // What was wrong before the rule was there may stay as it is.
      if (!isTransition && old !== undefined && sameJson(value, old)) return
      const before = old === undefined ? undefined : this.#cel(schema, old)
      const variables = {
        self: this.#cel(schema, value),
        oldSelf: optional
          ? before === undefined
            ? Optional.none()
            : Optional.of(before)
          : (before ?? null),
      }
      const result = program.run(variables, this.#budget)
      if (result === true) return
      const text = textOf(rule, variables, this.#budget)
      this.errors.push(failure(rule, type, fieldOf(rule, schema, path), text))
    } catch (error) {
      if (!(error instanceof CelError)) throw error
      this.#spent = error.kind === 'budget' || error.kind === 'call-limit'
      this.errors.push(invalidValue(shownPath(path), type, problemOf(rule, error)))
    }
  }
}

/** Why a rule could not be evaluated. */
function problemOf(rule: ValidationRule, { kind, message }: CelError): string {
  const shown = (rule.message ?? '').trim() || rule.rule.trim()
  if (kind === 'budget') return message
  if (kind === 'call-limit') {
    return `'${message}': no further validation rules will be run due to call cost exceeds limit for rule: ${shown}`
  }
  if (message.startsWith('no such overload')) {
    return `'${message}': call arguments did not match a supported operator, function or macro signature for rule: ${shown}`
  }
  return `${message} evaluating rule: ${shown}`
}

function shownPath(path: string): string {
  return path === '' ? '<nil>' : path
}

function fieldOf(
  { fieldPath = '' }: ValidationRule,
  schema: JSONSchemaProps,
  path: string,
): string {
  const below = fieldPath === '' ? null : shownFieldPath(schema, fieldPath)
  if (below === null) return shownPath(path)
  return path === '' ? below.replace(/^\./, '') : `${path}${below}`
}

function textOf(
  rule: ValidationRule,
  variables: Readonly<Record<string, unknown>>,
  budget: Budget,
): string {
  const { message = '', messageExpression = '' } = rule
  if (messageExpression !== '') {
    try {
      const text = ruleLanguage.compile(messageExpression).run(variables, budget)
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
