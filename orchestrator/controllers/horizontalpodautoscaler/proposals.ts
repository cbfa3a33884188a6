// One metric of an autoscaler: what it asks for, what its status says, or why it cannot be told. Pure. Counterpart:
// computeReplicasForMetric of pkg/controller/podautoscaler.

import { formatQuantity, parseQuantity, quantityMilliUnits } from '../../api/quantity.js'
import type { MetricSpec, MetricStatus, MetricTarget } from '../../api/types/autoscaling-v2.js'
import type { Pod } from '../../api/types/core-pod.js'
import type { PodSamples, Reading } from './readings.js'
import {
  averageReplicas,
  MetricError,
  type Proposal,
  sharedReplicas,
  type Tolerances,
  utilizationReplicas,
  valueReplicas,
} from './replica-arithmetic.js'

export interface MetricInput {
  readonly metric: MetricSpec
  readonly reading: Reading
  /** That the target's selector matches. */
  readonly pods: readonly Pod[]
  readonly currentReplicas: number
  /** As the target counts them, which may lag behind. */
  readonly statusReplicas: number
  readonly tolerances: Tolerances
  readonly nowMs: number
}

export type MetricResult =
  | {
      readonly kind: 'proposal'
      readonly replicas: number
      /** As in "cpu resource utilization (percentage of request)". */
      readonly title: string
      readonly status: MetricStatus
    }
  | {
      readonly kind: 'failure'
      readonly reason: string
      /** As the condition and the event of the metric say it. */
      readonly message: string
      /** As the failure of the whole names it. */
      readonly summary: string
    }

export function computeMetric(input: MetricInput): MetricResult {
  const { metric } = input
  try {
    switch (metric.type) {
      case 'Resource':
        return ofResource(input, 'Resource')
      case 'ContainerResource':
        return ofResource(input, 'ContainerResource')
      case 'Pods':
        return ofPods(input)
      case 'Object':
        return ofObject(input)
      case 'External':
        return ofExternal(input)
      default:
        throw new MetricError(`unknown metric source type "${metric.type}"`)
    }
  } catch (error) {
    if (!(error instanceof MetricError)) throw error
    return failure(metric, error.message)
  }
}

function failure(metric: MetricSpec, message: string): MetricResult {
  const { reason, prefix } = failureOf(metric)
  return { kind: 'failure', reason, message, summary: `${prefix}${message}` }
}

function failureOf({ type, resource, containerResource, external }: MetricSpec) {
  switch (type) {
    case 'Resource':
      return {
        reason: 'FailedGetResourceMetric',
        prefix: `failed to get ${resource?.name} resource metric value: `,
      }
    case 'ContainerResource':
      return {
        reason: 'FailedGetContainerResourceMetric',
        prefix: `failed to get ${containerResource?.name} container metric value: `,
      }
    case 'Pods':
      return { reason: 'FailedGetPodsMetric', prefix: 'failed to get pods metric value: ' }
    case 'Object':
      return { reason: 'FailedGetObjectMetric', prefix: 'failed to get object metric value: ' }
    case 'External':
      return {
        reason: 'FailedGetExternalMetric',
        prefix: `failed to get ${external?.metric.name} external metric value: `,
      }
    default:
      return { reason: 'InvalidMetricSourceType', prefix: '' }
  }
}

function samplesOf(reading: Reading, what: string): PodSamples {
  if (reading.kind === 'pods') return reading.samples
  throw new MetricError(`${what}: ${reading.kind === 'unknown' ? reading.message : 'no samples'}`)
}

function valueOf(reading: Reading, what: string): number {
  if (reading.kind === 'value') return reading.milli
  throw new MetricError(`${what}: ${reading.kind === 'unknown' ? reading.message : 'no value'}`)
}

/** Null where the target does not say it, or says nothing that can be reckoned with. */
function milliOf(text: string | undefined): number | null {
  const quantity = text === undefined ? null : parseQuantity(text)
  const milli = quantity === null ? 0 : Number(quantityMilliUnits(quantity))
  return milli > 0 ? milli : null
}

export const quantityText = (milli: number): string =>
  formatQuantity({ nanos: BigInt(Math.round(milli)) * 1_000_000n, format: 'DecimalSI' })

function ofResource(input: MetricInput, kind: 'Resource' | 'ContainerResource'): MetricResult {
  const { metric, reading } = input
  const of = kind === 'Resource' ? metric.resource : metric.containerResource
  if (of === undefined) throw new MetricError('invalid metric source: nothing is named')
  const { name, target } = of
  const container =
    kind === 'ContainerResource' ? (metric.containerResource?.container ?? '') : null
  const average = milliOf(target.averageValue)
  const wish = average === null ? 'utilization' : 'usage'
  const missing = `failed to get ${name} ${wish}: unable to get metrics for resource ${name}`
  const podMetric = { ...input, resource: name, samples: samplesOf(reading, missing) }
  let proposal: Proposal
  try {
    if (average !== null) proposal = averageReplicas(podMetric, average)
    else if (target.averageUtilization === undefined) {
      throw new MetricError(
        'invalid resource metric source: neither an average utilization nor an average value (usage) target was set',
      )
    } else proposal = utilizationReplicas(podMetric, target.averageUtilization, container)
  } catch (error) {
    throw error instanceof MetricError
      ? new MetricError(`failed to get ${name} ${wish}: ${error.message}`)
      : error
  }
  const { percent, milli } = proposal
  const current = {
    averageValue: quantityText(milli),
    ...(percent === null ? {} : { averageUtilization: percent }),
  }
  const status: MetricStatus =
    container === null
      ? { type: kind, resource: { name, current } }
      : { type: kind, containerResource: { name, container, current } }
  const what = container === null ? 'resource' : 'container resource'
  const title =
    percent === null ? `${name} ${what}` : `${name} ${what} utilization (percentage of request)`
  return { kind: 'proposal', replicas: proposal.replicas, title, status }
}

function ofPods(input: MetricInput): MetricResult {
  const { pods: of } = input.metric
  const target = milliOf(of?.target.averageValue)
  if (of === undefined || target === null) {
    throw new MetricError('invalid pods metric source: an average value target is needed')
  }
  const { metric } = of
  const samples = samplesOf(input.reading, `unable to get metric ${metric.name}`)
  const { replicas, milli } = averageReplicas({ ...input, resource: '', samples }, target)
  const current = { averageValue: quantityText(milli) }
  const status = { type: 'Pods', pods: { metric, current } }
  return { kind: 'proposal', replicas, title: `pods metric ${metric.name}`, status }
}

function ofObject(input: MetricInput): MetricResult {
  const { object: of } = input.metric
  if (of === undefined) throw new MetricError('invalid object metric source: nothing is named')
  const { metric, describedObject } = of
  const what = `unable to get metric ${metric.name}: ${describedObject.kind} on ${describedObject.name}`
  const { proposal, current } = ofValue(input, of.target, what)
  const status = { type: 'Object', object: { metric, describedObject, current } }
  const title = `${describedObject.kind} metric ${metric.name}`
  return { kind: 'proposal', replicas: proposal.replicas, title, status }
}

function ofExternal(input: MetricInput): MetricResult {
  const { external: of } = input.metric
  if (of === undefined) throw new MetricError('invalid external metric source: nothing is named')
  const { metric } = of
  const what = `unable to get external metric ${metric.name}`
  const { proposal, current } = ofValue(input, of.target, what)
  const status = { type: 'External', external: { metric, current } }
  const title = `external metric ${metric.name}`
  return { kind: 'proposal', replicas: proposal.replicas, title, status }
}

/** A value for all, or the part of each of one that all share. */
function ofValue(input: MetricInput, target: MetricTarget, what: string) {
  const { reading, statusReplicas, tolerances } = input
  const whole = milliOf(target.value)
  const each = milliOf(target.averageValue)
  if (each !== null) {
    const proposal = sharedReplicas(valueOf(reading, what), each, statusReplicas, tolerances)
    return { proposal, current: { averageValue: quantityText(proposal.milli) } }
  }
  if (whole !== null) {
    const proposal = valueReplicas(valueOf(reading, what), whole, input)
    return { proposal, current: { value: quantityText(proposal.milli) } }
  }
  throw new MetricError(
    'invalid metric source: neither a value target nor an average value target was set',
  )
}
