// The types of ../schema/apps-stateful-set.ts, written by source.ts: change the schema, then run the
// tests of this folder with -u.

import type { KubeObject } from '../object.js'
import type { PersistentVolumeClaim } from './core-persistent-volume.js'
import type { PodTemplateSpec } from './core-pod.js'
import type { LabelSelector } from './meta.js'

export interface RollingUpdateStatefulSetStrategy {
  readonly partition?: number
  readonly maxUnavailable?: number | string
}

export interface StatefulSetUpdateStrategy {
  readonly type?: string
  readonly rollingUpdate?: RollingUpdateStatefulSetStrategy
}

export interface StatefulSetPersistentVolumeClaimRetentionPolicy {
  readonly whenDeleted?: string
  readonly whenScaled?: string
}

export interface StatefulSetOrdinals {
  readonly start?: number
}

export interface StatefulSetSpec {
  readonly replicas?: number
  readonly selector: LabelSelector
  readonly template: PodTemplateSpec
  readonly volumeClaimTemplates?: readonly PersistentVolumeClaim[]
  readonly serviceName?: string
  readonly podManagementPolicy?: string
  readonly updateStrategy?: StatefulSetUpdateStrategy
  readonly revisionHistoryLimit?: number
  readonly minReadySeconds?: number
  readonly persistentVolumeClaimRetentionPolicy?: StatefulSetPersistentVolumeClaimRetentionPolicy
  readonly ordinals?: StatefulSetOrdinals
}

export interface StatefulSetCondition {
  readonly type: string
  readonly status: string
  readonly lastTransitionTime?: string
  readonly reason?: string
  readonly message?: string
}

export interface StatefulSetStatus {
  readonly observedGeneration?: number
  readonly replicas: number
  readonly readyReplicas?: number
  readonly currentReplicas?: number
  readonly updatedReplicas?: number
  readonly currentRevision?: string
  readonly updateRevision?: string
  readonly collisionCount?: number
  readonly conditions?: readonly StatefulSetCondition[]
  readonly availableReplicas?: number
}

export interface StatefulSet extends KubeObject {
  readonly spec: StatefulSetSpec
  readonly status?: StatefulSetStatus
}
