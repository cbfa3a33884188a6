// What an API server needs of the store it stands on, asked of all that it can stand on: our own store,
// ours through etcd's protocol, and a real etcd.

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { nodeClock } from '../../platform/node/clock.js'
import { silentLogger } from '../../platform/logger.js'
import { prefixedStore } from '../../store/client/prefixed-store.js'
import type { Store } from '../../store/client/types.js'
import type { RangeRequest, TxnRequest } from '../../store/core/types.js'
import { etcdClientOf } from '../../store/etcd/testing/etcd-clients.js'
import { EtcdProcess } from '../../store/etcd/testing/etcd-process.js'
import { Seen, clientOf, text, utf8 } from '../../store/server/testing/clients.js'
import { MemberProcess } from '../../store/server/testing/member-process.js'
import { EventLease } from './event-lease.js'
import { keyText, prefixEnd } from './keys.js'
import { ObjectStorage } from './object-storage.js'
import type { Write } from './object-storage.js'
import { RegistryCache } from './registry-cache.js'

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
  [
    "our store, by etcd's protocol",
    () => MemberProcess.start(),
    address => etcdClientOf([address]),
  ],
  ['a real etcd', () => EtcdProcess.start(), address => etcdClientOf([address])],
  [
    'a real etcd, below a prefix',
    () => EtcdProcess.start(),
    address => prefixedStore(etcdClientOf([address]), utf8('/raftsman')),
  ],
]

const create = (key: string, value: string): TxnRequest => ({
  compare: [{ key: utf8(key), target: 'version', version: 0, result: 'equal' }],
  success: [{ kind: 'put', request: { key: utf8(key), value: utf8(value) } }],
  failure: [{ kind: 'range', request: { key: utf8(key) } }],
})

const update = (key: string, modRevision: number, value: string): TxnRequest => ({
  ...create(key, value),
  compare: [{ key: utf8(key), target: 'mod', modRevision, result: 'equal' }],
})

const remove = (key: string, modRevision: number): TxnRequest => ({
  ...update(key, modRevision, ''),
  success: [{ kind: 'deleteRange', request: { key: utf8(key) } }],
})

const below = (prefix: string): { readonly key: Uint8Array; readonly end: Uint8Array } => ({
  key: utf8(prefix),
  end: prefixEnd(prefix),
})

describe.each(backends)('%s', (_name, start, open) => {
  let backend: Backend
  let store: Store

  beforeAll(async () => {
    backend = await start()
    store = open(backend.address)
  })

  afterAll(async () => {
    store.close()
    await backend.stop()
  })

  const list = async (prefix: string, options: Partial<RangeRequest> = {}) => {
    const { kvs } = await store.range({ ...below(prefix), ...options })
    return kvs.map(kv => `${text(kv.key)}=${text(kv.value)}`)
  }

  test('creates a key once, and shows who came second what is there', async () => {
    const first = await store.txn(create('/create/a', '1'))
    expect(first.succeeded).toBe(true)
    const second = await store.txn(create('/create/a', '2'))
    expect(second).toMatchObject({
      succeeded: false,
      responses: [
        {
          kind: 'range',
          response: { kvs: [{ version: 1, createRevision: first.header.revision, lease: 0 }] },
        },
      ],
    })
    expect(await list('/create/')).toEqual(['/create/a=1'])
  })

  test('changes and deletes a key only at the revision that was seen', async () => {
    const { revision } = (await store.txn(create('/swap/a', '1'))).header
    const changed = await store.txn(update('/swap/a', revision, '2'))
    expect(changed).toMatchObject({ succeeded: true, header: { revision: revision + 1 } })
    expect((await store.txn(update('/swap/a', revision, '3'))).succeeded).toBe(false)
    expect((await store.txn(remove('/swap/a', revision))).succeeded).toBe(false)
    expect(await list('/swap/')).toEqual(['/swap/a=2'])
    const removed = await store.txn(remove('/swap/a', revision + 1))
    expect(removed).toMatchObject({
      succeeded: true,
      responses: [{ kind: 'deleteRange', response: { deleted: 1 } }],
    })
    expect((await store.range({ key: utf8('/swap/a') })).kvs).toEqual([])
  })

  test('lists the past as it was', async () => {
    const { revision } = (await store.txn(create('/past/a', '1'))).header
    await store.put({ key: utf8('/past/a'), value: utf8('2') })
    await store.put({ key: utf8('/past/b'), value: utf8('3') })
    await store.deleteRange({ key: utf8('/past/a') })
    expect(await list('/past/')).toEqual(['/past/b=3'])
    expect(await list('/past/', { revision })).toEqual(['/past/a=1'])
    expect(await list('/past/', { revision: revision + 2 })).toEqual(['/past/a=2', '/past/b=3'])
    await expect(list('/past/', { revision: revision + 1_000 })).rejects.toMatchObject({
      code: 'future-revision',
      outcome: 'not-applied',
    })
  })

  test('gives a long list in pages, all of one revision', async () => {
    for (let at = 0; at < 7; at += 1) {
      await store.put({ key: utf8(`/pages/${at}`), value: utf8('old') })
    }
    const first = await store.range({ ...below('/pages/'), limit: 3 })
    expect([first.kvs.length, first.more, first.count]).toEqual([3, true, 7])
    const { revision } = first.header
    await store.deleteRange({ key: utf8('/pages/4') })
    await store.put({ key: utf8('/pages/5'), value: utf8('new') })
    const second = await store.range({
      key: utf8('/pages/2\0'),
      end: prefixEnd('/pages/'),
      limit: 3,
      revision,
    })
    expect(second.kvs.map(kv => text(kv.key))).toEqual(['/pages/3', '/pages/4', '/pages/5'])
    expect(second.kvs.map(kv => text(kv.value))).toEqual(['old', 'old', 'old'])
    expect([second.more, second.count]).toEqual([true, 4])
    expect((await store.range({ ...below('/pages/'), countOnly: true })).count).toBe(6)
  })

  test('watches from a revision on: every change once, in order, with what was there before', async () => {
    const { revision } = (await store.txn(create('/watch/a', '1'))).header
    await store.put({ key: utf8('/watch/b'), value: utf8('2') })
    await store.deleteRange({ key: utf8('/watch/a') })
    const request = { ...below('/watch/'), startRevision: revision, prevKv: true }
    const seen = new Seen(store, request)
    await seen.until(() => seen.events.length === 3)
    await store.put({ key: utf8('/watch/b'), value: utf8('3') })
    await store.put({ key: utf8('/other'), value: utf8('x') })
    await store.put({ key: utf8('/watch/c'), value: utf8('4') })
    await seen.until(() => seen.events.length === 5)
    expect(seen.values).toEqual([
      '/watch/a=1',
      '/watch/b=2',
      '/watch/a=',
      '/watch/b=3',
      '/watch/c=4',
    ])
    const before = seen.events.map(({ prevKv }) => (prevKv === null ? null : text(prevKv.value)))
    expect(before).toEqual([null, null, '1', '2', null])
    const revisions = seen.events.map(({ kv }) => kv.modRevision)
    expect(revisions).toEqual([0, 1, 2, 3, 5].map(later => revision + later))
    // Who comes back goes on behind what it has.
    const resumed = new Seen(store, { ...request, startRevision: revision + 3 })
    await resumed.until(() => resumed.events.length === 2)
    expect(resumed.values).toEqual(['/watch/b=3', '/watch/c=4'])
    seen.watch.cancel()
    resumed.watch.cancel()
  })

  test('delivers the changes of one transaction together', async () => {
    const { revision } = (await store.range({ key: utf8('/x') })).header
    const seen = new Seen(store, { ...below('/together/'), startRevision: revision + 1 })
    const puts = ['a', 'b', 'c'].map(name => ({
      kind: 'put' as const,
      request: { key: utf8(`/together/${name}`), value: utf8('1') },
    }))
    await store.txn({ compare: [], success: puts, failure: [] })
    await seen.until(() => seen.events.length > 0)
    expect(seen.events).toHaveLength(3)
    expect(seen.revisions).toEqual([revision + 1])
    seen.watch.cancel()
  })

  test('tells an idle watch how far the store is, when asked', async () => {
    const seen = new Seen(store, below('/idle/'))
    await seen.until(() => seen.created.length === 1)
    const { revision } = (await store.put({ key: utf8('/elsewhere'), value: utf8('1') })).header
    // As the registry's cache does: it asks again until it knows.
    const asking = setInterval(() => seen.watch.requestProgress(), 100)
    await seen.until(() => seen.progress.some(progress => progress >= revision))
    clearInterval(asking)
    expect(seen.events).toEqual([])
    seen.watch.cancel()
  })

  test('after a compaction the past is gone, for lists and for watches', async () => {
    const { revision } = (await store.txn(create('/compact/a', '1'))).header
    await store.txn(update('/compact/a', revision, '2'))
    await store.compact({ revision: revision + 1 })
    await expect(list('/compact/', { revision })).rejects.toMatchObject({
      code: 'compacted',
      retryable: false,
      outcome: 'not-applied',
    })
    expect(await list('/compact/', { revision: revision + 1 })).toEqual(['/compact/a=2'])
    const seen = new Seen(store, { ...below('/compact/'), startRevision: revision })
    await seen.until(() => seen.end !== null)
    expect(seen.end).toMatchObject({
      error: { code: 'compacted' },
      compactRevision: revision + 1,
    })
    await expect(store.compact({ revision })).rejects.toMatchObject({ code: 'compacted' })
    const { header } = await store.range({ key: utf8('/x') })
    await expect(store.compact({ revision: header.revision + 9 })).rejects.toMatchObject({
      code: 'future-revision',
    })
  })

  test('keys of a lease go with it, and watches see them go', async () => {
    const { id, ttlSeconds } = await store.leaseGrant({ ttlSeconds: 1_000 })
    expect(ttlSeconds).toBe(1_000)
    const { header } = await store.put({ key: utf8('/lease/a'), value: utf8('1'), lease: id })
    expect((await store.range(below('/lease/'))).kvs).toMatchObject([{ lease: id }])
    expect(await store.leaseKeepAlive(id)).toMatchObject({ id, ttlSeconds: 1_000 })
    const left = await store.leaseTimeToLive(id, true)
    expect(left.grantedTtlSeconds).toBe(1_000)
    expect(left.keys.map(keyText)).toEqual(['/lease/a'])
    expect((await store.leaseLeases()).leases).toContain(id)
    const seen = new Seen(store, { ...below('/lease/'), startRevision: header.revision + 1 })
    await store.leaseRevoke(id)
    await seen.until(() => seen.events.length === 1)
    expect(seen.events[0]?.kind).toBe('delete')
    seen.watch.cancel()
    expect(await store.leaseKeepAlive(id)).toMatchObject({ ttlSeconds: 0 })
    expect(await store.leaseTimeToLive(id, false)).toMatchObject({ ttlSeconds: -1 })
    await expect(store.leaseRevoke(id)).rejects.toMatchObject({ code: 'lease-not-found' })
    const put = store.put({ key: utf8('/lease/b'), value: utf8('1'), lease: id })
    await expect(put).rejects.toMatchObject({ code: 'lease-not-found', outcome: 'not-applied' })
  })

  test('keys of a lease that nobody renews go by themselves', async () => {
    const { id } = await store.leaseGrant({ ttlSeconds: 1 })
    const { header } = await store.put({ key: utf8('/expiry/a'), value: utf8('1'), lease: id })
    const seen = new Seen(store, { ...below('/expiry/'), startRevision: header.revision + 1 })
    await seen.until(() => seen.events.length === 1)
    expect(seen.events[0]?.kind).toBe('delete')
    seen.watch.cancel()
  })

  test('says what is wrong with a request', async () => {
    const put = (key: string, value: Uint8Array) => store.put({ key: utf8(key), value })
    await expect(put('', utf8('1'))).rejects.toMatchObject({
      code: 'key-empty',
      outcome: 'not-applied',
    })
    await expect(put('/large', new Uint8Array(1_600_000))).rejects.toMatchObject({
      code: 'request-too-large',
      outcome: 'not-applied',
    })
    const twice = create('/twice', '1').success
    const txn = store.txn({ compare: [], success: [...twice, ...twice], failure: [] })
    await expect(txn).rejects.toMatchObject({ code: 'duplicate-key' })
  })

  test('says who its members are', async () => {
    const status = await store.status()
    expect(status).toMatchObject({ role: 'leader', healthy: true })
    const members = await store.memberList()
    expect(members).toMatchObject([{ id: status.leader, learner: false, name: status.name }])
    expect(members[0]?.clientAddresses).toEqual([backend.address])
  })

  describe('as the API server uses it', () => {
    const clock = nodeClock()
    const object = (name: string) =>
      JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } })
    const write = (name: string, changes: Partial<Write> = {}): Write => ({
      key: `/registry/core/configmaps/default/${name}`,
      expected: 0,
      value: utf8(object(name)),
      lease: 0,
      claims: new Map(),
      releases: [],
      ...changes,
    })

    test('objects are committed, in conflict, or claim what another one holds', async () => {
      const storage = new ObjectStorage(store, clock)
      const claims = new Map([['/claims/10.96.0.7', utf8('one')]])
      const first = await storage.commit(write('one', { claims }))
      expect(first.kind).toBe('committed')
      expect((await storage.commit(write('one'))).kind).toBe('conflict')
      expect(await storage.commit(write('two', { claims }))).toEqual({
        kind: 'claimed',
        keys: ['/claims/10.96.0.7'],
      })
      const revision = first.kind === 'committed' ? first.revision : 0
      expect((await storage.read(write('one').key))?.revision).toBe(revision)
      const releases = ['/claims/10.96.0.7']
      const removal = write('one', { expected: revision, value: null, releases })
      expect((await storage.commit(removal)).kind).toBe('committed')
      expect((await storage.commit(write('two', { claims }))).kind).toBe('committed')
    })

    test('its cache follows the store, and knows when it is as fresh as any', async () => {
      const storage = new ObjectStorage(store, clock)
      await storage.commit(write('cached-1'))
      const cache = new RegistryCache({ store, clock, logger: silentLogger })
      cache.start()
      await cache.waitUntilFresh(10_000)
      expect(cache.resource('core/configmaps').get(write('cached-1').key)).toBeDefined()
      await storage.commit(write('cached-2'))
      await store.put({ key: utf8('/elsewhere'), value: utf8('2') })
      const revision = await cache.waitUntilFresh(10_000)
      expect(cache.revision).toBeGreaterThanOrEqual(revision)
      expect(cache.resource('core/configmaps').get(write('cached-2').key)).toBeDefined()
      cache.close()
    })

    test('events share a lease, and another one when it is gone', async () => {
      const storage = new ObjectStorage(store, clock)
      const leases = new EventLease(store, clock)
      const lease = await leases.id()
      expect(await leases.id()).toBe(lease)
      expect((await storage.commit(write('event-1', { lease }))).kind).toBe('committed')
      await store.leaseRevoke(lease)
      expect(await storage.read(write('event-1').key)).toBeNull()
      const late = storage.commit(write('event-2', { lease }))
      await expect(late).rejects.toMatchObject({ code: 'lease-not-found' })
      leases.forget()
      expect(await leases.id()).not.toBe(lease)
    })
  })
})
