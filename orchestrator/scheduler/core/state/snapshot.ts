// What filters and scores may look at: the nodes with their pods, and what stands around them. It
// does not change while a pod is being placed. Counterpart: SharedLister of pkg/scheduler/framework.

import type { LabelSelector } from '../../../api/selectors.js'
import type {
  PersistentVolume,
  PersistentVolumeClaim,
} from '../../../api/types/core-persistent-volume.js'
import type { PodDisruptionBudget } from '../../../api/types/policy-disruption-budget.js'
import type { StorageClass } from '../../../api/types/storage-class.js'
import type { CSIDriver, CSINode, CSIStorageCapacity } from '../../../api/types/storage-csi.js'
import type { Gang } from '../gang.js'
import type { NodeInfo } from './node-info.js'
import type { PlacedTerms } from './placed-terms.js'
import type { PodClasses } from './pod-classes.js'
import type { NamespaceLabels, PodInfo } from './pod-info.js'

/** Claims, volumes and what they are made by. Keys of claims are "namespace/name". */
export interface VolumeObjects {
  claim(key: string): PersistentVolumeClaim | undefined
  volume(name: string): PersistentVolume | undefined
  volumesOfClass(name: string): readonly PersistentVolume[]
  /** Every volume. */
  all(): readonly PersistentVolume[]
  storageClass(name: string): StorageClass | undefined
  csiNode(name: string): CSINode | undefined
  driver(name: string): CSIDriver | undefined
  capacities(): readonly CSIStorageCapacity[]
  /** The claim that a pod on its way to a node has chosen this volume for, if any. */
  promisedTo(volumeName: string): string | undefined
}

/** What is no node and no pod. */
export interface Surroundings {
  readonly namespaceLabels: NamespaceLabels
  /** What the Services and the owner of a pod select it by; empty where there are none. */
  readonly kinOf: (pod: PodInfo) => LabelSelector
  readonly volumes: VolumeObjects
  /** Null for a pod that is alone. */
  readonly gangOf: (pod: PodInfo) => Gang | null
  readonly budgets: () => readonly PodDisruptionBudget[]
}

/** Nodes that a pod could go to as far as its own selectors say; kept for those alike. */
export interface EligibleNodes {
  /** By name, for a node that is tried out is a copy. Null: all of them. */
  readonly nodes: ReadonlySet<string> | null
  /** Values by topology key, over those nodes. */
  readonly domains: ReadonlyMap<string, ReadonlySet<string>>
}

export interface Snapshot {
  /** Neighbours are in different zones as far as that goes. */
  readonly nodes: readonly NodeInfo[]
  node(name: string): NodeInfo | undefined
  readonly classes: Pick<PodClasses, 'ofNamespace' | 'ofLabel' | 'ofTerm'>
  readonly terms: Pick<PlacedTerms, 'of'>
  /** The nodes that have an image, with its bytes there. */
  nodesWithImage(name: string): ReadonlyMap<NodeInfo, number>
  /** What `build` made of these nodes under `key` before. */
  eligibleNodes(key: string, build: () => EligibleNodes): EligibleNodes
  /** Pods that mount a claim, by its "namespace/name". */
  usersOfClaim(key: string): Iterable<PodInfo>
  nodeOf(pod: PodInfo): NodeInfo | undefined
  readonly surroundings: Surroundings
}

const noVolumes: VolumeObjects = {
  claim: () => undefined,
  volume: () => undefined,
  volumesOfClass: () => [],
  all: () => [],
  storageClass: () => undefined,
  csiNode: () => undefined,
  driver: () => undefined,
  capacities: () => [],
  promisedTo: () => undefined,
}

export const noSurroundings: Surroundings = {
  namespaceLabels: () => undefined,
  kinOf: () => [],
  volumes: noVolumes,
  gangOf: () => null,
  budgets: () => [],
}
