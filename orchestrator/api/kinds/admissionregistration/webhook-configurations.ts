// ValidatingWebhookConfigurations and MutatingWebhookConfigurations. What follows from them is in
// apiserver/admission. Counterpart: pkg/registry/admissionregistration and the printers of both.

import {
  mutatingWebhookDefaults,
  validatingWebhookDefaults,
} from '../../defaults/admission-webhook.js'
import type { Kind } from '../../kind.js'
import {
  mutatingWebhookConfiguration as mutatingSchema,
  validatingWebhookConfiguration as validatingSchema,
} from '../../schema/admission-webhook.js'
import type { ValidatingWebhookConfiguration } from '../../types/admission-webhook.js'
import {
  validateMutatingWebhooks,
  validateValidatingWebhooks,
} from '../../validation/admission-webhook.js'
import { ageColumn, integer, nameColumn } from '../columns.js'
import { ordinary } from '../kind-parts.js'

const shared = {
  ...ordinary,
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  categories: ['api-extensions'],
  namespaced: false,
  hasGeneration: true,
  columns: [
    nameColumn,
    integer<ValidatingWebhookConfiguration>(
      'Webhooks',
      'How many webhooks it names.',
      ({ webhooks = [] }) => webhooks.length,
    ),
    ageColumn,
  ],
} satisfies Partial<Kind>

export const validatingWebhookConfiguration: Kind = {
  ...shared,
  kind: 'ValidatingWebhookConfiguration',
  plural: 'validatingwebhookconfigurations',
  singular: 'validatingwebhookconfiguration',
  schema: validatingSchema,
  withDefaults: validatingWebhookDefaults,
  validate: (object, old) => validateValidatingWebhooks(object, old),
}

export const mutatingWebhookConfiguration: Kind = {
  ...shared,
  kind: 'MutatingWebhookConfiguration',
  plural: 'mutatingwebhookconfigurations',
  singular: 'mutatingwebhookconfiguration',
  schema: mutatingSchema,
  withDefaults: mutatingWebhookDefaults,
  validate: (object, old) => validateMutatingWebhooks(object, old),
}
