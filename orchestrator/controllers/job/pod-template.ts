// The pods that a Job makes. Pure. Counterpart: the pod templates of pkg/controller/job. A pod of an Indexed Job knows
// its index by an annotation, a label, its host name and a variable in each of its containers.

import type { Job } from '../../api/types/batch.js'
import type { Container } from '../../api/types/core-container.js'
import type { Pod, PodSpec } from '../../api/types/core-pod.js'
import { controllerReference } from '../ownership.js'
import {
  completionIndexKey,
  failureCountAnnotation,
  failureCountsAfter,
  ignoredFailureCountAnnotation,
} from './indexes.js'
import { trackingFinalizer } from './tracking.js'

export interface IndexPlace {
  readonly index: number
  /** The pod that it takes the place of, where indexes have limits of their own. */
  readonly failure: Pod | undefined
}

/** What the server appends to it must fit into a label. */
const generateNameMax = 58
const indexVariable = 'JOB_COMPLETION_INDEX'

export function podOf(job: Job, place: IndexPlace | null = null): Pod {
  const { metadata, spec = { containers: [] } } = job.spec.template
  const labels = { ...metadata?.labels, ...labelsOf(place) }
  const annotations = { ...metadata?.annotations, ...annotationsOf(job, place) }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: generateNameOf(job, place),
      namespace: job.metadata.namespace ?? '',
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
      ...(Object.keys(annotations).length === 0 ? {} : { annotations }),
      finalizers: [...(metadata?.finalizers ?? []), trackingFinalizer],
      ownerReferences: [controllerReference(job)],
    },
    spec: place === null ? spec : specOf(job, spec, place),
  }
}

function generateNameOf({ metadata }: Job, place: IndexPlace | null): string {
  const name = metadata.name ?? ''
  if (place === null) return `${name}-`
  // Of a name that is too long the end of the Job's goes: the index says more.
  const end = `-${place.index}-`
  return name.slice(0, generateNameMax - end.length) + end
}

function labelsOf(place: IndexPlace | null): Readonly<Record<string, string>> {
  return place === null ? {} : { [completionIndexKey]: `${place.index}` }
}

function annotationsOf(job: Job, place: IndexPlace | null): Readonly<Record<string, string>> {
  if (place === null) return {}
  const index = { [completionIndexKey]: `${place.index}` }
  if (job.spec.backoffLimitPerIndex === undefined) return index
  const { counted, ignored } = failureCountsAfter(job, place.failure)
  return {
    ...index,
    [failureCountAnnotation]: `${counted}`,
    ...(ignored === 0 ? {} : { [ignoredFailureCountAnnotation]: `${ignored}` }),
  }
}

function specOf({ metadata }: Job, spec: PodSpec, { index }: IndexPlace): PodSpec {
  const { containers, initContainers } = spec
  return {
    ...spec,
    hostname: `${metadata.name}-${index}`,
    containers: containers.map(withIndexVariable),
    ...(initContainers === undefined
      ? {}
      : { initContainers: initContainers.map(withIndexVariable) }),
  }
}

/** A variable of that name which the user gave stays. */
function withIndexVariable(container: Container): Container {
  const env = container.env ?? []
  if (env.some(({ name }) => name === indexVariable)) return container
  const fieldRef = { fieldPath: `metadata.labels['${completionIndexKey}']` }
  return { ...container, env: [...env, { name: indexVariable, valueFrom: { fieldRef } }] }
}
