// Members that are there and yet do not answer: a port that accepts and stays silent, and a member
// that greets and then hangs. Calls and watches must find another one, in bounded time.

import { createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'

import { silentLogger } from '../../platform/logger.js'
import type { Listener } from '../../platform/network.js'
import { nodeNetwork } from '../../platform/node/network.js'
import { FrameWriter, encodeServerMessage, protocolLimits, protocolPath } from '../protocol.js'
import { Seen, clientOf, everyKey, utf8 } from '../server/testing/clients.js'
import { startLoneMember } from '../server/testing/lone-member.js'
import type { LoneMember } from '../server/testing/lone-member.js'
import type { StoreClient } from './store-client.js'

let member: LoneMember
let client: StoreClient | null = null

beforeEach(async () => {
  member = await startLoneMember()
})

afterEach(async () => {
  client?.close()
  await member.stop()
})

const put = { key: utf8('a'), value: utf8('1') }

async function silentPort(): Promise<{ readonly server: Server; readonly address: string }> {
  const server = createServer(socket => socket.on('error', () => {}))
  await new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return { server, address: `127.0.0.1:${(server.address() as AddressInfo).port}` }
}

/** Greets as a healthy member would, and never says another word. */
function hangingMember(onFrame: () => void): Promise<Listener> {
  const options = {
    address: '127.0.0.1:0',
    tls: null,
    path: protocolPath,
    frameBytesMax: protocolLimits.clientFrameBytesMax,
    linksMax: 10,
    handshakeMsMax: 1_000,
  }
  const welcome = {
    version: 1,
    clusterId: 7,
    memberId: 2,
    name: 'hanging',
    serverVersion: '0',
    leader: 2,
    requestBytesMax: 1,
    inFlightMax: 100,
  }
  const greeted = new Set<unknown>()
  return new Promise((resolve, reject) => {
    nodeNetwork(silentLogger).listen(
      options,
      {
        onFrame: link => {
          onFrame()
          if (greeted.has(link)) return
          greeted.add(link)
          const writer = new FrameWriter(frame => link.send(frame))
          writer.add(encodeServerMessage({ kind: 'welcome', welcome }))
          writer.cut()
        },
        onClose: () => {},
      },
      (error, listener) => {
        if (error !== null || listener === undefined) reject(error ?? new Error('no listener'))
        else resolve(listener)
      },
    )
  })
}

it('a port that accepts and stays silent is passed over', async () => {
  const { server, address } = await silentPort()
  client = clientOf([address, member.address])
  expect((await client.put(put)).header.memberId).toBe(1)
  client.close()
  server.close()
})

it('a member that hangs after its greeting is left: reads and watches go on, writes are unknown', async () => {
  let frames = 0
  const hanging = await hangingMember(() => {
    frames += 1
  })
  client = clientOf([hanging.address, member.address], { preferFirst: true })
  const seen = new Seen(client, everyKey)
  const write = client.put(put).then(
    () => null,
    (error: unknown) => error,
  )
  const read = client.range(everyKey)
  expect(await write).toMatchObject({ code: 'connection-lost', outcome: 'unknown' })
  expect((await read).header.memberId).toBe(1)
  await seen.until(() => seen.created.length === 1)
  expect(frames).toBeGreaterThan(1)
  await new Promise<void>(resolve => {
    hanging.close(resolve)
  })
  await client.put({ ...put, value: utf8('2') })
  await seen.until(() => seen.values.includes('a=2'))
})

it('leaves a member whose disk is full for one that has room, and comes back', async () => {
  const other = await startLoneMember()
  // They are of two clusters, so a session of one is none of the other.
  const store = clientOf([member.address, other.address], { repeatsWrites: false })
  client = store
  const seen = new Seen(store, { ...everyKey })
  await seen.until(() => seen.created.length === 1)
  await store.put(put)
  member.replica.full = true
  await seen.until(() => seen.created.length === 2)
  const before = other.replica.proposals
  await store.put(put)
  expect(other.replica.proposals).toBe(before + 1)
  member.replica.full = false
  await seen.until(() => seen.created.length === 3)
  await store.put(put)
  expect(other.replica.proposals).toBe(before + 1)
  await other.stop()
})

it('says that disks are full, and goes on reading and watching, where all of them are', async () => {
  const other = await startLoneMember()
  const store = clientOf([member.address, other.address])
  client = store
  const seen = new Seen(store, { ...everyKey })
  await store.put(put)
  await seen.until(() => seen.values.length === 1)
  member.replica.full = true
  other.replica.full = true
  for (let attempt = 0; attempt < 20; attempt += 1) {
    await expect(store.put(put)).rejects.toMatchObject({
      code: 'disk-full',
      retryable: true,
      outcome: 'not-applied',
    })
    expect((await store.range({ ...everyKey })).count).toBe(1)
  }
  expect(seen.end).toBeNull()
  await other.stop()
})
