// The pod of a DaemonSet for one node, and the node that such a pod is for. Pure. Counterpart: util/daemonset_util.go
// of pkg/controller/daemon. The scheduler binds it: required affinity leaves it one node to choose from.

import type { DaemonSet } from '../../api/types/apps-daemon-set.js'
import type { Pod } from '../../api/types/core-pod.js'
import type { Affinity } from '../../api/types/core-scheduling.js'
import { controllerReference } from '../ownership.js'
import { revisionLabel } from '../revisions.js'
import { tolerationsOf } from './node-fit.js'

/** On pods, for those who still read it: how often the template has changed. */
const generationLabel = 'pod-template-generation'
const generationAnnotation = 'deprecated.daemonset.template.generation'

const nodeNameField = 'metadata.name'

/** `hash` is that of the set's current revision. */
export function daemonPod(set: DaemonSet, hash: string, node: string): Pod {
  const { metadata, spec = { containers: [] } } = set.spec.template
  const { annotations, finalizers } = metadata ?? {}
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${set.metadata.name}-`,
      namespace: set.metadata.namespace ?? '',
      labels: { ...metadata?.labels, ...generationLabels(set), [revisionLabel]: hash },
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [controllerReference(set)],
    },
    spec: {
      ...spec,
      affinity: onNode(spec.affinity, node),
      tolerations: tolerationsOf(spec),
    },
  }
}

/** The node that it is on, or that it may only go to; null when neither is said. */
export function targetNode({ spec }: Pod): string | null {
  if (spec.nodeName !== undefined && spec.nodeName !== '') return spec.nodeName
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution
  const field = (required?.nodeSelectorTerms ?? [])
    .flatMap(term => term.matchFields ?? [])
    .find(({ key, operator }) => key === nodeNameField && operator === 'In')
  return field?.values?.length === 1 ? (field.values[0] ?? null) : null
}

/** In the place of what the template requires: that has been checked of this node. */
function onNode(affinity: Affinity | undefined, node: string): Affinity {
  const matchFields = [{ key: nodeNameField, operator: 'In', values: [node] }]
  return {
    ...affinity,
    nodeAffinity: {
      ...affinity?.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] },
    },
  }
}

function generationLabels({ metadata }: DaemonSet): Readonly<Record<string, string>> {
  const generation = metadata.annotations?.[generationAnnotation] ?? ''
  return /^\d{1,15}$/.test(generation) ? { [generationLabel]: generation } : {}
}
