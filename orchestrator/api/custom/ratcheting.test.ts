import { describe, expect, test } from 'vitest'
import type { Json, JsonObject, KubeObject } from '../object.js'
import type { JSONSchemaProps } from '../types/apiextensions.js'
import { validateCustomObject } from './object-validation.js'

const schema: JSONSchemaProps = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      'x-kubernetes-validations': [
        { rule: 'self.a != "bad" || self.b == "ok"', message: 'a is bad' },
      ],
      properties: {
        a: { type: 'string', maxLength: 3 },
        b: { type: 'string' },
        size: {
          type: 'integer',
          maximum: 5,
          'x-kubernetes-validations': [{ rule: 'self % 2 == 0' }],
        },
        frozen: {
          type: 'string',
          'x-kubernetes-validations': [{ rule: 'self == oldSelf || self == "x"' }],
        },
        set: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
        parts: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          items: {
            type: 'object',
            properties: { name: { type: 'string' }, value: { type: 'string', enum: ['p', 'q'] } },
          },
        },
        any: {
          type: 'object',
          anyOf: [{ required: ['u'] }],
          properties: { u: { type: 'string' }, w: { type: 'string' } },
        },
      },
    },
  },
}
const errors = (spec: JsonObject, old: JsonObject | null): readonly string[] => {
  const object = (value: Json) => ({ spec: value }) as unknown as KubeObject
  const found = validateCustomObject(schema, object(spec), old === null ? null : object(old))
  return found.map(({ field, message }) => `${field}: ${message}`)
}

describe('what was wrong before its schema said so may stay', () => {
  test.each<readonly [string, JsonObject, JsonObject]>([
    ['a value', { a: 'toolong', b: '1' }, { a: 'toolong', b: '2' }],
    ['a value that a rule refuses', { size: 3, b: '1', a: '' }, { size: 3, b: '2', a: '' }],
    [
      'an item of a list by keys',
      { parts: [{ name: 'n', value: 'z' }], a: '' },
      {
        parts: [
          { name: 'm', value: 'p' },
          { name: 'n', value: 'z' },
        ],
        a: '',
      },
    ],
    ['a list that is no set', { set: ['a', 'a'], a: '' }, { set: ['a', 'a', 'b'], a: '' }],
    ['a value with alternatives', { any: { w: '' }, a: '1' }, { any: { w: '' }, a: '2' }],
  ])('%s', (_, old, spec) => {
    expect(errors(spec, null)).not.toEqual([])
    expect(errors(spec, old)).toEqual([])
  })

  test.each<readonly [string, JsonObject, JsonObject, string]>([
    [
      'a changed value',
      { a: 'toolong' },
      { a: 'longer' },
      'spec.a: Too long: may not be more than 3 bytes',
    ],
    [
      'a value that is new',
      { a: '' },
      { a: '', size: 3 },
      'spec.size: Invalid value: "integer": failed rule: self % 2 == 0',
    ],
    [
      'another part under a rule',
      { a: 'bad', b: '1' },
      { a: 'bad', b: '2' },
      'spec: Invalid value: "object": a is bad',
    ],
    [
      'a rule about changes',
      { frozen: 'y', a: '' },
      { frozen: 'z', a: '' },
      'spec.frozen: Invalid value: "string": failed rule: self == oldSelf || self == "x"',
    ],
    [
      'a changed item',
      { a: '', parts: [{ name: 'n', value: 'z' }] },
      { a: '', parts: [{ name: 'n', value: 'y' }] },
      'spec.parts[0].value: Unsupported value: "y": supported values: "p", "q"',
    ],
    [
      'what is new in a changed value with alternatives',
      { a: '', any: { w: '1' } },
      { a: '', any: { w: '2' } },
      '<nil>: Invalid value: "": "spec.any" must validate at least one schema (anyOf)',
    ],
  ])('but not %s', (_, old, spec, text) => {
    expect(errors(spec, old)[0]).toBe(text)
  })

  test('all rules of an object together have a budget', () => {
    const rules = Array.from({ length: 30 }, () => ({
      rule: 'self.all(a, self.all(b, a != "x" || b != "x"))',
    }))
    const many: JSONSchemaProps = {
      type: 'object',
      properties: {
        l: { type: 'array', items: { type: 'string' }, 'x-kubernetes-validations': rules },
      },
    }
    const l = Array.from({ length: 250 }, (_, at) => `${at}`)
    const found = validateCustomObject(many, { l } as unknown as KubeObject, null)
    expect(found.map(({ message }) => message)).toEqual([
      'Invalid value: "array": validation failed due to running out of cost budget, no further validation rules will be run',
    ])
  })
})
