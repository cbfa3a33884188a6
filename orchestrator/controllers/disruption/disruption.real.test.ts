// Budgets through a real API server: what the controller reckons is what evictions are let through by.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { ApiClient } from '../../apiserver/testing/api-client.js'
import { deployments, podDisruptionBudgets, pods } from '../../client/resources.js'
import { eventually } from '../testing/fake-kubelet.js'
import { type ControlPlaneForTests, startControlPlane } from '../testing/running-controllers.js'

let plane: ControlPlaneForTests
let api: ApiClient

beforeAll(async () => {
  plane = await startControlPlane(['n1', 'n2'])
  const { server } = plane
  api = new ApiClient(server.url, server.admin.caFile, server.admin)
})

afterAll(async () => {
  api?.close()
  await plane?.stop()
})

const at = { namespace: 'default', name: 'web' }
const podsOf = async () => (await plane.client.list(pods, { namespace: 'default' })).items
const budget = () => plane.client.get(podDisruptionBudgets, at)

async function evict(name: string): Promise<number> {
  const path = `/api/v1/namespaces/default/pods/${name}/eviction`
  const metadata = { namespace: 'default', name }
  const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata }
  return (await api.request('POST', path, body)).status
}

test('a budget of a Deployment lets one pod go at a time, as soon as another has come', async () => {
  const labels = { app: 'web' }
  await plane.client.create(deployments, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: at,
    spec: {
      replicas: 3,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: 'c', image: 'hello:1' }] },
      },
    },
  })
  await plane.client.create(podDisruptionBudgets, {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: at,
    spec: { maxUnavailable: 1, selector: { matchLabels: labels } },
  })
  const calm = await eventually(budget, ({ status }) => status?.disruptionsAllowed === 1)
  expect(calm.status).toMatchObject({ expectedPods: 3, currentHealthy: 3, desiredHealthy: 2 })

  // The nodes fall silent, so that what is evicted stays on its way out.
  for (const kubelet of plane.kubelets.values()) kubelet.crash()
  const [first, second] = (await podsOf()).map(({ metadata }) => metadata.name ?? '')
  expect(await evict(first ?? '')).toBe(201)
  expect(await evict(second ?? '')).toBe(429)
  const spent = await eventually(
    budget,
    ({ status }) => status?.currentHealthy === 2 && status.disruptedPods === undefined,
  )
  expect(spent.status?.disruptionsAllowed).toBe(0)
})
