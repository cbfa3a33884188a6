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

export interface TokenRequestStatus {
  readonly token: string
  readonly expirationTimestamp: string
}

export interface TokenRequest extends KubeObject {
  readonly spec: TokenRequestSpec
  readonly status?: TokenRequestStatus
}

export interface UserInfo {
  readonly username?: string
  readonly uid?: string
  readonly groups?: readonly string[]
  readonly extra?: { readonly [key: string]: readonly string[] }
}

export interface SelfSubjectReviewStatus {
  readonly userInfo?: UserInfo
}

export interface SelfSubjectReview extends KubeObject {
  readonly status?: SelfSubjectReviewStatus
}

export interface TokenReviewSpec {
  readonly token: string
  readonly audiences?: readonly string[]
}

export interface TokenReviewStatus {
  readonly authenticated?: boolean
  readonly user?: UserInfo
  readonly error?: string
  readonly audiences?: readonly string[]
}

export interface TokenReview extends KubeObject {
  readonly spec: TokenReviewSpec
  readonly status?: TokenReviewStatus
}
