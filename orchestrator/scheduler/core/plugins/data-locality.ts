// Near to data: a pod that says which data it works on is rather placed where that is, on a node that is
// labelled with it or that a volume labelled with it is on. Counterpart: none.

import { matchesTerm } from '../../../api/node-affinity.js'
import { type LabelSelector, matchesLabels, parseLabelSelector } from '../../../api/selectors.js'
import type { PersistentVolume } from '../../../api/types/core-persistent-volume.js'
import { normalizeDefault, type Plugin } from '../plugin.js'

/** A label selector, as "dataset=images" or "dataset in (images, labels)". */
const nearDataAnnotation = 'raftsman.dev/near-data'

export const dataLocality: Plugin = {
  name: 'DataLocality',
  score: ({ pod, snapshot }) => {
    const selector = selectorOf(pod.pod.metadata.annotations?.[nearDataAnnotation])
    if (selector === null) return null
    const terms = snapshot.surroundings.volumes
      .all()
      .filter(({ metadata }) => matchesLabels(selector, metadata.labels))
      .map(volume => placesOf(volume))
    return {
      score: ({ node }) => {
        const labelled = matchesLabels(selector, node.metadata.labels)
        const held = terms.some(places => places.some(term => matchesTerm(term, node)))
        return labelled || held ? 1 : 0
      },
      normalize: scores => normalizeDefault(scores, false),
    }
  },
}

/** Of a volume that every node reaches: none, for it is near to nobody. */
function placesOf({ spec }: PersistentVolume) {
  return spec?.nodeAffinity?.required?.nodeSelectorTerms ?? []
}

/** A preference that is no selector, or selects everything, is none. */
function selectorOf(text: string | undefined): LabelSelector | null {
  if (text === undefined) return null
  try {
    const selector = parseLabelSelector(text)
    return selector.length > 0 ? selector : null
  } catch {
    return null
  }
}
