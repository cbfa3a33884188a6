// Hard affinity and anti-affinity between pods, in both directions. Counterpart: plugin
// interpodaffinity. Left out: namespaceSelector beyond the empty one, matchLabelKeys, and the
// preferred terms' scores.

import { labelSelectorFromObject, matchesLabels } from '../../api/selectors.js'
import type { Pod } from '../../api/types/core-pod.js'
import type { PodAffinityTerm } from '../../api/types/core-scheduling.js'
import type { NodeInfo } from '../node-info.js'
import type { Filter, Rejection } from './filter.js'

export const interPodAffinity: Filter = {
  name: 'InterPodAffinity',
  prepare: ({ pod }, nodes) => {
    const wanted = required(pod.spec.affinity?.podAffinity).map(term => ({
      key: term.topologyKey,
      domains: domainsOf(nodes, term.topologyKey, other => selects(term, pod, other)),
      // The first of a group that wants to be together must be let in somewhere.
      alone: selects(term, pod, pod),
    }))
    const unwanted = required(pod.spec.affinity?.podAntiAffinity).map(term => ({
      key: term.topologyKey,
      domains: domainsOf(nodes, term.topologyKey, other => selects(term, pod, other)),
    }))
    const shunned = domainsThatShun(pod, nodes)
    const nobodyYet = wanted.every(term => term.domains.size === 0 && term.alone)
    return ({ node }) => {
      const labels = node.metadata.labels ?? {}
      for (const { key, domains } of wanted) {
        const domain = labels[key]
        const near = domain !== undefined && (domains.has(domain) || nobodyYet)
        if (!near) return rejected("node(s) didn't match pod affinity rules", false)
      }
      for (const { key, domains } of unwanted) {
        if (domains.has(labels[key] ?? '')) {
          return rejected("node(s) didn't match pod anti-affinity rules", true)
        }
      }
      for (const [key, domains] of shunned) {
        if (domains.has(labels[key] ?? '')) {
          return rejected("node(s) didn't satisfy existing pods anti-affinity rules", true)
        }
      }
      return null
    }
  },
}

function required(
  affinity:
    | { readonly requiredDuringSchedulingIgnoredDuringExecution?: readonly PodAffinityTerm[] }
    | undefined,
): readonly PodAffinityTerm[] {
  return affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []
}

/** `owner` is the pod that carries the term. */
function selects(term: PodAffinityTerm, owner: Pod, other: Pod): boolean {
  const selector = labelSelectorFromObject(term.labelSelector)
  if (!selector) return false
  const everywhere = term.namespaceSelector !== undefined
  const namespaces = term.namespaces?.length ? term.namespaces : [owner.metadata.namespace ?? '']
  if (!everywhere && !namespaces.includes(other.metadata.namespace ?? '')) return false
  return matchesLabels(selector, other.metadata.labels)
}

function domainsOf(
  nodes: readonly NodeInfo[],
  key: string,
  matches: (pod: Pod) => boolean,
): ReadonlySet<string> {
  const domains = new Set<string>()
  for (const { node, pods } of nodes) {
    const domain = node.metadata.labels?.[key]
    if (domain === undefined || domains.has(domain)) continue
    for (const { pod } of pods.values()) {
      if (!matches(pod)) continue
      domains.add(domain)
      break
    }
  }
  return domains
}

/** Domains, by topology key, in which a pod runs that does not want this one near. */
function domainsThatShun(
  incoming: Pod,
  nodes: readonly NodeInfo[],
): ReadonlyMap<string, ReadonlySet<string>> {
  const shunned = new Map<string, Set<string>>()
  for (const { node, pods } of nodes) {
    for (const { pod } of pods.values()) {
      for (const term of required(pod.spec.affinity?.podAntiAffinity)) {
        const domain = node.metadata.labels?.[term.topologyKey]
        if (domain === undefined || !selects(term, pod, incoming)) continue
        const domains = shunned.get(term.topologyKey) ?? new Set()
        shunned.set(term.topologyKey, domains.add(domain))
      }
    }
  }
  return shunned
}

function rejected(reason: string, helpedByPreemption: boolean): Rejection {
  return { filter: 'InterPodAffinity', reasons: [reason], helpedByPreemption }
}
