// Counterpart: apis/admissionregistration/v1/defaults.go.

import type { KubeObject } from '../object.js'
import type {
  MutatingWebhook,
  MutatingWebhookConfiguration,
  ValidatingWebhook,
  ValidatingWebhookConfiguration,
  WebhookClientConfig,
} from '../types/admission-webhook.js'

const httpsPort = 443
const timeoutSecondsDefault = 10

function clientConfig(given: WebhookClientConfig): WebhookClientConfig {
  const { service } = given
  if (service === undefined || service.port !== undefined) return given
  return { ...given, service: { ...service, port: httpsPort } }
}

function complete<T extends ValidatingWebhook>(webhook: T): T {
  const { failurePolicy = 'Fail', matchPolicy = 'Equivalent', rules } = webhook
  return {
    ...webhook,
    // Objects without one come here before validation says so.
    ...(webhook.clientConfig === undefined
      ? {}
      : { clientConfig: clientConfig(webhook.clientConfig) }),
    ...(rules === undefined
      ? {}
      : { rules: rules.map(rule => ({ ...rule, scope: rule.scope ?? '*' })) }),
    failurePolicy,
    matchPolicy,
    namespaceSelector: webhook.namespaceSelector ?? {},
    objectSelector: webhook.objectSelector ?? {},
    timeoutSeconds: webhook.timeoutSeconds ?? timeoutSecondsDefault,
  }
}

export function validatingWebhookDefaults(object: KubeObject): KubeObject {
  const configuration = object as ValidatingWebhookConfiguration
  const { webhooks } = configuration
  if (webhooks === undefined) return object
  const defaulted: ValidatingWebhookConfiguration = {
    ...configuration,
    webhooks: webhooks.map(complete),
  }
  return defaulted
}

export function mutatingWebhookDefaults(object: KubeObject): KubeObject {
  const configuration = object as MutatingWebhookConfiguration
  const { webhooks } = configuration
  if (webhooks === undefined) return object
  const defaulted: MutatingWebhookConfiguration = {
    ...configuration,
    webhooks: webhooks.map((webhook): MutatingWebhook => {
      const { reinvocationPolicy = 'Never' } = webhook
      return { ...complete(webhook), reinvocationPolicy }
    }),
  }
  return defaulted
}
