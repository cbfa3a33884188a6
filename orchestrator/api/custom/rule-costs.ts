// What the rules of a definition would cost at worst, so that one is refused before there are objects to hold up the
// server with. Counterpart: the cost limits of apiextensions/validation, with their words.

import { CelError } from '../cel/cel-error.js'
import { estimateCost } from '../cel/cost-estimate.js'
import { dynType, optionalType } from '../cel/cost-sizes.js'
import type { FieldError } from '../kind.js'
import type { JSONSchemaProps } from '../types/apiextensions.js'
import { forbiddenField } from '../validation/field-errors.js'
import { ruleLanguage } from './rule-language.js'
import { SchemaSizes, requestBytesMax } from './schema-sizes.js'
import { furtherOf, itemsOf, propertiesOf } from './schema-parts.js'

/** Of one rule for all values in an object, or of making its message once. */
export const ruleCostMax = 10_000_000
/** Of all rules of a version. */
export const schemaCostMax = 100_000_000

/** Those that are named when all together are too many. */
const dearestNamed = 4
const depthMax = 100

/** `schema` is structural, and its rules compile. `path` is that of the schema. */
export function validateRuleCosts(schema: JSONSchemaProps, path: string): readonly FieldError[] {
  const costs = new RuleCosts(schema)
  costs.walk(schema, path, 1)
  return [...costs.errors, ...costs.totalErrors(path)]
}

interface Observed {
  readonly field: string
  readonly cost: number
}

class RuleCosts {
  readonly errors: FieldError[] = []
  readonly #observed: Observed[] = []
  readonly #sizes: SchemaSizes

  constructor(root: JSONSchemaProps) {
    this.#sizes = new SchemaSizes(root)
  }

  /** `count`: how many values of the schema an object may have; null where only its size says so. */
  walk(schema: JSONSchemaProps, path: string, count: number | null, depth = 0): void {
    if (depth > depthMax) return
    this.#rules(schema, path, count)
    for (const [name, property] of propertiesOf(schema)) {
      this.walk(property, `${path}.properties[${name}]`, times(count, of(schema)), depth + 1)
    }
    const items = itemsOf(schema)
    if (items !== null) this.walk(items, `${path}.items`, times(count, of(schema)), depth + 1)
    const further = furtherOf(schema)
    if (further === null || further === 'any') return
    this.walk(further, `${path}.additionalProperties`, times(count, of(schema)), depth + 1)
  }

  /** Where all of them together are too much. */
  totalErrors(path: string): readonly FieldError[] {
    const total = this.#observed.reduce((sum, { cost }) => sum + cost, 0)
    if (total <= schemaCostMax) return []
    const text =
      'contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema'
    const dearest = this.#observed
      .filter(({ cost }) => cost >= schemaCostMax / 100)
      .toSorted((a, b) => b.cost - a.cost)
      .slice(0, dearestNamed)
    const what = 'x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema'
    return [
      ...dearest.map(({ field }) => forbiddenField(field, text)),
      forbiddenField(path, tooDear(what, total, schemaCostMax)),
    ]
  }

  #rules(schema: JSONSchemaProps, path: string, count: number | null): void {
    const rules = schema['x-kubernetes-validations'] ?? []
    if (rules.length === 0) return
    const type = this.#sizes.of(schema) ?? dynType
    const fitting = Math.floor(requestBytesMax / (type.bytesMin + 1))
    for (const [index, { rule, messageExpression, optionalOldSelf }] of rules.entries()) {
      const at = `${path}.x-kubernetes-validations[${index}]`
      const old = optionalOldSelf === true ? optionalType(type) : type
      const variables = new Map([
        ['self', type],
        ['oldSelf', old],
      ])
      const costOf = (expression: string) => {
        try {
          return estimateCost(ruleLanguage.compile(expression).tree, type, variables)
        } catch (error) {
          // It is refused for that already.
          if (error instanceof CelError) return 0
          throw error
        }
      }
      const cost = costOf(rule) * (count ?? fitting)
      this.#observe(`${at}.rule`, 'estimated rule cost', cost)
      if (messageExpression === undefined || messageExpression === '') continue
      const ofMessage = costOf(messageExpression)
      this.#observe(`${at}.messageExpression`, 'estimated messageExpression cost', ofMessage)
    }
  }

  #observe(field: string, what: string, cost: number): void {
    this.#observed.push({ field, cost })
    if (cost > ruleCostMax)
      this.errors.push(forbiddenField(field, tooDear(what, cost, ruleCostMax)))
  }
}

/** How many values a value of the schema may have below it; null where there is no telling. */
function of(schema: JSONSchemaProps): number | null {
  if (schema.type === 'array')
    return schema.maxItems === undefined ? null : Math.max(0, schema.maxItems)
  if (schema.type !== 'object' || schema.additionalProperties === undefined) return 1
  return schema.maxProperties === undefined ? null : Math.max(0, schema.maxProperties)
}

function times(count: number | null, more: number | null): number | null {
  return count === null || more === null ? null : count * more
}

function tooDear(what: string, cost: number, most: number): string {
  const factor = cost / most
  const shown = factor > 100 ? 'more than 100x' : `${factor.toFixed(factor < 1.5 ? 6 : 1)}x`
  return `${what} exceeds budget by factor of ${shown} (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)`
}
