// The client library of Kubernetes for Node.js, unmodified: informers over masters that come and go, patches of
// four sorts, objects of any kind, the typed APIs. Its streams are in client-streams.real.test.ts.

import { connect, createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import * as k8s from '@kubernetes/client-node'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startTestApiserver } from './testing/start-apiserver.js'
import type { TestApiserver } from './testing/start-apiserver.js'

/** One address for whichever master is there. */
class Front {
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #to: number | null

  constructor(to: number) {
    this.#to = to
    this.#server = createServer(client => {
      if (this.#to === null) {
        client.destroy()
        return
      }
      const master = connect(this.#to, '127.0.0.1')
      for (const socket of [client, master]) {
        this.#sockets.add(socket)
        socket.on('error', () => {})
        socket.on('close', () => {
          this.#sockets.delete(socket)
          client.destroy()
          master.destroy()
        })
      }
      client.pipe(master).pipe(client)
    })
  }

  async listen(): Promise<string> {
    await new Promise<void>(resolve => this.#server.listen(0, '127.0.0.1', resolve))
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  /** Who is connected is cut off. Null: to nobody. */
  turnTo(port: number | null): void {
    this.#to = port
    for (const socket of this.#sockets) socket.destroy()
  }

  close(): void {
    this.turnTo(null)
    this.#server.close()
  }
}

let server: TestApiserver
let config: k8s.KubeConfig
let core: k8s.CoreV1Api

const configOf = (master: TestApiserver, url = master.url): k8s.KubeConfig => {
  const made = new k8s.KubeConfig()
  made.loadFromFile(master.kubeconfig)
  made.clusters = made.clusters.map(cluster => ({ ...cluster, server: url }))
  return made
}

beforeAll(async () => {
  server = await startTestApiserver()
  config = configOf(server)
  core = config.makeApiClient(k8s.CoreV1Api)
})

afterAll(async () => {
  await server.close()
})

const namespace = 'default'
const map = (name: string, data: Record<string, string> = {}): k8s.V1ConfigMap => ({
  metadata: { name },
  data,
})

async function namespaceOf(name: string): Promise<string> {
  await core.createNamespace({ body: { metadata: { name } } })
  return name
}

/** What it refuses with: the code, and the Status that the library leaves as text. */
async function refusal(call: Promise<unknown>): Promise<k8s.V1Status> {
  const error: unknown = await call.then(
    () => new Error('was accepted'),
    (thrown: unknown) => thrown,
  )
  if (!(error instanceof k8s.ApiException)) throw error
  const status = JSON.parse(String(error.body)) as k8s.V1Status
  expect(status).toMatchObject({ kind: 'Status', status: 'Failure', code: error.code })
  return status
}

test('an informer follows through the end of its watch, the death of a master and a lost history', async () => {
  const ns = await namespaceOf('informed')
  const second = await startTestApiserver({ store: server.store, authority: server.authority })
  const doomed = await startTestApiserver({ store: server.store, authority: server.authority })
  const front = new Front(doomed.port)
  const fronted = configOf(server, await front.listen())
  const listing = fronted.makeApiClient(k8s.CoreV1Api)
  // As its documentation says: who hears an error starts it again.
  const informer = k8s.makeInformer(
    fronted,
    `/api/v1/namespaces/${ns}/configmaps?timeoutSeconds=1`,
    async () => {
      lists++
      return await listing.listNamespacedConfigMap({ namespace: ns })
    },
  )
  let [lists, connects, errors] = [0, 0, 0]
  const told: string[] = []
  for (const verb of [k8s.ADD, k8s.UPDATE, k8s.DELETE] as const) {
    informer.on(verb, object => {
      const name = object.metadata?.name ?? ''
      if (name !== 'kube-root-ca.crt') told.push(`${verb} ${name}`)
    })
  }
  let retry: NodeJS.Timeout | undefined
  informer.on(k8s.CONNECT, () => connects++)
  informer.on(k8s.ERROR, () => {
    errors++
    retry = setTimeout(() => void informer.start(), 50)
  })
  const sees = (...events: readonly string[]) =>
    expect.poll(() => told, { timeout: 20_000 }).toEqual(events)

  await core.createNamespacedConfigMap({ namespace: ns, body: map('before') })
  await informer.start()
  await sees('add before')
  await core.createNamespacedConfigMap({ namespace: ns, body: map('a') })
  await core.replaceNamespacedConfigMap({ namespace: ns, name: 'a', body: map('a', { v: '1' }) })
  await core.deleteNamespacedConfigMap({ namespace: ns, name: 'a' })
  await sees('add before', 'add a', 'update a', 'delete a')

  // The server ends the watch each second: it goes on behind what it has, without another list.
  told.length = 0
  const at = connects
  await expect.poll(() => connects, { timeout: 20_000 }).toBeGreaterThan(at)
  await core.createNamespacedConfigMap({ namespace: ns, body: map('b') })
  await sees('add b')
  expect([lists, errors]).toEqual([1, 0])

  // Its master dies, and things happen while nobody answers: the other one knows all of it.
  told.length = 0
  front.turnTo(null)
  await doomed.close()
  await core.createNamespacedConfigMap({ namespace: ns, body: map('c') })
  await core.deleteNamespacedConfigMap({ namespace: ns, name: 'b' })
  front.turnTo(second.port)
  await sees('add c', 'delete b')
  expect(lists).toBe(1)

  // A master that was not there when it happened says 410, and the list shows what was missed.
  told.length = 0
  front.turnTo(null)
  await core.deleteNamespacedConfigMap({ namespace: ns, name: 'before' })
  await core.createNamespacedConfigMap({ namespace: ns, body: map('d') })
  const late = await startTestApiserver({ store: server.store, authority: server.authority })
  front.turnTo(late.port)
  await sees('delete before', 'add d')
  expect(lists).toBe(2)

  const fresh = await core.listNamespacedConfigMap({ namespace: ns })
  const versions = (items: readonly k8s.V1ConfigMap[]) =>
    items.map(({ metadata }) => `${metadata?.name}@${metadata?.resourceVersion}`).toSorted()
  expect(versions(informer.list())).toEqual(versions(fresh.items))
  clearTimeout(retry)
  await informer.stop()
  front.close()
  await second.close()
  await late.close()
})

test('a watch says that its beginning is gone in an event, as the original does', async () => {
  const late = await startTestApiserver({ store: server.store, authority: server.authority })
  const events: unknown[][] = []
  const watch = new k8s.Watch(configOf(late))
  const path = `/api/v1/namespaces/${namespace}/configmaps`
  const error = await new Promise(resolve => {
    void watch.watch(path, { resourceVersion: '1' }, (...event) => events.push(event), resolve)
  })
  expect(error).toBeNull()
  expect(events.map(([phase, object]) => [phase, object])).toMatchObject([
    ['ERROR', { kind: 'Status', code: 410, reason: 'Expired' }],
  ])
  await late.close()
})

test('a watch with bookmarks says where its state ends, and how far it is at its end', async () => {
  const ns = await namespaceOf('marked')
  await core.createNamespacedConfigMap({ namespace: ns, body: map('one') })
  const events: string[] = []
  let last = ''
  const ended = new Promise(resolve => {
    void new k8s.Watch(config).watch(
      `/api/v1/namespaces/${ns}/configmaps`,
      {
        allowWatchBookmarks: true,
        sendInitialEvents: true,
        resourceVersionMatch: 'NotOlderThan',
        timeoutSeconds: 1,
      },
      (phase: string, { metadata }: k8s.KubernetesObject) => {
        const marked = metadata?.annotations?.['k8s.io/initial-events-end'] === 'true'
        events.push(marked ? `${phase} of the state` : `${phase} ${metadata?.name ?? ''}`.trim())
        last = metadata?.resourceVersion ?? ''
      },
      resolve,
    )
  })
  await expect.poll(() => events).toContain('BOOKMARK of the state')
  await core.createNamespacedConfigMap({ namespace: ns, body: map('two') })
  const { metadata } = await core.createNamespacedConfigMap({ namespace, body: map('elsewhere') })
  expect(await ended).toBeNull()
  expect(events.filter(event => !event.includes('kube-root-ca'))).toEqual([
    'ADDED one',
    'BOOKMARK of the state',
    'ADDED two',
    'BOOKMARK',
  ])
  expect(Number(last)).toBeGreaterThanOrEqual(Number(metadata?.resourceVersion))
})

const as = (strategy: string) => k8s.setHeaderOptions('Content-Type', strategy)

test('patches of four sorts', async () => {
  const apps = config.makeApiClient(k8s.AppsV1Api)
  const name = 'patched'
  const labels = { app: name }
  const container = (of: string) => ({ name: of, image: `${of}:1` })
  await apps.createNamespacedDeployment({
    namespace,
    body: {
      metadata: { name },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: { containers: [container('one'), container('two')] },
        },
      },
    },
  })
  const patch = async (strategy: string, body: unknown) => {
    const { spec, metadata } = await apps.patchNamespacedDeployment(
      { namespace, name, body, fieldManager: 'patcher' },
      as(strategy),
    )
    const managers = metadata?.managedFields?.map(entry => `${entry.manager} ${entry.operation}`)
    const images = spec?.template.spec?.containers.map(({ image }) => image)
    return [spec?.replicas, images, managers?.filter(entry => entry.startsWith('patcher'))]
  }
  const { JsonPatch, MergePatch, StrategicMergePatch, ServerSideApply } = k8s.PatchStrategy
  expect(await patch(JsonPatch, [{ op: 'replace', path: '/spec/replicas', value: 2 }])).toEqual([
    2,
    ['one:1', 'two:1'],
    ['patcher Update'],
  ])
  const named = { template: { spec: { containers: [{ name: 'two', image: 'two:2' }] } } }
  expect((await patch(StrategicMergePatch, { spec: named }))[1]).toEqual(['one:1', 'two:2'])
  expect((await patch(MergePatch, { spec: named }))[1]).toEqual(['two:2'])
  const applied = { apiVersion: 'apps/v1', kind: 'Deployment', spec: { paused: true } }
  expect((await patch(ServerSideApply, applied))[2]).toEqual(['patcher Apply', 'patcher Update'])
  expect(await refusal(patch(JsonPatch, [{ op: 'remove', path: '/spec/none' }]))).toMatchObject({
    code: 422,
    reason: 'Invalid',
  })
  expect(await refusal(patch('application/unknown', {}))).toMatchObject({ code: 415 })
})

test('who applies owns it: another manager is in conflict until it takes it by force', async () => {
  const apply = (fieldManager: string, data: object, force?: boolean) =>
    core.patchNamespacedConfigMap(
      {
        namespace,
        name: 'owned',
        body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'owned' }, data },
        fieldManager,
        ...(force === undefined ? {} : { force }),
      },
      as(k8s.PatchStrategy.ServerSideApply),
    )
  await apply('first', { a: '1', b: '1' })
  const conflict = await refusal(apply('second', { a: '2' }))
  expect(conflict).toMatchObject({
    code: 409,
    reason: 'Conflict',
    message: 'Apply failed with 1 conflict: conflict with "first": .data.a',
    details: { causes: [{ reason: 'FieldManagerConflict', field: '.data.a' }] },
  })
  expect((await apply('second', { a: '2' }, true)).data).toEqual({ a: '2', b: '1' })
  // What its last owner leaves out goes; what somebody else has taken stays.
  expect((await apply('first', {})).data).toEqual({ a: '2' })
  const missing = core.patchNamespacedConfigMap(
    { namespace, name: 'owned', body: { apiVersion: 'v1', kind: 'ConfigMap' } },
    as(k8s.PatchStrategy.ServerSideApply),
  )
  expect(await refusal(missing)).toMatchObject({
    code: 422,
    message:
      'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch',
  })
})

interface Boat extends k8s.KubernetesObject {
  spec?: { sails?: number; name?: string }
}

test('objects of any kind, those of users too', async () => {
  const objects = k8s.KubernetesObjectApi.makeApiClient(config)
  await objects.create<k8s.V1CustomResourceDefinition>({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'boats.sea.example.com' },
    spec: {
      group: 'sea.example.com',
      scope: 'Namespaced',
      names: { plural: 'boats', kind: 'Boat' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: {
                spec: {
                  type: 'object',
                  properties: {
                    sails: { type: 'integer', _default: 1 },
                    name: { type: 'string' },
                  },
                },
              },
            },
          },
        },
      ],
    },
  })
  const crd = { apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' }
  const definition = { ...crd, metadata: { name: 'boats.sea.example.com' } }
  await expect
    .poll(async () => {
      const { status } = await objects.read<k8s.V1CustomResourceDefinition>(definition)
      return status?.conditions?.some(
        ({ type, status: is }) => type === 'Established' && is === 'True',
      )
    })
    .toBe(true)
  const boat = {
    apiVersion: 'sea.example.com/v1',
    kind: 'Boat',
    metadata: { name: 'b', namespace },
  }
  expect((await objects.create<Boat>({ ...boat, spec: { name: 'x' } })).spec).toEqual({
    name: 'x',
    sails: 1,
  })
  const patched = await objects.patch<Boat>(
    { ...boat, spec: { sails: 3 } },
    undefined,
    undefined,
    'sailor',
    undefined,
    k8s.PatchStrategy.MergePatch,
  )
  expect(patched.spec).toEqual({ name: 'x', sails: 3 })
  const applied = await objects.patch<Boat>(
    { ...boat, spec: { name: 'y' } },
    undefined,
    undefined,
    'applier',
    true,
    k8s.PatchStrategy.ServerSideApply,
  )
  expect(applied.spec).toEqual({ name: 'y', sails: 3 })
  const strategic = objects.patch<Boat>({ ...boat, spec: {} })
  expect(await refusal(strategic)).toMatchObject({ code: 415, reason: 'UnsupportedMediaType' })
  const listed = await objects.list<Boat>('sea.example.com/v1', 'Boat', namespace)
  expect(listed.items.map(({ spec }) => spec?.name)).toEqual(['y'])
  const now = await objects.read<Boat>(boat)
  expect((await objects.replace<Boat>({ ...now, spec: { name: 'z' } })).spec).toEqual({
    name: 'z',
    sails: 1,
  })
  const stale = objects.replace<Boat>({ ...now, spec: { name: 'late' } })
  expect(await refusal(stale)).toMatchObject({ code: 409, reason: 'Conflict' })
  const free = config.makeApiClient(k8s.CustomObjectsApi)
  const where = { group: 'sea.example.com', version: 'v1', plural: 'boats' }
  expect(await free.getNamespacedCustomObject({ ...where, namespace, name: 'b' })).toMatchObject({
    spec: { name: 'z' },
  })
  expect(await objects.delete(boat)).toMatchObject({ kind: 'Status', status: 'Success' })
  expect(await refusal(objects.read(boat))).toMatchObject({ code: 404, reason: 'NotFound' })
  await objects.delete(definition)
})

const pod: k8s.V1PodTemplateSpec = {
  metadata: { labels: { app: 'typed' } },
  spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'hello:1' }] },
}
const always = {
  metadata: { labels: { app: 'typed' } },
  spec: { containers: [{ name: 'c', image: 'hello:1' }] },
}
const selector = { matchLabels: { app: 'typed' } }
const metadata = { name: 'typed' }

/** One kind of each typed API: made, found, changed with its version, refused with an old one, listed, removed. */
interface Typed {
  create(): Promise<k8s.KubernetesObject>
  read(): Promise<k8s.KubernetesObject>
  replace(body: k8s.KubernetesObject): Promise<k8s.KubernetesObject>
  list(): Promise<{ items: k8s.KubernetesObject[] }>
  remove(): Promise<unknown>
}

const named = { namespace, name: 'typed' }
const typed: Readonly<Record<string, (config: k8s.KubeConfig) => Typed>> = {
  deployments(of) {
    const api = of.makeApiClient(k8s.AppsV1Api)
    return {
      create: () =>
        api.createNamespacedDeployment({
          namespace,
          body: { metadata, spec: { selector, template: always } },
        }),
      read: () => api.readNamespacedDeployment(named),
      replace: body => api.replaceNamespacedDeployment({ ...named, body }),
      list: () => api.listNamespacedDeployment({ namespace }),
      remove: () => api.deleteNamespacedDeployment(named),
    }
  },
  jobs(of) {
    const api = of.makeApiClient(k8s.BatchV1Api)
    return {
      create: () =>
        api.createNamespacedJob({ namespace, body: { metadata, spec: { template: pod } } }),
      read: () => api.readNamespacedJob(named),
      replace: body => api.replaceNamespacedJob({ ...named, body }),
      list: () => api.listNamespacedJob({ namespace }),
      remove: () => api.deleteNamespacedJob({ ...named, propagationPolicy: 'Background' }),
    }
  },
  services(of) {
    const api = of.makeApiClient(k8s.CoreV1Api)
    return {
      create: () =>
        api.createNamespacedService({
          namespace,
          body: { metadata, spec: { ports: [{ port: 80 }] } },
        }),
      read: () => api.readNamespacedService(named),
      replace: body => api.replaceNamespacedService({ ...named, body }),
      list: () => api.listNamespacedService({ namespace }),
      remove: () => api.deleteNamespacedService(named),
    }
  },
  ingresses(of) {
    const api = of.makeApiClient(k8s.NetworkingV1Api)
    const backend = { service: { name: 'typed', port: { number: 80 } } }
    return {
      create: () =>
        api.createNamespacedIngress({
          namespace,
          body: { metadata, spec: { defaultBackend: backend } },
        }),
      read: () => api.readNamespacedIngress(named),
      replace: body => api.replaceNamespacedIngress({ ...named, body }),
      list: () => api.listNamespacedIngress({ namespace }),
      remove: () => api.deleteNamespacedIngress(named),
    }
  },
  roles(of) {
    const api = of.makeApiClient(k8s.RbacAuthorizationV1Api)
    const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }]
    return {
      create: () => api.createNamespacedRole({ namespace, body: { metadata, rules } }),
      read: () => api.readNamespacedRole(named),
      replace: body => api.replaceNamespacedRole({ ...named, body }),
      list: () => api.listNamespacedRole({ namespace }),
      remove: () => api.deleteNamespacedRole(named),
    }
  },
}

test.each(Object.keys(typed))('the typed API of %s', async plural => {
  const api = typed[plural]?.(config) as Typed
  const created = await api.create()
  expect(created.metadata).toMatchObject({ name: 'typed', creationTimestamp: expect.any(Date) })
  expect(await refusal(api.create())).toMatchObject({ code: 409, reason: 'AlreadyExists' })
  const found = await api.read()
  const labels = { at: 'work' }
  const resourceVersion = found.metadata?.resourceVersion ?? ''
  const changed = await api.replace({
    ...found,
    metadata: { name: 'typed', resourceVersion, labels },
  })
  expect(changed.metadata?.labels).toEqual(labels)
  expect(Number(changed.metadata?.resourceVersion)).toBeGreaterThan(
    Number(found.metadata?.resourceVersion),
  )
  expect(await refusal(api.replace(found))).toMatchObject({ code: 409, reason: 'Conflict' })
  const { items } = await api.list()
  expect(items.map(item => item.metadata?.name)).toContain('typed')
  await api.remove()
  expect(await refusal(api.read())).toMatchObject({ code: 404, details: { name: 'typed' } })
})
