import net from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { silentLogger } from '../../../platform/logger.js'
import { nodeClock } from '../../../platform/node/clock.js'
import { nodeMetrics } from '../../../platform/node/metrics.js'
import { nodeRandom } from '../../../platform/node/random.js'
import { freePort as freeLocalPort } from '../../../platform/testing/free-port.js'
import type { KubeObject } from '../../api/object.js'
import type { Service } from '../../api/types/core-service.js'
import type { EndpointSlice } from '../../api/types/discovery.js'
import { endpointSlices, services } from '../../client/resources.js'
import { itKeepsToTheTable, type ProxyWorld } from '../testing/behaviours.js'
import { ScriptedApi } from '../testing/scripted-api.js'
import { UserspaceProxy } from './userspace-proxy.js'

const closers: (() => void)[] = []

afterEach(() => {
  for (const close of closers.splice(0).reverse()) close()
})

const service = (address: string, port: number): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'default', resourceVersion: '1' },
  spec: { clusterIP: address, ports: [{ port }] },
})

const slice = (backends: readonly net.AddressInfo[], version = '1'): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: {
    name: 'web-1',
    namespace: 'default',
    resourceVersion: version,
    labels: { 'kubernetes.io/service-name': 'web' },
  },
  addressType: 'IPv4',
  endpoints: backends.map(({ address }) => ({ addresses: [address] })),
  ports: [{ port: backends[0]?.port ?? 1 }],
})

async function startProxy(
  api: ScriptedApi,
  connectionsMax?: number,
  nodeAddresses: readonly string[] = [],
): Promise<UserspaceProxy> {
  const clock = nodeClock()
  const random = nodeRandom()
  closers.push(() => api.close())
  const proxy = new UserspaceProxy({
    place: () => ({ nodeName: 'node-1', zone: 'here' }),
    services: await api.informer(services),
    endpointSlices: await api.informer(endpointSlices),
    nodeAddresses,
    clock,
    random,
    logger: silentLogger,
    metrics: nodeMetrics(),
    ...(connectionsMax === undefined ? {} : { connectionsMax }),
  })
  proxy.start()
  closers.push(() => void proxy.stop())
  return proxy
}

async function listen(
  host: string,
  port: number,
  onSocket: (socket: net.Socket) => void,
  allowHalfOpen = true,
): Promise<net.AddressInfo> {
  const sockets = new Set<net.Socket>()
  const server = net.createServer({ allowHalfOpen }, socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    onSocket(socket)
  })
  closers.push(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  await new Promise<void>(resolve => server.listen(port, host, resolve))
  return server.address() as net.AddressInfo
}

/** What comes back when `text` is sent and the sending half is closed. */
function ask(address: string, port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: address, port, allowHalfOpen: true })
    let answer = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      answer += chunk
    })
    socket.on('end', () => resolve(answer))
    socket.on('error', reject)
    socket.end(text)
  })
}

async function eventually<T>(probe: () => Promise<T | null>): Promise<T> {
  const deadline = Date.now() + 15_000
  for (;;) {
    const value = await probe().catch(() => null)
    if (value !== null) return value
    if (Date.now() > deadline) throw new Error('it did not happen within 15 s')
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

/** Answers only when the client has ended its half. */
const echoAtEnd =
  (name: string) =>
  (socket: net.Socket): void => {
    let heard = ''
    socket.setEncoding('utf8')
    socket.on('data', (chunk: string) => {
      heard += chunk
    })
    socket.on('end', () => socket.end(`${name}:${heard.length}`))
  }

const apiOf = (port: number, backends: readonly net.AddressInfo[]): ScriptedApi =>
  new ScriptedApi(
    new Map<string, readonly KubeObject[]>([
      ['services', [service('127.96.77.1', port)]],
      ['endpointslices', [slice(backends)]],
    ]),
  )

/** A port that nobody else has at the service's address. */
async function freePort(): Promise<number> {
  const { port } = await listen('127.96.77.1', 0, () => {})
  closers.pop()?.()
  return port
}

describe('a proxied connection', () => {
  it('passes halves that end before the answer, whatever their size', async () => {
    const port = await freePort()
    const backend = await listen('127.64.77.2', 0, echoAtEnd('a'))
    await startProxy(apiOf(port, [backend]))
    const big = 'x'.repeat(3_000_000)
    expect(await eventually(() => ask('127.96.77.1', port, big))).toBe('a:3000000')
  })

  it('goes on towards a backend that has said its last word first', async () => {
    const port = await freePort()
    let tellHeard = (_text: string): void => {}
    const heard = new Promise<string>(resolve => {
      tellHeard = resolve
    })
    const backend = await listen('127.64.77.2', 0, socket => {
      socket.end('bye')
      socket.setEncoding('utf8')
      socket.once('data', (chunk: string) => tellHeard(chunk))
    })
    await startProxy(apiOf(port, [backend]))
    const socket = await eventually(
      () =>
        new Promise<net.Socket>((resolve, reject) => {
          const opened = net.connect({ host: '127.96.77.1', port, allowHalfOpen: true })
          opened.resume()
          opened.once('end', () => resolve(opened))
          opened.once('error', reject)
        }),
    )
    socket.end('still speaking')
    expect(await heard).toBe('still speaking')
  })

  it('goes to another backend when one does not answer', async () => {
    const port = await freePort()
    const alive = await listen('127.64.77.2', 0, echoAtEnd('alive'))
    const dead = { ...alive, address: '127.64.77.3' }
    await startProxy(apiOf(port, [dead, alive]))
    await eventually(() => ask('127.96.77.1', port, ''))
    for (let round = 0; round < 4; round += 1) {
      expect(await ask('127.96.77.1', port, 'x')).toBe('alive:1')
    }
  })

  it('breaks when its backend breaks, and lives on when its service goes', async () => {
    const port = await freePort()
    const held: net.Socket[] = []
    const greet = (socket: net.Socket): void => {
      held.push(socket)
      socket.write('hello')
    }
    const backend = await listen('127.64.77.2', 0, greet, false)
    const api = apiOf(port, [backend])
    await startProxy(api)
    const socket = await eventually(
      () =>
        new Promise<net.Socket>((resolve, reject) => {
          const opened = net.connect({ host: '127.96.77.1', port })
          opened.once('data', () => resolve(opened))
          opened.once('error', reject)
        }),
    )
    closers.push(() => socket.destroy())
    api.emit('services', 'DELETED', {
      ...service('127.96.77.1', port),
      metadata: { name: 'web', namespace: 'default', resourceVersion: '11' },
    })
    await eventually(() =>
      ask('127.96.77.1', port, '').then(
        () => null,
        () => true,
      ),
    )
    const again = new Promise<string>(resolve => socket.once('data', data => resolve(String(data))))
    held[0]?.write('still here')
    expect(await again).toBe('still here')
    const closed = new Promise<void>(resolve => socket.once('close', () => resolve()))
    socket.on('error', () => {})
    held[0]?.resetAndDestroy()
    await closed
  })

  it('is refused beyond the limit, and taken again when others have ended', async () => {
    const port = await freePort()
    const backend = await listen('127.64.77.2', 0, socket => void socket.write('hello'), false)
    await startProxy(apiOf(port, [backend]), 1)
    const open = (): Promise<net.Socket> =>
      new Promise((resolve, reject) => {
        const socket = net.connect({ host: '127.96.77.1', port })
        socket.once('data', () => resolve(socket))
        socket.once('error', reject)
        socket.once('close', () => reject(new Error('closed')))
      })
    const first = await eventually(open)
    await expect(open()).rejects.toThrow()
    first.destroy()
    const second = await eventually(open)
    second.destroy()
  })
})

describe('two proxies on one machine', () => {
  it('share an address in turn: the second has it soon after the first is gone', async () => {
    const port = await freePort()
    const backend = await listen('127.64.77.2', 0, echoAtEnd('a'))
    const api = apiOf(port, [backend])
    const first = await startProxy(api)
    await eventually(() => ask('127.96.77.1', port, ''))
    const second = await startProxy(api)
    await eventually(() => ask('127.96.77.1', port, ''))
    expect([first.served.length, second.served.length]).toEqual([1, 0])
    await first.stop()
    await eventually(() => Promise.resolve(second.served.length === 1 ? true : null))
    expect(await ask('127.96.77.1', port, 'x')).toBe('a:1')
  })
})

describe('the proxy in user space', () => {
  let world: ProxyWorld

  beforeEach(async () => {
    const port = await freePort()
    const nodePort = await freeLocalPort()
    const backends = { a: '127.64.77.2', b: '127.64.77.3', c: '127.64.78.2' }
    const { port: backendPort } = await listen(backends.a, 0, socket => socket.end('a'))
    await listen(backends.b, backendPort, socket => socket.end('b'))
    await listen(backends.c, backendPort, socket => socket.end('c'))
    const api = new ScriptedApi()
    await startProxy(api, undefined, ['127.0.0.1'])
    const doors = {
      'cluster IP': ['127.96.77.1', port],
      'node port': ['127.0.0.1', nodePort],
      witness: ['127.96.77.1', port + 1],
    } as const
    world = {
      api,
      backends,
      backendPort,
      clusterIp: '127.96.77.1',
      port,
      nodePort,
      ask: door => ask(doors[door][0], doors[door][1], '').catch(() => 'nobody'),
    }
  })

  itKeepsToTheTable(() => world)
})
