// The types of ../schema/networking-address.ts, written by source.ts: change the schema, then run the
// tests of this folder with -u.

import type { KubeObject } from '../object.js'
import type { Condition } from './meta.js'

export interface ParentReference {
  readonly group?: string
  readonly resource: string
  readonly namespace?: string
  readonly name: string
}

export interface IPAddressSpec {
  readonly parentRef: ParentReference
}

export interface IPAddress extends KubeObject {
  readonly spec: IPAddressSpec
}

export interface ServiceCIDRSpec {
  readonly cidrs?: readonly string[]
}

export interface ServiceCIDRStatus {
  readonly conditions?: readonly Condition[]
}

export interface ServiceCIDR extends KubeObject {
  readonly spec?: ServiceCIDRSpec
  readonly status?: ServiceCIDRStatus
}
