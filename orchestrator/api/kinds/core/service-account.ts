// ServiceAccounts: who a pod is. Counterpart: pkg/registry/core/serviceaccount.

import type { Kind } from '../../kind.js'
import { serviceAccount as schema } from '../../schema/core-config.js'
import type { ServiceAccount } from '../../types/core-config.js'
import { validateObjectName } from '../../validation/metadata.js'
import { dns1123Subdomain } from '../../validation/names.js'
import { ageColumn, nameColumn, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'

export const serviceAccount: Kind = {
  ...ordinary,
  group: '',
  version: 'v1',
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  singular: 'serviceaccount',
  shortNames: ['sa'],
  schema,
  subresources: [
    {
      name: 'token',
      group: 'authentication.k8s.io',
      version: 'v1',
      kind: 'TokenRequest',
      verbs: ['create'],
    },
  ],
  columns: [
    nameColumn,
    text<ServiceAccount>('Secrets', 'How many secrets it may use.', a => a.secrets?.length ?? 0),
    ageColumn,
  ],
  validate: object => validateObjectName(object, dns1123Subdomain),
  writes: { deleteReturnsObject: true },
}
