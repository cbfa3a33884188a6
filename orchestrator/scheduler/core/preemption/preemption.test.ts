import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Pod } from '../../../api/types/core-pod.js'
import type { PodDisruptionBudget } from '../../../api/types/policy-disruption-budget.js'
import { place, pod, type PodShape } from '../../testing/objects.js'
import { placePod } from '../placement.js'
import { defaultProfile } from '../profile.js'
import { type ClusterState, stateOf } from '../state/cluster-state.js'
import { type NodeInfo, nodeInfo } from '../state/node-info.js'
import { podInfo, type PodInfo } from '../state/pod-info.js'
import { noSurroundings } from '../state/snapshot.js'
import { compareHarm, harmOf, planPreemption } from './preemption.js'

const first = () => 0

function stateWith(
  nodes: readonly NodeInfo[],
  budgets: readonly PodDisruptionBudget[] = [],
): ClusterState {
  return stateOf(nodes, { ...noSurroundings, budgets: () => budgets })
}

function plan(one: Pod, state: ClusterState) {
  const inputs = { pod: podInfo(one), snapshot: state, profile: defaultProfile, start: 0 }
  const placement = placePod({ ...inputs, pick: first })
  expect(placement.chosen).toBeNull()
  const { chosen, explanation, superseded } = planPreemption(placement, first)
  const victims = chosen?.victims.map(({ pod: { metadata } }) => metadata.name) ?? []
  return { node: chosen?.node ?? null, victims, explanation, superseded, chosen }
}

const low = (name: string, cpu: string, more: PodShape = {}) => pod(name, { cpu, ...more })
const high = (cpu: string, more: PodShape = {}) => pod('high', { cpu, priority: 10, ...more })
const started = (one: Pod, startTime: string): Pod => ({ ...one, status: { startTime } })

const budget = (app: string, disruptionsAllowed: number): PodDisruptionBudget => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: { namespace: 'shop', name: app },
  spec: { selector: { matchLabels: { app } } },
  status: { disruptionsAllowed },
})

describe('on one node', () => {
  test('no more go than must', () => {
    const nodes = [place('a', {}, [low('q', '1'), low('r', '1'), low('s', '2')])]
    expect(plan(high('2'), stateWith(nodes)).victims).toEqual(['s'])
    expect(plan(high('1'), stateWith(nodes)).victims).toHaveLength(1)
  })
  test('the less important go', () => {
    const nodes = [place('a', {}, [low('q', '2', { priority: 5 }), low('r', '2')])]
    expect(plan(high('2'), stateWith(nodes)).victims).toEqual(['r'])
  })
  test('of equals the youngest goes', () => {
    const nodes = [
      place('a', {}, [
        started(low('old', '2'), '2026-01-01T00:00:00Z'),
        started(low('young', '2'), '2026-01-02T00:00:00Z'),
      ]),
    ]
    expect(plan(high('2'), stateWith(nodes)).victims).toEqual(['young'])
  })
  test('nobody of the same priority goes', () => {
    const state = stateWith([place('a', {}, [low('q', '4', { priority: 10 })])])
    const { node, explanation } = plan(high('2'), state)
    expect(node).toBeNull()
    expect(explanation.message).toBe(
      '0/1 nodes are available: 1 No preemption victims found for incoming pod.',
    )
  })
  test('those whom a budget guards stay where others can go', () => {
    const guarded = { labels: { app: 'db' } }
    const nodes = [place('a', {}, [low('q', '2', guarded), low('r', '2', { priority: 1 })])]
    const result = plan(high('2'), stateWith(nodes, [budget('db', 0)]))
    expect([result.victims, result.explanation.budgetViolations]).toEqual([['r'], 0])
  })
  test('a budget is spent, and broken only when nothing else helps', () => {
    const guarded = { labels: { app: 'db' } }
    const nodes = [place('a', {}, [low('q', '2', guarded), low('r', '2', guarded)])]
    const one = plan(high('2'), stateWith(nodes, [budget('db', 1)]))
    expect(one.explanation.budgetViolations).toBe(0)
    const both = plan(high('4'), stateWith(nodes, [budget('db', 1)]))
    expect([both.victims.length, both.explanation.budgetViolations]).toEqual([2, 1])
  })
  test('what stands against the pod without them all is said', () => {
    const state = stateWith([
      place('a', { allocatable: { cpu: '4', memory: '8Gi', pods: '110' } }, [
        low('q', '1'),
        pod('r', { cpu: '3', priority: 20 }),
      ]),
    ])
    expect(plan(high('2'), state).explanation.message).toBe(
      '0/1 nodes are available: 1 Insufficient cpu.',
    )
  })
  test('anti-affinity is a reason to make room too', () => {
    const hermit = {
      affinity: {
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [
            {
              topologyKey: 'kubernetes.io/hostname',
              labelSelector: { matchLabels: { app: 'web' } },
            },
          ],
        },
      },
    }
    const state = stateWith([
      place('a', {}, [low('web', '1', { labels: { app: 'web' } }), low('other', '1')]),
    ])
    expect(plan(high('1', hermit), state).victims).toEqual(['web'])
    // What was tried has left no trace.
    expect(plan(high('1', hermit), state).victims).toEqual(['web'])
  })
})

describe('between nodes', () => {
  const victimsOf = (...shapes: PodShape[]) => shapes.map((shape, at) => low(`v${at}`, '4', shape))
  const rows: readonly [string, readonly Pod[], readonly Pod[]][] = [
    ['fewest broken budgets', victimsOf({ labels: { app: 'db' } }), victimsOf({ priority: 9 })],
    [
      'the lowest of the highest priorities',
      victimsOf({ priority: 5 }),
      victimsOf({ priority: 4 }),
    ],
    [
      'the smallest sum, of which every victim is a part',
      [low('v0', '2', { priority: 3 }), low('v1', '2', { priority: 3 })],
      victimsOf({ priority: 3 }),
    ],
    [
      'the latest start of those that matter most',
      [started(low('v0', '4'), '2026-01-01T00:00:00Z')],
      [started(low('v0', '4'), '2026-01-02T00:00:00Z')],
    ],
  ]
  for (const [what, worse, better] of rows) {
    test(what, () => {
      const rename = (pods: readonly Pod[], suffix: string) =>
        pods.map(one => ({
          ...one,
          metadata: { ...one.metadata, uid: `${one.metadata.uid}${suffix}` },
        }))
      const nodes = [
        place('worse', {}, rename(worse, 'w')),
        place('better', {}, rename(better, 'b')),
      ]
      for (const order of [nodes, nodes.toReversed()]) {
        expect(plan(high('4'), stateWith(order, [budget('db', 0)])).node).toBe('better')
      }
    })
  }
})

test('a pod that may not have others removed says so', () => {
  const state = stateWith([place('a', {}, [low('q', '4')])])
  const { node, explanation } = plan(high('2', { preemptionPolicy: 'Never' }), state)
  expect([node, explanation.message]).toEqual([null, 'not eligible due to preemptionPolicy=Never.'])
})

test('while those who leave for a pod are on their way, nobody else goes', () => {
  const leaving: Pod = {
    ...low('q', '4'),
    metadata: { ...low('q', '4').metadata, deletionTimestamp: '2026-01-01T00:00:00Z' },
    status: {
      conditions: [{ type: 'DisruptionTarget', status: 'True', reason: 'PreemptionByScheduler' }],
    },
  }
  const state = stateWith([place('a', {}, [leaving]), place('b', {}, [low('r', '4')])])
  const nominated: Pod = { ...high('2'), status: { nominatedNodeName: 'a' } }
  const { node, explanation } = plan(nominated, state)
  expect([node, explanation.message]).toEqual([
    null,
    'not eligible due to a terminating pod on the nominated node.',
  ])
})

test('those of lower priority that were nominated there have to look again', () => {
  const state = stateWith([place('a', {}, [low('q', '4')])])
  state.nominate(podInfo(pod('earlier', { cpu: '1', priority: 5 })), 'a')
  const { superseded } = plan(high('4'), state)
  expect(superseded.map(({ key }) => key)).toEqual(['shop/earlier'])
})

test('where nothing that leaves would help it says that', () => {
  const state = stateWith([place('a', { unschedulable: true }, [low('q', '4')]), place('b')])
  const { explanation } = plan(high('9'), state)
  expect(explanation.message).toBe(
    '0/2 nodes are available: 2 Preemption is not helpful for scheduling.',
  )
})

// Against all ways there are.

const victim = fc.record({
  cpu: fc.integer({ min: 1, max: 3 }),
  priority: fc.integer({ min: 0, max: 4 }),
  guarded: fc.boolean(),
})
const crowd = fc.array(victim, { minLength: 1, maxLength: 4 })

function subsets<T>(items: readonly T[]): readonly (readonly T[])[] {
  return items.reduce<readonly (readonly T[])[]>(
    (known, item) => [...known, ...known.map(subset => [...subset, item])],
    [[]],
  )
}

test('no smaller set of victims would do, and no other node is a lesser harm', () => {
  fc.assert(
    fc.property(
      fc.array(crowd, { minLength: 1, maxLength: 3 }),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 0, max: 2 }),
      (crowds, cpu, allowed) => {
        const nodes = crowds.map((pods, at) =>
          place(
            `n${at}`,
            { allocatable: { cpu: '5', memory: '8Gi', pods: '110' } },
            pods.map((shape, which) =>
              low(`p${at}-${which}`, String(shape.cpu), {
                priority: shape.priority,
                labels: shape.guarded ? { app: 'db' } : {},
              }),
            ),
          ),
        )
        const fits = ({ node, pods }: NodeInfo, gone: readonly PodInfo[]) => {
          const left = pods.filter(one => !gone.some(({ uid }) => uid === one.uid))
          const used = nodeInfo(
            node,
            left.map(one => one.pod),
          ).requested.milliCpu
          return used + cpu * 1000 <= 5000
        }
        const incoming = pod('high', { cpu: String(cpu), priority: 3 })
        if (nodes.some(node => fits(node, []))) return
        const { chosen } = plan(incoming, stateWith(nodes, [budget('db', allowed)]))
        const possible = nodes.flatMap(node => {
          const lower = node.pods.filter(({ priority }) => priority < 3)
          return subsets(lower)
            .filter(gone => fits(node, gone))
            .map(gone => ({ node, gone }))
        })
        expect(chosen !== null).toBe(possible.length > 0)
        if (!chosen) return
        const { victims } = chosen
        expect(victims.every(({ priority }) => priority < 3)).toBe(true)
        const own = nodes.find(({ name }) => name === chosen.node)
        if (!own) throw new Error('a node that is not there')
        expect(fits(own, victims)).toBe(true)
        for (const spared of victims) {
          expect(
            fits(
              own,
              victims.filter(one => one !== spared),
            ),
          ).toBe(false)
        }
        for (const node of nodes) {
          const alone = plan(incoming, stateWith([node], [budget('db', allowed)])).chosen
          if (alone) expect(compareHarm(harmOf(chosen), harmOf(alone))).toBeLessThanOrEqual(0)
        }
        const highest = (gone: readonly PodInfo[]) =>
          Math.max(...gone.map(({ priority }) => priority))
        if (crowds.flat().filter(({ guarded }) => guarded).length > allowed) return
        // Where no budget is in the way, nobody more important goes than must anywhere.
        expect(highest(victims)).toBe(Math.min(...possible.map(({ gone }) => highest(gone))))
      },
    ),
    { numRuns: 1500 },
  )
})
