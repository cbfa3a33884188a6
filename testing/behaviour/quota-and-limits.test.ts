// What users of quotas, limits, budgets, autoscalers and clearing up rely on, each by its name.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { KubeObject } from '../../orchestrator/api/object.js'
import type { HorizontalPodAutoscaler } from '../../orchestrator/api/types/autoscaling-v2.js'
import { ApiError } from '../../orchestrator/client/api-error.js'
import {
  deployments,
  horizontalPodAutoscalers,
  jobs,
  nodes,
  podDisruptionBudgets,
  pods,
  type Resource,
  replicaSets,
  resourceQuotas,
} from '../../orchestrator/client/resources.js'
import { exitCodeAnnotation } from '../pretend-machine.js'
import { isReady, namesOf, type Place, Scene } from './scene.js'

let scene: Scene
let place: Place

beforeAll(async () => {
  scene = await Scene.start(['a', 'b'])
})

afterAll(async () => {
  await scene?.close()
})

interface PodLook {
  readonly name: string
  readonly spec?: string
  /** Of its container. */
  readonly resources?: string
}

const pod = ({ name, spec = '', resources = '{}' }: PodLook) => `
apiVersion: v1
kind: Pod
metadata: {name: ${name}, labels: {app: web}}
spec:
  terminationGracePeriodSeconds: 1
  ${spec}
  containers: [{name: c, image: "c:1", resources: ${resources}}]
`
const quota = (name: string, spec: string) => `
apiVersion: v1
kind: ResourceQuota
metadata: {name: ${name}}
spec: ${spec}
`
const workload = (kind: string, replicas: number, resources = '{}') => `
apiVersion: apps/v1
kind: ${kind}
metadata: {name: web}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: web, image: "web:1", resources: ${resources}}]
`

/** What it was refused with; fails where it was not. */
async function refusal(work: Promise<unknown>): Promise<ApiError> {
  const error = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  if (error instanceof ApiError) return error
  return expect.fail(`not refused: ${String(error)}`)
}

const usedOf = async (name: string) => (await place.get(resourceQuotas, name)).status?.used ?? {}
const untilUsed = (name: string, used: Readonly<Record<string, string>>) =>
  scene.cluster.until(
    () => usedOf(name),
    now => Object.entries(used).every(([key, value]) => now[key] === value),
  )

test('quota: what would be more than it allows is refused, and what goes makes room', async () => {
  place = await scene.place()
  await place.create(quota('team', '{hard: {pods: "2", requests.cpu: "1", count/secrets: "1"}}'))
  await untilUsed('team', { pods: '0', 'requests.cpu': '0', 'count/secrets': '0' })
  const half = '{requests: {cpu: 600m}}'
  await place.create(pod({ name: 'p', resources: half }))
  const dear = await refusal(place.create(pod({ name: 'q', resources: half })))
  expect(dear.httpStatus).toBe(403)
  expect(dear.message).toContain(
    'pods "q" is forbidden: exceeded quota: team, requested: requests.cpu=600m, used: requests.cpu=600m, limited: requests.cpu=1',
  )
  // Who is limited has to say what they want.
  const vague = await refusal(place.create(pod({ name: 'q' })))
  expect(vague.message).toContain('failed quota: team: must specify requests.cpu for: c')
  await place.create('{apiVersion: v1, kind: Secret, metadata: {name: s}}')
  const second = place.create('{apiVersion: v1, kind: Secret, metadata: {name: t}}')
  expect((await refusal(second)).message).toContain('exceeded quota: team')
  await place.delete(pods, 'p')
  await place.untilGone(pods, 'p')
  await untilUsed('team', { pods: '0', 'requests.cpu': '0' })
  await place.create(pod({ name: 'q', resources: half }))
})

test('quota with scopes: each counts the pods that it is about, and no others', async () => {
  place = await scene.place()
  await place.create(`
apiVersion: scheduling.k8s.io/v1
kind: PriorityClass
metadata: {name: high}
value: 1000
`)
  const scoped = (scope: string) => `{hard: {pods: "1"}, scopes: [${scope}]}`
  const all = ['BestEffort', 'NotBestEffort', 'Terminating', 'NotTerminating']
  for (const scope of all) await place.create(quota(scope.toLowerCase(), scoped(scope)))
  const selector = '{matchExpressions: [{scopeName: PriorityClass, operator: In, values: [high]}]}'
  await place.create(quota('high', `{hard: {pods: "1"}, scopeSelector: ${selector}}`))
  for (const name of [...all, 'high']) await untilUsed(name.toLowerCase(), { pods: '0' })
  const counts = async () => {
    const found = await place.list(resourceQuotas)
    return Object.fromEntries(found.map(one => [one.metadata.name, one.status?.used?.['pods']]))
  }
  await place.create(pod({ name: 'plain' }))
  expect(await counts()).toEqual({
    besteffort: '1',
    notbesteffort: '0',
    terminating: '0',
    notterminating: '1',
    high: '0',
  })
  const asks = '{requests: {cpu: 100m}}'
  const spec = 'activeDeadlineSeconds: 600\n  priorityClassName: high'
  await place.create(pod({ name: 'other', spec, resources: asks }))
  expect(Object.values(await counts())).toEqual(['1', '1', '1', '1', '1'])
  const third = place.create(pod({ name: 'third', spec, resources: asks }))
  expect((await refusal(third)).message).toContain('exceeded quota')
})

test('LimitRange: what a pod leaves open is filled in, and what is out of range refused', async () => {
  place = await scene.place()
  await place.create(`
apiVersion: v1
kind: LimitRange
metadata: {name: range}
spec:
  limits:
  - type: Container
    default: {cpu: 500m}
    defaultRequest: {cpu: 100m}
    min: {cpu: 50m}
    max: {cpu: "1"}
    maxLimitRequestRatio: {cpu: "10"}
  - type: Pod
    max: {memory: 1Gi}
`)
  const memory = 'memory: 64Mi'
  const made = await place.create(pod({ name: 'p', resources: `{limits: {${memory}}}` }))
  expect((made as unknown as { spec: object }).spec).toMatchObject({
    containers: [
      {
        resources: {
          limits: { cpu: '500m', memory: '64Mi' },
          requests: { cpu: '100m', memory: '64Mi' },
        },
      },
    ],
  })
  const refused = async (limits: string, requests: string) => {
    const resources = `{limits: {${limits}}, requests: {${requests}}}`
    return (await refusal(place.create(pod({ name: 'q', resources })))).message
  }
  expect(await refused(`cpu: "2", ${memory}`, 'cpu: 500m')).toContain(
    'maximum cpu usage per Container is 1, but limit is 2',
  )
  expect(await refused(`cpu: 100m, ${memory}`, 'cpu: 10m')).toContain(
    'minimum cpu usage per Container is 50m, but request is 10m',
  )
  expect(await refused(`cpu: "1", ${memory}`, 'cpu: 50m')).toContain(
    'cpu max limit to request ratio per Container is 10, but provided ratio is 20',
  )
  expect(await refused('cpu: 100m, memory: 2Gi', 'cpu: 100m')).toContain(
    'maximum memory usage per Pod is 1Gi, but limit is 2Gi',
  )
})

const evict = (name: string) =>
  scene.cluster.client.postJson(`/api/v1/namespaces/${place.namespace}/pods/${name}/eviction`, {
    apiVersion: 'policy/v1',
    kind: 'Eviction',
    metadata: { namespace: place.namespace, name },
  })

test('disruption budgets with eviction 429: one goes at a time, and the next when it is replaced', async () => {
  place = await scene.place()
  await place.create(workload('Deployment', 3))
  await place.create(`
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 2, selector: {matchLabels: {app: web}}}
`)
  const allows = (count: number) =>
    place.until(podDisruptionBudgets, 'web', ({ status }) => status?.disruptionsAllowed === count)
  const { status } = await allows(1)
  expect(status).toMatchObject({ expectedPods: 3, currentHealthy: 3, desiredHealthy: 2 })
  const [first = '', second = ''] = namesOf(await place.list(pods))
  await evict(first)
  const leaving = await place.get(pods, first)
  expect(leaving.status?.conditions).toContainEqual(
    expect.objectContaining({
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'EvictionByEvictionAPI',
    }),
  )
  const error = await refusal(evict(second))
  expect(error.httpStatus).toBe(429)
  expect(error.message).toBe("Cannot evict pod as it would violate the pod's disruption budget.")
  // Who deletes does not ask the budget; who evicts waits until another is ready.
  await allows(1)
  expect((await place.list(pods)).filter(isReady)).toHaveLength(3)
  await evict(second)
})

test('pod GC: pods of a node that is gone go too, and are told why', async () => {
  place = await scene.place()
  await scene.cluster.addNode('gone')
  await place.create(pod({ name: 'p', spec: 'nodeName: gone' }))
  await place.create(pod({ name: 'held', spec: 'nodeName: gone' }))
  await place.patch(pods, 'held', { metadata: { finalizers: ['example.com/holds-it'] } })
  await place.untilAll(pods, all => all.every(isReady))
  scene.cluster.kubelets.get('gone')?.stop()
  await scene.cluster.client.delete(nodes, { name: 'gone' })
  // A node that is made anew under its name within forty seconds keeps its pods.
  await scene.cluster.pass(35_000)
  expect(await place.list(pods)).toHaveLength(2)
  await place.untilGone(pods, 'p')
  const held = await place.get(pods, 'held')
  expect(held.status?.phase).toBe('Failed')
  expect(held.status?.conditions).toContainEqual(
    expect.objectContaining({ type: 'DisruptionTarget', reason: 'DeletionByPodGC' }),
  )
  await place.patch(pods, 'held', { metadata: { finalizers: null } })
})

test('pod GC: what is to leave a node that is out of service goes without its word', async () => {
  place = await scene.place()
  const { client } = scene.cluster
  await scene.cluster.addNode('dead')
  await place.create(pod({ name: 'p', spec: 'nodeName: dead' }))
  await place.until(pods, 'p', isReady)
  scene.cluster.kubelets.get('dead')?.stop()
  await place.delete(pods, 'p')
  await scene.cluster.pass(120_000)
  // As long as nobody vouches that the machine is off, its containers may run.
  expect(await place.list(pods)).toHaveLength(1)
  const taint = { key: 'node.kubernetes.io/out-of-service', value: 'off', effect: 'NoExecute' }
  await client.patch(nodes, { name: 'dead' }, 'strategic', { spec: { taints: [taint] } })
  await place.untilGone(pods, 'p')
  await client.delete(nodes, { name: 'dead' })
})

test('TTL after finished: Jobs that failed go too, and who is given more time stays for it', async () => {
  place = await scene.place()
  const job = (name: string) => `
apiVersion: batch/v1
kind: Job
metadata: {name: ${name}}
spec:
  backoffLimit: 0
  ttlSecondsAfterFinished: 30
  template:
    metadata: {annotations: {${exitCodeAnnotation}: "1"}}
    spec: {restartPolicy: Never, containers: [{name: c, image: "c:1"}]}
`
  for (const name of ['first', 'later', 'kept']) await place.create(job(name))
  await place.untilAll(jobs, all =>
    all.every(({ status }) => status?.conditions?.some(({ type }) => type === 'Failed') === true),
  )
  await scene.cluster.pass(20_000)
  await place.patch(jobs, 'later', { spec: { ttlSecondsAfterFinished: 90 } })
  await place.patch(jobs, 'kept', { spec: { ttlSecondsAfterFinished: null } })
  await scene.cluster.pass(20_000)
  expect(namesOf(await place.list(jobs))).toEqual(['kept', 'later'])
  await scene.cluster.pass(60_000)
  expect(namesOf(await place.list(jobs))).toEqual(['kept'])
})

// ---- autoscalers: a kind of users stands for the server that knows the metrics ----

const metricsGroup = 'external.metrics.k8s.io'
const queueLengths: Resource<KubeObject & { readonly value: string }> = {
  group: metricsGroup,
  version: 'v1beta1',
  kind: 'QueueLength',
  plural: 'queuelength',
  namespaced: true,
}

const autoscaler = () => place.get(horizontalPodAutoscalers, 'web')
const sizeOf = async () => (await place.get(deployments, 'web')).spec.replicas
const untilSize = (size: number, withinMs?: number) =>
  scene.cluster.until(sizeOf, now => now === size, withinMs)
const conditionOf = ({ status }: HorizontalPodAutoscaler, type: string) =>
  status?.conditions?.find(condition => condition.type === type)

test('HPA v2: a Deployment follows its metric up at once and down after five minutes, within its bounds', async () => {
  place = await scene.place()
  await place.create(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: queuelength.${metricsGroup}
  annotations: {api-approved.kubernetes.io: "unapproved, for a test"}
spec:
  group: ${metricsGroup}
  scope: Namespaced
  names: {plural: queuelength, singular: queuelength, kind: QueueLength, listKind: QueueLengthList}
  versions:
  - name: v1beta1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`)
  await place.create(workload('Deployment', 1))
  await place.create(`
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 2
  maxReplicas: 6
  metrics:
  - type: External
    external:
      metric: {name: queuelength, selector: {matchLabels: {queue: mail}}}
      target: {type: AverageValue, averageValue: "10"}
`)
  // Its least size needs no metric.
  await untilSize(2)
  const blind = await place.until(
    horizontalPodAutoscalers,
    'web',
    one => conditionOf(one, 'ScalingActive')?.status === 'False',
  )
  expect(conditionOf(blind, 'ScalingActive')?.reason).toBe('FailedGetExternalMetric')
  const measure = (value: string) => place.patch(queueLengths, 'mail', { value })
  await scene.cluster.client.create(queueLengths, {
    apiVersion: `${metricsGroup}/v1beta1`,
    kind: 'QueueLength',
    metadata: { namespace: place.namespace, name: 'mail', labels: { queue: 'mail' } },
    value: '35',
  })
  await untilSize(4)
  const grown = await place.until(
    horizontalPodAutoscalers,
    'web',
    ({ status }) => status?.currentReplicas === 4,
  )
  expect(grown.status?.desiredReplicas).toBe(4)
  expect(await place.reasons('web')).toContain('SuccessfulRescale')
  await measure('500')
  await untilSize(6)
  await place.until(
    horizontalPodAutoscalers,
    'web',
    one => conditionOf(one, 'ScalingLimited')?.reason === 'TooManyReplicas',
  )
  await measure('15')
  await scene.cluster.pass(240_000)
  expect(await sizeOf()).toBe(6)
  expect(conditionOf(await autoscaler(), 'AbleToScale')?.reason).toBe('ScaleDownStabilized')
  await untilSize(2, 120_000)
})

test('quota: a ReplicaSet makes as many pods as fit, says why not more, and goes on later', async () => {
  place = await scene.place()
  await place.create(quota('few', '{hard: {pods: "2"}}'))
  await untilUsed('few', { pods: '0' })
  await place.create(workload('ReplicaSet', 4))
  const short = await place.until(replicaSets, 'web', ({ status }) =>
    Boolean(status?.conditions?.some(({ type }) => type === 'ReplicaFailure')),
  )
  expect(short.status?.conditions?.[0]).toMatchObject({ status: 'True', reason: 'FailedCreate' })
  expect(await place.list(pods)).toHaveLength(2)
  await place.patch(resourceQuotas, 'few', { spec: { hard: { pods: '4' } } })
  const whole = await place.until(
    replicaSets,
    'web',
    ({ status }) => status?.readyReplicas === 4,
    15 * 60_000,
  )
  expect(whole.status?.conditions ?? []).toEqual([])
})
