// The OpenAPI v2 document as protobuf, which is all that kubectl reads of it: until 1.26 before
// everything, later for `explain --output plaintext-openapiv2`. Message shapes: gnostic's openapiv2.

import type { Json, JsonObject } from '../object.js'
import { WireWriter } from '../protobuf/wire-writer.js'
import { isJsonObject } from '../record.js'

/** Fields of a message are written from the last to the first: see WireWriter. */
export function encodeOpenApiV2(document: JsonObject): Uint8Array {
  const writer = new WireWriter()
  writer.message(9, () => {
    each(document['definitions'], (name, schema) =>
      named(writer, 1, name, () => writeSchema(writer, schema)),
    )
  })
  writer.message(8, () => {
    each(document['paths'], (path, item) => named(writer, 2, path, () => writePath(writer, item)))
  })
  writer.message(2, () => {
    const info = isJsonObject(document['info']) ? document['info'] : {}
    text(writer, 2, info['version'])
    text(writer, 1, info['title'])
  })
  text(writer, 1, document['swagger'])
  return writer.finish()
}

/** The objects in an object, last to first. */
function each(value: Json | undefined, write: (name: string, inner: JsonObject) => void): void {
  if (!isJsonObject(value)) return
  for (const [name, inner] of Object.entries(value).toReversed()) {
    if (isJsonObject(inner)) write(name, inner)
  }
}

function listOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? (value as readonly Json[]).toReversed() : []
}

/** A name in field 1 and what has it in field 2. */
function named(writer: WireWriter, field: number, name: string, write: () => void): void {
  writer.message(field, () => {
    writer.message(2, write)
    writer.text(1, name)
  })
}

function text(writer: WireWriter, field: number, value: Json | undefined): void {
  if (typeof value === 'string' && value !== '') writer.text(field, value)
}

/** Values of any type travel as YAML; JSON is YAML. */
function any(writer: WireWriter, field: number, value: Json): void {
  writer.message(field, () => writer.text(2, `${JSON.stringify(value)}\n`))
}

function extensions(writer: WireWriter, field: number, source: JsonObject): void {
  for (const [name, value] of Object.entries(source).toReversed()) {
    if (!name.startsWith('x-') || value === undefined) continue
    writer.message(field, () => {
      any(writer, 2, value)
      writer.text(1, name)
    })
  }
}

function writeSchema(writer: WireWriter, schema: JsonObject): void {
  extensions(writer, 31, schema)
  const { properties, items, additionalProperties: values } = schema
  if (schema['example'] !== undefined) any(writer, 30, schema['example'])
  flag(writer, 27, schema['readOnly'])
  if (isJsonObject(properties)) {
    writer.message(25, () => {
      each(properties, (name, inner) => named(writer, 1, name, () => writeSchema(writer, inner)))
    })
  }
  for (const inner of listOf(schema['allOf'])) {
    if (isJsonObject(inner)) writer.message(24, () => writeSchema(writer, inner))
  }
  if (isJsonObject(items)) {
    writer.message(23, () => writer.message(1, () => writeSchema(writer, items)))
  }
  const types = Array.isArray(schema['type']) ? listOf(schema['type']) : [schema['type']]
  if (types.some(type => typeof type === 'string')) {
    writer.message(22, () => {
      for (const type of types) text(writer, 1, type)
    })
  }
  if (isJsonObject(values)) {
    writer.message(21, () => writer.message(1, () => writeSchema(writer, values)))
  } else if (typeof values === 'boolean') {
    writer.message(21, () => writer.bool(2, values))
  }
  for (const choice of listOf(schema['enum'])) any(writer, 20, choice)
  for (const name of listOf(schema['required'])) text(writer, 19, name)
  writeBounds(writer, schema)
  if (schema['default'] !== undefined) any(writer, 5, schema['default'])
  text(writer, 4, schema['description'])
  text(writer, 3, schema['title'])
  text(writer, 2, schema['format'])
  text(writer, 1, schema['$ref'])
}

function writeBounds(writer: WireWriter, schema: JsonObject): void {
  count(writer, 18, schema['minProperties'])
  count(writer, 17, schema['maxProperties'])
  flag(writer, 16, schema['uniqueItems'])
  count(writer, 15, schema['minItems'])
  count(writer, 14, schema['maxItems'])
  text(writer, 13, schema['pattern'])
  count(writer, 12, schema['minLength'])
  count(writer, 11, schema['maxLength'])
  flag(writer, 10, schema['exclusiveMinimum'])
  double(writer, 9, schema['minimum'])
  flag(writer, 8, schema['exclusiveMaximum'])
  double(writer, 7, schema['maximum'])
  double(writer, 6, schema['multipleOf'])
}

function flag(writer: WireWriter, field: number, value: Json | undefined): void {
  if (value === true) writer.bool(field, true)
}

function count(writer: WireWriter, field: number, value: Json | undefined): void {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value !== 0) {
    writer.integer(field, value)
  }
}

function double(writer: WireWriter, field: number, value: Json | undefined): void {
  if (typeof value === 'number' && value !== 0) writer.double(field, value)
}

const methodFields = [
  ['patch', 8],
  ['head', 7],
  ['options', 6],
  ['delete', 5],
  ['post', 4],
  ['put', 3],
  ['get', 2],
] as const

function writePath(writer: WireWriter, item: JsonObject): void {
  for (const parameter of listOf(item['parameters'])) writeParameter(writer, 9, parameter)
  for (const [method, field] of methodFields) {
    const operation = item[method]
    if (isJsonObject(operation)) writer.message(field, () => writeOperation(writer, operation))
  }
}

function writeOperation(writer: WireWriter, operation: JsonObject): void {
  extensions(writer, 13, operation)
  writer.message(9, () => {
    each(operation['responses'], (code, response) =>
      named(writer, 1, code, () => writer.message(1, () => writeResponse(writer, response))),
    )
  })
  for (const parameter of listOf(operation['parameters'])) writeParameter(writer, 8, parameter)
  for (const type of listOf(operation['consumes'])) text(writer, 7, type)
  for (const type of listOf(operation['produces'])) text(writer, 6, type)
  text(writer, 5, operation['operationId'])
  for (const tag of listOf(operation['tags'])) text(writer, 1, tag)
}

function writeResponse(writer: WireWriter, response: JsonObject): void {
  const { schema } = response
  if (isJsonObject(schema)) {
    writer.message(2, () => writer.message(1, () => writeSchema(writer, schema)))
  }
  text(writer, 1, response['description'])
}

/** Where a parameter stands decides its message, and with it the number of its type. */
const placeFields: ReadonlyMap<
  Json | undefined,
  { readonly message: number; readonly type: number }
> = new Map([
  ['header', { message: 1, type: 5 }],
  ['formData', { message: 2, type: 6 }],
  ['query', { message: 3, type: 6 }],
  ['path', { message: 4, type: 5 }],
])

function writeParameter(writer: WireWriter, field: number, parameter: Json): void {
  if (!isJsonObject(parameter)) return
  const { in: place, schema } = parameter
  // A parameter or a reference to one; a body or something else.
  writer.message(field, () => {
    writer.message(1, () => {
      const fields = placeFields.get(place)
      if (fields !== undefined) {
        writer.message(2, () =>
          writer.message(fields.message, () => {
            text(writer, fields.type, parameter['type'])
            describe(writer, parameter, [4, 3, 2, 1])
          }),
        )
      } else {
        writer.message(1, () => {
          if (isJsonObject(schema)) writer.message(5, () => writeSchema(writer, schema))
          describe(writer, parameter, [2, 1, 3, 4])
        })
      }
    })
  })
}

/** `numbers`: of name, description, place and whether it is required. */
function describe(
  writer: WireWriter,
  parameter: JsonObject,
  [name, description, place, required]: readonly [number, number, number, number],
): void {
  if (parameter['required'] === true) writer.bool(required, true)
  text(writer, name, parameter['name'])
  text(writer, description, parameter['description'])
  text(writer, place, parameter['in'])
}
