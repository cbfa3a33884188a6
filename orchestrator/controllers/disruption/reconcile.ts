// How many pods of a PodDisruptionBudget may go right now. Pure. Counterpart: trySync of
// pkg/controller/disruption.

import { scaledValue } from '../../api/int-or-string.js'
import type { OwnerReference } from '../../api/object.js'
import { labelSelectorFromObject, matchesLabels } from '../../api/selectors.js'
import type { Pod } from '../../api/types/core-pod.js'
import type { Condition } from '../../api/types/meta.js'
import type {
  PodDisruptionBudget,
  PodDisruptionBudgetStatus,
} from '../../api/types/policy-disruption-budget.js'
import { formatTime, parseTimeMs } from '../../client/timestamps.js'
import { controllerOf, isDeleting } from '../ownership.js'
import { isPodReady } from '../pod-state.js'

/** An eviction after which the pod has not begun to go by then came to nothing. */
const deletionMsMax = 2 * 60_000

/** What says how many pods of a kind there should be: by its uid, so that those of two ReplicaSets count once. */
export interface ExpectedScale {
  readonly uid: string
  readonly replicas: number
}

interface BudgetInputs {
  readonly budget: PodDisruptionBudget
  /** Of its namespace that it selects. */
  readonly pods: readonly Pod[]
  /** Null: nobody knows how many there should be. Asked only where the budget is a part of that number. */
  readonly scaleOf: (controller: OwnerReference) => ExpectedScale | null
  readonly nowMs: number
}

interface BudgetEvent {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
  /** Null: about the budget. */
  readonly pod: Pod | null
}

interface BudgetPlan {
  readonly status: PodDisruptionBudgetStatus
  readonly events: readonly BudgetEvent[]
  /** When an eviction comes to nothing without any event. */
  readonly requeueAfterMs: number | null
}

/** No selector selects nothing, an empty one all pods of the namespace. */
export function selects({ spec }: PodDisruptionBudget, pod: Pod): boolean {
  const selector = labelSelectorFromObject(spec?.selector)
  return selector !== null && matchesLabels(selector, pod.metadata.labels)
}

/** Whether the budget is a part of how many pods there should be, not a number of its own. */
export function isRelative({ spec }: PodDisruptionBudget): boolean {
  return spec?.maxUnavailable !== undefined || typeof spec?.minAvailable === 'string'
}

export function planBudget(inputs: BudgetInputs): BudgetPlan {
  const { budget, pods, nowMs } = inputs
  const expected = expectedOf(inputs)
  if ('problem' in expected) return failure(budget, expected.problem, nowMs)
  const { disrupted, given, recheckMs } = disruptions(budget, pods, nowMs)
  const healthy = pods.filter(
    pod => !isDeleting(pod) && disrupted[pod.metadata.name ?? ''] === undefined && isPodReady(pod),
  )
  const { count, desired } = expected
  const allowed = count > 0 ? Math.max(0, healthy.length - desired) : 0
  const reason = allowed > 0 ? 'SufficientPods' : 'InsufficientPods'
  return {
    status: {
      observedGeneration: budget.metadata.generation ?? 0,
      ...(Object.keys(disrupted).length === 0 ? {} : { disruptedPods: disrupted }),
      disruptionsAllowed: allowed,
      currentHealthy: healthy.length,
      desiredHealthy: desired,
      expectedPods: count,
      conditions: conditionsWith(budget, allowed > 0, reason, '', nowMs),
    },
    events: [...eventsOf(pods, expected.unmanaged), ...given],
    requeueAfterMs: recheckMs,
  }
}

type Expected =
  | { readonly problem: string }
  | { readonly count: number; readonly desired: number; readonly unmanaged: readonly Pod[] }

function expectedOf({ budget, pods, scaleOf }: BudgetInputs): Expected {
  const { minAvailable, maxUnavailable } = budget.spec ?? {}
  if (!isRelative(budget)) {
    return { count: pods.length, desired: Number(minAvailable ?? 0), unmanaged: [] }
  }
  const scales = new Map<string, number>()
  const unmanaged: Pod[] = []
  for (const pod of pods) {
    const controller = controllerOf(pod)
    if (controller === undefined) {
      unmanaged.push(pod)
      continue
    }
    const scale = scaleOf(controller)
    if (scale === null) {
      const { apiVersion, kind, name } = controller
      return {
        problem: `found no controller ref for pod "${pod.metadata.name}": ${apiVersion} ${kind} ${name} does not say how many pods it has`,
      }
    }
    scales.set(scale.uid, scale.replicas)
  }
  const count = [...scales.values()].reduce((sum, replicas) => sum + replicas, 0)
  const part = scaledValue(maxUnavailable ?? minAvailable ?? 0, count, 'up') ?? 0
  return {
    count,
    desired: maxUnavailable === undefined ? part : Math.max(0, count - part),
    unmanaged,
  }
}

/** Evictions that were let through and whose pods have not begun to go. */
function disruptions(
  { metadata, status = {} }: PodDisruptionBudget,
  pods: readonly Pod[],
  nowMs: number,
): {
  readonly disrupted: Readonly<Record<string, string>>
  readonly given: readonly BudgetEvent[]
  readonly recheckMs: number | null
} {
  const disrupted: Record<string, string> = {}
  const given: BudgetEvent[] = []
  let recheckMs: number | null = null
  for (const pod of pods) {
    const { name = '' } = pod.metadata
    const since = status.disruptedPods?.[name]
    if (since === undefined || isDeleting(pod)) continue
    const leftMs = (parseTimeMs(since) ?? 0) + deletionMsMax - nowMs
    if (leftMs <= 0) {
      const message = `Pod was expected by PDB ${metadata.namespace}/${metadata.name} to be deleted but it wasn't`
      given.push({ type: 'Warning', reason: 'NotDeleted', message, pod })
      continue
    }
    disrupted[name] = since
    recheckMs = Math.min(recheckMs ?? leftMs, leftMs)
  }
  return { disrupted, given, recheckMs }
}

function eventsOf(pods: readonly Pod[], unmanaged: readonly Pod[]): readonly BudgetEvent[] {
  if (pods.length === 0) {
    return [{ type: 'Normal', reason: 'NoPods', message: 'No matching pods found', pod: null }]
  }
  if (unmanaged.length === 0) return []
  const message =
    'Some of the selected pods have no controller; only a budget with a whole number as minAvailable counts them'
  return [{ type: 'Warning', reason: 'UnmanagedPods', message, pod: null }]
}

/** What cannot be reckoned lets nobody go. */
function failure(budget: PodDisruptionBudget, problem: string, nowMs: number): BudgetPlan {
  return {
    status: {
      ...budget.status,
      observedGeneration: budget.metadata.generation ?? 0,
      disruptionsAllowed: 0,
      currentHealthy: budget.status?.currentHealthy ?? 0,
      desiredHealthy: budget.status?.desiredHealthy ?? 0,
      expectedPods: budget.status?.expectedPods ?? 0,
      conditions: conditionsWith(budget, false, 'SyncFailed', problem, nowMs),
    },
    events: [
      {
        type: 'Warning',
        reason: 'CalculateExpectedPodCountFailed',
        message: `Failed to calculate the number of expected pods: ${problem}`,
        pod: null,
      },
    ],
    requeueAfterMs: null,
  }
}

function conditionsWith(
  { metadata, status = {} }: PodDisruptionBudget,
  allowed: boolean,
  reason: string,
  message: string,
  nowMs: number,
): readonly Condition[] {
  const type = 'DisruptionAllowed'
  const { conditions = [] } = status
  const before = conditions.find(condition => condition.type === type)
  const now: Condition = {
    type,
    status: allowed ? 'True' : 'False',
    reason,
    message,
    lastTransitionTime:
      before?.status === (allowed ? 'True' : 'False')
        ? before.lastTransitionTime
        : formatTime(nowMs),
    observedGeneration: metadata.generation ?? 0,
  }
  return [...conditions.filter(condition => condition.type !== type), now]
}
