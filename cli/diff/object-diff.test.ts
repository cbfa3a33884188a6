import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Json, JsonObject, KubeObject } from '../../orchestrator/api/object.js'
import { fieldChanges } from './object-diff.js'
import { changeLines } from './print.js'

const at = (spec: JsonObject, metadata: JsonObject = {}): KubeObject =>
  ({ apiVersion: 'v1', kind: 'Thing', metadata: { name: 'a', ...metadata }, spec }) as KubeObject

const paths = (from: JsonObject, to: JsonObject): readonly string[] =>
  fieldChanges(at(from), at(to), 0).map(({ path }) => path)

test.each<[JsonObject, JsonObject, readonly string[]]>([
  [{ replicas: 1 }, { replicas: 2 }, ['spec.replicas']],
  [{ a: { b: 1, c: 1 } }, { a: { b: 1 } }, ['spec.a.c']],
  [{ a: [1, 2] }, { a: [1, 3, 4] }, ['spec.a[1]', 'spec.a[2]']],
  [{ a: { 'x.io/y': '1' } }, { a: { 'x.io/y': '2' } }, ['spec.a["x.io/y"]']],
  [
    { containers: [{ name: 'a', image: '1' }, { name: 'b' }] },
    { containers: [{ name: 'b' }, { name: 'a', image: '2' }] },
    ['spec.containers[name=a].image'],
  ],
  [
    { ports: [{ port: 1 }, { port: 1 }] },
    { ports: [{ port: 1 }, { port: 2 }] },
    ['spec.ports[1].port'],
  ],
  [
    { conditions: [{ type: 'Ready', status: 'True' }] },
    { conditions: [] },
    ['spec.conditions[type=Ready]'],
  ],
  [{ a: null }, { a: {} }, ['spec.a']],
  [{ toString: 1 }, {}, ['spec.toString']],
])('%j against %j', (from, to, expected) => {
  expect(paths(from, to)).toEqual(expected)
})

test('what the server notes beside is no change', () => {
  const from = at({}, { resourceVersion: '1', managedFields: [] })
  const to = at({}, { resourceVersion: '2', managedFields: [{ manager: 'm' }] })
  expect(fieldChanges(from, to, 0)).toEqual([])
})

test('a change names the manager that wrote the field since', () => {
  const entry = (manager: string, time: string, fieldsV1: JsonObject): JsonObject => ({
    manager,
    operation: 'Update',
    time,
    fieldsV1,
  })
  const list = { 'f:containers': { 'k:{"name":"a"}': { '.': {}, 'f:image': {} } } }
  const managedFields = [
    entry('old', '2026-01-01T00:00:00Z', { 'f:spec': { 'f:replicas': {} } }),
    entry('autoscaler', '2026-01-01T00:00:05Z', { 'f:spec': { 'f:replicas': {} } }),
    entry('edit', '2026-01-01T00:00:06Z', { 'f:spec': list }),
  ]
  const from = at({ replicas: 1, containers: [{ name: 'a', image: '1' }], gone: true })
  const to = at({ replicas: 2, containers: [{ name: 'a', image: '2' }] }, { managedFields })
  const changes = fieldChanges(from, to, Date.parse('2026-01-01T00:00:03.500Z'))
  const by = changes.map(change => [change.path, change.by.map(({ manager }) => manager)])
  expect(by).toEqual([
    ['spec.replicas', ['autoscaler']],
    ['spec.containers[name=a].image', ['edit']],
    // Nobody holds what is gone: whoever wrote since may have taken it away.
    ['spec.gone', ['autoscaler', 'edit']],
  ])
  const change = { resource: 'things', namespace: 'n', name: 'a', change: 'changed' } as const
  expect(changeLines({ ...change, by: [], fields: changes }).slice(0, 2)).toEqual([
    '~ things n/a',
    '    spec.replicas: 1 -> 2   by autoscaler at 2026-01-01T00:00:05Z',
  ])
})

test('no difference is found exactly where there is none', () => {
  const json = fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<Json>
  fc.assert(
    fc.property(json, json, (one, other) => {
      const changes = fieldChanges(at({ value: one }), at({ value: other }), 0)
      const plain = (value: Json) => JSON.stringify(sorted(value))
      // Lists whose elements have names are compared without regard to their order.
      if (plain(one) === plain(other)) expect(changes).toEqual([])
      else if (!/"(name|type|uid|ip|key)"/.test(plain(one))) expect(changes).not.toEqual([])
    }),
  )
})

function sorted(value: Json): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map(sorted)
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? 0 : value
  const entries = Object.entries(value as JsonObject).map(
    ([key, inner]) => [key, sorted(inner ?? null)] as const,
  )
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)))
}
