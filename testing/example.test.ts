// The example of docs/testing.md, word for word.

import { expect, it } from 'vitest'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ApiClient, Informer, InProcessCluster, resources, runSecondsAnnotation } from './index.js'

// ---- the example ----

it('gives every namespace of a team the quota of that team', async () => {
  const cluster = await InProcessCluster.start({ nodes: ['a', 'b'] })
  const { client } = cluster

  // The controller under test: it reaches the API as whoever it is in production.
  const own = new ApiClient({ transport: cluster.transportAs('quota-keeper', 'system:masters') })
  const keeper = startQuotaKeeper(own, cluster.environment)

  await client.create(resources.namespaces, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: 'red', labels: { team: 'red' } },
  })
  const quota = await cluster.until(
    () => client.get(quotas, { namespace: 'red', name: 'team' }),
    () => true,
  )
  expect(quota.metadata.labels).toEqual({ team: 'red' })

  // The controllers of Kubernetes work as well: the quota goes with its namespace.
  await client.delete(resources.namespaces, { name: 'red' })
  await cluster.until(
    () => client.listAll(quotas),
    ({ items }) => items.length === 0,
  )
  keeper.stop()
  await cluster.close()
})

const quotas: resources.Resource = {
  group: '',
  version: 'v1',
  kind: 'ResourceQuota',
  plural: 'resourcequotas',
  namespaced: true,
}

function startQuotaKeeper(client: ApiClient, environment: InProcessCluster['environment']) {
  const informer = new Informer({ ...environment, client, resource: resources.namespaces })
  informer.addHandlers({
    onAdd: ({ metadata: { name = '', labels = {} } }) => {
      if (labels['team'] === undefined) return
      const quota = {
        apiVersion: 'v1',
        kind: 'ResourceQuota',
        metadata: { namespace: name, name: 'team', labels: { team: labels['team'] } },
        spec: { hard: { pods: '10' } },
      }
      client.create(quotas, quota).catch(() => {})
    },
  })
  informer.start()
  return informer
}

it('runs a job every minute for ten minutes, and keeps the last three', async () => {
  const cluster = await InProcessCluster.start({ nodes: ['a'] })
  await cluster.client.create(resources.cronJobs, {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { namespace: 'default', name: 'tick' },
    spec: {
      schedule: '* * * * *',
      jobTemplate: {
        spec: {
          template: {
            metadata: { annotations: { [runSecondsAnnotation]: '20' } },
            spec: { restartPolicy: 'Never', containers: [{ name: 'work', image: 'work:1' }] },
          },
        },
      },
    },
  })
  await cluster.pass(10.5 * 60_000)
  const { items } = await cluster.client.list(resources.jobs, { namespace: 'default' })
  expect(items.map(({ status }) => status?.succeeded)).toEqual([1, 1, 1])
  await cluster.close()
})

// ---- its end ----

it('is what docs/testing.md shows', () => {
  const root = join(import.meta.dirname, '..')
  const text = readFileSync(import.meta.filename, 'utf8')
  const [, shown = ''] = /---- the example ----\n\n([^]*?)\n\/\/ ---- its end/.exec(text) ?? []
  expect(readFileSync(join(root, 'docs', 'testing.md'), 'utf8')).toContain(shown)
})
