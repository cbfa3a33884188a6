// All that a definition demands of an object: its schema, the types of its lists, and its rules.
// Counterpart: the strategy and validator of apiextensions' customresource registry.

import type { FieldError } from '../kind.js'
import type { JsonObject, KubeObject } from '../object.js'
import type { JSONSchemaProps } from '../types/apiextensions.js'
import { invalidValue } from '../validation/field-errors.js'
import { validateListTypes } from './list-types.js'
import { validateRules } from './validation-rules.js'
import { validateValue } from './value-validation.js'

/** After these a rule would see what its author was promised it would not. */
const blocking: ReadonlySet<string> = new Set([
  'FieldValueRequired',
  'FieldValueTooLong',
  'FieldValueTooMany',
  'FieldValueTypeInvalid',
])

const unchecked =
  'some validation rules were not checked because the object was invalid; correct the existing errors to complete validation'

export function validateCustomObject(
  schema: JSONSchemaProps,
  object: KubeObject,
  old: KubeObject | null,
): readonly FieldError[] {
  const value = object as unknown as JsonObject
  const before = old === null ? undefined : (old as unknown as JsonObject)
  const errors = [
    ...validateValue(schema, value, '', before),
    ...listTypeErrors(schema, value, before),
  ]
  if (!errors.some(error => blocking.has(error.reason))) {
    return [...errors, ...validateRules(schema, value, before)]
  }
  return hasRules(schema) ? [...errors, invalidValue('<nil>', null, unchecked)] : errors
}

function hasRules(schema: JSONSchemaProps): boolean {
  return JSON.stringify(schema).includes('"x-kubernetes-validations"')
}

/** Lists that were no sets or maps before need not become any. */
function listTypeErrors(
  schema: JSONSchemaProps,
  value: JsonObject,
  old: JsonObject | undefined,
): readonly FieldError[] {
  const errors = validateListTypes(schema, value, '')
  if (errors.length === 0 || old === undefined) return errors
  const isDuplicate = ({ reason }: FieldError) => reason === 'FieldValueDuplicate'
  if (!validateListTypes(schema, old, '').some(isDuplicate)) return errors
  return errors.filter(error => !isDuplicate(error))
}
