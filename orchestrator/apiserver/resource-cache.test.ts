import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { KubeObject } from '../api/object.js'
import { ResourceCache } from './resource-cache.js'
import { encodeObject, StoredObject } from './stored-object.js'

const stored = (name: string, revision: number, size = 0) =>
  new StoredObject(
    `/registry/core/configmaps/${name}`,
    revision,
    encodeObject({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name },
      data: { x: 'a'.repeat(size) },
    } as KubeObject),
  )

type Step = { readonly name: string; readonly remove: boolean }

const steps = fc.array(
  fc.record({ name: fc.constantFrom('a/1', 'a/2', 'a-b/1', 'b/1', 'c'), remove: fc.boolean() }),
  { maxLength: 60 },
)

function apply(cache: ResourceCache, script: readonly Step[]): Map<string, number> {
  const model = new Map<string, number>()
  let revision = 10
  for (const { name, remove } of script) {
    revision++
    if (remove) {
      cache.delete(`/registry/core/configmaps/${name}`, revision)
      model.delete(name)
    } else {
      cache.put(stored(name, revision))
      model.set(name, revision)
    }
  }
  return model
}

describe('the cache of one resource', () => {
  test('holds and lists what a plain map holds, by key', () => {
    fc.assert(
      fc.property(steps, script => {
        const cache = new ResourceCache('core/configmaps', 10)
        const model = apply(cache, script)
        const prefix = '/registry/core/configmaps/'
        const expected = [...model.keys()].map(name => prefix + name).sort()
        expect(cache.list(prefix).map(({ key }) => key)).toEqual(expected)
        const inA = expected.filter(key => key.startsWith(`${prefix}a/`))
        expect(cache.list(`${prefix}a/`).map(({ key }) => key)).toEqual(inA)
        for (const [name, revision] of model) {
          expect(cache.get(prefix + name)?.revision).toBe(revision)
        }
      }),
    )
  })

  test('its events, replayed from any revision in the window, give the same state', () => {
    fc.assert(
      fc.property(steps, fc.nat(60), fc.integer({ min: 2, max: 20 }), (script, back, eventsMax) => {
        const cut = Math.min(back, script.length)
        const cache = new ResourceCache('core/configmaps', 10, { eventsMax, bytesMax: 1e9 })
        const early = new ResourceCache('core/configmaps', 10)
        apply(cache, script)
        const state = apply(early, script.slice(0, cut))
        let cursor = cache.cursorBehind(10 + cut)
        if (cursor === null) {
          expect(10 + cut).toBeLessThan(cache.windowStart)
          return
        }
        for (;;) {
          const event = cache.eventAt(cursor++)
          if (event === undefined) break
          expect(event).not.toBeNull()
          const name = event?.object.object.metadata.name ?? ''
          if (event?.type === 'DELETED') expect(state.delete(name)).toBe(true)
          else {
            expect(state.has(name)).toBe(event?.type === 'MODIFIED')
            state.set(name, event?.revision ?? 0)
          }
        }
        expect(state).toEqual(apply(new ResourceCache('core/configmaps', 10), script))
      }),
    )
  })

  test('the window is bounded by bytes, and a cursor that fell out of it is told so', () => {
    const cache = new ResourceCache('core/configmaps', 0, { eventsMax: 1000, bytesMax: 5000 })
    const cursor = cache.endSequence
    for (let revision = 1; revision <= 10; revision++) cache.put(stored('a', revision, 1000))
    expect(cache.eventAt(cursor)).toBeNull()
    expect(cache.cursorBehind(1)).toBeNull()
    expect(cache.cursorBehind(cache.windowStart)).not.toBeNull()
    expect(cache.eventAt(cache.endSequence)).toBeUndefined()
  })

  test('a replayed change is no second event', () => {
    const cache = new ResourceCache('core/configmaps', 0)
    cache.put(stored('a', 5))
    const end = cache.endSequence
    cache.put(stored('a', 5))
    cache.delete('/registry/core/configmaps/a', 4)
    expect(cache.endSequence).toBe(end)
  })
})

describe('stored bytes', () => {
  test('are served with the resourceVersion put in, and parse to the same object', () => {
    for (const metadata of [{}, { name: 'x' }, { name: '"metadata":{', labels: { a: '}' } }]) {
      const object = { apiVersion: 'v1', kind: 'ConfigMap', metadata }
      const one = new StoredObject('k', 7, encodeObject(object))
      const served: unknown = JSON.parse(Buffer.concat(one.chunks()).toString())
      expect(served).toEqual({ ...object, metadata: { ...metadata, resourceVersion: '7' } })
      expect(one.object).toEqual(served)
    }
  })

  test('written by somebody else are served all the same', () => {
    const raw = new TextEncoder().encode('{ "metadata": {"name":"x"}, "kind":"K" }')
    const one = new StoredObject('k', 7, raw)
    expect(JSON.parse(Buffer.concat(one.chunks()).toString())).toEqual({
      metadata: { name: 'x', resourceVersion: '7' },
      kind: 'K',
    })
  })
})
