// Away from where it is crowded: nodes under pressure are liked less, and pods that are known to disturb are
// kept apart from those that are easily disturbed. Counterpart: none.

import { type Plugin, scoreMax } from '../plugin.js'

/** On a pod: "noisy" or "sensitive". */
const interferenceLabel = 'raftsman.dev/interference'
const opposites: ReadonlyMap<string, string> = new Map([
  ['noisy', 'sensitive'],
  ['sensitive', 'noisy'],
])

export const interference: Plugin = {
  name: 'Interference',
  score: ({ pod, snapshot, nodes }) => {
    const opposite = opposites.get(pod.labels[interferenceLabel] ?? '')
    if (opposite === undefined && nodes.every(({ pressure }) => pressure === 0)) return null
    const others =
      opposite === undefined
        ? []
        : [...snapshot.classes.ofLabel(interferenceLabel, opposite)].map(one => one.nodes)
    return {
      score: node => {
        let disturbing = 0
        for (const counts of others) disturbing += counts.get(node) ?? 0
        return Math.floor((scoreMax - node.pressure) / (1 + disturbing))
      },
    }
  },
}
