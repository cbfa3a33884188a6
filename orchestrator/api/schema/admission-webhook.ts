// Webhooks that see requests before they take effect.
// Counterpart: admissionregistration/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { labelSelector, objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import {
  always,
  bytes,
  field,
  inlined,
  int32,
  keyed,
  list,
  pointer,
  string,
  struct,
  typeMeta,
} from '../schema.js'

export const ruleWithOperations: StructSchema = struct(
  'io.k8s.api.admissionregistration.v1.RuleWithOperations',
  {
    operations: field(1, list(string)),
    ...inlined(2, {
      apiGroups: field(1, list(string)),
      apiVersions: field(2, list(string)),
      resources: field(3, list(string)),
      scope: pointer(4, string),
    }),
  },
)

export const serviceReference: StructSchema = struct(
  'io.k8s.api.admissionregistration.v1.ServiceReference',
  {
    namespace: always(1, string, { required: true }),
    name: always(2, string, { required: true }),
    path: pointer(3, string),
    port: pointer(4, int32),
  },
)

export const webhookClientConfig: StructSchema = struct(
  'io.k8s.api.admissionregistration.v1.WebhookClientConfig',
  {
    service: pointer(1, serviceReference),
    caBundle: field(2, bytes),
    url: pointer(3, string),
  },
)

export const matchCondition: StructSchema = struct(
  'io.k8s.api.admissionregistration.v1.MatchCondition',
  {
    name: always(1, string, { required: true }),
    expression: always(2, string, { required: true }),
  },
)

export const mutatingWebhook: StructSchema = struct(
  'io.k8s.api.admissionregistration.v1.MutatingWebhook',
  {
    name: always(1, string, { required: true }),
    clientConfig: always(2, webhookClientConfig, { required: true }),
    rules: field(3, list(ruleWithOperations)),
    failurePolicy: pointer(4, string),
    namespaceSelector: pointer(5, labelSelector),
    sideEffects: pointer(6, string, { required: true }),
    timeoutSeconds: pointer(7, int32),
    admissionReviewVersions: always(8, list(string), { required: true }),
    matchPolicy: pointer(9, string),
    reinvocationPolicy: pointer(10, string),
    objectSelector: pointer(11, labelSelector),
    matchConditions: field(12, keyed(matchCondition, 'name'), { mergeKey: 'name' }),
  },
)

export const mutatingWebhookConfiguration: StructSchema = struct(
  'io.k8s.api.admissionregistration.v1.MutatingWebhookConfiguration',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    webhooks: field(2, keyed(mutatingWebhook, 'name'), { mergeKey: 'name' }),
  },
  { description: 'Servers that may change what is asked for.' },
)

export const validatingWebhook: StructSchema = struct(
  'io.k8s.api.admissionregistration.v1.ValidatingWebhook',
  {
    name: always(1, string, { required: true }),
    clientConfig: always(2, webhookClientConfig, { required: true }),
    rules: field(3, list(ruleWithOperations)),
    failurePolicy: pointer(4, string),
    namespaceSelector: pointer(5, labelSelector),
    sideEffects: pointer(6, string, { required: true }),
    timeoutSeconds: pointer(7, int32),
    admissionReviewVersions: always(8, list(string), { required: true }),
    matchPolicy: pointer(9, string),
    objectSelector: pointer(10, labelSelector),
    matchConditions: field(11, keyed(matchCondition, 'name'), { mergeKey: 'name' }),
  },
)

export const validatingWebhookConfiguration: StructSchema = struct(
  'io.k8s.api.admissionregistration.v1.ValidatingWebhookConfiguration',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    webhooks: field(2, keyed(validatingWebhook, 'name'), { mergeKey: 'name' }),
  },
  { description: 'Servers that may refuse what is asked for.' },
)
