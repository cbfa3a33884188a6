import { expect, test } from 'vitest'
import type { PersistentVolumeClaim } from '../../api/types/core-persistent-volume.js'
import { controllerReference } from '../ownership.js'
import { pod } from '../testing/objects.js'
import { hasEphemeralVolumes, planEphemeralVolumes } from './reconcile.js'

const spec = {
  accessModes: ['ReadWriteOnce'],
  resources: { requests: { storage: '1Gi' } },
}
const volumes = [
  { name: 'config', configMap: { name: 'c' } },
  {
    name: 'scratch',
    ephemeral: {
      volumeClaimTemplate: { metadata: { labels: { a: 'b' }, annotations: { c: 'd' } }, spec },
    },
  },
  { name: 'cache', ephemeral: { volumeClaimTemplate: { spec } } },
]
const web = pod('web', { spec: { volumes } })

const claim = (name: string, owner = web): PersistentVolumeClaim => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { namespace: 'shop', name, ownerReferences: [controllerReference(owner)] },
  spec,
})

test('each volume with a template gets a claim named after pod and volume, owned by the pod', () => {
  const { creations, refusals } = planEphemeralVolumes(web, () => undefined)
  expect(refusals).toEqual([])
  expect(creations.map(({ volume }) => volume)).toEqual(['scratch', 'cache'])
  const [first, second] = creations.map(one => one.claim)
  expect(first).toEqual({
    ...claim('web-scratch'),
    metadata: {
      ...claim('web-scratch').metadata,
      labels: { a: 'b' },
      annotations: { c: 'd' },
    },
  })
  expect(second).toEqual(claim('web-cache'))
  expect(first?.metadata.ownerReferences?.[0]).toMatchObject({
    kind: 'Pod',
    controller: true,
    blockOwnerDeletion: true,
  })
})

test('what is there already is not made again, and the rest is', () => {
  const known = new Map([['web-scratch', claim('web-scratch')]])
  const { creations, refusals } = planEphemeralVolumes(web, name => known.get(name))
  expect(creations.map(({ volume }) => volume)).toEqual(['cache'])
  expect(refusals).toEqual([])
})

test.each([
  ['a pod of the same name that is gone', claim('web-cache', pod('web', { meta: { uid: 'old' } }))],
  ['nobody', { ...claim('web-cache'), metadata: { namespace: 'shop', name: 'web-cache' } }],
])('a claim that belongs to %s is not taken', (_, foreign) => {
  const known = new Map([['web-cache', foreign]])
  const { creations, refusals } = planEphemeralVolumes(web, name => known.get(name))
  expect(creations.map(({ volume }) => volume)).toEqual(['scratch'])
  expect(refusals).toEqual([
    {
      volume: 'cache',
      message: 'PVC shop/web-cache was not created for pod shop/web (pod is not owner)',
    },
  ])
})

test('for a pod that goes, nothing is made', () => {
  const leaving = pod('web', { spec: { volumes }, deleting: true })
  expect(planEphemeralVolumes(leaving, () => undefined)).toEqual({ creations: [], refusals: [] })
})

test('only volumes with a template count', () => {
  expect(hasEphemeralVolumes(web)).toBe(true)
  expect(hasEphemeralVolumes(pod('other', { spec: { volumes: volumes.slice(0, 1) } }))).toBe(false)
})
