// StatefulSets: pods with names, addresses and disks of their own. Counterpart:
// pkg/registry/apps/statefulset and printStatefulSet.

import { statefulSetDefaults } from '../../defaults/stateful-set.js'
import type { Kind } from '../../kind.js'
import { statefulSet as schema } from '../../schema/apps-stateful-set.js'
import type { StatefulSet } from '../../types/apps-stateful-set.js'
import { validateStatefulSet } from '../../validation/stateful-set.js'
import { ageColumn, containerColumns, nameColumn, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'

export const statefulSet: Kind = {
  ...ordinary,
  group: 'apps',
  version: 'v1',
  kind: 'StatefulSet',
  plural: 'statefulsets',
  singular: 'statefulset',
  shortNames: ['sts'],
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
    text<StatefulSet>('Ready', 'Ready pods, of those wanted.', s => {
      return `${s.status?.readyReplicas ?? 0}/${s.spec.replicas ?? 1}`
    }),
    ageColumn,
    ...containerColumns<StatefulSet>(s => s.spec.template.spec),
  ],
  withDefaults: statefulSetDefaults,
  validate: (object, old) => validateStatefulSet(object as StatefulSet, old as StatefulSet | null),
  writes: { initialStatus: { replicas: 0, availableReplicas: 0 } },
}
