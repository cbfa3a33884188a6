import { describe, expect, test } from 'vitest'
import type { Json, JsonObject } from '../object.js'
import { extensionOpenApi } from './v2-extension.js'

const group = 'zoo.example.com'
const root = `/apis/${group}/v1`
const kinds = (...all: readonly (readonly [string, string, string])[]) => ({
  'x-kubernetes-group-version-kind': all.map(([group, version, kind]) => ({
    group,
    version,
    kind,
  })),
})
const refersTo = (name: string) => ({ $ref: `#/definitions/${name}` })

function documentOf(changes: JsonObject = {}): JsonObject {
  return {
    swagger: '2.0',
    info: { title: 'zoo', version: '1' },
    securityDefinitions: { token: { type: 'apiKey' } },
    paths: {
      '/version': { get: { responses: { 200: { schema: refersTo('Version') } } } },
      [`${root}/lions`]: {
        parameters: [{ $ref: '#/parameters/pretty' }],
        get: {
          responses: { 200: { schema: refersTo('LionList') }, 401: { $ref: '#/responses/no' } },
        },
        post: { parameters: [{ name: 'body', in: 'body', schema: refersTo('Lion') }] },
      },
      [`/apis/${group}/v1beta1/lions`]: {
        get: { responses: { 200: { schema: refersTo('Old') } } },
      },
    },
    parameters: { pretty: { name: 'pretty', in: 'query', type: 'string' } },
    responses: { no: { description: 'Unauthorized' } },
    definitions: {
      Lion: {
        type: 'object',
        properties: { mane: refersTo('Mane'), $ref: { type: 'string' }, items: { type: 'string' } },
        ...kinds([group, 'v1', 'Lion']),
      },
      LionList: { properties: { items: { type: 'array', items: refersTo('Lion') } } },
      Mane: {
        properties: {
          hairs: { type: 'object', additionalProperties: { allOf: [refersTo('Hair')] } },
        },
      },
      Hair: { type: 'string' },
      // Nothing of the paths refers to it.
      Cub: { type: 'object', ...kinds([group, 'v1', 'Cub'], ['apps', 'v1', 'Deployment']) },
      Old: { type: 'object', ...kinds([group, 'v1beta1', 'Lion']) },
      Version: { type: 'object', ...kinds(['', 'v1', 'Pod']) },
    },
    ...changes,
  }
}

test('the paths of the group version are taken, with all that they need and all of its kinds', () => {
  const taken = extensionOpenApi(documentOf(), group, 'v1')
  expect(Object.keys(taken.paths)).toEqual([`${root}/lions`])
  expect(Object.keys(taken.definitions)).toEqual(['Cub', 'Hair', 'Lion', 'LionList', 'Mane'])
  expect(taken.definitions['Lion']).toEqual((documentOf()['definitions'] as JsonObject)['Lion'])
})

test('what the document says once for many stands where it is meant', () => {
  const { paths } = extensionOpenApi(documentOf(), group, 'v1')
  expect(paths[`${root}/lions`]).toMatchObject({
    parameters: [{ name: 'pretty', in: 'query', type: 'string' }],
    get: { responses: { 401: { description: 'Unauthorized' } } },
  })
})

test('nobody says what the kinds of others look like', () => {
  const { definitions } = extensionOpenApi(documentOf(), group, 'v1')
  expect(definitions['Cub']).toEqual({ type: 'object', ...kinds([group, 'v1', 'Cub']) })
  const taken = extensionOpenApi(
    documentOf({
      definitions: { LionList: kinds(['', 'v1', 'Pod']), Lion: { properties: {} } },
    }),
    group,
    'v1',
  )
  expect(taken.definitions).toEqual({ LionList: {}, Lion: { properties: {} } })
})

test('definitions that refer to each other come to an end', () => {
  const { definitions } = extensionOpenApi(
    documentOf({
      definitions: {
        Lion: { properties: { cubs: { type: 'array', items: refersTo('Lion') } } },
        LionList: { properties: { other: refersTo('LionList'), one: refersTo('Lion') } },
      },
    }),
    group,
    'v1',
  )
  expect(Object.keys(definitions)).toEqual(['Lion', 'LionList'])
})

test('fields may have any name', () => {
  const hostile = JSON.parse(
    '{"Lion":{"properties":{"__proto__":{"type":"string"},"constructor":{"type":"string"}}},"LionList":{"$ref":"#/definitions/__proto__"},"__proto__":{"type":"object"}}',
  ) as JsonObject
  const { definitions } = extensionOpenApi(documentOf({ definitions: hostile }), group, 'v1')
  expect(JSON.stringify(definitions)).toContain('"__proto__":{"type":"object"}')
  expect(JSON.stringify(definitions)).toContain('{"__proto__":{"type":"string"},"constructor"')
})

const deep = (levels: number): JsonObject =>
  levels === 0 ? { type: 'string' } : { type: 'array', items: deep(levels - 1) }
const lionOf = (schema: Json) => ({ definitions: { LionList: {}, Lion: schema } })

describe('a document that clients could not read is not taken:', () => {
  const cases: readonly [string, unknown, string][] = [
    ['no object', [], 'the document is not an object'],
    ['another version', { openapi: '3.0.0' }, 'the document is not of OpenAPI 2.0'],
    ['paths of no shape', documentOf({ paths: [] }), 'its paths are not an object'],
    ['a path of no shape', documentOf({ paths: { [root]: 'x' } }), `the path ${root} is not`],
    ['a definition of no shape', documentOf(lionOf('x')), 'the definition Lion is not an object'],
    [
      'a reference to nothing',
      documentOf(lionOf({ properties: { a: refersTo('Gone') } })),
      'it refers to #/definitions/Gone, which is not there',
    ],
    [
      'a reference to elsewhere',
      documentOf(lionOf({ $ref: 'https://example.com/lion' })),
      'it refers to https://example.com/lion',
    ],
    [
      'a reference to what every object has',
      documentOf(lionOf(refersTo('toString'))),
      'it refers to #/definitions/toString',
    ],
    [
      'a parameter that is nowhere',
      documentOf({ parameters: {} }),
      'it refers to #/parameters/pretty, which is not there',
    ],
    ['many types', documentOf(lionOf({ type: ['string', 'null'] })), 'more than one type'],
    ['a type of its own', documentOf(lionOf({ type: 'lion' })), 'a schema has the type "lion"'],
    ['lists of nothing', documentOf(lionOf({ type: 'array' })), 'a list does not say of what'],
    [
      'a property of no shape',
      documentOf(lionOf({ properties: { mane: 'long' } })),
      'the schema of the property mane is not an object',
    ],
    ['no end', documentOf(lionOf(deep(100))), 'its schemas are nested too deep'],
  ]
  test.each(cases)('%s', (_, document, why) => {
    expect(() => extensionOpenApi(document, group, 'v1')).toThrow(why)
  })
})
