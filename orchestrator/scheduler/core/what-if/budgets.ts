// How many pods an imagined budget would let go, from the pods that there are. Pure. A budget that exists has it from
// its controller, who also knows how many there should be; here those that run stand for that.

import { scaledValue } from '../../../api/int-or-string.js'
import type { PodDisruptionBudget } from '../../../api/types/policy-disruption-budget.js'
import { guards } from '../preemption/victims.js'
import type { PodInfo } from '../state/pod-info.js'

/** As its controller would leave it. What it says of itself is kept. */
export function reckoned(
  budget: PodDisruptionBudget,
  pods: readonly PodInfo[],
): PodDisruptionBudget {
  if (budget.status?.disruptionsAllowed !== undefined) return budget
  const guarded = pods.filter(pod => guards(budget, pod))
  const expected = guarded.length
  const healthy = guarded.filter(isReady).length
  const { minAvailable, maxUnavailable } = budget.spec ?? {}
  const desired =
    maxUnavailable === undefined
      ? (scaledValue(minAvailable ?? 1, expected, 'up') ?? expected)
      : expected - (scaledValue(maxUnavailable, expected, 'up') ?? 0)
  const disruptionsAllowed = Math.max(0, healthy - desired)
  return { ...budget, status: { ...budget.status, disruptionsAllowed } }
}

function isReady({ pod }: PodInfo): boolean {
  const conditions = pod.status?.conditions ?? []
  return conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
}
