// What becomes of pods by a real containerd when the kubelet, the runtime or the network is away, or the pods go.

import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Pod } from '../../../api/types/core-pod.js'
import { startTestContainerd, type TestContainerd, toolsImage } from './testing/containerd.js'
import { type CriCluster, eventually, nodeName, startCriCluster } from './testing/cri-cluster.js'
import { forever, main, scriptPod } from './testing/pods.js'

let containerd: TestContainerd
let cluster: CriCluster

beforeAll(async () => {
  containerd = await startTestContainerd()
  cluster = await startCriCluster(containerd.endpoint)
  await cluster.startNode()
  await cluster.nodeIs('True')
})

afterAll(async () => {
  await cluster.close()
  await containerd.close()
})

const containersOf = (name: string): string =>
  containerd.ctr('containers', 'list', `labels."io.kubernetes.pod.name"==${name}`, '-q').trim()

describe('when something is away', () => {
  it('the kubelet finds its pods again, and leaves the pods of others alone', async () => {
    const { kubectl } = cluster
    await cluster.create(scriptPod('lasting', `echo begun; ${forever}`))
    await cluster.create(
      scriptPod('unwatched', 'sleep 0.5; exit 0', { spec: { restartPolicy: 'OnFailure' } }),
    )
    await cluster.create(scriptPod('orphan', forever))
    const before = await cluster.runs('lasting')
    await cluster.runs('orphan')
    await cluster.stopNode()
    containerd.ctr(
      'run',
      '--detach',
      '--label',
      'io.kubernetes.pod.uid=other',
      toolsImage,
      'stranger',
      'sleep',
      '1000',
    )
    await kubectl.ok('delete', 'pod', 'orphan', '--force', '--grace-period=0')
    await cluster.startNode()
    await cluster.nodeIs('True')
    await cluster.podWhere('unwatched', 'is over', pod => pod.status?.phase === 'Succeeded')
    const after = await cluster.runs('lasting')
    expect(main(after)?.containerID).toBe(main(before)?.containerID)
    expect(main(after)?.restartCount).toBe(0)
    expect(after.status?.podIP).toBe(before.status?.podIP)
    expect(await kubectl.ok('logs', 'lasting')).toBe('begun\n')
    await eventually(
      'the orphan is removed',
      async () =>
        !containerd.ctr('containers', 'list').includes('orphan') && !containersOf('orphan'),
    )
    expect(containerd.ctr('tasks', 'list')).toContain('stranger')
    containerd.ctr('tasks', 'delete', '--force', 'stranger')
    containerd.ctr('containers', 'delete', 'stranger')
  })

  it('the runtime, the node says so and leaves what runs alone; then all goes on', async () => {
    const { kubectl } = cluster
    const livenessProbe = { exec: { command: ['true'] }, periodSeconds: 1, failureThreshold: 1 }
    const container = { livenessProbe }
    await cluster.create(scriptPod('steady', `echo begun; ${forever}`, { container }))
    const before = await cluster.runs('steady')
    await containerd.stop()
    expect(await cluster.nodeIs('False')).toContain('container runtime is down')
    await cluster.create(scriptPod('late', forever))
    await containerd.start()
    await cluster.nodeIs('True')
    await cluster.runs('late')
    const after = await cluster.runs('steady')
    expect(main(after)).toMatchObject({
      containerID: main(before)?.containerID,
      restartCount: 0,
    })
    expect(await kubectl.ok('exec', 'steady', '--', 'echo', 'answers')).toBe('answers\n')
  })

  it('the runtime from the start, the node says so and finds its pods once it comes', async () => {
    await cluster.create(scriptPod('patient', forever))
    const before = await cluster.runs('patient')
    await cluster.stopNode()
    await containerd.stop()
    await cluster.startNode()
    expect(await cluster.nodeIs('False')).toContain('container runtime is down')
    await containerd.start()
    await cluster.nodeIs('True')
    const after = await cluster.runs('patient')
    expect(main(after)?.containerID).toBe(main(before)?.containerID)
  })

  it('the network, pods wait for it but for those that do without', async () => {
    containerd.setNetwork(false)
    expect(await cluster.nodeIs('False')).toContain(
      'container runtime network not ready: NetworkReady=false',
    )
    const bound = (spec: Partial<Pod['spec']>) => ({ spec: { nodeName, ...spec } })
    await cluster.create(scriptPod('grounded', forever, bound({})))
    await cluster.create(scriptPod('on-the-machine', forever, bound({ hostNetwork: true })))
    await cluster.runs('on-the-machine')
    await eventually('it is told', async () =>
      (await cluster.eventsOf('grounded')).includes('NetworkNotReady'),
    )
    containerd.setNetwork(true)
    await cluster.nodeIs('True')
    await cluster.runs('grounded')
  })

  it('pods go with everything that was theirs', async () => {
    const { kubectl } = cluster
    await kubectl.ok('delete', 'pods', '--all', '--now', '--wait')
    await eventually(
      'all containers are removed',
      async () => containerd.ctr('containers', 'list', '-q').trim() === '',
    )
    const left = (): readonly string[] => readdirSync(join(cluster.dataDirectory, 'pods'))
    await eventually('all directories are removed', () => Promise.resolve(left().length === 0))
  })
})
