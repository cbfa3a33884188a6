import { describe, expect, test } from 'vitest'
import type { Pod } from '../../api/types/core-pod.js'
import { nowMs, pod, secondsAgo } from '../testing/objects.js'
import type { PodSamples } from './readings.js'
import {
  averageReplicas,
  type PodMetricInput,
  sharedReplicas,
  utilizationReplicas,
  valueReplicas,
} from './replica-arithmetic.js'

const tolerances = { up: 0.1, down: 0.1 }

interface Shape {
  readonly phase?: string
  /** Seconds since it turned ready or unready. */
  readonly since?: number
  readonly ready?: boolean
  /** Seconds since it started; null: it has not. */
  readonly started?: number | null
  readonly request?: string
  readonly deleting?: boolean
}

function podOf(name: string, shape: Shape = {}): Pod {
  const { phase = 'Running', since = 3000, ready = true, started = 3600, request = '1' } = shape
  const made = pod(name, { phase, ...(shape.deleting ? { deleting: true } : {}) })
  return {
    ...made,
    spec: {
      containers: [
        { name: 'c', ...(request === '' ? {} : { resources: { requests: { cpu: request } } }) },
      ],
    },
    status: {
      ...made.status,
      phase,
      conditions: [
        { type: 'Ready', status: ready ? 'True' : 'False', lastTransitionTime: secondsAgo(since) },
      ],
      ...(started === null ? {} : { startTime: secondsAgo(started) }),
    },
  }
}

const podsOf = (...shapes: readonly Shape[]): readonly Pod[] =>
  shapes.map((shape, at) => podOf(`p${at}`, shape))

/** In thousandths, one a pod; null: nothing is known of it. */
function samplesOf(...values: readonly (number | null)[]): PodSamples {
  const known = values.flatMap((milli, at) =>
    milli === null ? [] : [[`p${at}`, { milli, atMs: nowMs - 5000, windowMs: 15_000 }] as const],
  )
  return new Map(known)
}

const input = (
  pods: readonly Pod[],
  samples: PodSamples,
  more: Partial<PodMetricInput> = {},
): PodMetricInput => ({
  pods,
  samples,
  resource: 'cpu',
  currentReplicas: pods.length,
  tolerances,
  nowMs,
  ...more,
})

const well: Shape = {}
const pending: Shape = { phase: 'Pending' }
const starting: Shape = { ready: false, started: 60, since: 60 }

describe('by how much of their requests pods use', () => {
  const cases: readonly [
    string,
    readonly Shape[],
    readonly (number | null)[],
    number,
    readonly [replicas: number, percent: number],
  ][] = [
    ['twice the target is twice as many', [well, well, well], [600, 600, 600], 30, [6, 60]],
    ['a little above is rounded up', [well, well, well], [300, 500, 700], 30, [5, 50]],
    [
      'half the target is half as many',
      [well, well, well, well],
      [100, 100, 100, 100],
      20,
      [2, 10],
    ],
    ['near enough above the target nothing changes', [well, well], [540, 550], 50, [2, 54]],
    ['on the line nothing changes', [well, well], [550, 550], 50, [2, 55]],
    ['near enough below it nothing changes', [well, well], [450, 450], 50, [2, 45]],
    ['just beyond it does', [well, well], [560, 560], 50, [3, 56]],
    [
      'pods that are going do not count',
      [well, well, { deleting: true }],
      [600, 600, null],
      30,
      [4, 60],
    ],
    ['nor those that failed', [well, { phase: 'Failed' }], [600, null], 30, [2, 60]],
    [
      'pending ones are taken for idle when more are asked for',
      [well, well, pending],
      [900, 900, null],
      60,
      [3, 90],
    ],
    ['and not at all when fewer are', [well, well, pending], [100, 100, null], 50, [1, 10]],
    [
      'those that only begin are taken for idle when more are asked for',
      [well, well, starting],
      [900, 900, 1000],
      30,
      [6, 90],
    ],
    [
      'what is not known is taken for nothing when more are asked for',
      [well, well, well],
      [900, 900, null],
      30,
      [6, 90],
    ],
    [
      'and for all that was requested when fewer are',
      [well, well, well, well],
      [200, 200, 200, null],
      80,
      [2, 20],
    ],
    [
      'or for the target, where that is more than all',
      [well, well, well, well],
      [1000, 1000, 1000, null],
      200,
      [3, 100],
    ],
    ['what is assumed does not turn the change round', [well, well], [490, null], 55, [2, 49]],
  ]
  test.each(cases)('%s', (_, shapes, values, target, [replicas, percent]) => {
    const proposal = utilizationReplicas(
      input(podsOf(...shapes), samplesOf(...values)),
      target,
      null,
    )
    expect([proposal.replicas, proposal.percent]).toEqual([replicas, percent])
  })

  const readiness: readonly [string, Shape, boolean][] = [
    ['ready for long', { started: 3600, since: 3000 }, true],
    ['unready after it was ready', { started: 3600, ready: false, since: 60 }, true],
    ['never ready', { started: 3600, ready: false, since: 3590 }, false],
    ['young and unready', { started: 60, ready: false, since: 50 }, false],
    ['young and ready, measured since', { started: 60, since: 30 }, true],
    ['young and ready, measured across that', { started: 60, since: 10 }, false],
    ['not started', { started: null }, false],
  ]
  test.each(readiness)('a pod counts or not: %s', (_, shape, counts) => {
    const pods = podsOf(well, shape)
    const { percent } = utilizationReplicas(input(pods, samplesOf(200, 1000)), 50, null)
    expect(percent).toBe(counts ? 60 : 20)
    // Memory says as much of a young pod as of an old one.
    const memory = averageReplicas(input(pods, samplesOf(200, 1000), { resource: 'memory' }), 500)
    expect(memory.milli).toBe(600)
  })

  test('one container of several can be looked at', () => {
    const containers = [
      { name: 'app', resources: { requests: { cpu: '500m' } } },
      { name: 'helper' },
    ]
    const pods = [{ ...podOf('p0'), spec: { containers } }]
    const one = input(pods, samplesOf(400))
    expect(utilizationReplicas(one, 40, 'app')).toEqual({ replicas: 2, milli: 400, percent: 80 })
    expect(() => utilizationReplicas(one, 40, null)).toThrow(
      'missing request for cpu in container helper of Pod p0',
    )
  })

  test.each([
    [
      'there are no pods',
      [],
      samplesOf(100),
      'no pods returned by selector while calculating replica count',
    ],
    [
      'there are no samples',
      podsOf(well),
      samplesOf(null),
      'did not receive metrics for any ready pods',
    ],
    [
      'none of them counts',
      podsOf(starting),
      samplesOf(100),
      'did not receive metrics for any ready pods',
    ],
    [
      'they are of other pods',
      podsOf(well),
      new Map([['other', { milli: 1, atMs: nowMs, windowMs: 1 }]]),
      'no metrics returned matched known pods',
    ],
  ])('it cannot be told where %s', (_, pods, samples, message) => {
    expect(() => utilizationReplicas(input(pods, samples), 50, null)).toThrow(message)
  })
})

describe('by an amount for each pod', () => {
  test.each<[string, readonly Shape[], readonly (number | null)[], number, number]>([
    ['more', [well, well, well], [20_000, 10_000, 30_000], 15_000, 4],
    ['fewer', [well, well, well, well], [5000, 5000, 5000, 5000], 10_000, 2],
    ['near enough', [well, well], [10_500, 10_500], 10_000, 2],
    [
      'what is not known counts as nothing for more',
      [well, well, well],
      [20_000, 20_000, null],
      10_000,
      4,
    ],
    ['and as the target for fewer', [well, well, well], [2000, 2000, null], 10_000, 2],
  ])('%s', (_, shapes, values, target, replicas) => {
    const of = input(podsOf(...shapes), samplesOf(...values), { resource: '' })
    expect(averageReplicas(of, target).replicas).toBe(replicas)
  })
})

describe('by one value', () => {
  const pods = podsOf(well, well, { ready: false })
  test.each<[string, number, number, number, number]>([
    ['twice the target is twice those that are ready', 20_000, 10_000, 3, 4],
    ['near enough nothing changes', 10_900, 10_000, 3, 3],
    ['less is fewer', 5000, 10_000, 3, 1],
    ['from nothing it begins', 25_000, 10_000, 0, 3],
    ['from nothing to nothing', 0, 10_000, 0, 0],
  ])('for all: %s', (_, value, target, currentReplicas, replicas) => {
    const proposal = valueReplicas(value, target, { pods, currentReplicas, tolerances })
    expect(proposal).toEqual({ replicas, milli: value, percent: null })
  })

  test.each<[string, number, number, number, readonly [number, number]]>([
    ['more', 40_000, 10_000, 2, [4, 20_000]],
    ['fewer', 10_000, 10_000, 4, [1, 2500]],
    ['near enough', 41_000, 10_000, 4, [4, 10_250]],
    ['from nothing', 15_000, 10_000, 0, [2, 0]],
  ])('that they share: %s', (_, value, target, statusReplicas, [replicas, milli]) => {
    const proposal = sharedReplicas(value, target, statusReplicas, tolerances)
    expect(proposal).toEqual({ replicas, milli, percent: null })
  })
})

test('how far off it may be can differ, up and down', () => {
  const pods = podsOf(well, well, well, well)
  const at = (milli: number, up: number, down: number) =>
    averageReplicas(
      input(pods, samplesOf(milli, milli, milli, milli), {
        resource: '',
        tolerances: { up, down },
      }),
      1000,
    ).replicas
  expect([at(1040, 0.05, 0.5), at(1060, 0.05, 0.5)]).toEqual([4, 5])
  expect([at(600, 0.05, 0.5), at(400, 0.05, 0.5)]).toEqual([4, 2])
  expect([at(1001, 0, 0), at(999, 0, 0)]).toEqual([5, 4])
})
