// gRPC calls over connections that somebody else accepted, through @grpc/grpc-js. Its own handlers are
// passed by: an interceptor takes each call as it comes, so that a call costs one object of ours and
// no streams, and what is buffered is known. Nothing outside of this file knows the library.

import type { Socket } from 'node:net'
import { Server, ServerCredentials, ServerInterceptingCall } from '@grpc/grpc-js'
import type { Metadata, ServerInterceptingCallInterface } from '@grpc/grpc-js'
import type { Address } from '../network.js'
import { rpcCode } from '../rpc.js'
import type { RpcCall, RpcCode, RpcConnection, RpcMethod, RpcOptions, RpcReceiver } from '../rpc.js'
import { commonName } from './network-link.js'

/** What node:http2 may hold for one connection beside what waits in the socket, in mebibytes. */
const sessionMebibytesMax = 64

export interface RpcServer {
  readonly connections: ReadonlyMap<Address, RpcConnection>
  /** A connection on which HTTP/2 is spoken; what it has sent so far may stand in its buffer. */
  accept(socket: Socket): void
  close(): void
}

class Connection implements RpcConnection {
  readonly socket: Socket
  readonly remote: Address
  readonly peerName: string | null
  bufferedBytes = 0

  constructor(socket: Socket, remote: Address) {
    this.socket = socket
    this.remote = remote
    this.peerName = commonName(socket)
  }
}

export function rpcServer(options: RpcOptions, remoteOf: (socket: Socket) => Address): RpcServer {
  const connections = new Map<Address, Connection>()
  const server = new Server({
    'grpc.enable_channelz': 0,
    'grpc.max_receive_message_length': options.messageBytesMax,
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': options.callsMax,
    'grpc.keepalive_time_ms': options.keepaliveMs,
    'grpc.keepalive_timeout_ms': options.keepaliveTimeoutMs,
    'grpc-node.max_session_memory': sessionMebibytesMax,
    interceptors: [
      ({ path }, lower) => {
        const connection = connections.get(lower.getPeer())
        return new Call(lower, options.methods.get(path), connection ?? gone)
      },
    ],
  })
  const unused = () => {}
  const same = (bytes: Buffer) => bytes
  for (const path of options.methods.keys()) server.register(path, unused, same, same, 'bidi')
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure())
  return {
    connections,
    accept(socket) {
      const remote = remoteOf(socket)
      connections.set(remote, new Connection(socket, remote))
      socket.once('close', () => connections.delete(remote))
      injector.injectConnection(socket)
    },
    close() {
      for (const { socket } of connections.values()) socket.destroy()
      server.forceShutdown()
    },
  }
}

/** Of a call whose connection broke before it was looked at. */
const gone = { remote: '?:0', peerName: null, bufferedBytes: 0 }

type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** The library starts it, hears nothing of its requests, and is told what to send. */
class Call extends ServerInterceptingCall implements RpcCall {
  readonly connection: Writable<RpcConnection>
  open = true
  bufferedBytes = 0
  readonly #lower: ServerInterceptingCallInterface
  readonly #method: RpcMethod | undefined
  #receiver: RpcReceiver | null = null
  #headers: Metadata | null = null
  #paused = false
  /** A message may be asked for: none has been asked for and not come. */
  #idle = true
  /** Lengths of what has been sent and not left. */
  readonly #leaving: number[] = []
  readonly #left = () => this.#settle(this.#leaving.shift() ?? 0)

  constructor(
    lower: ServerInterceptingCallInterface,
    method: RpcMethod | undefined,
    connection: Writable<RpcConnection>,
  ) {
    super(lower)
    this.#lower = lower
    this.#method = method
    this.connection = connection
  }

  override start(): void {
    this.#lower.start({
      onReceiveMetadata: headers => this.#begin(headers),
      onReceiveMessage: (message: Uint8Array) => this.#message(message),
      onReceiveHalfClose: () => this.#halfClose(),
      onCancel: () => this.#over(),
    })
  }

  metadata(name: string): string | null {
    const value = this.#headers?.get(name)[0]
    return typeof value === 'string' ? value : null
  }

  send(message: Uint8Array): void {
    if (!this.open) return
    this.bufferedBytes += message.length
    this.connection.bufferedBytes += message.length
    this.#leaving.push(message.length)
    const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength)
    this.#lower.sendMessage(bytes, this.#left)
  }

  end(code: RpcCode, message: string): void {
    if (!this.open) return
    this.open = false
    this.#lower.sendStatus({ code, details: message })
  }

  pauseReading(): void {
    this.#paused = true
  }

  resumeReading(): void {
    this.#paused = false
    this.#readNext()
  }

  #begin(headers: Metadata): void {
    this.#headers = headers
    if (this.#method?.requests === 'many') this.#receiver = this.#method.start(this)
    this.#readNext()
  }

  #readNext(): void {
    if (!this.#idle || this.#paused || !this.open) return
    this.#idle = false
    this.#lower.startRead()
  }

  #message(message: Uint8Array): void {
    if (!this.open) return
    if (this.#method?.requests === 'one') {
      // No further read: a second message stays unheard.
      this.#receiver = this.#method.start(this, message)
      return
    }
    this.#idle = true
    this.#receiver?.onMessage?.(message)
    this.#readNext()
  }

  #halfClose(): void {
    if (!this.open) return
    if (this.#method?.requests === 'one') {
      this.end(rpcCode.internal, 'the call ended before its request')
    } else this.#receiver?.onHalfClose?.()
  }

  /** Told once, also behind an `end` of ours; what has not left by now never will. */
  #over(): void {
    const cancelled = this.open
    this.open = false
    this.connection.bufferedBytes -= this.bufferedBytes
    this.bufferedBytes = 0
    this.#leaving.length = 0
    if (cancelled) this.#receiver?.onCancel?.()
  }

  #settle(length: number): void {
    if (length === 0) return
    this.bufferedBytes -= length
    this.connection.bufferedBytes -= length
    if (this.bufferedBytes === 0 && this.open) this.#receiver?.onDrain?.()
  }
}
