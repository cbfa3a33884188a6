// gRPC beside links and plain HTTP on one port, over real sockets, with the library's own client.

import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import type { ClientHttp2Session } from 'node:http2'
import { Client, credentials } from '@grpc/grpc-js'
import type { ServiceError } from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from 'vitest'

import { must } from '../errors.js'
import { silentLogger } from '../logger.js'
import type { Link, Listener, ListenOptions } from '../network.js'
import { rpcCode } from '../rpc.js'
import type { RpcCall, RpcMethod, RpcOptions, RpcReceiver } from '../rpc.js'
import { nodeNetwork } from './network.js'

const network = nodeNetwork(silentLogger)
const same = (bytes: Buffer) => bytes

const echo: RpcMethod = {
  requests: 'one',
  start(call, request) {
    call.send(Buffer.concat([Buffer.from(`${call.connection.peerName ?? 'nobody'}:`), request]))
    call.end(rpcCode.ok, '')
    return null
  },
}

/** Says a word, and never comes to its end. */
const hang: RpcMethod = {
  requests: 'one',
  start(call, request) {
    call.send(request)
    return {}
  },
}

let listener: Listener
const clients: Client[] = []

async function listen(
  methods: Record<string, RpcMethod>,
  options: Partial<ListenOptions> & { rpc?: RpcOptions } = {},
): Promise<string> {
  listener = await new Promise<Listener>((resolve, reject) => {
    network.listen(
      {
        address: '127.0.0.1:0',
        tls: null,
        path: '/link',
        frameBytesMax: 1_000_000,
        linksMax: 16,
        handshakeMsMax: 2_000,
        onHttp: () => ({ status: 200, contentType: 'text/plain', body: 'plain' }),
        rpc: {
          methods: new Map(Object.entries(methods)),
          messageBytesMax: 1_000_000,
          callsMax: 100,
          keepaliveMs: 60_000,
          keepaliveTimeoutMs: 10_000,
        },
        ...options,
      },
      {
        onFrame: (link, frame) => link.send(frame),
        onClose() {},
      },
      (error, started) => {
        if (error !== null || started === undefined) reject(error ?? new Error('no listener'))
        else resolve(started)
      },
    )
  })
  return listener.address
}

const clientOf = (address: string): Client => {
  const client = new Client(address, credentials.createInsecure())
  clients.push(client)
  return client
}

const unary = (client: Client, path: string, request: Buffer): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, same, same, request, (error: ServiceError | null, answer) => {
      if (error !== null || answer === undefined) reject(error ?? new Error('no answer'))
      else resolve(answer)
    })
  })

afterEach(async () => {
  for (const client of clients.splice(0)) client.close()
  await new Promise<void>(resolve => {
    listener.close(resolve)
  })
})

describe('one port without TLS', () => {
  it('answers calls, links and plain HTTP', async () => {
    const address = await listen({ '/test/Echo': echo })
    expect(String(await unary(clientOf(address), '/test/Echo', Buffer.from('hi')))).toBe(
      'nobody:hi',
    )
    expect(await (await fetch(`http://${address}/`)).text()).toBe('plain')
    const frame = await new Promise<string>((resolve, reject) => {
      network.connect(
        { address, tls: null, path: '/link', frameBytesMax: 1_000, handshakeMsMax: 1_000 },
        {
          onOpen: (link: Link) => link.send(Buffer.from('over a link')),
          onFrame: (link, bytes) => {
            resolve(String(Buffer.from(bytes)))
            link.close('done')
          },
          onClose: (_link, reason) => reject(new Error(reason)),
        },
      )
    })
    expect(frame).toBe('over a link')
  })
})

describe('more connections than there is room for', () => {
  const connect = async (address: string): Promise<ClientHttp2Session> => {
    const session = connectHttp2(`http://${address}`)
    session.on('error', () => {})
    sessions.push(session)
    await once(session, 'remoteSettings')
    return session
  }
  const sessions: ClientHttp2Session[] = []
  afterEach(() => {
    for (const session of sessions.splice(0)) session.destroy()
  })

  it('are made room for by those that have been idle for longest', async () => {
    const address = await listen({ '/test/Echo': echo, '/test/Hang': hang }, { linksMax: 3 })
    const busy = clientOf(address)
    const call = busy.makeServerStreamRequest('/test/Hang', same, same, Buffer.from('x'))
    call.on('error', () => {})
    await once(call, 'data')
    const first = await connect(address)
    const second = await connect(address)
    const gone = once(first, 'close')
    await connect(address)
    await gone
    expect(second.closed).toBe(false)
    expect([...must(listener.rpcConnections, 'rpc is served')]).toHaveLength(3)
    // As often as it is asked.
    expect([...must(listener.rpcConnections, 'rpc is served')]).toHaveLength(3)
    expect(call.destroyed).toBe(false)
    call.cancel()
  })

  it('are refused while all have calls under way', async () => {
    const address = await listen({ '/test/Hang': hang }, { linksMax: 1 })
    const call = clientOf(address).makeServerStreamRequest(
      '/test/Hang',
      same,
      same,
      Buffer.from('x'),
    )
    call.on('error', () => {})
    await once(call, 'data')
    const refused = connectHttp2(`http://${address}`)
    refused.on('error', () => {})
    await once(refused, 'close')
    expect(call.destroyed).toBe(false)
    call.cancel()
  })
})

/** A stream whose server side the test holds in its hand. */
async function held() {
  const told: string[] = []
  let wake = () => {}
  let call: RpcCall | null = null
  const tell = (what: string) => {
    told.push(what)
    wake()
  }
  const receiver: RpcReceiver = {
    onMessage: message => tell(String(Buffer.from(message))),
    onHalfClose: () => tell('half-closed'),
    onDrain: () => tell('drained'),
    onCancel: () => tell('cancelled'),
  }
  const hold: RpcMethod = {
    requests: 'many',
    start(started) {
      call = started
      tell('started')
      return receiver
    },
  }
  const address = await listen({ '/test/Hold': hold, '/test/Echo': echo })
  const client = clientOf(address)
  const until = async (what: string) => {
    while (!told.includes(what)) {
      await new Promise<void>(resolve => {
        wake = resolve
      })
    }
  }
  const start = async (deadlineMs?: number) => {
    const options = deadlineMs === undefined ? {} : { deadline: Date.now() + deadlineMs }
    const stream = client.makeBidiStreamRequest('/test/Hold', same, same, options)
    stream.on('error', () => {})
    await until('started')
    return { stream, call: must(call, 'a started call') }
  }
  return { told, until, start, client }
}

describe('a call', () => {
  it('gives no message while it is told to wait, and all of them afterwards', async () => {
    const { told, until, start, client } = await held()
    const { stream, call } = await start()
    call.pauseReading()
    for (const word of ['one', 'two', 'three']) stream.write(Buffer.from(word))
    stream.end()
    // What came before it on the same connection has been read by now.
    await unary(client, '/test/Echo', Buffer.from(''))
    expect(told).toEqual(['started'])
    call.resumeReading()
    await until('half-closed')
    expect(told).toEqual(['started', 'one', 'two', 'three', 'half-closed'])
    call.end(rpcCode.ok, '')
  })

  it('knows what its client has not read, and says when it has', async () => {
    const { until, start } = await held()
    const { stream, call } = await start()
    stream.pause()
    for (let at = 0; at < 20; at++) call.send(Buffer.alloc(100_000))
    expect(call.bufferedBytes).toBe(2_000_000)
    expect(call.connection.bufferedBytes).toBe(2_000_000)
    stream.resume()
    await until('drained')
    expect([call.bufferedBytes, call.connection.bufferedBytes]).toEqual([0, 0])
    call.end(rpcCode.ok, '')
  })

  it('is over when its client gives it up, and what was buffered is given back', async () => {
    const { until, start } = await held()
    const { stream, call } = await start()
    stream.pause()
    call.send(Buffer.alloc(900_000))
    stream.cancel()
    await until('cancelled')
    expect([call.open, call.connection.bufferedBytes]).toEqual([false, 0])
    call.send(Buffer.from('nobody hears it'))
    call.end(rpcCode.ok, '')
  })

  it('is over at its deadline', async () => {
    const { until, start } = await held()
    const { call } = await start(100)
    await until('cancelled')
    expect(call.open).toBe(false)
  })

  it('ends with a sentence in any alphabet', async () => {
    const { start } = await held()
    const { stream, call } = await start()
    const ended = new Promise<ServiceError>(resolve => {
      stream.on('error', resolve)
    })
    call.send(Buffer.from('first'))
    call.end(rpcCode.aborted, '100 % – genug')
    expect(await ended).toMatchObject({ code: 10, details: '100 % – genug' })
  })
})

/** Keeps so many calls under way; answers how many others were answered while the longest one waited. */
function overtaken(session: ClientHttp2Session, underWay: number, total: number): Promise<number> {
  const request = Buffer.alloc(1_024, 1)
  request.writeUIntBE(request.length - 5, 0, 5)
  let asked = 0
  let answered = 0
  let most = 0
  return new Promise((resolve, reject) => {
    session.on('error', reject)
    const ask = () => {
      if (asked === total) return
      asked += 1
      const before = answered
      const stream = session.request({
        ':method': 'POST',
        ':path': '/test/Echo',
        'content-type': 'application/grpc',
        te: 'trailers',
      })
      stream.on('error', reject)
      stream.on('close', () => {
        most = Math.max(most, answered - before)
        answered += 1
        setImmediate(ask)
        if (answered === total) resolve(most)
      })
      stream.resume()
      stream.end(request)
    }
    for (let slot = 0; slot < underWay; slot += 1) ask()
  })
}

describe('a connection with many calls under way', () => {
  it('lets none wait for all that are newer', async () => {
    const rpc = {
      methods: new Map([['/test/Echo', echo]]),
      messageBytesMax: 1_000_000,
      callsMax: 1_000,
      keepaliveMs: 60_000,
      keepaliveTimeoutMs: 10_000,
    }
    const session = connectHttp2(`http://${await listen({}, { rpc })}`)
    // By a few rounds, for they are asked in another order than they are answered; not by dozens.
    expect(await overtaken(session, 500, 10_000)).toBeLessThan(5 * 500)
    session.close()
  })
})
