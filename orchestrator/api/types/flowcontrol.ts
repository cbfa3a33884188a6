// The types of ../schema/flowcontrol.ts, written by source.ts: change the schema, then run the
// tests of this folder with -u.

import type { KubeObject } from '../object.js'

export interface UserSubject {
  readonly name: string
}

export interface GroupSubject {
  readonly name: string
}

export interface ServiceAccountSubject {
  readonly namespace: string
  readonly name: string
}

export interface Subject {
  readonly kind: string
  readonly user?: UserSubject
  readonly group?: GroupSubject
  readonly serviceAccount?: ServiceAccountSubject
}

export interface ResourcePolicyRule {
  readonly verbs: readonly string[]
  readonly apiGroups: readonly string[]
  readonly resources: readonly string[]
  readonly clusterScope?: boolean
  readonly namespaces?: readonly string[]
}

export interface NonResourcePolicyRule {
  readonly verbs: readonly string[]
  readonly nonResourceURLs: readonly string[]
}

export interface PolicyRulesWithSubjects {
  readonly subjects: readonly Subject[]
  readonly resourceRules?: readonly ResourcePolicyRule[]
  readonly nonResourceRules?: readonly NonResourcePolicyRule[]
}

export interface FlowDistinguisherMethod {
  readonly type: string
}

export interface PriorityLevelConfigurationReference {
  readonly name: string
}

export interface FlowSchemaSpec {
  readonly priorityLevelConfiguration: PriorityLevelConfigurationReference
  readonly matchingPrecedence?: number
  readonly distinguisherMethod?: FlowDistinguisherMethod
  readonly rules?: readonly PolicyRulesWithSubjects[]
}

export interface FlowSchemaCondition {
  readonly type?: string
  readonly status?: string
  readonly lastTransitionTime?: string
  readonly reason?: string
  readonly message?: string
}

export interface FlowSchemaStatus {
  readonly conditions?: readonly FlowSchemaCondition[]
}

export interface FlowSchema extends KubeObject {
  readonly spec: FlowSchemaSpec
  readonly status?: FlowSchemaStatus
}

export interface QueuingConfiguration {
  readonly queues?: number
  readonly handSize?: number
  readonly queueLengthLimit?: number
}

export interface LimitResponse {
  readonly type: string
  readonly queuing?: QueuingConfiguration
}

export interface LimitedPriorityLevelConfiguration {
  readonly nominalConcurrencyShares?: number
  readonly limitResponse?: LimitResponse
  readonly lendablePercent?: number
  readonly borrowingLimitPercent?: number
}

export interface ExemptPriorityLevelConfiguration {
  readonly nominalConcurrencyShares?: number
  readonly lendablePercent?: number
}

export interface PriorityLevelConfigurationSpec {
  readonly type: string
  readonly limited?: LimitedPriorityLevelConfiguration
  readonly exempt?: ExemptPriorityLevelConfiguration
}

export interface PriorityLevelConfigurationCondition {
  readonly type?: string
  readonly status?: string
  readonly lastTransitionTime?: string
  readonly reason?: string
  readonly message?: string
}

export interface PriorityLevelConfigurationStatus {
  readonly conditions?: readonly PriorityLevelConfigurationCondition[]
}

export interface PriorityLevelConfiguration extends KubeObject {
  readonly spec: PriorityLevelConfigurationSpec
  readonly status?: PriorityLevelConfigurationStatus
}
