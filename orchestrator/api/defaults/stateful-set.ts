// What StatefulSets mean when they do not say. Counterpart: SetDefaults_StatefulSet of
// pkg/apis/apps/v1/defaults.go, and what its conversion writes into claim templates.

import type { KubeObject } from '../object.js'
import type { StatefulSet, StatefulSetUpdateStrategy } from '../types/apps-stateful-set.js'
import type { PersistentVolumeClaim } from '../types/core-persistent-volume.js'
import { claimSpecDefaults } from './volume.js'
import { templateOf } from './workload.js'

const revisionHistoryLimit = 10
const retention = 'Retain'

export function statefulSetDefaults(object: KubeObject): KubeObject {
  const set = object as Partial<StatefulSet> & KubeObject
  const { spec } = set
  if (spec === undefined) return object
  const retain = spec.persistentVolumeClaimRetentionPolicy
  const complete: StatefulSet = {
    ...set,
    spec: {
      ...spec,
      ...templateOf(spec.template),
      ...(spec.volumeClaimTemplates === undefined
        ? {}
        : { volumeClaimTemplates: spec.volumeClaimTemplates.map(claimDefaults) }),
      replicas: spec.replicas ?? 1,
      podManagementPolicy: spec.podManagementPolicy || 'OrderedReady',
      updateStrategy: strategyDefaults(spec.updateStrategy),
      revisionHistoryLimit: spec.revisionHistoryLimit ?? revisionHistoryLimit,
      persistentVolumeClaimRetentionPolicy: {
        whenDeleted: retain?.whenDeleted || retention,
        whenScaled: retain?.whenScaled || retention,
      },
    },
    status: set.status ?? { replicas: 0, availableReplicas: 0 },
  }
  return complete
}

/** Updates from the last ordinal down to the partition; all of them where there is none. */
function strategyDefaults(
  strategy: StatefulSetUpdateStrategy | undefined,
): StatefulSetUpdateStrategy {
  const type = strategy?.type || 'RollingUpdate'
  const rollingUpdate = strategy?.rollingUpdate ?? (strategy?.type ? undefined : {})
  if (type !== 'RollingUpdate' || rollingUpdate === undefined) return { ...strategy, type }
  return { type, rollingUpdate: { ...rollingUpdate, partition: rollingUpdate.partition ?? 0 } }
}

/** A template is a whole claim, down to the phase that it would start in. */
function claimDefaults(claim: PersistentVolumeClaim): PersistentVolumeClaim {
  return {
    ...claim,
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    spec: claimSpecDefaults(claim.spec ?? {}),
    status: { ...claim.status, phase: claim.status?.phase || 'Pending' },
  }
}
