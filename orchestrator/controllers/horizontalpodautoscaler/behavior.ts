// How fast the number of replicas may follow what the metrics ask for: windows in which recommendations are weighed, and
// limits of change in a time. Pure. Counterpart: the normalizeDesiredReplicas functions of pkg/controller/podautoscaler.

import type {
  HorizontalPodAutoscalerBehavior,
  HPAScalingRules,
} from '../../api/types/autoscaling-v2.js'

/** How long the highest recommendation counts where nobody says another time. */
export const downscaleWindowSeconds = 300
/** Without a behaviour: up to twice as many at once, and up to four in any case. */
const scaleUpFactor = 2
const scaleUpMinimum = 4
/** More than there are syncs in the longest window that the API takes. */
const rememberedMax = 1024

export interface Moment {
  readonly atMs: number
  readonly replicas: number
}

/** What an autoscaler remembers; it begins anew with a new leader. */
export interface History {
  /** What the metrics asked for, oldest first. */
  readonly recommendations: readonly Moment[]
  /** By how many there were more, or fewer, after a change. */
  readonly ups: readonly Moment[]
  readonly downs: readonly Moment[]
}

export const noHistory: History = { recommendations: [], ups: [], downs: [] }

export interface BehaviorInput {
  readonly behavior: HorizontalPodAutoscalerBehavior | undefined
  readonly history: History
  readonly current: number
  /** By the metrics. */
  readonly desired: number
  readonly min: number
  readonly max: number
  readonly nowMs: number
}

export interface Verdict {
  readonly reason: string
  readonly message: string
}

export interface Limited {
  readonly replicas: number
  /** Null: nothing of the past stood in the way. */
  readonly stabilized: Verdict | null
  readonly limited: boolean
  readonly limit: Verdict
  /** With the newest recommendation. */
  readonly history: History
}

const upStabilized: Verdict = {
  reason: 'ScaleUpStabilized',
  message:
    'recent recommendations were lower than current one, applying the lowest recent recommendation',
}
const downStabilized: Verdict = {
  reason: 'ScaleDownStabilized',
  message:
    'recent recommendations were higher than current one, applying the highest recent recommendation',
}
const within: Verdict = {
  reason: 'DesiredWithinRange',
  message: 'the desired count is within the acceptable range',
}
const scaleUpLimit: Verdict = {
  reason: 'ScaleUpLimit',
  message: 'the desired replica count is increasing faster than the maximum scale rate',
}
const scaleDownLimit: Verdict = {
  reason: 'ScaleDownLimit',
  message: 'the desired replica count is decreasing faster than the maximum scale rate',
}
const tooMany: Verdict = {
  reason: 'TooManyReplicas',
  message: 'the desired replica count is more than the maximum replica count',
}
const tooFew: Verdict = {
  reason: 'TooFewReplicas',
  message: 'the desired replica count is less than the minimum replica count',
}

export function limitReplicas(input: BehaviorInput): Limited {
  const { behavior, desired, nowMs } = input
  const history = withFirst(input)
  const stable = stabilize({ ...input, history })
  const [replicas, limit] =
    behavior === undefined
      ? withoutBehavior(input, stable)
      : withBehavior({ ...input, history }, behavior, stable)
  return {
    replicas,
    stabilized:
      stable === desired ? null : desired >= input.current ? upStabilized : downStabilized,
    limited: replicas !== stable,
    limit,
    history: trimmed(
      {
        ...history,
        recommendations: [...history.recommendations, { atMs: nowMs, replicas: desired }],
      },
      behavior,
      nowMs,
    ),
  }
}

/** Before anything was recommended, what there is was right. */
function withFirst({ history, current, nowMs }: BehaviorInput): History {
  if (history.recommendations.length > 0) return history
  return { ...history, recommendations: [{ atMs: nowMs, replicas: current }] }
}

const windowMs = (rules: HPAScalingRules | undefined, otherwise: number): number =>
  (rules?.stabilizationWindowSeconds ?? otherwise) * 1000

/** Between the lowest that was asked for in the window for more, and the highest in the window for less. */
function stabilize({ behavior, history, current, desired, nowMs }: BehaviorInput): number {
  const upFromMs = nowMs - windowMs(behavior?.scaleUp, 0)
  const downFromMs = nowMs - windowMs(behavior?.scaleDown, downscaleWindowSeconds)
  let floor = desired
  let ceiling = desired
  for (const { atMs, replicas } of history.recommendations) {
    if (atMs > upFromMs) floor = Math.min(floor, replicas)
    if (atMs > downFromMs) ceiling = Math.max(ceiling, replicas)
  }
  return Math.min(Math.max(current, floor), ceiling)
}

function withoutBehavior(
  { current, min, max }: BehaviorInput,
  desired: number,
): readonly [number, Verdict] {
  const rate = Math.max(scaleUpFactor * current, scaleUpMinimum)
  const most = Math.min(max, rate)
  if (desired < min) return [min, tooFew]
  if (desired > most) return [most, max > rate ? scaleUpLimit : tooMany]
  return [desired, within]
}

function withBehavior(
  input: BehaviorInput,
  { scaleUp, scaleDown }: HorizontalPodAutoscalerBehavior,
  desired: number,
): readonly [number, Verdict] {
  const { current, min, max } = input
  if (desired > current) {
    const rate = Math.max(current, highest(input, scaleUp))
    const most = Math.min(max, rate)
    if (desired > most) return [most, max > rate ? scaleUpLimit : tooMany]
  } else if (desired < current) {
    const rate = Math.min(current, lowest(input, scaleDown))
    const least = Math.max(min, rate)
    if (desired < least) return [least, min < rate ? scaleDownLimit : tooFew]
  }
  return [desired, within]
}

function highest(input: BehaviorInput, rules: HPAScalingRules | undefined): number {
  if (rules?.selectPolicy === 'Disabled') return input.current
  const limits = (rules?.policies ?? []).map(({ type, value, periodSeconds }) => {
    const before = replicasBefore(input, periodSeconds)
    // Rounded up: one of few would never get more.
    return type === 'Pods' ? before + value : Math.ceil(percentOf(before, 100 + value))
  })
  if (limits.length === 0) return input.max
  return rules?.selectPolicy === 'Min' ? Math.min(...limits) : Math.max(...limits)
}

function lowest(input: BehaviorInput, rules: HPAScalingRules | undefined): number {
  if (rules?.selectPolicy === 'Disabled') return input.current
  const limits = (rules?.policies ?? []).map(({ type, value, periodSeconds }) => {
    const before = replicasBefore(input, periodSeconds)
    return type === 'Pods' ? before - value : Math.trunc(percentOf(before, 100 - value))
  })
  if (limits.length === 0) return input.min
  return rules?.selectPolicy === 'Min' ? Math.max(...limits) : Math.min(...limits)
}

/** Whole numbers until the last step, so that 110 percent of 10 are 11. */
const percentOf = (replicas: number, percent: number): number => (replicas * percent) / 100

/** How many there were when the time began that is limited as a whole. */
function replicasBefore({ history, current, nowMs }: BehaviorInput, seconds: number): number {
  const sum = (moments: readonly Moment[]) =>
    moments.reduce(
      (total, { atMs, replicas }) => (atMs > nowMs - seconds * 1000 ? total + replicas : total),
      0,
    )
  return current - sum(history.ups) + sum(history.downs)
}

/** A change that has been made. */
export function withChange(history: History, from: number, to: number, nowMs: number): History {
  const moment = { atMs: nowMs, replicas: Math.abs(to - from) }
  if (to > from) return { ...history, ups: [...history.ups, moment] }
  return to < from ? { ...history, downs: [...history.downs, moment] } : history
}

/** Without what no window and no limit looks at any more. */
function trimmed(
  history: History,
  behavior: HorizontalPodAutoscalerBehavior | undefined,
  nowMs: number,
): History {
  const window = Math.max(
    windowMs(behavior?.scaleUp, 0),
    windowMs(behavior?.scaleDown, downscaleWindowSeconds),
  )
  const policies = [behavior?.scaleUp, behavior?.scaleDown].flatMap(rules => rules?.policies ?? [])
  const period = Math.max(0, ...policies.map(({ periodSeconds }) => periodSeconds * 1000))
  const since = (moments: readonly Moment[], ms: number) =>
    moments.filter(({ atMs }) => atMs >= nowMs - ms).slice(-rememberedMax)
  return {
    recommendations: since(history.recommendations, window),
    ups: since(history.ups, period),
    downs: since(history.downs, period),
  }
}
