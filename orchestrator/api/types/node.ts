// The types of ../schema/node.ts, written by source.ts: change the schema, then run the
// tests of this folder with -u.

import type { KubeObject } from '../object.js'
import type { Toleration } from './core-scheduling.js'

export interface Overhead {
  readonly podFixed?: { readonly [key: string]: string }
}

export interface Scheduling {
  readonly nodeSelector?: { readonly [key: string]: string }
  readonly tolerations?: readonly Toleration[]
}

export interface RuntimeClass extends KubeObject {
  readonly handler: string
  readonly overhead?: Overhead
  readonly scheduling?: Scheduling
}
