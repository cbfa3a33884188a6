// Leases: a holder and when it was last heard of. Counterpart: pkg/registry/coordination/lease.

import type { Kind } from '../../kind.js'
import { lease as schema } from '../../schema/coordination.js'
import type { Lease } from '../../types/coordination.js'
import { validateLease } from '../../validation/core.js'
import { ageColumn, nameColumn, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'

export const lease: Kind = {
  ...ordinary,
  group: 'coordination.k8s.io',
  version: 'v1',
  kind: 'Lease',
  plural: 'leases',
  singular: 'lease',
  schema,
  columns: [
    nameColumn,
    text<Lease>('Holder', 'Who holds the lease.', l => l.spec?.holderIdentity ?? ''),
    ageColumn,
  ],
  validate: object => validateLease(object),
  writes: { neverBlindly: true },
}
