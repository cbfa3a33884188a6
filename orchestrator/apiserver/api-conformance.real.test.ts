// Every kind that is stored, through all that can be done with an object, on our own store and on a real etcd: the API
// is the same. What the store alone has to do is in storage-conformance.real.test.ts.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Store } from '../../store/client/types.js'
import { etcdClientOf } from '../../store/etcd/testing/etcd-clients.js'
import { EtcdProcess } from '../../store/etcd/testing/etcd-process.js'
import { clientOf } from '../../store/server/testing/clients.js'
import { MemberProcess } from '../../store/server/testing/member-process.js'
import type { Kind } from '../api/kind.js'
import { kinds } from '../api/kinds.js'
import type { JsonObject } from '../api/object.js'
import { ApiClient } from './testing/api-client.js'
import type { Answer, OpenWatch } from './testing/api-client.js'
import { sampleOf } from './testing/sample-objects.js'
import { startTestApiserver } from './testing/start-apiserver.js'
import type { TestApiserver } from './testing/start-apiserver.js'

interface Body {
  readonly message?: string
  readonly reason?: string
  readonly items?: readonly Body[]
  readonly metadata: {
    readonly name: string
    readonly uid: string
    readonly resourceVersion: string
    readonly continue?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly deletionTimestamp?: string
    readonly managedFields?: readonly { readonly manager: string; readonly operation: string }[]
  }
}

const resourceOf = ({ group, plural }: Kind) => (group === '' ? plural : `${plural}.${group}`)
/** Each kind once for each version that it is served in. */
const stored = kinds.filter(({ verbs }) => verbs.includes('create') && verbs.includes('delete'))
const namespace = 'all'

function collectionOf({ group, version, plural, namespaced }: Kind): string {
  const root = group === '' ? `/api/${version}` : `/apis/${group}/${version}`
  return namespaced ? `${root}/namespaces/${namespace}/${plural}` : `${root}/${plural}`
}

test('there is a sample of every kind that is stored', () => {
  const missing = stored.filter(kind => sampleOf(resourceOf(kind), 'a', namespace) === null)
  expect(missing.map(resourceOf)).toEqual([])
})

const saidInStatus: ReadonlyMap<string, string> = new Map([
  ['customresourcedefinitions', 'the initial names have been accepted'],
  ['apiservices', '"type":"Available"'],
  ['validatingadmissionpolicies', '"observedGeneration"'],
  ['flowschemas', '"type":"Dangling"'],
])

interface Backend {
  readonly address: string
  stop(): Promise<void>
}

const backends: readonly (readonly [
  name: string,
  start: () => Promise<Backend>,
  open: (address: string) => Store,
])[] = [
  ['our store', () => MemberProcess.start(), address => clientOf([address])],
  ['a real etcd', () => EtcdProcess.start(), address => etcdClientOf([address])],
]

describe.each(backends)('%s', (_, start, open) => {
  let backend: Backend
  let store: Store
  let server: TestApiserver
  let client: ApiClient

  beforeAll(async () => {
    backend = await start()
    store = open(backend.address)
    server = await startTestApiserver({ store })
    client = new ApiClient(server.url, server.admin.caFile, server.admin)
    await client.request('POST', '/api/v1/namespaces', { metadata: { name: namespace } })
    // Pods are refused where there is no account for them.
    const accounts = `/api/v1/namespaces/${namespace}/serviceaccounts`
    await client.request('POST', accounts, { metadata: { name: 'default' } })
  })

  afterAll(async () => {
    client?.close()
    await server?.close()
    store?.close()
    await backend?.stop()
  })

  const answered = async (call: Promise<Answer>, code: number): Promise<Body> => {
    const answer = await call
    expect(answer.status, answer.text).toBe(code)
    return answer.json<Body>()
  }
  const patch = (path: string, type: string, body: object, code = 200) =>
    answered(client.request('PATCH', path, body, { 'content-type': `application/${type}` }), code)
  const namesIn = ({ items = [] }: Body) => items.map(({ metadata }) => metadata.name)

  /** The next event of an object of ours. */
  const next = async (watch: OpenWatch, name: string): Promise<string> => {
    for (;;) {
      const { type, object } = await watch.next()
      if (object.metadata?.['name'] === name) return type
    }
  }

  /** A namespace goes once its content is gone, which somebody has to say. */
  const finalize = async (kind: Kind, path: string) => {
    if (kind.plural !== 'namespaces') return
    const { metadata, ...rest } = await answered(client.get(path), 200)
    const cleared = { ...rest, metadata, spec: { finalizers: [] } }
    await answered(client.request('PUT', `${path}/finalize`, cleared), 200)
  }

  /** Whoever answers for a definition, or looks after a server, says so in its status. */
  const settled = async (kind: Kind, path: string): Promise<Body> => {
    const said = saidInStatus.get(kind.plural)
    if (said !== undefined) {
      await expect
        .poll(async () => (await client.get(path)).text, { timeout: 10_000 })
        .toContain(said)
    }
    return await answered(client.get(path), 200)
  }

  const gone = (path: string) =>
    expect
      .poll(async () => (await client.get(path)).status, { interval: 20, timeout: 10_000 })
      .toBe(404)

  const cycle = async (kind: Kind, custom: JsonObject | null) => {
    const collection = collectionOf(kind)
    const sample = (name: string): JsonObject =>
      custom === null
        ? (sampleOf(resourceOf(kind), name, namespace) ?? {})
        : { ...custom, metadata: { name, labels: { app: 'sample' } } }
    const typed = {
      apiVersion: collection.includes('/apis/') ? `${kind.group}/${kind.version}` : kind.version,
      kind: kind.kind,
    }
    const make = (name: string, query = '', code = 201) =>
      answered(client.request('POST', `${collection}${query}`, { ...typed, ...sample(name) }), code)

    // A dry run says what would be there; it is not.
    const { metadata: would } = await make('a', '?dryRun=All')
    const path = `${collection}/${would.name}`
    expect((await client.get(path)).status).toBe(404)

    const made = await make('a')
    expect(made.metadata.uid).not.toBe(would.uid)
    const created = await settled(kind, path)
    if (made.metadata.resourceVersion === created.metadata.resourceVersion) {
      expect(made).toEqual(created)
    }
    expect(await make('a', '', 409)).toMatchObject({ reason: 'AlreadyExists' })
    const { resourceVersion } = created.metadata
    const watch = client.watch(`${collection}?watch=1&resourceVersion=${resourceVersion}`)

    // Pages of one list.
    const others = [await make('b'), await make('c')]
    const all = [created, ...others].map(({ metadata }) => metadata.name).toSorted()
    const query = '?labelSelector=app%3Dsample&limit=2'
    const first = await answered(client.get(`${collection}${query}`), 200)
    const token = encodeURIComponent(first.metadata.continue ?? '')
    const second = await answered(client.get(`${collection}${query}&continue=${token}`), 200)
    expect([...namesIn(first), ...namesIn(second)]).toEqual(all)
    expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion)

    // Changes: whole, by patches, by who applies.
    const labels = { ...created.metadata.labels, mark: '1' }
    const change = { ...created, metadata: { ...created.metadata, labels } }
    const updated = await answered(client.request('PUT', path, change), 200)
    expect(updated.metadata.labels).toMatchObject({ mark: '1' })
    expect(await answered(client.request('PUT', path, change), 409)).toMatchObject({
      reason: 'Conflict',
    })
    const marked = async (type: string, mark: string) => {
      const body = { metadata: { labels: { mark } } }
      const { metadata } = await patch(path, `${type}+json`, body)
      expect(metadata.labels).toMatchObject({ app: 'sample', mark })
    }
    await marked('merge-patch', '2')
    if (custom === null) await marked('strategic-merge-patch', '3')
    const steps = [{ op: 'replace', path: '/metadata/labels/mark', value: '4' }]
    expect((await patch(path, 'json-patch+json', steps)).metadata.labels).toMatchObject({
      mark: '4',
    })
    const applied = { ...typed, metadata: { name: would.name, labels: { mine: 'yes' } } }
    const { metadata } = await patch(`${path}?fieldManager=one`, 'apply-patch+yaml', applied)
    expect(metadata.labels).toMatchObject({ mark: '4', mine: 'yes' })
    expect(metadata.managedFields).toContainEqual(
      expect.objectContaining({ manager: 'one', operation: 'Apply' }),
    )

    // The past is there as it was.
    const exact = `${collection}?labelSelector=app%3Dsample&resourceVersionMatch=Exact`
    const past = await answered(client.get(`${exact}&resourceVersion=${resourceVersion}`), 200)
    expect(past.items?.map(item => item.metadata)).toEqual([created.metadata])

    // Deletion waits for whoever holds it.
    const held = { metadata: { finalizers: ['example.com/hold'] } }
    await patch(path, 'merge-patch+json', held)
    await client.request('DELETE', `${path}?propagationPolicy=Background`)
    const dying = await answered(client.get(path), 200)
    expect(dying.metadata.deletionTimestamp).toBeDefined()
    await finalize(kind, path)
    await patch(path, 'merge-patch+json', { metadata: { finalizers: null } })
    await gone(path)
    const events = [await next(watch, would.name)]
    while (events.at(-1) !== 'DELETED') events.push(await next(watch, would.name))
    expect(new Set(events.slice(0, -1))).toEqual(new Set(['MODIFIED']))
    watch.stop()

    // All of them at once.
    const selected = 'labelSelector=app%3Dsample&propagationPolicy=Background'
    for (const other of others) {
      const there = `${collection}/${other.metadata.name}`
      await patch(there, 'merge-patch+json', { metadata: { finalizers: null } })
      if (!kind.verbs.includes('deletecollection')) {
        await client.request('DELETE', there)
        await finalize(kind, there)
      }
    }
    if (kind.verbs.includes('deletecollection')) {
      await answered(client.request('DELETE', `${collection}?${selected}`), 200)
    }
    for (const other of others) await gone(`${collection}/${other.metadata.name}`)
  }

  test.each(stored.map(kind => [`${resourceOf(kind)} ${kind.version}`, kind] as const))(
    '%s',
    async (__, kind) => {
      await cycle(kind, null)
    },
  )

  test('a kind of users', async () => {
    const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
    const definition = sampleOf('customresourcedefinitions.apiextensions.k8s.io', 'boat', '')
    await answered(client.request('POST', definitions, definition), 201)
    const kind = {
      ...(stored[0] as Kind),
      group: 'sample.example.com',
      version: 'v1',
      kind: 'BOAT',
      plural: 'boats',
      namespaced: true,
    }
    await expect.poll(async () => (await client.get(collectionOf(kind))).status).toBe(200)
    await cycle(kind, {})
    await answered(client.request('DELETE', `${definitions}/boats.sample.example.com`), 200)
    await gone(`${definitions}/boats.sample.example.com`)
    await gone(collectionOf(kind))
  })

  test('of many who want the last of a quota, one gets it', async () => {
    const root = '/api/v1/namespaces'
    await client.request('POST', root, { metadata: { name: 'tight' } })
    const spec = { hard: { 'count/configmaps': '2' } }
    const quota = { metadata: { name: 'two' }, spec }
    await answered(client.request('POST', `${root}/tight/resourcequotas`, quota), 201)
    const maps = `${root}/tight/configmaps`
    const take = (name: string) => client.request('POST', maps, { metadata: { name } })
    await answered(take('first'), 201)
    const codes = await Promise.all(
      ['a', 'b', 'c', 'd'].map(async name => (await take(name)).status),
    )
    expect(codes.toSorted((a, b) => a - b)).toEqual([201, 403, 403, 403])
    await answered(client.request('DELETE', `${maps}/first`), 200)
    await answered(take('later'), 201)
  })
})
