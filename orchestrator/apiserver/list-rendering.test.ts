import { describe, expect, test } from 'vitest'
import { decodeProtobuf } from '../api/protobuf/decoder.js'
import { listSchema } from '../api/list-schema.js'
import type { JsonObject } from '../api/object.js'
import type { ApiResponse } from './exchange.js'
import { listResponse } from './list-rendering.js'
import type { Negotiated } from './negotiation.js'
import { encodeObject, StoredObject } from './stored-object.js'
import { kindOf, objectOf } from './testing/objects.js'

const kind = kindOf('configmaps')
const meta = { resourceVersion: '900' }
const many = 333

function stored(count: number): readonly StoredObject[] {
  return Array.from({ length: count }, (_, at) => {
    const name = `n${at}`
    const object = objectOf('ConfigMap', { name, namespace: 'a', labels: { at: `${at}` } })
    const bytes = encodeObject({ ...object, data: { text: 'a "quoted" ☂ text' } } as typeof object)
    return new StoredObject(`/registry/core/configmaps/a/${name}`, at + 1, bytes)
  })
}

function stepsOf({ body }: ApiResponse): readonly Uint8Array[] {
  if (body.kind === 'bytes') return body.chunks
  if (body.kind === 'pieces') return [...body.pieces]
  throw new Error(body.kind)
}

function answer(count: number, negotiated: Negotiated): JsonObject {
  const response = listResponse(kind, stored(count), meta, negotiated, 0)
  const bytes = Buffer.concat(stepsOf(response))
  if (negotiated.format !== 'protobuf') return JSON.parse(bytes.toString()) as JsonObject
  const schema = listSchema(kind.schema)
  return decodeProtobuf(bytes, () => ({ group: '', version: 'v1', kind: 'ConfigMapList', schema }))
}

const shapes: readonly (readonly [string, Negotiated, string])[] = [
  ['json', { format: 'json', shape: { kind: 'object' } }, 'items'],
  ['protobuf', { format: 'protobuf', shape: { kind: 'object' } }, 'items'],
  ['table', { format: 'json', shape: { kind: 'table', version: 'v1', include: 'Object' } }, 'rows'],
  ['metadata', { format: 'json', shape: { kind: 'partial', version: 'v1' } }, 'items'],
]

describe.each(shapes)('a list as %s', (_, negotiated, field) => {
  test('says the same of an object whether it is made at once or in steps', () => {
    const few = answer(3, negotiated)
    const all = answer(many, negotiated)
    const items = all[field] as readonly JsonObject[]
    expect(items).toHaveLength(many)
    expect({ ...all, [field]: items.slice(0, 3) }).toEqual(few)
    expect(new Set(items.map(item => JSON.stringify(item))).size).toBe(many)
  })

  test('of nothing is a list', () => {
    expect(answer(0, negotiated)[field] ?? []).toEqual([])
  })

  test('that is long is made in steps of a few objects', () => {
    const steps = stepsOf(listResponse(kind, stored(many), meta, negotiated, 0))
    expect(steps.length).toBeGreaterThan(many / 20)
  })
})

test('an object forgets what it was parsed to when others come, and says the same again', () => {
  const [first] = stored(1)
  const before = first?.object
  expect(first?.object).toBe(before)
  for (let round = 0; round < 3; round++) {
    for (const other of stored(100)) {
      const large = { text: 'x'.repeat(100_000) }
      const bytes = encodeObject({ ...other.object, data: large } as never)
      void new StoredObject(other.key, 1, bytes).object
    }
  }
  expect(first?.object).not.toBe(before)
  expect(first?.object).toEqual(before)
})
