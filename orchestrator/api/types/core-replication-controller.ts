// The types of ../schema/core-replication-controller.ts, written by source.ts: change the schema, then run the
// tests of this folder with -u.

import type { KubeObject } from '../object.js'
import type { PodTemplateSpec } from './core-pod.js'

export interface PodTemplate extends KubeObject {
  readonly template?: PodTemplateSpec
}

export interface ReplicationControllerSpec {
  readonly replicas?: number
  readonly selector?: { readonly [key: string]: string }
  readonly template?: PodTemplateSpec
  readonly minReadySeconds?: number
}

export interface ReplicationControllerCondition {
  readonly type: string
  readonly status: string
  readonly lastTransitionTime?: string
  readonly reason?: string
  readonly message?: string
}

export interface ReplicationControllerStatus {
  readonly replicas: number
  readonly fullyLabeledReplicas?: number
  readonly observedGeneration?: number
  readonly readyReplicas?: number
  readonly availableReplicas?: number
  readonly conditions?: readonly ReplicationControllerCondition[]
}

export interface ReplicationController extends KubeObject {
  readonly spec?: ReplicationControllerSpec
  readonly status?: ReplicationControllerStatus
}
