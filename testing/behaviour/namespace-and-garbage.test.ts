// What users of namespaces and of owners rely on, each by its name.

import { afterAll, beforeAll, expect, test } from 'vitest'
import type { KubeObject, OwnerReference } from '../../orchestrator/api/object.js'
import { isNotFound } from '../../orchestrator/client/api-error.js'
import {
  configMaps,
  deployments,
  namespaces,
  pods,
  type Resource,
  replicaSets,
  secrets,
  serviceAccounts,
} from '../../orchestrator/client/resources.js'
import { must } from '../../platform/errors.js'
import { isReady, namesOf, type Place, Scene } from './scene.js'

let scene: Scene
let place: Place

const widgets: Resource = {
  group: 'example.com',
  version: 'v1',
  kind: 'Widget',
  plural: 'widgets',
  namespaced: true,
}

beforeAll(async () => {
  scene = await Scene.start(['a'])
  place = await scene.place()
  await place.create(`
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, listKind: WidgetList}
  versions:
  - name: v1
    served: true
    storage: true
    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
`)
  await place.untilAll(widgets, () => true)
})

afterAll(async () => {
  await scene?.close()
})

const holder = 'example.com/holds-it'

const web = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: web, image: "web:1"}]
`

async function started(): Promise<void> {
  place = await scene.place()
  await place.create(web)
  await place.untilAll(pods, all => all.filter(isReady).length === 2)
}

const widget = (name: string, more: KubeObject['metadata'] = {}): Promise<KubeObject> =>
  scene.cluster.client.create(widgets, {
    apiVersion: 'example.com/v1',
    kind: 'Widget',
    metadata: { namespace: place.namespace, name, ...more },
  })
const ownedBy = ({ apiVersion, kind, metadata }: KubeObject, block?: boolean): OwnerReference => ({
  apiVersion,
  kind,
  name: metadata.name ?? '',
  uid: metadata.uid ?? '',
  ...(block === undefined ? {} : { blockOwnerDeletion: block }),
})
const own = (name: string, owners: readonly OwnerReference[]) =>
  place.patch(widgets, name, { metadata: { ownerReferences: owners.map(one => ({ ...one })) } })
const letGo = (name: string) => place.patch(widgets, name, { metadata: { finalizers: null } })
const widgetNames = async () => namesOf(await place.list(widgets))
const untilWidgets = (...names: string[]) =>
  scene.cluster.until(widgetNames, now => JSON.stringify(now) === JSON.stringify(names))
const isDeleting = ({ metadata }: KubeObject) => metadata.deletionTimestamp !== undefined

const readNamespace = () => scene.cluster.client.get(namespaces, { name: place.namespace })
const namespaceGone = () =>
  scene.cluster.until(
    () =>
      readNamespace().then(
        () => false,
        (error: unknown) => isNotFound(error),
      ),
    gone => gone,
  )

test('content deletion by discovery: a namespace goes with all of every kind, those of users too', async () => {
  await started()
  await widget('w')
  await place.create('{apiVersion: v1, kind: Secret, metadata: {name: s}}')
  await scene.cluster.client.delete(namespaces, { name: place.namespace })
  const { status, metadata } = await readNamespace()
  expect(status?.phase).toBe('Terminating')
  expect(metadata.deletionTimestamp).toBeDefined()
  // Nothing new comes in meanwhile.
  await expect(widget('late')).rejects.toMatchObject({ httpStatus: 403 })
  await namespaceGone()
  for (const resource of [widgets, secrets, configMaps, serviceAccounts, pods, replicaSets])
    expect(await place.list(resource)).toEqual([])
})

test('content deletion by discovery: what a finalizer holds is waited for, and told', async () => {
  place = await scene.place()
  await widget('w', { finalizers: [holder] })
  await scene.cluster.client.delete(namespaces, { name: place.namespace })
  const waiting = await scene.cluster.until(readNamespace, ({ status }) =>
    Boolean(status?.conditions?.some(one => one.reason === 'SomeFinalizersRemain')),
  )
  expect(waiting.status?.conditions).toContainEqual(
    expect.objectContaining({
      type: 'NamespaceContentRemaining',
      status: 'True',
      reason: 'SomeResourcesRemain',
      message: 'Some resources are remaining: widgets.example.com has 1 resource instances',
    }),
  )
  expect(waiting.status?.conditions).toContainEqual(
    expect.objectContaining({
      type: 'NamespaceFinalizersRemaining',
      status: 'True',
      message: `Some content in the namespace has finalizers remaining: ${holder} in 1 resource instances`,
    }),
  )
  await letGo('w')
  await namespaceGone()
})

test('foreground: an owner goes last, after all that it owns', async () => {
  await started()
  await place.delete(deployments, 'web', { propagationPolicy: 'Foreground' })
  const owner = await place.get(deployments, 'web')
  expect(owner.metadata.finalizers).toEqual(['foregroundDeletion'])
  const seen = new Set<string>()
  await place.alwaysUntil(
    all => {
      if (all.length > 0) seen.add('pods')
    },
    async all => {
      const sets = await place.list(replicaSets)
      const owners = await place.list(deployments)
      if (all.length > 0) expect(sets).toHaveLength(1)
      if (sets.length > 0) expect(owners).toHaveLength(1)
      return owners.length === 0
    },
  )
  expect([...seen]).toEqual(['pods'])
  expect(await place.list(pods)).toEqual([])
})

test('background: an owner goes at once, and what it owned after it', async () => {
  await started()
  await place.delete(deployments, 'web', { propagationPolicy: 'Background' })
  expect(await place.list(deployments)).toEqual([])
  expect(await place.list(pods)).toHaveLength(2)
  await place.untilAll(replicaSets, all => all.length === 0)
  await place.untilAll(pods, all => all.length === 0)
})

test('orphan: what an owner leaves behind lives on, and belongs to nobody', async () => {
  await started()
  const uidsOf = (all: readonly KubeObject[]) => new Set(all.map(({ metadata }) => metadata.uid))
  const before = uidsOf(await place.list(pods))
  await place.delete(deployments, 'web', { propagationPolicy: 'Orphan' })
  await place.untilAll(deployments, all => all.length === 0)
  await scene.cluster.pass(60_000)
  const [set] = await place.list(replicaSets)
  expect(set?.metadata.ownerReferences).toBeUndefined()
  const after = await place.list(pods)
  expect(uidsOf(after)).toEqual(before)
  expect(after.every(isReady)).toBe(true)
})

test('blockOwnerDeletion: an owner in the foreground waits for those who say so, and no others', async () => {
  place = await scene.place()
  const patient = await widget('patient')
  const hasty = await widget('hasty')
  await widget('blocks', { finalizers: [holder], ownerReferences: [ownedBy(patient, true)] })
  await widget('does-not', { finalizers: [holder], ownerReferences: [ownedBy(hasty, false)] })
  await scene.cluster.pass(1_000)
  for (const name of ['patient', 'hasty'])
    await place.delete(widgets, name, { propagationPolicy: 'Foreground' })
  await place.untilGone(widgets, 'hasty')
  await scene.cluster.pass(30_000)
  expect(await widgetNames()).toEqual(['blocks', 'does-not', 'patient'])
  expect((await place.list(widgets)).every(isDeleting)).toBe(true)
  await letGo('blocks')
  await untilWidgets('does-not')
  await letGo('does-not')
  await untilWidgets()
})

/** Each owns the other. */
async function circle(): Promise<void> {
  place = await scene.place()
  const one = await widget('one')
  const two = await widget('two', { ownerReferences: [ownedBy(one, true)] })
  await own('one', [ownedBy(two, true)])
  await scene.cluster.pass(1_000)
}

test('cycles: objects that own one another stay as long as nobody deletes one of them', async () => {
  await circle()
  await scene.cluster.pass(120_000)
  expect(await widgetNames()).toEqual(['one', 'two'])
})

test.each(['Foreground', 'Background'] as const)(
  'cycles: with one of them the other goes, deleted in the %s',
  async propagationPolicy => {
    await circle()
    await place.delete(widgets, 'one', { propagationPolicy })
    await untilWidgets()
  },
)

test('cycles: one that owns itself goes when it is deleted', async () => {
  place = await scene.place()
  const self = await widget('self')
  await own('self', [ownedBy(self, true)])
  await scene.cluster.pass(60_000)
  expect(await widgetNames()).toEqual(['self'])
  await place.delete(widgets, 'self', { propagationPolicy: 'Foreground' })
  await untilWidgets()
})

test('garbage collector: who has two owners stays until both are gone', async () => {
  place = await scene.place()
  const first = await widget('first')
  const second = await widget('second')
  await widget('both', { ownerReferences: [ownedBy(first), ownedBy(second)] })
  await place.delete(widgets, 'first')
  const left = await place.until(
    widgets,
    'both',
    ({ metadata }) => metadata.ownerReferences?.length === 1,
  )
  expect(must(left.metadata.ownerReferences?.[0], 'one is left').name).toBe('second')
  await place.delete(widgets, 'second')
  await untilWidgets()
})
