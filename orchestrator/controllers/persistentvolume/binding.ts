// How a claim and a volume say that they belong together, and by which marks others know how far that has come.
// Pure. Counterpart: the constants and small questions of k8s.io/component-helpers/storage/volume.

import type { KubeObject } from '../../api/object.js'
import { parseQuantity } from '../../api/quantity.js'
import type {
  PersistentVolume,
  PersistentVolumeClaim,
} from '../../api/types/core-persistent-volume.js'
import type { StorageClass } from '../../api/types/storage-class.js'

/** On a claim: both sides of its binding have been written. */
export const bindCompleted = 'pv.kubernetes.io/bind-completed'
/** On either side: its half of the binding is ours and not the user's, so that we may take it back. */
export const boundByController = 'pv.kubernetes.io/bound-by-controller'
/** On a volume: who made it, and will unmake it. */
export const provisionedBy = 'pv.kubernetes.io/provisioned-by'
/** On a claim: the node that the scheduler has in mind for its first consumer. */
export const selectedNode = 'volume.kubernetes.io/selected-node'
/** On a claim: who is to make a volume for it. Drivers look at one or the other. */
export const provisionerMarks = [
  'volume.kubernetes.io/storage-provisioner',
  'volume.beta.kubernetes.io/storage-provisioner',
] as const
const classMark = 'volume.beta.kubernetes.io/storage-class'

/** The annotation is older than the field, and goes before it. '' for none. */
export function classOf({ metadata, spec }: PersistentVolume | PersistentVolumeClaim): string {
  return metadata.annotations?.[classMark] ?? spec?.storageClassName ?? ''
}

/** It says nothing at all of its class, where '' would be a wish for none. */
export function namesNoClass({ metadata, spec }: PersistentVolumeClaim): boolean {
  return metadata.annotations?.[classMark] === undefined && spec?.storageClassName === undefined
}

export const waitsForConsumer = (storageClass: StorageClass | null): boolean =>
  storageClass?.volumeBindingMode === 'WaitForFirstConsumer'

export const isMarked = ({ metadata }: KubeObject, mark: string): boolean =>
  metadata.annotations?.[mark] !== undefined

export function marked<T extends KubeObject>(
  object: T,
  marks: Readonly<Record<string, string>>,
): T {
  const annotations = { ...object.metadata.annotations, ...marks }
  return { ...object, metadata: { ...object.metadata, annotations } }
}

export function unmarked<T extends KubeObject>(object: T, mark: string): T {
  const { [mark]: _, ...annotations } = object.metadata.annotations ?? {}
  return { ...object, metadata: { ...object.metadata, annotations } }
}

/** The volume names this claim: perhaps by name alone, as users do who know no uid yet. */
export function isMeantFor(volume: PersistentVolume, { metadata }: PersistentVolumeClaim): boolean {
  const ref = volume.spec?.claimRef
  if (ref?.name !== metadata.name || ref?.namespace !== metadata.namespace) return false
  return (ref?.uid ?? '') === '' || ref?.uid === metadata.uid
}

/** In billionths of a byte; 0 where nothing is said. */
export const capacityOf = ({ spec }: PersistentVolume): bigint => sizeOf(spec?.capacity)

export const requestOf = ({ spec }: PersistentVolumeClaim): bigint =>
  sizeOf(spec?.resources?.requests)

export const sizeOf = (amounts: { readonly [name: string]: string } | undefined): bigint =>
  parseQuantity(amounts?.['storage'] ?? '')?.nanos ?? 0n
