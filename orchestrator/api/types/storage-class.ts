// The types of ../schema/storage-class.ts, written by source.ts: change the schema, then run the
// tests of this folder with -u.

import type { KubeObject } from '../object.js'

export interface TopologySelectorLabelRequirement {
  readonly key: string
  readonly values: readonly string[]
}

export interface TopologySelectorTerm {
  readonly matchLabelExpressions?: readonly TopologySelectorLabelRequirement[]
}

export interface StorageClass extends KubeObject {
  readonly provisioner: string
  readonly parameters?: { readonly [key: string]: string }
  readonly reclaimPolicy?: string
  readonly mountOptions?: readonly string[]
  readonly allowVolumeExpansion?: boolean
  readonly volumeBindingMode?: string
  readonly allowedTopologies?: readonly TopologySelectorTerm[]
}

export interface VolumeAttributesClass extends KubeObject {
  readonly driverName: string
  readonly parameters?: { readonly [key: string]: string }
}
