import dgram from 'node:dgram'
import dns from 'node:dns/promises'
import net from 'node:net'
import packets from 'dns-packet'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { silentLogger } from '../../platform/logger.js'
import { nodeClock } from '../../platform/node/clock.js'
import { nodeRandom } from '../../platform/node/random.js'
import { deafMetrics } from '../../platform/testing/deaf-metrics.js'
import { endpointSlices, namespaces, services } from '../client/resources.js'
import { eventually } from '../nftables/testing/network-namespaces.js'
import { endpointOf, serviceOf, sliceOf } from '../proxy/testing/objects.js'
import { ScriptedApi } from '../proxy/testing/scripted-api.js'
import { DnsServer } from './dns-server.js'
import { Forwarder, type ForwarderOptions } from './forwarder.js'
import { informerView } from './informer-view.js'
import { Resolver } from './resolver.js'
import { someNamespaces, someServices, someSlices } from './testing/view.js'

const host = '127.0.0.1'
const clock = nodeClock()
const random = nodeRandom()
const closers: (() => void)[] = []
let api: ScriptedApi
let upstream: Elsewhere
let port = 0

afterEach(() => {
  for (const close of closers.splice(0).reverse()) close()
})

/** A server for names from elsewhere, which a test makes answer or not. */
class Elsewhere {
  readonly #udp = dgram.createSocket('udp4')
  #tcp: net.Server | null = null
  port = 0
  silent = false
  asked: string[] = []

  async start(): Promise<void> {
    await new Promise<void>(resolve => this.#udp.bind(0, host, resolve))
    this.port = this.#udp.address().port
    this.#udp.on('message', (bytes, from) => {
      const answer = this.#answer(bytes, 'udp')
      if (answer !== null) this.#udp.send(answer, from.port, from.address)
    })
    this.#tcp = net.createServer(socket => {
      socket.on('error', () => {})
      socket.on('data', bytes => {
        const answer = this.#answer(bytes.subarray(2), 'tcp')
        const length = Buffer.alloc(2)
        length.writeUInt16BE(answer?.length ?? 0)
        if (answer !== null) socket.write(Buffer.concat([length, answer]))
      })
    })
    await new Promise<void>(resolve => this.#tcp?.listen(this.port, host, resolve))
  }

  stop(): void {
    this.#udp.close()
    this.#tcp?.close()
  }

  /** "big" names have a hundred addresses, and are cut by UDP; names that begin with "no" are none. */
  #answer(bytes: Buffer, transport: string): Buffer | null {
    const { id, questions } = packets.decode(bytes)
    const [question] = questions ?? []
    if (question === undefined || this.silent) return null
    this.asked.push(`${transport} ${question.type} ${question.name}`)
    const big = question.name.startsWith('big')
    const cut = big && transport === 'udp'
    const count = cut ? 0 : big ? 100 : 1
    return packets.encode({
      type: 'response',
      ...(id === undefined ? {} : { id }),
      flags:
        packets.RECURSION_AVAILABLE |
        (cut ? packets.TRUNCATED_RESPONSE : 0) |
        (question.name.startsWith('no') ? 3 : 0),
      questions: [question],
      answers:
        question.type === 'A' && !question.name.startsWith('no')
          ? Array.from({ length: count }, (_, index) => ({
              type: 'A' as const,
              name: question.name,
              ttl: 60,
              data: `192.0.2.${index + 1}`,
            }))
          : [],
    })
  }
}

async function serve(
  forwarder: Partial<ForwarderOptions> = {},
  at: { readonly host: string; readonly port: number } = { host, port: 0 },
  known = true,
): Promise<{ readonly server: DnsServer; readonly bound: Promise<number> }> {
  const view = informerView({
    zone: 'cluster.local',
    serverAddresses: ['10.96.0.10'],
    services: await api.informer(services),
    endpointSlices: await api.informer(endpointSlices),
    namespaces: await api.informer(namespaces),
  })
  const upstreams = [{ host, port: upstream.port }]
  const resolver = new Resolver({
    view: known ? view : () => null,
    forwarder: new Forwarder({ upstreams, clock, random, timeoutMs: 200, ...forwarder }),
    random,
    logger: silentLogger,
    metrics: deafMetrics,
  })
  const server = new DnsServer({ resolver, ...at, clock, random, logger: silentLogger })
  closers.push(() => server.stop())
  return { server, bound: server.start() }
}

const client = (serverPort = port): dns.Resolver => {
  const resolver = new dns.Resolver({ timeout: 2000, tries: 1 })
  resolver.setServers([`${host}:${serverPort}`])
  return resolver
}

/** One message by UDP, as it comes back. */
function exchange(
  question: Partial<packets.Packet>,
): Promise<packets.DecodedPacket & { bytes: number }> {
  const socket = dgram.createSocket('udp4')
  return new Promise(resolve => {
    socket.once('message', bytes => {
      socket.close()
      resolve({ ...packets.decode(bytes), bytes: bytes.length })
    })
    socket.send(
      packets.encode({ type: 'query', id: 9, flags: packets.RECURSION_DESIRED, ...question }),
      port,
      host,
    )
  })
}

beforeAll(async () => {
  upstream = new Elsewhere()
  await upstream.start()
  api = new ScriptedApi(
    new Map<string, typeof someServices | typeof someSlices | typeof someNamespaces>([
      ['services', someServices],
      ['endpointslices', someSlices],
      ['namespaces', someNamespaces],
    ]),
  )
  const { bound } = await serve()
  port = await bound
  closers.splice(0)
})

afterAll(() => {
  api.close()
  upstream.stop()
})

describe('a resolver of a pod', () => {
  it('finds Services, their backends and their ports', async () => {
    const ask = client()
    expect(await ask.resolve4('web.default.svc.cluster.local')).toEqual(['10.96.0.20'])
    expect(await ask.resolve6('web.default.svc.cluster.local')).toEqual(['fd96::20'])
    expect((await ask.resolve4('db.default.svc.cluster.local')).sort()).toEqual([
      '10.244.1.2',
      '10.244.2.2',
      '10.244.2.3',
    ])
    expect(await ask.resolve4('db-1.db.default.svc.cluster.local')).toEqual(['10.244.2.2'])
    expect(await ask.resolveSrv('_http._tcp.web.default.svc.cluster.local')).toEqual([
      { priority: 0, weight: 100, port: 80, name: 'web.default.svc.cluster.local' },
    ])
    expect(await ask.reverse('10.96.0.20')).toEqual(['web.default.svc.cluster.local'])
    expect(await ask.resolve4('10-1-2-3.default.pod.cluster.local')).toEqual(['10.1.2.3'])
  })

  it('is told what is not there, and for how long to believe it', async () => {
    await expect(client().resolve4('x.default.svc.cluster.local')).rejects.toMatchObject({
      code: 'ENOTFOUND',
    })
    await expect(client().resolveMx('web.default.svc.cluster.local')).rejects.toMatchObject({
      code: 'ENODATA',
    })
    const { flags, authorities } = await exchange({
      questions: [{ type: 'A', name: 'x.default.svc.cluster.local' }],
    })
    expect((flags ?? 0) & 15).toBe(3)
    expect(authorities).toMatchObject([
      { type: 'SOA', name: 'cluster.local', ttl: 5, data: { minimum: 5 } },
    ])
  })

  it('follows what changes', async () => {
    const late = serviceOf('late', { clusterIP: 'None' })
    api.put('services', late)
    api.put('endpointslices', sliceOf('late', [endpointOf('10.244.1.50', { hostname: 'late-0' })]))
    const name = 'late-0.late.default.svc.cluster.local'
    await eventually(
      'it is there',
      async () =>
        (
          await client()
            .resolve4(name)
            .catch(() => [])
        ).length === 1,
    )
    api.delete('services', late)
    await eventually(
      'it is gone',
      async () =>
        (
          await client()
            .resolve4(name)
            .catch(() => [])
        ).length === 0,
    )
  })

  it('gets the addresses of the end of an alias, here or elsewhere', async () => {
    const { answers } = await exchange({
      questions: [{ type: 'A', name: 'out.default.svc.cluster.local' }],
    })
    expect(answers).toMatchObject([
      { type: 'CNAME', data: 'db.example.org' },
      { type: 'A', name: 'db.example.org', data: '192.0.2.1' },
    ])
    expect(await client().resolve4('alias.default.svc.cluster.local')).toEqual(['10.96.0.20'])
    expect(await client().resolveCname('out.default.svc.cluster.local')).toEqual(['db.example.org'])
    const round = await exchange({
      questions: [{ type: 'A', name: 'round.default.svc.cluster.local' }],
    })
    expect((round.flags ?? 0) & 15).toBe(2)
  })

  it('comes by TCP for what is too much for UDP', async () => {
    api.put('services', serviceOf('many', { clusterIP: 'None' }))
    const many = Array.from({ length: 200 }, (_, index) => endpointOf(`10.244.9.${index}`))
    api.put('endpointslices', sliceOf('many', many))
    const name = 'many.default.svc.cluster.local'
    await eventually(
      'it is there',
      async () =>
        (
          await client()
            .resolve4(name)
            .catch(() => [])
        ).length === 200,
    )
    const plain = await exchange({ questions: [{ type: 'A', name }] })
    expect([plain.flag_tc, plain.bytes <= 512]).toEqual([true, true])
  })
})

describe('names from elsewhere', () => {
  it('are asked of others, by TCP when the client comes by TCP', async () => {
    expect(await client().resolve4('www.example.org')).toEqual(['192.0.2.1'])
    upstream.asked = []
    expect(await client().resolve4('big.example.org')).toHaveLength(100)
    expect(upstream.asked).toEqual(['udp A big.example.org', 'tcp A big.example.org'])
    await expect(client().resolve4('no.example.org')).rejects.toMatchObject({ code: 'ENOTFOUND' })
  })

  it('are asked of the next when one is silent, and given up when all are', async () => {
    const silent = new Elsewhere()
    await silent.start()
    closers.push(() => silent.stop())
    silent.silent = true
    const upstreams = [silent.port, upstream.port].map(at => ({ host, port: at }))
    const one = await (await serve({ upstreams })).bound
    expect(await client(one).resolve4('www.example.org')).toEqual(['192.0.2.1'])
    const none = await (await serve({ upstreams: [{ host, port: silent.port }] })).bound
    await expect(client(none).resolve4('www.example.org')).rejects.toMatchObject({
      code: 'ESERVFAIL',
    })
  })

  it('are refused where there is nobody to ask, or too many wait', async () => {
    const none = await (await serve({ upstreams: [] })).bound
    await expect(client(none).resolve4('www.example.org')).rejects.toMatchObject({
      code: 'EREFUSED',
    })
    const full = await (await serve({ questionsMax: 0 })).bound
    await expect(client(full).resolve4('www.example.org')).rejects.toMatchObject({
      code: 'ESERVFAIL',
    })
  })
})

describe('a server of names', () => {
  it('says of nothing that it is not there before it knows', async () => {
    const early = await (await serve({}, { host, port: 0 }, false)).bound
    await expect(client(early).resolve4('web.default.svc.cluster.local')).rejects.toMatchObject({
      code: 'ESERVFAIL',
    })
  })

  it('takes an address over from one that is gone', async () => {
    const first = await serve()
    const at = await first.bound
    const second = await serve({}, { host, port: at })
    expect(await client(at).resolve4('web.default.svc.cluster.local')).toEqual(['10.96.0.20'])
    first.server.stop()
    expect(await second.bound).toBe(at)
    expect(await client(at).resolve4('web.default.svc.cluster.local')).toEqual(['10.96.0.20'])
  })

  it('answers many questions of one connection, also in pieces, and survives nonsense', async () => {
    const socket = net.connect({ host, port })
    closers.push(() => socket.destroy())
    const question = packets.streamEncode({
      type: 'query',
      id: 1,
      questions: [{ type: 'A', name: 'web.default.svc.cluster.local' }],
    })
    const many = Buffer.concat(Array.from({ length: 50 }, () => question))
    let heard = Buffer.alloc(0)
    socket.on('data', chunk => {
      heard = Buffer.concat([heard, chunk])
    })
    socket.write(many.subarray(0, 77))
    socket.write(many.subarray(77))
    await eventually('all are answered', () => {
      let [at, count] = [0, 0]
      while (at + 2 <= heard.length && at + 2 + heard.readUInt16BE(at) <= heard.length) {
        at += 2 + heard.readUInt16BE(at)
        count += 1
      }
      return count === 50
    })
    const nonsense = dgram.createSocket('udp4')
    nonsense.send(Buffer.from('nonsense that is no message'), port, host, () => nonsense.close())
    expect(await client().resolve4('web.default.svc.cluster.local')).toEqual(['10.96.0.20'])
  })
})
