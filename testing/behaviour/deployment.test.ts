// What users of Deployments rely on, each by its name.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Deployment } from '../../orchestrator/api/types/apps.js'
import { deployments, pods, replicaSets } from '../../orchestrator/client/resources.js'
import { imageOf, isActive, isReady, namesOf, type Place, Scene } from './scene.js'

let scene: Scene
let place: Place

beforeAll(async () => {
  scene = await Scene.start(['a', 'b'])
})

afterAll(async () => {
  await scene?.close()
})

const web = (replicas: number, more = '') => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: ${replicas}
  ${more}
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: web, image: "web:1"}]
`

const template = (image: string, more: object = {}) => ({
  spec: { template: { spec: { containers: [{ name: 'web', image }], ...more } } },
})
/** Nothing of it ever comes up. */
const nowhere = { nodeSelector: { nowhere: 'yes' } }

const change = (patch: object) =>
  place.patch(deployments, 'web', JSON.parse(JSON.stringify(patch)), { type: 'strategic' })

function isDone({ metadata, spec, status = {} }: Deployment): boolean {
  const wanted = spec.replicas ?? 1
  const { observedGeneration, updatedReplicas, replicas, availableReplicas } = status
  return (
    observedGeneration === metadata.generation &&
    [updatedReplicas, replicas, availableReplicas].every(count => (count ?? 0) === wanted)
  )
}

const rolledOut = () => place.until(deployments, 'web', isDone)

async function started(replicas: number, more = ''): Promise<void> {
  place = await scene.place()
  await place.create(web(replicas, more))
  await rolledOut()
}

/** Sizes wanted of the sets, by image. */
async function sizes(): Promise<Record<string, number>> {
  const sets = await place.list(replicaSets)
  return Object.fromEntries(
    sets.map(({ spec }) => [spec.template?.spec?.containers[0]?.image ?? '', spec.replicas ?? 0]),
  )
}

const conditionOf = ({ status }: Deployment, type: string) =>
  status?.conditions?.find(condition => condition.type === type)

test('RollingUpdate 25%/25%: surge is rounded up, unavailable down', async () => {
  // A quarter of six is 1.5: eight pods at most, five ready ones at least.
  await started(6)
  await change(template('web:2'))
  let most = 0
  await place.alwaysUntil(
    all => {
      most = Math.max(most, all.filter(isActive).length)
      expect(all.filter(isActive).length).toBeLessThanOrEqual(8)
      expect(all.filter(isReady).length).toBeGreaterThanOrEqual(5)
    },
    async () => isDone(await place.get(deployments, 'web')),
  )
  expect(most).toBe(8)
  const left = (await place.list(pods)).filter(isActive)
  expect(left.map(imageOf)).toEqual(Array(6).fill('web:2'))
})

test('Recreate: all old pods are gone before the first new one', async () => {
  await started(3, 'strategy: {type: Recreate}')
  await change(template('web:2'))
  await place.alwaysUntil(
    all => expect(new Set(all.map(imageOf)).size).toBeLessThanOrEqual(1),
    async () => isDone(await place.get(deployments, 'web')),
  )
  expect(await sizes()).toEqual({ 'web:1': 0, 'web:2': 3 })
})

test('pod-template-hash: in the name of the set, its selector, and the labels of its pods', async () => {
  await started(2)
  const [set] = await place.list(replicaSets)
  const hash = set?.metadata.labels?.['pod-template-hash'] ?? ''
  expect(hash).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]+$/)
  expect(set?.metadata.name).toBe(`web-${hash}`)
  expect(set?.spec.selector?.matchLabels).toEqual({ app: 'web', 'pod-template-hash': hash })
  for (const pod of await place.list(pods))
    expect(pod.metadata.labels).toEqual({ app: 'web', 'pod-template-hash': hash })
})

test('proportional scaling: a scale in the middle of an update is shared by size', async () => {
  await started(10, 'strategy: {rollingUpdate: {maxSurge: 3, maxUnavailable: 2}}')
  await change(template('web:2', nowhere))
  await scene.cluster.until(sizes, now => now['web:1'] === 8 && now['web:2'] === 5)
  await change({ spec: { replicas: 15 } })
  await scene.cluster.until(sizes, now => now['web:1'] === 11 && now['web:2'] === 7)
})

test('rollover: a third template takes over from an update under way', async () => {
  await started(4)
  await change(template('web:2', nowhere))
  await scene.cluster.until(sizes, now => (now['web:2'] ?? 0) > 0)
  await change(template('web:3', { nodeSelector: null }))
  await rolledOut()
  expect(await sizes()).toEqual({ 'web:1': 0, 'web:2': 0, 'web:3': 4 })
})

test('revision history 10 and annotations: ten old sets stay, and each says its revision', async () => {
  await started(1)
  for (let image = 2; image <= 13; image += 1) {
    await change(template(`web:${image}`))
    await rolledOut()
  }
  const kept = await place.untilAll(replicaSets, sets => sets.length === 11)
  const revisions = kept.map(
    ({ metadata }) => metadata.annotations?.['deployment.kubernetes.io/revision'],
  )
  expect(revisions.map(Number).sort((a, b) => a - b)).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13])
  const { metadata } = await place.get(deployments, 'web')
  expect(metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('13')
})

test('undo: a template that comes back is its old set, and the newest revision', async () => {
  await started(2)
  const first = namesOf(await place.list(replicaSets))
  await change(template('web:2'))
  await rolledOut()
  await change(template('web:1'))
  await rolledOut()
  const sets = await place.list(replicaSets)
  expect(sets).toHaveLength(2)
  const back = sets.find(({ spec }) => spec.replicas === 2)
  expect([back?.metadata.name]).toEqual(first)
  expect(back?.metadata.annotations).toMatchObject({
    'deployment.kubernetes.io/revision': '3',
    'deployment.kubernetes.io/revision-history': '1',
  })
})

test('pause: a paused one is scaled and not rolled, and goes on when it is resumed', async () => {
  await started(2)
  await change({ spec: { paused: true } })
  await change(template('web:2'))
  await change({ spec: { replicas: 4 } })
  await scene.cluster.until(sizes, now => now['web:1'] === 4)
  await scene.cluster.pass(60_000)
  expect(await sizes()).toEqual({ 'web:1': 4 })
  const paused = await place.get(deployments, 'web')
  expect(conditionOf(paused, 'Progressing')?.reason).toBe('DeploymentPaused')
  await change({ spec: { paused: false } })
  await rolledOut()
  expect(await sizes()).toEqual({ 'web:1': 0, 'web:2': 4 })
})

test('progressDeadline 600 s: what makes no progress for so long says so, and heals', async () => {
  await started(2)
  await change(template('web:2', nowhere))
  await scene.cluster.pass(590_000)
  const before = await place.get(deployments, 'web')
  expect(conditionOf(before, 'Progressing')?.reason).toBe('ReplicaSetUpdated')
  await scene.cluster.pass(20_000)
  const late = conditionOf(await place.get(deployments, 'web'), 'Progressing')
  expect(late).toMatchObject({ status: 'False', reason: 'ProgressDeadlineExceeded' })
  await change(template('web:2', { nodeSelector: null }))
  const healed = await rolledOut()
  expect(conditionOf(healed, 'Progressing')?.reason).toBe('NewReplicaSetAvailable')
})

test('minReadySeconds: a pod counts as available only when it has been ready for so long', async () => {
  place = await scene.place()
  await place.create(web(2, 'minReadySeconds: 30'))
  const ready = await place.until(deployments, 'web', ({ status }) => status?.readyReplicas === 2)
  expect(ready.status?.availableReplicas ?? 0).toBe(0)
  await scene.cluster.pass(20_000)
  const { status } = await place.get(deployments, 'web')
  expect(status?.availableReplicas ?? 0).toBe(0)
  await rolledOut()
})

test('collisionCount: a name that another set has is passed over, and counted', async () => {
  await started(1)
  const [name = ''] = namesOf(await place.list(replicaSets))
  await place.delete(deployments, 'web')
  await place.untilGone(replicaSets, name)
  await place.create(`
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: ${name}}
spec:
  replicas: 0
  selector: {matchLabels: {app: other}}
  template:
    metadata: {labels: {app: other}}
    spec: {containers: [{name: other, image: "other:1"}]}
`)
  await place.create(web(1))
  const made = await rolledOut()
  expect(made.status?.collisionCount).toBe(1)
  expect(namesOf(await place.list(replicaSets, 'app=web'))).not.toContain(name)
})
