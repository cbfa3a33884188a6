import { describe, expect, test } from 'vitest'
import { findWireType } from './decode.js'
import { findKind, findKindByName, kinds } from './kinds.js'
import type { FieldSchema, StructSchema, TypeSchema } from './schema.js'
import { schemaFiles } from './schema/catalogue.js'

const structs = schemaFiles.flatMap(file => file.structs)

function structOf(type: TypeSchema): StructSchema | null {
  if (type.type === 'struct') return type
  if (type.type === 'list') return structOf(type.items)
  return type.type === 'map' ? structOf(type.values) : null
}

function fieldsOf(struct: StructSchema): readonly (readonly [string, FieldSchema])[] {
  return [...struct.fields]
}

describe('schemas', () => {
  test('every struct has a name of its own, and all that it refers to is in the catalogue', () => {
    expect(new Set(structs.map(s => s.name)).size).toBe(structs.length)
    const known = new Set(structs)
    const missing = structs.flatMap(s => fieldsOf(s).map(([, f]) => structOf(f.type)))
    expect(missing.filter(s => s !== null && !known.has(s))).toEqual([])
  })

  test('no protobuf number is used twice in a message', () => {
    for (const struct of structs) {
      const numbers = fieldsOf(struct)
        .filter(([, field]) => field.number > 0)
        .map(([, field]) => `${field.within.join('/')}/${field.number}`)
      expect(new Set(numbers).size, struct.name).toBe(numbers.length)
      const wrappers = new Set(fieldsOf(struct).map(([, field]) => field.within[0]))
      const own = fieldsOf(struct).filter(([, field]) => field.within.length === 0)
      expect(
        own.filter(([, f]) => f.number > 0 && wrappers.has(f.number)),
        struct.name,
      ).toEqual([])
    }
  })

  test('merge keys and list keys are fields of the elements', () => {
    for (const struct of structs) {
      for (const [name, { type, patch }] of struct.fields) {
        const element = structOf(type)
        const keys = [
          ...(patch.mergeKey === null ? [] : [patch.mergeKey]),
          ...(type.type === 'list' ? type.listKeys : []),
        ]
        const unknown = keys.filter(key => element?.fields.has(key) !== true)
        expect(unknown, `${struct.name}.${name}`).toEqual([])
      }
    }
  })
})

describe('kinds', () => {
  test('are found by plural and by name, and inherited names find nothing', () => {
    for (const kind of kinds) {
      expect(findKind(kind.group, kind.version, kind.plural)).toBe(kind)
      expect(findKindByName(kind.group, kind.version, kind.kind)).toBe(kind)
    }
    expect(findKind('', 'v1', 'constructor')).toBeNull()
    expect(findKind('apps', 'v1', 'pods')).toBeNull()
  })

  test('the group with names of others is the last', () => {
    expect(kinds.slice(-2).map(k => k.group)).toEqual(['metrics.k8s.io', 'metrics.k8s.io'])
  })

  test('names and short names are not claimed twice', () => {
    const names = kinds
      // What nodes and pods use goes by their names, in a group that is asked last.
      .filter(k => k.storedAs === undefined && k.group !== 'metrics.k8s.io')
      .flatMap(k => [...new Set([k.plural, k.singular, ...k.shortNames])])
    expect(names.toSorted()).toEqual([...new Set(names)].toSorted())
  })

  test.each(kinds.map(kind => [kind.plural, kind] as const))(
    '%s is described in full',
    (_, kind) => {
      expect(kind.schema.name.endsWith(`.${kind.kind}`)).toBe(true)
      expect(kind.schema.fields.has('metadata')).toBe(true)
      expect(kind.schema.fields.has('status') || !kind.hasStatus).toBe(true)
      expect(kind.columns.some(column => column.format === 'name')).toBe(true)
      expect(kind.columns.filter(column => column.description === '')).toEqual([])
      const empty = { apiVersion: 'v1', kind: kind.kind, metadata: {} }
      expect(() => kind.withDefaults(empty)).not.toThrow()
    },
  )

  test('types that only travel are found for decoding', () => {
    expect(findWireType('apps', 'v1', 'DeleteOptions')?.kind).toBe('DeleteOptions')
    expect(findWireType('policy', 'v1', 'Eviction')?.kind).toBe('Eviction')
    expect(findWireType('autoscaling', 'v1', 'Scale')?.kind).toBe('Scale')
    expect(findWireType('', 'v1', 'Pod')?.kind).toBe('Pod')
    expect(findWireType('', 'v1', 'Eviction')).toBeNull()
  })
})

describe('grace', () => {
  const pods = findKind('', 'v1', 'pods')
  const pod = (spec: object, phase: string) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {},
    spec: { containers: [], ...spec },
    status: { phase },
  })

  test.each([
    [{ nodeName: 'n' }, 'Running', 30],
    [{ nodeName: 'n', terminationGracePeriodSeconds: 5 }, 'Running', 5],
    [{ nodeName: 'n', terminationGracePeriodSeconds: 0 }, 'Running', 1],
    [{ nodeName: 'n' }, 'Succeeded', 0],
    [{}, 'Pending', 0],
  ])('a pod with %j that is %s gets %d seconds', (spec, phase, seconds) => {
    expect(pods?.gracePeriodSeconds(pod(spec, phase))).toBe(seconds)
  })
})
