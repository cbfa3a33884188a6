// ReplicaSets. Counterpart: pkg/registry/apps/replicaset and printReplicaSet.

import { replicaSetDefaults } from '../../defaults/workload.js'
import type { Kind } from '../../kind.js'
import { replicaSet as schema } from '../../schema/apps.js'
import type { ReplicaSet } from '../../types/apps.js'
import { validateReplicaSet } from '../../validation/workload.js'
import { ageColumn, containerColumns, integer, nameColumn, selectorText, wide } from '../columns.js'
import { ordinary } from '../kind-parts.js'

export const replicaSet: Kind = {
  ...ordinary,
  group: 'apps',
  version: 'v1',
  kind: 'ReplicaSet',
  plural: 'replicasets',
  singular: 'replicaset',
  shortNames: ['rs'],
  categories: ['all'],
  schema,
  hasStatus: true,
  hasGeneration: true,
  scale: {
    specReplicasPath: 'spec.replicas',
    statusReplicasPath: 'status.replicas',
    selectorPath: 'spec.selector',
  },
  columns: [
    nameColumn,
    integer<ReplicaSet>('Desired', 'How many pods are wanted.', r => r.spec.replicas ?? 1),
    integer<ReplicaSet>('Current', 'How many pods there are.', r => r.status?.replicas ?? 0),
    integer<ReplicaSet>('Ready', 'How many pods are ready.', r => r.status?.readyReplicas ?? 0),
    ageColumn,
    ...containerColumns<ReplicaSet>(r => r.spec.template?.spec),
    wide<ReplicaSet>('Selector', 'Labels of its pods.', r => selectorText(r.spec.selector)),
  ],
  fieldSelectors: {
    'status.replicas': object => String((object as ReplicaSet).status?.replicas ?? 0),
  },
  withDefaults: replicaSetDefaults,
  validate: (object, old) => validateReplicaSet(object as ReplicaSet, old as ReplicaSet | null),
  writes: { initialStatus: { replicas: 0 } },
}
