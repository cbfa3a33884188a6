// What DaemonSets mean when they do not say. Counterpart: SetDefaults_DaemonSet of
// pkg/apis/apps/v1/defaults.go.

import type { KubeObject } from '../object.js'
import type { DaemonSet, DaemonSetUpdateStrategy } from '../types/apps-daemon-set.js'
import { templateOf } from './workload.js'

const revisionHistoryLimit = 10

export function daemonSetDefaults(object: KubeObject): KubeObject {
  const set = object as Partial<DaemonSet> & KubeObject
  const { spec } = set
  if (spec === undefined) return object
  const complete: DaemonSet = {
    ...set,
    spec: {
      ...spec,
      ...templateOf(spec.template),
      updateStrategy: strategyDefaults(spec.updateStrategy),
      revisionHistoryLimit: spec.revisionHistoryLimit ?? revisionHistoryLimit,
    },
    status: set.status ?? {
      currentNumberScheduled: 0,
      numberMisscheduled: 0,
      desiredNumberScheduled: 0,
      numberReady: 0,
    },
  }
  return complete
}

function strategyDefaults(strategy: DaemonSetUpdateStrategy | undefined): DaemonSetUpdateStrategy {
  const type = strategy?.type || 'RollingUpdate'
  if (type !== 'RollingUpdate') return { ...strategy, type }
  const { maxUnavailable = 1, maxSurge = 0 } = strategy?.rollingUpdate ?? {}
  return { ...strategy, type, rollingUpdate: { maxUnavailable, maxSurge } }
}
