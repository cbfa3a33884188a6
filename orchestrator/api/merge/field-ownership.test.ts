import { describe, expect, test } from 'vitest'
import type { JsonObject } from '../object.js'
import { deployment } from '../schema/apps.js'
import { configMap } from '../schema/core-config.js'
import { pod } from '../schema/core-pod.js'
import { service } from '../schema/core-service.js'
import type { StructSchema } from '../schema.js'
import { compareObjects } from './comparison.js'
import { leaf } from './field-set.js'
import { applyConfiguration, ownersAfterUpdate } from './field-ownership.js'
import type { Ownership, Writer } from './field-ownership.js'
import {
  conflictsBesideLastApplied,
  lastAppliedAnnotation,
  withLastApplied,
} from './last-applied.js'
import { cappedEntries, clientEntries, managedFieldsOf } from './managed-fields.js'
import type { ManagedEntry } from './managed-fields.js'

function ownershipOf(schema: StructSchema): Ownership {
  return {
    schema,
    reset: leaf,
    inVersion: () => ({ schema, reset: leaf, convert: object => object }),
  }
}

function writer(manager: string): Writer {
  return { manager, apiVersion: 'v1', subresource: '', now: '2026-01-01T00:00:00Z' }
}

function created(schema: StructSchema, object: JsonObject): JsonObject {
  const [entry] = ownersAfterUpdate(ownershipOf(schema), writer('one'), [], {}, object)
  return (entry?.fields ?? {}) as object as JsonObject
}

describe('who creates an object owns', () => {
  test('what it says, with the maps and lists that were not there before', () => {
    expect(
      created(deployment, {
        metadata: { name: 'd', labels: { app: 'a' }, generation: 1 },
        spec: {
          selector: { matchLabels: { app: 'a' } },
          strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } },
          template: {
            metadata: { labels: { app: 'a' } },
            spec: {
              containers: [{ name: 'c', ports: [{ containerPort: 80 }], resources: {} }],
              volumes: [{ name: 'v', emptyDir: {} }],
              tolerations: [{ key: 'k' }],
            },
          },
        },
      }),
    ).toEqual({
      'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
      'f:spec': {
        'f:selector': {},
        'f:strategy': { 'f:rollingUpdate': { '.': {}, 'f:maxSurge': {} }, 'f:type': {} },
        'f:template': {
          'f:metadata': { 'f:labels': { '.': {}, 'f:app': {} } },
          'f:spec': {
            'f:containers': {
              'k:{"name":"c"}': {
                '.': {},
                'f:name': {},
                'f:ports': {
                  '.': {},
                  'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} },
                },
                'f:resources': {},
              },
            },
            'f:tolerations': {},
            'f:volumes': {
              '.': {},
              'k:{"name":"v"}': { '.': {}, 'f:emptyDir': {}, 'f:name': {} },
            },
          },
        },
      },
    })
  })

  test('selectors whole, and ports by number and protocol', () => {
    const ports = [
      { port: 53, protocol: 'UDP' },
      { port: 53, protocol: 'TCP' },
    ]
    expect(created(service, { spec: { selector: { a: 'b' }, ports } })).toEqual({
      'f:spec': {
        'f:ports': {
          '.': {},
          'k:{"port":53,"protocol":"UDP"}': { '.': {}, 'f:port': {}, 'f:protocol': {} },
          'k:{"port":53,"protocol":"TCP"}': { '.': {}, 'f:port': {}, 'f:protocol': {} },
        },
        'f:selector': {},
      },
    })
  })

  test('nothing for what only says which object it is', () => {
    const metadata = { name: 'a', namespace: 'b', uid: 'c', resourceVersion: '1' }
    expect(created(configMap, { apiVersion: 'v1', kind: 'ConfigMap', metadata })).toEqual({})
  })
})

describe('elements that stand there twice', () => {
  const withEnv = (...env: readonly JsonObject[]): JsonObject => ({
    spec: { containers: [{ name: 'c', env }] },
  })
  const x = (value: string): JsonObject => ({ name: 'X', value })
  const under = (node: object) => ({
    'f:spec': { 'f:containers': { 'k:{"name":"c"}': { 'f:env': { 'k:{"name":"X"}': node } } } },
  })
  const all = { '.': {}, 'f:name': {}, 'f:value': {} }

  test.each<readonly [string, JsonObject, JsonObject, object]>([
    ['stay', withEnv(x('1'), x('2')), withEnv(x('1'), x('2')), {}],
    ['change', withEnv(x('1'), x('2')), withEnv(x('1'), x('3')), { modified: under({}) }],
    ['come', withEnv(x('1')), withEnv(x('1'), x('2')), { added: under({}), removed: under(all) }],
    [
      'become one',
      withEnv(x('1'), x('2')),
      withEnv(x('2')),
      { added: under(all), removed: under({}) },
    ],
  ])('%s', (_, old, current, expected) => {
    const nothing = { added: {}, modified: {}, removed: {} }
    expect(compareObjects(pod, old, current)).toEqual({ ...nothing, ...expected })
  })

  test('give way to the one that is applied', () => {
    const live = withEnv(x('1'), { name: 'Y', value: 'y' }, x('2'))
    const config = { spec: { containers: [{ name: 'c', env: [x('3')] }] } }
    const result = applyConfiguration(ownershipOf(pod), writer('one'), [], live, config, false)
    expect(result).toMatchObject({
      object: withEnv(x('3'), { name: 'Y', value: 'y' }),
    })
  })
})

describe('what an applier gives up', () => {
  const ownership = ownershipOf(deployment)
  const apply = (
    live: JsonObject,
    entries: readonly ManagedEntry[],
    config: JsonObject,
    manager = 'one',
  ) => {
    const result = applyConfiguration(ownership, writer(manager), entries, live, config, false)
    if (result.kind === 'conflicts') throw new Error('conflicts')
    return result
  }
  const strategy = { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } }

  test('takes along what was defaulted inside of it', () => {
    const first = apply({}, [], { spec: { replicas: 1, strategy } })
    const live = {
      spec: {
        replicas: 1,
        strategy: { ...strategy, rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } },
      },
    }
    expect(apply(live, first.entries, { spec: { replicas: 1 } }).object).toEqual({
      spec: { replicas: 1 },
    })
  })

  test('stays where somebody else owns it, and so does what it stands in', () => {
    const first = apply({}, [], { spec: { replicas: 1, strategy } })
    const second = apply(
      first.object,
      first.entries,
      { spec: { strategy: { type: 'RollingUpdate' } } },
      'two',
    )
    const last = apply(second.object, second.entries, { spec: { replicas: 1 } })
    expect(last.object).toEqual({ spec: { replicas: 1, strategy: { type: 'RollingUpdate' } } })
    expect(last.entries.map(({ manager }) => manager)).toEqual(['two', 'one'])
  })
})

test('what nobody owns stays when its neighbours are given up', () => {
  const ownership = ownershipOf(deployment)
  const apply = (live: JsonObject, entries: readonly ManagedEntry[], spec: JsonObject) =>
    applyConfiguration(ownership, writer('one'), entries, live, { spec }, false)
  const first = apply({}, [], { replicas: 1, paused: true })
  const entries = first.kind === 'applied' ? first.entries : []
  const live = { spec: { replicas: 1, paused: true, minReadySeconds: 3 } }
  expect(apply(live, entries, { paused: true })).toMatchObject({
    object: { spec: { paused: true, minReadySeconds: 3 } },
  })
})

test.each<readonly [string, string, string]>([
  ['a s b', 'b a', 's b a'],
  ['s a', 'n a', 's n a'],
  ['a s', 'n a', 'n a s'],
  ['a b s', 'c', 'a b s c'],
  ['a b', 'a n b', 'a n b'],
])('%s with %s applied becomes %s', (live, config, expected) => {
  const listed = (names: string): JsonObject => ({
    spec: { containers: names.split(' ').map(name => ({ name })) },
  })
  const ownership = ownershipOf(pod)
  expect(
    applyConfiguration(ownership, writer('one'), [], listed(live), listed(config), false),
  ).toMatchObject({ object: listed(expected) })
})

test('owners under another version lose what the write means in their words', () => {
  const other: StructSchema = configMap
  const rename = (object: JsonObject): JsonObject => ({ data: object['binaryData'] ?? {} })
  const ownership: Ownership = {
    schema: configMap,
    reset: leaf,
    inVersion: version => {
      if (version === 'v1') return { schema: configMap, reset: leaf, convert: object => object }
      return version === 'v2' ? { schema: other, reset: leaf, convert: rename } : null
    },
  }
  const entry = (apiVersion: string): ManagedEntry => ({
    manager: 'two',
    operation: 'Update',
    subresource: '',
    apiVersion,
    time: null,
    fields: { 'f:data': { 'f:a': {}, 'f:b': {} } },
  })
  const old = { binaryData: { a: 'AA==', b: 'AA==' } }
  const current = { binaryData: { a: 'AQ==', b: 'AA==' } }
  const entries = [entry('v2'), entry('v0')]
  const after = ownersAfterUpdate(ownership, writer('one'), entries, old, current)
  expect(after).toMatchObject([
    { manager: 'two', apiVersion: 'v2', fields: { 'f:data': { 'f:b': {} } } },
    { manager: 'one', fields: { 'f:binaryData': { 'f:a': {} } } },
  ])
  expect(after[0]?.fields).toEqual({ 'f:data': { 'f:b': {} } })
})

describe('beside client-side apply', () => {
  const note = (data: JsonObject): string =>
    JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data })
  const live = (data: JsonObject, text: string): JsonObject => ({
    metadata: { annotations: { [lastAppliedAnnotation]: text } },
    data,
  })
  const owner: ManagedEntry = {
    manager: 'kubectl-client-side-apply',
    operation: 'Update',
    subresource: '',
    apiVersion: 'v1',
    time: null,
    fields: leaf,
  }
  const conflicts = ['x', 'y'].map(key => ({ owner, path: ['f:data', `f:${key}`] }))
  const left = (object: JsonObject) =>
    conflictsBesideLastApplied(configMap, 'v1', object, conflicts).map(({ path }) => path[1])

  test('what it applied and is still so is no conflict', () => {
    expect(left(live({ x: '1', y: '1' }, note({ x: '1', y: '1' })))).toEqual([])
    expect(left(live({ x: '1', y: '2' }, note({ x: '1', y: '1' })))).toEqual(['f:y'])
    expect(left(live({ x: '1', y: '1' }, note({ x: '1' })))).toEqual(['f:y'])
  })

  test.each(['', '{', '[]', '{"apiVersion":"v2"}', '{"apiVersion":"v1","data":[]}'])(
    'a note of %s gives nothing up',
    text => {
      expect(left(live({ x: '1', y: '1' }, text))).toEqual(['f:x', 'f:y'])
    },
  )

  test('the note follows what is applied, where there is one', () => {
    const config = { kind: 'ConfigMap', data: { b: '<&>', a: '1' }, apiVersion: 'v1' }
    expect(withLastApplied(live({}, 'old'), config)).toEqual(
      live(
        {},
        String.raw`{"apiVersion":"v1","data":{"a":"1","b":"\u003c\u0026\u003e"},"kind":"ConfigMap"}` +
          '\n',
      ),
    )
    expect(withLastApplied({ data: {} }, config)).toEqual({ data: {} })
    const large = { ...config, data: { a: 'x'.repeat(300_000) } }
    expect(withLastApplied(live({}, 'old'), large)).toEqual({
      metadata: { annotations: {} },
      data: {},
    })
  })
})

describe('entries', () => {
  const entry = (
    manager: string,
    second: number,
    changes: Partial<ManagedEntry> = {},
  ): ManagedEntry => ({
    manager,
    operation: 'Update',
    subresource: '',
    apiVersion: 'v1',
    time: `2026-01-01T00:00:${String(second).padStart(2, '0')}Z`,
    fields: { [`f:${manager}`]: {} },
    ...changes,
  })

  test('stand in the order of operation, age and name', () => {
    const entries = [
      entry('b', 1),
      entry('a', 2),
      entry('a', 1),
      entry('z', 9, { operation: 'Apply' }),
      entry('n', 0, { time: null, subresource: 'status' }),
    ]
    expect(managedFieldsOf(entries)?.map(({ manager }) => manager)).toEqual([
      'z',
      'n',
      'a',
      'b',
      'a',
    ])
    expect(managedFieldsOf([])).toBeUndefined()
  })

  test('of updates are joined by version, the oldest first, and appliers never', () => {
    const many = Array.from({ length: 13 }, (_, n) => entry(`m${n}`, n))
    const applier = entry('applier', 0, { operation: 'Apply' })
    const capped = cappedEntries([applier, ...many])
    expect(capped).toHaveLength(11)
    expect(capped).toContain(applier)
    expect(capped.find(({ manager }) => manager === 'ancient-changes')).toEqual({
      ...entry('ancient-changes', 3),
      fields: { 'f:m0': {}, 'f:m1': {}, 'f:m2': {}, 'f:m3': {} },
    })
    const mixed = many.map((one, n) => (n === 1 ? { ...one, apiVersion: 'v2' } : one))
    const joined = cappedEntries(mixed)
    expect(joined).toHaveLength(10)
    expect(joined.map(({ manager }) => manager)).toContain('m1')
    expect(cappedEntries(many.slice(0, 10))).toHaveLength(10)
  })

  test('of a client count once a manager, and not at all where one is wrong', () => {
    const sent = (changes: JsonObject = {}): JsonObject => ({
      manager: 'm',
      operation: 'Update',
      apiVersion: 'v1',
      fieldsType: 'FieldsV1',
      fieldsV1: { 'f:a': {} },
      ...changes,
    })
    expect(clientEntries([sent(), sent({ fieldsV1: { 'f:b': {} } })])).toMatchObject([
      { fields: { 'f:b': {} } },
    ])
    expect(clientEntries([sent({ fieldsV1: {} })])).toEqual([])
    for (const wrong of [{ operation: 'Own' }, { fieldsType: '' }, { fieldsV1: { x: {} } }]) {
      expect(clientEntries([sent(), sent(wrong)])).toBeNull()
    }
    expect(clientEntries('x')).toBeNull()
  })
})
