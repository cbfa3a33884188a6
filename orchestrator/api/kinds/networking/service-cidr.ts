// ServiceCIDRs: the ranges that cluster IPs come from. Counterpart:
// pkg/registry/networking/servicecidr. They are held from the start, where the original's controller does
// that: no address can be taken of one that nobody would wait for.

import type { Kind } from '../../kind.js'
import { serviceCIDR as schema } from '../../schema/networking-address.js'
import type { ServiceCIDR } from '../../types/networking-address.js'
import { validateServiceCidr } from '../../validation/service-address.js'
import { ageColumn, nameColumn, text } from '../columns.js'
import { ordinary, withFinalizer } from '../kind-parts.js'

export const serviceCidrFinalizer = 'networking.k8s.io/service-cidr-finalizer'

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
  writes: {
    initialStatus: 'given',
    onCreate: object => withFinalizer(object, serviceCidrFinalizer),
  },
}
