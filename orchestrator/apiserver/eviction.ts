// Whether a pod may be evicted, by the disruption budgets that select it, and what its budget remembers
// of it. Counterpart: pkg/registry/core/pod/storage/eviction.go. Pure.

import { labelSelectorFromObject, matchesLabels } from '../api/selectors.js'
import { ApiError, forbidden, tooManyRequests } from '../api/status.js'
import type { Condition } from '../api/types/meta.js'
import type { Pod } from '../api/types/core-pod.js'
import type { PodDisruptionBudget } from '../api/types/policy-disruption-budget.js'

/** Evictions that the controller of budgets has not noticed yet. */
const disruptedPodsMax = 2_000
const processingRetrySeconds = 10
const refusal = "Cannot evict pod as it would violate the pod's disruption budget."

export type EvictionPlan =
  /** `unchanged`: only as long as the pod is as it was when this was decided. */
  | { readonly kind: 'delete'; readonly unchanged: boolean }
  | { readonly kind: 'charge'; readonly budget: PodDisruptionBudget }

/** `budgets`: those of the pod's namespace. Throws ApiError when more than one selects the pod. */
export function planEviction(pod: Pod, budgets: readonly PodDisruptionBudget[]): EvictionPlan {
  const phase = pod.status?.phase
  if (hasEnded(phase) || pod.metadata.deletionTimestamp !== undefined) {
    return { kind: 'delete', unchanged: false }
  }
  // One that never ran disrupts nobody; but it may have started in between.
  if (phase === 'Pending') return { kind: 'delete', unchanged: true }
  const [budget, second] = budgets.filter(one => selects(one, pod))
  if (second !== undefined) throw ambiguous()
  if (budget === undefined) return { kind: 'delete', unchanged: false }
  return sparesUnhealthy(pod, budget)
    ? { kind: 'delete', unchanged: true }
    : { kind: 'charge', budget }
}

const hasEnded = (phase: string | undefined) => phase === 'Succeeded' || phase === 'Failed'

/** As others are to see it on its way out: who counts failures may want to know. `now`: RFC 3339. */
export function markedForEviction(pod: Pod, now: string): Pod {
  const { phase, conditions = [] } = pod.status ?? {}
  if (hasEnded(phase)) return pod
  const type = 'DisruptionTarget'
  const mark = {
    type,
    status: 'True',
    reason: 'EvictionByEvictionAPI',
    message: 'Eviction API: evicting',
    lastTransitionTime: now,
  }
  const others = conditions.filter(condition => condition.type !== type)
  return { ...pod, status: { ...pod.status, conditions: [...others, mark] } }
}

function selects({ spec }: PodDisruptionBudget, pod: Pod): boolean {
  const selector = labelSelectorFromObject(spec?.selector)
  // No selector and an empty one select nothing here, rather than everything.
  return selector !== null && selector.length > 0 && matchesLabels(selector, pod.metadata.labels)
}

/** A pod that is not ready does not count, where its budget says so or has enough without it. */
function sparesUnhealthy(pod: Pod, { spec, status = {} }: PodDisruptionBudget): boolean {
  const ready = pod.status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'True'
  if (ready) return false
  if (spec?.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true
  const { currentHealthy = 0, desiredHealthy = 0 } = status
  return currentHealthy >= desiredHealthy && desiredHealthy > 0
}

function ambiguous(): ApiError {
  return new ApiError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message:
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    code: 500,
  })
}

/** The budget is behind: its controller, or a pod that has changed, has to be waited for. */
export function stillProcessing(budgetName: string): ApiError {
  const message = `The disruption budget ${budgetName} is still being processed by the server.`
  const cause = { reason: 'DisruptionBudget', message }
  return tooManyRequests(refusal, processingRetrySeconds, [cause])
}

/** The budget with one disruption less, of the pod. Throws ApiError where there is none left. */
export function chargeBudget(
  budget: PodDisruptionBudget,
  podName: string,
  now: string,
): PodDisruptionBudget {
  const { metadata, status = {} } = budget
  const { name = '', generation = 0 } = metadata
  const { disruptionsAllowed = 0, disruptedPods = {}, observedGeneration = 0 } = status
  if (observedGeneration < generation) throw stillProcessing(name)
  const resource = { group: 'policy', plural: 'poddisruptionbudget' }
  if (disruptionsAllowed < 0) {
    throw forbidden(resource, name, 'pdb disruptions allowed is negative')
  }
  if (Object.keys(disruptedPods).length > disruptedPodsMax) {
    const why = 'DisruptedPods map too big - too many evictions not confirmed by PDB controller'
    throw forbidden(resource, name, why)
  }
  if (disruptionsAllowed === 0) {
    const { desiredHealthy = 0, currentHealthy = 0 } = status
    const message = `The disruption budget ${name} needs ${desiredHealthy} healthy pods and has ${currentHealthy} currently`
    throw tooManyRequests(refusal, 0, [{ reason: 'DisruptionBudget', message }])
  }
  const left = disruptionsAllowed - 1
  return {
    ...budget,
    status: {
      ...status,
      disruptionsAllowed: left,
      disruptedPods: { ...disruptedPods, [podName]: now },
      ...(left > 0 ? {} : { conditions: withNoneAllowed(status, now) }),
    },
  }
}

function withNoneAllowed(
  { conditions = [], observedGeneration }: NonNullable<PodDisruptionBudget['status']>,
  now: string,
): readonly Condition[] {
  const type = 'DisruptionAllowed'
  const before = conditions.find(condition => condition.type === type)
  const after: Condition = {
    type,
    status: 'False',
    reason: 'InsufficientPods',
    message: '',
    lastTransitionTime: before?.status === 'False' ? before.lastTransitionTime : now,
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
  }
  return [...conditions.filter(condition => condition.type !== type), after]
}
