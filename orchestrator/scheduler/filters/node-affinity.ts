// nodeSelector and node affinity. Counterpart: plugin nodeaffinity.

import { matchesNodeAffinity } from '../../api/node-affinity.js'
import type { Filter } from './filter.js'

export const nodeAffinity: Filter = {
  name: 'NodeAffinity',
  prepare:
    ({ pod }) =>
    ({ node }) => {
      if (matchesNodeAffinity(pod.spec, node)) return null
      const reasons = ["node(s) didn't match Pod's node affinity/selector"]
      return { filter: 'NodeAffinity', reasons, helpedByPreemption: false }
    },
}
