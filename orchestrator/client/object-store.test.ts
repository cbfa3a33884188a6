import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { KubeObject } from '../api/object.js'
import { byLabel, labelIndex, ObjectStore } from './object-store.js'
import { objectKey } from './resources.js'

test('indexes say what a scan of all objects says, whatever the changes', () => {
  const change = fc.record({
    remove: fc.boolean(),
    namespace: fc.constantFrom('n1', 'n2'),
    name: fc.constantFrom('a', 'b', 'c'),
    value: fc.option(fc.constantFrom('x', 'y'), { nil: undefined }),
  })
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), changes => {
      const store = new ObjectStore<KubeObject>()
      store.addIndex(labelIndex('app'), byLabel('app'))
      const model = new Map<string, KubeObject>()
      for (const { remove, namespace, name, value } of changes) {
        const labels = value === undefined ? {} : { labels: { app: value } }
        const metadata = { namespace, name, ...labels }
        const object = { apiVersion: 'v1', kind: 'Pod', metadata }
        if (remove) {
          expect(store.delete(objectKey(object))).toBe(model.get(objectKey(object)))
          model.delete(objectKey(object))
        } else {
          store.set(object)
          model.set(objectKey(object), object)
        }
      }
      for (const namespace of ['n1', 'n2']) {
        for (const value of ['x', 'y']) {
          const found = new Set(store.byIndex(labelIndex('app'), `${namespace}/${value}`))
          const scanned = [...model.values()].filter(
            one => one.metadata.namespace === namespace && one.metadata.labels?.['app'] === value,
          )
          expect(found).toEqual(new Set(scanned))
        }
      }
      expect(store.size).toBe(model.size)
    }),
  )
})

test('asking an index that was never added is a broken invariant', () => {
  expect(() => new ObjectStore().byIndex('none', 'x')).toThrow('no index none')
})
