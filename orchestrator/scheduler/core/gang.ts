// Pods that only make sense together: which gang a pod belongs to, and how many of it there must be.
// Counterpart: the coscheduling plugin of kubernetes-sigs/scheduler-plugins, whose label and PodGroup kind these are.

import type { Pod } from '../../api/types/core-pod.js'

export const podGroupLabel = 'scheduling.x-k8s.io/pod-group'
/** For a gang without a PodGroup object, on each of its pods. */
const minMemberAnnotation = 'scheduling.x-k8s.io/min-member'
const timeoutAnnotation = 'scheduling.x-k8s.io/schedule-timeout-seconds'

export interface GangTerms {
  /** So many of its pods get nodes, or none does. */
  readonly minMember: number
  /** How long those that have nodes wait for the others. */
  readonly timeoutMs: number
}

export interface Gang extends GangTerms {
  /** "namespace/name" of the group. */
  readonly key: string
  /** Pods of it that there are, with and without nodes. */
  readonly pods: number
}

const membersMax = 100_000
const timeoutSecondsMax = 24 * 3600
const timeoutMsDefault = 60_000

/** "namespace/name" of its group; null for a pod that is alone. */
export function gangOf({ metadata }: Pod): string | null {
  const name = metadata.labels?.[podGroupLabel] ?? ''
  return name === '' ? null : `${metadata.namespace ?? ''}/${name}`
}

/** Of a PodGroup's spec, or of annotations; what is no number in its bounds counts as not said. */
export function gangTerms(minMember: unknown, timeoutSeconds: unknown): GangTerms {
  const seconds = within(timeoutSeconds, timeoutSecondsMax)
  return {
    minMember: within(minMember, membersMax) ?? 1,
    timeoutMs: seconds === null ? timeoutMsDefault : seconds * 1000,
  }
}

export function annotatedTerms({ metadata: { annotations = {} } }: Pod): GangTerms {
  return gangTerms(annotations[minMemberAnnotation], annotations[timeoutAnnotation])
}

function within(value: unknown, most: number): number | null {
  const number = typeof value === 'string' && /^[0-9]+$/.test(value) ? Number(value) : value
  if (typeof number !== 'number' || !Number.isInteger(number)) return null
  return number >= 1 && number <= most ? number : null
}
