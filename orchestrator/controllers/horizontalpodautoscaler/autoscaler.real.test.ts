// Autoscalers through a real API server: by the usage of real processes, and by metrics of a server that stands beside.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { silentLogger } from '../../../platform/logger.js'
import { nodeClock } from '../../../platform/node/clock.js'
import { nodeMetrics } from '../../../platform/node/metrics.js'
import { nodeFiles } from '../../../platform/node/node-files.js'
import { nodeProcesses } from '../../../platform/node/processes.js'
import { nodeRandom } from '../../../platform/node/random.js'
import type { JsonObject } from '../../api/object.js'
import type { HorizontalPodAutoscaler } from '../../api/types/autoscaling-v2.js'
import { ApiClient as RawClient } from '../../apiserver/testing/api-client.js'
import { HttpTransport } from '../../client/http-transport.js'
import {
  deployments,
  events,
  horizontalPodAutoscalers,
  type Resource,
  services,
  statefulSets,
} from '../../client/resources.js'
import { ApiClient } from '../../client/rest-client.js'
import { type RunningNode, startNode } from '../../node.js'
import { eventually } from '../testing/fake-kubelet.js'
import { type ControlPlaneForTests, startControlPlane } from '../testing/running-controllers.js'
import { type MetricsServer, startMetricsServer } from './testing/metrics-server.js'

const namespace = 'default'
const waitMs = 60_000
const nodeName = 'node-1'
let plane: ControlPlaneForTests
let client: ApiClient
let metrics: MetricsServer
let node: RunningNode
let transport: HttpTransport
let directory = ''

beforeAll(async () => {
  plane = await startControlPlane(['quiet'], { controllers: { autoscalerSyncMs: 300 } })
  client = plane.client
  // Pods of the one node run, those of the other only say so.
  await client.patch(nodesOf, { name: 'quiet' }, 'merge', {
    spec: { taints: [{ key: 'quiet', effect: 'NoSchedule' }] },
  })
  metrics = await startMetricsServer('metrics.default.svc')
  await client.create(services, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace, name: 'metrics' },
    spec: { type: 'ExternalName', externalName: 'localhost' },
  })
  const raw = new RawClient(plane.server.url, plane.server.admin.caFile, plane.server.admin)
  for (const [group, version] of [
    ['custom.metrics.k8s.io', 'v1beta2'],
    ['external.metrics.k8s.io', 'v1beta1'],
  ]) {
    const answer = await raw.request('POST', '/apis/apiregistration.k8s.io/v1/apiservices', {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: `${version}.${group}` },
      spec: {
        group,
        version,
        groupPriorityMinimum: 100,
        versionPriority: 100,
        caBundle: metrics.caBundle,
        service: { namespace, name: 'metrics', port: metrics.port },
      },
    })
    expect(answer.status).toBe(201)
  }
  raw.close()
  await startRealNode()
})

const nodesOf: Resource = {
  group: '',
  version: 'v1',
  kind: 'Node',
  plural: 'nodes',
  namespaced: false,
}

async function startRealNode(): Promise<void> {
  directory = mkdtempSync(join(tmpdir(), 'autoscaler-node-'))
  const identity = await plane.server.identity(`system:node:${nodeName}`, ['system:nodes'])
  const read = (file: string) => readFileSync(file, 'utf8')
  const shared = { clock: nodeClock(), random: nodeRandom(), logger: silentLogger }
  transport = new HttpTransport({
    ...shared,
    servers: [plane.server.url],
    tls: { ca: read(identity.caFile), cert: read(identity.certFile), key: read(identity.keyFile) },
    userAgent: 'test',
  })
  node = await startNode({
    ...shared,
    nodeName,
    client: new ApiClient({ transport }),
    tls: identity,
    listen: { host: '127.0.0.1', port: 0 },
    dataDirectory: directory,
    stopPodsOnExit: true,
    files: nodeFiles,
    processes: nodeProcesses(),
    metrics: nodeMetrics(),
    metricsText: () => Promise.resolve(''),
    searchPath: process.env['PATH'] ?? '',
    proxy: null,
  })
}

afterAll(async () => {
  await node?.stop()
  transport?.close()
  await plane?.stop()
  await metrics?.close()
  rmSync(directory, { recursive: true, force: true })
})

async function workload(
  resource: Resource,
  name: string,
  replicas: number,
  spec: JsonObject,
  more: JsonObject = {},
): Promise<void> {
  const labels = { app: name }
  await client.create(resource, {
    apiVersion: 'apps/v1',
    kind: resource.kind,
    metadata: { namespace, name },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec },
      ...more,
    },
  } as Parameters<typeof client.create>[1])
}

const farms: Resource = {
  group: 'example.com',
  version: 'v1',
  kind: 'Farm',
  plural: 'farms',
  namespaced: true,
}
const definitions: Resource = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
}

const onQuietNode: JsonObject = {
  nodeSelector: { 'kubernetes.io/hostname': 'quiet' },
  tolerations: [{ key: 'quiet', operator: 'Exists' }],
  containers: [{ name: 'c', image: 'host' }],
}

const autoscale = (kind: string, name: string, spec: JsonObject) =>
  client.create(horizontalPodAutoscalers, {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata: { namespace, name },
    spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind, name }, maxReplicas: 10, ...spec },
  })

const now = (name: string) => client.get(horizontalPodAutoscalers, { namespace, name })
const conditionOf = ({ status }: HorizontalPodAutoscaler, type: string) =>
  status?.conditions?.find(condition => condition.type === type)

const textsOf = async (name: string) =>
  (await client.list(events, { namespace })).items
    .filter(({ involvedObject }) => involvedObject.name === name)
    .map(({ reason, message }) => `${reason}: ${message}`)

test('a Deployment grows with what comes in, as a server outside counts it', async () => {
  await workload(deployments, 'web', 1, onQuietNode)
  const external = {
    metric: { name: 'queue_length', selector: { matchLabels: { queue: 'mail' } } },
    target: { type: 'AverageValue', averageValue: '10' },
  }
  await autoscale('Deployment', 'web', { metrics: [{ type: 'External', external }] })
  const blind = await eventually(
    () => now('web'),
    found => conditionOf(found, 'ScalingActive')?.status === 'False',
    waitMs,
  )
  expect(conditionOf(blind, 'ScalingActive')?.reason).toBe('FailedGetExternalMetric')
  expect(blind.status?.currentReplicas).toBe(1)

  const path = '/apis/external.metrics.k8s.io/v1beta1/namespaces/default/queue_length'
  metrics.items.set(path, [{ value: '35' }])
  // A quarter of it each, once the Deployment counts as many.
  const grown = await eventually(
    () => now('web'),
    ({ status }) => status?.currentMetrics?.[0]?.external?.current.averageValue === '8750m',
    waitMs,
  )
  expect(grown.status).toMatchObject({ currentReplicas: 4, desiredReplicas: 4 })
  expect((await client.get(deployments, { namespace, name: 'web' })).spec?.replicas).toBe(4)
  expect(metrics.asked).toContain(`${path}?labelSelector=queue%3Dmail`)
  await eventually(
    () => textsOf('web'),
    texts =>
      texts.includes(
        'SuccessfulRescale: New size: 4; reason: external metric queue_length above target',
      ),
  )
  // Less is asked for at once, and waited with for five minutes.
  metrics.items.set(path, [{ value: '1' }])
  const calm = await eventually(
    () => now('web'),
    found => conditionOf(found, 'AbleToScale')?.reason === 'ScaleDownStabilized',
    waitMs,
  )
  expect(calm.status?.desiredReplicas).toBe(4)
})

test('a StatefulSet follows a metric of an object, and one of its pods, as fast as it may', async () => {
  await workload(statefulSets, 'db', 2, onQuietNode, {
    serviceName: 'db',
    podManagementPolicy: 'Parallel',
  })
  const root = '/apis/custom.metrics.k8s.io/v1beta2/namespaces/default'
  metrics.items.set(`${root}/services/metrics/requests`, [{ value: '3k' }])
  metrics.items.set(`${root}/pods/*/connections`, [
    { describedObject: { name: 'db-0' }, value: '20' },
    { describedObject: { name: 'db-1' }, value: '20' },
  ])
  const object = {
    metric: { name: 'requests' },
    describedObject: { apiVersion: 'v1', kind: 'Service', name: 'metrics' },
    target: { type: 'Value', value: '1k' },
  }
  const ofPods = {
    metric: { name: 'connections' },
    target: { type: 'AverageValue', averageValue: '20' },
  }
  await autoscale('StatefulSet', 'db', {
    metrics: [
      { type: 'Object', object },
      { type: 'Pods', pods: ofPods },
    ],
    behavior: { scaleUp: { policies: [{ type: 'Pods', value: 1, periodSeconds: 600 }] } },
  })
  const grown = await eventually(
    () => now('db'),
    found => conditionOf(found, 'ScalingLimited')?.reason === 'ScaleUpLimit',
    waitMs,
  )
  expect(grown.status?.desiredReplicas).toBe(3)
  expect(grown.status?.currentMetrics).toMatchObject([
    { object: { current: { value: '3k' } } },
    { pods: { current: { averageValue: '20' } } },
  ])
  // Ten minutes are not over: what was asked for again and again is not given.
  const { items } = await eventually(
    () => client.list(events, { namespace }),
    list =>
      list.items.some(
        ({ involvedObject, reason }) =>
          involvedObject.name === 'db' && reason === 'SuccessfulRescale',
      ),
    waitMs,
  )
  const rescales = items.filter(
    ({ involvedObject, reason }) => involvedObject.name === 'db' && reason === 'SuccessfulRescale',
  )
  expect(rescales.map(({ count }) => count)).toEqual([1])
})

test('a Deployment of processes that work hard grows by what they use', async () => {
  await workload(deployments, 'busy', 1, {
    nodeSelector: { 'kubernetes.io/hostname': nodeName },
    terminationGracePeriodSeconds: 0,
    containers: [
      {
        name: 'c',
        image: 'host',
        command: ['node', '-e', 'for (;;) {}'],
        resources: { requests: { cpu: '50m' } },
      },
    ],
  })
  const containerResource = {
    name: 'cpu',
    container: 'c',
    target: { type: 'Utilization', averageUtilization: 50 },
  }
  const resource = { name: 'cpu', target: { type: 'Utilization', averageUtilization: 50 } }
  await autoscale('Deployment', 'busy', {
    maxReplicas: 2,
    metrics: [
      { type: 'Resource', resource },
      { type: 'ContainerResource', containerResource },
    ],
  })
  const grown = await eventually(
    () => now('busy'),
    ({ status }) =>
      status?.currentReplicas === 2 &&
      status.currentMetrics?.every(({ type }) => type !== '') === true &&
      (status.currentMetrics[0]?.resource?.current.averageUtilization ?? 0) > 50,
    waitMs,
  )
  expect(conditionOf(grown, 'ScalingActive')).toMatchObject({
    status: 'True',
    reason: 'ValidMetricFound',
  })
  expect(grown.status?.currentMetrics?.[1]?.containerResource?.container).toBe('c')
  // Two questions, two looks: either of them may have seen more.
  const texts = await eventually(
    async () => (await textsOf('busy')).filter(text => text.startsWith('SuccessfulRescale')),
    found => found.length === 1,
  )
  expect(texts[0]).toMatch(
    /New size: 2; reason: cpu (container )?resource utilization \(percentage of request\) above target$/,
  )
})

test('kinds of users are scaled, and none by two', async () => {
  await client.create(definitions, {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'farms.example.com' },
    spec: {
      group: 'example.com',
      scope: 'Namespaced',
      names: { plural: 'farms', singular: 'farm', kind: 'Farm' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
          },
          subresources: {
            scale: { specReplicasPath: '.spec.replicas', statusReplicasPath: '.status.replicas' },
          },
        },
      ],
    },
  } as Parameters<typeof client.create>[1])
  const farm = { apiVersion: 'example.com/v1', kind: 'Farm', metadata: { namespace, name: 'f' } }
  const make = () => client.create(farms, { ...farm, spec: { replicas: 1 } } as typeof farm)
  await eventually(
    () => make(),
    () => true,
    waitMs,
  )
  const scaleTargetRef = { apiVersion: 'example.com/v1', kind: 'Farm', name: 'f' }
  await autoscale('Farm', 'f', { scaleTargetRef, minReplicas: 3 })
  await eventually(
    () => client.getScale(farms, { namespace, name: 'f' }),
    ({ spec }) => spec?.replicas === 3,
    waitMs,
  )
  const found = await eventually(
    () => now('f'),
    one => conditionOf(one, 'ScalingActive')?.status === 'False',
    waitMs,
  )
  expect(conditionOf(found, 'ScalingActive')?.message).toBe(
    "the HPA target's scale is missing a selector",
  )

  const another = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }
  await autoscale('Deployment', 'web-again', { scaleTargetRef: another })
  const rival = await eventually(
    () => now('web-again'),
    one => conditionOf(one, 'ScalingActive')?.reason === 'AmbiguousSelector',
    waitMs,
  )
  expect(conditionOf(rival, 'ScalingActive')?.message).toBe(
    'pods by selector app=web are controlled by multiple HPAs: [default/web default/web-again]',
  )
})

test('says what it cannot scale', async () => {
  await autoscale('Deployment', 'nobody', {})
  const found = await eventually(
    () => now('nobody'),
    one => conditionOf(one, 'AbleToScale')?.status === 'False',
    waitMs,
  )
  expect(conditionOf(found, 'AbleToScale')).toMatchObject({
    reason: 'FailedGetScale',
    message:
      'the HPA controller was unable to get the target\'s current scale: deployments.apps "nobody" not found',
  })
})
