// The network over real loopback sockets: what a friend gets, and what a stranger cannot break.

import { randomBytes } from 'node:crypto'
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import * as net from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as tls from 'node:tls'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { WebSocket } from 'ws'
import { silentLogger } from '../logger.js'
import type { Logger } from '../logger.js'
import type {
  ConnectOptions,
  Link,
  LinkHandlers,
  Listener,
  ListenOptions,
  TlsFiles,
} from '../network.js'
import { testAuthority } from '../testing/certificates.js'
import { nodeNetwork } from './network.js'

const network = nodeNetwork(silentLogger)
let directory: string
let listeners: Listener[]
let links: Link[]

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'network-'))
  listeners = []
  links = []
})

afterEach(async () => {
  for (const link of links) link.close('test over')
  await Promise.all(listeners.map(listener => new Promise<void>(done => listener.close(done))))
  rmSync(directory, { recursive: true })
})

const echo: LinkHandlers = {
  onFrame: (link, frame) => link.send(frame),
  onClose() {},
}

async function listen(
  options: Partial<ListenOptions> = {},
  handlers: LinkHandlers = echo,
): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const full = {
      address: '127.0.0.1:0',
      tls: null,
      path: '/peer',
      frameBytesMax: 1024,
      linksMax: 4,
      handshakeMsMax: 2000,
      ...options,
    }
    network.listen(full, handlers, (error, listener) => {
      if (listener === undefined) reject(error ?? new Error('no listener'))
      else {
        listeners.push(listener)
        resolve(listener)
      }
    })
  })
}

/** Opens a link, sends one frame, and tells what came first: the echo or the end. */
async function firstAnswer(
  address: string,
  frame: Uint8Array,
  options: Partial<ConnectOptions> = {},
): Promise<{ frame: string; link: Link } | { closed: string }> {
  return new Promise(resolve => {
    const full = {
      address,
      tls: null,
      path: '/peer',
      frameBytesMax: 1024,
      handshakeMsMax: 2000,
      ...options,
    }
    const link = network.connect(full, {
      onOpen: opened => opened.send(frame),
      onFrame: (from, received) => resolve({ frame: Buffer.from(received).toString(), link: from }),
      onClose: (_link, reason) => resolve({ closed: reason }),
    })
    links.push(link)
  })
}

/** What a raw client reads until the other side hangs up. */
async function readToEnd(socket: net.Socket): Promise<string> {
  return new Promise(resolve => {
    let text = ''
    socket.on('data', chunk => {
      text += chunk.toString('latin1')
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(text))
  })
}

function rawClient(address: string): net.Socket {
  const [host, port] = address.split(':')
  return net.connect(Number(port), host)
}

const hello = Buffer.from('hello')

describe('a plain listener', () => {
  test('carries binary frames both ways', async () => {
    const listener = await listen()
    expect(await firstAnswer(listener.address, hello)).toMatchObject({ frame: 'hello' })
  })

  test('keeps frames whole and in order', async () => {
    const listener = await listen()
    const received: number[] = []
    await new Promise<void>(resolve => {
      const link = network.connect(
        {
          address: listener.address,
          tls: null,
          path: '/peer',
          frameBytesMax: 1024,
          handshakeMsMax: 2000,
        },
        {
          onOpen(opened) {
            for (let size = 0; size < 500; size += 1) opened.send(Buffer.alloc(size))
          },
          onFrame(_link, frame) {
            received.push(frame.length)
            if (received.length === 500) resolve()
          },
          onClose() {},
        },
      )
      links.push(link)
    })
    expect(received).toEqual(Array.from({ length: 500 }, (_, size) => size))
  })

  test('answers an upgrade on another path with 404', async () => {
    const listener = await listen()
    const answer = await firstAnswer(listener.address, hello, { path: '/other' })
    expect(answer).toEqual({ closed: 'Unexpected server response: 404' })
  })

  test('refuses links beyond its limit with 503', async () => {
    const listener = await listen({ linksMax: 1 })
    expect(await firstAnswer(listener.address, hello)).toMatchObject({ frame: 'hello' })
    const answer = await firstAnswer(listener.address, hello)
    expect(answer).toEqual({ closed: 'Unexpected server response: 503' })
  })

  test('closes a link that sends a frame above the limit, and serves the next', async () => {
    const listener = await listen()
    expect(await firstAnswer(listener.address, Buffer.alloc(1025))).toHaveProperty('closed')
    expect(await firstAnswer(listener.address, Buffer.alloc(1024))).toHaveProperty('frame')
  })

  test('closes a link that sends text', async () => {
    const listener = await listen()
    const socket = new WebSocket(`ws://${listener.address}/peer`)
    const code = await new Promise(resolve => {
      socket.on('open', () => socket.send('text'))
      socket.on('close', resolve)
    })
    expect(code).toBe(1000)
  })

  test('survives garbage bytes', async () => {
    const listener = await listen()
    for (let round = 0; round < 20; round += 1) {
      const socket = rawClient(listener.address)
      const text = readToEnd(socket)
      socket.write(randomBytes(2000))
      expect(await text).toMatch(/^(HTTP\/1.1 400 |$)/)
    }
    expect(await firstAnswer(listener.address, hello)).toMatchObject({ frame: 'hello' })
  })

  test('survives garbage behind a good upgrade', async () => {
    let ended: (reason: string) => void = () => {}
    const reason = new Promise<string>(resolve => {
      ended = resolve
    })
    const listener = await listen({}, { ...echo, onClose: (_link, why) => ended(why) })
    const socket = rawClient(listener.address)
    const text = readToEnd(socket)
    socket.write(
      `GET /peer HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`,
    )
    socket.once('data', () => socket.write(Buffer.alloc(100, 0xff)))
    expect(await text).toContain('101 Switching Protocols')
    expect(await reason).toContain('Invalid WebSocket frame')
  })

  test('drops a connection that never speaks', async () => {
    const listener = await listen({ handshakeMsMax: 50 })
    expect(await readToEnd(rawClient(listener.address))).toBe('')
  })

  test('answers plain HTTP on the same port', async () => {
    const listener = await listen({
      onHttp: ({ method, path }) => ({
        status: 200,
        contentType: 'text/plain',
        body: `${method} ${path}`,
      }),
    })
    const response = await fetch(`http://${listener.address}/metrics?x=1`)
    expect([response.status, await response.text()]).toEqual([200, 'GET /metrics?x=1'])
  })

  test('answers HTTP with 500 when its handler fails, and goes on', async () => {
    const listener = await listen({
      onHttp: async ({ path }) => {
        if (path === '/bad') throw new Error('broken')
        return { status: 200, contentType: 'text/plain', body: 'good' }
      },
    })
    expect((await fetch(`http://${listener.address}/bad`)).status).toBe(500)
    expect((await fetch(`http://${listener.address}/good`)).status).toBe(200)
  })

  test('reports an address that is taken', async () => {
    const listener = await listen()
    await expect(listen({ address: listener.address })).rejects.toThrow('EADDRINUSE')
  })

  test('reports an address that is none', async () => {
    await expect(listen({ address: 'nowhere' })).rejects.toThrow('is not an address')
  })

  test('tells a link that its listener closed', async () => {
    const listener = await listen()
    const closed = new Promise<string>(resolve => {
      const link = network.connect(
        {
          address: listener.address,
          tls: null,
          path: '/peer',
          frameBytesMax: 10,
          handshakeMsMax: 2000,
        },
        {
          onOpen: () => listener.close(() => {}),
          onFrame() {},
          onClose: (_link, reason) => resolve(reason),
        },
      )
      links.push(link)
    })
    listeners = []
    expect(await closed).toContain('1006')
  })

  test('reports a connection that cannot be made through onClose', async () => {
    const listener = await listen()
    await new Promise<void>(done => listener.close(done))
    listeners = []
    expect(await firstAnswer(listener.address, hello)).toHaveProperty('closed')
  })
})

describe('an address', () => {
  /** What a link to it is told, in order. */
  const told = async (address: string, handshakeMsMax = 500) =>
    new Promise<string[]>(resolve => {
      const events: string[] = []
      const options = { address, tls: null, path: '/peer', frameBytesMax: 10, handshakeMsMax }
      const link = network.connect(options, {
        onFrame() {},
        onRefused: () => events.push('refused'),
        onClose: () => resolve([...events, 'closed']),
      })
      links.push(link)
    })
  const portOf = async () => {
    const listener = await listen()
    await new Promise<void>(done => listener.close(done))
    listeners = []
    return Number(listener.address.split(':')[1])
  }

  test('where nobody listens refuses, which is more than not to answer', async () => {
    const port = await portOf()
    expect(await told(`127.0.0.1:${port}`)).toEqual(['refused', 'closed'])
    // A name may stand for several addresses.
    expect(await told(`localhost:${port}`)).toEqual(['refused', 'closed'])
  })

  test('where somebody accepts and says nothing, or something else, does not refuse', async () => {
    const silent = net.createServer()
    const rude = net.createServer(socket => socket.destroy())
    for (const server of [silent, rude]) {
      await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
      const { port } = server.address() as net.AddressInfo
      expect(await told(`127.0.0.1:${port}`, 100)).toEqual(['closed'])
      server.close()
    }
    const listener = await listen({ linksMax: 0 })
    expect(await told(listener.address)).toEqual(['closed'])
  })

  test('that does not exist, or that we have given up ourselves, does not refuse', async () => {
    expect(await told('nowhere:port')).toEqual(['closed'])
    expect(await told('no-such-host.invalid:1')).toEqual(['closed'])
    const port = await portOf()
    const outcome = told(`127.0.0.1:${port}`)
    links.at(-1)?.close('not needed')
    expect(await outcome).toEqual(['closed'])
  })
})

describe('a listener with certificates', () => {
  test('names the other side on both ends', async () => {
    const authority = await testAuthority(directory)
    const names: (string | null)[] = []
    const listener = await listen(
      { tls: await authority.issue('server') },
      { ...echo, onOpen: link => names.push(link.peerName) },
    )
    const answer = await firstAnswer(listener.address, hello, {
      tls: await authority.issue('client'),
    })
    expect(names).toEqual(['client'])
    expect(answer).toMatchObject({ frame: 'hello', link: { peerName: 'server' } })
  })

  test('refuses a client without a certificate and one of another authority', async () => {
    const authority = await testAuthority(directory)
    const other = await testAuthority(directory)
    const listener = await listen({ tls: await authority.issue('server') })
    const [host, port] = listener.address.split(':')
    const anonymous = tls.connect({ host, port: Number(port), rejectUnauthorized: false })
    anonymous.on('secureConnect', () => anonymous.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'))
    expect(await readToEnd(anonymous)).toBe('')
    const stranger = { ...(await other.issue('client')), caFile: authority.caFile }
    expect(await firstAnswer(listener.address, hello, { tls: stranger })).toHaveProperty('closed')
  })

  test('is refused by a client that trusts another authority', async () => {
    const authority = await testAuthority(directory)
    const other = await testAuthority(directory)
    const listener = await listen({ tls: await authority.issue('server') })
    const wary = { ...(await authority.issue('client')), caFile: other.caFile }
    expect(await firstAnswer(listener.address, hello, { tls: wary })).toHaveProperty('closed')
  })

  describe('whose files are renewed while it runs', () => {
    const minute = 60_000
    const ago = () => new Date(Date.now() - minute)

    /** As renewal tools do it: over the files that are in use. */
    const install = (from: TlsFiles, into: TlsFiles) => {
      copyFileSync(from.certFile, into.certFile)
      copyFileSync(from.keyFile, into.keyFile)
    }

    const renewals = () => {
      const told: string[] = []
      const tell = (_fields: unknown, message: string) => told.push(message)
      const logger: Logger = { ...silentLogger, info: tell, error: tell, child: () => logger }
      return { told, network: nodeNetwork(logger) }
    }

    test('serves again as soon as an expired certificate was replaced', async () => {
      const authority = await testAuthority(directory)
      const server = await authority.issue('m1', { commonName: 'm1', notAfter: ago() })
      const client = await authority.issue('m2')
      const listener = await listen({ tls: server })
      const ask = () => firstAnswer(listener.address, hello, { tls: client })
      expect(await ask()).toEqual({ closed: 'certificate has expired' })
      install(await authority.issue('m1'), server)
      const answer = await ask()
      expect(answer).toMatchObject({ frame: 'hello', link: { peerName: 'm1' } })
    })

    test('takes clients again whose expired certificate was replaced', async () => {
      const authority = await testAuthority(directory)
      const server = await authority.issue('m1')
      const client = await authority.issue('m2', { commonName: 'm2', notAfter: ago() })
      const listener = await listen({ tls: server })
      const ask = () => firstAnswer(listener.address, hello, { tls: client })
      expect(await ask()).toHaveProperty('closed')
      install(await authority.issue('m2'), client)
      expect(await ask()).toMatchObject({ frame: 'hello' })
    })

    test('keeps the old one while the new one is missing, garbage, of another key or expired', async () => {
      const authority = await testAuthority(directory)
      const files = await authority.issue('m1')
      const { told, network: watched } = renewals()
      const listener = await new Promise<Listener>((resolve, reject) => {
        const options = { address: '127.0.0.1:0', path: '/peer', frameBytesMax: 1024 }
        watched.listen(
          { ...options, tls: files, linksMax: 4, handshakeMsMax: 2000 },
          echo,
          (error, bound) => (bound === undefined ? reject(error) : resolve(bound)),
        )
      })
      listeners.push(listener)
      const client = await authority.issue('m2')
      const ask = async () => {
        const answer = await firstAnswer(listener.address, hello, { tls: client })
        if ('link' in answer) answer.link.close('seen')
        return 'frame' in answer ? answer.link.peerName : answer.closed
      }
      const unusable = 'certificate cannot be used; the old stays'
      rmSync(files.certFile)
      expect([await ask(), told.at(-1)]).toEqual([
        'm1',
        'certificate cannot be read; the old stays',
      ])
      writeFileSync(files.certFile, 'garbage')
      expect([await ask(), told.at(-1)]).toEqual(['m1', unusable])
      copyFileSync((await authority.issue('m3')).certFile, files.certFile)
      expect([await ask(), told.at(-1)]).toEqual(['m1', unusable])
      install(await authority.issue('m4', { commonName: 'm4', notAfter: ago() }), files)
      expect([await ask(), told.at(-1)]).toEqual(['m1', unusable])
      expect(told).toHaveLength(4)
      install(await authority.issue('m5'), files)
      expect([await ask(), told.at(-1)]).toEqual(['m5', 'certificate renewed'])
    })
  })

  test('drops half-open handshakes and serves friends meanwhile', async () => {
    const authority = await testAuthority(directory)
    const files = await authority.issue('server')
    const listener = await listen({ tls: files, handshakeMsMax: 300 })
    const silent = Array.from({ length: 20 }, async () => readToEnd(rawClient(listener.address)))
    const answer = await firstAnswer(listener.address, hello, {
      tls: await authority.issue('client'),
    })
    expect(answer).toMatchObject({ frame: 'hello' })
    expect(await Promise.all(silent)).toEqual(Array.from({ length: 20 }, () => ''))
  })

  test('caps handshakes under way', async () => {
    const authority = await testAuthority(directory)
    const listener = await listen({
      tls: await authority.issue('server'),
      linksMax: 0,
      handshakeMsMax: 60_000,
    })
    const silent = Array.from({ length: 65 }, () => rawClient(listener.address))
    // Only the one above the cap is hung up on before the handshake time is over.
    await Promise.race(silent.map(readToEnd))
    expect(silent.filter(socket => socket.closed)).toHaveLength(1)
    for (const socket of silent) socket.destroy()
  })
})
