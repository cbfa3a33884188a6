// What Deployments and ReplicaSets mean when they do not say.
// Counterpart: pkg/apis/apps/v1/defaults.go.

import type { KubeObject } from '../object.js'
import type { Deployment, DeploymentStrategy, ReplicaSet } from '../types/apps.js'
import type { PodTemplateSpec } from '../types/core-pod.js'
import { podTemplateDefaults } from './pod.js'

const revisionHistoryLimit = 10
const progressDeadlineSeconds = 600
const surgeAndUnavailable = '25%'

function strategyDefaults(strategy: DeploymentStrategy | undefined): DeploymentStrategy {
  const type = strategy?.type || 'RollingUpdate'
  if (type !== 'RollingUpdate') return { ...strategy, type }
  const rollingUpdate = {
    maxUnavailable: strategy?.rollingUpdate?.maxUnavailable ?? surgeAndUnavailable,
    maxSurge: strategy?.rollingUpdate?.maxSurge ?? surgeAndUnavailable,
  }
  return { ...strategy, type, rollingUpdate }
}

/** The template as a field to spread: one that is missing stays so, for validation to say. */
export function templateOf(template: PodTemplateSpec | undefined): {
  template?: PodTemplateSpec
} {
  return template === undefined ? {} : { template: podTemplateDefaults(template) }
}

export function deploymentDefaults(object: KubeObject): KubeObject {
  const deployment = object as Partial<Deployment> & KubeObject
  const { spec } = deployment
  if (spec === undefined) return object
  const complete: Deployment = {
    ...deployment,
    spec: {
      ...spec,
      ...templateOf(spec.template),
      replicas: spec.replicas ?? 1,
      strategy: strategyDefaults(spec.strategy),
      revisionHistoryLimit: spec.revisionHistoryLimit ?? revisionHistoryLimit,
      progressDeadlineSeconds: spec.progressDeadlineSeconds ?? progressDeadlineSeconds,
    },
    status: deployment.status ?? {},
  }
  return complete
}

export function replicaSetDefaults(object: KubeObject): KubeObject {
  const replicaSet = object as Partial<ReplicaSet> & KubeObject
  const { spec } = replicaSet
  if (spec === undefined) return object
  const complete: ReplicaSet = {
    ...replicaSet,
    spec: { ...spec, ...templateOf(spec.template), replicas: spec.replicas ?? 1 },
    status: replicaSet.status ?? { replicas: 0 },
  }
  return complete
}
