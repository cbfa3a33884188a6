import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Pod } from '../../../api/types/core-pod.js'
import { deadlineOf } from '../../queue/scheduling-queue.js'
import { node, pod } from '../../testing/objects.js'
import { prioritySort } from '../plugins/gates-and-order.js'
import { defaultProfile } from '../profile.js'
import { ClusterState } from '../state/cluster-state.js'
import { noSurroundings } from '../state/snapshot.js'
import { parseQuestion, type WhatIfQuestion } from './question.js'
import { whatIf, type WhatIfAnswer } from './what-if.js'

const owned = (one: Pod, kind = 'ReplicaSet'): Pod => ({
  ...one,
  metadata: {
    ...one.metadata,
    ownerReferences: [{ apiVersion: 'apps/v1', kind, name: 'web', uid: 'set', controller: true }],
  },
})
const on = (nodeName: string, one: Pod): Pod => ({ ...one, spec: { ...one.spec, nodeName } })
const ready = (one: Pod): Pod => ({
  ...one,
  status: { conditions: [{ type: 'Ready', status: 'True' }] },
})

function clusterOf(nodes: readonly string[], pods: readonly Pod[]): ClusterState {
  const state = new ClusterState(noSurroundings)
  for (const name of nodes) state.setNode(node(name))
  for (const one of pods) state.setPod(one)
  return state
}

const nothing: WhatIfQuestion = {
  pods: [],
  nodes: { add: [], remove: [], cordon: [], uncordon: [], drain: [] },
  removePods: [],
  budgets: [],
}

type Asked = Partial<Omit<WhatIfQuestion, 'nodes'>> & { nodes?: Partial<WhatIfQuestion['nodes']> }

function ask(state: ClusterState, asked: Asked, pending: readonly Pod[] = []): WhatIfAnswer {
  const steps = whatIf({
    question: { ...nothing, ...asked, nodes: { ...nothing.nodes, ...asked.nodes } },
    state,
    pending,
    profileOf: () => defaultProfile,
    queueSort: (a, b) => prioritySort.queueSort?.(a, b) ?? 0,
    deadlineOf,
  })
  for (;;) {
    const step = steps.next()
    if (step.done === true) return step.value
  }
}

const moves = ({ arrivals }: WhatIfAnswer) =>
  arrivals.map(one => `${one.pod} ${one.from ?? '-'} -> ${one.node}`).toSorted()

describe('what if', () => {
  it('imagined pods came: they go where there is room, and what does not fit says why', () => {
    const state = clusterOf(['a', 'b'], [on('a', pod('old', { cpu: '3' }))])
    const answer = ask(state, { pods: [{ pod: pod('new', { cpu: '2' }), count: 3 }] })
    expect(moves(answer)).toEqual(['shop/new-1 - -> b', 'shop/new-2 - -> b'])
    expect(answer.stranded).toMatchObject([
      {
        pod: 'shop/new-3',
        cause: 'hypothetical',
        message: expect.stringContaining('0/2 nodes are available: 2 Insufficient cpu.'),
      },
    ])
    expect(state.nodes.map(one => one.pods.length)).toEqual([1, 0])
  })

  it('a node was drained: pods of controllers move, those of the node stay, others are lost', () => {
    const state = clusterOf(
      ['a', 'b'],
      [
        on('a', owned(pod('web'))),
        on('a', owned(pod('agent'), 'DaemonSet')),
        on('a', pod('alone')),
      ],
    )
    const answer = ask(state, { nodes: { drain: ['a'] } })
    expect(moves(answer)).toEqual(['shop/web a -> b'])
    expect(answer.departures).toEqual([
      { pod: 'shop/web', node: 'a', reason: 'drained', fate: 'moves', heldBy: [] },
      { pod: 'shop/alone', node: 'a', reason: 'drained', fate: 'lost', heldBy: [] },
    ])
  })

  it('a node went: what ran there goes too, and pods that find no room say so', () => {
    const state = clusterOf(
      ['a', 'b'],
      [on('a', owned(pod('web', { cpu: '3' }))), on('b', owned(pod('db', { cpu: '3' })))],
    )
    const answer = ask(state, { nodes: { remove: ['b'] } })
    expect(answer.nodes).toEqual({ before: 2, after: 1 })
    expect(answer.stranded).toMatchObject([{ pod: 'shop/db', cause: 'moved', from: 'b' }])
  })

  it('nodes came: pods that wait are placed', () => {
    const answer = ask(clusterOf([], []), { nodes: { add: [node('a')] } }, [pod('waits')])
    expect(answer.arrivals).toMatchObject([{ pod: 'shop/waits', cause: 'pending', node: 'a' }])
  })

  it('a cordon is heeded, and one that is lifted', () => {
    const state = clusterOf(['a', 'b'], [])
    const pods = [{ pod: pod('new'), count: 1 }]
    expect(moves(ask(state, { pods, nodes: { cordon: ['a'] } }))).toEqual(['shop/new - -> b'])
    const both = { cordon: ['b'], uncordon: ['a'] }
    expect(moves(ask(state, { pods, nodes: both }))).toEqual(['shop/new - -> a'])
  })

  it('a taint was set: who does not tolerate it goes', () => {
    const tolerant = pod('stays', { tolerations: [{ key: 'gpu', operator: 'Exists' }] })
    const state = clusterOf(['a', 'b'], [on('a', owned(pod('web'))), on('a', owned(tolerant))])
    const tainted = node('a', { taints: [{ key: 'gpu', effect: 'NoExecute' }] })
    const answer = ask(state, { nodes: { add: [tainted] } })
    expect(answer.departures).toMatchObject([{ pod: 'shop/web', reason: 'taint', fate: 'moves' }])
    expect(moves(answer)).toEqual(['shop/web a -> b'])
  })

  it('pods of higher priority came: others go for them, and look again', () => {
    const state = clusterOf(['a', 'b'], [on('a', owned(pod('low', { cpu: '4' })))])
    const urgent = pod('urgent', { cpu: '4', priority: 10, nodeName: '' })
    const answer = ask(state, { pods: [{ pod: urgent, count: 2 }] })
    expect(answer.arrivals).toMatchObject([
      { pod: 'shop/urgent-1', node: 'b', preempts: [] },
      { pod: 'shop/urgent-2', node: 'a', preempts: ['shop/low'] },
    ])
    expect(answer.departures).toMatchObject([{ pod: 'shop/low', reason: 'preempted' }])
    expect(answer.stranded).toMatchObject([{ pod: 'shop/low', from: 'a' }])
  })

  it('a budget was there: drains wait for it', () => {
    const web = (name: string) => ready(on('a', owned(pod(name, { labels: { app: 'web' } }))))
    const budget = {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { namespace: 'shop', name: 'web' },
      spec: { minAvailable: 1, selector: { matchLabels: { app: 'web' } } },
    }
    const state = clusterOf(['a', 'b'], [web('one'), web('two')])
    const answer = ask(state, { nodes: { drain: ['a'] }, budgets: [budget] })
    expect(answer.departures.map(one => one.heldBy)).toEqual([[], ['shop/web']])
  })

  it.each([
    [{ nodes: { drain: ['none'] } }, 'there is no node "none"'],
    [{ nodes: { remove: ['none'] } }, 'there is no node "none"'],
    [{ nodes: { cordon: ['none'] } }, 'there is no node "none"'],
    [{ removePods: ['shop/none'] }, 'no pod "shop/none" has a node'],
  ])('%j is refused', (asked, message) => {
    expect(() => ask(clusterOf(['a'], []), asked)).toThrow(message)
  })

  it('never overfills a node, never loses a pod, and leaves the state alone', () => {
    const names = ['a', 'b', 'c']
    const some = fc.subarray(names)
    const manyCpus = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 8 })
    fc.assert(
      fc.property(manyCpus, manyCpus, some, some, (running, imagined, drain, cordon) => {
        const state = new ClusterState(noSurroundings)
        for (const name of names) state.setNode(node(name))
        const left = new Map(names.map((name): [string, number] => [name, 4]))
        for (const [at, cpu] of running.entries()) {
          const free = names.find(name => (left.get(name) ?? 0) >= cpu)
          if (free === undefined) continue
          left.set(free, (left.get(free) ?? 0) - cpu)
          state.setPod(on(free, owned(pod(`old-${at}`, { cpu: String(cpu) }))))
        }
        const before = names.map(name => state.node(name)?.pods.map(({ key }) => key))
        const moving = drain.flatMap(name => state.node(name)?.pods.map(({ key }) => key) ?? [])
        const pods = imagined.map((cpu, at) => ({
          pod: pod(`new-${at}`, { cpu: String(cpu) }),
          count: 1,
        }))
        const answer = ask(state, { pods, nodes: { drain, cordon } })
        const seen = [...answer.arrivals, ...answer.stranded].map(one => one.pod)
        expect(seen.toSorted()).toEqual(
          [...moving, ...pods.map(({ pod: one }) => `shop/${one.metadata.name}`)].toSorted(),
        )
        const closed = new Set([...drain, ...cordon])
        expect(answer.arrivals.filter(one => closed.has(one.node))).toEqual([])
        const cpuOf = new Map([
          ...running.map((cpu, at): [string, number] => [`shop/old-${at}`, cpu]),
          ...imagined.map((cpu, at): [string, number] => [`shop/new-${at}`, cpu]),
        ])
        for (const [at, name] of names.entries()) {
          const staying = drain.includes(name) ? [] : (before[at] ?? [])
          const coming = answer.arrivals.filter(one => one.node === name).map(one => one.pod)
          const cpus = [...staying, ...coming].map(key => cpuOf.get(key) ?? 0)
          expect(cpus.reduce((sum, cpu) => sum + cpu, 0)).toBeLessThanOrEqual(4)
        }
        expect(names.map(name => state.node(name)?.pods.map(({ key }) => key))).toEqual(before)
      }),
    )
  })
})

describe('a question', () => {
  const parse = (text: string) => parseQuestion(new TextEncoder().encode(text))

  it('may leave everything out', () => {
    expect(parse('{}')).toEqual(nothing)
  })

  it.each([
    ['', 'is not JSON'],
    ['[]', 'is not an object'],
    ['{"pod": []}', 'there is no "pod": pods, nodes, removePods, budgets'],
    ['{"nodes": {"kill": []}}', 'there is no "nodes.kill"'],
    ['{"nodes": {"drain": [1]}}', 'drain is not a list of names'],
    ['{"nodes": {"drain": "a"}}', 'drain is not a list'],
    ['{"pods": [{"pod": {}}]}', 'it needs metadata and spec'],
    [
      '{"pods": [{"pod": {"metadata": {"name": "a"}, "spec": {"containers": []}}}]}',
      'needs namespace and name',
    ],
    [
      '{"pods": [{"pod": {"metadata": {"name": "a", "namespace": "b"}, "spec": {}}}]}',
      'needs containers',
    ],
    [
      '{"pods": [{"count": 5001, "pod": {"metadata": {"name": "a", "namespace": "b"}, "spec": {"containers": []}}}]}',
      'at most 5000',
    ],
    ['{"nodes": {"add": [{"metadata": {"name": "a"}}]}}', 'needs status.allocatable'],
    [
      '{"nodes": {"add": [{"metadata": {"name": "a"}, "status": {"allocatable": {"cpu": "x"}}}]}}',
      'is no quantity',
    ],
    ['{"budgets": [{}]}', 'needs namespace and name'],
  ])('%s: %s', (text, message) => {
    expect(() => parse(text)).toThrow(message)
  })
})
