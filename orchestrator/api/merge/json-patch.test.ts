import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Json } from '../object.js'
import { ApiError } from '../status.js'
import { copiedBytesMax, jsonPatch } from './json-patch.js'

test.each<readonly [string, Json, Json, Json]>([
  ['adds a field', { a: 1 }, [{ op: 'add', path: '/b', value: 2 }], { a: 1, b: 2 }],
  ['adds null', {}, [{ op: 'add', path: '/b', value: null }], { b: null }],
  ['inserts into a list', { a: [1, 3] }, [{ op: 'add', path: '/a/1', value: 2 }], { a: [1, 2, 3] }],
  ['appends to a list', { a: [1] }, [{ op: 'add', path: '/a/-', value: 2 }], { a: [1, 2] }],
  ['replaces the whole', { a: 1 }, [{ op: 'replace', path: '', value: [] }], []],
  [
    'replaces a field',
    { a: { b: 1 } },
    [{ op: 'replace', path: '/a/b', value: 2 }],
    { a: { b: 2 } },
  ],
  ['removes from a list', { a: [1, 2] }, [{ op: 'remove', path: '/a/0' }], { a: [2] }],
  ['moves', { a: 1 }, [{ op: 'move', from: '/a', path: '/b' }], { b: 1 }],
  ['copies', { a: [1] }, [{ op: 'copy', from: '/a', path: '/b' }], { a: [1], b: [1] }],
  ['tests', { a: { b: [1] } }, [{ op: 'test', path: '/a', value: { b: [1] } }], { a: { b: [1] } }],
  ['unescapes', { 'a/b': { 'm~n': 1 } }, [{ op: 'remove', path: '/a~1b/m~0n' }], { 'a/b': {} }],
])('%s', (_, original, patch, expected) => {
  expect(jsonPatch(original, patch)).toEqual(expected)
})

describe('a patch that does not apply is a 422', () => {
  test.each<readonly [string, Json]>([
    ['a failed test', [{ op: 'test', path: '/a', value: 2 }]],
    ['a missing path', [{ op: 'remove', path: '/x' }]],
    ['a missing parent', [{ op: 'add', path: '/x/y', value: 1 }]],
    ['an index out of bounds', [{ op: 'add', path: '/l/5', value: 1 }]],
    ['an inherited name', [{ op: 'test', path: '/constructor', value: 1 }]],
  ])('%s', (_, patch) => {
    expect(codeOf({ a: 1, l: [] }, patch)).toBe(422)
  })
})

describe('a malformed patch is a 400', () => {
  test.each<readonly [string, Json]>([
    ['no list', {}],
    ['no operation', [{ path: '/a' }]],
    ['an unknown operation', [{ op: 'increment', path: '/a' }]],
    ['no path', [{ op: 'remove' }]],
    ['no value', [{ op: 'add', path: '/a' }]],
    ['a pointer without slash', [{ op: 'remove', path: 'a' }]],
    ['a value moved into itself', [{ op: 'move', from: '/a', path: '/a/b' }]],
  ])('%s', (_, patch) => {
    expect(codeOf({ a: 1 }, patch)).toBe(400)
  })
})

describe('a patch has limits', () => {
  test('of operations, which is a 413', () => {
    const many = (length: number) =>
      Array.from({ length }, () => ({ op: 'test', path: '/a', value: 1 }))
    expect(codeOf({ a: 1 }, many(10_000))).toBeUndefined()
    expect(codeOf({ a: 1 }, many(10_001))).toBe(413)
  })

  test('of what its copies add up to', () => {
    const copies = Array.from({ length: 40 }, () => ({ op: 'copy', from: '', path: '/a/-' }))
    expect(codeOf({ a: [] }, copies)).toBe(422)
    const copy = [{ op: 'copy', from: '/a', path: '/b' }]
    expect(codeOf({ a: 'x'.repeat(copiedBytesMax - 2) }, copy)).toBeUndefined()
    expect(codeOf({ a: 'x'.repeat(copiedBytesMax - 1) }, copy)).toBe(422)
  })
})

test('changing a long list again and again is refused in good time', () => {
  const patch = Array.from({ length: 10_000 }, () => ({ op: 'add', path: '/a/0', value: 1 }))
  expect(codeOf({ a: Array.from({ length: 10_000 }, () => 0) }, patch)).toBe(400)
})

function codeOf(original: Json, patch: Json): number | undefined {
  try {
    jsonPatch(original, patch)
    return undefined
  } catch (error) {
    return error instanceof ApiError ? error.httpCode : undefined
  }
}

test('adding and then removing a field gives back the original, which is never written to', () => {
  const json = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>
  const objects = fc.dictionary(fc.constantFrom('a', 'b'), json)
  fc.assert(
    fc.property(objects, json, (object, value) => {
      const original = object as Json
      const before = JSON.stringify(original)
      const added = jsonPatch(original, [{ op: 'add', path: '/new', value }])
      expect(jsonPatch(added, [{ op: 'remove', path: '/new' }])).toEqual(original)
      expect(JSON.stringify(original)).toBe(before)
    }),
  )
})
