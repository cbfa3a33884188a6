import { expect, test } from 'vitest'
import type { Namespace } from '../../api/types/core-config.js'
import { nowMs } from '../testing/objects.js'
import { planNamespaceDeletion } from './reconcile.js'

const namespace: Namespace = {
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'doomed' },
  spec: { finalizers: ['kubernetes'] },
}
const nothing = { discoveryError: null, contentErrors: [], remaining: [] }
const state = (findings: Partial<typeof nothing>) => {
  const plan = planNamespaceDeletion(namespace, { ...nothing, ...findings }, nowMs)
  const bad = plan.conditions.filter(one => one.status === 'True')
  return { finalize: plan.finalize, bad: bad.map(one => `${one.reason}: ${one.message}`) }
}

test('an empty namespace is let go', () => {
  expect(state({})).toEqual({ finalize: true, bad: [] })
})

test('what remains, and what holds it, is told', () => {
  const remaining = [
    { resource: 'pods.', count: 2, finalizers: new Map([['example.com/hold', 1]]) },
    { resource: 'deployments.apps', count: 0, finalizers: new Map() },
  ]
  const plan = planNamespaceDeletion(namespace, { ...nothing, remaining }, nowMs)
  expect(plan.finalize).toBe(false)
  expect(plan.conditions.filter(one => one.status === 'True').map(one => one.message)).toEqual([
    'Some resources are remaining: pods. has 2 resource instances',
    'Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances',
  ])
})

test('content deletion by discovery: as long as not every kind could be looked at, nothing is let go', () => {
  expect(
    planNamespaceDeletion(namespace, { ...nothing, discoveryError: 'x' }, nowMs).finalize,
  ).toBe(false)
  const contentErrors = ['pods.: forbidden']
  const plan = planNamespaceDeletion(namespace, { ...nothing, contentErrors }, nowMs)
  expect(plan.finalize).toBe(false)
})

test('a condition that stays keeps the time of its change', () => {
  const first = planNamespaceDeletion(namespace, nothing, nowMs)
  const known = { ...namespace, status: { conditions: first.conditions } }
  expect(planNamespaceDeletion(known, nothing, nowMs + 60_000).conditions).toEqual(first.conditions)
})
