// What makes a pod of a StatefulSet that one and no other: its name, its ordinal, its claims; and what it is made of.
// Pure. Counterpart: stateful_set_utils.go of pkg/controller/statefulset.

import type { StatefulSet } from '../../api/types/apps-stateful-set.js'
import type { PersistentVolumeClaim } from '../../api/types/core-persistent-volume.js'
import type { Pod, PodTemplateSpec } from '../../api/types/core-pod.js'
import { controllerReference } from '../ownership.js'
import { revisionLabel } from '../revisions.js'

const podNameLabel = 'statefulset.kubernetes.io/pod-name'
const podIndexLabel = 'apps.kubernetes.io/pod-index'

export const replicasOf = ({ spec }: StatefulSet): number => spec.replicas ?? 1
export const firstOrdinal = ({ spec }: StatefulSet): number => spec.ordinals?.start ?? 0
export const podName = ({ metadata }: StatefulSet, ordinal: number): string =>
  `${metadata.name ?? ''}-${ordinal}`

/** Null for a pod whose name is none of the set's. */
export function ordinalOf(set: StatefulSet, pod: Pod): number | null {
  const [, parent, digits] = /^(.*)-(0|[1-9]\d{0,8})$/.exec(pod.metadata.name ?? '') ?? []
  return parent === set.metadata.name && digits !== undefined ? Number(digits) : null
}

/** The revision that a pod comes from. */
export const revisionOf = ({ metadata }: Pod): string => metadata.labels?.[revisionLabel] ?? ''

function claimName(set: StatefulSet, template: string, ordinal: number): string {
  return `${template}-${podName(set, ordinal)}`
}

/** The claims of one pod, as they are to be made where they are missing. */
export function claimsOf(set: StatefulSet, ordinal: number): readonly PersistentVolumeClaim[] {
  return (set.spec.volumeClaimTemplates ?? []).map(({ metadata, spec }) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name: claimName(set, metadata.name ?? '', ordinal),
      namespace: set.metadata.namespace ?? '',
      labels: { ...metadata.labels, ...set.spec.selector.matchLabels },
      ...(metadata.annotations === undefined ? {} : { annotations: metadata.annotations }),
    },
    ...(spec === undefined ? {} : { spec }),
  }))
}

export function podOf(
  set: StatefulSet,
  template: PodTemplateSpec,
  revision: string,
  ordinal: number,
): Pod {
  const { labels, annotations, finalizers } = template.metadata ?? {}
  const name = podName(set, ordinal)
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: set.metadata.namespace ?? '',
      labels: { ...labels, ...identityLabels(name, ordinal), [revisionLabel]: revision },
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [controllerReference(set)],
    },
    spec: {
      ...(template.spec ?? { containers: [] }),
      hostname: name,
      ...(set.spec.serviceName === undefined ? {} : { subdomain: set.spec.serviceName }),
      volumes: volumesOf(set, template, ordinal),
    },
  }
}

/** Labels that a pod lacks to be known for what it is; null when it has them all. */
export function missingLabels(set: StatefulSet, pod: Pod): Readonly<Record<string, string>> | null {
  const ordinal = ordinalOf(set, pod)
  if (ordinal === null) return null
  const wanted = identityLabels(pod.metadata.name ?? '', ordinal)
  const has = pod.metadata.labels ?? {}
  return Object.entries(wanted).every(([name, value]) => has[name] === value) ? null : wanted
}

function identityLabels(name: string, ordinal: number): Readonly<Record<string, string>> {
  return { [podNameLabel]: name, [podIndexLabel]: String(ordinal) }
}

/** A claim takes the place of a volume of its name. */
function volumesOf(
  set: StatefulSet,
  template: PodTemplateSpec,
  ordinal: number,
): NonNullable<Pod['spec']['volumes']> {
  const own = (set.spec.volumeClaimTemplates ?? []).map(({ metadata }) => ({
    name: metadata.name ?? '',
    persistentVolumeClaim: { claimName: claimName(set, metadata.name ?? '', ordinal) },
  }))
  const names = new Set(own.map(({ name }) => name))
  return [...own, ...(template.spec?.volumes ?? []).filter(({ name }) => !names.has(name))]
}
