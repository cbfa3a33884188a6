// The types of ../schema/scheduling.ts, written by source.ts: change the schema, then run the
// tests of this folder with -u.

import type { KubeObject } from '../object.js'

export interface PriorityClass extends KubeObject {
  readonly value?: number
  readonly globalDefault?: boolean
  readonly description?: string
  readonly preemptionPolicy?: string
}
