// What users of DaemonSets rely on, each by its name.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { DaemonSet } from '../../orchestrator/api/types/apps-daemon-set.js'
import type { Pod } from '../../orchestrator/api/types/core-pod.js'
import {
  controllerRevisions,
  daemonSets,
  nodes,
  pods,
} from '../../orchestrator/client/resources.js'
import { imageOf, isActive, isReady, type Place, Scene } from './scene.js'

let scene: Scene
let place: Place

beforeAll(async () => {
  scene = await Scene.start(['a', 'b', 'c', 'd'])
})

afterAll(async () => {
  await scene?.close()
})

const set = (more = '', template = '') => `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent}
spec:
  ${more}
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: agent, image: "agent:1"}]
      ${template}
`

const updateTo = (image: string) =>
  place.patch(
    daemonSets,
    'agent',
    { spec: { template: { spec: { containers: [{ name: 'agent', image }] } } } },
    { type: 'strategic' },
  )
const nodeOf = ({ spec }: Pod): string => spec.nodeName ?? ''
const ready = (...names: readonly string[]) =>
  place.untilAll(pods, all => all.every(isReady) && all.map(nodeOf).sort().join() === names.join())
const isDone = ({ metadata, status }: DaemonSet): boolean =>
  status?.observedGeneration === metadata.generation &&
  status?.updatedNumberScheduled === status?.desiredNumberScheduled &&
  status?.numberAvailable === status?.desiredNumberScheduled

async function started(more = ''): Promise<void> {
  place = await scene.place()
  await place.create(set(more))
  await ready('a', 'b', 'c', 'd')
}

const labelled = (name: string, labels: Readonly<Record<string, string | null>>) =>
  place.patch(nodes, name, { metadata: { labels } })

test('a pod a matching node: as nodes come to match and match no more', async () => {
  place = await scene.place()
  await labelled('a', { disk: 'ssd' })
  await place.create(set('', 'nodeSelector: {disk: ssd}'))
  await ready('a')
  await labelled('c', { disk: 'ssd' })
  await ready('a', 'c')
  await labelled('a', { disk: null })
  await ready('c')
  await labelled('c', { disk: null })
  await ready()
})

test('a pod a matching node: a cordon keeps nobody out, a taint does', async () => {
  place = await scene.place()
  await place.patch(nodes, 'a', { spec: { unschedulable: true } })
  await place.patch(nodes, 'b', {
    spec: { taints: [{ key: 'dedicated', value: 'x', effect: 'NoSchedule' }] },
  })
  await place.create(set())
  await ready('a', 'c', 'd')
  await place.patch(nodes, 'a', { spec: { unschedulable: null } })
  await place.patch(nodes, 'b', { spec: { taints: null } })
  await ready('a', 'b', 'c', 'd')
})

test('default tolerations: of everything that ails a node', async () => {
  await started()
  const [pod] = await place.list(pods)
  const tolerated = (pod?.spec.tolerations ?? []).map(({ key, effect, operator }) =>
    [key, operator, effect].join(' '),
  )
  expect(tolerated.sort()).toEqual([
    'node.kubernetes.io/disk-pressure Exists NoSchedule',
    'node.kubernetes.io/memory-pressure Exists NoSchedule',
    'node.kubernetes.io/not-ready Exists NoExecute',
    'node.kubernetes.io/pid-pressure Exists NoSchedule',
    'node.kubernetes.io/unreachable Exists NoExecute',
    'node.kubernetes.io/unschedulable Exists NoSchedule',
  ])
})

test('default tolerations: a pod stays on a node that has fallen silent', async () => {
  await started()
  const before = (await place.list(pods)).find(pod => nodeOf(pod) === 'd')
  scene.cluster.kubelets.get('d')?.stop()
  await place.until(nodes, 'd', ({ spec }) => (spec?.taints ?? []).length > 0)
  await scene.cluster.pass(10 * 60_000)
  const after = await place.get(pods, before?.metadata.name ?? '')
  expect(after.metadata.deletionTimestamp).toBeUndefined()
  expect(after.metadata.uid).toBe(before?.metadata.uid)
  await place.delete(nodes, 'd')
  await ready('a', 'b', 'c')
  scene.cluster.machines.delete('d')
  await scene.cluster.addNode('d')
})

test('rolling update with maxUnavailable: no more at a time are without a pod', async () => {
  await started('updateStrategy: {rollingUpdate: {maxUnavailable: 2}}')
  await updateTo('agent:2')
  let least = 4
  await place.alwaysUntil(
    all => {
      const serving = new Set(all.filter(isReady).map(nodeOf)).size
      expect(serving).toBeGreaterThanOrEqual(2)
      least = Math.min(least, serving)
      expect(new Set(all.filter(isActive).map(nodeOf)).size).toBe(all.filter(isActive).length)
    },
    async () => isDone(await place.get(daemonSets, 'agent')),
  )
  expect(least).toBe(2)
  const all = await ready('a', 'b', 'c', 'd')
  expect(new Set(all.map(imageOf))).toEqual(new Set(['agent:2']))
})

test('rolling update with maxSurge: a new pod comes up beside the old one first', async () => {
  await started('updateStrategy: {rollingUpdate: {maxSurge: 1, maxUnavailable: 0}}')
  await updateTo('agent:2')
  await place.alwaysUntil(
    all => {
      expect(new Set(all.filter(isReady).map(nodeOf)).size).toBe(4)
      expect(all.filter(isActive).length).toBeLessThanOrEqual(5)
    },
    async () => isDone(await place.get(daemonSets, 'agent')),
  )
  const all = await ready('a', 'b', 'c', 'd')
  expect(new Set(all.map(imageOf))).toEqual(new Set(['agent:2']))
})

test('ControllerRevisions: each template is kept, and one that comes back is the newest again', async () => {
  await started()
  await updateTo('agent:2')
  await place.until(daemonSets, 'agent', isDone)
  const two = await place.list(controllerRevisions)
  expect(new Set(two.map(({ revision }) => revision))).toEqual(new Set([1, 2]))
  const [pod] = await place.list(pods)
  const newest = two.find(({ revision }) => revision === 2)
  expect(pod?.metadata.labels?.['controller-revision-hash']).toBe(
    newest?.metadata.labels?.['controller-revision-hash'],
  )
  await updateTo('agent:1')
  await place.until(daemonSets, 'agent', isDone)
  const after = await place.list(controllerRevisions)
  expect(new Set(after.map(({ revision }) => revision))).toEqual(new Set([2, 3]))
})
