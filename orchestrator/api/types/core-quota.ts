// The types of ../schema/core-quota.ts, written by source.ts: change the schema, then run the
// tests of this folder with -u.

import type { KubeObject } from '../object.js'

export interface ScopedResourceSelectorRequirement {
  readonly scopeName: string
  readonly operator: string
  readonly values?: readonly string[]
}

export interface ScopeSelector {
  readonly matchExpressions?: readonly ScopedResourceSelectorRequirement[]
}

export interface ResourceQuotaSpec {
  readonly hard?: { readonly [key: string]: string }
  readonly scopes?: readonly string[]
  readonly scopeSelector?: ScopeSelector
}

export interface ResourceQuotaStatus {
  readonly hard?: { readonly [key: string]: string }
  readonly used?: { readonly [key: string]: string }
}

export interface ResourceQuota extends KubeObject {
  readonly spec?: ResourceQuotaSpec
  readonly status?: ResourceQuotaStatus
}

export interface LimitRangeItem {
  readonly type: string
  readonly max?: { readonly [key: string]: string }
  readonly min?: { readonly [key: string]: string }
  readonly default?: { readonly [key: string]: string }
  readonly defaultRequest?: { readonly [key: string]: string }
  readonly maxLimitRequestRatio?: { readonly [key: string]: string }
}

export interface LimitRangeSpec {
  readonly limits: readonly LimitRangeItem[]
}

export interface LimitRange extends KubeObject {
  readonly spec: LimitRangeSpec
}
