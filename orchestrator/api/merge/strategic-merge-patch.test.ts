import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { JsonObject } from '../object.js'
import { deployment } from '../schema/apps.js'
import { configMap } from '../schema/core-config.js'
import { pod } from '../schema/core-pod.js'
import { service } from '../schema/core-service.js'
import { ApiError } from '../status.js'
import { strategicMergePatch } from './strategic-merge-patch.js'

/** A pod's spec before and after. */
function patchSpec(spec: JsonObject, patch: JsonObject): unknown {
  return strategicMergePatch(pod, { spec }, { spec: patch })['spec']
}

describe('lists with a merge key', () => {
  const two = {
    containers: [
      { name: 'a', image: 'x', tty: true },
      { name: 'b', image: 'y' },
    ],
  }

  test('elements merge by key, and new ones come as early as the patch has them', () => {
    const patch = { containers: [{ name: 'a', image: 'z' }, { name: 'c' }] }
    expect(patchSpec(two, patch)).toEqual({
      containers: [{ name: 'a', image: 'z', tty: true }, { name: 'c' }, { name: 'b', image: 'y' }],
    })
  })

  test('$patch delete removes an element', () => {
    const patch = { containers: [{ name: 'a', $patch: 'delete' }] }
    expect(patchSpec(two, patch)).toEqual({ containers: [{ name: 'b', image: 'y' }] })
  })

  test('$patch replace in an element replaces the whole list', () => {
    const patch = { containers: [{ $patch: 'replace' }, { name: 'c' }] }
    expect(patchSpec(two, patch)).toEqual({ containers: [{ name: 'c' }] })
  })

  test('$patch replace in one with a key does, too, and says nothing else', () => {
    const patch = { containers: [{ name: 'a', $patch: 'replace', image: 'n' }, { name: 'd' }] }
    expect(patchSpec(two, patch)).toEqual({ containers: [{ name: 'd' }] })
  })

  test('an element that is deleted and stated is made anew', () => {
    const patch = {
      containers: [
        { name: 'a', image: 'n' },
        { name: 'a', $patch: 'delete' },
      ],
    }
    expect(patchSpec(two, patch)).toEqual({
      containers: [
        { name: 'a', image: 'n' },
        { name: 'b', image: 'y' },
      ],
    })
  })

  test('$patch merge is what happens anyway', () => {
    const patch = { containers: [{ name: 'a', $patch: 'merge', image: 'n' }] }
    expect(patchSpec(two, patch)).toMatchObject({ containers: [{ name: 'a', image: 'n' }, {}] })
  })

  test('$setElementOrder sorts, and what only the server has keeps its distance from the front', () => {
    const spec = { containers: [{ name: 'a' }, { name: 'side' }, { name: 'b' }] }
    const patch = {
      '$setElementOrder/containers': [{ name: 'b' }, { name: 'new' }, { name: 'a' }],
      containers: [{ name: 'new' }],
    }
    expect(patchSpec(spec, patch)).toEqual({
      containers: [{ name: 'side' }, { name: 'b' }, { name: 'new' }, { name: 'a' }],
    })
  })

  test('null removes a field of an element', () => {
    const patch = { containers: [{ name: 'a', tty: null }] }
    expect(patchSpec(two, patch)).toMatchObject({ containers: [{ name: 'a', image: 'x' }, {}] })
  })

  test('nested lists merge too, by their own keys', () => {
    const spec = { containers: [{ name: 'a', env: [{ name: 'X', value: '1' }] }] }
    const patch = { containers: [{ name: 'a', env: [{ name: 'Y', value: '2' }] }] }
    expect(patchSpec(spec, patch)).toEqual({
      containers: [
        {
          name: 'a',
          env: [
            { name: 'Y', value: '2' },
            { name: 'X', value: '1' },
          ],
        },
      ],
    })
  })

  test('numbers serve as keys', () => {
    const original = { spec: { ports: [{ port: 80, name: 'a' }] } }
    const patch = { spec: { ports: [{ port: 80, name: 'b' }, { port: 81 }] } }
    expect(strategicMergePatch(service, original, patch)).toEqual({
      spec: { ports: [{ port: 80, name: 'b' }, { port: 81 }] },
    })
  })

  test('an element without its key is a bad request', () => {
    expect(() => patchSpec(two, { containers: [{ image: 'x' }] })).toThrow(ApiError)
  })
})

describe('other lists', () => {
  test('lists without a strategy are replaced', () => {
    const spec = { tolerations: [{ key: 'a' }], containers: [{ name: 'c', args: ['1', '2'] }] }
    const patch = { tolerations: [{ key: 'b' }], containers: [{ name: 'c', args: ['3'] }] }
    expect(patchSpec(spec, patch)).toEqual({
      tolerations: [{ key: 'b' }],
      containers: [{ name: 'c', args: ['3'] }],
    })
  })

  test('finalizers merge as a set, and $deleteFromPrimitiveList takes out', () => {
    const original = { metadata: { finalizers: ['a/1', 'b/2'] } }
    const patch = {
      metadata: { finalizers: ['c/3', 'a/1'], '$deleteFromPrimitiveList/finalizers': ['b/2'] },
    }
    expect(strategicMergePatch(pod, original, patch)).toEqual({
      metadata: { finalizers: ['c/3', 'a/1'] },
    })
  })
})

describe('objects', () => {
  test('$retainKeys drops what it does not name', () => {
    const original = {
      spec: { strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } },
    }
    const patch = { spec: { strategy: { $retainKeys: ['type'], type: 'Recreate' } } }
    expect(strategicMergePatch(deployment, original, patch)).toEqual({
      spec: { strategy: { type: 'Recreate' } },
    })
  })

  test('a volume changes its source with $retainKeys', () => {
    const spec = { volumes: [{ name: 'v', emptyDir: {} }] }
    const patch = {
      volumes: [{ $retainKeys: ['name', 'hostPath'], name: 'v', hostPath: { path: '/x' } }],
    }
    expect(patchSpec(spec, patch)).toEqual({ volumes: [{ name: 'v', hostPath: { path: '/x' } }] })
  })

  test('$patch replace and delete work on objects, and delete leaves an empty one', () => {
    const spec = { nodeSelector: { a: '1' }, securityContext: { runAsUser: 1 } }
    const patch = {
      nodeSelector: { $patch: 'replace', b: '2' },
      securityContext: { $patch: 'delete' },
    }
    expect(patchSpec(spec, patch)).toEqual({ nodeSelector: { b: '2' }, securityContext: {} })
    expect(patchSpec({}, { securityContext: { $patch: 'delete' } })).toEqual({})
  })

  test('labels merge and null removes one', () => {
    const original = { metadata: { labels: { a: '1', b: '2' } } }
    const patch = { metadata: { labels: { a: null, c: '3' } } }
    expect(strategicMergePatch(pod, original, patch)).toEqual({
      metadata: { labels: { b: '2', c: '3' } },
    })
  })

  test('an empty object in the patch is kept', () => {
    expect(patchSpec({}, { volumes: [{ name: 'v', emptyDir: {} }] })).toEqual({
      volumes: [{ name: 'v', emptyDir: {} }],
    })
  })

  test.each<JsonObject>([
    { metadata: { $patch: 'explode' } },
    { metadata: { $retainKeys: 'x' } },
    { spec: { containers: ['x'] } },
    { spec: { containers: { name: 'x' }, '$setElementOrder/containers': [] } },
  ])('%j is a bad request', patch => {
    expect(() => strategicMergePatch(pod, { spec: { containers: [] } }, patch)).toThrow(ApiError)
  })
})

test('on data without lists it does what a merge patch does, twice as well as once', () => {
  const data = fc.dictionary(fc.constantFrom('a', 'b', '__proto__'), fc.string())
  const patches = fc.dictionary(
    fc.constantFrom('a', 'b', '__proto__'),
    fc.option(fc.string(), { nil: null }),
  )
  fc.assert(
    fc.property(data, patches, (before, patch) => {
      const original: JsonObject = { data: before }
      const text = JSON.stringify(original)
      const once = strategicMergePatch(configMap, original, { data: patch })
      expect(strategicMergePatch(configMap, once, { data: patch })).toEqual(once)
      const expected = Object.entries({ ...before, ...patch }).filter(([, v]) => v !== null)
      expect(new Map(Object.entries(once['data'] ?? {}))).toEqual(new Map(expected))
      expect(JSON.stringify(original)).toBe(text)
    }),
  )
})

// The dumb model of a keyed list: contents by a map, order by moving one thing at a time.
interface Container {
  readonly name: string
  readonly image?: string
  readonly tty?: boolean
}
interface ContainerPatch extends Container {
  readonly $patch?: 'delete'
}

function modelOf(
  current: readonly Container[],
  patch: readonly ContainerPatch[],
  order: readonly string[] | null,
): readonly Container[] {
  const deleted = new Set(patch.filter(p => p.$patch === 'delete').map(p => p.name))
  const left = current.filter(({ name }) => !deleted.has(name))
  const contents = new Map(left.map(item => [item.name, item]))
  const stated = patch.filter(p => p.$patch !== 'delete')
  for (const item of stated) contents.set(item.name, { ...contents.get(item.name), ...item })
  const names = (order ?? stated.map(({ name }) => name)).filter(name => contents.has(name))
  const front = [...new Set(names.toReversed())].toReversed()
  const back = left.map(({ name }) => name).filter(name => !front.includes(name))
  const place = (name: string | undefined) => left.findIndex(item => item.name === name)
  const sorted: string[] = []
  while (front.length > 0 || back.length > 0) {
    const before = front.length === 0 || (back.length > 0 && place(back[0]) < place(front[0]))
    sorted.push((before ? back : front).shift() ?? '')
  }
  return sorted.flatMap(name => contents.get(name) ?? [])
}

test('keyed lists end up as in the dumb model', () => {
  const names = ['a', 'b', 'c', 'd', 'e']
  const fields = {
    name: fc.constantFrom(...names),
    image: fc.constantFrom('x', 'y'),
    tty: fc.boolean(),
  }
  const container = fc.record(fields, { requiredKeys: ['name'] })
  const list = fc.uniqueArray(container, { selector: ({ name }) => name })
  const entry = fc.record(
    { ...fields, $patch: fc.constant('delete' as const) },
    { requiredKeys: ['name'] },
  )
  const patches = fc.uniqueArray(entry, { selector: ({ name }) => name })
  fc.assert(
    fc.property(
      list,
      patches,
      fc.boolean(),
      fc.shuffledSubarray(names),
      (before, patch, ordered, some) => {
        const stated = patch.filter(item => item.$patch !== 'delete').map(({ name }) => name)
        const order = ordered ? [...new Set([...some, ...stated])] : null
        const directive =
          order === null ? {} : { '$setElementOrder/containers': order.map(name => ({ name })) }
        const patched = patchSpec({ containers: before }, { containers: patch, ...directive })
        expect(patched).toEqual({ containers: modelOf(before, patch, order) })
      },
    ),
  )
})
