// What a ReplicaSet needs done: claims, creations, deletions, status. Pure.
// Counterpart: pkg/controller/replicaset/replica_set.go and replica_set_utils.go.

import type { Json } from '../../api/object.js'
import {
  type LabelSelector,
  labelSelectorFromMap,
  labelSelectorFromObject,
  matchesLabels,
} from '../../api/selectors.js'
import type { ReplicaSet, ReplicaSetCondition, ReplicaSetStatus } from '../../api/types/apps.js'
import type { Pod } from '../../api/types/core-pod.js'
import { formatTime } from '../../client/timestamps.js'
import { type Claims, claim, controllerReference, isDeleting } from '../ownership.js'
import { availableInMs, isPodActive, isPodReady, isPodTerminal } from '../pod-state.js'
import { rankForDeletion } from './ranking.js'

export interface ReplicaSetInputs {
  readonly replicaSet: ReplicaSet
  /** All pods that it owns or could adopt. */
  readonly candidates: readonly Pod[]
  /** Active pods of the same Deployment, its own included; they tell how crowded nodes are. Asked when pods have to go. */
  readonly related: () => readonly Pod[]
  /** False while writes of an earlier round are not visible yet: nothing is counted then. */
  readonly expectationsMet: boolean
  readonly nowMs: number
}

export interface ReplicaSetPlan {
  readonly claims: Claims<Pod>
  readonly creations: number
  readonly deletions: readonly Pod[]
  /** What is and will be its own, finished pods left out. */
  readonly pods: readonly Pod[]
  /** When a pod becomes available without any event. */
  readonly requeueAfterMs: number | null
}

export interface ReplicaFailure {
  readonly reason: 'FailedCreate' | 'FailedDelete'
  readonly message: string
}

/** Pods made or removed in one round; the rest follows in the next. */
export const burstMax = 500

export function planReplicaSet(inputs: ReplicaSetInputs): ReplicaSetPlan {
  const { replicaSet, nowMs } = inputs
  const unfinished = inputs.candidates.filter(pod => !isPodTerminal(pod))
  const claims = claim(replicaSet, selectorOf(replicaSet), unfinished)
  const pods = [...claims.owned, ...claims.adopt]
  const active = pods.filter(isPodActive)
  const requeueAfterMs = nextAvailableMs(replicaSet, active, nowMs)
  const plan = { claims, pods: active, requeueAfterMs, creations: 0, deletions: [] }
  if (!inputs.expectationsMet || isDeleting(replicaSet)) return plan
  const surplus = active.length - (replicaSet.spec.replicas ?? 1)
  if (surplus < 0) return { ...plan, creations: Math.min(-surplus, burstMax) }
  if (surplus === 0) return plan
  const ranked = rankForDeletion(active, inputs.related(), nowMs)
  return { ...plan, deletions: ranked.slice(0, Math.min(surplus, burstMax)) }
}

/** An empty selector is refused by validation; here it would own every pod, so it owns none. */
export function selectorOf(replicaSet: ReplicaSet): LabelSelector {
  const selector = labelSelectorFromObject(replicaSet.spec.selector) ?? []
  return selector.length > 0 ? selector : [{ key: 'x', operator: 'In', values: [] }]
}

export function podFromTemplate(replicaSet: ReplicaSet): Pod {
  const { template } = replicaSet.spec
  const { labels, annotations, finalizers } = template?.metadata ?? {}
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      generateName: `${replicaSet.metadata.name}-`,
      namespace: replicaSet.metadata.namespace ?? '',
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
      ownerReferences: [controllerReference(replicaSet)],
    },
    spec: template?.spec ?? { containers: [] },
  }
}

/** `pods` are the active ones; `failure` is what went wrong in this round. */
export function replicaSetStatus(
  replicaSet: ReplicaSet,
  pods: readonly Pod[],
  failure: ReplicaFailure | null,
  nowMs: number,
): ReplicaSetStatus {
  const templateLabels = labelSelectorFromMap(replicaSet.spec.template?.metadata?.labels ?? {})
  const minReadySeconds = replicaSet.spec.minReadySeconds ?? 0
  const available = pods.filter(pod => availableInMs(pod, minReadySeconds, nowMs) === 0)
  const old = replicaSet.status
  const conditions = conditionsWith(old?.conditions ?? [], failure, nowMs)
  return {
    replicas: pods.length,
    fullyLabeledReplicas: pods.filter(p => matchesLabels(templateLabels, p.metadata.labels)).length,
    readyReplicas: pods.filter(isPodReady).length,
    availableReplicas: available.length,
    observedGeneration: replicaSet.metadata.generation ?? 0,
    ...(conditions.length === 0 ? {} : { conditions }),
  }
}

/** Zero counts are absent on the wire, so that old and new compare equal. */
export function comparableStatus(status: ReplicaSetStatus | undefined): Json {
  return {
    replicas: status?.replicas ?? 0,
    fullyLabeledReplicas: status?.fullyLabeledReplicas ?? 0,
    readyReplicas: status?.readyReplicas ?? 0,
    availableReplicas: status?.availableReplicas ?? 0,
    observedGeneration: status?.observedGeneration ?? 0,
    conditions: (status?.conditions ?? []).map(condition => ({ ...condition })),
  }
}

function conditionsWith(
  old: readonly ReplicaSetCondition[],
  failure: ReplicaFailure | null,
  nowMs: number,
): readonly ReplicaSetCondition[] {
  const others = old.filter(condition => condition.type !== 'ReplicaFailure')
  if (!failure) return others
  const known = old.find(condition => condition.type === 'ReplicaFailure')
  if (known?.status === 'True' && known.reason === failure.reason) return old
  const lastTransitionTime = formatTime(nowMs)
  return [...others, { type: 'ReplicaFailure', status: 'True', lastTransitionTime, ...failure }]
}

function nextAvailableMs(rs: ReplicaSet, pods: readonly Pod[], nowMs: number): number | null {
  const waits = pods
    .map(pod => availableInMs(pod, rs.spec.minReadySeconds ?? 0, nowMs))
    .filter(wait => wait !== null && wait > 0)
  return waits.length === 0 ? null : Math.min(...(waits as number[]))
}
