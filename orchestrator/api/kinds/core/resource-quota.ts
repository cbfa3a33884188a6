// ResourceQuotas. Counterpart: pkg/registry/core/resourcequota and printResourceQuota.

import type { Kind } from '../../kind.js'
import { own } from '../../record.js'
import { resourceQuota as schema } from '../../schema/core-quota.js'
import type { ResourceQuota } from '../../types/core-quota.js'
import { validateResourceQuota } from '../../validation/resource-quota.js'
import { ageColumn, nameColumn, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'

function usageText({ status }: ResourceQuota, limits: boolean): string {
  const { hard = {}, used = {} } = status ?? {}
  return Object.keys(hard)
    .filter(name => name.startsWith('limits.') === limits)
    .sort()
    .map(name => `${name}: ${own(used, name) ?? '0'}/${hard[name]}`)
    .join(', ')
}

export const resourceQuota: Kind = {
  ...ordinary,
  group: '',
  version: 'v1',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  singular: 'resourcequota',
  shortNames: ['quota'],
  schema,
  hasStatus: true,
  columns: [
    nameColumn,
    ageColumn,
    text<ResourceQuota>('Request', 'What is used, of what may be.', q => usageText(q, false)),
    text<ResourceQuota>('Limit', 'The same of limits.', q => usageText(q, true)),
  ],
  validate: (object, old) => validateResourceQuota(object, old),
}
