// The columns of a custom kind: the name, and what its definition asks for, or else the age.
// Counterpart: apiserver/registry/customresource/tableconvertor.

import { unreachable } from '../../../platform/errors.js'
import { ageOf } from '../duration.js'
import type { Column } from '../kind.js'
import { ageColumn, nameColumn } from '../kinds/columns.js'
import type { Json, JsonObject, KubeObject } from '../object.js'
import { parseTime } from '../time.js'
import type { CustomResourceColumnDefinition } from '../types/apiextensions.js'
import { parseJsonPath, valuesAt } from './json-path.js'

const types = ['string', 'integer', 'number', 'boolean', 'date'] as const

export function printerColumns(
  definitions: readonly CustomResourceColumnDefinition[] | undefined,
): readonly Column[] {
  if (definitions === undefined || definitions.length === 0) return [nameColumn, ageColumn]
  return [nameColumn, ...definitions.map(columnOf)]
}

function columnOf(definition: CustomResourceColumnDefinition): Column {
  const path = parseJsonPath(definition.jsonPath) ?? []
  const type = types.find(one => one === definition.type) ?? 'string'
  return {
    name: definition.name,
    type,
    format: definition.format ?? '',
    description: definition.description ?? '',
    priority: definition.priority ?? 0,
    cell: (object: KubeObject, nowMs) => {
      const [value] = valuesAt(path, object as unknown as JsonObject)
      return value === undefined ? null : cellOf(type, value, nowMs)
    },
  }
}

function cellOf(type: Column['type'], value: Json, nowMs: number): Json {
  switch (type) {
    case 'string':
      return typeof value === 'string' ? value : JSON.stringify(value)
    case 'integer':
      return typeof value === 'number' ? Math.trunc(value) : null
    case 'number':
      return typeof value === 'number' ? value : null
    case 'boolean':
      return typeof value === 'boolean' ? value : null
    case 'date':
      if (typeof value !== 'string') return null
      return parseTime(value) === null ? '<invalid>' : ageOf(value, nowMs)
    default:
      return unreachable(type)
  }
}
