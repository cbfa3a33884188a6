// nodeSelector and node affinity: which nodes a pod may go to, and which it would rather.
// Counterpart: plugin nodeaffinity.

import { matchesNodeAffinity, matchesTerm } from '../../../api/node-affinity.js'
import type { PodSpec } from '../../../api/types/core-pod.js'
import type {
  NodeSelector,
  NodeSelectorTerm,
  PreferredSchedulingTerm,
} from '../../../api/types/core-scheduling.js'
import { normalizeDefault, type Plugin, type Rejection } from '../plugin.js'

const pluginName = 'NodeAffinity'

const noMatch: Rejection = {
  plugin: pluginName,
  reasons: ["node(s) didn't match Pod's node affinity/selector"],
  helpedByPreemption: false,
}
const noMatchOfProfile: Rejection = {
  plugin: pluginName,
  reasons: ["node(s) didn't match scheduler-enforced node affinity"],
  helpedByPreemption: false,
}

/** What the administrator adds to all pods of a profile: `addedAffinity` of NodeAffinityArgs. */
export interface AddedAffinity {
  readonly required: NodeSelector | null
  readonly preferred: readonly PreferredSchedulingTerm[]
}

const nothingAdded: AddedAffinity = { required: null, preferred: [] }

export function nodeAffinity(added: AddedAffinity = nothingAdded): Plugin {
  return {
    name: pluginName,
    filter: ({ pod: { pod } }) => {
      const { spec } = pod
      const asks = asksForNodes(spec)
      if (!asks && added.required === null) return null
      const only = namedNodes(spec)
      return {
        ...(only === null ? {} : { only }),
        nodeOnly: true,
        check: ({ node }) => {
          if (added.required && !added.required.nodeSelectorTerms.some(t => matchesTerm(t, node))) {
            return noMatchOfProfile
          }
          return asks && !matchesNodeAffinity(spec, node) ? noMatch : null
        },
      }
    },
    score: ({ pod: { pod } }) => {
      const { nodeAffinity: own } = pod.spec.affinity ?? {}
      const preferred = [
        ...(own?.preferredDuringSchedulingIgnoredDuringExecution ?? []),
        ...added.preferred,
      ]
      if (preferred.length === 0) return null
      return {
        score: ({ node }) => {
          let sum = 0
          for (const { preference, weight } of preferred) {
            if (matchesTerm(preference, node)) sum += weight
          }
          return sum
        },
        normalize: scores => normalizeDefault(scores, false),
      }
    },
    hints: {
      'node-added': (event, { pod }) =>
        'node' in event && matchesNodeAffinity(pod.spec, event.node.node),
      'node-labels': (event, { pod }) =>
        'node' in event && matchesNodeAffinity(pod.spec, event.node.node),
    },
  }
}

export function asksForNodes(spec: PodSpec): boolean {
  if (spec.nodeSelector && Object.keys(spec.nodeSelector).length > 0) return true
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  return required !== undefined
}

/** Of a pod that names its nodes, as those of a DaemonSet do; null for one that does not. */
function namedNodes(spec: PodSpec): ReadonlySet<string> | null {
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  if (!required || required.nodeSelectorTerms.length === 0) return null
  const names = new Set<string>()
  for (const term of required.nodeSelectorTerms) {
    const ofTerm = namesOfTerm(term)
    if (ofTerm === null) return null
    for (const name of ofTerm) names.add(name)
  }
  return names
}

function namesOfTerm({ matchFields = [] }: NodeSelectorTerm): readonly string[] | null {
  const named = matchFields.filter(
    ({ key, operator }) => key === 'metadata.name' && operator === 'In',
  )
  const [first] = named
  return first ? (first.values ?? []) : null
}
