// Soft topology spread: what the pod asks for, or else its kin over nodes and zones.
// Counterpart: plugin podtopologyspread with its system default constraints.

import { labelSelectorFromObject, type LabelSelector } from '../../api/selectors.js'
import { countMatching } from '../filters/topology-spread.js'
import type { NodeInfo } from '../node-info.js'
import { type Score, type ScoreInputs, scoreMax } from './score.js'

interface SoftConstraint {
  readonly topologyKey: string
  readonly maxSkew: number
  readonly selectors: readonly LabelSelector[]
}

export const topologySpread: Score = {
  name: 'PodTopologySpread',
  weight: 2,
  run: inputs => {
    const constraints = constraintsOf(inputs)
    if (constraints.length === 0) return inputs.nodes.map(() => 0)
    const costs = inputs.nodes.map(() => 0)
    for (const constraint of constraints) addCosts(costs, constraint, inputs)
    const highest = Math.max(...costs)
    const lowest = Math.min(...costs)
    if (highest === 0) return costs.map(() => scoreMax)
    return costs.map(cost => Math.floor((scoreMax * (highest + lowest - cost)) / highest))
  },
}

function constraintsOf({ pod, kin }: ScoreInputs): readonly SoftConstraint[] {
  const own = pod.pod.spec.topologySpreadConstraints ?? []
  if (own.length > 0) {
    return own
      .filter(constraint => constraint.whenUnsatisfiable === 'ScheduleAnyway')
      .map(({ topologyKey, maxSkew, labelSelector }) => {
        const selector = labelSelectorFromObject(labelSelector)
        return { topologyKey, maxSkew, selectors: selector ? [selector] : [] }
      })
  }
  if (kin.length === 0) return []
  return [
    { topologyKey: 'kubernetes.io/hostname', maxSkew: 3, selectors: kin },
    { topologyKey: 'topology.kubernetes.io/zone', maxSkew: 5, selectors: kin },
  ]
}

function addCosts(costs: number[], constraint: SoftConstraint, inputs: ScoreInputs): void {
  const { pod, nodes } = inputs
  const { topologyKey, maxSkew, selectors } = constraint
  const domainOf = ({ node, name }: NodeInfo) =>
    node.metadata.labels?.[topologyKey] ?? (topologyKey === 'kubernetes.io/hostname' ? name : null)
  const counts = new Map<string, number>()
  for (const node of nodes) {
    const domain = domainOf(node)
    if (domain === null) continue
    const { namespace } = pod.pod.metadata
    const most = Math.max(0, ...selectors.map(one => countMatching(node, namespace, one)))
    counts.set(domain, (counts.get(domain) ?? 0) + most)
  }
  if (counts.size === 0) return
  // A constraint over many domains says less about each of them.
  const weight = Math.log(counts.size + 2)
  for (const [index, node] of nodes.entries()) {
    const domain = domainOf(node)
    if (domain === null) continue
    costs[index] = (costs[index] ?? 0) + (counts.get(domain) ?? 0) * weight + (maxSkew - 1)
  }
}
