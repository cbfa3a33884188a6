// Leases: heartbeats of nodes, and leader election.
// Counterpart: coordination.k8s.io/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import { field, int32, microTime, pointer, string, struct, typeMeta } from '../schema.js'

export const leaseSpec: StructSchema = struct('io.k8s.api.coordination.v1.LeaseSpec', {
  holderIdentity: pointer(1, string),
  leaseDurationSeconds: pointer(2, int32),
  acquireTime: pointer(3, microTime),
  renewTime: pointer(4, microTime),
  leaseTransitions: pointer(5, int32),
  strategy: pointer(6, string),
  preferredHolder: pointer(7, string),
})

export const lease: StructSchema = struct(
  'io.k8s.api.coordination.v1.Lease',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: field(2, leaseSpec),
  },
  { description: 'A claim that its holder renews, such as the heartbeat of a node.' },
)
