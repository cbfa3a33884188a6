// DaemonSets against a real apiserver and scheduler, with fake kubelets: nodes that come and change,
// rollouts and the way back, pods that fail, names that are taken, sets that are followed by others.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { JsonObject } from '../../api/object.js'
import type { DaemonSet } from '../../api/types/apps-daemon-set.js'
import type { Pod } from '../../api/types/core-pod.js'
import {
  controllerRevisions,
  daemonSets,
  events,
  namespaces,
  nodes,
  pods,
} from '../../client/resources.js'
import type { ApiClient } from '../../client/rest-client.js'
import { controllerOf } from '../ownership.js'
import { inOrder, revisionLabel } from '../revisions.js'
import { eventually } from '../testing/fake-kubelet.js'
import { type ControlPlaneForTests, startControlPlane } from '../testing/running-controllers.js'

let plane: ControlPlaneForTests
let client: ApiClient
const worker = { role: 'worker' }

beforeAll(async () => {
  plane = await startControlPlane(['n1', 'n2', 'n3'], {
    labels: worker,
    controllers: { nodeMonitorPeriodMs: 250 },
  })
  client = plane.client
})

afterAll(async () => {
  await plane?.stop()
})

async function namespace(name: string): Promise<string> {
  await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  return name
}

const name = 'agent'
const labels = { app: name }
const imaged = (image: string) => ({ containers: [{ name: 'c', image }] })

/** One pod at a time may be missing, as is the default. */
function agent(ns: string): DaemonSet {
  return {
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { namespace: ns, name },
    spec: {
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { nodeSelector: worker, ...imaged('agent:1') } },
    },
  }
}

const read = (ns: string) => client.get(daemonSets, { namespace: ns, name })
const podsOf = async (ns: string) => (await client.list(pods, { namespace: ns })).items
const historyOf = async (ns: string) =>
  inOrder((await client.list(controllerRevisions, { namespace: ns })).items)
const nodesOf = async (ns: string) =>
  (await podsOf(ns)).map(({ spec }) => spec.nodeName ?? '').toSorted()
const hashesOf = (of: readonly { readonly metadata: Pod['metadata'] }[]) =>
  new Set(of.map(({ metadata }) => metadata.labels?.[revisionLabel]))

function serves({ metadata, status }: Pod): boolean {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready')
  return ready?.status === 'True' && metadata.deletionTimestamp === undefined
}

/** What `kubectl rollout status` waits for. */
const isRolledOut =
  (wanted: number) =>
  ({ metadata, status }: DaemonSet): boolean =>
    (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0) &&
    status?.desiredNumberScheduled === wanted &&
    status.updatedNumberScheduled === wanted &&
    status.numberAvailable === wanted

const labelNode = (on: string, role: string | null) =>
  client.patch(nodes, { name: on }, 'merge', { metadata: { labels: { role } } })

test('one pod on each of three nodes, one on a fourth, and none on one that is labelled out', async () => {
  const ns = await namespace('nodes')
  await client.create(daemonSets, agent(ns))
  const up = await eventually(() => read(ns), isRolledOut(3))
  expect(await nodesOf(ns)).toEqual(['n1', 'n2', 'n3'])
  expect(up.status).toMatchObject({
    currentNumberScheduled: 3,
    numberMisscheduled: 0,
    numberReady: 3,
    observedGeneration: 1,
  })
  await plane.addNode('n4')
  await eventually(
    () => nodesOf(ns),
    names => names.join() === 'n1,n2,n3,n4',
  )
  await eventually(() => read(ns), isRolledOut(4))
  await labelNode('n2', null)
  await eventually(
    () => nodesOf(ns),
    names => names.join() === 'n1,n3,n4',
  )
  await eventually(() => read(ns), isRolledOut(3))
  await labelNode('n2', worker.role)
  await eventually(() => read(ns), isRolledOut(4))
  expect(await nodesOf(ns)).toEqual(['n1', 'n2', 'n3', 'n4'])
})

test('a rollout replaces all, one at a time, and the way back is to the old revision', async () => {
  const ns = await namespace('rollout')
  const at = { namespace: ns, name }
  await client.create(daemonSets, agent(ns))
  await eventually(() => read(ns), isRolledOut(4))
  const serving: number[] = []
  const watched = async () => {
    serving.push((await podsOf(ns)).filter(serves).length)
    return await read(ns)
  }
  const change = { spec: { template: { spec: imaged('agent:2') } } }
  await client.patch(daemonSets, at, 'strategic', change)
  await eventually(watched, isRolledOut(4))
  expect(Math.min(...serving)).toBeGreaterThanOrEqual(3)
  const updated = await eventually(
    () => podsOf(ns),
    all => all.length === 4 && all.every(serves),
  )
  expect(new Set(updated.map(({ spec }) => spec.containers[0]?.image))).toEqual(
    new Set(['agent:2']),
  )
  const [first, second] = await historyOf(ns)
  if (first === undefined || second === undefined) throw new Error('two revisions are there')
  expect([first.revision, second.revision]).toEqual([1, 2])
  expect(hashesOf(updated)).toEqual(hashesOf([second]))

  // What `kubectl rollout undo` sends.
  await client.patch(daemonSets, at, 'strategic', first.data as JsonObject)
  await eventually(() => read(ns), isRolledOut(4))
  const undone = await eventually(
    () => podsOf(ns),
    all => all.length === 4 && all.every(serves),
  )
  expect(hashesOf(undone)).toEqual(hashesOf([first]))
  expect((await historyOf(ns)).map(({ metadata, revision }) => [metadata.name, revision])).toEqual([
    [second.metadata.name, 2],
    [first.metadata.name, 3],
  ])
})

test('a pod that failed is deleted and made again, and events tell of it', async () => {
  const ns = await namespace('failing')
  await client.create(daemonSets, agent(ns))
  await eventually(() => read(ns), isRolledOut(4))
  const [failed] = await podsOf(ns)
  if (failed === undefined) throw new Error('there are pods')
  await client.updateStatus(pods, { ...failed, status: { ...failed.status, phase: 'Failed' } })
  await eventually(
    () => podsOf(ns),
    all =>
      all.length === 4 &&
      all.every(serves) &&
      all.every(({ metadata }) => metadata.uid !== failed.metadata.uid),
  )
  expect(await nodesOf(ns)).toEqual(['n1', 'n2', 'n3', 'n4'])
  await eventually(
    async () => (await client.list(events, { namespace: ns })).items.map(({ reason }) => reason),
    all =>
      ['SuccessfulCreate', 'SuccessfulDelete', 'FailedDaemonPod'].every(one => all.includes(one)),
  )
})

test('a revision whose name is taken gets another, and the collision is counted', async () => {
  const elsewhere = await namespace('elsewhere')
  await client.create(daemonSets, agent(elsewhere))
  const [model] = await eventually(
    () => historyOf(elsewhere),
    all => all.length === 1,
  )
  const taken = model?.metadata.name ?? ''
  const ns = await namespace('taken')
  await client.create(controllerRevisions, {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: { namespace: ns, name: taken },
    data: { of: 'somebody else' },
    revision: 1,
  })
  await client.create(daemonSets, agent(ns))
  const up = await eventually(() => read(ns), isRolledOut(4))
  expect(up.status?.collisionCount).toBe(1)
  const own = (await historyOf(ns)).filter(one => controllerOf(one)?.uid === up.metadata.uid)
  expect(own).toHaveLength(1)
  expect(own[0]?.metadata.name).not.toBe(taken)
  expect(hashesOf(await podsOf(ns))).toEqual(hashesOf(own))
})

test('pods and history of a set that left them behind are adopted by the next of its name', async () => {
  const ns = await namespace('orphans')
  const at = { namespace: ns, name }
  await client.create(daemonSets, agent(ns))
  await eventually(() => read(ns), isRolledOut(4))
  const uidsOf = (of: readonly Pod[]) => of.map(({ metadata }) => metadata.uid ?? '').toSorted()
  const before = uidsOf(await podsOf(ns))
  const [revision] = await historyOf(ns)
  await client.delete(daemonSets, at, { propagationPolicy: 'Orphan' })
  await eventually(
    async () => (await client.list(daemonSets, { namespace: ns })).items,
    all => all.length === 0,
  )
  expect(uidsOf(await podsOf(ns))).toEqual(before)
  const next = await client.create(daemonSets, agent(ns))
  await eventually(() => read(ns), isRolledOut(4))
  const adopted = await podsOf(ns)
  expect(uidsOf(adopted)).toEqual(before)
  expect(adopted.every(pod => controllerOf(pod)?.uid === next.metadata.uid)).toBe(true)
  expect((await historyOf(ns)).map(({ metadata }) => metadata.name)).toEqual([
    revision?.metadata.name,
  ])
})
