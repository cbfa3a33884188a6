import { describe, expect, test } from 'vitest'
import type { OwnerReference } from '../../api/object.js'
import type { Pod } from '../../api/types/core-pod.js'
import type {
  PodDisruptionBudgetSpec,
  PodDisruptionBudgetStatus,
} from '../../api/types/policy-disruption-budget.js'
import { budget, nowMs, pod, replicaSet, secondsAgo } from '../testing/objects.js'
import { planBudget, selects } from './reconcile.js'

const set = replicaSet('web', 4)
const ready = (name: string) => pod(name, { owner: set, readySeconds: 60 })
const four = ['a', 'b', 'c', 'd'].map(ready)
const scales: Readonly<Record<string, number>> = { 'uid-web': 4, 'uid-other': 6 }

function plan(
  spec: PodDisruptionBudgetSpec,
  pods: readonly Pod[],
  status?: PodDisruptionBudgetStatus,
) {
  return planBudget({
    budget: budget(spec, status),
    pods,
    scaleOf: ({ uid }: OwnerReference) => {
      const replicas = scales[uid]
      return replicas === undefined ? null : { uid, replicas }
    },
    nowMs,
  })
}

const numbers = (spec: PodDisruptionBudgetSpec, pods: readonly Pod[]) => {
  const { status } = plan(spec, pods)
  const { disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods } = status
  return [disruptionsAllowed, currentHealthy, desiredHealthy, expectedPods]
}

describe('disruption budgets: how many may go', () => {
  test.each<[string, PodDisruptionBudgetSpec, readonly Pod[], readonly number[]]>([
    ['minAvailable counts the pods that are there', { minAvailable: 3 }, four, [1, 4, 3, 4]],
    ['a part of minAvailable is rounded up', { minAvailable: '60%' }, four, [1, 4, 3, 4]],
    ['maxUnavailable is of those wanted', { maxUnavailable: 1 }, four.slice(0, 3), [0, 3, 3, 4]],
    ['a part of maxUnavailable is rounded up', { maxUnavailable: '30%' }, four, [2, 4, 2, 4]],
    ['pods that are not ready do not count', { minAvailable: 1 }, [pod('x')], [0, 0, 1, 1]],
    [
      'nor those that are going',
      { minAvailable: 1 },
      [ready('a'), pod('b', { owner: set, readySeconds: 60, deleting: true })],
      [0, 1, 1, 2],
    ],
    ['nobody there, nobody may go', { minAvailable: 0 }, [], [0, 0, 0, 0]],
    ['more may be unavailable than there are', { maxUnavailable: 9 }, four, [4, 4, 0, 4]],
  ])('%s', (_, spec, pods, expected) => {
    expect(numbers(spec, pods)).toEqual(expected)
  })
  test('pods of two owners are counted by both', () => {
    const other = replicaSet('other', 6)
    const pods = [...four, pod('z', { owner: other, readySeconds: 60 })]
    expect(numbers({ maxUnavailable: '50%' }, pods)).toEqual([0, 5, 5, 10])
  })
})

describe('disruption budgets: evictions under way', () => {
  const since = { disruptedPods: { a: secondsAgo(30) } }
  test('a pod that is about to go counts no more', () => {
    const { status, requeueAfterMs } = plan({ minAvailable: 3 }, four, since)
    expect(status).toMatchObject({ currentHealthy: 3, disruptionsAllowed: 0, ...since })
    expect(requeueAfterMs).toBe(90_000)
  })
  test('one that has begun to go is remembered no more', () => {
    const pods = [pod('a', { owner: set, readySeconds: 60, deleting: true }), ...four.slice(1)]
    expect(plan({ minAvailable: 3 }, pods, since).status.disruptedPods).toBeUndefined()
  })
  test('one that has not gone after two minutes counts again, and an event says so', () => {
    const { status, events } = plan({ minAvailable: 3 }, four, {
      disruptedPods: { a: secondsAgo(121), gone: secondsAgo(1) },
    })
    expect(status).toMatchObject({ currentHealthy: 4, disruptionsAllowed: 1 })
    expect(status.disruptedPods).toBeUndefined()
    expect(events.map(({ reason, pod: about }) => [reason, about?.metadata.name])).toEqual([
      ['NotDeleted', 'a'],
    ])
  })
})

describe('disruption budgets: what they say', () => {
  const condition = (status: PodDisruptionBudgetStatus) => {
    const { type, status: value, reason } = status.conditions?.[0] ?? {}
    return [type, value, reason]
  }
  test('whether anybody may go', () => {
    expect(condition(plan({ minAvailable: 3 }, four).status)).toEqual([
      'DisruptionAllowed',
      'True',
      'SufficientPods',
    ])
    expect(condition(plan({ minAvailable: 4 }, four).status)).toEqual([
      'DisruptionAllowed',
      'False',
      'InsufficientPods',
    ])
  })
  test('since when it has been so', () => {
    const before = { type: 'DisruptionAllowed', status: 'True', reason: 'SufficientPods' }
    const conditions = [{ ...before, message: '', lastTransitionTime: secondsAgo(500) }]
    const { status } = plan({ minAvailable: 3 }, four, { conditions })
    expect(status.conditions?.[0]?.lastTransitionTime).toBe(secondsAgo(500))
  })
  test('that pods of nobody are not counted where it is a part of what is wanted', () => {
    const { status, events } = plan({ maxUnavailable: 1 }, [...four, pod('alone')])
    expect(status.expectedPods).toBe(4)
    expect(events.map(({ reason }) => reason)).toEqual(['UnmanagedPods'])
  })
  test('that it has no pods', () => {
    expect(plan({ minAvailable: 1 }, []).events.map(({ reason }) => reason)).toEqual(['NoPods'])
  })
  test('what cannot be reckoned lets nobody go', () => {
    const strange = pod('q', { owner: replicaSet('strange', 1), readySeconds: 60 })
    const { status, events } = plan({ maxUnavailable: 1 }, [strange], { disruptionsAllowed: 3 })
    expect(status.disruptionsAllowed).toBe(0)
    expect(condition(status)).toEqual(['DisruptionAllowed', 'False', 'SyncFailed'])
    expect(events.map(({ reason }) => reason)).toEqual(['CalculateExpectedPodCountFailed'])
  })
  test('no selector selects nothing, an empty one everything', () => {
    const alone = pod('alone', { labels: {} })
    expect(selects(budget({ selector: {} }), alone)).toBe(true)
    const { selector: _, ...bare } = budget({}).spec ?? {}
    expect(selects({ ...budget({}), spec: bare }, alone)).toBe(false)
    expect(selects(budget({}), alone)).toBe(false)
  })
})
