// Quotas through a real API server: what goes is given back at once, and the controller puts right what goes unseen.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { keyBytes } from '../../apiserver/keys.js'
import type { ResourceQuotaSpec } from '../../api/types/core-quota.js'
import { configMaps, resourceQuotas } from '../../client/resources.js'
import { eventually } from '../testing/fake-kubelet.js'
import { type ControlPlaneForTests, startControlPlane } from '../testing/running-controllers.js'

let plane: ControlPlaneForTests

beforeAll(async () => {
  plane = await startControlPlane([])
})

afterAll(async () => {
  await plane?.stop()
})

const namespace = 'default'
const map = (name: string) => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace, name },
})
const quota = (name: string, spec: ResourceQuotaSpec) =>
  plane.client.create(resourceQuotas, {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { namespace, name },
    spec,
  })
const usedOf = async (name: string) =>
  (await plane.client.get(resourceQuotas, { namespace, name })).status?.used ?? {}

test('what is deleted is free in the same moment; what went without a deletion, once it is counted', async () => {
  const { client, server } = plane
  await quota('maps', { hard: { 'count/configmaps': '5' } })
  // The one with the authority's certificate is there already.
  await eventually(
    () => usedOf('maps'),
    used => used['count/configmaps'] === '1',
  )
  for (const name of ['a', 'b', 'c']) await client.create(configMaps, map(name))
  expect(await usedOf('maps')).toEqual({ 'count/configmaps': '4' })
  await client.delete(configMaps, { namespace, name: 'a' })
  expect(await usedOf('maps')).toEqual({ 'count/configmaps': '3' })
  await server.store.deleteRange({ key: keyBytes('/registry/core/configmaps/default/b') })
  // Ten seconds after it has come at the latest a quota is counted once more.
  await eventually(
    () => usedOf('maps'),
    used => used['count/configmaps'] === '2',
    30_000,
  )
})

test('limits that are new are counted at once, and so are kinds of groups', async () => {
  const { client } = plane
  await quota('roles', { hard: { 'count/roles.rbac.authorization.k8s.io': '5' } })
  await client.patch(resourceQuotas, { namespace, name: 'roles' }, 'merge', {
    spec: { hard: { 'count/serviceaccounts': '5' } },
  })
  await eventually(
    () => usedOf('roles'),
    used =>
      used['count/serviceaccounts'] === '1' &&
      used['count/roles.rbac.authorization.k8s.io'] === '0',
  )
})
