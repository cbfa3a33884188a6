// A structural schema in the form that patches and field ownership read: what merges by field, by key
// or not at all. Counterpart: the typed schema that apiextensions builds for server-side apply.

import type { FieldSchema, StructSchema, TypeSchema } from '../schema.js'
import {
  atomicMap,
  bool,
  field,
  int64,
  intOrString,
  raw,
  list,
  map,
  pointer,
  set,
  string,
  struct,
  typeMeta,
} from '../schema.js'
import { objectMeta } from '../schema/meta.js'
import type { JSONSchemaProps } from '../types/apiextensions.js'
import {
  commonFields,
  furtherOf,
  isEmbedded,
  isIntOrString,
  itemsOf,
  preservesUnknown,
  propertiesOf,
} from './schema-parts.js'

const double: TypeSchema = { type: 'double' }

/** `name` as in OpenAPI: "com.example.v1.CronTab". */
export function mergeSchema(name: string, schema: JSONSchemaProps): StructSchema {
  const made = struct(name, {
    ...typeMeta,
    metadata: field(0, objectMeta),
    ...fieldsOf(
      name,
      propertiesOf(schema).filter(([key]) => !commonFields.has(key)),
    ),
  })
  return preservesUnknown(schema) ? { ...made, others: raw } : made
}

function fieldsOf(
  name: string,
  properties: readonly (readonly [string, JSONSchemaProps])[],
): Readonly<Record<string, FieldSchema>> {
  return Object.fromEntries(
    properties.map(([key, inner]) => [key, pointer(0, typeOf(`${name}.${key}`, inner))]),
  )
}

function typeOf(name: string, schema: JSONSchemaProps): TypeSchema {
  if (isIntOrString(schema)) return intOrString
  switch (schema.type ?? '') {
    case 'string':
      return string
    case 'boolean':
      return bool
    case 'integer':
      return int64
    case 'number':
      return double
    case 'array':
      return listOf(name, schema)
    case 'object':
      return objectOf(name, schema)
    default:
      return raw
  }
}

function listOf(name: string, schema: JSONSchemaProps): TypeSchema {
  const described = itemsOf(schema)
  const items = described === null ? raw : typeOf(`${name}.item`, described)
  const keys = schema['x-kubernetes-list-map-keys'] ?? []
  switch (schema['x-kubernetes-list-type'] ?? '') {
    case 'set':
      return set(items)
    case 'map':
      return { type: 'list', items, listType: 'map', listKeys: keys }
    default:
      return list(items)
  }
}

function objectOf(name: string, schema: JSONSchemaProps): TypeSchema {
  const atomic = schema['x-kubernetes-map-type'] === 'atomic'
  const properties = propertiesOf(schema)
  const further = furtherOf(schema)
  if (properties.length > 0 || isEmbedded(schema)) {
    const embedded = isEmbedded(schema) ? { ...typeMeta, metadata: field(0, objectMeta) } : {}
    const made = struct(name, { ...fieldsOf(name, properties), ...embedded }, { atomic })
    return preservesUnknown(schema) ? { ...made, others: raw } : made
  }
  if (further !== null && further !== 'any') {
    const values = typeOf(`${name}.value`, further)
    return atomic ? atomicMap(values) : map(values)
  }
  if (further === 'any' || preservesUnknown(schema)) return atomic ? atomicMap(raw) : map(raw)
  return struct(name, {}, { atomic })
}
