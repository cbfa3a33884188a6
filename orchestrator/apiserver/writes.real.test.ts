import { afterAll, beforeAll, expect, test } from 'vitest'
import { ApiClient } from './testing/api-client.js'
import { startTestApiserver } from './testing/start-apiserver.js'
import type { TestApiserver } from './testing/start-apiserver.js'

let server: TestApiserver
let client: ApiClient

beforeAll(async () => {
  server = await startTestApiserver()
  client = new ApiClient(server.url, server.admin.caFile, server.admin)
})

afterAll(async () => {
  client.close()
  await server.close()
})

interface Meta {
  readonly metadata: { readonly resourceVersion: string; readonly generation?: number }
}

test('a field that is set to nothing in particular is a change; one that says nothing is none', async () => {
  const path = '/apis/apps/v1/namespaces/default/deployments'
  const labels = { app: 'a' }
  const deployment = (podSpec: object) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'exact' },
    spec: {
      selector: { matchLabels: labels },
      template: {
        metadata: { labels },
        spec: { containers: [{ name: 'c', image: 'i' }], ...podSpec },
      },
    },
  })
  await client.request('POST', path, deployment({}))
  const put = async (podSpec: object) =>
    (await client.request('PUT', `${path}/exact`, deployment(podSpec))).json<Meta>().metadata
  const idle = await put({ hostNetwork: false, nodeSelector: {}, volumes: [] })
  expect(idle.generation).toBe(1)
  const changed = await put({ affinity: {} })
  expect(changed.generation).toBe(2)
  expect(changed.resourceVersion).not.toBe(idle.resourceVersion)
})

test('a Lease is replaced only by those who say which one they read', async () => {
  const path = '/apis/coordination.k8s.io/v1/namespaces/default/leases'
  const lease = (holderIdentity: string, metadata: object = {}) => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'mine', ...metadata },
    spec: { holderIdentity },
  })
  const { metadata } = (await client.request('POST', path, lease('a'))).json<Meta>()
  const blind = await client.request('PUT', `${path}/mine`, lease('b'))
  expect(blind.status).toBe(422)
  expect(blind.text).toContain('metadata.resourceVersion: Invalid value: 0x0: must be specified')
  const { resourceVersion } = metadata
  const informed = await client.request('PUT', `${path}/mine`, lease('b', { resourceVersion }))
  expect(informed.status).toBe(200)
})
