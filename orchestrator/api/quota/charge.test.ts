import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { JsonObject, KubeObject } from '../object.js'
import type { ResourceQuota } from '../types/core-quota.js'
import { chargeQuota, countQuota, isCounted } from './charge.js'
import { usageOf } from './usage.js'

const pods = { group: '', plural: 'pods' }

function quotaOf(
  hard: { readonly [name: string]: string },
  used: { readonly [name: string]: string } = {},
  spec: Omit<NonNullable<ResourceQuota['spec']>, 'hard'> = {},
): ResourceQuota {
  const zeros = Object.fromEntries(Object.keys(hard).map(name => [name, '0']))
  return {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'q', namespace: 'a' },
    spec: { ...spec, hard },
    status: { hard, used: { ...zeros, ...used } },
  }
}

function podOf(requests: JsonObject, spec: JsonObject = {}, phase = 'Pending'): KubeObject {
  const containers = [{ name: 'app', resources: { requests, limits: requests } }]
  const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p', namespace: 'a' } }
  return { ...object, spec: { containers, ...spec }, status: { phase } } as KubeObject
}

describe('what a write costs', () => {
  test('a pod counts once, and what it asks for', () => {
    const hard = { pods: '3', 'count/pods': '5', 'requests.cpu': '2', 'limits.memory': '4Gi' }
    const charge = chargeQuota(quotaOf(hard), pods, podOf({ cpu: '500m', memory: '1Gi' }), null)
    expect(charge).toEqual({
      kind: 'charged',
      status: {
        hard,
        used: { pods: '1', 'count/pods': '1', 'requests.cpu': '500m', 'limits.memory': '1Gi' },
      },
    })
  })

  test('one that ends gives back all but its place', () => {
    const quota = quotaOf(
      { pods: '3', 'count/pods': '5', cpu: '1' },
      { pods: '1', 'count/pods': '1', cpu: '1' },
    )
    const charge = chargeQuota(quota, pods, podOf({ cpu: '1' }, {}, 'Failed'), podOf({ cpu: '1' }))
    expect(charge).toMatchObject({ status: { used: { pods: '0', 'count/pods': '1', cpu: '0' } } })
    expect(chargeQuota(quota, pods, null, podOf({ cpu: '1' }))).toMatchObject({
      status: { used: { pods: '0', 'count/pods': '0', cpu: '0' } },
    })
    expect(chargeQuota(quota, pods, podOf({ cpu: '1' }), podOf({ cpu: '1' })).kind).toBe('none')
  })

  test.each<readonly [string, ResourceQuota, KubeObject, string]>([
    [
      'too many',
      quotaOf({ pods: '1', 'requests.cpu': '2' }, { pods: '1', 'requests.cpu': '1500m' }),
      podOf({ cpu: '1' }),
      'exceeded quota: q, requested: pods=1,requests.cpu=1, used: pods=1,requests.cpu=1500m, limited: pods=1,requests.cpu=2',
    ],
    [
      'too silent',
      quotaOf({ 'limits.cpu': '2', 'requests.memory': '1Gi' }),
      podOf({}),
      'failed quota: q: must specify limits.cpu for: app; requests.memory for: app',
    ],
  ])('%s is refused', (_, quota, pod, why) => {
    expect(chargeQuota(quota, pods, pod, null)).toEqual({ kind: 'refused', why })
  })

  const priority = { scopeName: 'PriorityClass', operator: 'In', values: ['high'] }
  test.each<readonly [string, Parameters<typeof quotaOf>[2], JsonObject, boolean]>([
    ['BestEffort', { scopes: ['BestEffort'] }, {}, false],
    ['NotBestEffort', { scopes: ['NotBestEffort'] }, {}, true],
    ['Terminating', { scopes: ['Terminating'] }, { activeDeadlineSeconds: 5 }, true],
    ['NotTerminating', { scopes: ['NotTerminating'] }, { activeDeadlineSeconds: 5 }, false],
    [
      'a class',
      { scopeSelector: { matchExpressions: [priority] } },
      { priorityClassName: 'high' },
      true,
    ],
    [
      'another class',
      { scopeSelector: { matchExpressions: [priority] } },
      { priorityClassName: 'low' },
      false,
    ],
  ])('the scope %s', (_, spec, podSpec, counts) => {
    const quota = quotaOf({ pods: '3' }, {}, spec)
    const charge = chargeQuota(quota, pods, podOf({ cpu: '1' }, podSpec), null)
    expect(charge.kind).toBe(counts ? 'charged' : 'none')
  })

  test('services count by what they take from nodes, claims by their class too', () => {
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: {},
      spec: { type: 'LoadBalancer', ports: [{}, {}] },
    }
    const used = usageOf({ group: '', plural: 'services' }, service)
    expect([...used.keys()].sort()).toEqual([
      'count/services',
      'services',
      'services.loadbalancers',
      'services.nodeports',
    ])
    const claim = {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: {},
      spec: { storageClassName: 'fast', resources: { requests: { storage: '1Gi' } } },
    }
    const names = [...usageOf({ group: '', plural: 'persistentvolumeclaims' }, claim).keys()]
    expect(names).toContain('fast.storageclass.storage.k8s.io/requests.storage')
  })

  test('charges add up to what counting finds', () => {
    const hard = { pods: '100', 'requests.cpu': '100' }
    const cpus = fc.array(fc.integer({ min: 1, max: 900 }), { maxLength: 8 })
    fc.assert(
      fc.property(cpus, fc.nat(8), (asked, removed) => {
        const all = asked.map(milli => podOf({ cpu: `${milli}m` }))
        let quota = quotaOf(hard)
        const charge = (object: KubeObject | null, old: KubeObject | null) => {
          const result = chargeQuota(quota, pods, object, old)
          if (result.kind === 'charged') quota = { ...quota, status: result.status }
        }
        for (const pod of all) charge(pod, null)
        for (const pod of all.slice(0, removed)) charge(null, pod)
        expect(quota.status).toEqual(countQuota(quota, () => all.slice(removed)))
        expect(isCounted(quota)).toBe(true)
      }),
    )
  })
})
