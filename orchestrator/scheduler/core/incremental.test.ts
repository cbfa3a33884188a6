import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Node } from '../../api/types/core-node.js'
import type { Pod } from '../../api/types/core-pod.js'
import { placePod } from './placement.js'
import type { PluginName } from './plugin.js'
import { defaultProfile } from './profile.js'
import { ClusterState } from './state/cluster-state.js'
import { podInfo } from './state/pod-info.js'
import { noSurroundings } from './state/snapshot.js'
import { NaiveModel, type Place } from './testing/naive-model.js'
import { namespaceLabels, nodeNamed, podNamed } from './testing/random-clusters.js'

const labelsOf: Readonly<Record<string, Readonly<Record<string, string>>>> = namespaceLabels
const nodeNames = ['n1', 'n2', 'n3', 'n4']
const podNames = ['p1', 'p2', 'p3', 'p4', 'p5', 'p6']
const nodeChange = fc.constantFrom(...nodeNames).chain(nodeNamed)
const podChange = fc.constantFrom(...podNames).chain(podNamed)
const step = fc.oneof(
  { weight: 2, arbitrary: fc.record({ set: nodeChange }) },
  { weight: 1, arbitrary: fc.record({ drop: fc.constantFrom(...nodeNames) }) },
  {
    weight: 4,
    arbitrary: fc.record({ bind: podChange, to: fc.constantFrom(...nodeNames) }),
  },
  { weight: 1, arbitrary: fc.record({ remove: fc.constantFrom(...podNames) }) },
)

class Cluster {
  readonly state = new ClusterState({
    ...noSurroundings,
    namespaceLabels: name => labelsOf[name],
  })
  private readonly nodes = new Map<string, Node>()
  private readonly pods = new Map<string, { readonly pod: Pod; readonly at: string }>()

  setNode(node: Node): void {
    this.state.setNode(node)
    this.nodes.set(node.metadata.name ?? '', node)
  }

  dropNode(name: string): void {
    this.state.removeNode(name)
    this.nodes.delete(name)
  }

  bind(pod: Pod, at: string): void {
    const placed = { ...pod, spec: { ...pod.spec, nodeName: at } }
    this.state.setPod(placed)
    this.pods.set(pod.metadata.uid ?? '', { pod: placed, at })
  }

  remove(name: string): void {
    this.state.removePod(`uid-${name}`)
    this.pods.delete(`uid-${name}`)
  }

  get places(): readonly Place[] {
    return [...this.nodes.values()].map(node => ({
      node,
      pods: [...this.pods.values()]
        .filter(({ at }) => at === node.metadata.name)
        .map(({ pod }) => pod),
    }))
  }

  check(pod: Pod): void {
    const model = new NaiveModel(this.places, labelsOf)
    const placement = placePod({
      pod: podInfo(pod),
      snapshot: this.state,
      profile: defaultProfile,
      start: 0,
      pick: () => 0,
    })
    const feasible = placement.feasible.map(({ name }) => name)
    expect(new Set(feasible)).toEqual(new Set(model.feasible(pod)))
    const placeOf = (name: string) => this.places.find(one => one.node.metadata.name === name)
    const raw = (name: PluginName) => {
      const inputs = { pod: podInfo(pod), snapshot: this.state, nodes: placement.feasible }
      return defaultProfile.plugins.get(name)?.score?.(inputs) ?? null
    }
    const attraction = raw('InterPodAffinity')
    const spread = raw('PodTopologySpread')
    const hasSoft = (pod.spec.topologySpreadConstraints ?? []).some(
      ({ whenUnsatisfiable }) => whenUnsatisfiable === 'ScheduleAnyway',
    )
    for (const node of placement.feasible) {
      const place = placeOf(node.name)
      if (!place) throw new Error('a node that is not there')
      expect(attraction?.score(node) ?? 0).toBe(model.attraction(pod, place))
      const cost = hasSoft ? (model.spreadCost(pod, place, feasible) ?? -1) : 0
      expect(spread?.score(node) ?? 0).toBe(cost)
    }
  }
}

test('after any changes the core finds the nodes and scores that a walk over everything finds', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 15 }), podNamed('asked'), (steps, asked) => {
      const cluster = new Cluster()
      for (const one of steps) {
        if ('set' in one) cluster.setNode(one.set)
        else if ('drop' in one) cluster.dropNode(one.drop)
        else if ('bind' in one) cluster.bind(one.bind, one.to)
        else cluster.remove(one.remove)
        // Always the same, so that what was remembered of the last time is there to be wrong.
        cluster.check(asked)
      }
    }),
    { numRuns: 600 },
  )
})
