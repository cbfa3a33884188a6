// Kinds of users on three masters: there for all as soon as for one, changed under those who read and watch, gone with
// all their objects; as owners and as what is owned; in namespaces that go.

import { afterAll, beforeAll, expect, test } from 'vitest'
import { ApiClient } from './testing/api-client.js'
import type { Answer, WatchLine } from './testing/api-client.js'
import { startSmallCluster } from './testing/small-cluster.js'
import type { SmallCluster } from './testing/small-cluster.js'
import { startTestApiserver } from './testing/start-apiserver.js'
import type { TestApiserver } from './testing/start-apiserver.js'

interface Body {
  readonly reason?: string
  readonly message?: string
  readonly items?: readonly Body[]
  readonly metadata: {
    readonly name: string
    readonly uid: string
    readonly resourceVersion: string
    readonly finalizers?: readonly string[]
    readonly ownerReferences?: readonly object[]
    readonly deletionTimestamp?: string
  }
  readonly status?: { readonly conditions?: readonly { type: string; status: string }[] }
}

let cluster: SmallCluster
const others: TestApiserver[] = []
/** Of each master. */
const clients: ApiClient[] = []
let [a, b, c] = [] as unknown as [ApiClient, ApiClient, ApiClient]

beforeAll(async () => {
  cluster = await startSmallCluster([])
  const { store, authority, admin } = cluster.server
  for (let more = 0; more < 2; more++) others.push(await startTestApiserver({ store, authority }))
  for (const { url } of [cluster.server, ...others]) {
    clients.push(new ApiClient(url, admin.caFile, admin))
  }
  ;[a, b, c] = clients as [ApiClient, ApiClient, ApiClient]
})

afterAll(async () => {
  for (const client of clients) client.close()
  for (const other of others) await other.close()
  await cluster.close()
})

const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'

function definition(plural: string, fields: readonly string[] = ['size']) {
  const properties = Object.fromEntries(fields.map(name => [name, { type: 'integer' }]))
  const openAPIV3Schema = {
    type: 'object',
    properties: { spec: { type: 'object', properties } },
  }
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.sea.example.com` },
    spec: {
      group: 'sea.example.com',
      scope: 'Namespaced',
      names: { plural, kind: plural.toUpperCase() },
      versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema } }],
    },
  }
}

const collection = (plural: string, namespace = 'default') =>
  `/apis/sea.example.com/v1/namespaces/${namespace}/${plural}`

const object = (plural: string, name: string, more: object = {}) => ({
  apiVersion: 'sea.example.com/v1',
  kind: plural.toUpperCase(),
  metadata: { name, ...more },
  spec: { size: 1 },
})

async function answered(call: Promise<Answer>, code: number): Promise<Body> {
  const answer = await call
  expect(answer.status, answer.text).toBe(code)
  return answer.json<Body>()
}

const patience = { interval: 20, timeout: 20_000 }
const statusOf = (client: ApiClient, path: string, code: number) =>
  expect.poll(async () => (await client.get(path)).status, patience).toBe(code)

async function define(plural: string): Promise<string> {
  await answered(a.request('POST', definitions, definition(plural)), 201)
  for (const client of clients) await statusOf(client, collection(plural), 200)
  return collection(plural)
}

const merge = (client: ApiClient, path: string, body: object) =>
  client.request('PATCH', path, body, { 'content-type': 'application/merge-patch+json' })

test('what one master defines all of them serve, and discover', async () => {
  const boats = await define('boats')
  await answered(b.request('POST', boats, object('boats', 'one')), 201)
  for (const client of clients) {
    const list = await answered(client.get(boats), 200)
    expect(list.items?.map(({ metadata }) => metadata.name)).toEqual(['one'])
    const found = await client.get('/apis/sea.example.com/v1')
    expect(found.text).toContain('"name":"boats"')
    const schema = await client.get('/openapi/v3/apis/sea.example.com/v1')
    expect(schema.text).toContain('size')
  }
})

test('a definition changes under readers and watchers: nobody is refused, and no event is missed', async () => {
  const ships = await define('ships')
  const { metadata } = await answered(c.get(ships), 200)
  const seen: string[] = []
  let version = metadata.resourceVersion
  const state = { over: false }
  // As an informer does: it goes on behind what it has whenever the watch ends.
  const watching = (async () => {
    while (!state.over) {
      const watch = c.watch(`${ships}?watch=1&resourceVersion=${version}`)
      for (;;) {
        const line: WatchLine | null = await watch.next().catch(() => null)
        if (line === null) break
        expect(line.type).toBe('ADDED')
        const { name, resourceVersion } = (line.object as unknown as Body).metadata
        version = resourceVersion
        seen.push(name)
        if (name === 'last') {
          watch.stop()
          return
        }
      }
    }
  })()
  const codes = new Set<number>()
  const reading = (async () => {
    while (!state.over) codes.add((await c.get(ships)).status)
  })()
  const made: string[] = []
  for (let round = 0; round < 6; round++) {
    const fields = Array.from({ length: round + 2 }, (_, at) => `field${at}`)
    const { spec } = definition('ships', ['size', ...fields])
    await answered(merge(a, `${definitions}/ships.sea.example.com`, { spec }), 200)
    for (const name of [`x${round}`, `y${round}`]) {
      await answered(b.request('POST', ships, object('ships', name)), 201)
      made.push(name)
    }
  }
  await answered(b.request('POST', ships, object('ships', 'last')), 201)
  await watching
  state.over = true
  await reading
  expect(seen).toEqual([...made, 'last'])
  expect([...codes]).toEqual([200])
  // What the last change added holds on every master.
  for (const [at, client] of clients.entries()) {
    const body = { ...object('ships', `new${at}`), spec: { field6: 1 } }
    const kept = await client.request('POST', `${ships}?fieldValidation=Strict`, body)
    expect(kept.status, kept.text).toBe(201)
  }
})

test('a definition that is deleted waits for its objects, which may only go', async () => {
  const rafts = await define('rafts')
  const hold = { finalizers: ['example.com/hold'] }
  await answered(b.request('POST', rafts, object('rafts', 'held', hold)), 201)
  await answered(b.request('POST', rafts, object('rafts', 'free')), 201)
  const path = `${definitions}/rafts.sea.example.com`
  await answered(a.request('DELETE', path), 200)
  const condition = async () => {
    const { status } = await answered(c.get(path), 200)
    return status?.conditions?.find(({ type }) => type === 'Terminating')?.status
  }
  await expect.poll(condition, patience).toBe('True')
  await statusOf(b, `${rafts}/free`, 404)
  const held = await answered(c.get(`${rafts}/held`), 200)
  expect(held.metadata.deletionTimestamp).toBeDefined()
  for (const client of clients) {
    await expect
      .poll(
        async () => (await client.request('POST', rafts, object('rafts', 'late'))).text,
        patience,
      )
      .toContain('create not allowed while custom resource definition is terminating')
  }
  await answered(merge(b, `${rafts}/held`, { metadata: { finalizers: null } }), 200)
  for (const client of clients) {
    await statusOf(client, path, 404)
    await statusOf(client, rafts, 404)
  }
  // Another one of that name begins with nothing.
  await define('rafts')
  expect((await answered(c.get(rafts), 200)).items).toEqual([])
})

const maps = '/api/v1/namespaces/default/configmaps'

/** An owner, and what it owns: an object of its kind and a config map. */
async function family(plural: string, name: string, more: object = {}) {
  const owners = collection(plural)
  const owner = await answered(b.request('POST', owners, object(plural, name)), 201)
  const reference = {
    apiVersion: 'sea.example.com/v1',
    kind: plural.toUpperCase(),
    name,
    uid: owner.metadata.uid,
    blockOwnerDeletion: true,
  }
  const metadata = { name: `${name}-owned`, ownerReferences: [reference], ...more }
  await answered(c.request('POST', owners, object(plural, metadata.name, metadata)), 201)
  await answered(c.request('POST', maps, { metadata }), 201)
  return {
    owner: `${owners}/${name}`,
    owned: [`${owners}/${name}-owned`, `${maps}/${name}-owned`] as const,
  }
}

/**
 * The collector has seen all that there was: it has removed what came last, of each kind, for want of an owner. Each
 * kind is watched by itself, so it may else hear of a deletion before it hears of what was owned.
 */
async function collected(plural: string): Promise<void> {
  const absent = { apiVersion: 'v1', kind: 'ConfigMap', name: 'never', uid: 'none-such' }
  const metadata = { name: 'marker', ownerReferences: [absent] }
  await answered(a.request('POST', maps, { metadata }), 201)
  await answered(a.request('POST', collection(plural), object(plural, 'marker', metadata)), 201)
  for (const path of [maps, collection(plural)]) await statusOf(a, `${path}/marker`, 404)
}

test('what a custom object owns goes with it, in the background', async () => {
  await define('fleets')
  const { owner, owned } = await family('fleets', 'one')
  await answered(a.request('DELETE', `${owner}?propagationPolicy=Background`), 200)
  expect((await a.get(owner)).status).toBe(404)
  for (const path of owned) await statusOf(b, path, 404)
})

test('what was owned by a kind before anybody knew it goes all the same', async () => {
  // The owner is gone before the collector has heard of its kind.
  await answered(a.request('POST', definitions, definition('tugs')), 201)
  await statusOf(b, collection('tugs'), 200)
  await statusOf(c, collection('tugs'), 200)
  const { owner, owned } = await family('tugs', 'early')
  await answered(b.request('DELETE', `${owner}?propagationPolicy=Background`), 200)
  for (const path of owned) await statusOf(b, path, 404)
})

test('in the foreground it waits for what it owns', async () => {
  await define('convoys')
  const { owner, owned } = await family('convoys', 'one', { finalizers: ['example.com/hold'] })
  await answered(a.request('DELETE', `${owner}?propagationPolicy=Foreground`), 200)
  const dying = async (path: string) =>
    (await answered(b.get(path), 200)).metadata.deletionTimestamp !== undefined
  for (const path of owned) await expect.poll(() => dying(path), patience).toBe(true)
  const waiting = await answered(c.get(owner), 200)
  expect(waiting.metadata.finalizers).toEqual(['foregroundDeletion'])
  for (const path of owned) {
    await answered(merge(b, path, { metadata: { finalizers: null } }), 200)
  }
  for (const path of [...owned, owner]) await statusOf(c, path, 404)
})

test('orphans stay, and name no owner any more', async () => {
  await define('crews')
  const { owner, owned } = await family('crews', 'one')
  await collected('crews')
  await answered(a.request('DELETE', `${owner}?propagationPolicy=Orphan`), 200)
  await statusOf(b, owner, 404)
  for (const path of owned) {
    const { metadata } = await answered(c.get(path), 200)
    expect(metadata.ownerReferences).toBeUndefined()
  }
})

test('a namespace goes with the custom objects in it', async () => {
  await define('docks')
  const namespaces = '/api/v1/namespaces'
  await answered(b.request('POST', namespaces, { metadata: { name: 'port' } }), 201)
  const docks = collection('docks', 'port')
  await answered(c.request('POST', docks, object('docks', 'free')), 201)
  const hold = { finalizers: ['example.com/hold'] }
  await answered(c.request('POST', docks, object('docks', 'held', hold)), 201)
  await answered(a.request('DELETE', `${namespaces}/port`), 200)
  await statusOf(b, `${docks}/free`, 404)
  const why = async () => {
    const { status } = await answered(c.get(`${namespaces}/port`), 200)
    return status?.conditions
  }
  await expect.poll(why, patience).toContainEqual(
    expect.objectContaining({
      type: 'NamespaceFinalizersRemaining',
      status: 'True',
      message:
        'Some content in the namespace has finalizers remaining: example.com/hold in 1 resource instances',
    }),
  )
  await answered(merge(b, `${docks}/held`, { metadata: { finalizers: null } }), 200)
  await statusOf(c, `${namespaces}/port`, 404)
})
