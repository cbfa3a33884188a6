// The types of ../schema/core-component-status.ts, written by source.ts: change the schema, then run the
// tests of this folder with -u.

import type { KubeObject } from '../object.js'

export interface ComponentCondition {
  readonly type: string
  readonly status: string
  readonly message?: string
  readonly error?: string
}

export interface ComponentStatus extends KubeObject {
  readonly conditions?: readonly ComponentCondition[]
}
