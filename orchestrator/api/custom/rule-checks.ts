// Whether the rules of a part of a schema are rules: written in full, of the right type, and about what there is.
// Counterpart: the checks of x-kubernetes-validations in apiextensions/validation. What they cost is estimated in rule-costs.

import { CelError } from '../cel/cel-error.js'
import type { FieldError } from '../kind.js'
import type { JSONSchemaProps, ValidationRule } from '../types/apiextensions.js'
import { invalidValue, notSupported, required } from '../validation/field-errors.js'
import { shownFieldPath } from './field-path.js'
import { ruleLanguage } from './rule-language.js'
import { RuleTypes } from './rule-types.js'

const reasons = [
  'FieldValueDuplicate',
  'FieldValueForbidden',
  'FieldValueInvalid',
  'FieldValueRequired',
]

const lineBreak = /[\n\r]/

export class RuleChecks {
  readonly #root: JSONSchemaProps
  #types: RuleTypes | null = null

  constructor(root: JSONSchemaProps) {
    this.#root = root
  }

  /**
   * `path` is that of the schema; `uncorrelated` that of a list above it whose items have nothing to be compared with,
   * null where there is none.
   */
  errors(
    schema: JSONSchemaProps,
    path: string,
    uncorrelated: string | null,
  ): readonly FieldError[] {
    return (schema['x-kubernetes-validations'] ?? []).flatMap((rule, index) => {
      const at = `${path}.x-kubernetes-validations[${index}]`
      if (rule.rule.trim() === '') return [required(`${at}.rule`, 'rule is not specified')]
      const optional = rule.optionalOldSelf === true
      const { messageExpression } = rule
      return [
        ...messageErrors(rule, at),
        ...this.#expression(`${at}.rule`, '', rule.rule, 'bool', schema, optional),
        ...(messageExpression === undefined || messageExpression.trim() === ''
          ? []
          : this.#expression(
              `${at}.messageExpression`,
              'messageExpression ',
              messageExpression,
              'string',
              schema,
              optional,
            )),
        ...placeErrors(rule, schema, at),
        ...oldErrors(rule, at, uncorrelated),
      ]
    })
  }

  #expression(
    field: string,
    what: string,
    expression: string,
    wanted: string,
    schema: JSONSchemaProps,
    optionalOldSelf: boolean,
  ): readonly FieldError[] {
    try {
      const { type } = ruleLanguage.compile(expression)
      if (type !== wanted && type !== 'dyn') {
        const text = `${what === '' ? 'cel expression ' : what}must evaluate to a ${wanted}`
        return [invalidValue(field, expression, text)]
      }
      this.#types ??= new RuleTypes(this.#root)
      const problem = this.#types.problem(schema, expression, optionalOldSelf)
      if (problem === null) return []
      return [invalidValue(field, expression, `${what}compilation failed: ${problem}`)]
    } catch (error) {
      if (!(error instanceof CelError)) throw error
      return [invalidValue(field, expression, `${what}compilation failed: ${error.message}`)]
    }
  }
}

function messageErrors({ rule, message, messageExpression }: ValidationRule, at: string) {
  const errors: FieldError[] = []
  const field = `${at}.message`
  const text = message?.trim() ?? ''
  if (message !== undefined && message !== '' && text === '') {
    errors.push(invalidValue(field, message, 'must be non-empty if specified'))
  } else if (lineBreak.test(text)) {
    errors.push(invalidValue(field, message ?? '', 'must not contain line breaks'))
  } else if (lineBreak.test(rule.trim()) && text === '') {
    errors.push(required(field, 'message must be specified if rule contains line breaks'))
  }
  if (
    messageExpression !== undefined &&
    messageExpression !== '' &&
    messageExpression.trim() === ''
  ) {
    const why = 'messageExpression must be non-empty if specified'
    errors.push(required(`${at}.messageExpression`, why))
  }
  return errors
}

function placeErrors(
  { reason, fieldPath = '' }: ValidationRule,
  schema: JSONSchemaProps,
  at: string,
) {
  const errors: FieldError[] = []
  if (reason !== undefined && !reasons.includes(reason)) {
    errors.push(notSupported(`${at}.reason`, reason, reasons))
  }
  if (fieldPath === '') return errors
  const invalid = (text: string) => errors.push(invalidValue(`${at}.fieldPath`, fieldPath, text))
  if (fieldPath.trim() === '') invalid('must be non-empty if specified')
  if (lineBreak.test(fieldPath)) invalid('must not contain line breaks')
  if (shownFieldPath(schema, fieldPath) === null) invalid('must be a valid path')
  return errors
}

/** Of a rule that compiles. */
function oldErrors(
  { rule, optionalOldSelf }: ValidationRule,
  at: string,
  uncorrelated: string | null,
): readonly FieldError[] {
  let speaks: boolean
  try {
    speaks = ruleLanguage.compile(rule).names.has('oldSelf')
  } catch (error) {
    if (error instanceof CelError) return []
    throw error
  }
  if (speaks) {
    if (uncorrelated === null) return []
    const text = `oldSelf cannot be used on the uncorrelatable portion of the schema within ${uncorrelated}`
    return [invalidValue(`${at}.rule`, rule, text)]
  }
  if (optionalOldSelf === undefined) return []
  const text = 'may not be set if oldSelf is not used in rule'
  return [invalidValue(`${at}.optionalOldSelf`, optionalOldSelf, text)]
}
