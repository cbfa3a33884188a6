import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { findKind } from './kinds.js'
import type { Kind } from './kind.js'
import type { KubeObject } from './object.js'
import {
  compileFieldSelector,
  formatLabelSelector,
  labelSelectorFromMap,
  labelSelectorFromObject,
  matchesLabels,
  parseFieldSelector,
  parseLabelSelector,
} from './selectors.js'
import { ApiError } from './status.js'

const read = <T>(object: KubeObject, _: string, value: (object: KubeObject) => T): T =>
  value(object)

describe('label selectors', () => {
  test.each([
    ['', {}, true],
    ['a=b', { a: 'b' }, true],
    ['a==b', { a: 'b' }, true],
    ['a=b', { a: 'c' }, false],
    ['a=b', {}, false],
    ['a=', { a: '' }, true],
    ['a!=b', { a: 'c' }, true],
    ['a!=b', {}, true],
    ['a!=b', { a: 'b' }, false],
    ['a', { a: '' }, true],
    ['a', {}, false],
    ['!a', {}, true],
    ['!a', { a: 'x' }, false],
    ['a in (b, c)', { a: 'c' }, true],
    ['a in (b,c)', { a: 'd' }, false],
    ['a in (,b)', { a: '' }, true],
    ['a notin (b,c)', {}, true],
    ['a notin (b,c)', { a: 'b' }, false],
    ['n>5', { n: '6' }, true],
    ['n<5', { n: '6' }, false],
    ['n>5', { n: 'six' }, false],
    ['a=b,!c , d in (e)', { a: 'b', d: 'e' }, true],
    ['a=b,!c,d in (e)', { a: 'b', c: '', d: 'e' }, false],
    ['example.com/x=y', { 'example.com/x': 'y' }, true],
    ['in in (in)', { in: 'in' }, true],
  ])('%j on %j says %s', (text, labels, matches) => {
    expect(matchesLabels(parseLabelSelector(text), labels)).toBe(matches)
  })

  test.each([
    'a=b=c',
    'a,',
    ',a',
    'a in b',
    'a in (b',
    '=b',
    'a (b)',
    '!',
    '-a=b',
    'a=-b',
    'a>x',
    'a!b',
  ])('%j is a bad request', text => {
    expect(() => parseLabelSelector(text)).toThrow(ApiError)
  })

  test('inherited names are no labels', () => {
    expect(matchesLabels(parseLabelSelector('constructor'), {})).toBe(false)
    expect(matchesLabels(parseLabelSelector('!toString'), {})).toBe(true)
  })

  test('what is formatted parses back to the same selector', () => {
    const key = fc.constantFrom('a', 'b', 'example.com/c')
    const values = fc.uniqueArray(fc.constantFrom('x', 'y', '', 'z-1'), { minLength: 1 })
    const requirement = fc.oneof(
      key.map(k => k),
      key.map(k => `!${k}`),
      fc.tuple(key, values).map(([k, v]) => `${k} in (${v.join(',')})`),
      fc.tuple(key, values).map(([k, v]) => `${k} notin (${v.join(',')})`),
    )
    fc.assert(
      fc.property(fc.array(requirement), list => {
        const selector = parseLabelSelector(list.join(','))
        expect(parseLabelSelector(formatLabelSelector(selector))).toEqual(selector)
      }),
    )
  })

  test('random text either parses or is a bad request', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'ab=!(), in<>/'.split('')) }), text => {
        try {
          parseLabelSelector(text)
        } catch (error) {
          expect(error).toBeInstanceOf(ApiError)
        }
      }),
    )
  })

  test('an absent selector selects nothing, an empty one everything', () => {
    expect(labelSelectorFromObject(undefined)).toBeNull()
    expect(labelSelectorFromObject({})).toEqual([])
  })

  test('matchLabels and matchExpressions must all hold', () => {
    const selector = labelSelectorFromObject({
      matchLabels: { app: 'web' },
      matchExpressions: [
        { key: 'tier', operator: 'In', values: ['a', 'b'] },
        { key: 'old', operator: 'DoesNotExist' },
      ],
    })
    expect(selector).not.toBeNull()
    expect(matchesLabels(selector ?? [], { app: 'web', tier: 'a' })).toBe(true)
    expect(matchesLabels(selector ?? [], { app: 'web', tier: 'a', old: '' })).toBe(false)
    expect(formatLabelSelector(selector ?? [])).toBe('app=web,!old,tier in (a,b)')
  })

  test('labels print sorted by key', () => {
    expect(formatLabelSelector(labelSelectorFromMap({ b: '2', a: '1' }))).toBe('a=1,b=2')
  })
})

describe('field selectors', () => {
  const pods = findKind('', 'v1', 'pods') as Kind
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'x', namespace: 'n' },
    spec: { containers: [], nodeName: 'node-1' },
    status: { phase: 'Running' },
  }

  test.each([
    ['metadata.name=x', true],
    ['metadata.name==x,metadata.namespace=n', true],
    ['metadata.name!=x', false],
    ['spec.nodeName=node-1,status.phase!=Pending', true],
    ['spec.nodeName=', false],
    ['status.podIP=', true],
    ['', true],
  ])('%j says %s of a running pod', (text, matches) => {
    expect(compileFieldSelector(pods, parseFieldSelector(text), read)(pod)).toBe(matches)
  })

  test('commas and equal signs can be escaped', () => {
    expect(parseFieldSelector('a=b\\,c\\=d\\\\,e=f')).toEqual([
      { field: 'a', operator: '=', value: 'b,c=d\\' },
      { field: 'e', operator: '=', value: 'f' },
    ])
  })

  test.each(['a', 'a=b=c', 'a=b\\x', '=='])('%j is a bad request or selects nothing', text => {
    expect(() => compileFieldSelector(pods, parseFieldSelector(text), read)).toThrow(ApiError)
  })

  test.each(['spec.foo=x', 'toString=x', '__proto__=x'])('%j is not supported', text => {
    expect(() => compileFieldSelector(pods, parseFieldSelector(text), read)).toThrow(
      'field label not supported',
    )
  })
})
