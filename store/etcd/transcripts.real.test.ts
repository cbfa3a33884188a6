// The same conversations with a real etcd and with a member of ours: every answer is the same but for
// who says it, and so is every error.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { startLoneMember } from '../server/testing/lone-member.js'
import type { LoneMember } from '../server/testing/lone-member.js'
import { Talk, told } from './testing/conversation.js'
import { CallFailed, EtcdClient } from './testing/etcd-client.js'
import { EtcdProcess } from './testing/etcd-process.js'
import * as methods from './testing/methods.js'

let etcd: EtcdProcess
let member: LoneMember
let theirs: EtcdClient
let ours: EtcdClient

const utf8 = (text: string) => Buffer.from(text)

beforeAll(async () => {
  etcd = await EtcdProcess.start()
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

  it('passes over no number for a watch that it refuses, alike', () =>
    same(async talk => {
      const stream = talk.client.stream(methods.watchStream)
      const answers = () => talk.take(stream, 1)
      stream.send({ createRequest: { key: utf8('w'), watchId: 1 } })
      await answers()
      stream.send({ createRequest: { key: utf8('w') } })
      await answers()
      stream.send({ createRequest: { key: utf8('x'), rangeEnd: utf8('w') } })
      await answers()
      stream.send({ cancelRequest: { watchId: 1 } })
      await answers()
      stream.send({ createRequest: { key: utf8('w') } })
      await answers()
      stream.cancel()
    }))

  it('keeps the number of a watch that a compaction has ended until it is cancelled, alike', () =>
    same(async talk => {
      const revision = (await talk.put('n', '1'))?.header?.revision ?? 0
      await talk.put('n', '2')
      await talk.call(methods.compact, { revision: revision + 1 })
      const stream = talk.client.stream(methods.watchStream)
      const answers = (count: number) => talk.take(stream, count)
      const lost = { key: utf8('n'), startRevision: revision }
      for (const createRequest of [lost, { ...lost, watchId: 2 }]) {
        stream.send({ createRequest })
        await answers(2)
      }
      const wanted = { key: utf8('n'), startRevision: revision + 1, watchId: 2 }
      for (const round of [1, 2]) {
        stream.send({ createRequest: wanted })
        await answers(round)
        stream.send({ cancelRequest: { watchId: 2 } })
        await answers(1)
      }
      // Whose number was refused or has come free is not picked before its turn.
      stream.send({ createRequest: { key: utf8('n') } })
      await answers(1)
      stream.send({ createRequest: { key: utf8('n'), watchId: 1 } })
      await answers(1)
      stream.send({ cancelRequest: { watchId: 1 } })
      await answers(1)
      stream.send({ createRequest: { key: utf8('n') } })
      await answers(1)
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

describe('a conversation with Lock', () => {
  it('hands a lock from one to the next alike', () =>
    same(async talk => {
      const { client } = talk
      for (const ID of [501, 502, 503]) await talk.call(methods.leaseGrant, { TTL: 100, ID })
      const name = utf8('mutex')
      await talk.call(methods.lockLock, { name, lease: 501 })
      await talk.call(methods.lockLock, { name, lease: 501 })
      const second = client.call(methods.lockLock, { name, lease: 502 })
      await waitFor(client, 'mutex/', 2)
      const third = client.call(methods.lockLock, { name, lease: 503 })
      await waitFor(client, 'mutex/', 3)
      await talk.call(methods.range, { key: utf8('mutex/'), rangeEnd: utf8('mutex0') })
      await talk.call(methods.lockUnlock, { key: utf8('mutex/1f5') })
      talk.answers.push(told(await second))
      await talk.call(methods.leaseRevoke, { ID: 502 })
      talk.answers.push(told(await third))
      await talk.call(methods.lockUnlock, { key: utf8('mutex/1f7') })
      await talk.call(methods.lockUnlock, { key: utf8('mutex/1f7') })
      // Of its own client's errors etcd passes on the sentence and loses the code.
      const refused = await client
        .call(methods.lockLock, { name, lease: 999 })
        .catch((error: unknown) => (error instanceof CallFailed ? error.details : error))
      talk.answers.push(refused)
    }))

  it('gives a place up whose client has gone, alike', () =>
    same(async talk => {
      const { client } = talk
      for (const ID of [601, 602, 603]) await talk.call(methods.leaseGrant, { TTL: 100, ID })
      const name = utf8('queue')
      await talk.call(methods.lockLock, { name, lease: 601 })
      const given = client.serverStream(methods.lockLock, { name, lease: 602 })
      await waitFor(client, 'queue/', 2)
      const third = client.call(methods.lockLock, { name, lease: 603 })
      await waitFor(client, 'queue/', 3)
      given.cancel()
      await waitFor(client, 'queue/', 2)
      await talk.call(methods.lockUnlock, { key: utf8('queue/259') })
      talk.answers.push(told(await third))
    }))
})

describe('a conversation with Election', () => {
  it('campaigns, proclaims, observes and resigns alike', () =>
    same(async talk => {
      const { client } = talk
      for (const ID of [701, 702]) await talk.call(methods.leaseGrant, { TTL: 100, ID })
      const name = utf8('chair')
      await talk.call(methods.leader, { name })
      const observer = client.serverStream(methods.observe, { name })
      await talk.call(methods.campaign, { name, lease: 701, value: utf8('anna') })
      const { leader } = (await client.call(methods.campaign, {
        name,
        lease: 701,
        value: utf8('anna'),
      })) as { leader: object }
      talk.answers.push(told(await observer.next()))
      await talk.call(methods.leader, { name })
      await talk.call(methods.proclaim, { leader, value: utf8('anne') })
      talk.answers.push(told(await observer.next()))
      const next = client.call(methods.campaign, { name, lease: 702, value: utf8('berta') })
      await waitFor(client, 'chair/', 2)
      await talk.call(methods.resign, { leader })
      talk.answers.push(told(await next))
      talk.answers.push(told(await observer.next()))
      await talk.call(methods.proclaim, { leader, value: utf8('anna') })
      await talk.call(methods.resign, { leader })
      await talk.call(methods.proclaim, {})
      await talk.call(methods.resign, {})
      // Who is in the queue already may come with another value.
      await talk.call(methods.campaign, { name, lease: 702, value: utf8('bertha') })
      talk.answers.push(told(await observer.next()))
      await talk.call(methods.leaseRevoke, { ID: 702 })
      await talk.call(methods.leader, { name })
      observer.cancel()
    }))
})

/** So many keys below a prefix. */
async function waitFor(client: EtcdClient, prefix: string, count: number): Promise<void> {
  const key = utf8(prefix)
  const rangeEnd = utf8(`${prefix.slice(0, -1)}0`)
  for (;;) {
    const answer = await client.call(methods.range, { key, rangeEnd, countOnly: true })
    if (answer.count === count) return
  }
}
