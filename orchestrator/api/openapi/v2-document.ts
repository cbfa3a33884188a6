// The OpenAPI v2 document of everything that is served, made from the v3 documents. Counterpart:
// /openapi/v2 of k8s.io/apiserver, which older kubectls and generators of clients read.

import type { Json, JsonObject } from '../object.js'
import { isJsonObject } from '../record.js'

const componentPrefix = '#/components/schemas/'
const methods: ReadonlySet<string> = new Set(['get', 'put', 'post', 'delete', 'patch'])

/** `version`: as in /version. */
export function openApiV2(documents: readonly JsonObject[], version: string): JsonObject {
  const definitions = new Map<string, JsonObject>()
  const paths: { [path: string]: Json } = {}
  for (const document of documents) {
    for (const [path, item] of entriesOf(document['paths'])) paths[path] = pathItem(item)
    const components = document['components']
    for (const [name, schema] of entriesOf(isJsonObject(components) ? components['schemas'] : {})) {
      definitions.set(name, mergedTypes(definitions.get(name), schema))
    }
  }
  return {
    swagger: '2.0',
    info: { title: 'Kubernetes', version },
    paths,
    definitions: Object.fromEntries(
      [...definitions]
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, schema]) => [name, converted(schema)]),
    ),
  }
}

const kindsOf = 'x-kubernetes-group-version-kind'

/** A struct that several documents have, such as DeleteOptions, is of all their kinds. */
function mergedTypes(known: JsonObject | undefined, schema: JsonObject): JsonObject {
  if (known === undefined) return schema
  const all = [known[kindsOf], schema[kindsOf]].flatMap(types =>
    Array.isArray(types) ? types : [],
  )
  const byText = new Map((all as readonly Json[]).map(type => [JSON.stringify(type), type]))
  return byText.size === 0 ? schema : { ...schema, [kindsOf]: [...byText.values()] }
}

/** v3 wraps a reference that has something beside it; v2 lets that stand there. */
function converted(schema: JsonObject): JsonObject {
  const { allOf, oneOf, ...rest } = schema
  const wrapped = Array.isArray(allOf) && allOf.length === 1 ? (allOf[0] as Json) : undefined
  const reference = isJsonObject(wrapped) ? wrapped['$ref'] : schema['$ref']
  const result: { [key: string]: Json } = {}
  for (const [key, value] of Object.entries(rest)) {
    if (value === undefined || key === '$ref') continue
    if ((key === 'items' || key === 'additionalProperties') && isJsonObject(value)) {
      result[key] = converted(value)
    } else if (key === 'properties') {
      const properties = entriesOf(value).map(([name, inner]) => [name, converted(inner)])
      result[key] = Object.fromEntries(properties) as JsonObject
    } else {
      result[key] = value
    }
  }
  // Of one of several types: v2 has a word for it only in the format.
  if (oneOf !== undefined) result['type'] = 'string'
  if (typeof reference !== 'string') return result
  return { ...result, $ref: reference.replace(componentPrefix, '#/definitions/') }
}

function pathItem(item: JsonObject): JsonObject {
  const result: { [key: string]: Json } = {}
  for (const [key, value] of Object.entries(item)) {
    if (methods.has(key) && isJsonObject(value)) result[key] = operation(value)
    if (key === 'parameters') result[key] = parametersOf(value)
  }
  return result
}

function operation({ requestBody, responses, parameters, ...rest }: JsonObject): JsonObject {
  const body = isJsonObject(requestBody) ? requestBody : null
  const consumed = entriesOf(body?.['content'])
  const [content] = consumed
  const answers = entriesOf(responses).map(([code, response]) => {
    const [answer] = entriesOf(response['content'])
    const schema = answer === undefined ? {} : { schema: contentSchema(answer[1]) }
    return [code, { description: response['description'] ?? '', ...schema }]
  })
  const [okay] = entriesOf(responses)
  const bodyParameter =
    content === undefined
      ? []
      : [
          {
            name: 'body',
            in: 'body',
            required: body?.['required'] === true,
            schema: contentSchema(content[1]),
          },
        ]
  return {
    ...rest,
    ...(consumed.length === 0 ? {} : { consumes: consumed.map(([type]) => type) }),
    produces: entriesOf(okay?.[1]['content']).map(([type]) => type),
    parameters: [...bodyParameter, ...parametersOf(parameters)],
    responses: Object.fromEntries(answers) as JsonObject,
  }
}

function contentSchema(content: JsonObject): JsonObject {
  const schema = isJsonObject(content['schema']) ? content['schema'] : {}
  const { $ref } = schema
  if (typeof $ref !== 'string') return schema
  return { $ref: $ref.replace(componentPrefix, '#/definitions/') }
}

/** v2 has no schema around the type of a parameter. */
function parametersOf(value: Json | undefined): readonly JsonObject[] {
  if (!Array.isArray(value)) return []
  return (value as readonly Json[]).filter(isJsonObject).map(({ schema, ...rest }) => ({
    ...rest,
    ...(isJsonObject(schema) ? schema : {}),
  }))
}

function entriesOf(value: Json | undefined): readonly (readonly [string, JsonObject])[] {
  if (!isJsonObject(value)) return []
  return Object.entries(value).flatMap(([key, inner]) =>
    isJsonObject(inner) ? [[key, inner] as const] : [],
  )
}
