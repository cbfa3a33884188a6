import { expect, test } from 'vitest'
import type { Pod } from '../../api/types/core-pod.js'
import { place, pod } from '../testing/objects.js'
import { explain, explainedNodesMax, unschedulableMessage } from './explanation.js'
import { nodesToFind, placePod } from './placement.js'
import { defaultProfile } from './profile.js'
import { stateOf } from './state/cluster-state.js'
import type { NodeInfo } from './state/node-info.js'
import { podInfo } from './state/pod-info.js'

const first = () => 0
const run = (one: Pod, nodes: readonly NodeInfo[], pick: (count: number) => number = first) =>
  placePod({
    pod: podInfo(one),
    snapshot: stateOf(nodes),
    profile: defaultProfile,
    start: 0,
    pick,
  })

test('the explanation names the filter of each node that was turned away and the scores of the rest', () => {
  const placement = run(pod('p', { cpu: '2' }), [
    place('full', {}, [pod('q', { cpu: '3' })]),
    place('cordoned', { unschedulable: true }),
    place('busy', {}, [pod('r', { cpu: '1' })]),
    place('empty'),
  ])
  const { chosen, rejected, best, nodes, rejections } = explain(placement)
  expect(chosen).toBe('empty')
  expect(nodes).toEqual({ total: 4, seen: 4, passed: 2 })
  expect(rejected.map(one => [one.node, one.plugin])).toEqual([
    ['full', 'NodeResourcesFit'],
    ['cordoned', 'NodeUnschedulable'],
  ])
  expect(rejections).toEqual([
    { plugin: 'NodeResourcesFit', reason: 'Insufficient cpu', nodes: 1 },
    { plugin: 'NodeUnschedulable', reason: 'node(s) were unschedulable', nodes: 1 },
  ])
  const [empty, busy] = best
  expect([empty?.node, busy?.node]).toEqual(['empty', 'busy'])
  expect(Object.keys(empty?.scores ?? {})).toContain('NodeResourcesFit')
  expect(empty?.total).toBe(Object.values(empty?.scores ?? {}).reduce((a, b) => a + b, 0))
  expect(empty?.total ?? 0).toBeGreaterThan(busy?.total ?? 0)
})

test('of many nodes the best are told of, the one that was picked among them, and of the rest how many', () => {
  const nodes = Array.from({ length: 80 }, (_, at) => place(`n${at}`))
  const full = Array.from({ length: 70 }, (_, at) => place(`f${at}`, { unschedulable: true }))
  const last = run(pod('p'), [...nodes, ...full], count => count - 1)
  const { chosen, best, rejected, rejections } = explain(last)
  expect(best).toHaveLength(explainedNodesMax)
  expect(best.map(one => one.node)).toContain(chosen)
  expect(rejected).toHaveLength(explainedNodesMax)
  expect(rejections).toMatchObject([{ plugin: 'NodeUnschedulable', nodes: 70 }])
})

test('of equally good nodes one is picked at random', () => {
  const nodes = ['a', 'b', 'c'].map(name => place(name))
  const chosen = [0, 1, 2].map(index => run(pod('p'), nodes, () => index).chosen?.name)
  expect(chosen).toEqual(['a', 'b', 'c'])
  expect(run(pod('p'), nodes, count => count - 1).chosen?.name).toBe('c')
})

test('the sentence counts the reasons, as the original words them', () => {
  const gpu = { taints: [{ key: 'gpu', value: 'yes', effect: 'NoSchedule' }] }
  const placement = run(pod('p', { cpu: '3', priority: 10 }), [
    place('a', {}, [pod('q', { cpu: '2', priority: 10 })]),
    place('b', gpu),
    place('c', gpu),
  ])
  expect(placement.chosen).toBeNull()
  expect(unschedulableMessage(placement, 'as it is.')).toBe(
    '0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {gpu: yes}. ' +
      'preemption: as it is.',
  )
})

test('without nodes it says so', () => {
  expect(unschedulableMessage(run(pod('p'), []), '')).toBe('no nodes available to schedule pods')
})

test('a pod that names its nodes is shown no others', () => {
  const matchFields = [{ key: 'metadata.name', operator: 'In', values: ['b', 'gone'] }]
  const required = { nodeSelectorTerms: [{ matchFields }] }
  const one = pod('p', {
    affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } },
  })
  const placement = run(one, [place('a'), place('b'), place('c')])
  expect([placement.chosen?.name, placement.rejected.length]).toEqual(['b', 0])
})

test('of a large cluster a part is looked at, and the next pod begins where that ended', () => {
  const snapshot = stateOf(Array.from({ length: 300 }, (_, at) => place(`n${at}`)))
  const inputs = { pod: podInfo(pod('p')), snapshot, profile: defaultProfile, pick: first }
  const one = placePod({ ...inputs, start: 0 })
  const two = placePod({ ...inputs, start: one.nextStart })
  const three = placePod({ ...inputs, start: two.nextStart })
  expect([one, two, three].map(({ feasible }) => feasible.length)).toEqual([144, 144, 144])
  const seen = new Set([one, two, three].flatMap(({ feasible }) => feasible))
  expect(seen.size).toBe(300)
})

const parts: readonly [total: number, percentage: number, found: number][] = [
  [10, 0, 10],
  [100, 0, 100],
  [1000, 0, 420],
  [5000, 0, 500],
  [6000, 0, 300],
  [100_000, 0, 5000],
  [1000, 5, 100],
  [1000, 30, 300],
  [1000, 100, 1000],
]
for (const [total, percentage, found] of parts) {
  test(`of ${total} nodes at ${percentage} percent ${found} are enough`, () => {
    expect(nodesToFind(total, percentage)).toBe(found)
  })
}

test('room that is kept for a pod is not given to one of lower priority', () => {
  const snapshot = stateOf([place('a')])
  snapshot.nominate(podInfo(pod('coming', { cpu: '3', priority: 10 })), 'a')
  const inputs = { snapshot, profile: defaultProfile, pick: first, start: 0 }
  const low = placePod({ ...inputs, pod: podInfo(pod('low', { cpu: '2', priority: 5 })) })
  const high = placePod({ ...inputs, pod: podInfo(pod('high', { cpu: '2', priority: 11 })) })
  expect([low.chosen?.name, high.chosen?.name]).toEqual([undefined, 'a'])
})
