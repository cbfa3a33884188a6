import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createTcpServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'node:tls'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { nodeClock } from '../../platform/node/clock.js'
import { testAuthority } from '../../platform/testing/certificates.js'
import type { TestAuthority } from '../../platform/testing/certificates.js'
import { RequestAbandon } from './request-abandon.js'
import { isRepeatable, KeptConnections, wholeAnswer } from './kept-connections.js'
import type { ConnectionPool, KeptCall, PeerSettings, PoolLimits } from './kept-connections.js'

/** What a server does with a request: its answer, or what it does instead. */
type Script = (place: { readonly connection: number; readonly request: number }) => string | null

interface Peer {
  readonly port: number
  /** "<connection> <method>", as heard. */
  readonly heard: readonly string[]
  readonly open: () => number
  closeAll(): void
  close(): Promise<void>
}

const clock = nodeClock()
let folder: string
let authority: TestAuthority
let stranger: TestAuthority
let connections: KeptConnections
const servers: { close(): Promise<void> }[] = []

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'raftsman-connections-'))
  authority = await testAuthority(join(folder, 'a'))
  stranger = await testAuthority(join(folder, 'b'))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

afterEach(async () => {
  connections.close()
  await Promise.all(servers.splice(0).map(server => server.close()))
})

const answer = (text: string, more = '') =>
  `HTTP/1.1 200 OK\r\ncontent-length: ${text.length}\r\n${more}\r\n${text}`

/** `script` null: the connection is closed without an answer. */
async function startPeer(script: Script = () => answer('yes'), secure = true): Promise<Peer> {
  const tls = await authority.issue('peer', { commonName: 'peer', hosts: ['peer.test'] })
  const heard: string[] = []
  const open = new Set<Socket>()
  let count = 0
  const accept = (socket: Socket) => {
    const connection = (count += 1)
    let requests = 0
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    socket.on('error', () => socket.destroy())
    socket.on('data', data => {
      const method = /^([A-Z]+) /.exec(String(data))?.[1]
      if (method === undefined) return
      requests += 1
      heard.push(`${connection} ${method}`)
      const said = script({ connection, request: requests })
      if (said === null) socket.destroy()
      else socket.write(said)
    })
  }
  const server = secure
    ? createServer({ cert: readFileSync(tls.certFile), key: readFileSync(tls.keyFile) }, accept)
    : createTcpServer(accept)
  await listening(server)
  const closeAll = () => {
    for (const socket of open) socket.destroy()
  }
  const close = () =>
    new Promise<void>(resolve => {
      server.close(() => resolve())
      closeAll()
    })
  servers.push({ close })
  const { port } = server.address() as AddressInfo
  return { port, heard, open: () => open.size, closeAll, close }
}

const listening = (server: Server) =>
  new Promise<void>(resolve => {
    server.listen(0, '127.0.0.1', resolve)
  })

const trusting = (of: TestAuthority, changes: Partial<PeerSettings> = {}): PeerSettings => ({
  secure: true,
  servername: 'peer.test',
  ca: Buffer.from(of.caPem),
  identity: null,
  insecure: false,
  ...changes,
})

function poolWith(limits: Partial<PoolLimits> = {}): ConnectionPool {
  connections = new KeptConnections(clock, limits)
  return connections.pool('owner', '', () => trusting(authority))
}

function callOf(port: number, method = 'GET', changes: Partial<KeptCall> = {}): KeptCall {
  const body = method === 'GET' ? '' : 'body'
  const headers = { 'content-length': String(body.length) }
  const endpoint = { host: '127.0.0.1', port }
  const repeatable = isRepeatable(method)
  return { endpoint, method, path: '/', headers, body, repeatable, signal: null, ...changes }
}

const limits = { timeoutMs: 20_000, bytesMax: 1_000 }
const patiently = { timeout: 20_000 }

async function ask(pool: ConnectionPool, call: KeptCall): Promise<string> {
  try {
    return (await wholeAnswer(pool, call, clock, limits)).text
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error)
  }
}

test('calls one after another share a connection, calls at once do not', async () => {
  const peer = await startPeer()
  const pool = poolWith()
  for (const method of ['GET', 'POST', 'GET', 'PATCH']) {
    expect(await ask(pool, callOf(peer.port, method))).toBe('yes')
  }
  expect(peer.heard).toEqual(['1 GET', '1 POST', '1 GET', '1 PATCH'])
  await Promise.all([1, 2, 3].map(() => ask(pool, callOf(peer.port))))
  expect(new Set(peer.heard).size).toBeGreaterThan(3)
  expect(peer.open()).toBe(3)
})

test('connections without TLS are kept as well', async () => {
  const peer = await startPeer(closedOnSecond, false)
  connections = new KeptConnections(clock)
  const pool = connections.pool('owner', '', () => trusting(authority, { secure: false }))
  expect(await ask(pool, callOf(peer.port, 'POST'))).toBe('yes')
  expect(await ask(pool, callOf(peer.port))).toBe('yes')
  expect(await ask(pool, callOf(peer.port))).toBe('yes')
  expect(peer.heard).toEqual(['1 POST', '1 GET', '2 GET', '2 GET'])
})

test('no more are kept than may lie idle, and those not for long', async () => {
  const peer = await startPeer()
  const few = poolWith({ idleMax: 2 })
  await Promise.all([1, 2, 3, 4].map(() => ask(few, callOf(peer.port))))
  await expect.poll(peer.open, patiently).toBe(2)
  connections.close()
  const brief = poolWith({ idleMs: 100 })
  await Promise.all([1, 2, 3, 4].map(() => ask(brief, callOf(peer.port))))
  await expect.poll(peer.open, patiently).toBe(0)
})

const closedOnSecond: Script = ({ connection, request }) =>
  connection === 1 && request === 2 ? null : answer('yes')

test('what changes nothing is asked again where a kept connection breaks', async () => {
  const peer = await startPeer(closedOnSecond)
  const pool = poolWith()
  await ask(pool, callOf(peer.port))
  expect(await ask(pool, callOf(peer.port))).toBe('yes')
  expect(peer.heard).toEqual(['1 GET', '1 GET', '2 GET'])
})

test('what may have been done is never done again, unless it may be done twice', async () => {
  for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
    const peer = await startPeer(closedOnSecond)
    const pool = poolWith()
    await ask(pool, callOf(peer.port))
    expect(await ask(pool, callOf(peer.port, method))).toBe('ECONNRESET')
    expect(peer.heard).toEqual(['1 GET', `1 ${method}`])
    connections.close()
  }
  const peer = await startPeer(closedOnSecond)
  const pool = poolWith()
  await ask(pool, callOf(peer.port))
  expect(await ask(pool, callOf(peer.port, 'POST', { repeatable: true }))).toBe('yes')
  expect(peer.heard).toEqual(['1 GET', '1 POST', '2 POST'])
})

test('a connection that was new is not tried again, and a server that always breaks off not for ever', async () => {
  const peer = await startPeer(({ request }) => (request === 1 ? answer('yes') : null))
  const pool = poolWith()
  await Promise.all([1, 2, 3, 4, 5].map(() => ask(pool, callOf(peer.port))))
  // The first break ends the others that lie idle: the next one is new.
  expect(await ask(pool, callOf(peer.port))).toBe('yes')
  expect(peer.heard).toHaveLength(7)
  const dead = await startPeer(() => null)
  expect(await ask(pool, callOf(dead.port))).toBe('ECONNRESET')
  expect(dead.heard).toEqual(['1 GET'])
})

test('connections that the other end has closed are not used', async () => {
  const peer = await startPeer()
  const pool = poolWith()
  await ask(pool, callOf(peer.port))
  peer.closeAll()
  await expect.poll(peer.open, patiently).toBe(0)
  expect(await ask(pool, callOf(peer.port, 'POST'))).toBe('yes')
  expect(peer.heard).toEqual(['1 GET', '2 POST'])
})

test('an owner that trusts others has other connections', async () => {
  const peer = await startPeer()
  await ask(poolWith(), callOf(peer.port))
  const under = (trust: string, settings: PeerSettings) =>
    ask(
      connections.pool('owner', trust, () => settings),
      callOf(peer.port),
    )
  expect(await under('stranger', trusting(stranger))).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE')
  await expect.poll(peer.open, patiently).toBe(0)
  expect(await under('none', trusting(stranger, { insecure: true }))).toBe('yes')
  expect(await under('other', trusting(authority, { servername: 'other.test' }))).toBe(
    'ERR_TLS_CERT_ALTNAME_INVALID',
  )
  expect(await under('', trusting(authority))).toBe('yes')
  expect(peer.heard).toEqual(['1 GET', '2 GET', '3 GET'])
})

test('nothing is kept to an endpoint that is gone, but what is under way there goes on', async () => {
  const peer = await startPeer()
  const other = await startPeer()
  const pool = poolWith()
  await Promise.all([ask(pool, callOf(peer.port)), ask(pool, callOf(other.port))])
  const slow = await pool.call(callOf(peer.port))
  await ask(pool, callOf(peer.port))
  pool.keepOnly([{ host: '127.0.0.1', port: other.port }])
  await expect.poll(peer.open, patiently).toBe(1)
  const chunks: string[] = []
  for await (const chunk of slow as AsyncIterable<Buffer>) chunks.push(String(chunk))
  expect(chunks).toEqual(['yes'])
  await expect.poll(peer.open, patiently).toBe(0)
  expect(other.open()).toBe(1)
})

test('more calls at once than there may be are refused as unavailable', async () => {
  const peer = await startPeer(({ connection }) => (connection > 2 ? answer('yes') : ''))
  const pool = poolWith({ callsMax: 2 })
  const waiting = new RequestAbandon()
  const stuck = [1, 2].map(() => pool.call(callOf(peer.port, 'GET', { signal: waiting })))
  await expect.poll(() => peer.heard.length, patiently).toBe(2)
  await expect(pool.call(callOf(peer.port))).rejects.toMatchObject({
    httpCode: 503,
    message: `too many calls of 127.0.0.1:${peer.port} are under way (limit 2)`,
  })
  waiting.fire()
  await Promise.allSettled(stuck)
  // Calls that nobody waits for any more leave nothing behind.
  for (let count = 0; count < 5; count++) {
    await expect(pool.call(callOf(peer.port, 'GET', { signal: waiting }))).rejects.toMatchObject({
      code: 'ECONNRESET',
    })
  }
  expect(await ask(pool, callOf(peer.port))).toBe('yes')
})

test('a server that does not shake hands, answer, or end is not waited for beyond its time', async () => {
  const silent = createTcpServer(socket => socket.on('error', () => {}).resume())
  await listening(silent)
  servers.push({ close: () => new Promise(resolve => silent.close(() => resolve())) })
  const { port } = silent.address() as AddressInfo
  expect(await ask(poolWith({ connectMs: 200 }), callOf(port))).toBe('Error: i/o timeout')
  const pool = poolWith()
  const within = async (timeoutMs: number, said: string) => {
    const peer = await startPeer(() => said)
    const bounds = { timeoutMs, bytesMax: 10 }
    return wholeAnswer(pool, callOf(peer.port), clock, bounds).catch(String)
  }
  const late = 'Error: context deadline exceeded'
  expect(await within(300, '')).toBe(late)
  expect(await within(300, 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nnot')).toBe(late)
  expect(await within(20_000, answer('much too long'))).toBe('Error: the answer is too long')
})

test('the pool that was used longest ago makes room', async () => {
  const peer = await startPeer()
  connections = new KeptConnections(clock, { poolsMax: 2 })
  const by = (owner: string) =>
    ask(
      connections.pool(owner, '', () => trusting(authority)),
      callOf(peer.port),
    )
  for (const owner of ['a', 'b', 'a', 'c', 'a', 'b']) expect(await by(owner)).toBe('yes')
  expect(peer.heard.map(text => text.replace(' GET', ''))).toEqual(['1', '2', '1', '3', '1', '4'])
})
