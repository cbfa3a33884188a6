// The types of ../schema/admission-webhook.ts, written by source.ts: change the schema, then run the
// tests of this folder with -u.

import type { KubeObject } from '../object.js'
import type { LabelSelector } from './meta.js'

export interface RuleWithOperations {
  readonly operations?: readonly string[]
  readonly apiGroups?: readonly string[]
  readonly apiVersions?: readonly string[]
  readonly resources?: readonly string[]
  readonly scope?: string
}

export interface ServiceReference {
  readonly namespace: string
  readonly name: string
  readonly path?: string
  readonly port?: number
}

export interface WebhookClientConfig {
  readonly service?: ServiceReference
  readonly caBundle?: string
  readonly url?: string
}

export interface MatchCondition {
  readonly name: string
  readonly expression: string
}

export interface MutatingWebhook {
  readonly name: string
  readonly clientConfig: WebhookClientConfig
  readonly rules?: readonly RuleWithOperations[]
  readonly failurePolicy?: string
  readonly namespaceSelector?: LabelSelector
  readonly sideEffects: string
  readonly timeoutSeconds?: number
  readonly admissionReviewVersions: readonly string[]
  readonly matchPolicy?: string
  readonly reinvocationPolicy?: string
  readonly objectSelector?: LabelSelector
  readonly matchConditions?: readonly MatchCondition[]
}

export interface MutatingWebhookConfiguration extends KubeObject {
  readonly webhooks?: readonly MutatingWebhook[]
}

export interface ValidatingWebhook {
  readonly name: string
  readonly clientConfig: WebhookClientConfig
  readonly rules?: readonly RuleWithOperations[]
  readonly failurePolicy?: string
  readonly namespaceSelector?: LabelSelector
  readonly sideEffects: string
  readonly timeoutSeconds?: number
  readonly admissionReviewVersions: readonly string[]
  readonly matchPolicy?: string
  readonly objectSelector?: LabelSelector
  readonly matchConditions?: readonly MatchCondition[]
}

export interface ValidatingWebhookConfiguration extends KubeObject {
  readonly webhooks?: readonly ValidatingWebhook[]
}
