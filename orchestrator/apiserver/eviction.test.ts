import { describe, expect, test } from 'vitest'
import { ApiError } from '../api/status.js'
import type { Pod } from '../api/types/core-pod.js'
import type { PodDisruptionBudget } from '../api/types/policy-disruption-budget.js'
import { chargeBudget, markedForEviction, planEviction } from './eviction.js'

function podOf(phase: string, ready: boolean, metadata: Pod['metadata'] = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', labels: { app: 'web' }, ...metadata },
    spec: { containers: [] },
    status: { phase, conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  }
}

function budgetOf(
  status: PodDisruptionBudget['status'],
  spec: PodDisruptionBudget['spec'] = {},
  name = 'b',
): PodDisruptionBudget {
  const selector = { matchLabels: { app: 'web' } }
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name, generation: 1 },
    spec: { selector, ...spec },
    status: { observedGeneration: 1, ...status },
  }
}

const statusOf = (work: () => unknown) => {
  try {
    work()
  } catch (error) {
    if (error instanceof ApiError) return error.status
    throw error
  }
  return null
}

describe('whether a pod needs its budget', () => {
  const healthy = { currentHealthy: 2, desiredHealthy: 1, disruptionsAllowed: 1 }
  const short = { currentHealthy: 1, desiredHealthy: 2, disruptionsAllowed: 0 }
  test.each<readonly [string, Pod, readonly PodDisruptionBudget[], string]>([
    ['no budget', podOf('Running', true), [], 'delete false'],
    ['one that has ended', podOf('Failed', false), [budgetOf(short)], 'delete false'],
    ['one that never ran', podOf('Pending', false), [budgetOf(short)], 'delete true'],
    ['a ready one', podOf('Running', true), [budgetOf(healthy)], 'charge'],
    [
      'an unready one of a healthy budget',
      podOf('Running', false),
      [budgetOf(healthy)],
      'delete true',
    ],
    ['an unready one of a short budget', podOf('Running', false), [budgetOf(short)], 'charge'],
    [
      'an unready one that may always go',
      podOf('Running', false),
      [budgetOf(short, { unhealthyPodEvictionPolicy: 'AlwaysAllow' })],
      'delete true',
    ],
    [
      'an empty selector',
      podOf('Running', true),
      [budgetOf(short, { selector: {} })],
      'delete false',
    ],
  ])('%s', (_, pod, budgets, expected) => {
    const plan = planEviction(pod, budgets)
    expect(plan.kind === 'delete' ? `delete ${plan.unchanged}` : plan.kind).toBe(expected)
  })

  test('two budgets are one too many', () => {
    const two = [budgetOf(healthy), budgetOf(healthy, {}, 'c')]
    expect(statusOf(() => planEviction(podOf('Running', true), two))).toMatchObject({
      code: 500,
      message:
        'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    })
  })
})

describe('what a budget pays', () => {
  test('one disruption, remembered by the name of the pod', () => {
    const charged = chargeBudget(budgetOf({ disruptionsAllowed: 1 }), 'p', '2026-01-01T00:00:00Z')
    expect(charged.status).toMatchObject({
      disruptionsAllowed: 0,
      disruptedPods: { p: '2026-01-01T00:00:00Z' },
      conditions: [{ type: 'DisruptionAllowed', status: 'False', reason: 'InsufficientPods' }],
    })
  })

  test('is refused when there is none left, and while the budget is behind', () => {
    const none = budgetOf({ disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1 })
    expect(statusOf(() => chargeBudget(none, 'p', ''))).toMatchObject({
      code: 429,
      message: "Cannot evict pod as it would violate the pod's disruption budget.",
      details: {
        causes: [
          {
            reason: 'DisruptionBudget',
            message: 'The disruption budget b needs 1 healthy pods and has 1 currently',
          },
        ],
      },
    })
    const behind = budgetOf({ disruptionsAllowed: 1, observedGeneration: 0 })
    expect(statusOf(() => chargeBudget(behind, 'p', ''))).toMatchObject({
      code: 429,
      details: { retryAfterSeconds: 10 },
    })
  })
})

describe('what a pod says of its eviction', () => {
  const now = '2026-01-01T00:00:00Z'

  test('one that runs says who takes it down, once, beside what it said before', () => {
    const mark = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'EvictionByEvictionAPI',
      message: 'Eviction API: evicting',
      lastTransitionTime: now,
    }
    const once = markedForEviction(podOf('Running', true), '2025-12-31T00:00:00Z')
    const twice = markedForEviction(once, now)
    expect(twice.status?.conditions).toEqual([{ type: 'Ready', status: 'True' }, mark])
  })

  test('one that has ended was not taken down by anybody', () => {
    const pod = podOf('Failed', false)
    expect(markedForEviction(pod, now)).toBe(pod)
  })
})
