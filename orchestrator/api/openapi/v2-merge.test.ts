import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { JsonObject } from '../object.js'
import { kinds } from '../kinds.js'
import { openApiGroupVersions, openApiV3 } from '../openapi.js'
import { openApiV2 } from './v2-document.js'
import type { ExtensionOpenApi } from './v2-extension.js'
import { mergedOpenApiV2 } from './v2-merge.js'

const refersTo = (name: string) => ({ $ref: `#/definitions/${name}` })
const text = (description: string) => ({ type: 'string', description })

const own: JsonObject = {
  swagger: '2.0',
  info: { title: 'Kubernetes', version: 'v1' },
  paths: { '/api/v1/pods': { get: { responses: { 200: { schema: refersTo('Meta') } } } } },
  definitions: {
    Meta: { properties: { time: refersTo('Time') } },
    Time: text('ours'),
    Same: text('same'),
  },
}

function extension(group: string, definitions: JsonObject, root = 'Root'): ExtensionOpenApi {
  const path = `/apis/${group}/v1/things`
  return {
    group,
    version: 'v1',
    paths: { [path]: { get: { responses: { 200: { schema: refersTo(root) } } } } },
    definitions,
  }
}

const definitionsOf = (document: JsonObject) => document['definitions'] as JsonObject
const rootOf = (document: JsonObject, group: string) => {
  const found = JSON.stringify((document['paths'] as JsonObject)[`/apis/${group}/v1/things`])
  return /#\/definitions\/([^"]+)/.exec(found)?.[1]
}

test('without extensions it is ours', () => {
  expect(mergedOpenApiV2(own, [])).toBe(own)
})

test('theirs is added, and ours is as it was', () => {
  const merged = mergedOpenApiV2(own, [extension('a', { Root: text('a') })])
  expect(merged).toMatchObject(own)
  expect(Object.keys(merged['paths'] as object)).toEqual(['/api/v1/pods', '/apis/a/v1/things'])
  expect(definitionsOf(merged)['Root']).toEqual(text('a'))
})

describe('of two that have one name', () => {
  test('the same is shared', () => {
    const merged = mergedOpenApiV2(own, [
      extension('a', { Root: refersTo('Same'), Same: text('same') }),
    ])
    expect(Object.keys(definitionsOf(merged))).toEqual(['Meta', 'Root', 'Same', 'Time'])
  })

  test('another one gets another name, also where others refer to it', () => {
    const merged = mergedOpenApiV2(own, [
      extension('a', { Root: { properties: { when: refersTo('Time') } }, Time: text('theirs') }),
    ])
    expect(definitionsOf(merged)).toMatchObject({
      Time: text('ours'),
      Time_v2: text('theirs'),
      Root: { properties: { when: refersTo('Time_v2') } },
    })
  })

  test('what says the same of something else is not the same', () => {
    const theirs = {
      Root: refersTo('Meta'),
      Meta: definitionsOf(own)['Meta'],
      Time: text('theirs'),
    }
    const merged = mergedOpenApiV2(own, [extension('a', theirs)])
    expect(definitionsOf(merged)).toMatchObject({
      Meta: { properties: { time: refersTo('Time') } },
      Meta_v2: { properties: { time: refersTo('Time_v2') } },
      Root: refersTo('Meta_v2'),
    })
  })

  test('a new name is shared as well, and given to one only', () => {
    const theirs = (time: string) => ({
      Root: refersTo('Meta'),
      Meta: definitionsOf(own)['Meta'],
      Time: text(time),
    })
    const merged = mergedOpenApiV2(own, [
      extension('a', theirs('theirs')),
      extension('b', theirs('theirs')),
      extension('c', theirs('another')),
      extension('d', { Root: refersTo('Time_v2'), Time_v2: text('by that name') }),
    ])
    expect(Object.keys(definitionsOf(merged))).toEqual([
      'Meta',
      'Meta_v2',
      'Meta_v3',
      'Root',
      'Root_v2',
      'Root_v3',
      'Same',
      'Time',
      'Time_v2',
      'Time_v2_v2',
      'Time_v3',
    ])
    expect(['a', 'b', 'c', 'd'].map(group => rootOf(merged, group))).toEqual([
      'Root',
      'Root',
      'Root_v2',
      'Root_v3',
    ])
  })

  test('what is shared is of the kinds of both', () => {
    const kindsOf = (group: string) => ({
      'x-kubernetes-group-version-kind': [{ group, version: 'v1', kind: 'DeleteOptions' }],
    })
    const merged = mergedOpenApiV2(own, [
      extension('a', { Root: { type: 'object', ...kindsOf('a') } }),
      extension('b', { Root: { type: 'object', ...kindsOf('b') } }),
    ])
    expect(definitionsOf(merged)['Root']).toEqual({
      type: 'object',
      'x-kubernetes-group-version-kind': [
        { group: 'a', version: 'v1', kind: 'DeleteOptions' },
        { group: 'b', version: 'v1', kind: 'DeleteOptions' },
      ],
    })
  })
})

/** A definition with all that it refers to in its place: what it means, whatever the names. */
function spelled(definitions: JsonObject, name: string, depth = 8): string {
  const body = JSON.stringify(definitions[name] ?? null)
  if (depth === 0) return ''
  return body.replace(
    /\{"\$ref":"#\/definitions\/([^"]+)"\}/g,
    (_, inner: string) => `<${spelled(definitions, inner, depth - 1)}>`,
  )
}

test('whatever is merged, everybody means what they meant', () => {
  const names = ['A', 'B', 'C', 'A_v2'] as const
  const schema = fc.oneof(
    fc.constantFrom('x', 'y').map(text),
    fc.constantFrom(...names).map(refersTo),
    fc.tuple(fc.constantFrom(...names), fc.constantFrom(...names)).map(([one, other]) => ({
      properties: { one: refersTo(one), other: refersTo(other) },
    })),
  )
  const definitions = fc
    .tuple(schema, schema, schema, schema)
    .map(
      schemas =>
        Object.fromEntries(names.map((name, index) => [name, schemas[index]])) as JsonObject,
    )
  fc.assert(
    fc.property(
      definitions,
      fc.array(definitions, { minLength: 1, maxLength: 3 }),
      (ours, theirs) => {
        const all = theirs.map((one, index) => extension(`g${index}`, one, 'A'))
        const merged = mergedOpenApiV2({ ...own, definitions: ours }, all)
        const result = definitionsOf(merged)
        for (const name of names) expect(spelled(result, name)).toBe(spelled(ours, name))
        for (const [index, one] of theirs.entries()) {
          const root = rootOf(merged, `g${index}`) ?? ''
          expect(spelled(result, root)).toBe(spelled(one, 'A'))
        }
        const known = new Set(Object.keys(result))
        const references = [...JSON.stringify(merged).matchAll(/#\/definitions\/([^"]+)/g)]
        expect(references.filter(([, name]) => name !== 'Meta' && !known.has(name ?? ''))).toEqual(
          [],
        )
      },
    ),
  )
})

test('the whole of what we serve takes a server in that says the same in other words', () => {
  const documents = openApiGroupVersions(kinds).map(({ group, version }) =>
    openApiV3(group, version, kinds),
  )
  const whole = openApiV2(documents, 'v1')
  const meta = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta'
  const theirs = { Root: { properties: { metadata: refersTo(meta) } }, [meta]: { type: 'object' } }
  const merged = definitionsOf(mergedOpenApiV2(whole, [extension('a', theirs)]))
  expect(merged[meta]).toBe(definitionsOf(whole)[meta])
  expect(merged['Root']).toEqual({ properties: { metadata: refersTo(`${meta}_v2`) } })
})
