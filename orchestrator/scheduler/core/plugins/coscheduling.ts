// A gang that is not complete is not begun with: its first pods would only hold room.
// Counterpart: PreFilter of the coscheduling plugin.

import { gangOf } from '../gang.js'
import type { Plugin } from '../plugin.js'

export const coscheduling: Plugin = {
  name: 'Coscheduling',
  filter: ({ pod, snapshot }) => {
    const gang = snapshot.surroundings.gangOf(pod)
    if (gang === null || gang.pods >= gang.minMember) return null
    const reason =
      `pre-filter pod ${pod.key} cannot find enough sibling pods, ` +
      `current pods number: ${gang.pods}, minMember of group: ${gang.minMember}`
    return { plugin: 'Coscheduling', reasons: [reason], helpedByPreemption: false }
  },
  hints: {
    gang: (event, { pod }) => event.kind === 'gang' && event.group === gangOf(pod),
    // For those whose gang did not fit as a whole.
    'node-added': () => true,
    'node-allocatable': () => true,
    'node-taints': () => true,
    'pod-freed': () => true,
  },
}
