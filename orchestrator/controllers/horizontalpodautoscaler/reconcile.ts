// One sync of an autoscaler: how many replicas its target shall have, and what its status and events say of that. Pure.
// Counterpart: reconcileAutoscaler of pkg/controller/podautoscaler.

import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerCondition,
  HorizontalPodAutoscalerStatus,
  HPAScalingRules,
  MetricStatus,
} from '../../api/types/autoscaling-v2.js'
import { parseQuantity, quantityMilliUnits } from '../../api/quantity.js'
import type { Pod } from '../../api/types/core-pod.js'
import { formatTime } from '../../client/timestamps.js'
import { type History, limitReplicas } from './behavior.js'
import { computeMetric, type MetricResult } from './proposals.js'
import type { Reading } from './readings.js'
import { defaultTolerance, type Tolerances } from './replica-arithmetic.js'

export interface TargetScale {
  readonly replicas: number
  readonly statusReplicas: number
  /** As text; '' for none. */
  readonly selector: string
  /** What is wrong with its text; null when nothing is. */
  readonly selectorProblem: string | null
}

export interface AutoscalerInput {
  readonly autoscaler: HorizontalPodAutoscaler
  /** A text: why there is none. */
  readonly scale: TargetScale | string
  /** What was found out of each metric, in their order; empty where nobody had to look. */
  readonly readings: readonly Reading[]
  readonly pods: readonly Pod[]
  /** Autoscalers, as "namespace/name", that have some of these pods as well, this one among them; else none. */
  readonly rivals: readonly string[]
  readonly history: History
  readonly nowMs: number
}

export interface AutoscalerEvent {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
}

export interface AutoscalerPlan {
  /** The target is to have so many, and why; null: it stays as it is. */
  readonly rescale: { readonly replicas: number; readonly reason: string } | null
  /** As it is if nothing comes of the change. */
  readonly status: HorizontalPodAutoscalerStatus
  readonly events: readonly AutoscalerEvent[]
  readonly history: History
}

/** Whether the metrics have a say; else the target is off, or out of its bounds. */
export function needsReadings(
  { spec }: HorizontalPodAutoscaler,
  { replicas, selector, selectorProblem }: TargetScale,
): boolean {
  const min = spec.minReplicas ?? 1
  if (selector === '' || selectorProblem !== null || (replicas === 0 && min !== 0)) return false
  return replicas <= spec.maxReplicas && replicas >= min
}

export function planAutoscaler(input: AutoscalerInput): AutoscalerPlan {
  const { autoscaler, scale, history, nowMs } = input
  const { minReplicas: min = 1, maxReplicas: max } = autoscaler.spec
  const conditions = new Conditions(autoscaler.status?.conditions ?? [], nowMs)
  if (typeof scale === 'string') {
    const text = `the HPA controller was unable to get the target's current scale: ${scale}`
    conditions.set('AbleToScale', 'False', 'FailedGetScale', text)
    const { status } = autoscaler
    const kept = { desiredReplicas: 0, ...status, conditions: conditions.list }
    const events = [warning('FailedGetScale', scale)]
    return { rescale: null, status: kept, events, history }
  }
  const gotScale = "the HPA controller was able to get the target's current scale"
  conditions.set('AbleToScale', 'True', 'SucceededGetScale', gotScale)
  const { replicas: current } = scale
  const statusWith = (desired: number, currentMetrics: readonly MetricStatus[] | undefined) =>
    statusOf(autoscaler, current, desired, currentMetrics, conditions)
  const bounded = (desired: number, reason: string): AutoscalerPlan => ({
    rescale: { replicas: desired, reason },
    status: statusWith(desired, autoscaler.status?.currentMetrics),
    events: [],
    history,
  })
  if (current === 0 && min !== 0) {
    const text = 'scaling is disabled since the replica count of the target is zero'
    conditions.set('ScalingActive', 'False', 'ScalingDisabled', text)
    return { rescale: null, status: statusWith(0, []), events: [], history }
  }
  if (current > max) return bounded(max, 'Current number of replicas above Spec.MaxReplicas')
  if (current < min) return bounded(min, 'Current number of replicas below Spec.MinReplicas')
  const outcome = computeMetrics(input, scale, conditions)
  if (outcome.kind === 'failed') {
    const desired = autoscaler.status?.desiredReplicas ?? 0
    const status = statusWith(desired, outcome.statuses ?? autoscaler.status?.currentMetrics)
    return { rescale: null, status, events: outcome.events, history }
  }
  const { behavior } = autoscaler.spec
  const limited = limitReplicas({
    behavior,
    history,
    current,
    desired: outcome.replicas,
    min,
    max,
    nowMs,
  })
  const able = limited.stabilized ?? {
    reason: 'ReadyForNewScale',
    message: 'recommended size matches current size',
  }
  conditions.set('AbleToScale', 'True', able.reason, able.message)
  const isLimited = limited.limited ? 'True' : 'False'
  conditions.set('ScalingLimited', isLimited, limited.limit.reason, limited.limit.message)
  const reason =
    outcome.replicas > current ? `${outcome.title} above target` : 'All metrics below target'
  return {
    rescale: limited.replicas === current ? null : { replicas: limited.replicas, reason },
    status: statusWith(limited.replicas, outcome.statuses),
    events: outcome.events,
    history: limited.history,
  }
}

/** What is to be told after the change was tried. `error` is null where it was made. */
export function afterRescale(
  plan: AutoscalerPlan,
  rescale: NonNullable<AutoscalerPlan['rescale']>,
  error: string | null,
  nowMs: number,
): { readonly status: HorizontalPodAutoscalerStatus; readonly event: AutoscalerEvent } {
  const { replicas, reason } = rescale
  const conditions = new Conditions(plan.status.conditions ?? [], nowMs)
  if (error !== null) {
    const text = `the HPA controller was unable to update the target scale: ${error}`
    conditions.set('AbleToScale', 'False', 'FailedUpdateScale', text)
    const message = `New size: ${replicas}; reason: ${reason}; error: ${error}`
    const status = { ...plan.status, conditions: conditions.list }
    return { status, event: warning('FailedRescale', message) }
  }
  const text = `the HPA controller was able to update the target scale to ${replicas}`
  conditions.set('AbleToScale', 'True', 'SucceededRescale', text)
  const message = `New size: ${replicas}; reason: ${reason}`
  return {
    status: { ...plan.status, lastScaleTime: formatTime(nowMs), conditions: conditions.list },
    event: { type: 'Normal', reason: 'SuccessfulRescale', message },
  }
}

type Outcome =
  | {
      readonly kind: 'replicas'
      readonly replicas: number
      readonly title: string
      readonly statuses: readonly MetricStatus[]
      readonly events: readonly AutoscalerEvent[]
    }
  | {
      readonly kind: 'failed'
      readonly statuses: readonly MetricStatus[] | null
      readonly events: readonly AutoscalerEvent[]
    }

/** The highest that any metric asks for. One that cannot be told forbids to go down, since it might ask for more. */
function computeMetrics(
  input: AutoscalerInput,
  scale: TargetScale,
  conditions: Conditions,
): Outcome {
  const { autoscaler, readings, pods, nowMs } = input
  const wrong = selectorTrouble(input, scale)
  if (wrong !== null) {
    conditions.set('ScalingActive', 'False', wrong.condition, wrong.message)
    const events = [
      warning(wrong.reason, wrong.event),
      warning('FailedComputeMetricsReplicas', wrong.event),
    ]
    return { kind: 'failed', statuses: null, events }
  }
  const { metrics = [], behavior } = autoscaler.spec
  const results = metrics.map((metric, at) =>
    computeMetric({
      metric,
      reading: readings[at] ?? { kind: 'unknown', message: 'nobody has looked' },
      pods,
      currentReplicas: scale.replicas,
      statusReplicas: scale.statusReplicas,
      tolerances: tolerancesOf(behavior?.scaleUp, behavior?.scaleDown),
      nowMs,
    }),
  )
  const failures = results.filter(result => result.kind === 'failure')
  const events = failures.map(({ reason, message }) => warning(reason, message))
  // A place for each, so that they stand beside their targets.
  const statuses = results.map((result): MetricStatus => {
    return result.kind === 'proposal' ? result.status : { type: '' }
  })
  const best = highestOf(results)
  const [first] = failures
  if (best === null || (first !== undefined && best.replicas < scale.replicas)) {
    const { reason = 'InvalidMetricSourceType', message = '', summary = '' } = first ?? {}
    const text = `the HPA was unable to compute the replica count: ${message}`
    conditions.set('ScalingActive', 'False', reason, text)
    const whole = `invalid metrics (${failures.length} invalid out of ${metrics.length}), first error is: ${summary}`
    const all = [...events, warning('FailedComputeMetricsReplicas', whole)]
    return { kind: 'failed', statuses, events: all }
  }
  const text = `the HPA was able to successfully calculate a replica count from ${best.title}`
  conditions.set('ScalingActive', 'True', 'ValidMetricFound', text)
  return { kind: 'replicas', replicas: best.replicas, title: best.title, statuses, events }
}

/** Why it cannot be told which pods the target has, or has alone. */
function selectorTrouble({ rivals }: AutoscalerInput, { selector, selectorProblem }: TargetScale) {
  if (selector === '') {
    return {
      reason: 'SelectorRequired',
      event: 'selector is required',
      condition: 'InvalidSelector',
      message: "the HPA target's scale is missing a selector",
    }
  }
  if (selectorProblem !== null) {
    const text = `couldn't convert selector into a corresponding internal selector object: ${selectorProblem}`
    return { reason: 'InvalidSelector', event: text, condition: 'InvalidSelector', message: text }
  }
  if (rivals.length === 0) return null
  const text = `pods by selector ${selector} are controlled by multiple HPAs: [${rivals.join(' ')}]`
  return { reason: 'AmbiguousSelector', event: text, condition: 'AmbiguousSelector', message: text }
}

function highestOf(results: readonly MetricResult[]) {
  let best: (MetricResult & { readonly kind: 'proposal' }) | null = null
  for (const result of results) {
    if (result.kind === 'proposal' && (best === null || result.replicas > best.replicas)) {
      best = result
    }
  }
  return best
}

function tolerancesOf(
  up: HPAScalingRules | undefined,
  down: HPAScalingRules | undefined,
): Tolerances {
  const of = (rules: HPAScalingRules | undefined): number => {
    const quantity = parseQuantity(rules?.tolerance ?? '')
    return quantity === null ? defaultTolerance : Number(quantityMilliUnits(quantity)) / 1000
  }
  return { up: of(up), down: of(down) }
}

function statusOf(
  { metadata, status }: HorizontalPodAutoscaler,
  currentReplicas: number,
  desiredReplicas: number,
  currentMetrics: readonly MetricStatus[] | undefined,
  conditions: Conditions,
): HorizontalPodAutoscalerStatus {
  const { lastScaleTime } = status ?? {}
  return {
    ...(metadata.generation === undefined ? {} : { observedGeneration: metadata.generation }),
    ...(lastScaleTime === undefined ? {} : { lastScaleTime }),
    currentReplicas,
    desiredReplicas,
    ...(currentMetrics === undefined ? {} : { currentMetrics }),
    conditions: conditions.list,
  }
}

const warning = (reason: string, message: string): AutoscalerEvent => ({
  type: 'Warning',
  reason,
  message,
})

/** Each type once, in the order in which they came up. */
class Conditions {
  list: readonly HorizontalPodAutoscalerCondition[]
  private readonly nowMs: number

  constructor(list: readonly HorizontalPodAutoscalerCondition[], nowMs: number) {
    this.list = list
    this.nowMs = nowMs
  }

  set(type: string, status: 'True' | 'False', reason: string, message: string): void {
    const known = this.list.find(condition => condition.type === type)
    const since = known?.status === status ? known.lastTransitionTime : undefined
    const next = {
      type,
      status,
      lastTransitionTime: since ?? formatTime(this.nowMs),
      reason,
      message,
    }
    this.list =
      known === undefined
        ? [...this.list, next]
        : this.list.map(condition => (condition === known ? next : condition))
  }
}
