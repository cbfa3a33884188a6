import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { pod } from '../schema/core-pod.js'
import {
  difference,
  fieldSetFromClient,
  has,
  intersection,
  isEmpty,
  leaf,
  pathsOf,
  setOf,
  union,
  withNamedFields,
  without,
} from './field-set.js'
import type { FieldSet } from './field-set.js'
import { canonicalElement, pathText } from './path-element.js'

// The dumb model: a set of paths, each one text.
const step = fc.constantFrom('f:a', 'f:b', 'v:1', 'k:{"name":"x"}')
const path = fc.array(step, { minLength: 1, maxLength: 3 })
const paths = fc.uniqueArray(path, { selector: texts, maxLength: 8 })

function texts(steps: readonly string[]): string {
  return steps.join(' ')
}

function members(set: FieldSet): readonly string[] {
  return pathsOf(set).map(texts).toSorted()
}

describe('sets of paths', () => {
  test('hold what was put in and nothing else', () => {
    fc.assert(
      fc.property(paths, path, (list, probe) => {
        const set = setOf(...list)
        expect(members(set)).toEqual(list.map(texts).toSorted())
        expect(has(set, probe)).toBe(list.some(other => texts(other) === texts(probe)))
        expect(isEmpty(set)).toBe(list.length === 0)
      }),
    )
  })

  test('union, intersection and difference are those of sets of texts', () => {
    fc.assert(
      fc.property(paths, paths, (a, b) => {
        const left = a.map(texts)
        const right = b.map(texts)
        const as = setOf(...a)
        const bs = setOf(...b)
        const both = [...new Set([...left, ...right])]
        expect(members(union(as, bs))).toEqual(both.toSorted())
        const shared = left.filter(text => right.includes(text))
        expect(members(intersection(as, bs))).toEqual(shared.toSorted())
        const rest = left.filter(text => !right.includes(text))
        expect(members(difference(as, bs))).toEqual(rest.toSorted())
      }),
    )
  })

  test('without takes away all that lies below a path, too', () => {
    fc.assert(
      fc.property(paths, paths, (a, b) => {
        const left = a.filter(
          kept => !b.some(gone => texts(kept.slice(0, gone.length)) === texts(gone)),
        )
        expect(members(without(setOf(...a), setOf(...b)))).toEqual(left.map(texts).toSorted())
      }),
    )
  })

  test('have one form, however they were made, and are never written to', () => {
    fc.assert(
      fc.property(paths, paths, (a, b) => {
        const as = setOf(...a)
        const bs = setOf(...b)
        const before = JSON.stringify([as, bs])
        expect(union(difference(as, bs), intersection(as, bs))).toEqual(as)
        expect(setOf(...pathsOf(union(as, bs)))).toEqual(union(bs, as))
        expect(JSON.stringify([as, bs])).toBe(before)
        expect(leaf).toEqual({})
      }),
    )
  })

  test('named fields that a path leads through join it, entries of maps do not', () => {
    const set = setOf(
      ['f:metadata', 'f:labels', 'f:app'],
      ['f:spec', 'f:containers', 'k:{"name":"a"}', 'f:image'],
    )
    expect(withNamedFields(set, pod)).toEqual({
      'f:metadata': { '.': {}, 'f:labels': { '.': {}, 'f:app': {} } },
      'f:spec': {
        '.': {},
        'f:containers': { '.': {}, 'k:{"name":"a"}': { 'f:image': {} } },
      },
    })
  })
})

describe('steps of paths', () => {
  test.each([
    ['f:spec', 'f:spec'],
    ['f:', 'f:'],
    ['f:a b"c', 'f:a b"c'],
    ['v:1', 'v:1'],
    ['v: "a" ', 'v:"a"'],
    ['i:07', 'i:7'],
    ['k:{ "protocol":"TCP", "containerPort":80.0 }', 'k:{"containerPort":80,"protocol":"TCP"}'],
    [String.raw`k:{"name":"\u003ca"}`, 'k:{"name":"<a"}'],
  ])('a client may write %s, which is %s', (text, canonical) => {
    expect(canonicalElement(text)).toBe(canonical)
  })

  test.each(['', '.', 'x:1', 'spec', 'v:', 'v:a', 'k:[1]', 'k:"a"', 'k:{', 'i:x', 'F:a'])(
    '%s is none',
    text => {
      expect(canonicalElement(text)).toBeNull()
      expect(fieldSetFromClient({ 'f:a': { [text === '.' ? 'v' : text]: {} } })).toBeNull()
    },
  )

  test('paths read as users write them', () => {
    const port = 'k:{"containerPort":80,"protocol":"TCP"}'
    expect(pathText(['f:spec', 'f:containers', 'k:{"name":"a"}', 'f:ports', port])).toBe(
      '.spec.containers[name="a"].ports[containerPort=80,protocol="TCP"]',
    )
    expect(pathText(['f:metadata', 'f:finalizers', 'v:"x/y"'])).toBe('.metadata.finalizers[="x/y"]')
  })
})
