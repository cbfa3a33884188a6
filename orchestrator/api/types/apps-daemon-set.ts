// The types of ../schema/apps-daemon-set.ts, written by source.ts: change the schema, then run the
// tests of this folder with -u.

import type { JsonObject, KubeObject } from '../object.js'
import type { PodTemplateSpec } from './core-pod.js'
import type { LabelSelector } from './meta.js'

export interface RollingUpdateDaemonSet {
  readonly maxUnavailable?: number | string
  readonly maxSurge?: number | string
}

export interface DaemonSetUpdateStrategy {
  readonly type?: string
  readonly rollingUpdate?: RollingUpdateDaemonSet
}

export interface DaemonSetSpec {
  readonly selector: LabelSelector
  readonly template: PodTemplateSpec
  readonly updateStrategy?: DaemonSetUpdateStrategy
  readonly minReadySeconds?: number
  readonly revisionHistoryLimit?: number
}

export interface DaemonSetCondition {
  readonly type: string
  readonly status: string
  readonly lastTransitionTime?: string
  readonly reason?: string
  readonly message?: string
}

export interface DaemonSetStatus {
  readonly currentNumberScheduled: number
  readonly numberMisscheduled: number
  readonly desiredNumberScheduled: number
  readonly numberReady: number
  readonly observedGeneration?: number
  readonly updatedNumberScheduled?: number
  readonly numberAvailable?: number
  readonly numberUnavailable?: number
  readonly collisionCount?: number
  readonly conditions?: readonly DaemonSetCondition[]
}

export interface DaemonSet extends KubeObject {
  readonly spec: DaemonSetSpec
  readonly status?: DaemonSetStatus
}

export interface ControllerRevision extends KubeObject {
  readonly data?: JsonObject
  readonly revision: number
}
