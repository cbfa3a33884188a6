// The whole loop against a real apiserver: controllers and scheduler on one side, fake kubelets
// on the other, and nothing between them but the HTTP API.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Deployment } from '../api/types/apps.js'
import type { Pod } from '../api/types/core-pod.js'
import { isNotFound } from '../client/api-error.js'
import {
  configMaps,
  deployments,
  endpointSlices,
  endpoints,
  namespaces,
  nodes,
  pods,
  replicaSets,
  serviceAccounts,
  services,
} from '../client/resources.js'
import type { ApiClient } from '../client/rest-client.js'
import { eventually } from './testing/fake-kubelet.js'
import { type ControlPlaneForTests, startControlPlane } from './testing/running-controllers.js'

let plane: ControlPlaneForTests
let client: ApiClient

beforeAll(async () => {
  plane = await startControlPlane(['n1', 'n2'], {
    controllers: {
      nodeMonitorGraceMs: 1500,
      nodeMonitorPeriodMs: 250,
      podGcPeriodMs: 300,
      podGcQuarantineMs: 500,
    },
  })
  client = plane.client
})

afterAll(async () => {
  await plane?.stop()
})

function deployment(namespace: string, name: string, replicas: number): Deployment {
  const labels = { app: name }
  const tolerations = ['not-ready', 'unreachable'].map(what => ({
    key: `node.kubernetes.io/${what}`,
    operator: 'Exists',
    effect: 'NoExecute',
    tolerationSeconds: 1,
  }))
  const containers = [
    { name: 'c', image: 'hello:1', ports: [{ name: 'web', containerPort: 8080 }] },
  ]
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace, name },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers, tolerations } },
    },
  }
}

async function namespace(name: string): Promise<string> {
  await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  return name
}

const read = (ns: string, name: string) => client.get(deployments, { namespace: ns, name })
const podsOf = async (ns: string, app: string) =>
  (await client.list(pods, { namespace: ns, labelSelector: `app=${app}` })).items
const isReady = (pod: Pod) =>
  pod.status?.conditions?.some(one => one.type === 'Ready' && one.status === 'True') ?? false

/** What `kubectl rollout status` waits for. */
function isRolledOut({ metadata, spec, status }: Deployment): boolean {
  const wanted = spec.replicas ?? 1
  return (
    (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0) &&
    (status?.updatedReplicas ?? 0) === wanted &&
    (status?.replicas ?? 0) === wanted &&
    (status?.availableReplicas ?? 0) === wanted &&
    (wanted === 0 ||
      status?.conditions?.find(one => one.type === 'Progressing')?.reason ===
        'NewReplicaSetAvailable')
  )
}

test('nodes get pod ranges of their own', async () => {
  const all = await eventually(
    async () => (await client.list(nodes)).items.map(node => node.spec?.podCIDR),
    cidrs => cidrs.every(cidr => cidr !== undefined),
  )
  expect(new Set(all)).toEqual(new Set(['127.64.0.0/24', '127.64.1.0/24']))
})

test('a namespace is furnished with its account and the root certificate', async () => {
  const ns = await namespace('furnished')
  const bundle = await eventually(
    () => client.get(configMaps, { namespace: ns, name: 'kube-root-ca.crt' }),
    () => true,
  )
  expect(bundle.data?.['ca.crt']).toBe(plane.server.authority.caPem)
  const account = { namespace: ns, name: 'default' }
  await eventually(
    () => client.get(serviceAccounts, account),
    () => true,
  )
  await client.delete(serviceAccounts, account)
  await eventually(
    () => client.get(serviceAccounts, account),
    () => true,
  )
})

test('a Deployment comes up on both nodes, is served, updates, scales and goes with all it owns', async () => {
  const ns = await namespace('shop')
  await client.create(services, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: ns, name: 'web' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'web' }] },
  })
  await client.create(deployments, deployment(ns, 'web', 4))
  const up = await eventually(() => read(ns, 'web'), isRolledOut)
  expect(up.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('1')
  // What the controller notes is no new intent.
  expect(up.metadata.generation).toBe(1)
  const spread = new Map<string, number>()
  for (const pod of await podsOf(ns, 'web')) {
    const node = pod.spec.nodeName ?? ''
    spread.set(node, (spread.get(node) ?? 0) + 1)
  }
  expect(Object.fromEntries(spread)).toEqual({ n1: 2, n2: 2 })

  const slices = await eventually(
    async () =>
      (await client.list(endpointSlices, { namespace: ns })).items.flatMap(s => s.endpoints ?? []),
    all => all.filter(one => one.conditions?.ready).length === 4,
  )
  expect(slices).toHaveLength(4)
  const classic = await eventually(
    () => client.get(endpoints, { namespace: ns, name: 'web' }),
    one => one.subsets?.[0]?.addresses?.length === 4,
  )
  expect(classic.subsets?.[0]?.ports).toEqual([{ port: 8080, protocol: 'TCP' }])

  const image = { spec: { template: { spec: { containers: [{ name: 'c', image: 'hello:2' }] } } } }
  await client.patch(deployments, { namespace: ns, name: 'web' }, 'strategic', image)
  const updated = await eventually(() => read(ns, 'web'), isRolledOut)
  expect(updated.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('2')
  await eventually(
    () => podsOf(ns, 'web'),
    all => all.length === 4 && all.every(one => one.spec.containers[0]?.image === 'hello:2'),
  )
  const history = (await client.list(replicaSets, { namespace: ns })).items
  expect(new Set(history.map(set => set.spec.replicas))).toEqual(new Set([0, 4]))

  await client.patch(deployments, { namespace: ns, name: 'web' }, 'merge', {
    spec: { replicas: 7 },
  })
  await eventually(() => read(ns, 'web'), isRolledOut)
  await client.patch(deployments, { namespace: ns, name: 'web' }, 'merge', {
    spec: { replicas: 1 },
  })
  await eventually(
    () => podsOf(ns, 'web'),
    all => all.length === 1 && all.every(isReady),
  )

  await client.delete(deployments, { namespace: ns, name: 'web' })
  await eventually(
    async () => [
      ...(await client.list(replicaSets, { namespace: ns })).items,
      ...(await podsOf(ns, 'web')),
    ],
    left => left.length === 0,
  )
})

test('a foreground deletion keeps the owner until its dependents are gone', async () => {
  const ns = await namespace('foreground')
  await client.create(deployments, deployment(ns, 'web', 2))
  await eventually(() => read(ns, 'web'), isRolledOut)
  const at = { namespace: ns, name: 'web' }
  await client.delete(deployments, at, { propagationPolicy: 'Foreground' })
  const waiting = await read(ns, 'web').catch(() => null)
  if (waiting) expect(waiting.metadata.finalizers).toContain('foregroundDeletion')
  await gone(() => read(ns, 'web'))
  expect(await podsOf(ns, 'web')).toEqual([])
})

test('an orphaning deletion leaves the pods, and a new owner adopts them', async () => {
  const ns = await namespace('orphans')
  await client.create(deployments, deployment(ns, 'web', 2))
  await eventually(() => read(ns, 'web'), isRolledOut)
  const before = new Set((await podsOf(ns, 'web')).map(pod => pod.metadata.uid))
  const at = { namespace: ns, name: 'web' }
  await client.delete(deployments, at, { propagationPolicy: 'Orphan' })
  await gone(() => read(ns, 'web'))
  await eventually(
    async () => (await client.list(replicaSets, { namespace: ns })).items,
    sets => sets.every(set => !set.metadata.ownerReferences?.length),
  )
  await client.create(deployments, deployment(ns, 'web', 2))
  await eventually(() => read(ns, 'web'), isRolledOut)
  expect(new Set((await podsOf(ns, 'web')).map(pod => pod.metadata.uid))).toEqual(before)
})

test('a namespace goes with everything in it', async () => {
  const ns = await namespace('doomed')
  await client.create(deployments, deployment(ns, 'web', 2))
  await eventually(() => read(ns, 'web'), isRolledOut)
  await client.delete(namespaces, { name: ns })
  await gone(() => client.get(namespaces, { name: ns }))
  expect((await client.list(pods, { namespace: ns })).items).toEqual([])
})

test('a pod that fits nowhere says why, and is placed once there is room', async () => {
  const ns = await namespace('full')
  const name = 'big'
  const containers = [{ name: 'c', image: 'x', resources: { requests: { cpu: '64' } } }]
  const metadata = { namespace: ns, name }
  await client.create(pods, { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers } })
  const pending = await eventually(
    () => client.get(pods, { namespace: ns, name }),
    pod => pod.status?.conditions?.some(one => one.reason === 'Unschedulable') ?? false,
  )
  const condition = pending.status?.conditions?.find(one => one.type === 'PodScheduled')
  expect(condition?.message).toBe(
    '0/2 nodes are available: 2 Insufficient cpu. preemption: 0/2 nodes are available: ' +
      '2 Preemption is not helpful for scheduling.',
  )
  expect(plane.scheduler?.explanationOf('full/big')?.rejected).toHaveLength(2)
  const allocatable = { cpu: '100', memory: '8Gi', pods: '110' }
  const status = { status: { allocatable } }
  await client.patch(nodes, { name: 'n2' }, 'merge', status, { subresource: 'status' })
  const placed = await eventually(
    () => client.get(pods, { namespace: ns, name }),
    pod => pod.spec.nodeName !== undefined,
  )
  expect(placed.spec.nodeName).toBe('n2')
})

test('pods of a node that falls silent are replaced elsewhere, and its removal clears the rest', async () => {
  const ns = await namespace('resilient')
  await client.create(deployments, deployment(ns, 'web', 4))
  await eventually(() => read(ns, 'web'), isRolledOut)
  plane.kubelets.get('n2')?.crash()
  const node = await eventually(
    () => client.get(nodes, { name: 'n2' }),
    one => one.spec?.taints?.some(taint => taint.effect === 'NoExecute') ?? false,
  )
  const ready = node.status?.conditions?.find(one => one.type === 'Ready')
  expect(ready).toMatchObject({ status: 'Unknown', reason: 'NodeStatusUnknown' })
  expect(node.spec?.taints?.map(taint => `${taint.key}:${taint.effect}`).sort()).toEqual([
    'node.kubernetes.io/unreachable:NoExecute',
    'node.kubernetes.io/unreachable:NoSchedule',
  ])
  await eventually(
    () => podsOf(ns, 'web'),
    all => all.filter(pod => pod.spec.nodeName === 'n1' && isReady(pod)).length === 4,
  )
  const stuck = (await podsOf(ns, 'web')).filter(pod => pod.spec.nodeName === 'n2')
  expect(stuck.every(pod => pod.metadata.deletionTimestamp !== undefined)).toBe(true)
  await client.delete(nodes, { name: 'n2' })
  await eventually(
    () => podsOf(ns, 'web'),
    all => all.every(pod => pod.spec.nodeName === 'n1'),
  )
})

async function gone(get: () => Promise<unknown>): Promise<void> {
  await eventually(
    async () => {
      try {
        await get()
        return false
      } catch (error) {
        return isNotFound(error)
      }
    },
    value => value,
  )
}
