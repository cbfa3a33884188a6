import { expect, test } from 'vitest'
import { podInfo } from './node-info.js'
import { placePod, unschedulableMessage } from './placement.js'
import { place, pod } from './testing/objects.js'

const first = () => 0

test('the explanation names the filter of each node that was turned away and the scores of the rest', () => {
  const placement = placePod({
    pod: podInfo(pod('p', { cpu: '2' })),
    nodes: [
      place('full', {}, [pod('q', { cpu: '3' })]),
      place('cordoned', { unschedulable: true }),
      place('busy', {}, [pod('r', { cpu: '1' })]),
      place('empty'),
    ],
    kin: [],
    pick: first,
  })
  expect(placement.chosen).toBe('empty')
  expect(placement.nodes.map(one => [one.node, one.rejection?.filter ?? 'passed'])).toEqual([
    ['full', 'NodeResourcesFit'],
    ['cordoned', 'NodeUnschedulable'],
    ['busy', 'passed'],
    ['empty', 'passed'],
  ])
  const [full, , busy, empty] = placement.nodes
  expect(full?.scores).toEqual({})
  expect(Object.keys(empty?.scores ?? {})).toContain('NodeResourcesFit')
  expect(empty?.total).toBe(Object.values(empty?.scores ?? {}).reduce((a, b) => a + b, 0))
  expect(empty?.total ?? 0).toBeGreaterThan(busy?.total ?? 0)
})

test('of equally good nodes one is picked at random', () => {
  const nodes = ['a', 'b', 'c'].map(name => place(name))
  const inputs = { pod: podInfo(pod('p')), nodes, kin: [] }
  const chosen = [0, 1, 2].map(index => placePod({ ...inputs, pick: () => index }).chosen)
  expect(chosen).toEqual(['a', 'b', 'c'])
  expect(placePod({ ...inputs, pick: count => count - 1 }).chosen).toBe('c')
})

test('the sentence counts the reasons, as the original words them', () => {
  const placement = placePod({
    pod: podInfo(pod('p', { cpu: '3', priority: 10 })),
    nodes: [
      place('a', {}, [pod('q', { cpu: '2', priority: 10 })]),
      place('b', { taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] }),
      place('c', { taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] }),
    ],
    kin: [],
    pick: first,
  })
  expect(placement.chosen).toBeNull()
  expect(unschedulableMessage(placement)).toBe(
    '0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {gpu: yes}. ' +
      'preemption: 0/3 nodes are available: 1 No preemption victims found for incoming pod, ' +
      '2 Preemption is not helpful for scheduling.',
  )
})

test('pods of lower priority are not called no victims', () => {
  const placement = placePod({
    pod: podInfo(pod('p', { cpu: '3', priority: 10 })),
    nodes: [place('a', {}, [pod('q', { cpu: '2' })])],
    kin: [],
    pick: first,
  })
  expect(unschedulableMessage(placement)).toContain('1 Pods of lower priority are left running')
})

test('without nodes it says so', () => {
  const placement = placePod({ pod: podInfo(pod('p')), nodes: [], kin: [], pick: first })
  expect(unschedulableMessage(placement)).toBe('no nodes available to schedule pods')
})
