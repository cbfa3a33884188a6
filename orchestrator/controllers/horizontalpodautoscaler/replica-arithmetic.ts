// How many replicas a metric asks for. Pure. Counterpart: replica_calculator.go of pkg/controller/podautoscaler.
//
// Pods that cannot be counted on are left out of the first reckoning. Where it would change the number, they are put back
// with the value that speaks against the change, and the change happens only if it still goes the same way.

import { parseQuantity, quantityMilliUnits } from '../../api/quantity.js'
import type { Container } from '../../api/types/core-container.js'
import type { Pod } from '../../api/types/core-pod.js'
import { parseTimeMs } from '../../client/timestamps.js'
import { isDeleting } from '../ownership.js'
import { isPodReady, podCondition } from '../pod-state.js'
import type { PodSample, PodSamples } from './readings.js'

/** How long after its start a pod's CPU says nothing of its work, unless it is ready. */
const cpuInitializationMs = 300_000
/** A pod that was never ready longer than so after its start was never ready at all. */
const initialReadinessMs = 30_000
export const defaultTolerance = 0.1

/** By how much usage may differ from the target, as a part of it, before the number changes. */
export interface Tolerances {
  readonly up: number
  readonly down: number
}

export interface Proposal {
  readonly replicas: number
  /** The average of a pod, in thousandths, or the whole where the target is one. */
  readonly milli: number
  /** Of what pods ask for, in percent; null where the target is an amount. */
  readonly percent: number | null
}

/** Why a metric says nothing; the text is for conditions and events. */
export class MetricError extends Error {
  override readonly name = 'MetricError'
}

export interface PodGroups {
  readonly ready: number
  /** Not yet at work: their samples do not count. */
  readonly ignored: ReadonlySet<string>
  /** At work, and nothing is known of them. */
  readonly missing: ReadonlySet<string>
}

/** `resource` is '' for a metric that is none of a resource. */
export function groupPods(
  pods: readonly Pod[],
  samples: PodSamples,
  resource: string,
  nowMs: number,
): PodGroups {
  const ignored = new Set<string>()
  const missing = new Set<string>()
  let ready = 0
  for (const pod of pods) {
    if (isDeleting(pod) || pod.status?.phase === 'Failed') continue
    const { name = '' } = pod.metadata
    const sample = samples.get(name)
    if (pod.status?.phase === 'Pending') ignored.add(name)
    else if (sample === undefined) missing.add(name)
    else if (resource === 'cpu' && !isSettled(pod, sample, nowMs)) ignored.add(name)
    else ready++
  }
  return { ready, ignored, missing }
}

/** Whether its CPU is that of its work, and not of its start. */
function isSettled(pod: Pod, sample: PodSample, nowMs: number): boolean {
  const condition = podCondition(pod, 'Ready')
  const startedMs = parseTimeMs(pod.status?.startTime)
  if (condition === undefined || startedMs === null) return false
  const sinceMs = parseTimeMs(condition.lastTransitionTime) ?? 0
  const unready = condition.status === 'False'
  if (startedMs + cpuInitializationMs > nowMs) {
    return !unready && sample.atMs >= sinceMs + sample.windowMs
  }
  return !(unready && startedMs + initialReadinessMs > sinceMs)
}

/** In thousandths, by pod name. Throws MetricError where a container does not say. */
export function podRequests(
  pods: readonly Pod[],
  resource: string,
  container: string | null,
): ReadonlyMap<string, number> {
  return new Map(
    pods.map(pod => {
      const { name = '' } = pod.metadata
      const sidecars = (pod.spec.initContainers ?? []).filter(one => one.restartPolicy === 'Always')
      const all = [...pod.spec.containers, ...sidecars]
      const counted = container === null ? all : all.filter(one => one.name === container)
      const sum = counted.reduce((total, one) => total + requestOf(one, resource, name), 0)
      return [name, sum]
    }),
  )
}

function requestOf(container: Container, resource: string, podName: string): number {
  const quantity = parseQuantity(container.resources?.requests?.[resource] ?? '')
  if (quantity !== null) return Number(quantityMilliUnits(quantity))
  throw new MetricError(
    `missing request for ${resource} in container ${container.name} of Pod ${podName}`,
  )
}

interface Usage {
  readonly ratio: number
  readonly milli: number
  readonly percent: number | null
}

export interface PodMetricInput {
  readonly pods: readonly Pod[]
  readonly samples: PodSamples
  readonly resource: string
  readonly currentReplicas: number
  readonly tolerances: Tolerances
  readonly nowMs: number
}

/** Of what pods ask for, in percent. Throws MetricError. */
export function utilizationReplicas(
  input: PodMetricInput,
  targetPercent: number,
  container: string | null,
): Proposal {
  const { pods, resource } = input
  const requests = podRequests(pods, resource, container)
  const usage = (samples: PodSamples): Usage => {
    let used = 0
    let asked = 0
    let counted = 0
    for (const [name, { milli }] of samples) {
      const request = requests.get(name)
      if (request === undefined) continue
      used += milli
      asked += request
      counted++
    }
    if (asked === 0) throw new MetricError('no metrics returned matched known pods')
    const percent = Math.trunc((used * 100) / asked)
    return { ratio: percent / targetPercent, milli: Math.trunc(used / counted), percent }
  }
  // As much as it asks for, or as much as all shall use where that is more.
  const share = Math.max(100, targetPercent) / 100
  const full = (name: string) => Math.trunc((requests.get(name) ?? 0) * share)
  return podReplicas(input, usage, full)
}

/** An amount for each pod, in thousandths. Throws MetricError. */
export function averageReplicas(input: PodMetricInput, targetMilli: number): Proposal {
  const usage = (samples: PodSamples): Usage => {
    let used = 0
    for (const { milli } of samples.values()) used += milli
    const milli = Math.trunc(used / samples.size)
    return { ratio: milli / targetMilli, milli, percent: null }
  }
  return podReplicas(input, usage, () => targetMilli)
}

function podReplicas(
  { pods, samples, resource, currentReplicas, tolerances, nowMs }: PodMetricInput,
  usageOf: (samples: PodSamples) => Usage,
  full: (podName: string) => number,
): Proposal {
  if (pods.length === 0) {
    throw new MetricError('no pods returned by selector while calculating replica count')
  }
  const { ready, ignored, missing } = groupPods(pods, samples, resource, nowMs)
  const counted = new Map([...samples].filter(([name]) => !ignored.has(name)))
  if (counted.size === 0) throw new MetricError('did not receive metrics for any ready pods')
  const usage = usageOf(counted)
  const proposing = (replicas: number): Proposal => ({
    replicas,
    milli: usage.milli,
    percent: usage.percent,
  })
  const withIgnored = ignored.size > 0 && usage.ratio > 1
  if (!withIgnored && missing.size === 0) {
    if (isWithin(usage.ratio, tolerances)) return proposing(currentReplicas)
    return proposing(Math.ceil(usage.ratio * ready))
  }
  const assume = (name: string, milli: number) => {
    counted.set(name, { milli, atMs: 0, windowMs: 0 })
  }
  if (usage.ratio < 1) for (const name of missing) assume(name, full(name))
  else if (usage.ratio > 1) for (const name of missing) assume(name, 0)
  if (withIgnored) for (const name of ignored) assume(name, 0)
  const { ratio } = usageOf(counted)
  const turned = (usage.ratio < 1 && ratio > 1) || (usage.ratio > 1 && ratio < 1)
  if (isWithin(ratio, tolerances) || turned) return proposing(currentReplicas)
  const replicas = Math.ceil(ratio * counted.size)
  const against =
    (ratio < 1 && replicas > currentReplicas) || (ratio > 1 && replicas < currentReplicas)
  return proposing(against ? currentReplicas : replicas)
}

/** One value for all, which grows with their work: of an object, or of something outside. Throws MetricError. */
export function valueReplicas(
  milli: number,
  targetMilli: number,
  { pods, currentReplicas, tolerances }: Omit<PodMetricInput, 'samples' | 'resource' | 'nowMs'>,
): Proposal {
  const ratio = milli / targetMilli
  // From nothing there is no ratio to go by: one replica for each time that the target is reached.
  if (currentReplicas === 0) return { replicas: Math.ceil(ratio), milli, percent: null }
  if (isWithin(ratio, tolerances)) return { replicas: currentReplicas, milli, percent: null }
  if (pods.length === 0) {
    throw new MetricError('no pods returned by selector while calculating replica count')
  }
  const ready = pods.filter(pod => pod.status?.phase === 'Running' && isPodReady(pod)).length
  return { replicas: Math.ceil(ratio * ready), milli, percent: null }
}

/** One value that all share, and the part of each is to be as large as the target. */
export function sharedReplicas(
  milli: number,
  targetMilli: number,
  statusReplicas: number,
  tolerances: Tolerances,
): Proposal {
  const ratio = milli / (targetMilli * statusReplicas)
  const enough = Number.isFinite(ratio) && isWithin(ratio, tolerances)
  const replicas = enough ? statusReplicas : Math.ceil(milli / targetMilli)
  const average = statusReplicas === 0 ? 0 : Math.ceil(milli / statusReplicas)
  return { replicas, milli: average, percent: null }
}

function isWithin(ratio: number, { up, down }: Tolerances): boolean {
  // Parts like 0.1 are none of a binary number: what is off by less than a billionth is on the line.
  const slack = 1e-9
  return ratio >= 1 - down - slack && ratio <= 1 + up + slack
}
