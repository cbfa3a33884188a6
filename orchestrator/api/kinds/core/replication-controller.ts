// ReplicationControllers: equal pods in a number, from before ReplicaSets. Counterpart:
// pkg/registry/core/replicationcontroller and printReplicationController.

import { replicationControllerDefaults } from '../../defaults/replication-controller.js'
import type { Kind } from '../../kind.js'
import { replicationController as schema } from '../../schema/core-replication-controller.js'
import type { ReplicationController } from '../../types/core-replication-controller.js'
import { validateReplicationController } from '../../validation/replication-controller.js'
import { ageColumn, containerColumns, integer, labelsText, nameColumn, wide } from '../columns.js'
import { ordinary } from '../kind-parts.js'

export const replicationController: Kind = {
  ...ordinary,
  group: '',
  version: 'v1',
  kind: 'ReplicationController',
  plural: 'replicationcontrollers',
  singular: 'replicationcontroller',
  shortNames: ['rc'],
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
    integer<ReplicationController>(
      'Desired',
      'How many pods are wanted.',
      r => r.spec?.replicas ?? 1,
    ),
    integer<ReplicationController>(
      'Current',
      'How many pods there are.',
      r => r.status?.replicas ?? 0,
    ),
    integer<ReplicationController>(
      'Ready',
      'How many pods are ready.',
      r => r.status?.readyReplicas ?? 0,
    ),
    ageColumn,
    ...containerColumns<ReplicationController>(r => r.spec?.template?.spec),
    wide<ReplicationController>('Selector', 'Labels of its pods.', r =>
      labelsText(r.spec?.selector),
    ),
  ],
  fieldSelectors: {
    'status.replicas': object => String((object as ReplicationController).status?.replicas ?? 0),
  },
  withDefaults: replicationControllerDefaults,
  validate: object => validateReplicationController(object),
  writes: { initialStatus: { replicas: 0 }, orphansDependents: true },
}
