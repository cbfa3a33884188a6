// The OpenAPI v3 document of an extension API server that has only one of v2, as those built some years ago
// do; kubectl asks for v3 first. Counterpart: openapiconv of kube-openapi. Pure.

import type { Json, JsonObject } from '../object.js'
import { isJsonObject } from '../record.js'
import { reference } from './components.js'
import type { ExtensionOpenApi } from './v2-extension.js'
import { changedSchema, mapped, methods, referenceOf } from './v2-schemas.js'

export function openApiV3FromV2({
  group,
  version,
  paths,
  definitions,
}: ExtensionOpenApi): JsonObject {
  return {
    openapi: '3.0.0',
    info: { title: group, version },
    paths: mapped(paths, item => pathOf(item as JsonObject)),
    components: { schemas: mapped(definitions, schema => schemaOf(schema as JsonObject)) },
  }
}

function schemaOf(schema: JsonObject): JsonObject {
  return changedSchema(schema, inner => {
    const name = referenceOf(inner)
    return name === null ? inner : { ...inner, ...reference(name) }
  })
}

function pathOf(item: JsonObject): JsonObject {
  return mapped(item, (value, key) => {
    if (key === 'parameters') return parametersOf(value)
    return methods.has(key) && isJsonObject(value) ? operationOf(value) : value
  })
}

const jsonType = 'application/json'

function operationOf(operation: JsonObject): JsonObject {
  const { consumes, produces, parameters, responses, ...rest } = operation
  const body = listOf(parameters).find(parameter => parameter['in'] === 'body')
  return {
    ...rest,
    parameters: parametersOf(parameters ?? []),
    ...(body === undefined
      ? {}
      : {
          requestBody: {
            ...(body['required'] === true ? { required: true } : {}),
            content: contentOf(consumes, body['schema']),
          },
        }),
    responses: mapped(isJsonObject(responses) ? responses : {}, response =>
      responseOf(response, produces),
    ),
  }
}

function responseOf(response: Json, produces: Json | undefined): Json {
  if (!isJsonObject(response)) return response
  const { schema, ...rest } = response
  return schema === undefined ? rest : { ...rest, content: contentOf(produces, schema) }
}

function contentOf(types: Json | undefined, schema: Json | undefined): JsonObject {
  const given = Array.isArray(types) ? types.filter(type => typeof type === 'string') : []
  const all = given.length === 0 || given.includes('*/*') ? [jsonType, ...given] : given
  const inner = isJsonObject(schema) ? schemaOf(schema) : {}
  return Object.fromEntries(all.map(type => [type, { schema: inner }]))
}

const parameterFields = ['name', 'in', 'description', 'required']

/** v3 has a schema around what v2 says of a parameter beside these; a body stands elsewhere, and so do forms. */
function parametersOf(value: Json): readonly JsonObject[] {
  return listOf(value)
    .filter(parameter => parameter['in'] !== 'body' && parameter['in'] !== 'formData')
    .map(parameter => {
      const of = (inside: boolean) =>
        Object.fromEntries(
          Object.entries(parameter).filter(([key]) => {
            const outside = parameterFields.includes(key) || key.startsWith('x-')
            return inside !== outside && key !== 'collectionFormat'
          }),
        )
      return { ...of(false), schema: of(true) }
    })
}

function listOf(value: Json | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? (value as readonly Json[]).filter(isJsonObject) : []
}
