// A Deployment's status: counts, and the conditions that `kubectl rollout status` waits for.
// Pure. Counterpart: pkg/controller/deployment/progress.go and sync.go, with their reasons.

import type { Deployment, DeploymentCondition, DeploymentStatus } from '../../api/types/apps.js'
import { formatTime, parseTimeMs } from '../../client/timestamps.js'
import { rollingLimits, wantedReplicas } from './strategy.js'
import type { WorkingSet } from './working-set.js'

type Conditions = readonly DeploymentCondition[]

export function condition(conditions: Conditions, type: string): DeploymentCondition | undefined {
  return conditions.find(one => one.type === type)
}

/** A condition of the same status and reason stays as it is; of the same status it keeps its time. */
export function withCondition(
  conditions: Conditions,
  type: string,
  status: 'True' | 'False' | 'Unknown',
  reason: string,
  message: string,
  nowMs: number,
): Conditions {
  const old = condition(conditions, type)
  if (old?.status === status && old.reason === reason) return conditions
  const now = formatTime(nowMs)
  const lastTransitionTime = (old?.status === status ? old.lastTransitionTime : now) ?? now
  const next = { type, status, lastUpdateTime: now, lastTransitionTime, reason, message }
  return [...without(conditions, type), next]
}

export function without(conditions: Conditions, type: string): Conditions {
  return conditions.filter(one => one.type !== type)
}

/** 2^31-1 stands for no deadline at all. */
export function deadlineMs(deployment: Deployment): number | null {
  const seconds = deployment.spec.progressDeadlineSeconds
  return seconds === undefined || seconds === 2_147_483_647 ? null : seconds * 1000
}

export interface Progress {
  readonly status: DeploymentStatus
  /** When the deadline would pass, if nothing happens. */
  readonly requeueAfterMs: number | null
}

/** Counts and Available, over conditions that the caller has prepared. */
export function countedStatus(
  deployment: Deployment,
  sets: readonly WorkingSet[],
  newest: WorkingSet | null,
  prepared: Conditions,
  nowMs: number,
): DeploymentStatus {
  const sum = (count: (set: WorkingSet) => number) => sets.reduce((n, set) => n + count(set), 0)
  const available = sum(set => set.status.availableReplicas ?? 0)
  const wanted = wantedReplicas(deployment)
  const enough = available >= wanted - rollingLimits(deployment).maxUnavailable
  const conditions = enough
    ? withCondition(
        prepared,
        'Available',
        'True',
        'MinimumReplicasAvailable',
        'Deployment has minimum availability.',
        nowMs,
      )
    : withCondition(
        prepared,
        'Available',
        'False',
        'MinimumReplicasUnavailable',
        'Deployment does not have minimum availability.',
        nowMs,
      )
  const { collisionCount } = deployment.status ?? {}
  return {
    observedGeneration: deployment.metadata.generation ?? 0,
    replicas: sum(set => set.status.replicas),
    updatedReplicas: newest?.status.replicas ?? 0,
    readyReplicas: sum(set => set.status.readyReplicas ?? 0),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, sum(set => set.replicas) - available),
    ...(collisionCount === undefined ? {} : { collisionCount }),
    conditions,
  }
}

/** As `countedStatus`, with Progressing and ReplicaFailure brought forward. */
export function rolloutStatus(
  deployment: Deployment,
  sets: readonly WorkingSet[],
  newest: WorkingSet | null,
  prepared: Conditions,
  nowMs: number,
): Progress {
  const limitMs = deadlineMs(deployment)
  const kept = limitMs === null ? without(prepared, 'Progressing') : prepared
  const counted = countedStatus(deployment, sets, newest, kept, nowMs)
  let conditions = counted.conditions ?? []
  const current = condition(conditions, 'Progressing')
  const settled =
    counted.replicas === counted.updatedReplicas && current?.reason === 'NewReplicaSetAvailable'
  if (limitMs !== null && !settled) {
    const what = newest
      ? `ReplicaSet "${newest.name}"`
      : `Deployment "${deployment.metadata.name ?? ''}"`
    if (isComplete(deployment, counted)) {
      const message = `${what} has successfully progressed.`
      conditions = progressing(conditions, 'True', 'NewReplicaSetAvailable', message, nowMs)
    } else if (hasProgressed(deployment.status ?? {}, counted)) {
      const message = `${what} is progressing.`
      // Taken off first, so that the time of the last progress is renewed.
      const fresh = progressing([], 'True', 'ReplicaSetUpdated', message, nowMs)
      const since = current?.status === 'True' ? current.lastTransitionTime : undefined
      conditions = [
        ...without(conditions, 'Progressing'),
        ...fresh.map(one => (since === undefined ? one : { ...one, lastTransitionTime: since })),
      ]
    } else if (timedOut(current, limitMs, nowMs)) {
      const message = `${what} has timed out progressing.`
      conditions = progressing(conditions, 'False', 'ProgressDeadlineExceeded', message, nowMs)
    }
  }
  conditions = withReplicaFailure(conditions, sets, newest)
  const status = { ...counted, conditions }
  return { status, requeueAfterMs: deadlineLeftMs(deployment, status, limitMs, nowMs) }
}

function progressing(
  conditions: Conditions,
  status: 'True' | 'False',
  reason: string,
  message: string,
  nowMs: number,
): Conditions {
  return withCondition(conditions, 'Progressing', status, reason, message, nowMs)
}

/** All pods are of the newest revision, available, and no older one is left. */
export function isComplete(deployment: Deployment, status: DeploymentStatus): boolean {
  const wanted = wantedReplicas(deployment)
  return (
    status.updatedReplicas === wanted &&
    status.replicas === wanted &&
    status.availableReplicas === wanted &&
    (status.observedGeneration ?? 0) >= (deployment.metadata.generation ?? 0)
  )
}

function hasProgressed(old: DeploymentStatus, now: DeploymentStatus): boolean {
  const count = (value: number | undefined) => value ?? 0
  const outdated = (s: DeploymentStatus) => count(s.replicas) - count(s.updatedReplicas)
  return (
    count(now.updatedReplicas) > count(old.updatedReplicas) ||
    outdated(now) < outdated(old) ||
    count(now.readyReplicas) > count(old.readyReplicas) ||
    count(now.availableReplicas) > count(old.availableReplicas)
  )
}

function timedOut(
  current: DeploymentCondition | undefined,
  limitMs: number,
  nowMs: number,
): boolean {
  if (!current || current.reason === 'NewReplicaSetAvailable') return false
  if (current.reason === 'ProgressDeadlineExceeded') return true
  return (parseTimeMs(current.lastUpdateTime) ?? nowMs) + limitMs < nowMs
}

function deadlineLeftMs(
  deployment: Deployment,
  status: DeploymentStatus,
  limitMs: number | null,
  nowMs: number,
): number | null {
  const current = condition(status.conditions ?? [], 'Progressing')
  if (limitMs === null || !current || isComplete(deployment, status)) return null
  if (current.reason === 'ProgressDeadlineExceeded') return null
  const lastMs = parseTimeMs(current.lastUpdateTime) ?? nowMs
  // A second more, since times are kept in whole seconds.
  return Math.max(1000, lastMs + limitMs - nowMs + 1000)
}

function withReplicaFailure(
  conditions: Conditions,
  sets: readonly WorkingSet[],
  newest: WorkingSet | null,
): Conditions {
  const ordered = newest ? [newest, ...sets] : sets
  for (const set of ordered) {
    const failure = set.status.conditions?.find(one => one.type === 'ReplicaFailure')
    if (!failure) continue
    const { type, status, reason, message, lastTransitionTime } = failure
    const known = condition(conditions, type)
    if (known?.status === status && known.reason === reason) return conditions
    const copied = {
      type,
      status,
      ...(lastTransitionTime === undefined
        ? {}
        : { lastTransitionTime, lastUpdateTime: lastTransitionTime }),
      ...(reason === undefined ? {} : { reason }),
      ...(message === undefined ? {} : { message }),
    }
    return [...without(conditions, type), copied]
  }
  return without(conditions, 'ReplicaFailure')
}
