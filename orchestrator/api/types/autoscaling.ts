// The types of ../schema/autoscaling.ts, written by source.ts: change the schema, then run the
// tests of this folder with -u.

import type { KubeObject } from '../object.js'

export interface ScaleSpec {
  readonly replicas?: number
}

export interface ScaleStatus {
  readonly replicas: number
  readonly selector?: string
}

export interface Scale extends KubeObject {
  readonly spec?: ScaleSpec
  readonly status?: ScaleStatus
}
