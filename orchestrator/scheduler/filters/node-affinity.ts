// nodeSelector and node affinity. Counterpart: plugin nodeaffinity and
// component-helpers/scheduling/corev1/nodeaffinity.

import type { LabelOperator, Labels } from '../../api/selectors.js'
import { matchesRequirement } from '../../api/selectors.js'
import type { Node } from '../../api/types/core-node.js'
import type { Pod } from '../../api/types/core-pod.js'
import type { NodeSelectorRequirement, NodeSelectorTerm } from '../../api/types/core-scheduling.js'
import type { Filter } from './filter.js'

export const nodeAffinity: Filter = {
  name: 'NodeAffinity',
  prepare:
    ({ pod }) =>
    ({ node }) => {
      if (matchesNodeAffinity(pod, node)) return null
      const reasons = ["node(s) didn't match Pod's node affinity/selector"]
      return { filter: 'NodeAffinity', reasons, helpedByPreemption: false }
    },
}

/** Selector and required affinity both hold. */
export function matchesNodeAffinity(pod: Pod, node: Node): boolean {
  const labels = node.metadata.labels ?? {}
  for (const [name, value] of Object.entries(pod.spec.nodeSelector ?? {})) {
    if (!Object.hasOwn(labels, name) || labels[name] !== value) return false
  }
  const required = pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
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
