// What a Deployment needs done: ReplicaSets to create, resize, annotate and delete, and the
// status to report. Pure. Counterpart: pkg/controller/deployment (sync, rolling, recreate).
// Claims are made before this: `replicaSets` are the Deployment's own.

import type {
  Deployment,
  DeploymentCondition,
  DeploymentStatus,
  ReplicaSet,
} from '../../api/types/apps.js'
import type { Pod } from '../../api/types/core-pod.js'
import { parseTimeMs } from '../../client/timestamps.js'
import { canonicalJson } from '../canonical-json.js'
import { controllerReference, isDeleting } from '../ownership.js'
import {
  desiredReplicasAnnotation,
  maxReplicasAnnotation,
  newestAnnotations,
  numberAnnotation,
  revisionAnnotation,
  revisionOf,
  sizeAnnotations,
} from './annotations.js'
import {
  condition,
  countedStatus,
  deadlineMs,
  isComplete,
  rolloutStatus,
  withCondition,
} from './status.js'
import { isRollingUpdate, proportionalSizes, rollingLimits, wantedReplicas } from './strategy.js'
import { hashLabel, sameTemplate, templateHash } from './template-hash.js'
import { changedObject, type WorkingSet, workingSet } from './working-set.js'

export interface DeploymentInputs {
  readonly deployment: Deployment
  readonly replicaSets: readonly ReplicaSet[]
  /** Pods of all its ReplicaSets; only Recreate looks at them. */
  readonly pods: () => readonly Pod[]
  readonly nowMs: number
}

/** To be done in this order; the first failure ends the round. */
export type DeploymentAction =
  | { readonly kind: 'create-replica-set'; readonly replicaSet: ReplicaSet }
  | { readonly kind: 'update-replica-set'; readonly replicaSet: ReplicaSet }
  | { readonly kind: 'delete-replica-set'; readonly replicaSet: ReplicaSet }
  | { readonly kind: 'set-revision'; readonly revision: string }
  | { readonly kind: 'event'; readonly reason: string; readonly message: string }
  | { readonly kind: 'update-status'; readonly status: DeploymentStatus }

export interface DeploymentPlan {
  readonly actions: readonly DeploymentAction[]
  readonly requeueAfterMs: number | null
}

/** A plan in the making. */
interface Draft {
  readonly inputs: DeploymentInputs
  readonly deployment: Deployment
  readonly nowMs: number
  /** Oldest first, without the newest revision's. */
  readonly older: readonly WorkingSet[]
  newest: WorkingSet | null
  conditions: readonly DeploymentCondition[]
  revision: string | null
  readonly events: DeploymentAction[]
  readonly removed: WorkingSet[]
}

export function planDeployment(inputs: DeploymentInputs): DeploymentPlan {
  const { deployment, nowMs } = inputs
  const sets = inputs.replicaSets.map(set => workingSet(set)).sort(byAge)
  const newest = sets.find(set => sameTemplate(set.object.spec.template, deployment.spec.template))
  const draft: Draft = {
    inputs,
    deployment,
    nowMs,
    older: sets.filter(set => set !== newest),
    newest: newest ?? null,
    conditions: deployment.status?.conditions ?? [],
    revision: null,
    events: [],
    removed: [],
  }
  if (isDeleting(deployment)) {
    const status = countedStatus(deployment, allSets(draft), null, draft.conditions, nowMs)
    return finished(draft, status, null)
  }
  notePause(draft)
  if (deployment.spec.paused || isScalingEvent(draft)) return scaledOnly(draft)
  return isRollingUpdate(deployment) ? rolled(draft) : recreated(draft)
}

// Pausing and scaling

function notePause(draft: Draft): void {
  const { deployment, nowMs } = draft
  if (deadlineMs(deployment) === null) return
  const reason = condition(draft.conditions, 'Progressing')?.reason
  if (reason === 'ProgressDeadlineExceeded') return
  const set = (why: string, message: string) => {
    draft.conditions = withCondition(
      draft.conditions,
      'Progressing',
      'Unknown',
      why,
      message,
      nowMs,
    )
  }
  const paused = deployment.spec.paused ?? false
  if (paused && reason !== 'DeploymentPaused') set('DeploymentPaused', 'Deployment is paused')
  if (!paused && reason === 'DeploymentPaused') set('DeploymentResumed', 'Deployment is resumed')
}

/** The size of the whole changed since the sets were sized; shares come before the rollout. */
function isScalingEvent(draft: Draft): boolean {
  const wanted = wantedReplicas(draft.deployment)
  return allSets(draft)
    .filter(set => set.replicas > 0)
    .some(set => {
      const sizedFor = numberAnnotation(set.annotations, desiredReplicasAnnotation)
      return sizedFor !== null && sizedFor !== wanted
    })
}

function scaledOnly(draft: Draft): DeploymentPlan {
  const { deployment, nowMs } = draft
  reviseNewest(draft)
  scaleInProportion(draft)
  if (deployment.spec.paused) cleanUp(draft)
  const sets = allSets(draft)
  const status = countedStatus(deployment, sets, draft.newest, draft.conditions, nowMs)
  return finished(draft, status, null)
}

function scaleInProportion(draft: Draft): void {
  const { deployment, newest, older } = draft
  const wanted = wantedReplicas(deployment)
  const active = allSets(draft).filter(set => set.replicas > 0)
  if (active.length <= 1) {
    const only = active[0] ?? newest ?? older.at(-1)
    if (!only) return
    resize(draft, only, wanted)
    // Also where the size was right already, or it would look like a scaling event for ever.
    only.annotations = sizeAnnotations(only.annotations, wanted, rollingLimits(deployment).maxSurge)
    return
  }
  if (newest && isSaturated(newest, wanted)) {
    for (const set of older) resize(draft, set, 0)
    return
  }
  if (!isRollingUpdate(deployment)) return
  const { maxSurge } = rollingLimits(deployment)
  const current = active.reduce((sum, set) => sum + set.replicas, 0)
  const growing = (wanted > 0 ? wanted + maxSurge : 0) > current
  // The largest gains or loses first; among equals the newest gains and the oldest loses.
  const ordered = active.toSorted(
    (a, b) => b.replicas - a.replicas || (growing ? byAge(b, a) : byAge(a, b)),
  )
  const sizes = proportionalSizes(
    ordered.map(set => ({
      replicas: set.replicas,
      maxReplicasAnnotation: numberAnnotation(set.annotations, maxReplicasAnnotation),
    })),
    { wanted, maxSurge, statusReplicas: deployment.status?.replicas ?? 0 },
  )
  for (const [index, set] of ordered.entries()) {
    resize(draft, set, sizes[index] ?? set.replicas)
    set.annotations = sizeAnnotations(set.annotations, wanted, maxSurge)
  }
}

function isSaturated(set: WorkingSet, wanted: number): boolean {
  return (
    numberAnnotation(set.annotations, desiredReplicasAnnotation) === wanted &&
    set.replicas === wanted &&
    (set.status.availableReplicas ?? 0) === wanted
  )
}

// Rolling update

function rolled(draft: Draft): DeploymentPlan {
  const newest = reviseNewest(draft) ?? createNewest(draft)
  const before = newest.replicas
  const wanted = wantedReplicas(draft.deployment)
  if (newest.replicas > wanted) resize(draft, newest, wanted)
  else if (newest.replicas < wanted) resize(draft, newest, newestSize(draft, newest))
  if (newest.replicas === before) shrinkOlder(draft, newest)
  return settled(draft)
}

/** As large as the surge allows beside the older sets. */
function newestSize(draft: Draft, newest: WorkingSet | null): number {
  const wanted = wantedReplicas(draft.deployment)
  const own = newest?.replicas ?? 0
  if (!isRollingUpdate(draft.deployment)) return wanted
  const total = draft.older.reduce((sum, set) => sum + set.replicas, own)
  const room = wanted + rollingLimits(draft.deployment).maxSurge - total
  return room <= 0 ? own : own + Math.min(room, wanted - own)
}

function shrinkOlder(draft: Draft, newest: WorkingSet): void {
  const { deployment, older } = draft
  const olderTotal = older.reduce((sum, set) => sum + set.replicas, 0)
  if (olderTotal === 0) return
  const floor = wantedReplicas(deployment) - rollingLimits(deployment).maxUnavailable
  const missing = newest.replicas - (newest.status.availableReplicas ?? 0)
  let removable = olderTotal + newest.replicas - floor - missing
  if (removable <= 0) return
  // Pods that do not serve go first: taking them away costs no availability.
  for (const set of older) {
    const unhealthy = Math.max(0, set.replicas - (set.status.availableReplicas ?? 0))
    const count = Math.min(unhealthy, removable)
    if (count === 0) continue
    removable -= count
    resize(draft, set, set.replicas - count)
  }
  const sets = allSets(draft)
  const available = sets.reduce((sum, set) => sum + availableAfter(set), 0)
  let spare = available - floor
  for (const set of older) {
    if (spare <= 0) return
    const count = Math.min(set.replicas, spare)
    if (count === 0) continue
    spare -= count
    resize(draft, set, set.replicas - count)
  }
}

/**
 * Pods that will still serve once the set has its wanted size. The status may be older than the
 * last resize; the original takes it at its word there, and two changes of the template in quick
 * succession cost it more pods than maxUnavailable allows.
 */
function availableAfter(set: WorkingSet): number {
  return Math.min(set.status.availableReplicas ?? 0, set.replicas)
}

// Recreate

function recreated(draft: Draft): DeploymentPlan {
  reviseNewest(draft)
  const running = draft.older.filter(set => set.replicas > 0)
  for (const set of running) resize(draft, set, 0)
  if (running.length > 0 || olderPodsLeft(draft)) return settled(draft)
  const newest = draft.newest ?? createNewest(draft)
  resize(draft, newest, wantedReplicas(draft.deployment))
  return settled(draft)
}

/** A pod that is being deleted still runs, and the two revisions must never run together. */
function olderPodsLeft({ older, inputs }: Draft): boolean {
  if (older.some(set => set.status.replicas > 0)) return true
  const uids = new Set(older.map(set => set.object.metadata.uid))
  return inputs.pods().some(pod => {
    const ended = pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded'
    return !ended && (pod.metadata.ownerReferences ?? []).some(owner => uids.has(owner.uid))
  })
}

// The newest revision

/** Brings the newest set's annotations up to date; null when there is none yet. */
function reviseNewest(draft: Draft): WorkingSet | null {
  const { deployment, newest, nowMs } = draft
  if (!newest) return null
  const revision = nextRevision(draft)
  newest.annotations = newestAnnotations(deployment, newest.annotations, revision)
  newest.minReadySeconds = deployment.spec.minReadySeconds ?? 0
  draft.revision = newest.annotations[revisionAnnotation] ?? null
  if (deadlineMs(deployment) !== null && !condition(draft.conditions, 'Progressing')) {
    const message = `Found new replica set "${newest.name}"`
    draft.conditions = withCondition(
      draft.conditions,
      'Progressing',
      'True',
      'FoundNewReplicaSet',
      message,
      nowMs,
    )
  }
  return newest
}

function createNewest(draft: Draft): WorkingSet {
  const { deployment, nowMs } = draft
  const replicas = newestSize(draft, null)
  const newest = workingSet(newReplicaSet(deployment, replicas, nextRevision(draft)), true)
  draft.newest = newest
  draft.revision = newest.annotations[revisionAnnotation] ?? null
  if (replicas > 0) noteScaling(draft, newest.name, 0, replicas)
  if (deadlineMs(deployment) !== null) {
    const message = `Created new replica set "${newest.name}"`
    draft.conditions = withCondition(
      draft.conditions,
      'Progressing',
      'True',
      'NewReplicaSetCreated',
      message,
      nowMs,
    )
  }
  return newest
}

function nextRevision({ older }: Draft): number {
  return Math.max(0, ...older.map(set => revisionOf(set.object))) + 1
}

function newReplicaSet(deployment: Deployment, replicas: number, revision: number): ReplicaSet {
  const { template, selector, minReadySeconds } = deployment.spec
  const hash = templateHash(template, deployment.status?.collisionCount ?? 0)
  const labels = { ...template.metadata?.labels, [hashLabel]: hash }
  const wanted = wantedReplicas(deployment)
  const annotations = sizeAnnotations(
    newestAnnotations(deployment, {}, revision),
    wanted,
    rollingLimits(deployment).maxSurge,
  )
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `${deployment.metadata.name}-${hash}`,
      namespace: deployment.metadata.namespace ?? '',
      labels,
      annotations,
      ownerReferences: [controllerReference(deployment)],
    },
    spec: {
      replicas,
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [hashLabel]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
      ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
    },
  }
}

// Common steps

function settled(draft: Draft): DeploymentPlan {
  const { deployment, nowMs } = draft
  if (isComplete(deployment, deployment.status ?? {})) cleanUp(draft)
  const sets = allSets(draft)
  const progress = rolloutStatus(deployment, sets, draft.newest, draft.conditions, nowMs)
  return finished(draft, progress.status, progress.requeueAfterMs)
}

/** Older sets beyond the history limit, the lowest revisions first, once they are empty. */
function cleanUp(draft: Draft): void {
  const limit = draft.deployment.spec.revisionHistoryLimit
  if (limit === undefined || limit === 2_147_483_647) return
  const kept = draft.older.filter(set => !isDeleting(set.object))
  const surplus = kept.length - limit
  if (surplus <= 0) return
  const byRevision = kept.toSorted((a, b) => revisionOf(a.object) - revisionOf(b.object))
  for (const set of byRevision.slice(0, surplus)) {
    const { generation = 0 } = set.object.metadata
    const seen = (set.status.observedGeneration ?? 0) >= generation
    if (set.replicas === 0 && set.status.replicas === 0 && seen) draft.removed.push(set)
  }
}

function resize(draft: Draft, set: WorkingSet, replicas: number): void {
  if (set.replicas === replicas) return
  if (!set.created) noteScaling(draft, set.name, set.replicas, replicas)
  set.replicas = replicas
  const { maxSurge } = rollingLimits(draft.deployment)
  set.annotations = sizeAnnotations(set.annotations, wantedReplicas(draft.deployment), maxSurge)
}

function noteScaling(draft: Draft, name: string, from: number, to: number): void {
  const direction = to > from ? 'up' : 'down'
  const message = `Scaled ${direction} replica set ${name} from ${from} to ${to}`
  draft.events.push({ kind: 'event', reason: 'ScalingReplicaSet', message })
}

function allSets({ older, newest }: Draft): readonly WorkingSet[] {
  return newest ? [...older, newest] : older
}

function byAge(a: WorkingSet, b: WorkingSet): number {
  const createdMs = (set: WorkingSet) =>
    parseTimeMs(set.object.metadata.creationTimestamp) ?? Number.MAX_SAFE_INTEGER
  return createdMs(a) - createdMs(b) || (a.name < b.name ? -1 : 1)
}

function finished(
  draft: Draft,
  status: DeploymentStatus,
  requeueAfterMs: number | null,
): DeploymentPlan {
  const { deployment, newest, removed, revision } = draft
  const actions: DeploymentAction[] = []
  if (newest?.created) {
    const replicaSet = newest.object
    actions.push({ kind: 'create-replica-set', replicaSet })
  }
  for (const set of allSets(draft)) {
    const replicaSet = set.created || removed.includes(set) ? null : changedObject(set)
    if (replicaSet) actions.push({ kind: 'update-replica-set', replicaSet })
  }
  actions.push(...draft.events)
  for (const set of removed) actions.push({ kind: 'delete-replica-set', replicaSet: set.object })
  if (revision !== null && deployment.metadata.annotations?.[revisionAnnotation] !== revision) {
    actions.push({ kind: 'set-revision', revision })
  }
  if (comparable(status) !== comparable(deployment.status ?? {})) {
    actions.push({ kind: 'update-status', status })
  }
  return { actions, requeueAfterMs }
}

/** Zero counts are absent on the wire. */
function comparable(status: DeploymentStatus): string {
  const counts = Object.entries(status).filter(([, value]) => value !== 0)
  const conditions = (status.conditions ?? []).toSorted((a, b) => (a.type < b.type ? -1 : 1))
  return canonicalJson({ ...Object.fromEntries(counts), conditions })
}
