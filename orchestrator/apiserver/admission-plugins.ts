// Admission that clients configure, in the order in which it is asked: those that mutate before those
// that validate, policies before webhooks. Counterpart: AllOrderedPlugins of kubeapiserver/options.

import type { Clock } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import type { Metrics } from '../../platform/metrics.js'
import type { Random } from '../../platform/random.js'
import type { KindRegistry } from '../api/kind-registry.js'
import type { AdmissionPlugin } from './admission/dynamic.js'
import { PolicyAdmission } from './admission/policy/policy-admission.js'
import { webhookConditions } from './admission/policy/webhook-conditions.js'
import { WebhookMetrics } from './admission/webhook-metrics.js'
import { WebhookSelection } from './admission/webhook-selection.js'
import { MutatingWebhooks, ValidatingWebhooks } from './admission/webhooks.js'
import type { Authorizer } from './authorizer.js'
import type { ObjectReader } from './object-reader.js'
import type { RegistryCache } from './registry-cache.js'
import type { WebhookCaller } from './webhook-call.js'

export interface AdmissionPluginServices {
  readonly reader: ObjectReader
  readonly cache: RegistryCache
  readonly authorizer: Authorizer
  readonly kinds: KindRegistry
  readonly webhooks: WebhookCaller
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: Metrics
}

const registration = 'admissionregistration.k8s.io'

export function admissionPlugins(services: AdmissionPluginServices): readonly AdmissionPlugin[] {
  const { reader, kinds, webhooks: caller, clock, random, logger } = services
  const metrics = new WebhookMetrics(services.metrics)
  const conditions = webhookConditions(services)
  const webhooksOf = (plural: string) => ({
    selection: new WebhookSelection({
      configurations: () => reader.cachedList(registration, plural, '').map(({ object }) => object),
      namespace: name => reader.cachedAt('', 'namespaces', '', name)?.object ?? null,
      served: () => kinds.all,
    }),
    conditions,
    caller,
    metrics,
    clock,
    random,
    logger,
  })
  return [
    new PolicyAdmission(services),
    new MutatingWebhooks(webhooksOf('mutatingwebhookconfigurations')),
    new ValidatingWebhooks(webhooksOf('validatingwebhookconfigurations')),
  ]
}
