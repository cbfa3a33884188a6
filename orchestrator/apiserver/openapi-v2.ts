// The OpenAPI v2 document in protobuf, which kubectl up to 1.28 asks for before it creates or
// applies anything, made from the v3 documents. Of the paths it carries what those clients look
// at: the query parameters of PATCH. Message shapes: gnostic's openapiv2. Pure.

import type { Json, JsonObject } from '../api/object.js'
import { isJsonObject } from '../api/record.js'
import { ProtoWriter } from './proto-writer.js'

export const openApiV2Type = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf'

/** Names under which clients ask for it. */
export const openApiV2Accepts = [
  'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
  'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
]

const depthMax = 16

export function openApiV2(documents: readonly JsonObject[], version: string): Uint8Array {
  const definitions = new Map<string, JsonObject>()
  const paths = new Map<string, JsonObject>()
  for (const document of documents) {
    for (const [path, item] of entriesOf(document['paths'])) paths.set(path, item)
    const components = document['components']
    const schemas = isJsonObject(components) ? components['schemas'] : undefined
    for (const [name, schema] of entriesOf(schemas)) definitions.set(name, schema)
  }
  const info = new ProtoWriter().text(1, 'Kubernetes').text(2, version)
  const pathsMessage = new ProtoWriter()
  for (const [path, item] of paths) {
    const patch = item['patch']
    if (!isJsonObject(patch)) continue
    const value = new ProtoWriter().message(8, operation(patch))
    pathsMessage.message(2, new ProtoWriter().text(1, path).message(2, value))
  }
  const definitionsMessage = new ProtoWriter()
  for (const [name, schema] of definitions) definitionsMessage.message(1, named(name, schema, 0))
  return new ProtoWriter()
    .text(1, '2.0')
    .message(2, info)
    .message(8, pathsMessage)
    .message(9, definitionsMessage)
    .bytes()
}

function operation(patch: JsonObject): ProtoWriter {
  const message = new ProtoWriter()
  const content = isJsonObject(patch['requestBody']) ? patch['requestBody']['content'] : undefined
  for (const [mediaType] of entriesOf(content)) message.text(7, mediaType)
  const parameters = Array.isArray(patch['parameters']) ? patch['parameters'] : []
  for (const parameter of parameters as readonly Json[]) {
    if (!isJsonObject(parameter) || parameter['in'] !== 'query') continue
    const schema = isJsonObject(parameter['schema']) ? parameter['schema'] : {}
    const query = new ProtoWriter()
      .text(2, 'query')
      .text(3, textOf(parameter['description']))
      .text(4, textOf(parameter['name']))
      .text(6, textOf(schema['type']))
    const nonBody = new ProtoWriter().message(3, query)
    message.message(8, new ProtoWriter().message(1, new ProtoWriter().message(2, nonBody)))
  }
  extensions(message, 13, patch)
  return message
}

function named(name: string, schema: JsonObject, depth: number): ProtoWriter {
  return new ProtoWriter().text(1, name).message(2, schemaMessage(schema, depth))
}

function schemaMessage(schema: JsonObject, depth: number): ProtoWriter {
  const message = new ProtoWriter()
  if (depth > depthMax) return message
  // v3 wraps a reference that has siblings; v2 lets them stand beside it.
  const all = schema['allOf']
  const only = Array.isArray(all) && all.length === 1 ? (all[0] as Json) : undefined
  const reference = textOf(schema['$ref'] ?? (isJsonObject(only) ? only['$ref'] : undefined))
  const eitherType = schema['format'] === 'int-or-string'
  message
    .text(1, reference.replace('#/components/schemas/', '#/definitions/'))
    .text(2, textOf(schema['format']))
    .text(4, textOf(schema['description']))
  for (const field of Array.isArray(schema['required']) ? schema['required'] : []) {
    message.text(19, textOf(field as Json))
  }
  const values = schema['additionalProperties']
  if (isJsonObject(values)) {
    message.message(21, new ProtoWriter().message(1, schemaMessage(values, depth + 1)))
  }
  const type = eitherType ? 'string' : textOf(schema['type'])
  if (type !== '') message.message(22, new ProtoWriter().text(1, type))
  const items = schema['items']
  if (isJsonObject(items)) {
    message.message(23, new ProtoWriter().message(1, schemaMessage(items, depth + 1)))
  }
  const properties = entriesOf(schema['properties'])
  if (properties.length > 0) {
    const list = new ProtoWriter()
    for (const [name, property] of properties) list.message(1, named(name, property, depth + 1))
    message.message(25, list)
  }
  extensions(message, 31, schema)
  return message
}

/** Vendor extensions travel as YAML; JSON is YAML. */
function extensions(message: ProtoWriter, field: number, source: JsonObject): void {
  for (const [name, value] of Object.entries(source)) {
    if (!name.startsWith('x-') || value === undefined) continue
    const any = new ProtoWriter().text(2, `${JSON.stringify(value)}\n`)
    message.message(field, new ProtoWriter().text(1, name).message(2, any))
  }
}

function entriesOf(value: Json | undefined): readonly (readonly [string, JsonObject])[] {
  if (!isJsonObject(value)) return []
  return Object.entries(value).flatMap(([key, inner]) =>
    isJsonObject(inner) ? [[key, inner] as const] : [],
  )
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : ''
}
