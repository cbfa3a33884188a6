// IPAddresses and the ServiceCIDRs that they come from.
// Counterpart: networking/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { condition, objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import { field, keyed, list, pointer, string, struct, typeMeta } from '../schema.js'

export const parentReference: StructSchema = struct('io.k8s.api.networking.v1.ParentReference', {
  group: field(1, string),
  resource: field(2, string, { required: true }),
  namespace: field(3, string),
  name: field(4, string, { required: true }),
})

export const ipAddressSpec: StructSchema = struct('io.k8s.api.networking.v1.IPAddressSpec', {
  parentRef: pointer(1, parentReference, { required: true }),
})

export const ipAddress: StructSchema = struct(
  'io.k8s.api.networking.v1.IPAddress',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: field(2, ipAddressSpec, { required: true }),
  },
  { description: 'An address that is taken, and who has it.' },
)

export const serviceCIDRSpec: StructSchema = struct('io.k8s.api.networking.v1.ServiceCIDRSpec', {
  cidrs: field(1, list(string)),
})

export const serviceCIDRStatus: StructSchema = struct(
  'io.k8s.api.networking.v1.ServiceCIDRStatus',
  {
    conditions: field(1, keyed(condition, 'type'), { mergeKey: 'type' }),
  },
)

export const serviceCIDR: StructSchema = struct(
  'io.k8s.api.networking.v1.ServiceCIDR',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: field(2, serviceCIDRSpec),
    status: field(3, serviceCIDRStatus),
  },
  { description: 'Addresses for Services.' },
)
