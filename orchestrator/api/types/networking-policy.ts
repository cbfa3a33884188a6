// The types of ../schema/networking-policy.ts, written by source.ts: change the schema, then run the
// tests of this folder with -u.

import type { KubeObject } from '../object.js'
import type { LabelSelector } from './meta.js'

export interface IPBlock {
  readonly cidr: string
  readonly except?: readonly string[]
}

export interface NetworkPolicyPeer {
  readonly podSelector?: LabelSelector
  readonly namespaceSelector?: LabelSelector
  readonly ipBlock?: IPBlock
}

export interface NetworkPolicyPort {
  readonly protocol?: string
  readonly port?: number | string
  readonly endPort?: number
}

export interface NetworkPolicyIngressRule {
  readonly ports?: readonly NetworkPolicyPort[]
  readonly from?: readonly NetworkPolicyPeer[]
}

export interface NetworkPolicyEgressRule {
  readonly ports?: readonly NetworkPolicyPort[]
  readonly to?: readonly NetworkPolicyPeer[]
}

export interface NetworkPolicySpec {
  readonly podSelector?: LabelSelector
  readonly ingress?: readonly NetworkPolicyIngressRule[]
  readonly egress?: readonly NetworkPolicyEgressRule[]
  readonly policyTypes?: readonly string[]
}

export interface NetworkPolicy extends KubeObject {
  readonly spec?: NetworkPolicySpec
}
