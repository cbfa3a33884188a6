import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Pod } from '../../../api/types/core-pod.js'
import { ClusterState } from './cluster-state.js'
import { node, pod } from '../../testing/objects.js'

const requested = (state: ClusterState, name: string) =>
  state.nodes.find(one => one.name === name)?.requested.milliCpu ?? 0

test('an assumed pod takes room at once, and gives it back when its bind fails', () => {
  const state = new ClusterState()
  state.setNode(node('n1'))
  state.assume(pod('p', { cpu: '1' }), 'n1')
  expect(requested(state, 'n1')).toBe(1000)
  state.forget('uid-p')
  expect(requested(state, 'n1')).toBe(0)
})

test('a pod that the informer has shown is not forgotten by a late failure', () => {
  const state = new ClusterState()
  state.setNode(node('n1'))
  state.assume(pod('p', { cpu: '1' }), 'n1')
  state.setPod(pod('p', { cpu: '1', nodeName: 'n1' }))
  state.forget('uid-p')
  expect(requested(state, 'n1')).toBe(1000)
})

test('a pod bound elsewhere than assumed takes room there alone', () => {
  const state = new ClusterState()
  state.setNode(node('n1'))
  state.setNode(node('n2'))
  state.assume(pod('p', { cpu: '1' }), 'n1')
  state.setPod(pod('p', { cpu: '1', nodeName: 'n2' }))
  expect([requested(state, 'n1'), requested(state, 'n2')]).toEqual([0, 1000])
})

test('pods of a node that comes later are counted', () => {
  const state = new ClusterState()
  state.setPod(pod('p', { cpu: '1', nodeName: 'n1' }))
  expect(state.nodes).toEqual([])
  state.setNode(node('n1'))
  expect(requested(state, 'n1')).toBe(1000)
})

test('what is requested is the sum over the pods there, whatever happened before', () => {
  const names = ['p', 'q', 'r']
  const change = fc.record({
    what: fc.constantFrom('bind', 'assume', 'forget', 'remove', 'drop-node', 'add-node'),
    pod: fc.constantFrom(...names),
    node: fc.constantFrom('n1', 'n2'),
  })
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), changes => {
      const state = new ClusterState()
      const where = new Map<string, { readonly node: string; readonly assumed: boolean }>()
      const nodes = new Set<string>()
      const amount = (name: string) => names.indexOf(name) + 1
      const make = (name: string, more: Partial<Pod['spec']> = {}) =>
        pod(name, { cpu: String(amount(name)), priority: amount(name), ...more })
      for (const { what, pod: name, node: nodeName } of changes) {
        if (what === 'bind') {
          state.setPod(make(name, { nodeName }))
          where.set(name, { node: nodeName, assumed: false })
        } else if (what === 'assume' && !where.has(name)) {
          state.assume(make(name), nodeName)
          where.set(name, { node: nodeName, assumed: true })
        } else if (what === 'forget') {
          state.forget(`uid-${name}`)
          if (where.get(name)?.assumed) where.delete(name)
        } else if (what === 'remove') {
          state.removePod(`uid-${name}`)
          where.delete(name)
        } else if (what === 'drop-node') {
          state.removeNode(nodeName)
          nodes.delete(nodeName)
        } else if (what === 'add-node') {
          state.setNode(node(nodeName))
          nodes.add(nodeName)
        }
        expect(new Set(state.nodes.map(one => one.name))).toEqual(nodes)
        for (const one of nodes) {
          const sum = [...where]
            .filter(([, at]) => at.node === one)
            .reduce((total, [podName]) => total + amount(podName) * 1000, 0)
          expect(requested(state, one)).toBe(sum)
          const there = [...where].filter(([, at]) => at.node === one)
          const lowest = Math.min(...there.map(([podName]) => amount(podName)))
          expect(state.node(one)?.lowestPriority).toBe(lowest)
        }
      }
    }),
  )
})
