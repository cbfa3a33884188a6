// ServiceCIDRs: the ranges that cluster IPs come from. Counterpart:
// pkg/registry/networking/servicecidr. Addresses are given out of the first range only.

import type { Kind } from '../../kind.js'
import { serviceCIDR as schema } from '../../schema/networking-address.js'
import type { ServiceCIDR } from '../../types/networking-address.js'
import { validateServiceCidr } from '../../validation/service-address.js'
import { ageColumn, nameColumn, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'

export const serviceCidr: Kind = {
  ...ordinary,
  group: 'networking.k8s.io',
  version: 'v1',
  kind: 'ServiceCIDR',
  plural: 'servicecidrs',
  singular: 'servicecidr',
  namespaced: false,
  schema,
  hasStatus: true,
  columns: [
    nameColumn,
    text<ServiceCIDR>('CIDRs', 'The ranges.', c => (c.spec?.cidrs ?? []).join(',')),
    ageColumn,
  ],
  validate: (object, old) => validateServiceCidr(object, old),
  writes: { initialStatus: 'given' },
}
