// Constraints of topology spread, ready to be counted: whose pods, over which domains, on which nodes.
// Counterpart: common.go of plugin podtopologyspread.

import { matchesNodeAffinity } from '../../../api/node-affinity.js'
import {
  labelSelectorFromObject,
  type LabelSelector,
  matchesLabels,
} from '../../../api/selectors.js'
import { toleratesAny } from '../../../api/tolerations.js'
import type { TopologySpreadConstraint } from '../../../api/types/core-scheduling.js'
import type { NodeInfo } from '../state/node-info.js'
import { type PodInfo, withOwnLabels } from '../state/pod-info.js'
import type { EligibleNodes, Snapshot } from '../state/snapshot.js'
import { asksForNodes } from './node-affinity.js'

export interface SpreadConstraint {
  readonly topologyKey: string
  readonly maxSkew: number
  readonly minDomains: number
  readonly selector: LabelSelector
  readonly selectorKey: string
  readonly honoursAffinity: boolean
  readonly honoursTaints: boolean
}

/** What all pods without constraints of their own are spread by; `List` replaces the system's. */
export interface SpreadDefaults {
  readonly constraints: readonly TopologySpreadConstraint[]
  /** Nodes without a zone take part all the same. */
  readonly systemDefaults: boolean
}

export const systemSpreadDefaults: SpreadDefaults = {
  constraints: [
    { topologyKey: 'kubernetes.io/hostname', maxSkew: 3, whenUnsatisfiable: 'ScheduleAnyway' },
    { topologyKey: 'topology.kubernetes.io/zone', maxSkew: 5, whenUnsatisfiable: 'ScheduleAnyway' },
  ],
  systemDefaults: true,
}

export interface Constraints {
  readonly list: readonly SpreadConstraint[]
  /** Nodes must have all their labels. */
  readonly requireAll: boolean
}

const none: Constraints = { list: [], requireAll: true }

export function constraintsOf(
  pod: PodInfo,
  snapshot: Snapshot,
  action: 'DoNotSchedule' | 'ScheduleAnyway',
  defaults: SpreadDefaults,
): Constraints {
  const own = pod.pod.spec.topologySpreadConstraints ?? []
  if (own.length > 0) {
    const list = own
      .filter(one => one.whenUnsatisfiable === action)
      .map(one => {
        const base = labelSelectorFromObject(one.labelSelector)
        const selector = base && withOwnLabels(base, one.matchLabelKeys, pod.labels, 'In')
        return compiled(one, selector ?? nothing)
      })
    return list.length === 0 ? none : { list, requireAll: true }
  }
  const wanted = defaults.constraints.filter(one => one.whenUnsatisfiable === action)
  if (wanted.length === 0) return none
  const kin = snapshot.surroundings.kinOf(pod)
  if (kin.length === 0) return none
  return {
    list: wanted.map(one => compiled(one, kin)),
    requireAll: !defaults.systemDefaults,
  }
}

/** Holds for nobody: of one label two values at once. */
const nothing: LabelSelector = [
  { key: 'none', operator: 'Exists', values: [] },
  { key: 'none', operator: 'DoesNotExist', values: [] },
]

function compiled(constraint: TopologySpreadConstraint, selector: LabelSelector): SpreadConstraint {
  const { topologyKey, maxSkew, minDomains, nodeAffinityPolicy, nodeTaintsPolicy } = constraint
  return {
    topologyKey,
    maxSkew,
    minDomains: minDomains ?? 1,
    selector,
    selectorKey: JSON.stringify(selector),
    honoursAffinity: nodeAffinityPolicy !== 'Ignore',
    honoursTaints: nodeTaintsPolicy === 'Honor',
  }
}

/** Nodes that count for a constraint: the pod could go there as far as the constraint honours that. */
export function eligibleFor(
  constraint: SpreadConstraint,
  { list, requireAll }: Constraints,
  pod: PodInfo,
  snapshot: Snapshot,
): EligibleNodes {
  const keys = requireAll ? list.map(one => one.topologyKey) : []
  const { spec } = pod.pod
  const byAffinity = constraint.honoursAffinity && asksForNodes(spec)
  const tolerations = spec.tolerations ?? []
  const { honoursTaints, topologyKey } = constraint
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  const key = JSON.stringify([
    topologyKey,
    keys,
    byAffinity ? [spec.nodeSelector, required] : null,
    honoursTaints ? tolerations : null,
  ])
  return snapshot.eligibleNodes(key, () => {
    const counts = (node: NodeInfo) =>
      keys.every(one => node.labels.has(one)) &&
      (!byAffinity || matchesNodeAffinity(spec, node.node)) &&
      (!honoursTaints || node.hardTaints.every(taint => toleratesAny(tolerations, taint)))
    const nodes = new Set<string>()
    const domains = new Set<string>()
    for (const node of snapshot.nodes) {
      if (!counts(node)) continue
      nodes.add(node.name)
      const domain = node.domainOf(topologyKey)
      if (domain !== undefined) domains.add(domain)
    }
    const all = nodes.size === snapshot.nodes.length
    return { nodes: all ? null : nodes, domains: new Map([[topologyKey, domains]]) }
  })
}

export type DomainCounts = Map<string, number>

/** Matching pods in each domain; domains without any are left out. */
export function countDomains(
  { topologyKey, selector, selectorKey }: SpreadConstraint,
  eligible: EligibleNodes,
  namespace: string,
  snapshot: Snapshot,
): DomainCounts {
  const counts: DomainCounts = new Map()
  for (const { nodes } of snapshot.classes.ofNamespace(namespace, selector, selectorKey)) {
    for (const [node, count] of nodes) {
      if (eligible.nodes !== null && !eligible.nodes.has(node.name)) continue
      const domain = node.domainOf(topologyKey)
      if (domain !== undefined) counts.set(domain, (counts.get(domain) ?? 0) + count)
    }
  }
  return counts
}

export const matchesConstraint = ({ selector }: SpreadConstraint, pod: PodInfo): boolean =>
  matchesLabels(selector, pod.labels)
