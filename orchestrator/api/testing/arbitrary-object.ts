// Random objects of a shape, for properties: every field that a schema has turns up, with values that
// its type allows and text that trips up careless code. Counterpart: the fuzzers of k8s.io/apimachinery.

import * as fc from 'fast-check'
import { unreachable } from '../../../platform/errors.js'
import { encodeBase64 } from '../base64.js'
import type { Json, JsonObject } from '../object.js'
import { isJsonObject, put } from '../record.js'
import type { FieldSchema, ListSchema, ScalarSchema, StructSchema, TypeSchema } from '../schema.js'
import { schemaFiles } from '../schema/catalogue.js'
import { microTimeOfMs, timeOfMs } from '../time.js'

/** Every shape that an object of its own has. */
export const objectSchemas: readonly StructSchema[] = schemaFiles
  .flatMap(({ structs }) => structs)
  .filter(({ fields }) => fields.has('apiVersion') && fields.has('metadata'))

/** Structs that are deeper than this stay empty. */
const depthMax = 9

/** What YAML 1.1, JavaScript or Go could take for something else. */
const trickyTexts: readonly string[] = [
  '',
  ' ',
  'null',
  '~',
  'yes',
  'no',
  'on',
  'True',
  '0',
  '-1',
  '1e3',
  '0x1f',
  '0o17',
  '1_000',
  '22:22',
  '2026-01-31',
  '2026-01-31T12:00:00Z',
  '.inf',
  '=',
  '<<',
  '- a',
  'a: b',
  '# a',
  '"',
  '__proto__',
  'constructor',
  'toString',
  'a\nb\n',
  '\ta',
  '\u0000',
  '\ufeffa',
  '\u2028',
  '{}',
]

const text: fc.Arbitrary<string> = fc.oneof(
  fc.string({ maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 6 }),
  fc.constantFrom(...trickyTexts),
)

const quantities = ['0', '1', '100m', '1500m', '2Gi', '1k', '12e6', '128Mi', '-5', '100u', '9E']

/** Whole seconds, and years of four digits. */
const milliseconds = fc.integer({ min: -62_135_596_800, max: 253_402_300_799 }).map(s => s * 1000)

/** As JSON text writes it: a zero has no sign there. */
const anyValue = fc
  .jsonValue({ maxDepth: 2 })
  .map(value => JSON.parse(JSON.stringify(value)) as Json)

const anyObject: fc.Arbitrary<JsonObject> = fc
  .dictionary(text, anyValue, { maxKeys: 4 })
  .map(withOwnKeys)

function withOwnKeys<T extends Json>(entries: {
  readonly [key: string]: T
}): {
  [key: string]: T
} {
  const result: { [key: string]: T } = {}
  for (const [key, value] of Object.entries(entries)) put(result, key, value)
  return result
}

function scalarArbitrary({ type }: ScalarSchema): fc.Arbitrary<Json> {
  switch (type) {
    case 'string':
      return text
    case 'int32':
      return fc.oneof(fc.integer({ min: -(2 ** 31) + 1, max: 2 ** 31 - 1 }), fc.nat({ max: 3 }))
    case 'int64':
      return fc.oneof(fc.maxSafeInteger(), fc.nat({ max: 3 }))
    case 'bool':
      return fc.boolean()
    case 'double':
      return fc.double({ noNaN: true, noDefaultInfinity: true }).map(n => (n === 0 ? 0 : n))
    case 'bytes':
      return fc.uint8Array({ maxLength: 12 }).map(encodeBase64)
    case 'quantity':
      return fc.constantFrom(...quantities)
    case 'int-or-string':
      return fc.oneof(fc.nat({ max: 65_535 }), fc.constantFrom('http', '25%', ''))
    case 'time':
      return milliseconds.map(timeOfMs)
    case 'micro-time':
      return fc
        .tuple(milliseconds, fc.nat({ max: 999 }))
        .map(([ms, more]) => microTimeOfMs(ms + more))
    case 'fields-v1':
    case 'raw':
      return anyObject
    case 'json':
      return fc.oneof(anyObject, text, fc.boolean(), fc.nat({ max: 3 }))
    default:
      return unreachable(type)
  }
}

/** By depth, because of shapes that contain themselves. */
const structs = new WeakMap<StructSchema, Map<number, fc.Arbitrary<JsonObject>>>()

function typeArbitrary(type: TypeSchema, depth: number): fc.Arbitrary<Json> {
  if (type.type === 'struct') return structArbitrary(type, depth + 1)
  if (type.type === 'list') return listArbitrary(type, depth)
  if (type.type === 'map') {
    return fc.dictionary(text, typeArbitrary(type.values, depth), { maxKeys: 3 }).map(withOwnKeys)
  }
  if (type.type === 'union') {
    return fc.oneof(
      ...(type.bool ? [fc.boolean()] : []),
      ...(type.list === null
        ? []
        : [fc.array(typeArbitrary(type.list.items, depth + 1), { minLength: 1, maxLength: 2 })]),
      structArbitrary(type.struct, depth + 1),
    )
  }
  return scalarArbitrary(type)
}

function listArbitrary(
  { items, listType, listKeys }: ListSchema,
  depth: number,
): fc.Arbitrary<Json> {
  const item = typeArbitrary(items, depth)
  if (listType === 'atomic') return fc.array(item, { maxLength: 3 })
  const selector = (value: Json) =>
    JSON.stringify(
      listType === 'set' || !isJsonObject(value) ? value : listKeys.map(key => value[key]),
    )
  return fc.uniqueArray(item, { maxLength: 3, selector })
}

function fieldArbitrary(
  { type, required, enum: choices }: FieldSchema,
  depth: number,
): fc.Arbitrary<Json | undefined> {
  const value = choices.length > 0 ? fc.constantFrom(...choices) : typeArbitrary(type, depth)
  if (required) return value
  const absent = fc.constant(undefined)
  return fc.oneof({ weight: 2 + depth, arbitrary: absent }, { weight: 2, arbitrary: value })
}

function structArbitrary(schema: StructSchema, depth: number): fc.Arbitrary<JsonObject> {
  if (depth > depthMax) return fc.constant({})
  const byDepth = structs.get(schema) ?? new Map<number, fc.Arbitrary<JsonObject>>()
  structs.set(schema, byDepth)
  const known = byDepth.get(depth)
  if (known !== undefined) return known
  const fields: { [name: string]: fc.Arbitrary<Json | undefined> } = {}
  for (const [name, field] of schema.fields) {
    if (field.number > 0) fields[name] = fieldArbitrary(field, depth)
  }
  const made = fc
    .record(fields)
    .map(
      (values): JsonObject =>
        Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)),
    )
  byDepth.set(depth, made)
  return made
}

/** Objects of a shape without apiVersion and kind. Required fields are there; values are of their types. */
export function arbitraryObject(schema: StructSchema): fc.Arbitrary<JsonObject> {
  return structArbitrary(schema, 0)
}
