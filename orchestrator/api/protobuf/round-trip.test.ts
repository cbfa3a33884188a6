import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseJsonText } from '../decode/json-text.js'
import { checkStruct } from '../decode/shape.js'
import { parseYamlText } from '../decode/yaml-text.js'
import type { Json, JsonObject } from '../object.js'
import { isJsonObject, put } from '../record.js'
import type { FieldSchema, StructSchema, TypeSchema } from '../schema.js'
import { arbitraryObject, objectSchemas } from '../testing/arbitrary-object.js'
import { yamlText } from '../yaml.js'
import { decodeProtobuf, ProtobufError } from './decoder.js'
import { encodeProtobuf } from './encoder.js'

/** What the wire cannot tell from absence: an empty list or map, and an empty value where there is no pointer. */
function isUnsaid(value: Json, { presence, type }: FieldSchema): boolean {
  if (presence === 'pointer' && type.type !== 'list' && type.type !== 'map') return false
  if (value === '' || value === 0 || value === false) return true
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}

function said(value: Json, type: TypeSchema): Json {
  if (type.type === 'list' && Array.isArray(value)) {
    return (value as readonly Json[]).map(item => said(item, type.items))
  }
  if (!isJsonObject(value)) return value
  const result: { [key: string]: Json } = {}
  for (const [key, inner] of Object.entries(value)) {
    if (inner === undefined) continue
    const field = type.type === 'struct' ? type.fields.get(key) : undefined
    const below = type.type === 'map' ? said(inner, type.values) : inner
    const clean = field === undefined ? below : said(inner, field.type)
    if (field === undefined || !isUnsaid(clean, field)) put(result, key, clean)
  }
  return result
}

function canonical(value: JsonObject, schema: StructSchema): JsonObject {
  const { object, unknownFields, typeErrors } = checkStruct(schema, value)
  expect({ unknownFields, typeErrors }).toEqual({ unknownFields: [], typeErrors: [] })
  return object
}

describe.each(objectSchemas.map(schema => [schema.name, schema] as const))('%s', (_, schema) => {
  const typed = { apiVersion: 'test/v1', kind: 'Test' }
  const arbitrary = arbitraryObject(schema).map(object =>
    canonical({ ...typed, ...object }, schema),
  )
  const find = () => ({ group: 'test', version: 'v1', kind: 'Test', schema })

  test('comes back from protobuf as it was', () => {
    fc.assert(
      fc.property(arbitrary, object => {
        const decoded = decodeProtobuf(encodeProtobuf(object, schema), find)
        expect(said(canonical(decoded, schema), schema)).toEqual(said(object, schema))
      }),
      { numRuns: 40 },
    )
  })

  test('comes back from JSON and from YAML as it was', () => {
    fc.assert(
      fc.property(arbitrary, object => {
        expect(parseJsonText(JSON.stringify(object)).value).toEqual(object)
        expect(parseYamlText(yamlText(object)).value).toEqual(object)
      }),
      { numRuns: 15 },
    )
  })

  test('damaged on the wire is read or refused, and nothing else', () => {
    fc.assert(
      fc.property(
        arbitrary,
        fc.array(fc.tuple(fc.nat(), fc.nat({ max: 255 })), { minLength: 1, maxLength: 4 }),
        fc.nat(),
        (object, changes, cut) => {
          const bytes = encodeProtobuf(object, schema)
          for (const [at, value] of changes) bytes[at % bytes.length] = value
          const damaged = cut % 3 === 0 ? bytes.subarray(0, cut % bytes.length) : bytes
          try {
            checkStruct(schema, decodeProtobuf(damaged, find))
          } catch (error) {
            expect(error).toBeInstanceOf(ProtobufError)
          }
        },
      ),
      { numRuns: 40 },
    )
  })
})
