// What comes to the port of a member that is no good request, and clients that do not read: the typed
// error or the cut connection, and nobody else notices.

import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import type { ClientHttp2Session } from 'node:http2'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { rpcCode } from '../../platform/rpc.js'
import { startLoneMember } from '../server/testing/lone-member.js'
import type { LoneMember } from '../server/testing/lone-member.js'
import { CallFailed, EtcdClient } from './testing/etcd-client.js'
import * as methods from './testing/methods.js'

let member: LoneMember
let client: EtcdClient
const sockets: Socket[] = []
const sessions: ClientHttp2Session[] = []

const utf8 = (text: string) => Buffer.from(text)
const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

beforeEach(async () => {
  member = await startLoneMember()
  client = new EtcdClient(member.address)
})

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const session of sessions.splice(0)) session.destroy()
  client.close()
  await member.stop()
})

async function open(to = member): Promise<Socket> {
  const [host = '', port = ''] = to.address.split(':')
  const socket = connect(Number(port), host)
  sockets.push(socket)
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

const stillServes = async () => {
  await client.call(methods.put, { key: utf8('k'), value: utf8('v') })
  expect((await client.call(methods.range, { key: utf8('k') })).count).toBe(1)
}

/** One call with bytes of our own making; what it ended with. */
async function raw(
  body: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<Readonly<Record<string, unknown>>> {
  const session = connectHttp2(`http://${member.address}`)
  sessions.push(session)
  session.on('error', () => {})
  const stream = session.request({
    ':method': 'POST',
    ':path': '/etcdserverpb.KV/Put',
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  })
  const seen: Record<string, unknown> = {}
  stream.on('response', response => Object.assign(seen, response))
  stream.on('trailers', trailers => Object.assign(seen, trailers))
  stream.on('error', () => {})
  stream.resume()
  stream.end(body)
  await once(stream, 'close')
  return seen
}

const framed = (message: Uint8Array): Buffer => {
  const head = Buffer.alloc(5)
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

describe('bytes that are no request', () => {
  it('behind the preface cost their own connection and no other', async () => {
    for (const garbage of ['\0'.repeat(64), 'GET / HTTP/1.1\r\n\r\n', '\xff'.repeat(4_096)]) {
      const socket = await open()
      socket.resume()
      socket.write(preface)
      socket.write(Buffer.from(garbage, 'latin1'))
      await once(socket, 'close')
    }
    await stillServes()
  })

  it('that are a broken message are answered as grpc-go does', async () => {
    const seen = await raw(framed(Buffer.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f])))
    expect(seen['grpc-status']).toBe('13')
    expect(decodeURIComponent(String(seen['grpc-message']))).toMatch(
      /^grpc: error unmarshalling request/,
    )
    await stillServes()
  })

  it('that announce more than is taken are refused before they come', async () => {
    const head = Buffer.alloc(5)
    head.writeUInt32BE(0x7fff_ffff, 1)
    expect((await raw(head))['grpc-status']).toBe('8')
    await stillServes()
  })

  it('that end before their request does are answered', async () => {
    expect((await raw(Buffer.alloc(0)))['grpc-status']).toBe('13')
    await stillServes()
  })

  it('for a method that nobody offers are answered as such', async () => {
    const seen = await raw(framed(Buffer.alloc(0)), { ':path': '/etcdserverpb.KV/Nothing' })
    expect(seen['grpc-status']).toBe('12')
    await stillServes()
  })
})

describe('a connection that says nothing', () => {
  it('is dropped, and so is one that stops in its first bytes', async () => {
    const silent = await open()
    const halting = await open()
    halting.write(preface.slice(0, 7))
    await Promise.all([once(silent.resume(), 'close'), once(halting.resume(), 'close')])
    await stillServes()
  }, 20_000)

  it('does not keep others out, though there are more of them than places', async () => {
    const few = await startLoneMember({ clientLinksMax: 16 })
    for (let at = 0; at < 200; at++) await open(few)
    const own = new EtcdClient(few.address)
    await own.call(methods.put, { key: utf8('k') }, { deadlineMs: 2_000 })
    own.close()
    await few.stop()
  })
})

describe('a client that does not read', () => {
  it('holds neither memory nor anybody else, whatever it asks for', async () => {
    await client.call(methods.put, { key: utf8('large'), value: Buffer.alloc(1_000_000) })
    const deaf = connectHttp2(`http://${member.address}`, { settings: { initialWindowSize: 0 } })
    sessions.push(deaf)
    deaf.on('error', () => {})
    const before = process.memoryUsage().arrayBuffers
    for (let at = 0; at < 500; at++) {
      const stream = deaf.request({
        ':method': 'POST',
        ':path': '/etcdserverpb.KV/Range',
        'content-type': 'application/grpc',
        te: 'trailers',
      })
      stream.on('error', () => {})
      stream.end(framed(Buffer.from([0x0a, 5, ...utf8('large')])))
    }
    for (let at = 0; at < 50; at++) await stillServes()
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(100_000_000)
  })

  it('costs a watch its cursor, and gets everything when it reads on', async () => {
    const stream = client.stream(methods.watchStream)
    stream.send({ createRequest: { key: utf8('w') } })
    await stream.take(1)
    stream.pause()
    const count = 60
    for (let at = 0; at < count; at++) {
      await client.call(methods.put, { key: utf8('w'), value: Buffer.alloc(100_000, at) })
    }
    stream.resume()
    const versions: number[] = []
    while (versions.length < count) {
      for (const { kv } of (await stream.next())?.events ?? []) versions.push(kv?.version ?? 0)
    }
    expect(versions).toEqual(Array.from({ length: count }, (_, at) => at + 1))
    stream.cancel()
  })

  it('and floods a stream with requests is not read from', async () => {
    const stream = client.stream(methods.watchStream)
    stream.pause()
    for (let at = 0; at < 20_000; at++) stream.send({ progressRequest: {} })
    await stillServes()
    stream.cancel()
    while (member.core.watcherCount > 0) await stillServes()
  })
})

describe('what would be answered in one piece', () => {
  const large = Buffer.alloc(1_400_000, 'x')
  const all = { key: Buffer.of(0), rangeEnd: Buffer.of(0) }
  const exhausted = { code: rpcCode.resourceExhausted }

  it('and is too long for it is refused before anything is done, and nobody else notices', async () => {
    for (let at = 0; at < 50; at++) {
      await client.call(methods.put, { key: utf8(`large/${at}`), value: large })
    }
    const readAndWrite = {
      success: [
        { requestRange: all },
        { requestPut: { key: utf8('never'), value: utf8('written') } },
      ],
    }
    await expect(client.call(methods.txn, readAndWrite)).rejects.toMatchObject(exhausted)
    const readOnly = { success: [{ requestRange: all }] }
    await expect(client.call(methods.txn, readOnly)).rejects.toMatchObject(exhausted)
    const remove = { ...all, prevKv: true }
    await expect(client.call(methods.deleteRange, remove)).rejects.toMatchObject(exhausted)
    expect((await client.call(methods.range, { ...all, countOnly: true })).count).toBe(50)
    expect((await client.call(methods.deleteRange, all)).deleted).toBe(50)
    await stillServes()
  })
})

describe('a call', () => {
  it('that wants a leader is refused when there is none, and streams end when it stays so', async () => {
    await member.stop()
    client.close()
    member = await startLoneMember({ tickMs: 10, electionTicks: 5 })
    client = new EtcdClient(member.address)
    const metadata = { hasleader: 'true' }
    const stream = client.stream(methods.watchStream, { metadata })
    stream.send({ createRequest: { key: utf8('w') } })
    await stream.take(1)
    member.replica.setLeads(false)
    const refused: unknown = await client
      .call(methods.range, { key: utf8('k'), serializable: true }, { metadata })
      .catch((error: unknown) => error)
    expect(refused).toMatchObject({ code: 14, details: 'etcdserver: no leader' })
    await expect(stream.next()).rejects.toMatchObject({ details: 'etcdserver: no leader' })
    expect(member.core.watcherCount).toBe(0)
    // Who does not want one reads on.
    await client.call(methods.range, { key: utf8('k'), serializable: true })
  })

  it('ends at its deadline, whether it was answered or not', async () => {
    member.replica.stuck = true
    const error: unknown = await client
      .call(methods.put, { key: utf8('k') }, { deadlineMs: 50 })
      .catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(CallFailed)
    expect(error).toMatchObject({ code: 4 })
  })

  it('of a stream is told when the member stops', async () => {
    const stream = client.stream(methods.watchStream)
    stream.send({ createRequest: { key: utf8('w') } })
    await stream.take(1)
    member.port.drain()
    await expect(stream.next()).rejects.toMatchObject({ details: 'etcdserver: server stopped' })
  })
})
