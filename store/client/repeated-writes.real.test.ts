// Writes whose answer is lost: the client asks again, and they are done once all the same. One member that
// needs no quorum, over real sockets; what is lost is lost between its log and its port.

import { afterEach, beforeEach, expect, it } from 'vitest'

import { MemoryBackend } from '../backend/memory.js'
import { StoreCore } from '../core/store-core.js'
import type { RaftsmanError } from '../../platform/errors.js'
import { clientOf, text, utf8 } from '../server/testing/clients.js'
import { startLoneMember } from '../server/testing/lone-member.js'
import type { LoneMember } from '../server/testing/lone-member.js'
import { RawPeer, hello } from '../server/testing/raw-peer.js'
import type { StoreClient, StoreClientOptions } from './store-client.js'

let member: LoneMember
const clients: StoreClient[] = []

beforeEach(async () => {
  member = await startLoneMember()
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await member.stop()
})

const put = { key: utf8('a'), value: utf8('x') }

/** A client that has its session. */
async function connect(options: Partial<StoreClientOptions> = {}): Promise<StoreClient> {
  const client = clientOf([member.address], options)
  clients.push(client)
  await client.put({ key: utf8('warm'), value: utf8('up') })
  return client
}

/** The member goes and comes back on its port, with its state or another. */
async function restart(core = member.core): Promise<void> {
  const { address } = member
  await member.stop()
  member = await startLoneMember({ listenClient: address }, core)
}

const applied = async (proposals: number): Promise<void> => {
  while (member.replica.proposals < proposals) {
    await new Promise(resolve => {
      setImmediate(resolve)
    })
  }
}

/** How often the key was written. */
async function versionOf(client: StoreClient): Promise<number> {
  const { kvs } = await client.range({ key: utf8('a') })
  return kvs[0]?.version ?? 0
}

const failure = (promise: Promise<unknown>): Promise<RaftsmanError> =>
  promise.then(
    () => {
      throw new Error('it did not fail')
    },
    (error: RaftsmanError) => error,
  )

it('a write whose connection ends before its answer is answered over the next one', async () => {
  const client = await connect()
  member.replica.losesAnswers = 'silently'
  const before = member.replica.proposals
  const write = client.put(put)
  await applied(before + 1)
  await restart()
  expect((await write).header.revision).toBe(3)
  expect(await versionOf(client)).toBe(1)
})

it('writes of which a leader is lost are asked again, all kinds of them, and done once', async () => {
  const client = await connect()
  await client.put({ ...put, key: utf8('b') })
  member.replica.losesAnswers = 'leader-lost'
  const before = member.replica.proposals
  const writes = [
    client.put(put),
    client.deleteRange({ key: utf8('b') }).then(({ deleted }) => expect(deleted).toBe(1)),
    client
      .txn({
        compare: [{ target: 'version', result: 'equal', version: 0, key: utf8('c') }],
        success: [{ kind: 'put', request: { ...put, key: utf8('c') } }],
        failure: [],
      })
      .then(({ succeeded }) => expect(succeeded).toBe(true)),
    client.leaseGrant({ ttlSeconds: 60 }),
    client.compact({ revision: 3 }),
  ]
  await applied(before + 1)
  member.replica.losesAnswers = 'never'
  await Promise.all(writes)
  expect(await versionOf(client)).toBe(1)
  expect((await client.leaseLeases()).leases).toHaveLength(1)
  expect((await client.status()).compactRevision).toBe(3)
})

it.each(['silently', 'leader-lost'] as const)(
  'an opening whose answer is lost (%s) opens no second session',
  async how => {
    const client = clientOf([member.address])
    clients.push(client)
    member.replica.losesAnswers = how
    const write = client.put(put)
    await applied(how === 'silently' ? 1 : 3)
    if (how === 'silently') await restart()
    else member.replica.losesAnswers = 'never'
    await write
    expect(await versionOf(client)).toBe(1)
    const peer = await RawPeer.open(member.address)
    peer.send({ ...hello, versionMax: 3 } as typeof hello, { kind: 'openSession', id: 1 })
    await peer.until(() => peer.of('answer').length === 1)
    expect(peer.of('answer')[0]?.answer.response).toMatchObject({ session: 2 })
    peer.close()
  },
)

it('a write is unknown when its time is over before anybody could say what became of it', async () => {
  const client = await connect({ requestTimeoutMs: 400 })
  member.replica.losesAnswers = 'leader-lost'
  expect(await failure(client.put(put))).toMatchObject({ code: 'timeout', outcome: 'unknown' })
  member.replica.losesAnswers = 'never'
  expect(await versionOf(client)).toBe(1)
})

it('a write is unknown when its session is forgotten; the next one opens another', async () => {
  const client = await connect()
  member.replica.losesAnswers = 'silently'
  const before = member.replica.proposals
  const write = client.put(put)
  await applied(before + 1)
  await restart(new StoreCore(new MemoryBackend(), { clusterId: 7, memberId: 1 }))
  expect(await failure(write)).toMatchObject({ code: 'session-not-found', outcome: 'unknown' })
  expect((await client.put(put)).header.revision).toBe(2)
})

it('a write that was never sent before is done in another session when its own is forgotten', async () => {
  const client = await connect()
  await restart(new StoreCore(new MemoryBackend(), { clusterId: 7, memberId: 1 }))
  // Over the new link, not into the old one.
  await client.status()
  const writes = await Promise.all([client.put(put), client.put(put), client.put(put)])
  expect(writes.map(({ header }) => header.revision)).toEqual([2, 3, 4])
  expect(await versionOf(client)).toBe(3)
})

it('a session of another cluster names nothing: what may have been done there is unknown', async () => {
  const client = await connect()
  member.replica.losesAnswers = 'silently'
  const before = member.replica.proposals
  const write = client.put(put)
  await applied(before + 1)
  const { address } = member
  await member.stop()
  const core = new StoreCore(new MemoryBackend(), { clusterId: 8, memberId: 1 })
  member = await startLoneMember({ listenClient: address, clusterId: 8 }, core)
  expect(await failure(write)).toMatchObject({ outcome: 'unknown' })
})

it('what changed nothing and was answered at length is asked for anew', async () => {
  const client = await connect()
  await client.put({ ...put, value: Buffer.alloc(10_000, 'x') })
  member.replica.losesAnswers = 'leader-lost'
  const before = member.replica.proposals
  const swap = client.txn({
    compare: [{ target: 'version', result: 'equal', version: 9, key: utf8('a') }],
    success: [{ kind: 'put', request: put }],
    failure: [{ kind: 'range', request: { key: utf8('a') } }],
  })
  await applied(before + 1)
  member.replica.losesAnswers = 'never'
  const { succeeded, responses } = await swap
  expect(succeeded).toBe(false)
  const [read] = responses
  expect(read?.kind === 'range' && read.response.kvs[0]?.value.length).toBe(10_000)
})

it('more writes than a session remembers wait for one another, in order', async () => {
  await restart(
    new StoreCore(new MemoryBackend(), {
      clusterId: 7,
      memberId: 1,
      sessions: { numbersMax: 4 },
    }),
  )
  const client = await connect()
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, at) => client.put({ ...put, value: utf8(String(at)) })),
  )
  expect(answers.map(({ header }) => header.revision)).toEqual(answers.map((_, at) => at + 3))
  const { kvs } = await client.range({ key: utf8('a') })
  expect(text(kvs[0]?.value ?? utf8(''))).toBe('99')
})

it('where a member knows no sessions writes go without a name', async () => {
  const core = new StoreCore(new MemoryBackend(), { clusterId: 7, memberId: 1, versionMax: 2 })
  const { address } = member
  await member.stop()
  member = await startLoneMember(
    { listenClient: address, tuning: { core: { versionMax: 2 } } },
    core,
  )
  const client = await connect()
  expect((await client.put(put)).header.revision).toBe(3)
  member.replica.losesAnswers = 'leader-lost'
  expect(await failure(client.put(put))).toMatchObject({ code: 'leader-lost', outcome: 'unknown' })
})

it('where the cluster knows no nonces yet sessions are opened all the same', async () => {
  const core = new StoreCore(new MemoryBackend(), { clusterId: 7, memberId: 1, versionMax: 3 })
  const { address } = member
  await member.stop()
  member = await startLoneMember(
    { listenClient: address, tuning: { core: { versionMax: 3 } } },
    core,
  )
  const client = await connect()
  member.replica.losesAnswers = 'leader-lost'
  const before = member.replica.proposals
  const write = client.put(put)
  await applied(before + 1)
  member.replica.losesAnswers = 'never'
  await write
  expect(await versionOf(client)).toBe(1)
})

it('a nonce that is too short or too long is refused, and the link stays', async () => {
  const peer = await RawPeer.open(member.address)
  const nonces = [0, 15, 17, 1_000].map(length => Buffer.alloc(length))
  peer.send(
    { ...hello, versionMax: 3 } as typeof hello,
    ...nonces.map((nonce, at) => ({ kind: 'openSession', id: at, nonce }) as const),
  )
  await peer.until(() => peer.of('error').length === nonces.length)
  expect(peer.of('welcome')[0]?.welcome.version).toBe(3)
  for (const { error } of peer.of('error')) {
    expect(error).toMatchObject({ code: 'malformed', retryable: false, outcome: 'not-applied' })
  }
  peer.send({ kind: 'openSession', id: 9, nonce: Buffer.alloc(16) })
  await peer.until(() => peer.of('answer').length === 1)
  peer.close()
})

it('the same name twice in one frame, or over two links, is one write', async () => {
  const peer = await RawPeer.open(member.address)
  peer.send({ ...hello, versionMax: 2 } as typeof hello)
  await peer.until(() => peer.received.length === 1)
  expect(peer.of('welcome')[0]?.welcome.version).toBe(2)
  peer.send({ kind: 'openSession', id: 1 })
  await peer.until(() => peer.of('answer').length === 1)
  const once = { session: 1, number: 1, floor: 1 }
  peer.send(
    { kind: 'put', id: 2, request: put, once },
    { kind: 'put', id: 3, request: put, once },
    { kind: 'put', id: 4, request: put },
  )
  await peer.until(() => peer.of('answer').length === 4)
  const other = await RawPeer.greeted(member.address)
  other.send({ kind: 'put', id: 9, request: put, once })
  await other.until(() => other.of('answer').length === 1)
  const revisions = [...peer.of('answer'), ...other.of('answer')].map(
    ({ answer }) => answer.response.header.revision,
  )
  expect(revisions).toEqual([1, 2, 2, 3, 2])
  peer.send({ kind: 'put', id: 5, request: put, once: { session: 1, number: 2, floor: 2 } })
  peer.send({ kind: 'put', id: 6, request: put, once })
  await peer.until(() => peer.of('error').length === 1)
  expect(peer.of('error')[0]?.error).toMatchObject({ code: 'once-forgotten', outcome: 'unknown' })
  peer.close()
  other.close()
})
