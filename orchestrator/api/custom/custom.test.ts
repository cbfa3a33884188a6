import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Json } from '../object.js'
import type { CustomResourceDefinition, JSONSchemaProps } from '../types/apiextensions.js'
import { Conversions, ConversionNeeded } from './conversions.js'
import { customKinds } from './custom-kind.js'
import { withSchemaDefaults } from './defaulting.js'
import { namedStatus } from './definition-status.js'
import { hasFormat } from './formats.js'
import { parseJsonPath, valuesAt } from './json-path.js'
import { validateListTypes } from './list-types.js'
import { matchesPattern } from '../pattern.js'
import { prunedObject, prunedValue } from './pruning.js'
import { validateStructure } from './structural-rules.js'
import { validateValue } from './value-validation.js'
import { byVersionPriority } from './version-priority.js'

const text: JSONSchemaProps = { type: 'string' }
const whole: JSONSchemaProps = { type: 'integer' }
const object = (properties: Readonly<Record<string, JSONSchemaProps>>): JSONSchemaProps => ({
  type: 'object',
  properties,
})

describe('pruning', () => {
  const schema = object({
    spec: {
      ...object({ a: text, list: { type: 'array', items: object({ b: text }) } }),
    },
    open: {
      type: 'object',
      'x-kubernetes-preserve-unknown-fields': true,
      properties: { in: object({ a: text }) },
    },
    map: { type: 'object', additionalProperties: object({ a: text }) },
    inner: {
      type: 'object',
      'x-kubernetes-embedded-resource': true,
      properties: { spec: object({}) },
    },
  })

  test.each<readonly [string, Json, Json, readonly string[]]>([
    ['what nobody named', { spec: { a: 'x', z: 1 } }, { spec: { a: 'x' } }, ['spec.z']],
    [
      'items of lists',
      { spec: { list: [{ b: 'x', c: 1 }] } },
      { spec: { list: [{ b: 'x' }] } },
      ['spec.list[0].c'],
    ],
    ['values of maps', { map: { k: { a: 'x', z: 1 } } }, { map: { k: { a: 'x' } } }, ['map.k.z']],
    [
      'named fields within what is kept',
      { open: { x: 1, in: { z: 1 } } },
      { open: { x: 1, in: {} } },
      ['open.in.z'],
    ],
    [
      'metadata by its own shape',
      { metadata: { name: 'x', foo: 1 } },
      { metadata: { name: 'x' } },
      ['metadata.foo'],
    ],
    [
      'embedded objects, but not what every object has',
      { inner: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: { z: 1 } } },
      { inner: { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec: {} } },
      ['inner.spec.z'],
    ],
    ['names from the prototype', { spec: { toString: 1 } }, { spec: {} }, ['spec.toString']],
  ])('drops %s', (_, given, kept, unknown) => {
    const { object: pruned, unknownFields } = prunedObject(schema, given)
    expect(pruned).toEqual(kept)
    expect(unknownFields).toEqual(unknown)
  })
})

describe('defaults', () => {
  const schema = object({
    a: { ...text, default: 'x' },
    nullable: { ...text, nullable: true, default: 'x' },
    plain: text,
    inner: { ...object({ b: { ...whole, default: 1 } }), default: {} },
    list: { type: 'array', items: object({ c: { ...whole, default: 2 } }) },
    absent: object({ d: { ...whole, default: 3 } }),
  })
  const all = { a: 'x', nullable: 'x', inner: { b: 1 } }

  test.each<readonly [string, Json, Json]>([
    ['what is absent', {}, all],
    ['a null where none may stand', { a: null, plain: null }, all],
    ['no null that may stand', { nullable: null }, { ...all, nullable: null }],
    ['items of lists', { list: [{}] }, { ...all, list: [{ c: 2 }] }],
    ['nothing in an object that is not there', { absent: {} }, { ...all, absent: { d: 3 } }],
  ])('fill in %s', (_, given, filled) => {
    expect(withSchemaDefaults(schema, given)).toEqual(filled)
  })
})

const scalars = fc.oneof(
  fc.record({ type: fc.constant('string'), default: fc.option(fc.string(), { nil: undefined }) }),
  fc.record({
    type: fc.constant('integer'),
    default: fc.option(fc.nat(), { nil: undefined }),
    nullable: fc.boolean(),
  }),
) as fc.Arbitrary<JSONSchemaProps>
const names = fc.constantFrom('a', 'b', 'c')
const { schema: schemas } = fc.letrec<{ schema: JSONSchemaProps }>(tie => ({
  schema: fc.oneof(
    { depthSize: 'small' },
    scalars,
    fc.dictionary(names, tie('schema')).map(properties => object(properties)),
    tie('schema').map((items): JSONSchemaProps => ({ type: 'array', items })),
    tie('schema').map(
      (additionalProperties): JSONSchemaProps => ({ type: 'object', additionalProperties }),
    ),
  ),
}))

test('what is pruned and has its defaults stays as it is when that is done again', () => {
  const values = fc.letrec<{ value: Json }>(tie => ({
    value: fc.oneof(
      { depthSize: 'small' },
      fc.constantFrom<Json>(null, 'x', 1),
      fc.array(tie('value')),
      fc.dictionary(names, tie('value')),
    ),
  })).value
  fc.assert(
    fc.property(schemas, values, (schema, value) => {
      const once = withSchemaDefaults(schema, prunedValue(schema, value))
      const pruned = prunedValue(schema, once)
      expect(withSchemaDefaults(schema, pruned)).toBe(pruned)
    }),
  )
})

describe('values', () => {
  test.each<readonly [JSONSchemaProps, Json, string, string]>([
    [
      whole,
      'x',
      'FieldValueTypeInvalid',
      'Invalid value: "string": f in body must be of type integer: "string"',
    ],
    [
      whole,
      1.5,
      'FieldValueTypeInvalid',
      'Invalid value: "number": f in body must be of type integer: "number"',
    ],
    [
      text,
      null,
      'FieldValueTypeInvalid',
      'Invalid value: "null": f in body must be of type string: "null"',
    ],
    [
      { ...text, enum: ['a', 'b'] },
      'c',
      'FieldValueNotSupported',
      'Unsupported value: "c": supported values: "a", "b"',
    ],
    [
      { ...text, pattern: '^a+$' },
      'b',
      'FieldValueInvalid',
      `Invalid value: "b": f in body should match '^a+$'`,
    ],
    [
      { ...text, maxLength: 1 },
      'ab',
      'FieldValueTooLong',
      'Too long: may not be more than 1 bytes',
    ],
    [
      { ...text, minLength: 2 },
      '😀',
      'FieldValueInvalid',
      'Invalid value: "😀": f in body should be at least 2 chars long',
    ],
    [
      { ...text, format: 'date-time' },
      'x',
      'FieldValueTypeInvalid',
      'Invalid value: "x": f in body must be of type date-time: "x"',
    ],
    [
      { ...whole, minimum: 1 },
      0,
      'FieldValueInvalid',
      'Invalid value: 0: f in body should be greater than or equal to 1',
    ],
    [
      { ...whole, maximum: 1, exclusiveMaximum: true },
      1,
      'FieldValueInvalid',
      'Invalid value: 1: f in body should be less than 1',
    ],
    [
      { ...whole, multipleOf: 2 },
      3,
      'FieldValueInvalid',
      'Invalid value: 3: f in body should be a multiple of 2',
    ],
    [
      { type: 'array', items: text, maxItems: 1 },
      ['a', 'b'],
      'FieldValueTooMany',
      'Too many: 2: must have at most 1 item',
    ],
    [
      { 'x-kubernetes-int-or-string': true },
      true,
      'FieldValueTypeInvalid',
      'Invalid value: "boolean": f in body must be of type integer,string: "boolean"',
    ],
    [
      { ...text, oneOf: [{ minLength: 1 }, { maxLength: 3 }] },
      'ab',
      'FieldValueInvalid',
      'Invalid value: "": "f" must validate one and only one schema (oneOf). Found 2 valid alternatives',
    ],
    [
      { ...text, anyOf: [{ minLength: 3 }] },
      'ab',
      'FieldValueInvalid',
      'Invalid value: "": "f" must validate at least one schema (anyOf)',
    ],
    [
      { ...text, not: { minLength: 1 } },
      'ab',
      'FieldValueInvalid',
      'Invalid value: "": "f" must not validate the schema (not)',
    ],
  ])('%j refuses %j', (schema, value, reason, message) => {
    const [error, ...others] = validateValue(schema, value, 'f')
    expect(others).toEqual([])
    expect(error).toMatchObject({ reason, message })
  })

  test('what is required is missed at its place', () => {
    const schema = { ...object({ a: text }), required: ['a'] }
    expect(validateValue(object({ spec: schema }), { spec: {} }, '')).toEqual([
      { reason: 'FieldValueRequired', field: 'spec.a', message: 'Required value' },
    ])
  })

  test('no two are alike in a set, no two have the same keys in a map', () => {
    const set: JSONSchemaProps = { type: 'array', items: text, 'x-kubernetes-list-type': 'set' }
    expect(validateListTypes(set, ['a', 'b', 'a'], 's')).toMatchObject([
      { field: 's[2]', message: 'Duplicate value: "a"' },
    ])
    const map: JSONSchemaProps = {
      type: 'array',
      items: object({ k: text }),
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['k'],
    }
    expect(validateListTypes(map, [{ k: 'a' }, { k: 'a' }], 'm')).toMatchObject([
      { field: 'm[1]', message: 'Duplicate value: {"k":"a"}' },
    ])
  })

  test.each([
    ['ipv4', '1.2.3.4', '1.2.3'],
    ['uuid', '123e4567-e89b-12d3-a456-426614174000', 'x'],
    ['duration', '1h30m', '1x'],
    ['date', '2024-02-29', '2024-02-30x'],
    ['email', 'a@b.example', 'a@'],
    ['byte', 'YQ==', 'Y'],
  ])('%s is %s and not %s', (format, good, bad) => {
    expect([hasFormat(format, good), hasFormat(format, bad)]).toEqual([true, false])
  })
})

describe('structural schemas', () => {
  const errors = (schema: JSONSchemaProps) =>
    validateStructure(schema, 'p').map(({ field, message }) => `${field}: ${message}`)

  test.each<readonly [JSONSchemaProps, string]>([
    [{}, 'p.type: Required value: must not be empty at the root'],
    [{ type: 'string' }, 'p.type: Invalid value: "string": must be object at the root'],
    [
      object({ a: {} }),
      'p.properties[a].type: Required value: must not be empty for specified object fields',
    ],
    [object({ a: { type: 'array' } }), 'p.properties[a].items: Required value: must be specified'],
    [
      object({ a: { ...text, pattern: '(' } }),
      `p.properties[a].pattern: Invalid value: "(": must be a valid regular expression, but isn't: error parsing regexp`,
    ],
    [
      object({ a: { ...text, default: 1 } }),
      'p.properties[a].default: Invalid value: "integer": p.properties[a].default in body must be of type string: "integer"',
    ],
    [
      object({ a: { ...object({}), default: { z: 1 } } }),
      'p.properties[a].default: Invalid value: {"z":1}: must not have unknown fields',
    ],
    [
      object({ a: { type: 'array', items: text, uniqueItems: true } }),
      'p.properties[a].uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
    ],
    [
      object({ metadata: object({ labels: object({}) }) }),
      'p.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified',
    ],
    [
      { ...object({}), anyOf: [{ properties: { a: { minLength: 1 } } }] },
      'p.properties[a]: Required value: because it is defined in p.anyOf[0].properties[a]',
    ],
    [
      object({ a: { ...text, anyOf: [{ type: 'string' }] } }),
      'p.properties[a].anyOf[0].type: Forbidden: must be empty to be structural',
    ],
  ])('%j is refused', (schema, message) => {
    expect(errors(schema)).toContain(message)
  })

  test('an int-or-string may say so in alternatives', () => {
    const port = {
      'x-kubernetes-int-or-string': true,
      anyOf: [{ type: 'integer' }, { type: 'string' }],
    }
    expect(errors(object({ port }))).toEqual([])
  })

  test('too deep and too large ones are refused', () => {
    let deep: JSONSchemaProps = text
    for (let depth = 0; depth < 150; depth++) deep = object({ a: deep })
    expect(errors(deep)[0]).toMatch(/must not be nested deeper than 100$/)
    const properties = Object.fromEntries(
      Array.from({ length: 21_000 }, (_, at) => [`f${at}`, text]),
    )
    expect(errors(object(properties))).toContain(
      'p: Forbidden: must not have more than 20000 parts',
    )
  })
})

test('an expression that backtracks elsewhere is answered all the same', () => {
  expect(matchesPattern('^(a+)+$', `${'a'.repeat(5_000)}!`)).toBe(false)
  expect(matchesPattern('^(a+)+$', 'a'.repeat(5_000))).toBe(true)
})

test.each<readonly [string, Json]>([
  ['.spec.a', [1]],
  ['.spec.list[*].n', ['x', 'y']],
  ['.spec.list[?(@.n=="y")].v', [2]],
  ['.spec.list[0].v', [1]],
  ['.spec.list[-1:].v', [2]],
  [".metadata.annotations['a.b/c']", ['z']],
  ['.metadata.annotations.a\\.b/c', ['z']],
  ['.missing.x', []],
])('%s leads to %j', (path, values) => {
  const value = {
    metadata: { annotations: { 'a.b/c': 'z' } },
    spec: {
      a: 1,
      list: [
        { n: 'x', v: 1 },
        { n: 'y', v: 2 },
      ],
    },
  }
  expect(valuesAt(parseJsonPath(path) ?? [], value)).toEqual(values)
})

test('stable versions go before others, newer before older', () => {
  const sorted = ['v1alpha1', 'foo', 'v2beta1', 'v1', 'v10', 'v2'].toSorted(byVersionPriority)
  expect(sorted).toEqual(['v10', 'v2', 'v1', 'v2beta1', 'v1alpha1', 'foo'])
})

const definition = (kind: string, plural: string): CustomResourceDefinition => ({
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: `${plural}.x.io` },
  spec: {
    group: 'x.io',
    names: { kind, plural, singular: kind.toLowerCase(), listKind: `${kind}List` },
    scope: 'Namespaced',
    versions: ['v1', 'v1beta1'].map(name => ({
      name,
      served: true,
      storage: name === 'v1',
      schema: { openAPIV3Schema: object({ spec: object({ a: { ...text, default: name } }) }) },
    })),
  },
})
const now = '2026-01-01T00:00:00Z'
const established = (one: CustomResourceDefinition): CustomResourceDefinition => {
  const status = namedStatus(one, [], [], now)
  return status === null ? one : { ...one, status }
}

describe('a definition', () => {
  test('is served once its names are accepted, and says nothing new after that', () => {
    const foo = definition('Foo', 'foos')
    expect(customKinds(foo)).toEqual([])
    const served = established(foo)
    expect(customKinds(served).map(kind => kind.version)).toEqual(['v1', 'v1beta1'])
    expect(namedStatus(served, [served], [], now)).toBeNull()
  })

  test('waits where another one has its names', () => {
    const other = { ...established(definition('Foo', 'others')) }
    const status = namedStatus(definition('Foo', 'foos'), [other], [], now)
    const [accepted, isServed] = status?.conditions ?? []
    expect(accepted).toMatchObject({
      status: 'False',
      reason: 'ListKindConflict',
      message: '"FooList" is already in use',
    })
    expect(isServed).toMatchObject({ status: 'False', reason: 'NotAccepted' })
  })

  test('keeps objects in one version and shows them in the other, with what has become a default', () => {
    const [, beta] = customKinds(established(definition('Foo', 'foos')))
    const kept = beta?.storedAs?.toStored({
      apiVersion: 'x.io/v1beta1',
      kind: 'Foo',
      metadata: { name: 'a' },
    })
    expect(kept).toEqual({ apiVersion: 'x.io/v1', kind: 'Foo', metadata: { name: 'a' } })
    const bare = { apiVersion: 'x.io/v1', kind: 'Foo', metadata: { name: 'a' }, spec: { old: 1 } }
    expect(beta?.storedAs?.fromStored(bare)).toEqual({
      apiVersion: 'x.io/v1beta1',
      kind: 'Foo',
      metadata: { name: 'a' },
      spec: { a: 'v1' },
    })
  })
})

test('what only a webhook knows is asked for once, and cannot change who an object is', () => {
  const conversions = new Conversions({ conversionReviewVersions: ['v1'] })
  const given = { apiVersion: 'x.io/v1', kind: 'Foo', metadata: { name: 'a', uid: 'u' } }
  expect(() => conversions.convert(given, 'x.io/v2')).toThrow(ConversionNeeded)
  const answer = {
    ...given,
    apiVersion: 'x.io/v2',
    metadata: { name: 'b', labels: { l: 'x' } },
    spec: 1,
  }
  conversions.learn(given, answer, 'x.io/v2')
  expect(conversions.convert({ ...given }, 'x.io/v2')).toEqual({
    apiVersion: 'x.io/v2',
    kind: 'Foo',
    metadata: { name: 'a', uid: 'u', labels: { l: 'x' } },
    spec: 1,
  })
})
