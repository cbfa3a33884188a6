// Hard topology spread: no domain may run ahead of the emptiest by more than maxSkew.
// Counterpart: plugin podtopologyspread. Left out: matchLabelKeys.

import { labelSelectorFromObject, type LabelSelector, matchesLabels } from '../../api/selectors.js'
import type { Pod } from '../../api/types/core-pod.js'
import type { TopologySpreadConstraint } from '../../api/types/core-scheduling.js'
import type { NodeInfo } from '../node-info.js'
import type { Filter, NodeCheck, Rejection } from './filter.js'
import { matchesNodeAffinity } from '../../api/node-affinity.js'
import { toleratesAny } from '../../api/tolerations.js'

export const podTopologySpread: Filter = {
  name: 'PodTopologySpread',
  prepare: ({ pod }, nodes) => {
    const checks = (pod.spec.topologySpreadConstraints ?? [])
      .filter(constraint => constraint.whenUnsatisfiable === 'DoNotSchedule')
      .map(constraint => checkOf(constraint, pod, nodes))
    return node => {
      for (const check of checks) {
        const rejection = check(node)
        if (rejection) return rejection
      }
      return null
    }
  },
}

function checkOf(
  constraint: TopologySpreadConstraint,
  pod: Pod,
  nodes: readonly NodeInfo[],
): NodeCheck {
  const { topologyKey, maxSkew, minDomains } = constraint
  const selector = labelSelectorFromObject(constraint.labelSelector)
  const counts = domainCounts(constraint, pod, nodes, selector)
  const fewest = counts.size < (minDomains ?? 0) ? 0 : Math.min(...counts.values())
  const self = selector && matchesLabels(selector, pod.metadata.labels) ? 1 : 0
  return ({ node }) => {
    const domain = node.metadata.labels?.[topologyKey]
    if (domain === undefined) return rejected(' (missing required label)', false)
    const count = counts.get(domain) ?? 0
    return count + self - fewest > maxSkew ? rejected('', true) : null
  }
}

/** Matching pods of the namespace in each domain that the pod could go to. */
export function domainCounts(
  constraint: TopologySpreadConstraint,
  pod: Pod,
  nodes: readonly NodeInfo[],
  selector: LabelSelector | null,
): ReadonlyMap<string, number> {
  const honoursAffinity = constraint.nodeAffinityPolicy !== 'Ignore'
  const honoursTaints = constraint.nodeTaintsPolicy === 'Honor'
  const counts = new Map<string, number>()
  for (const info of nodes) {
    const domain = info.node.metadata.labels?.[constraint.topologyKey]
    if (domain === undefined) continue
    if (honoursAffinity && !matchesNodeAffinity(pod.spec, info.node)) continue
    if (honoursTaints && !toleratesAll(pod, info)) continue
    const count = selector ? countMatching(info, pod.metadata.namespace, selector) : 0
    counts.set(domain, (counts.get(domain) ?? 0) + count)
  }
  return counts
}

export function countMatching(
  node: NodeInfo,
  namespace: string | undefined,
  selector: LabelSelector,
): number {
  let count = 0
  for (const { pod } of node.pods.values()) {
    const { metadata } = pod
    if (metadata.namespace !== namespace || metadata.deletionTimestamp !== undefined) continue
    if (matchesLabels(selector, metadata.labels)) count++
  }
  return count
}

function toleratesAll(pod: Pod, { node }: NodeInfo): boolean {
  return (node.spec?.taints ?? []).every(
    taint => taint.effect === 'PreferNoSchedule' || toleratesAny(pod.spec.tolerations ?? [], taint),
  )
}

function rejected(detail: string, helpedByPreemption: boolean): Rejection {
  const reasons = [`node(s) didn't match pod topology spread constraints${detail}`]
  return { filter: 'PodTopologySpread', reasons, helpedByPreemption }
}
