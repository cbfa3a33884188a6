import { describe, expect, it } from 'vitest'
import type { Pod } from '../orchestrator/api/types/core-pod.js'
import { nodes, pods } from '../orchestrator/client/resources.js'
import { InProcessCluster } from './in-process-cluster.js'
import { exitCodeAnnotation, runSecondsAnnotation } from './pretend-machine.js'

const pod = (
  name: string,
  restartPolicy: 'Always' | 'OnFailure' | 'Never',
  annotations: Record<string, string> = {},
): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { namespace: 'default', name, annotations },
  spec: {
    nodeName: 'a',
    restartPolicy,
    terminationGracePeriodSeconds: 1,
    containers: [{ name: 'c', image: 'i' }],
  },
})

async function clusterWith(...made: readonly Pod[]) {
  const cluster = await InProcessCluster.start({ nodes: ['a'], scheduler: false })
  for (const one of made) await cluster.client.create(pods, one)
  const read = (name: string) => cluster.client.get(pods, { namespace: 'default', name })
  const phase = (name: string, wanted: string) =>
    cluster.until(
      () => read(name),
      ({ status }) => status?.phase === wanted,
    )
  return { cluster, read, phase }
}

const restartsOf = ({ status }: Pod) => status?.containerStatuses?.[0]?.restartCount

describe('a node that pretends', () => {
  it('ends pods and starts them again as their policies and annotations say', async () => {
    const fails = { [runSecondsAnnotation]: '2', [exitCodeAnnotation]: '3' }
    const { cluster, read, phase } = await clusterWith(
      pod('done', 'Never'),
      pod('failed', 'Never', fails),
      pod('again', 'OnFailure', fails),
      pod('ever', 'Always'),
    )
    await phase('done', 'Succeeded')
    const failed = await phase('failed', 'Failed')
    expect(failed.status?.containerStatuses?.[0]?.state?.terminated?.exitCode).toBe(3)
    await cluster.until(
      () => read('again'),
      one => (restartsOf(one) ?? 0) >= 2,
    )
    await phase('ever', 'Running')
    await cluster.pass(60_000)
    expect(restartsOf(await read('ever'))).toBe(0)
    await cluster.close()
  })

  it('goes on running what it runs while its kubelet is away, and then is not ready', async () => {
    const { cluster, phase } = await clusterWith(pod('ever', 'Always'))
    const { metadata } = await phase('ever', 'Running')
    cluster.kubelets.get('a')?.stop()
    await cluster.until(
      () => cluster.client.get(nodes, { name: 'a' }),
      ({ status }) => status?.conditions?.find(({ type }) => type === 'Ready')?.status !== 'True',
    )
    const container = cluster.machines.get('a')?.containers.get(metadata.uid ?? '')
    expect(container?.state).toBe('running')
    await cluster.close()
  })

  it('has forgotten all that ran when its power comes back', async () => {
    const { cluster, read, phase } = await clusterWith(
      pod('ever', 'Always'),
      pod('once', 'Never', { [runSecondsAnnotation]: '600' }),
    )
    await phase('ever', 'Running')
    await phase('once', 'Running')
    cluster.machines.get('a')?.powerCut()
    await phase('once', 'Failed')
    await cluster.until(
      () => read('ever'),
      one => restartsOf(one) === 1,
    )
    await cluster.close()
  })

  it('lets a deleted pod go after what ran for it has ended', async () => {
    const { cluster, phase } = await clusterWith(pod('ever', 'Always'))
    await phase('ever', 'Running')
    await cluster.client.delete(pods, { namespace: 'default', name: 'ever' })
    const left = await cluster.until(
      () => cluster.client.list(pods, { namespace: 'default' }),
      ({ items }) => items.length === 0,
    )
    expect(left.items).toEqual([])
    expect(cluster.machines.get('a')?.containers.size).toBe(0)
    await cluster.close()
  })
})
