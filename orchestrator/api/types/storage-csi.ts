// The types of ../schema/storage-csi.ts, written by source.ts: change the schema, then run the
// tests of this folder with -u.

import type { KubeObject } from '../object.js'
import type { LabelSelector } from './meta.js'

export interface TokenRequest {
  readonly audience: string
  readonly expirationSeconds?: number
}

export interface CSIDriverSpec {
  readonly attachRequired?: boolean
  readonly podInfoOnMount?: boolean
  readonly volumeLifecycleModes?: readonly string[]
  readonly storageCapacity?: boolean
  readonly fsGroupPolicy?: string
  readonly tokenRequests?: readonly TokenRequest[]
  readonly requiresRepublish?: boolean
  readonly seLinuxMount?: boolean
  readonly nodeAllocatableUpdatePeriodSeconds?: number
  readonly serviceAccountTokenInSecrets?: boolean
  readonly preventPodSchedulingIfMissing?: boolean
}

export interface CSIDriver extends KubeObject {
  readonly spec: CSIDriverSpec
}

export interface VolumeNodeResources {
  readonly count?: number
}

export interface CSINodeDriver {
  readonly name: string
  readonly nodeID: string
  readonly topologyKeys?: readonly string[]
  readonly allocatable?: VolumeNodeResources
}

export interface CSINodeSpec {
  readonly drivers: readonly CSINodeDriver[]
}

export interface CSINode extends KubeObject {
  readonly spec: CSINodeSpec
}

export interface CSIStorageCapacity extends KubeObject {
  readonly nodeTopology?: LabelSelector
  readonly storageClassName: string
  readonly capacity?: string
  readonly maximumVolumeSize?: string
}
