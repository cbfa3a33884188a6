// The same conversations with a real etcd and with a member of ours: every answer is the same but for
// who says it, and so is every error.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { startLoneMember } from '../server/testing/lone-member.js'
import type { LoneMember } from '../server/testing/lone-member.js'
import { CallFailed, EtcdClient } from './testing/etcd-client.js'
import type { Method, Stream } from './testing/etcd-client.js'
import * as methods from './testing/methods.js'
import { startRealEtcd } from './testing/real-etcd.js'
import type { RealEtcd } from './testing/real-etcd.js'

let etcd: RealEtcd
let member: LoneMember
let theirs: EtcdClient
let ours: EtcdClient

const utf8 = (text: string) => Buffer.from(text)

beforeAll(async () => {
  etcd = await startRealEtcd()
  member = await startLoneMember()
  theirs = new EtcdClient(etcd.address)
  ours = new EtcdClient(member.address)
})

afterAll(async () => {
  theirs.close()
  ours.close()
  await member.stop()
  await etcd.stop()
})

/** Bytes as text, and nothing of who answered. */
function told(value: unknown): unknown {
  if (value instanceof Uint8Array) return String(Buffer.from(value))
  if (Array.isArray(value)) return value.map(told)
  if (typeof value !== 'object' || value === null) return value
  const {
    clusterId: _cluster,
    memberId: _member,
    raftTerm: _term,
    ...rest
  } = value as Record<string, unknown>
  return Object.fromEntries(Object.entries(rest).map(([key, one]) => [key, told(one)]))
}

type Told = { readonly watchId: number }

/** Answers of a conversation, errors among them. */
class Talk {
  readonly client: EtcdClient
  readonly answers: unknown[] = []

  constructor(client: EtcdClient) {
    this.client = client
  }

  async call<Q, A>(method: Method<Q, A>, request: Q): Promise<A | null> {
    try {
      const answer = await this.client.call(method, request)
      this.answers.push(told(answer))
      return answer
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error
      this.answers.push(error.message)
      return null
    }
  }

  /** Answers of one moment, in the order of their watches: etcd's own is that of a hash table. */
  async take(stream: Stream<never, Told>, count: number): Promise<void> {
    const answers = (await stream.take(count)).sort((a, b) => a.watchId - b.watchId)
    for (const answer of answers) this.answers.push(told(answer))
  }

  put(key: string, value: string) {
    return this.call(methods.put, { key: utf8(key), value: utf8(value) })
  }
}

/** Revisions are counted from where a conversation began. */
async function same(talk: (talk: Talk) => Promise<void>): Promise<void> {
  const [real, own] = [new Talk(theirs), new Talk(ours)]
  await talk(real)
  await talk(own)
  expect(own.answers).toEqual(real.answers)
}

describe('a conversation with KV', () => {
  it('reads, writes, compares and deletes alike', () =>
    same(async talk => {
      await talk.put('a', '1')
      await talk.call(methods.put, { key: utf8('a'), value: utf8('2'), prevKv: true })
      await talk.call(methods.range, { key: utf8('a') })
      await talk.call(methods.range, { key: utf8('a'), rangeEnd: utf8('z'), countOnly: true })
      await talk.call(methods.txn, {
        compare: [{ key: utf8('a'), target: 2, result: 0, modRevision: 3 }],
        success: [
          { requestPut: { key: utf8('b'), value: utf8('3'), prevKv: true } },
          { requestRange: { key: utf8('a'), rangeEnd: utf8('z') } },
          { requestDeleteRange: { key: utf8('a'), prevKv: true } },
          {
            requestTxn: {
              success: [{ requestPut: { key: utf8('c') } }, { requestRange: { key: utf8('c') } }],
            },
          },
        ],
      })
      await talk.call(methods.deleteRange, { key: utf8('x') })
      await talk.call(methods.deleteRange, { key: Buffer.of(0), rangeEnd: Buffer.of(0) })
    }))

  it('refuses alike', () =>
    same(async talk => {
      await talk.call(methods.put, {})
      await talk.call(methods.range, {})
      await talk.call(methods.deleteRange, {})
      await talk.call(methods.put, { key: utf8('a'), ignoreValue: true })
      await talk.call(methods.put, { key: utf8('a'), ignoreValue: true, value: utf8('1') })
      await talk.call(methods.put, { key: utf8('a'), ignoreLease: true, lease: 5 })
      await talk.call(methods.put, { key: utf8('a'), lease: 5 })
      await talk.call(methods.put, { key: utf8('a'), lease: -5 })
      await talk.call(methods.range, { key: utf8('a'), revision: 1_000 })
      await talk.call(methods.range, { key: utf8('a'), revision: -1, limit: -1 })
      await talk.call(methods.txn, { success: [{}] })
      await talk.call(methods.txn, {
        success: [{ requestPut: { key: utf8('d') } }, { requestPut: { key: utf8('d') } }],
      })
      await talk.call(methods.txn, {
        success: Array.from({ length: 129 }, () => ({ requestRange: { key: utf8('d') } })),
      })
      await talk.call(methods.txn, { compare: [{}] })
      for (const result of [0, 1, 2, 3]) {
        await talk.call(methods.txn, {
          compare: [{ key: utf8('none'), target: 0, result, version: -1 }],
        })
      }
      await talk.call(methods.compact, { revision: 1_000 })
      await talk.call(methods.compact, { revision: -1 })
      await talk.call(methods.put, { key: utf8('a'), value: Buffer.alloc(1_600_000) })
      await talk.call(methods.leaseGrant, { TTL: 10_000_000_000 })
      await talk.call(methods.leaseRevoke, { ID: 5 })
      await talk.call(methods.leaseTimeToLive, { ID: 5 })
    }))

  it('refuses what is far too large as too much', () =>
    same(async talk => {
      try {
        await talk.client.call(methods.put, { key: utf8('a'), value: Buffer.alloc(3_000_000) })
      } catch (error) {
        // What it says beside the code is the library's.
        talk.answers.push(error instanceof CallFailed && error.code)
      }
    }))
})

describe('a conversation with Lease', () => {
  it('grants, attaches, renews, looks and revokes alike', () =>
    same(async talk => {
      await talk.call(methods.leaseGrant, { TTL: 100, ID: 77 })
      await talk.call(methods.leaseGrant, { TTL: 100, ID: 77 })
      await talk.call(methods.put, { key: utf8('leased'), value: utf8('1'), lease: 77 })
      await talk.call(methods.leaseTimeToLive, { ID: 77, keys: true })
      const looked = talk.answers.pop()
      talk.answers.push({ ...(looked as object), TTL: 'about 100' })
      await talk.call(methods.leaseLeases, {})
      const stream = talk.client.stream(methods.leaseKeepAlive)
      stream.send({ ID: 77 })
      stream.send({ ID: 78 })
      for (const answer of await stream.take(2)) talk.answers.push(told(answer))
      stream.halfClose()
      talk.answers.push(await stream.next())
      await talk.call(methods.leaseRevoke, { ID: 77 })
      await talk.call(methods.range, { key: utf8('leased') })
    }))
})

describe('a conversation with Watch', () => {
  it('creates, tells and cancels alike', () =>
    same(async talk => {
      const stream = talk.client.stream(methods.watchStream)
      const answers = (count: number) => talk.take(stream, count)
      stream.send({ createRequest: { key: utf8('w') } })
      await answers(1)
      stream.send({
        createRequest: { key: utf8('w'), rangeEnd: utf8('x'), watchId: 7, prevKv: true },
      })
      await answers(1)
      stream.send({ createRequest: { key: utf8('w'), watchId: 7 } })
      await answers(1)
      stream.send({ createRequest: { key: utf8('x'), rangeEnd: utf8('w') } })
      await answers(1)
      stream.send({ createRequest: { rangeEnd: Buffer.of(0), filters: [0] } })
      await answers(1)
      await talk.put('w', '1')
      await answers(2)
      await talk.call(methods.deleteRange, { key: utf8('w') })
      await answers(3)
      stream.send({ cancelRequest: { watchId: 7 } })
      await answers(1)
      stream.send({ cancelRequest: { watchId: 99 } })
      stream.send({ progressRequest: {} })
      await answers(1)
      stream.send({ createRequest: { key: utf8('w') } })
      await answers(1)
      stream.halfClose()
      await talk.put('w', '2')
      await answers(2)
      stream.cancel()
    }))

  it('reads history, and says what has been compacted, alike', () =>
    same(async talk => {
      const first = await talk.put('h', '1')
      await talk.put('h', '2')
      await talk.put('h', '3')
      const revision = first?.header?.revision ?? 0
      const stream = talk.client.stream(methods.watchStream)
      const answers = (count: number) => talk.take(stream, count)
      stream.send({ createRequest: { key: utf8('h'), startRevision: revision, prevKv: true } })
      await answers(2)
      stream.send({ createRequest: { key: utf8('h'), startRevision: revision + 100 } })
      await answers(1)
      await talk.call(methods.compact, { revision: revision + 1 })
      stream.send({ createRequest: { key: utf8('h'), startRevision: revision } })
      await answers(2)
      stream.send({ createRequest: { key: utf8('h'), startRevision: -1 } })
      await answers(2)
      stream.send({ createRequest: { key: utf8('h'), startRevision: revision + 1 } })
      await answers(2)
      await talk.call(methods.range, { key: utf8('h'), revision })
      await talk.call(methods.compact, { revision })
      stream.cancel()
    }))
})
