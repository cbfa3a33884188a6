// Whether a node is one of those that a pod asks for: nodeSelector and required node affinity. The
// scheduler goes by it, and so do DaemonSets. Counterpart: scheduling/corev1/nodeaffinity of
// k8s.io/component-helpers.

import type { LabelOperator, Labels } from './selectors.js'
import { matchesRequirement } from './selectors.js'
import type { Node } from './types/core-node.js'
import type { PodSpec } from './types/core-pod.js'
import type { NodeSelectorRequirement, NodeSelectorTerm } from './types/core-scheduling.js'

/** Selector and required affinity both hold. */
export function matchesNodeAffinity(spec: PodSpec, node: Node): boolean {
  const labels = node.metadata.labels ?? {}
  for (const [name, value] of Object.entries(spec.nodeSelector ?? {})) {
    if (!Object.hasOwn(labels, name) || labels[name] !== value) return false
  }
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  return !required || required.nodeSelectorTerms.some(term => matchesTerm(term, node))
}

/** A term without requirements matches nothing. */
export function matchesTerm(term: NodeSelectorTerm, node: Node): boolean {
  const { matchExpressions = [], matchFields = [] } = term
  if (matchExpressions.length === 0 && matchFields.length === 0) return false
  const { labels = {}, name = '' } = node.metadata
  return (
    matchExpressions.every(requirement => matches(requirement, labels)) &&
    matchFields.every(
      requirement =>
        requirement.key === 'metadata.name' && matches(requirement, { 'metadata.name': name }),
    )
  )
}

const operators: readonly string[] = ['In', 'NotIn', 'Exists', 'DoesNotExist', 'Gt', 'Lt']
const isOperator = (text: string): text is LabelOperator => operators.includes(text)

function matches({ key, operator, values = [] }: NodeSelectorRequirement, labels: Labels): boolean {
  return isOperator(operator) && matchesRequirement({ key, operator, values }, labels)
}
