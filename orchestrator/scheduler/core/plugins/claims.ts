// The claims of a pod, and what can be made of them on a node: volumes that they are bound to, volumes that
// could be chosen for them, or room to have one made. Pure. Counterpart: binder.go of plugin volumebinding
// and volume_claim helpers of k8s.io/component-helpers.

import { matchesTerm } from '../../../api/node-affinity.js'
import {
  compareQuantities,
  parseQuantity,
  type Quantity,
  zeroQuantity,
} from '../../../api/quantity.js'
import {
  labelSelectorFromObject,
  type LabelSelector,
  matchesLabels,
} from '../../../api/selectors.js'
import type { Node } from '../../../api/types/core-node.js'
import type {
  PersistentVolume,
  PersistentVolumeClaim,
} from '../../../api/types/core-persistent-volume.js'
import type { StorageClass } from '../../../api/types/storage-class.js'
import type { CSIStorageCapacity } from '../../../api/types/storage-csi.js'
import type { PodInfo } from '../state/pod-info.js'
import type { VolumeObjects } from '../state/snapshot.js'

/** The scheduler's word to whoever makes volumes: where the pod will run. */
export const selectedNodeAnnotation = 'volume.kubernetes.io/selected-node'
/** On a volume whose claimRef was not written by a user. */
export const boundByControllerAnnotation = 'pv.kubernetes.io/bound-by-controller'
const bindCompletedAnnotation = 'pv.kubernetes.io/bind-completed'
const noProvisioner = 'kubernetes.io/no-provisioner'

export interface KnownClaim {
  /** "namespace/name". */
  readonly key: string
  readonly claim: PersistentVolumeClaim
}

export interface PodClaims {
  readonly bound: readonly KnownClaim[]
  /** Bound only once it is known where the pod will run. */
  readonly delayed: readonly KnownClaim[]
}

/** On one node. */
export interface VolumePlan {
  readonly bindings: readonly { readonly claim: KnownClaim; readonly volume: PersistentVolume }[]
  readonly provisioned: readonly KnownClaim[]
}

/** The claims of a pod, or why no node will do. */
export function claimsOf(pod: PodInfo, volumes: VolumeObjects): PodClaims | string {
  const bound: KnownClaim[] = []
  const delayed: KnownClaim[] = []
  for (const name of pod.claims) {
    const key = `${pod.namespace}/${name}`
    const claim = volumes.claim(key)
    const wrong = complaint(pod, name, claim)
    if (wrong !== null) return wrong
    if (!claim) continue
    if (isFullyBound(claim)) bound.push({ key, claim })
    else if (isDelayed(claim, volumes)) delayed.push({ key, claim })
    else return 'pod has unbound immediate PersistentVolumeClaims'
  }
  return { bound, delayed }
}

function complaint(
  pod: PodInfo,
  name: string,
  claim: PersistentVolumeClaim | undefined,
): string | null {
  const named = (pod.pod.spec.volumes ?? []).some(
    ({ persistentVolumeClaim }) => persistentVolumeClaim?.claimName === name,
  )
  if (!claim) {
    return named
      ? `persistentvolumeclaim "${name}" not found`
      : `waiting for ephemeral volume controller to create the persistentvolumeclaim "${name}"`
  }
  const { metadata, spec, status } = claim
  if (metadata.deletionTimestamp !== undefined) {
    return `persistentvolumeclaim "${name}" is being deleted`
  }
  if (status?.phase === 'Lost') {
    const volume = spec?.volumeName ?? ''
    return `persistentvolumeclaim "${name}" bound to non-existent persistentvolume "${volume}"`
  }
  if (!named && !(metadata.ownerReferences ?? []).some(({ uid }) => uid === pod.uid)) {
    return `PVC ${pod.namespace}/${name} was not created for pod ${pod.key} (pod is not owner)`
  }
  return null
}

export function isFullyBound({ metadata, spec }: PersistentVolumeClaim): boolean {
  return (
    (spec?.volumeName ?? '') !== '' && metadata.annotations?.[bindCompletedAnnotation] !== undefined
  )
}

function isDelayed({ spec }: PersistentVolumeClaim, volumes: VolumeObjects): boolean {
  const mode = volumes.storageClass(spec?.storageClassName ?? '')?.volumeBindingMode
  return (spec?.volumeName ?? '') === '' && mode === 'WaitForFirstConsumer'
}

/** Texts of the original. */
export const claimConflicts = {
  affinity: 'node(s) had volume node affinity conflict',
  space: 'node(s) did not have enough free storage',
  none: "node(s) didn't find available persistent volumes to bind",
  gone: 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)',
} as const

/** What has to be done for the pod's volumes to be there on that node, or what stands against it. */
export function planVolumes(
  { bound, delayed }: PodClaims,
  node: Node,
  volumes: VolumeObjects,
): VolumePlan | string {
  for (const { claim } of bound) {
    const volume = volumes.volume(claim.spec?.volumeName ?? '')
    if (!volume) return claimConflicts.gone
    if (!reaches(volume, node)) return claimConflicts.affinity
  }
  const bindings: { claim: KnownClaim; volume: PersistentVolume }[] = []
  const provisioned: KnownClaim[] = []
  // The most modest first, so that they do not take what only they could have left.
  for (const claim of delayed.toSorted(bySize)) {
    const selected = claim.claim.metadata.annotations?.[selectedNodeAnnotation] ?? ''
    // Somebody makes it already, for a pod that uses it elsewhere.
    if (selected !== '' && selected !== node.metadata.name) return claimConflicts.none
    const taken = new Set(bindings.map(({ volume }) => volume.metadata.name ?? ''))
    const volume = selected === '' ? bestVolume(claim, node, volumes, taken) : null
    if (volume) {
      bindings.push({ claim, volume })
      continue
    }
    const refusal = refusalToProvision(claim, node, volumes)
    if (refusal !== null) return refusal
    provisioned.push(claim)
  }
  return { bindings, provisioned }
}

function reaches({ spec }: PersistentVolume, node: Node): boolean {
  const required = spec?.nodeAffinity?.required
  return !required || required.nodeSelectorTerms.some(term => matchesTerm(term, node))
}

const requestOf = ({ spec }: PersistentVolumeClaim): Quantity =>
  parseQuantity(spec?.resources?.requests?.['storage'] ?? '') ?? zeroQuantity
const capacityOf = ({ spec }: PersistentVolume): Quantity =>
  parseQuantity(spec?.capacity?.['storage'] ?? '') ?? zeroQuantity
const bySize = (a: KnownClaim, b: KnownClaim) =>
  compareQuantities(requestOf(a.claim), requestOf(b.claim))

/** The smallest that will do; one that was made for the claim before all others. */
function bestVolume(
  { key, claim }: KnownClaim,
  node: Node,
  volumes: VolumeObjects,
  taken: ReadonlySet<string>,
): PersistentVolume | null {
  let best: PersistentVolume | null = null
  for (const volume of volumes.volumesOfClass(claim.spec?.storageClassName ?? '')) {
    const { name = '' } = volume.metadata
    const promised = volumes.promisedTo(name)
    if (taken.has(name) || (promised !== undefined && promised !== key)) continue
    if (!suits(volume, claim) || !reaches(volume, node)) continue
    if (volume.spec?.claimRef) return volume
    if (!best || compareQuantities(capacityOf(volume), capacityOf(best)) < 0) best = volume
  }
  return best
}

function suits(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  const { spec, metadata } = volume
  if (metadata.deletionTimestamp !== undefined || !spec) return false
  const { claimRef } = spec
  if (claimRef) {
    const { namespace, name, uid } = claim.metadata
    const meant = claimRef.namespace === namespace && claimRef.name === name
    return meant && ((claimRef.uid ?? '') === '' || claimRef.uid === uid)
  }
  if (volume.status?.phase !== undefined && volume.status.phase !== 'Available') return false
  const { selector, accessModes = [], volumeMode = 'Filesystem' } = claim.spec ?? {}
  const wanted = labelSelectorFromObject(selector)
  return (
    compareQuantities(capacityOf(volume), requestOf(claim)) >= 0 &&
    (spec.volumeMode ?? 'Filesystem') === volumeMode &&
    accessModes.every(mode => (spec.accessModes ?? []).includes(mode)) &&
    (wanted === null || matchesLabels(wanted, metadata.labels)) &&
    (spec.volumeAttributesClassName ?? '') === (claim.spec?.volumeAttributesClassName ?? '')
  )
}

/** Null where a volume can be made for the node. */
function refusalToProvision(
  { claim }: KnownClaim,
  node: Node,
  volumes: VolumeObjects,
): string | null {
  const storageClass = volumes.storageClass(claim.spec?.storageClassName ?? '')
  if (!storageClass || storageClass.provisioner === noProvisioner) return claimConflicts.none
  if (!allowsNode(storageClass, node)) return claimConflicts.none
  // Only drivers that tell of their capacity are asked for it.
  if (volumes.driver(storageClass.provisioner)?.spec.storageCapacity !== true) return null
  const wanted = requestOf(claim)
  const hasRoom = volumes
    .capacities()
    .some(
      one =>
        one.storageClassName === storageClass.metadata.name &&
        compareQuantities(largestOf(one), wanted) >= 0 &&
        matchesLabels(labelSelectorFromObject(one.nodeTopology) ?? nowhere, node.metadata.labels),
    )
  return hasRoom ? null : claimConflicts.space
}

/** What can be made at once where it says so, else what is left at all. */
const largestOf = ({ maximumVolumeSize, capacity }: CSIStorageCapacity): Quantity =>
  parseQuantity(maximumVolumeSize ?? capacity ?? '') ?? zeroQuantity

/** Without a topology a capacity is of no node. */
const nowhere: LabelSelector = [
  { key: 'none', operator: 'Exists', values: [] },
  { key: 'none', operator: 'DoesNotExist', values: [] },
]

function allowsNode({ allowedTopologies = [] }: StorageClass, { metadata }: Node): boolean {
  const { labels = {} } = metadata
  if (allowedTopologies.length === 0) return true
  return allowedTopologies.some(({ matchLabelExpressions = [] }) =>
    matchLabelExpressions.every(({ key, values }) => {
      const value = Object.hasOwn(labels, key) ? labels[key] : undefined
      return value !== undefined && values.includes(value)
    }),
  )
}
