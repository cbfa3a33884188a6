// Scores by what pod and node prefer. Counterpart: plugins tainttoleration and nodeaffinity.

import { matchesTerm } from '../../api/node-affinity.js'
import { toleratesAny } from '../../api/tolerations.js'
import { normalized, type Score } from './score.js'

/** Fewer PreferNoSchedule taints that the pod does not tolerate. */
export const taintPreference: Score = {
  name: 'TaintToleration',
  weight: 3,
  run: ({ pod, nodes }) => {
    const tolerations = pod.pod.spec.tolerations ?? []
    const counts = nodes.map(
      ({ node }) =>
        (node.spec?.taints ?? []).filter(
          taint => taint.effect === 'PreferNoSchedule' && !toleratesAny(tolerations, taint),
        ).length,
    )
    return normalized(counts, true)
  },
}

/** The summed weights of the preferred terms that hold. */
export const affinityPreference: Score = {
  name: 'NodeAffinity',
  weight: 2,
  run: ({ pod, nodes }) => {
    const { nodeAffinity } = pod.pod.spec.affinity ?? {}
    const preferred = nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []
    const sums = nodes.map(({ node }) =>
      preferred
        .filter(({ preference }) => matchesTerm(preference, node))
        .reduce((sum, { weight }) => sum + weight, 0),
    )
    return normalized(sums, false)
  },
}
