// The types of ../schema/metrics.ts, written by source.ts: change the schema, then run the
// tests of this folder with -u.

import type { KubeObject } from '../object.js'

export interface ContainerMetrics {
  readonly name: string
  readonly usage?: { readonly [key: string]: string }
}

export interface NodeMetrics extends KubeObject {
  readonly timestamp?: string
  readonly window?: string
  readonly usage?: { readonly [key: string]: string }
}

export interface PodMetrics extends KubeObject {
  readonly timestamp?: string
  readonly window?: string
  readonly containers?: readonly ContainerMetrics[]
}
