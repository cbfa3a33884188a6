// The schema of a custom kind as clients read it from OpenAPI: as its author wrote it, with what every
// object has put in. Counterpart: controller/openapi/builder of apiextensions.

import { reference } from '../openapi/components.js'
import type { Json, JsonObject } from '../object.js'
import { isJsonObject, put } from '../record.js'
import { objectMetaName } from '../schema.js'
import type { JSONSchemaProps } from '../types/apiextensions.js'
import { isEmbedded, preservesUnknown } from './schema-parts.js'

const typeFields: JsonObject = {
  apiVersion: { type: 'string', description: 'Group and version of this object.' },
  kind: { type: 'string', description: 'The kind of this object, in camel case.' },
}

/** The names under which other schemas stand in one. */
const inOne = new Set(['items', 'not', 'additionalProperties'])
const inList = new Set(['allOf', 'anyOf', 'oneOf'])

export function publishedSchema(schema: JSONSchemaProps): JsonObject {
  const root = published(schema as unknown as JsonObject)
  if (preservesUnknown(schema) && schema.properties === undefined) {
    return { ...root, type: 'object' }
  }
  const properties = isJsonObject(root['properties']) ? root['properties'] : {}
  return {
    ...root,
    type: 'object',
    properties: { ...typeFields, ...properties, metadata: metadataSchema },
  }
}

const metadataSchema: JsonObject = {
  description: 'Name, labels and what else every object has.',
  allOf: [reference(objectMetaName)],
}

function published(schema: JsonObject): JsonObject {
  const result: { [key: string]: Json } = {}
  for (const [key, value] of Object.entries(schema)) {
    if (value === undefined) continue
    if (key === 'properties' && isJsonObject(value)) {
      result[key] = mapped(value)
    } else if (inOne.has(key) && isJsonObject(value)) {
      result[key] = published(value)
    } else if (inList.has(key) && Array.isArray(value)) {
      result[key] = value.map((one: Json) => (isJsonObject(one) ? published(one) : one))
    } else if (key !== '$schema' && key !== 'example') {
      result[key] = value
    }
  }
  if (!isEmbedded(schema)) return result
  const properties = isJsonObject(result['properties']) ? result['properties'] : {}
  return { ...result, properties: { ...typeFields, ...properties, metadata: metadataSchema } }
}

function mapped(properties: JsonObject): JsonObject {
  const result: { [key: string]: Json } = {}
  for (const [name, inner] of Object.entries(properties)) {
    if (isJsonObject(inner)) put(result, name, published(inner))
  }
  return result
}
