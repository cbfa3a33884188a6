import { describe, expect, it } from 'vitest'
import { cronJobs, jobs } from '../orchestrator/client/resources.js'
import { namespaces, pods } from '../orchestrator/client/resources.js'
import { ApiClient } from '../orchestrator/client/rest-client.js'
import { InProcessCluster } from './in-process-cluster.js'

const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'i' }] } }

async function tenMinutes() {
  const cluster = await InProcessCluster.start({ nodes: ['a'] })
  await cluster.client.create(cronJobs, {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { namespace: 'default', name: 'tick' },
    spec: {
      schedule: '* * * * *',
      successfulJobsHistoryLimit: 100,
      jobTemplate: { spec: { template } },
    },
  })
  await cluster.pass(10 * 60_000)
  const { items } = await cluster.until(
    () => cluster.client.list(jobs, { namespace: 'default' }),
    ({ items }) => items.every(({ status }) => status?.succeeded === 1),
  )
  await cluster.close()
  return items
}

describe('a cluster in a test', () => {
  let first: Awaited<ReturnType<typeof tenMinutes>> = []

  it('lives ten minutes of a CronJob in a moment: a job a minute, each done once', async () => {
    first = await tenMinutes()
    expect(first).toHaveLength(10)
    expect(new Set(first.map(({ metadata }) => metadata.name)).size).toBe(10)
  })

  it('does the same again, down to names, uids and revisions', async () => {
    expect(await tenMinutes()).toEqual(first)
  })

  it('has no controllers and no scheduler where none are wanted', async () => {
    const cluster = await InProcessCluster.start({ controllers: false, scheduler: false })
    await cluster.client.create(pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { namespace: 'default', name: 'p', finalizers: ['example.com/keep'] },
      ...template,
    })
    await cluster.pass(60_000)
    const pod = await cluster.client.get(pods, { namespace: 'default', name: 'p' })
    expect(pod.spec.nodeName).toBeUndefined()
    await cluster.close()
  })

  it('lets in who may, and says so of who may not', async () => {
    const cluster = await InProcessCluster.start({ controllers: false, scheduler: false })
    const stranger = new ApiClient({ transport: cluster.transportAs('jane') })
    await expect(stranger.list(namespaces)).rejects.toMatchObject({ httpStatus: 403 })
    const names = (await cluster.client.list(namespaces)).items.map(({ metadata }) => metadata.name)
    expect(names).toContain('kube-system')
    await cluster.close()
  })

  it('breaks watches and requests under way when it is closed', async () => {
    const cluster = await InProcessCluster.start({ controllers: false, scheduler: false })
    const ended = new Promise(resolve => {
      cluster.client.watch(
        pods,
        { resourceVersion: '1', timeoutSeconds: 60 },
        { onEvent: () => {}, onEnd: resolve },
      )
    })
    await cluster.pass(1_000)
    await cluster.close()
    expect(await ended).toMatchObject({ code: 'api-cancelled' })
  })
})
