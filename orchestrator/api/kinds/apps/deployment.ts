// Deployments. Counterpart: pkg/registry/apps/deployment and printDeployment.

import { deploymentDefaults } from '../../defaults/workload.js'
import type { Kind } from '../../kind.js'
import { deployment as schema } from '../../schema/apps.js'
import type { Deployment } from '../../types/apps.js'
import { validateDeployment } from '../../validation/workload.js'
import {
  ageColumn,
  containerColumns,
  integer,
  nameColumn,
  selectorText,
  text,
  wide,
} from '../columns.js'
import { ordinary } from '../kind-parts.js'

export const deployment: Kind = {
  ...ordinary,
  group: 'apps',
  version: 'v1',
  kind: 'Deployment',
  plural: 'deployments',
  singular: 'deployment',
  shortNames: ['deploy'],
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
    text<Deployment>('Ready', 'Ready pods, of those wanted.', d => {
      return `${d.status?.readyReplicas ?? 0}/${d.spec.replicas ?? 1}`
    }),
    integer<Deployment>(
      'Up-to-date',
      'Pods of the newest template.',
      d => d.status?.updatedReplicas ?? 0,
    ),
    integer<Deployment>(
      'Available',
      'Pods that have been ready long enough.',
      d => d.status?.availableReplicas ?? 0,
    ),
    ageColumn,
    ...containerColumns<Deployment>(d => d.spec.template.spec),
    wide<Deployment>('Selector', 'Labels of its pods.', d => selectorText(d.spec.selector)),
  ],
  withDefaults: deploymentDefaults,
  validate: (object, old) => validateDeployment(object as Deployment, old as Deployment | null),
  writes: {
    annotationsAreIntent: true,
    metadataWithStatus: ['annotations', 'finalizers', 'ownerReferences'],
  },
}
