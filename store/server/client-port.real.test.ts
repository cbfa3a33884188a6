// The client port and the client against each other over real sockets, with one member that needs
// no quorum: what a link may do, what it may not, and what happens when the member is in trouble.

import { once } from 'node:events'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'

import { RaftsmanError } from '../../platform/errors.js'
import type { StoreClient } from '../client/store-client.js'
import type { PutRequest, WatchRequest } from '../core/types.js'
import {
  FrameWriter,
  decodeServerFrame,
  encodeClientMessage,
  protocolLimits,
  protocolPath,
} from '../protocol.js'
import type { ClientMessage } from '../protocol.js'
import { Seen, clientOf, everyKey, text, utf8 } from './testing/clients.js'
import { startLoneMember } from './testing/lone-member.js'
import type { LoneMember } from './testing/lone-member.js'
import { RawPeer, hello } from './testing/raw-peer.js'

let member: LoneMember
const clients: StoreClient[] = []

const connect = (options: Parameters<typeof clientOf>[1] = {}): StoreClient => {
  const client = clientOf([member.address], options)
  clients.push(client)
  return client
}

const put = (key: string, value: string): PutRequest => ({ key: utf8(key), value: utf8(value) })

async function failure(promise: Promise<unknown>): Promise<RaftsmanError> {
  const error: unknown = await promise.then(
    () => null,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(RaftsmanError)
  return error as RaftsmanError
}

beforeEach(async () => {
  member = await startLoneMember()
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await member.stop()
})

describe('a client', () => {
  it('puts, gets, compares and deletes', async () => {
    const store = connect()
    const first = await store.put(put('a', '1'))
    expect(first.header).toEqual({ clusterId: 7, memberId: 1, revision: 2, raftTerm: 1 })
    const second = await store.put({ ...put('a', '2'), prevKv: true })
    expect(text(second.prevKv?.value ?? utf8(''))).toBe('1')
    const swapped = await store.txn({
      compare: [{ target: 'mod', result: 'equal', key: utf8('a'), modRevision: 3 }],
      success: [
        { kind: 'put', request: put('b', '3') },
        { kind: 'range', request: everyKey },
      ],
      failure: [],
    })
    expect(swapped.succeeded).toBe(true)
    const inside = swapped.responses[1]
    expect(inside?.kind === 'range' && inside.response.kvs.map(kv => text(kv.value))).toEqual([
      '2',
      '3',
    ])
    const read = await store.txn({
      compare: [],
      success: [{ kind: 'range', request: { key: utf8('b') } }],
      failure: [],
    })
    expect(read.header.revision).toBe(4)
    const gone = await store.deleteRange({ ...everyKey, prevKv: true })
    expect([gone.deleted, gone.prevKvs.map(kv => text(kv.key))]).toEqual([2, ['a', 'b']])
    expect((await store.range({ ...everyKey, serializable: true })).count).toBe(0)
  })

  it('sends all operations of one turn in one frame, and they become one entry of the log', async () => {
    const store = connect()
    // The first write opens a session.
    await store.put(put('k', 'v'))
    const before = member.replica.proposals
    const answers = await Promise.all(
      Array.from({ length: 500 }, (_, at) => store.put(put(`k${at}`, 'v'))),
    )
    expect(member.replica.proposals - before).toBe(1)
    expect(answers.map(answer => answer.header.revision)).toEqual(
      Array.from({ length: 500 }, (_, at) => at + 3),
    )
  })

  it('gets the errors of the store with their codes, and the batch around them succeeds', async () => {
    const store = connect()
    const results = await Promise.allSettled([
      store.put(put('a', '1')),
      store.put(put('', '1')),
      store.put({ ...put('b', '1'), lease: 99 }),
      store.range({ key: utf8('a'), revision: 1_000 }),
      store.put(put('c', '1')),
    ])
    expect(
      results.map(result =>
        result.status === 'fulfilled' ? 'ok' : (result.reason as RaftsmanError).code,
      ),
    ).toEqual(['ok', 'key-empty', 'lease-not-found', 'future-revision', 'ok'])
  })

  it('reads a long range in parts, as one answer at one revision', async () => {
    const store = connect()
    const value = 'x'.repeat(1_000)
    const keys = Array.from({ length: 3_000 }, (_, at) => `k${String(at).padStart(5, '0')}`)
    await Promise.all(keys.map(key => store.put(put(key, value))))
    // Puts go on while the pages are read. Which of them come before the range is open; it has to
    // see all that its own revision covers, and nothing later.
    const progress = { reading: true }
    const listed = store.range(everyKey).finally(() => {
      progress.reading = false
    })
    const late: { key: string; revision: number }[] = []
    while (progress.reading && late.length < 3_000) {
      const key = `l${String(late.length).padStart(5, '0')}`
      late.push({ key, revision: (await store.put(put(key, value))).header.revision })
    }
    const all = await listed
    const { revision } = all.header
    const seen = late.filter(one => one.revision <= revision).map(one => one.key)
    expect(all.kvs.map(kv => text(kv.key))).toEqual([...keys, ...seen])
    expect([all.count, all.more]).toEqual([3_000 + seen.length, false])
    const some = await store.range({ ...everyKey, limit: 2_000 })
    expect([some.kvs.length, some.more, some.count]).toEqual([2_000, true, 3_000 + late.length])
  })

  it('refuses what is too large, and what is too much, before it leaves', async () => {
    const store = connect({ callsMax: 2 })
    const huge = await failure(
      store.put({ key: utf8('a'), value: Buffer.alloc(protocolLimits.requestBytesMax) }),
    )
    expect([huge.code, huge.retryable, huge.outcome]).toEqual([
      'request-too-large',
      false,
      'not-applied',
    ])
    const two = [store.status(), store.status()]
    const third = await failure(store.status())
    expect([third.code, third.retryable]).toEqual(['too-many-requests', true])
    await Promise.all(two)
  })

  it('is refused what would answer more than an answer holds, and nothing is done', async () => {
    const store = connect()
    const value = Buffer.alloc(1024 * 1024)
    for (let at = 0; at < 9; at += 1) await store.put({ key: utf8(`k${at}`), value })
    const read = { kind: 'range', request: everyKey } as const
    const wrote = { kind: 'put', request: put('k0', 'new') } as const
    const asked = [
      store.deleteRange({ ...everyKey, prevKv: true }),
      store.txn({ compare: [], success: [read, wrote], failure: [] }),
      store.txn({ compare: [], success: [read], failure: [] }),
    ]
    for (const { code, retryable, outcome } of await Promise.all(asked.map(failure)))
      expect([code, retryable, outcome]).toEqual(['answer-too-large', false, 'not-applied'])
    const { kvs, header } = await store.range(everyKey)
    expect([kvs.length, header.revision]).toEqual([9, 10])
    const { deleted } = await store.deleteRange(everyKey)
    expect(deleted).toBe(9)
  })

  it('is told that a write is unknown and a read is not applied when no answer comes', async () => {
    const store = connect({ requestTimeoutMs: 300 })
    await store.put(put('a', '0'))
    member.replica.stuck = true
    const [write, read] = await Promise.all([
      failure(store.put(put('a', '1'))),
      failure(store.range(everyKey)),
    ])
    expect([write.code, write.outcome]).toEqual(['timeout', 'unknown'])
    expect([read.code, read.outcome]).toEqual(['timeout', 'not-applied'])
  })

  it('waits through a time without leader, and writes once when there is one again', async () => {
    const store = connect()
    await store.status()
    member.replica.setLeads(false)
    const write = store.put(put('a', '1'))
    const refused = await failure(connect({ requestTimeoutMs: 250 }).put(put('b', '1')))
    expect([refused.code, refused.outcome, refused.retryable]).toEqual([
      'unavailable',
      'not-applied',
      true,
    ])
    member.replica.setLeads(true)
    expect((await write).header.revision).toBe(2)
    expect((await store.range(everyKey)).count).toBe(1)
  })

  it('asks a read again when its member goes, and never a write without a name that may have arrived', async () => {
    const store = connect({ repeatsWrites: false })
    await store.status()
    member.replica.stuck = true
    const write = store.put(put('a', '1'))
    const read = store.range(everyKey)
    const reached = await RawPeer.greeted(member.address)
    reached.close()
    const { address, core } = member
    await member.stop()
    const lost = await failure(write)
    expect([lost.code, lost.outcome, lost.retryable]).toEqual(['connection-lost', 'unknown', false])
    member = await startLoneMember({ listenClient: address }, core)
    expect((await read).count).toBe(0)
    expect(member.replica.proposals).toBe(0)
  })

  it('fails what is under way when it is closed, and everything after', async () => {
    const store = connect()
    await store.put(put('a', '0'))
    member.replica.stuck = true
    const under = store.put(put('a', '1'))
    const turn = new Promise<void>(resolve => setImmediate(() => setImmediate(resolve)))
    await turn
    store.close()
    expect((await failure(under)).outcome).toBe('unknown')
    expect((await failure(store.put(put('a', '1')))).code).toBe('client-closed')
  })

  it('keeps a lease while it renews it, and hears once that it is gone', async () => {
    const store = connect()
    const { id, ttlSeconds } = await store.leaseGrant({ ttlSeconds: 60 })
    expect(ttlSeconds).toBe(60)
    await store.put({ ...put('a', '1'), lease: id })
    expect((await store.leaseTimeToLive(id, true)).keys.map(text)).toEqual(['a'])
    expect((await store.leaseLeases()).leases).toEqual([id])
    await store.leaseRevoke(id)
    expect((await store.range(everyKey)).count).toBe(0)
    expect((await store.leaseKeepAlive(id)).ttlSeconds).toBe(0)
    const lost = await new Promise<Error>(resolve => {
      store.keepAlive(id, resolve)
    })
    expect(lost).toMatchObject({ code: 'lease-lost' })
    expect((await store.leaseTimeToLive(id, false)).ttlSeconds).toBe(-1)
  })

  it('compacts, and physically when asked to', async () => {
    const store = connect()
    for (const value of ['1', '2', '3']) await store.put(put('a', value))
    await store.compact({ revision: 3, physical: true })
    expect(member.core.compacting).toBe(false)
    expect((await failure(store.range({ key: utf8('a'), revision: 2 }))).code).toBe('compacted')
    expect((await failure(store.compact({ revision: 3 }))).code).toBe('compacted')
    expect((await store.status()).compactRevision).toBe(3)
  })
})

describe('a watch', () => {
  it('sees every revision once and in order, from where it asks on', async () => {
    const store = connect()
    for (const value of ['1', '2', '3']) await store.put(put('a', value))
    const old = new Seen(store, { ...everyKey, startRevision: 3, prevKv: true })
    const now = new Seen(store, everyKey)
    await now.until(() => now.created.length === 1)
    await store.deleteRange({ key: utf8('a') })
    await now.until(() => now.events.length === 1)
    await old.until(() => old.events.length === 3)
    expect(old.values).toEqual(['a=2', 'a=3', 'a='])
    expect(old.events.map(event => text(event.prevKv?.value ?? utf8('-')))).toEqual(['1', '2', '3'])
    expect(now.values).toEqual(['a='])
  })

  it('tells its progress on demand, behind the events', async () => {
    const store = connect()
    const seen = new Seen(store, { ...everyKey, startRevision: 2 })
    seen.watch.requestProgress()
    await seen.until(() => seen.progress.length === 1)
    await store.put(put('a', '1'))
    seen.watch.requestProgress()
    await seen.until(() => seen.progress.length === 2)
    expect([seen.revisions, seen.progress]).toEqual([[2], [1, 2]])
  })

  it('ends with the compaction when its history is gone', async () => {
    const store = connect()
    for (const value of ['1', '2', '3']) await store.put(put('a', value))
    await store.compact({ revision: 4 })
    const seen = new Seen(store, { ...everyKey, startRevision: 2 })
    await seen.until(() => seen.end !== null)
    expect(seen.end?.error).toMatchObject({ code: 'compacted' })
    expect(seen.end?.compactRevision).toBe(4)
  })

  it('of several ranges tells what is in any of them, in order, and goes on after a restart', async () => {
    const moreRanges = [{ key: utf8('m') }, { key: utf8('b'), end: utf8('d') }]
    const seen = new Seen(connect(), { key: utf8('a'), end: utf8('c'), moreRanges })
    await seen.until(() => seen.created.length === 1)
    const store = connect()
    for (const key of ['m', 'x', 'b', 'c', 'd', 'a']) await store.put(put(key, '1'))
    await seen.until(() => seen.events.length === 4)
    const { address, core } = member
    await member.stop()
    member = await startLoneMember({ listenClient: address }, core)
    const next = connect()
    for (const key of ['x', 'c', 'm']) await next.put(put(key, '2'))
    await seen.until(() => seen.events.length === 6)
    expect(seen.values).toEqual(['m=1', 'b=1', 'c=1', 'a=1', 'c=2', 'm=2'])
  })

  it('says nothing more after it was cancelled', async () => {
    const store = connect()
    const seen = new Seen(store, everyKey)
    await seen.until(() => seen.created.length === 1)
    seen.watch.cancel()
    const other = new Seen(store, everyKey)
    await other.until(() => other.created.length === 1)
    await store.put(put('a', '1'))
    await other.until(() => other.events.length === 1)
    expect(seen.events).toEqual([])
  })

  it('goes on without gap or duplicate when its member restarts', async () => {
    const writer = connect()
    const seen = new Seen(connect(), { ...everyKey, startRevision: 1 })
    for (let at = 0; at < 50; at++) await writer.put(put(`k${at}`, 'v'))
    await seen.until(() => seen.events.length >= 20)
    const { address, core } = member
    await member.stop()
    member = await startLoneMember({ listenClient: address }, core)
    const next = connect()
    for (let at = 50; at < 100; at++) await next.put(put(`k${at}`, 'v'))
    await seen.until(() => seen.events.length >= 100)
    expect(seen.events.map(event => event.kv.modRevision)).toEqual(
      Array.from({ length: 100 }, (_, at) => at + 2),
    )
  })

  it('that gives no credit gets no events, and costs the member nothing but its cursor', async () => {
    const store = connect()
    const slow = await RawPeer.greeted(member.address)
    slow.send({ kind: 'watchCreate', watch: 1, request: everyKey, creditBytes: 1 })
    await slow.until(() => slow.of('watchCreated').length === 1)
    const value = 'x'.repeat(100_000)
    for (let at = 0; at < 100; at++) await store.put(put('a', value))
    slow.send({ kind: 'ping', id: 1 })
    await slow.until(() => slow.of('pong').length === 1)
    const [first, ...others] = slow.of('watchEvents')
    expect(others).toEqual([])
    expect(first?.bytes).toBe(100_033)
    // Owed as much as it got, it gets the next one when it has paid.
    slow.send({ kind: 'watchCredit', watch: 1, creditBytes: 100_033 })
    await slow.until(() => slow.of('watchEvents').length === 2)
    slow.send({ kind: 'watchCredit', watch: 1, creditBytes: protocolLimits.creditBytesMax })
    await slow.until(() => slow.of('watchEvents').flatMap(({ events }) => events).length === 100)
    slow.close()
  })

  it.each([
    { versionMax: 3, messages: [[1], [2], [3], [4]] },
    { versionMax: 4, messages: [[1, 2], [3], [4]] },
  ])('of a link of version $versionMax is told $messages', async ({ versionMax, messages }) => {
    await connect().put(put('a', '0'))
    const peer = await RawPeer.open(member.address)
    const create = (watch: number, request: WatchRequest): ClientMessage => {
      return { kind: 'watchCreate', watch, request, creditBytes: 1_000 }
    }
    peer.send(
      { kind: 'hello', versionMin: 1, versionMax, client: 'raw', clusterId: 0 },
      create(1, everyKey),
      create(2, everyKey),
      create(3, { ...everyKey, prevKv: true }),
      create(4, everyKey),
      create(5, { ...everyKey, noPut: true }),
    )
    await peer.until(() => peer.of('watchCreated').length === 5)
    await connect().put(put('a', '1'))
    const told = () => peer.of('watchEvents')
    await peer.until(() => told().flatMap(({ watches }) => watches).length === 4)
    expect(told().map(({ watches }) => watches)).toEqual(messages)
    for (const { events, revision } of told()) {
      expect(events.map(({ kv }) => text(kv.value))).toEqual(['1'])
      expect(revision).toBe(3)
    }
    peer.close()
  })

  it('that is cancelled by what another was told is not told it', async () => {
    const store = connect()
    const told: string[] = []
    const watches = ['first', 'second', 'third'].map(name =>
      store.watch(everyKey, {
        onBatch: () => {
          told.push(name)
          watches[1]?.cancel()
        },
        onEnd: error => told.push(error.message),
      }),
    )
    await store.put(put('a', '1'))
    while (told.length < 2) await new Promise(setImmediate)
    await store.put(put('a', '2'))
    while (told.length < 4) await new Promise(setImmediate)
    expect(told).toEqual(['first', 'third', 'first', 'third'])
  })

  it('with an id that is taken is refused, and the first one lives', async () => {
    const store = connect()
    const peer = await RawPeer.greeted(member.address)
    const create = { kind: 'watchCreate', watch: 1, request: everyKey, creditBytes: 1_000 } as const
    peer.send(create, create)
    await peer.until(() => peer.of('watchEnd').length === 1)
    expect(peer.of('watchEnd')[0]?.error.code).toBe('watch-exists')
    await store.put(put('a', '1'))
    await peer.until(() => peer.of('watchEvents').length === 1)
    peer.close()
  })
})

describe('a stranger', () => {
  it.each([
    ['garbage', Buffer.from('no MessagePack at all'), /^bad frame/],
    ['a map', Buffer.from('9181a16101', 'hex'), /maps and extensions are refused/],
    ['an unknown message', Buffer.from('919163', 'hex'), /unknown message code 99/],
    ['nesting without end', Buffer.alloc(100_000, 0x91), /nested deeper/],
  ])(
    'that sends %s is cut off with a sentence, and others do not notice',
    async (_what, bytes, sentence) => {
      const store = connect()
      await store.put(put('a', '1'))
      const peer = await RawPeer.greeted(member.address)
      peer.sendBytes(bytes)
      expect(await peer.untilClosed()).toMatch(sentence)
      expect((await store.range(everyKey)).count).toBe(1)
    },
  )

  it('that sends a frame above the limit is cut off', async () => {
    const store = connect()
    await store.put(put('a', '1'))
    const peer = await RawPeer.greeted(member.address)
    peer.sendBytes(Buffer.alloc(protocolLimits.clientFrameBytesMax + 1))
    await peer.untilClosed()
    expect((await store.range(everyKey)).count).toBe(1)
  })

  it('has to greet first', async () => {
    const peer = await RawPeer.open(member.address)
    peer.send({ kind: 'status', id: 1 })
    expect(await peer.untilClosed()).toMatch(/greeting/)
  })

  it('has to speak a version that is spoken here', async () => {
    const peer = await RawPeer.open(member.address)
    peer.send({ kind: 'hello', versionMin: 5, versionMax: 6, client: 'new', clusterId: 0 })
    expect(await peer.untilClosed()).toMatch(/versions 1 to 4 are spoken here/)
  })

  it('that looks for another cluster is told so', async () => {
    const peer = await RawPeer.open(member.address)
    peer.send({ kind: 'hello', versionMin: 1, versionMax: 1, client: 'lost', clusterId: 8 })
    expect(await peer.untilClosed()).toMatch(/belongs to cluster 7/)
  })

  it('that greets and asks in one frame is welcomed in a frame of its own, then answered', async () => {
    const peer = await RawPeer.open(member.address)
    peer.send(hello, { kind: 'status', id: 1 }, { kind: 'memberList', id: 2, linearizable: false })
    await peer.until(() => peer.of('answer').length === 2)
    expect(peer.received.map(({ kind }) => kind)).toEqual(['welcome', 'answer', 'answer'])
    expect(peer.frames).toBe(2)
    peer.close()
  })
})

describe('a client that does not read its answers', () => {
  it('holds neither memory nor anybody else', async () => {
    const store = connect()
    const value = Buffer.alloc(1_000_000)
    await store.put({ key: utf8('large'), value })
    const lazy = new WebSocket(`ws://${member.address}${protocolPath}`)
    await once(lazy, 'open')
    const frameOf = (...messages: readonly ClientMessage[]): Uint8Array => {
      const frames: Uint8Array[] = []
      const writer = new FrameWriter(frame => frames.push(frame))
      for (const message of messages) writer.add(encodeClientMessage(message))
      writer.cut()
      return Buffer.concat(frames)
    }
    lazy.send(frameOf(hello))
    await once(lazy, 'message')
    lazy.pause()
    global.gc?.()
    const before = process.memoryUsage().arrayBuffers
    // One small frame that asks for four gigabytes.
    const ranges = Array.from({ length: 4_000 }, (_, id): ClientMessage => {
      return { kind: 'range', id, request: { key: utf8('large') } }
    })
    lazy.send(frameOf(...ranges))
    for (let at = 0; at < 50; at++) await store.put(put('other', String(at)))
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(200_000_000)
    // It gets all of it when it reads on.
    let answers = 0
    lazy.on('message', (frame: Buffer) => {
      answers += decodeServerFrame(frame, { clusterId: 7, memberId: 1 }).length
      if (answers >= 200) lazy.terminate()
    })
    lazy.resume()
    await once(lazy, 'close')
    expect(answers).toBeGreaterThanOrEqual(200)
    expect((await store.range({ key: utf8('other') })).count).toBe(1)
  })
})

describe('what a member does by itself', () => {
  it('compacts by age when told to', async () => {
    const own = await startLoneMember({ autoCompaction: { mode: 'periodic', retainMs: 200 } })
    const store = clientOf([own.address])
    clients.push(store)
    for (const value of ['1', '2', '3']) await store.put(put('a', value))
    const { revision } = own.core
    while (own.core.compactRevision < revision) await store.status()
    expect(text((await store.range({ key: utf8('a') })).kvs[0]?.value ?? utf8(''))).toBe('3')
    await own.stop()
  })

  it('tells idle watches how far they are, when they asked for it', async () => {
    const own = await startLoneMember({ watchProgressMs: 100 })
    const store = clientOf([own.address])
    clients.push(store)
    const told = new Seen(store, { ...everyKey, progressNotify: true })
    const untold = new Seen(store, everyKey)
    await told.until(() => told.progress.length > 1)
    expect([told.progress[0], untold.progress]).toEqual([1, []])
    await own.stop()
  })
})

describe('plain HTTP on the client port', () => {
  it('tells health and version', async () => {
    const get = async (path: string) => {
      const answer = await fetch(`http://${member.address}${path}`)
      return `${answer.status} ${(await answer.text()).trim()}`
    }
    expect(await get('/livez')).toBe('200 ok')
    expect(await get('/readyz')).toBe('200 ok')
    expect(await get('/health')).toBe('200 {"health":"true","reason":""}')
    // The leader raises the version of a new cluster by and by.
    expect(await get('/version')).toMatch(
      /^200 {"etcdserver":"3\.7\.0","etcdcluster":"3\.7\.0","raftsman":"0\.0\.0","raftsmancluster":"0\.[03]\.0"}$/,
    )
    expect(await get('/metrics')).toBe('404 no metrics are kept')
    member.replica.setLeads(false)
    expect(await get('/readyz')).toMatch(
      /^503 [^]*\n\[-\]leader failed: the cluster has no leader\n/,
    )
    expect(await get('/livez')).toBe('200 ok')
  })
})
