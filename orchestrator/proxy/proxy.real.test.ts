import net from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { silentLogger } from '../../platform/logger.js'
import { nodeClock } from '../../platform/node/clock.js'
import { nodeMetrics } from '../../platform/node/metrics.js'
import { nodeRandom } from '../../platform/node/random.js'
import type { KubeObject } from '../api/object.js'
import type { Service } from '../api/types/core-service.js'
import type { EndpointSlice } from '../api/types/discovery.js'
import { Informer } from '../client/informer.js'
import { endpointSlices, type Resource, services } from '../client/resources.js'
import { ApiClient } from '../client/rest-client.js'
import type { ApiTransport, StreamHandlers } from '../client/transport.js'
import { Proxy } from './proxy.js'

const closers: (() => void)[] = []

afterEach(() => {
  for (const close of closers.splice(0).reverse()) close()
})

/** An API of lists that never change and watches that hear what `emit` says. */
class FixedApi implements ApiTransport {
  private readonly lists: ReadonlyMap<string, readonly KubeObject[]>
  private readonly watchers = new Map<string, StreamHandlers>()

  constructor(lists: ReadonlyMap<string, readonly KubeObject[]>) {
    this.lists = lists
  }

  request({ path }: { readonly path: string }) {
    const plural = pluralOf(path)
    const items = this.lists.get(plural) ?? []
    const body = JSON.stringify({ metadata: { resourceVersion: '10' }, items })
    return Promise.resolve({ status: 200, headers: {}, body })
  }

  stream({ path }: { readonly path: string }, handlers: StreamHandlers) {
    this.watchers.set(pluralOf(path), handlers)
    return { cancel() {} }
  }

  emit(plural: string, type: string, object: KubeObject): void {
    this.watchers.get(plural)?.onChunk(`${JSON.stringify({ type, object })}\n`)
  }

  close(): void {}
}

const pluralOf = (path: string): string => path.split('?')[0]?.split('/').at(-1) ?? ''

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

function startProxy(api: FixedApi, connectionsMax?: number): Proxy {
  const clock = nodeClock()
  const random = nodeRandom()
  const client = new ApiClient({ transport: api })
  const informerOf = <T extends KubeObject>(resource: Resource<T>): Informer<T> => {
    const informer = new Informer<T>({ client, resource, clock, random, logger: silentLogger })
    informer.start()
    closers.push(() => informer.stop())
    return informer
  }
  const proxy = new Proxy({
    nodeName: 'node-1',
    services: informerOf(services),
    endpointSlices: informerOf(endpointSlices),
    nodeAddresses: [],
    clock,
    random,
    logger: silentLogger,
    metrics: nodeMetrics(),
    ...(connectionsMax === undefined ? {} : { connectionsMax }),
  })
  proxy.start()
  closers.push(() => proxy.stop())
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

const apiOf = (port: number, backends: readonly net.AddressInfo[]): FixedApi =>
  new FixedApi(
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
    startProxy(apiOf(port, [backend]))
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
    startProxy(apiOf(port, [backend]))
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
    startProxy(apiOf(port, [dead, alive]))
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
    startProxy(api)
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
    startProxy(apiOf(port, [backend]), 1)
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
    const first = startProxy(api)
    await eventually(() => ask('127.96.77.1', port, ''))
    const second = startProxy(api)
    await eventually(() => ask('127.96.77.1', port, ''))
    expect([first.served.length, second.served.length]).toEqual([1, 0])
    first.stop()
    await eventually(() => Promise.resolve(second.served.length === 1 ? true : null))
    expect(await ask('127.96.77.1', port, 'x')).toBe('a:1')
  })
})
