// All that a definition demands of an object: its schema, the types of its lists, and its rules.
// Counterpart: the strategy and validator of apiextensions' customresource registry.

import type { FieldError } from '../kind.js'
import type { JsonObject, KubeObject } from '../object.js'
import type { JSONSchemaProps } from '../types/apiextensions.js'
import { validateListTypes } from './list-types.js'
import { validateValue } from './value-validation.js'

export function validateCustomObject(
  schema: JSONSchemaProps,
  object: KubeObject,
  _old: KubeObject | null,
): readonly FieldError[] {
  const value = object as unknown as JsonObject
  return [...validateValue(schema, value, ''), ...validateListTypes(schema, value, '')]
}
