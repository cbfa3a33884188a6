// Topology spread: hard, no domain may run ahead of the emptiest by more than maxSkew; soft, domains
// that are behind are liked. Counterpart: plugin podtopologyspread.

import { must } from '../../../../platform/errors.js'
import { type Plugin, type PreparedScore, type Rejection, scoreMax } from '../plugin.js'
import { hostnameLabel, type NodeInfo } from '../state/node-info.js'
import type { PodInfo } from '../state/pod-info.js'
import type { EligibleNodes, Snapshot } from '../state/snapshot.js'
import {
  constraintsOf,
  countDomains,
  type DomainCounts,
  eligibleFor,
  matchesConstraint,
  type SpreadConstraint,
  type SpreadDefaults,
  systemSpreadDefaults,
} from './spread-constraints.js'

const reason = "node(s) didn't match pod topology spread constraints"
const skewed: Rejection = {
  plugin: 'PodTopologySpread',
  reasons: [reason],
  helpedByPreemption: true,
}
const unlabelled: Rejection = {
  plugin: 'PodTopologySpread',
  reasons: [`${reason} (missing required label)`],
  helpedByPreemption: false,
}

interface Counted {
  readonly constraint: SpreadConstraint
  readonly eligible: EligibleNodes
  readonly domains: ReadonlySet<string>
  readonly counts: DomainCounts
  readonly self: number
  /** Of the emptiest domain; negative when it has to be found anew. */
  fewest: number
}

export function podTopologySpread(defaults: SpreadDefaults = systemSpreadDefaults): Plugin {
  return {
    name: 'PodTopologySpread',
    filter: ({ pod, snapshot }) => {
      const constraints = constraintsOf(pod, snapshot, 'DoNotSchedule', defaults)
      if (constraints.list.length === 0) return null
      const counted = constraints.list.map(constraint => {
        const eligible = eligibleFor(constraint, constraints, pod, snapshot)
        return countedOf(constraint, eligible, pod, snapshot)
      })
      return {
        check: node => {
          for (const one of counted) {
            const { constraint, counts, self } = one
            const domain = node.domainOf(constraint.topologyKey)
            if (domain === undefined) return unlabelled
            if (one.fewest < 0) one.fewest = fewestOf(one)
            const count = counts.get(domain) ?? 0
            if (count + self - one.fewest > constraint.maxSkew) return skewed
          }
          return null
        },
        podMoved: (other, node, by) => {
          if (other.namespace !== pod.namespace || other.terminating) return
          for (const one of counted) moved(one, other, node, by)
        },
      }
    },
    score: ({ pod, snapshot, nodes }) => scoreOf(pod, snapshot, nodes, defaults),
    hints: {
      'node-added': () => true,
      'node-removed': () => true,
      'node-labels': () => true,
      'node-taints': () => true,
      'pod-assigned': (event, pod) => event.kind === 'pod-assigned' && isKin(event.pod, pod),
      'pod-freed': (event, pod) => event.kind === 'pod-freed' && isKin(event.pod, pod),
      'pod-changed': (event, pod) =>
        event.kind === 'pod-changed' && (isKin(event.pod, pod) || isKin(event.old, pod)),
    },
  }
}

/** Pods of other namespaces are never counted. */
const isKin = (other: PodInfo, pod: PodInfo) => other.namespace === pod.namespace

function countedOf(
  constraint: SpreadConstraint,
  eligible: EligibleNodes,
  pod: PodInfo,
  snapshot: Snapshot,
): Counted {
  const domains = must(eligible.domains.get(constraint.topologyKey), 'domains of the constraint')
  const counts = countDomains(constraint, eligible, pod.namespace, snapshot)
  const self = matchesConstraint(constraint, pod) ? 1 : 0
  return { constraint, eligible, domains, counts, self, fewest: -1 }
}

function fewestOf({ constraint, domains, counts }: Counted): number {
  if (domains.size < constraint.minDomains || counts.size < domains.size) return 0
  let fewest = Number.POSITIVE_INFINITY
  for (const count of counts.values()) if (count < fewest) fewest = count
  return fewest === Number.POSITIVE_INFINITY ? 0 : fewest
}

function moved(one: Counted, other: PodInfo, node: NodeInfo, by: 1 | -1): void {
  const { constraint, eligible, counts } = one
  if (eligible.nodes !== null && !eligible.nodes.has(node.name)) return
  const domain = node.domainOf(constraint.topologyKey)
  if (domain === undefined || !matchesConstraint(constraint, other)) return
  const count = (counts.get(domain) ?? 0) + by
  if (count === 0) counts.delete(domain)
  else counts.set(domain, count)
  one.fewest = -1
}

interface Weighed {
  readonly constraint: SpreadConstraint
  readonly weight: number
  /** By domain; null where each node is one, and `onNode` knows. */
  readonly counts: DomainCounts | null
  readonly onNode: (node: NodeInfo) => number
}

function scoreOf(
  pod: PodInfo,
  snapshot: Snapshot,
  nodes: readonly NodeInfo[],
  defaults: SpreadDefaults,
): PreparedScore | null {
  const constraints = constraintsOf(pod, snapshot, 'ScheduleAnyway', defaults)
  const { list, requireAll } = constraints
  if (list.length === 0) return null
  const ignored = new Set<NodeInfo>()
  if (requireAll) {
    for (const node of nodes) {
      if (!list.every(one => node.labels.has(one.topologyKey))) ignored.add(node)
    }
  }
  const weighed = list.map((constraint): Weighed => {
    const { selector, selectorKey, topologyKey } = constraint
    if (topologyKey === hostnameLabel) {
      const kin = [...snapshot.classes.ofNamespace(pod.namespace, selector, selectorKey)]
      return {
        constraint,
        weight: Math.log(nodes.length - ignored.size + 2),
        counts: null,
        onNode: node => {
          let count = 0
          for (const one of kin) count += one.nodes.get(node) ?? 0
          return count
        },
      }
    }
    const eligible = eligibleFor(constraint, constraints, pod, snapshot)
    const domains = new Set<string>()
    for (const node of nodes) {
      const domain = ignored.has(node) ? undefined : node.domainOf(topologyKey)
      if (domain !== undefined) domains.add(domain)
    }
    return {
      constraint,
      weight: Math.log(domains.size + 2),
      counts: countDomains(constraint, eligible, pod.namespace, snapshot),
      onNode: () => 0,
    }
  })
  return {
    score: node => (ignored.has(node) ? -1 : costOf(node, weighed)),
    normalize: turnAround,
  }
}

function costOf(node: NodeInfo, weighed: readonly Weighed[]): number {
  let cost = 0
  for (const { constraint, weight, counts, onNode } of weighed) {
    const domain = node.domainOf(constraint.topologyKey)
    if (domain === undefined) continue
    const count = counts === null ? onNode(node) : (counts.get(domain) ?? 0)
    cost += count * weight + (constraint.maxSkew - 1)
  }
  return Math.round(cost)
}

/** The cheaper, the better; below zero are nodes that take no part. */
function turnAround(costs: Float64Array): void {
  let lowest = Number.POSITIVE_INFINITY
  let highest = 0
  for (const cost of costs) {
    if (cost < 0) continue
    if (cost < lowest) lowest = cost
    if (cost > highest) highest = cost
  }
  for (let at = 0; at < costs.length; at++) {
    const cost = costs[at] ?? 0
    if (cost < 0) costs[at] = 0
    else if (highest === 0) costs[at] = scoreMax
    else costs[at] = Math.floor((scoreMax * (highest + lowest - cost)) / highest)
  }
}
