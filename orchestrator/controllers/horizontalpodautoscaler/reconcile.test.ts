import { describe, expect, test } from 'vitest'
import type {
  HorizontalPodAutoscaler,
  HorizontalPodAutoscalerSpec,
  MetricSpec,
} from '../../api/types/autoscaling-v2.js'
import { nowMs, pod, secondsAgo } from '../testing/objects.js'
import { noHistory } from './behavior.js'
import { externalReading, objectReading, podsReading, resourceReading } from './metric-answers.js'
import type { Reading } from './readings.js'
import { afterRescale, type AutoscalerInput, needsReadings, planAutoscaler } from './reconcile.js'

const cpu: MetricSpec = {
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } },
}
const queue: MetricSpec = {
  type: 'External',
  external: {
    metric: { name: 'queue_length' },
    target: { type: 'AverageValue', averageValue: '10' },
  },
}

function autoscaler(spec: Partial<HorizontalPodAutoscalerSpec> = {}): HorizontalPodAutoscaler {
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { namespace: 'shop', name: 'web', generation: 3 },
    spec: {
      scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' },
      minReplicas: 2,
      maxReplicas: 10,
      metrics: [cpu],
      ...spec,
    },
  }
}

const pods = [0, 1, 2].map(at => {
  const made = pod(`p${at}`, { readySeconds: 3000 })
  return {
    ...made,
    spec: { containers: [{ name: 'c', resources: { requests: { cpu: '100m' } } }] },
    status: { ...made.status, startTime: secondsAgo(3600) },
  }
})

const scaleOf = (replicas: number) => ({
  replicas,
  statusReplicas: replicas,
  selector: 'app=web',
  selectorProblem: null,
})

const using = (milli: number): Reading => ({
  kind: 'pods',
  samples: new Map(
    pods.map(({ metadata }) => [metadata.name ?? '', { milli, atMs: nowMs, windowMs: 15_000 }]),
  ),
})
const unknown: Reading = { kind: 'unknown', message: 'nobody answers' }

const plan = (changes: Partial<AutoscalerInput> = {}) =>
  planAutoscaler({
    autoscaler: autoscaler(),
    scale: scaleOf(3),
    readings: [using(50)],
    pods,
    rivals: [],
    history: noHistory,
    nowMs,
    ...changes,
  })

const conditionsOf = ({ status }: Pick<ReturnType<typeof plan>, 'status'>) =>
  (status.conditions ?? []).map(({ type, status: is, reason }) => `${type} ${is} ${reason}`)
const told = ({ events }: ReturnType<typeof plan>) =>
  events.map(({ type, reason, message }) => `${type} ${reason}: ${message}`)

describe('an autoscaler', () => {
  test('leaves what is right as it is, and tells what it saw', () => {
    const made = plan()
    expect(made.rescale).toBeNull()
    expect(made.status).toMatchObject({
      observedGeneration: 3,
      currentReplicas: 3,
      desiredReplicas: 3,
      currentMetrics: [
        {
          type: 'Resource',
          resource: { name: 'cpu', current: { averageUtilization: 50, averageValue: '50m' } },
        },
      ],
    })
    expect(conditionsOf(made)).toEqual([
      'AbleToScale True ReadyForNewScale',
      'ScalingActive True ValidMetricFound',
      'ScalingLimited False DesiredWithinRange',
    ])
    expect(made.status.conditions?.[1]?.message).toBe(
      'the HPA was able to successfully calculate a replica count from cpu resource utilization (percentage of request)',
    )
  })

  test('makes more where they have too much to do', () => {
    const made = plan({ readings: [using(90)] })
    const reason = 'cpu resource utilization (percentage of request) above target'
    expect(made.rescale).toEqual({ replicas: 6, reason })
    if (made.rescale === null) throw new Error('no change')
    const done = afterRescale(made, made.rescale, null, nowMs)
    expect(done.event).toEqual({
      type: 'Normal',
      reason: 'SuccessfulRescale',
      message: `New size: 6; reason: ${reason}`,
    })
    expect(done.status).toMatchObject({ desiredReplicas: 6, lastScaleTime: secondsAgo(0) })
    expect(conditionsOf(done)[0]).toBe('AbleToScale True SucceededRescale')
    const refused = afterRescale(made, made.rescale, 'quota', nowMs)
    expect(refused.event.message).toBe(`New size: 6; reason: ${reason}; error: quota`)
    expect(conditionsOf(refused)[0]).toBe('AbleToScale False FailedUpdateScale')
    expect(refused.status.lastScaleTime).toBeUndefined()
  })

  test('makes fewer, but not for what was only a moment', () => {
    const soon = plan({ readings: [using(10)] })
    expect(soon.rescale).toBeNull()
    expect(conditionsOf(soon)[0]).toBe('AbleToScale True ScaleDownStabilized')
    const later = plan({ readings: [using(10)], history: soon.history, nowMs: nowMs + 301_000 })
    expect(later.rescale).toEqual({ replicas: 2, reason: 'All metrics below target' })
    expect(conditionsOf(later)[2]).toBe('ScalingLimited True TooFewReplicas')
  })

  test.each<[string, number, number | null, string]>([
    ['above the bounds', 12, 10, 'Current number of replicas above Spec.MaxReplicas'],
    ['below the bounds', 1, 2, 'Current number of replicas below Spec.MinReplicas'],
    ['switched off', 0, null, ''],
  ])('needs no metrics where its target is %s', (_, replicas, wanted, reason) => {
    const scale = scaleOf(replicas)
    expect(needsReadings(autoscaler(), scale)).toBe(false)
    const made = plan({ scale, readings: [] })
    expect(made.rescale).toEqual(wanted === null ? null : { replicas: wanted, reason })
    if (wanted === null) expect(conditionsOf(made)[1]).toBe('ScalingActive False ScalingDisabled')
  })

  test('says why there is no target', () => {
    const made = plan({ scale: 'deployments.apps "web" not found' })
    expect(told(made)).toEqual(['Warning FailedGetScale: deployments.apps "web" not found'])
    expect(conditionsOf(made)).toEqual(['AbleToScale False FailedGetScale'])
    const blind = plan({ scale: { ...scaleOf(3), selector: '' } })
    expect(conditionsOf(blind)[1]).toBe('ScalingActive False InvalidSelector')
    const garbled = plan({ scale: { ...scaleOf(3), selectorProblem: 'no such operator' } })
    expect(told(garbled)[0]).toBe(
      "Warning InvalidSelector: couldn't convert selector into a corresponding internal selector object: no such operator",
    )
    const rivals = ['shop/other', 'shop/web']
    const shared = plan({ rivals, readings: [using(90)] })
    expect(shared.rescale).toBeNull()
    expect(conditionsOf(shared)[1]).toBe('ScalingActive False AmbiguousSelector')
    expect(told(shared)[0]).toBe(
      'Warning AmbiguousSelector: pods by selector app=web are controlled by multiple HPAs: [shop/other shop/web]',
    )
  })

  test('says why a metric tells nothing, and changes nothing then', () => {
    const made = plan({ readings: [unknown] })
    const why =
      'failed to get cpu utilization: unable to get metrics for resource cpu: nobody answers'
    expect(told(made)).toEqual([
      `Warning FailedGetResourceMetric: ${why}`,
      `Warning FailedComputeMetricsReplicas: invalid metrics (1 invalid out of 1), first error is: failed to get cpu resource metric value: ${why}`,
    ])
    expect(made.rescale).toBeNull()
    expect(made.status.conditions?.[1]).toMatchObject({
      type: 'ScalingActive',
      status: 'False',
      reason: 'FailedGetResourceMetric',
      message: `the HPA was unable to compute the replica count: ${why}`,
    })
  })

  const both = autoscaler({ metrics: [cpu, queue] })
  const value = (milli: number): Reading => ({ kind: 'value', milli })
  test.each<[string, readonly Reading[], number | null]>([
    ['the metric that asks for most counts', [using(60), value(80_000)], 6],
    ['the other one as well', [using(100), value(10_000)], 6],
    ['one that tells nothing does not keep it from more', [using(90), unknown], 6],
    ['but from fewer', [using(10), unknown], null],
  ])('of several metrics: %s', (_, readings, replicas) => {
    const old = { ...noHistory, recommendations: [{ atMs: nowMs - 400_000, replicas: 3 }] }
    const made = plan({ autoscaler: both, readings, history: old })
    expect(made.rescale?.replicas ?? null).toBe(replicas)
  })
})

describe('what the APIs answer', () => {
  const usage = (name: string, ...amounts: readonly (readonly [string, string])[]) => ({
    apiVersion: 'metrics.k8s.io/v1beta1',
    kind: 'PodMetrics',
    metadata: { name },
    timestamp: '2026-01-01T12:00:00Z',
    window: '1m0.5s',
    containers: amounts.map(([container, amount]) => ({ name: container, usage: { cpu: amount } })),
  })
  const sample = (milli: number) => ({ milli, atMs: nowMs, windowMs: 60_500 })

  test('usage of pods, or of one of their containers; what is not whole is left out', () => {
    const items = [
      usage('a', ['app', '100m'], ['helper', '1500000n']),
      usage('b', ['app', '1'], ['helper', 'nonsense']),
    ]
    expect(resourceReading(items, 'cpu', null)).toEqual({
      kind: 'pods',
      samples: new Map([['a', sample(102)]]),
    })
    expect(resourceReading(items, 'cpu', 'app')).toEqual({
      kind: 'pods',
      samples: new Map([
        ['a', sample(100)],
        ['b', sample(1000)],
      ]),
    })
  })

  test('metrics of pods, of an object, and of what is outside', () => {
    const one = {
      describedObject: { name: 'a' },
      timestamp: '2026-01-01T12:00:00Z',
      windowSeconds: 30,
      value: '1500m',
    }
    expect(podsReading([one])).toEqual({
      kind: 'pods',
      samples: new Map([['a', { milli: 1500, atMs: nowMs, windowMs: 30_000 }]]),
    })
    expect(objectReading([one])).toEqual({ kind: 'value', milli: 1500 })
    expect(externalReading([{ value: '1k' }, { value: '500m' }])).toEqual({
      kind: 'value',
      milli: 1_000_500,
    })
  })

  test('nothing at all is no value', () => {
    for (const reading of [
      resourceReading([], 'cpu', null),
      podsReading([]),
      objectReading([]),
      externalReading([]),
    ]) {
      expect(reading.kind).toBe('unknown')
    }
  })
})
