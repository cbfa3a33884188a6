import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import http2 from 'node:http2'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { silentLogger } from '../../platform/logger.js'
import { nodeClock } from '../../platform/node/clock.js'
import { testAuthority } from '../../platform/testing/certificates.js'
import { HttpTransport, type HttpTransportOptions } from './http-transport.js'
import type { ApiRequest } from './transport.js'

type Handler = (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void

const connectOnce = http2.connect
const folder = mkdtempSync(join(tmpdir(), 'raftsman-transport-'))
let pem: { ca: string; cert: string; key: string }
const closers: (() => void)[] = []

beforeAll(async () => {
  const authority = await testAuthority(folder)
  const files = await authority.issue('both', { commonName: 'both' })
  const read = (file: string) => readFileSync(file, 'utf8')
  pem = { ca: read(files.caFile), cert: read(files.certFile), key: read(files.keyFile) }
})
afterEach(() => {
  for (const close of closers.splice(0)) close()
})
afterAll(() => rmSync(folder, { recursive: true }))

async function serve(handler: Handler) {
  const server = http2.createSecureServer({ ...pem, requestCert: true, allowHTTP1: false })
  const sessions = new Set<http2.ServerHttp2Session>()
  const sockets = new Set<{ destroy(): void }>()
  server.on('session', session => sessions.add(session))
  server.on('secureConnection', socket => sockets.add(socket))
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {})
    handler(stream, headers)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const stop = () => {
    for (const session of sessions) session.destroy()
    server.close()
  }
  closers.push(stop)
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { url, sessions, sockets, stop }
}

function transportTo(servers: readonly string[], more: Partial<HttpTransportOptions> = {}) {
  const transport = new HttpTransport({
    servers,
    tls: pem,
    userAgent: 'test',
    clock: nodeClock(),
    logger: silentLogger,
    ...more,
  })
  closers.push(() => transport.close())
  return transport
}

function get(path: string, more: Partial<ApiRequest> = {}): ApiRequest {
  const accept = 'application/json'
  return { method: 'GET', path, accept, contentType: null, body: null, timeoutMs: 5000, ...more }
}

const say =
  (text: string): Handler =>
  stream => {
    stream.respond({ ':status': 200, 'x-name': text })
    stream.end(text)
  }

test('a request carries method, body and client certificate, and brings back status and headers', async () => {
  const { url } = await serve((stream, headers) => {
    const session = stream.session?.socket as { getPeerCertificate?: () => { subject: unknown } }
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => {
      stream.respond({ ':status': 201, 'content-type': 'application/json' })
      const peer = session.getPeerCertificate?.().subject
      const body = Buffer.concat(chunks).toString()
      stream.end(JSON.stringify({ method: headers[':method'], path: headers[':path'], body, peer }))
    })
  })
  const request = get('/x?y=1', {
    method: 'POST',
    contentType: 'application/json',
    body: '{"ä":1}',
  })
  const response = await transportTo([url]).request(request)
  expect(response.status).toBe(201)
  expect(response.headers['content-type']).toBe('application/json')
  expect(JSON.parse(response.body)).toEqual({
    method: 'POST',
    path: '/x?y=1',
    body: '{"ä":1}',
    peer: { CN: 'both' },
  })
})

test('many requests share one connection', async () => {
  const { url, sessions } = await serve(say('one'))
  const transport = transportTo([url])
  await Promise.all(Array.from({ length: 20 }, () => transport.request(get('/'))))
  expect(sessions.size).toBe(1)
})

test('when the preferred server cannot be reached the next one is asked', async () => {
  const gone = await serve(say('gone'))
  gone.stop()
  const other = await serve(say('other'))
  const response = await transportTo([gone.url, other.url]).request(get('/'))
  expect(response.body).toBe('other')
})

test('a server that dies under a read is replaced by the next within the same call', async () => {
  const dying = await serve(() => dying.stop())
  const other = await serve(say('other'))
  const response = await transportTo([dying.url, other.url]).request(get('/'))
  expect(response.body).toBe('other')
})

test('a write whose server dies is not sent again: its outcome is unknown', async () => {
  const dying = await serve(() => dying.stop())
  let asked = 0
  const other = await serve(stream => {
    asked++
    say('other')(stream, {})
  })
  const write = get('/', { method: 'POST', body: '{}' })
  const transport = transportTo([dying.url, other.url])
  await expect(transport.request(write)).rejects.toMatchObject({
    code: 'api-connection-lost',
    outcome: 'unknown',
    retryable: true,
  })
  expect(asked).toBe(0)
  expect((await transport.request(write)).body).toBe('other')
})

test('a server that never answers is given up after the time of the request', async () => {
  const { url } = await serve(() => {})
  const slow = transportTo([url]).request(get('/', { timeoutMs: 50 }))
  await expect(slow).rejects.toMatchObject({ code: 'api-timeout', outcome: 'unknown' })
})

test('a server that accepts and never speaks is passed by after the connect time', async () => {
  const mute = createServer(() => {})
  await new Promise<void>(resolve => mute.listen(0, '127.0.0.1', resolve))
  closers.push(() => mute.close())
  const other = await serve(say('other'))
  const muteUrl = `https://127.0.0.1:${(mute.address() as AddressInfo).port}`
  const transport = transportTo([muteUrl, other.url], { connectTimeoutMs: 100 })
  expect((await transport.request(get('/'))).body).toBe('other')
})

test('with no server left the error says that nothing was applied', async () => {
  const gone = await serve(say('gone'))
  gone.stop()
  await expect(transportTo([gone.url]).request(get('/'))).rejects.toMatchObject({
    code: 'api-unreachable',
    outcome: 'not-applied',
  })
})

test('an aborted signal breaks the request under way', async () => {
  const { url } = await serve(() => {})
  const controller = new AbortController()
  const pending = transportTo([url]).request(get('/'), controller.signal)
  setImmediate(() => controller.abort())
  await expect(pending).rejects.toMatchObject({ code: 'api-cancelled' })
})

test('an answer beyond the limit is refused instead of filling the memory', async () => {
  const { url } = await serve(say('x'.repeat(10_000)))
  const transport = transportTo([url], { responseBytesMax: 5000 })
  await expect(transport.request(get('/'))).rejects.toMatchObject({
    code: 'api-response-too-large',
    retryable: false,
  })
})

function collect(transport: HttpTransport, path: string) {
  let text = ''
  const ended = new Promise<Error | null | number>(resolve => {
    transport.stream(get(path), {
      onChunk: chunk => {
        text += chunk
      },
      onEnd: error => resolve(error),
      onRefused: response => resolve(response.status),
    })
  })
  return { ended, text: () => text }
}

test('a stream brings chunks and tells an orderly end from a break', async () => {
  const { url, sessions, sockets } = await serve((stream, headers) => {
    stream.respond({ ':status': 200 })
    stream.write('first ')
    if (headers[':path'] === '/orderly') stream.end('last')
    const broken = headers[':path'] === '/killed' ? sockets : sessions
    if (headers[':path'] !== '/orderly') setImmediate(() => broken.forEach(one => one.destroy()))
  })
  const transport = transportTo([url])
  const orderly = collect(transport, '/orderly')
  expect(await orderly.ended).toBeNull()
  expect(orderly.text()).toBe('first last')
  for (const path of ['/closed', '/killed']) {
    const broken = collect(transport, path)
    expect(await broken.ended).toMatchObject({ code: 'api-connection-lost' })
  }
})

test('a stream that is refused brings the whole answer', async () => {
  const { url } = await serve(stream => {
    stream.respond({ ':status': 410 })
    stream.end('{"kind":"Status"}')
  })
  expect(await collect(transportTo([url]), '/').ended).toBe(410)
})

test('a server that is frozen under an open stream is noticed by its missing pong', async () => {
  const { url } = await serve(stream => {
    stream.respond({ ':status': 200 })
    stream.write('x')
  })
  const proxy = frozenProxy(url)
  const transport = transportTo([await proxy.url], { pingIdleMs: 100, pingTimeoutMs: 100 })
  const stream = collect(transport, '/')
  proxy.freezeAfterFirstByte()
  expect(await stream.ended).toMatchObject({ code: 'api-connection-lost' })
})

/** Passes bytes until told to freeze; a frozen one keeps its connections and says nothing. */
function frozenProxy(target: string) {
  let frozen = false
  let freezeSoon = false
  const { port: targetPort } = new URL(target)
  const server = createServer(client => {
    const upstream = connect(Number(targetPort), '127.0.0.1')
    client.on('error', () => {})
    upstream.on('error', () => {})
    client.on('data', chunk => {
      if (!frozen) upstream.write(chunk)
    })
    upstream.on('data', chunk => {
      if (frozen) return
      client.write(chunk)
      if (freezeSoon && chunk.byteLength > 0) setTimeout(() => (frozen = true), 50)
    })
    closers.push(() => {
      client.destroy()
      upstream.destroy()
    })
  })
  const url = new Promise<string>(resolve => {
    server.listen(0, '127.0.0.1', () => {
      resolve(`https://127.0.0.1:${(server.address() as AddressInfo).port}`)
    })
  })
  closers.push(() => server.close())
  return {
    url,
    freezeAfterFirstByte() {
      freezeSoon = true
    },
  }
}

test('an answer that is cut short is not taken for a whole one', async () => {
  const { url, sessions } = await serve(stream => {
    stream.respond({ ':status': 200 })
    stream.write('{"items":[]')
    setImmediate(() => sessions.forEach(session => session.destroy()))
  })
  await expect(transportTo([url]).request(get('/'))).rejects.toMatchObject({
    code: 'api-connection-lost',
  })
})

test('a server that answers nothing but 503 is left, and its streams are broken', async () => {
  let healthy = true
  const sick = await serve((stream, headers) => {
    stream.respond({ ':status': headers[':path'] === '/watch' || healthy ? 200 : 503 })
    if (headers[':path'] === '/watch') stream.write('x')
    else stream.end('sick')
  })
  const other = await serve(say('other'))
  const transport = transportTo([sick.url, other.url], { sickMsMax: 20 })
  const watch = collect(transport, '/watch')
  expect((await transport.request(get('/'))).body).toBe('sick')
  healthy = false
  let answer = ''
  while (answer !== 'other') answer = (await transport.request(get('/'))).body
  expect(await watch.ended).toMatchObject({ code: 'api-connection-lost' })
})

test('a connection that is given up in the moment in which it is made is refused, and nothing else happens', async () => {
  const { url } = await serve(say('x'))
  const clock = nodeClock()
  let giveUp = () => {}
  const opened = vi.spyOn(http2, 'connect').mockImplementationOnce((...args) => {
    const session = connectOnce(...args)
    session.prependOnceListener('connect', () => giveUp())
    return session
  })
  closers.push(() => opened.mockRestore())
  const late = {
    ...clock,
    setTimer: (delayMs: number, fire: () => void) => {
      if (delayMs === 1234) giveUp = fire
      return clock.setTimer(delayMs, fire)
    },
  }
  const transport = transportTo([url], { clock: late, connectTimeoutMs: 1234 })
  await expect(transport.request(get('/'))).rejects.toMatchObject({ code: 'api-unreachable' })
  expect((await transport.request(get('/'))).body).toBe('x')
})

/** A server in a thread of its own, which answers while this one is held up. */
const elsewhere = `
  const { parentPort, workerData } = require('node:worker_threads')
  const server = require('node:http2').createSecureServer(workerData)
  server.on('stream', stream => {
    stream.on('error', () => {})
    stream.respond({ ':status': 200 })
    stream.write('begun')
  })
  server.listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))
`

test('a process that was held up for long hears what came meanwhile, and breaks no connection', async () => {
  const worker = new Worker(elsewhere, { eval: true, workerData: { ...pem } })
  closers.push(() => void worker.terminate())
  const port = await new Promise<number>(resolve => {
    worker.once('message', resolve)
  })
  let pinged = () => {}
  const held = new Promise<void>(resolve => {
    pinged = resolve
  })
  const opened = vi.spyOn(http2, 'connect').mockImplementationOnce((...args) => {
    const session = connectOnce(...args)
    const ping = session.ping.bind(session)
    Reflect.set(session, 'ping', (answered: () => void) => {
      setImmediate(() => {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000)
        pinged()
      })
      Reflect.set(session, 'ping', ping)
      return ping(answered)
    })
    return session
  })
  closers.push(() => opened.mockRestore())
  const transport = transportTo([`https://127.0.0.1:${port}`], {
    pingIdleMs: 100,
    pingTimeoutMs: 200,
  })
  const ends: unknown[] = []
  let heard = ''
  const onRefused = () => {}
  const onChunk = (text: string) => {
    heard += text
  }
  const stream = transport.stream(get('/watch'), {
    onChunk,
    onEnd: error => ends.push(error),
    onRefused,
  })
  await held
  // Pings go on, and the next is answered in time.
  await new Promise(resolve => {
    setTimeout(resolve, 500)
  })
  stream.cancel()
  expect([heard, ends]).toEqual(['begun', []])
})
