// The types of ../schema/apiextensions.ts, written by source.ts: change the schema, then run the
// tests of this folder with -u.

import type { JsonObject, KubeObject } from '../object.js'

export interface CustomResourceDefinition extends KubeObject {
  readonly spec?: JsonObject
  readonly status?: JsonObject
}
