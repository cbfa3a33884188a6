// The types of ../schema/apiregistration.ts, written by source.ts: change the schema, then run the
// tests of this folder with -u.

import type { KubeObject } from '../object.js'

export interface ServiceReference {
  readonly namespace?: string
  readonly name?: string
  readonly port?: number
}

export interface APIServiceSpec {
  readonly service?: ServiceReference
  readonly group?: string
  readonly version?: string
  readonly insecureSkipTLSVerify?: boolean
  readonly caBundle?: string
  readonly groupPriorityMinimum: number
  readonly versionPriority: number
}

export interface APIServiceCondition {
  readonly type: string
  readonly status: string
  readonly lastTransitionTime?: string
  readonly reason?: string
  readonly message?: string
}

export interface APIServiceStatus {
  readonly conditions?: readonly APIServiceCondition[]
}

export interface APIService extends KubeObject {
  readonly spec: APIServiceSpec
  readonly status?: APIServiceStatus
}
