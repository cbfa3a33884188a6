// What users rely on when nodes fall silent, each by its name.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Node } from '../../orchestrator/api/types/core-node.js'
import type { Pod } from '../../orchestrator/api/types/core-pod.js'
import { leases, nodes, pods } from '../../orchestrator/client/resources.js'
import { isReady, Scene } from './scene.js'

let scene: Scene

beforeAll(async () => {
  // More than are ever silent: their zone counts as sound.
  scene = await Scene.start(['a', 'b', 'c', 'd', 'e'])
})

afterAll(async () => {
  await scene?.close()
})

const readNode = (name: string, at = scene) => at.cluster.client.get(nodes, { name })
const conditionOf = ({ status }: Node, type: string) =>
  status?.conditions?.find(condition => condition.type === type)
const untilReady = (name: string, status: string, at = scene) =>
  at.cluster.until(
    () => readNode(name, at),
    node => conditionOf(node, 'Ready')?.status === status,
  )
/** As "not-ready:NoExecute". */
const taintsOf = ({ spec }: Node) =>
  (spec?.taints ?? [])
    .map(({ key, effect }) => `${key.replace('node.kubernetes.io/', '')}:${effect}`)
    .sort()
const untilTainted = (name: string, taints: readonly string[], at = scene) =>
  at.cluster.until(
    () => readNode(name, at),
    node => JSON.stringify(taintsOf(node)) === JSON.stringify(taints),
  )
const evicts = (node: Node) => taintsOf(node).includes('unreachable:NoExecute')
const silence = (name: string, at = scene) => at.cluster.kubelets.get(name)?.stop()
const renewedAt = async (name: string) => {
  const at = { namespace: 'kube-node-lease', name }
  return (await scene.cluster.client.get(leases, at)).spec?.renewTime ?? ''
}

const unreachable = ['unreachable:NoExecute', 'unreachable:NoSchedule']
const notReady = ['not-ready:NoExecute', 'not-ready:NoSchedule']

test('lease every 10 s: a node stays ready by that alone', async () => {
  const before = await readNode('a')
  const times: number[] = []
  for (let second = 0; second < 65; second += 1) {
    await scene.cluster.pass(1_000)
    const time = Date.parse(await renewedAt('a'))
    if (times.at(-1) !== time) times.push(time)
  }
  expect(times.length).toBeGreaterThanOrEqual(6)
  for (const [index, time] of times.slice(1).entries())
    expect(Math.round((time - (times[index] ?? 0)) / 1000)).toBe(10)
  const { metadata, status } = await readNode('a')
  expect(metadata.resourceVersion).toBe(before.metadata.resourceVersion)
  expect(status).toEqual(before.status)
})

test('grace 40-50 s: so long after its last word a node is Unknown, and its pods are not ready', async () => {
  await scene.cluster.addNode('grace')
  const place = await scene.place()
  await place.create(podOn('grace', 'p'))
  await place.until(pods, 'p', isReady)
  silence('grace')
  const lastMs = Date.parse(await renewedAt('grace'))
  const sinceMs = () => scene.cluster.clock.wallMs() - lastMs
  await scene.cluster.pass(39_000 - sinceMs())
  expect(conditionOf(await readNode('grace'), 'Ready')?.status).toBe('True')
  const silent = await untilReady('grace', 'Unknown')
  expect(sinceMs()).toBeGreaterThan(40_000)
  expect(sinceMs()).toBeLessThan(50_000)
  expect(conditionOf(silent, 'Ready')).toMatchObject({
    reason: 'NodeStatusUnknown',
    message: 'Kubelet stopped posting node status.',
  })
  await place.until(pods, 'p', pod => !isReady(pod))
  expect(await place.reasons('p')).toContain('NodeNotReady')
  await scene.cluster.client.delete(nodes, { name: 'grace' })
})

test('taints not-ready and unreachable: for what a node says, and for its silence', async () => {
  const { client } = scene.cluster
  await scene.cluster.addNode('ill')
  expect(taintsOf(await readNode('ill'))).toEqual([])
  silence('ill')
  // Its last word is that it cannot.
  const ready = { type: 'Ready', status: 'False', reason: 'KubeletNotReady' }
  await client.patch(
    nodes,
    { name: 'ill' },
    'strategic',
    { status: { conditions: [ready] } },
    { subresource: 'status' },
  )
  await untilTainted('ill', notReady)
  await untilReady('ill', 'Unknown')
  await untilTainted('ill', unreachable)
  // Who comes back is welcome.
  await scene.cluster.addNode('ill')
  await untilTainted('ill', [])
  silence('ill')
  await client.delete(nodes, { name: 'ill' })
})

test('NoExecute with 300 s toleration: by default pods stay for so long, and as they say otherwise', async () => {
  await scene.cluster.addNode('lost')
  const place = await scene.place()
  const key = 'node.kubernetes.io/unreachable'
  await place.create(podOn('lost', 'usual'))
  await place.create(
    podOn(
      'lost',
      'hasty',
      `tolerations: [{key: ${key}, operator: Exists, effect: NoExecute, tolerationSeconds: 30}]`,
    ),
  )
  await place.create(podOn('lost', 'loyal', `tolerations: [{key: ${key}, operator: Exists}]`))
  await place.untilAll(pods, all => all.every(isReady))
  const { spec } = await place.get(pods, 'usual')
  expect(spec.tolerations).toEqual(
    ['not-ready', 'unreachable'].map(name => ({
      key: `node.kubernetes.io/${name}`,
      operator: 'Exists',
      effect: 'NoExecute',
      tolerationSeconds: 300,
    })),
  )
  silence('lost')
  const node = await untilTainted('lost', unreachable)
  const taint = node.spec?.taints?.find(({ effect }) => effect === 'NoExecute')
  const taintedMs = Date.parse(taint?.timeAdded ?? '')
  /** Seconds from the taint to the deletion; null while it stays. */
  const leftAfter = ({ metadata }: Pod): number | null => {
    const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = metadata
    if (deletionTimestamp === undefined) return null
    return (Date.parse(deletionTimestamp) - taintedMs) / 1000 - deletionGracePeriodSeconds
  }
  await scene.cluster.pass(290_000)
  const early = await place.list(pods)
  expect(early.filter(pod => leftAfter(pod) !== null).map(nameOf)).toEqual(['hasty'])
  await scene.cluster.pass(20_000)
  const late = new Map((await place.list(pods)).map(pod => [nameOf(pod), pod] as const))
  const seconds = (name: string) => {
    const pod = late.get(name)
    return pod === undefined ? null : leftAfter(pod)
  }
  expect(Math.abs((seconds('hasty') ?? 0) - 30)).toBeLessThanOrEqual(1)
  expect(Math.abs((seconds('usual') ?? 0) - 300)).toBeLessThanOrEqual(1)
  expect(seconds('loyal')).toBeNull()
  expect(late.get('usual')?.status?.conditions).toContainEqual(
    expect.objectContaining({ type: 'DisruptionTarget', reason: 'DeletionByTaintManager' }),
  )
  expect(await place.reasons('usual')).toContain('TaintManagerEviction')
  await scene.cluster.client.delete(nodes, { name: 'lost' })
})

const rated: readonly (readonly [string, (at: Scene) => Promise<void>])[] = [
  [
    'of several nodes of a sound zone one in ten seconds',
    async at => {
      for (const name of ['x1', 'x2', 'x3']) silence(name, at)
      const marked = await at.cluster.until(
        () => Promise.all(['x1', 'x2', 'x3'].map(name => readNode(name, at))),
        found => found.every(evicts),
      )
      const timesMs = marked
        .map(node => node.spec?.taints?.find(({ effect }) => effect === 'NoExecute')?.timeAdded)
        .map(time => Date.parse(time ?? ''))
        .sort((a, b) => a - b)
      for (const [index, timeMs] of timesMs.slice(1).entries())
        expect(timeMs - (timesMs[index] ?? 0)).toBeGreaterThanOrEqual(9_000)
    },
  ],
  [
    'none of a small zone that is silent for the most part',
    async at => {
      for (const name of ['x1', 'x2', 'x3', 'x4']) silence(name, at)
      await Promise.all(['x1', 'x2', 'x3', 'x4'].map(name => untilReady(name, 'Unknown', at)))
      const before = (await inZone(at, 'x')).filter(evicts).length
      await at.cluster.pass(120_000)
      const zone = await inZone(at, 'x')
      // Whoever was marked before the zone was known to be ill may be one.
      expect(before).toBeLessThanOrEqual(1)
      expect(zone.filter(evicts)).toHaveLength(before)
      expect(zone.filter(node => taintsOf(node).includes('unreachable:NoSchedule'))).toHaveLength(4)
    },
  ],
  [
    'none when all of the cluster is silent, and then as before',
    async at => {
      const names = [...at.cluster.kubelets.keys()]
      for (const name of names) silence(name, at)
      await Promise.all(names.map(name => untilReady(name, 'Unknown', at)))
      await at.cluster.pass(120_000)
      const { items } = await at.cluster.client.list(nodes)
      expect(items.filter(evicts)).toEqual([])
      for (const name of ['x1', 'x2', 'x3', 'x4', 'x5'])
        await at.cluster.addNode(name, { 'topology.kubernetes.io/zone': 'x' })
      await at.cluster.until(
        () => readNode('y1', at),
        node => evicts(node),
      )
    },
  ],
]

test.each(rated)('eviction rate limits: %s', async (_, check) => {
  const at = await Scene.start([])
  for (const name of ['x1', 'x2', 'x3', 'x4', 'x5', 'x6', 'y1', 'y2', 'y3'])
    await at.cluster.addNode(name, { 'topology.kubernetes.io/zone': name.slice(0, 1) })
  await check(at)
  await at.close()
})

const inZone = async ({ cluster }: Scene, zone: string): Promise<readonly Node[]> => {
  const labelSelector = `topology.kubernetes.io/zone=${zone}`
  return (await cluster.client.list(nodes, { labelSelector })).items
}

const nameOf = ({ metadata }: Pod) => metadata.name ?? ''

const podOn = (node: string, name: string, more = '') => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}}
spec:
  nodeName: ${node}
  ${more}
  containers: [{name: c, image: "c:1"}]
`
