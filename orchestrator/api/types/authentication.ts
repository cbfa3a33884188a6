// The types of ../schema/authentication.ts, written by source.ts: change the schema, then run the
// tests of this folder with -u.

import type { KubeObject } from '../object.js'

export interface BoundObjectReference {
  readonly kind?: string
  readonly apiVersion?: string
  readonly name?: string
  readonly uid?: string
}

export interface TokenRequestSpec {
  readonly audiences: readonly string[]
  readonly boundObjectRef?: BoundObjectReference
  readonly expirationSeconds?: number
}

export interface TokenRequest extends KubeObject {
  readonly spec: TokenRequestSpec
}

export interface SelfSubjectReview extends KubeObject {}
