// What the installed etcd is too old to be compared with, or has nothing to compare: streamed ranges,
// fragments, progress, and what a member says of itself.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'

import { startLoneMember } from '../server/testing/lone-member.js'
import type { LoneMember } from '../server/testing/lone-member.js'
import { EtcdClient } from './testing/etcd-client.js'
import * as methods from './testing/methods.js'

let member: LoneMember
let client: EtcdClient

const utf8 = (text: string) => Buffer.from(text)
const everything = { key: Buffer.of(0), rangeEnd: Buffer.of(0) }

beforeAll(async () => {
  member = await startLoneMember({ watchProgressMs: 50 })
  client = new EtcdClient(member.address)
})

afterAll(async () => {
  client.close()
  await member.stop()
})

describe('a range as a stream', () => {
  it('comes in parts of one revision, with header, count and more in the last', async () => {
    const keys = Array.from({ length: 12 }, (_, at) => `r${String(at).padStart(2, '0')}`)
    for (const key of keys) {
      await client.call(methods.put, { key: utf8(key), value: Buffer.alloc(100_000) })
    }
    const answers = await client.collect(methods.rangeStream, { ...everything, limit: 10 })
    const parts = answers.map(({ rangeResponse }) => rangeResponse)
    expect(parts.length).toBeGreaterThan(2)
    expect(parts.flatMap(part => part?.kvs.map(({ key }) => String(Buffer.from(key))))).toEqual(
      keys.slice(0, 10),
    )
    for (const part of parts.slice(0, -1)) expect(part).toMatchObject({ header: null, count: 0 })
    expect(parts.at(-1)).toMatchObject({
      header: { revision: member.core.revision },
      count: 12,
      more: true,
    })
  })

  it('is refused in an order for which it would have to be built as a whole', async () => {
    const sorted = client.collect(methods.rangeStream, { ...everything, sortTarget: 3 })
    await expect(sorted).rejects.toMatchObject({ details: 'etcdserver: invalid sort option' })
  })

  it('is the same in one piece, however long it is', async () => {
    const { kvs, count } = await client.call(methods.range, everything)
    expect([kvs.length, count]).toEqual([12, 12])
  })
})

describe('a watch', () => {
  it('is told one revision in fragments where it takes them', async () => {
    const stream = client.stream(methods.watchStream)
    stream.send({ createRequest: { key: utf8('f'), rangeEnd: utf8('g'), fragment: true } })
    await stream.take(1)
    const names = Array.from({ length: 10 }, (_, at) => `f${at}`)
    await client.call(methods.txn, {
      success: names.map(name => ({
        requestPut: { key: utf8(name), value: Buffer.alloc(100_000) },
      })),
    })
    const seen: string[] = []
    let parts = 0
    for (let more = true; more; parts++) {
      const answer = await stream.next()
      more = answer?.fragment ?? false
      for (const { kv } of answer?.events ?? []) seen.push(String(Buffer.from(kv?.key ?? [])))
    }
    expect(seen).toEqual(names)
    expect(parts).toBeGreaterThan(1)
    stream.cancel()
  })

  it('is told how far it is while it is idle, if it asked for that', async () => {
    const stream = client.stream(methods.watchStream)
    stream.send({ createRequest: { key: utf8('idle'), progressNotify: true } })
    await stream.take(1)
    expect(await stream.next()).toMatchObject({
      watchId: 0,
      events: [],
      header: { revision: member.core.revision },
    })
    stream.cancel()
  })

  it('is closed with its stream, whichever way that ends', async () => {
    const stream = client.stream(methods.watchStream)
    for (let at = 0; at < 5; at++) stream.send({ createRequest: { key: utf8('x') } })
    await stream.take(5)
    expect(member.core.watcherCount).toBeGreaterThanOrEqual(5)
    stream.cancel()
    while (member.core.watcherCount > 0) await client.call(methods.status, {})
  })
})

describe('a member', () => {
  it('says who it is and how it is', async () => {
    // It says where it is as soon as it leads, which may be a moment later.
    let { members } = await client.call(methods.memberList, {})
    while (members[0]?.name === '') ({ members } = await client.call(methods.memberList, {}))
    expect(members).toEqual([
      {
        ID: 1,
        name: 'lone',
        peerURLs: ['http://127.0.0.1:1'],
        clientURLs: ['http://127.0.0.1:2'],
        isLearner: false,
      },
    ])
    const status = await client.call(methods.status, {})
    expect(status).toMatchObject({ leader: 1, raftTerm: 1, errors: [], isLearner: false })
  })
})
