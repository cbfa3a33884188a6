// gRPC beside links and plain HTTP on one port, over real sockets, with the library's own client.

import { Client, credentials } from '@grpc/grpc-js'
import type { ServiceError } from '@grpc/grpc-js'
import { afterEach, describe, expect, it } from 'vitest'

import { silentLogger } from '../logger.js'
import type { Link, Listener, ListenOptions } from '../network.js'
import { rpcCode } from '../rpc.js'
import type { RpcMethod, RpcOptions } from '../rpc.js'
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
