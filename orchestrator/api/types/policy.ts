// The types of ../schema/policy.ts, written by source.ts: change the schema, then run the
// tests of this folder with -u.

import type { KubeObject } from '../object.js'
import type { DeleteOptions } from './meta.js'

export interface Eviction extends KubeObject {
  readonly deleteOptions?: DeleteOptions
}
