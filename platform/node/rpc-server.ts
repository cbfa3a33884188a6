// gRPC calls over connections that somebody else accepted, on node:http2. A call is one object beside its
// stream, and what is buffered for it is known. Counterpart: the server of @grpc/grpc-js, which takes
// more than twice as much processor time a call. Leaves out compression, which is refused.

import { constants, createServer } from 'node:http2'
import type { Http2Session, IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2'
import type { Socket } from 'node:net'
import type { Address } from '../network.js'
import { rpcCode } from '../rpc.js'
import type {
  RpcCall,
  RpcCallObserver,
  RpcCode,
  RpcConnection,
  RpcMethod,
  RpcOptions,
  RpcReceiver,
} from '../rpc.js'
import { commonName } from './network-link.js'
import { RpcMessages, encodeStatusMessage, framed, timeoutMsOf } from './rpc-framing.js'

/** What node:http2 may hold for one connection beside what waits in the socket, in mebibytes. */
const sessionMebibytesMax = 64
const headerBytesMax = 16 * 1024
/**
 * What a client may send ahead on all streams of a connection together. Where it is little, nghttp2 sends
 * a request that did not fit whole after all that are newer: with a thousand small ones under way over
 * 64 KiB, as HTTP/2 has it, some waited for twelve seconds.
 */
const windowBytes = 4 * 1024 * 1024
/** For a connection that is sent away to say goodbye. */
const partingMs = 1000

export interface RpcServer {
  readonly connections: ReadonlyMap<Address, RpcConnection>
  /** A connection on which HTTP/2 is spoken; what it has sent so far may stand in its buffer. */
  accept(socket: Socket): void
  /** Sends the connection away that has been without calls for longest; false when all have some. */
  makeRoom(): boolean
  close(): void
}

class Connection implements RpcConnection {
  readonly socket: Socket
  readonly remote: Address
  readonly peerName: string | null
  bufferedBytes = 0
  session: Http2Session | null = null
  /** Calls under way. */
  calls = 0

  constructor(socket: Socket, remote: Address) {
    this.socket = socket
    this.remote = remote
    this.peerName = commonName(socket)
  }
}

export function rpcServer(options: RpcOptions, remoteOf: (socket: Socket) => Address): RpcServer {
  const connections = new Map<Address, Connection>()
  const bySession = new WeakMap<Http2Session, Connection>()
  /** Those without calls; who has been so for longest comes first. */
  const idle = new Set<Connection>()
  const forget = (connection: Connection) => {
    connections.delete(connection.remote)
    idle.delete(connection)
  }
  /** Handed to the server and not yet seen as a session, which follows in the same call. */
  let accepting: Connection | null = null
  const server = createServer({
    maxSessionMemory: sessionMebibytesMax,
    settings: { maxConcurrentStreams: options.callsMax, maxHeaderListSize: headerBytesMax },
  })
  server.on('session', session => {
    session.on('error', ignore)
    session.setLocalWindowSize(windowBytes)
    if (accepting !== null) {
      bySession.set(session, accepting)
      accepting.session = session
    }
    keepAlive(session, options)
  })
  server.on('sessionError', ignore)
  server.on('stream', (stream, headers) => {
    const { session } = stream
    const connection = session === undefined ? undefined : bySession.get(session)
    stream.on('error', ignore)
    if (connection === undefined) {
      stream.close(constants.NGHTTP2_CANCEL)
      return
    }
    connection.calls += 1
    idle.delete(connection)
    stream.once('close', () => {
      connection.calls -= 1
      if (connection.calls === 0 && connections.get(connection.remote) === connection)
        idle.add(connection)
    })
    serve(stream, headers, connection, options)
  })
  return {
    connections,
    accept(socket) {
      const remote = remoteOf(socket)
      const connection = new Connection(socket, remote)
      connections.set(remote, connection)
      idle.add(connection)
      socket.once('close', () => forget(connection))
      accepting = connection
      server.emit('connection', socket)
      accepting = null
    },
    makeRoom() {
      const [longest] = idle
      if (longest === undefined) return false
      forget(longest)
      // A call that is on its way to us meanwhile is made again by its client, over another connection.
      longest.session?.close()
      setTimeout(() => longest.socket.destroy(), partingMs).unref()
      return true
    },
    close() {
      for (const { socket } of connections.values()) socket.destroy()
    },
  }
}

function ignore(): void {
  // What breaks ends in `close`, which tells the whole story.
}

/** Half-open connections are found out. */
function keepAlive(session: Http2Session, options: RpcOptions): void {
  const { keepaliveMs, keepaliveTimeoutMs } = options
  let waiting: NodeJS.Timeout | null = null
  const ticker = setInterval(() => {
    if (waiting !== null || session.destroyed) return
    waiting = setTimeout(() => session.destroy(), keepaliveTimeoutMs)
    session.ping(error => {
      if (waiting !== null) clearTimeout(waiting)
      waiting = null
      if (error !== null) session.destroy()
    })
  }, keepaliveMs)
  ticker.unref()
  session.once('close', () => {
    clearInterval(ticker)
    if (waiting !== null) clearTimeout(waiting)
  })
}

function serve(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  connection: Connection,
  options: RpcOptions,
): void {
  const { 'content-type': contentType = '', ':path': path = '', ':method': verb } = headers
  if (verb !== 'POST' || !contentType.startsWith('application/grpc')) {
    stream.respond({ ':status': verb === 'POST' ? 415 : 405 }, { endStream: true })
    closeWhenAnswered(stream)
    return
  }
  const method = options.methods.get(path)
  const call = new Call(stream, headers, connection, method, options.messageBytesMax)
  if (method === undefined) {
    const [, service = '', name = ''] = path.split('/')
    const message = `unknown method ${name} for service ${service}`
    call.end(rpcCode.unimplemented, message)
  } else call.begin(options.observer?.started(path) ?? null)
}

const responseHeaders = { ':status': 200, 'content-type': 'application/grpc' } as const
const respondOptions = { waitForTrailers: true } as const

class Call implements RpcCall {
  readonly connection: Connection
  bufferedBytes = 0
  readonly #stream: ServerHttp2Stream
  readonly #headers: IncomingHttpHeaders
  readonly #method: RpcMethod | undefined
  readonly #messages: RpcMessages
  #receiver: RpcReceiver | null = null
  #observer: RpcCallObserver | null = null
  #open = true
  #responded = false
  #paused = false
  #halfClosed = false
  #taking = false
  #code: RpcCode = rpcCode.ok
  #message = ''
  #deadline: NodeJS.Timeout | null = null
  /** Lengths of what has been sent and not left. */
  readonly #leaving: number[] = []
  readonly #left = () => this.#settle(this.#leaving.shift() ?? 0)

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    connection: Connection,
    method: RpcMethod | undefined,
    messageBytesMax: number,
  ) {
    this.#stream = stream
    this.#headers = headers
    this.connection = connection
    this.#method = method
    this.#messages = new RpcMessages(messageBytesMax)
    stream.once('close', () => this.#over())
  }

  get open(): boolean {
    return this.#open && !this.#stream.destroyed
  }

  begin(observer: RpcCallObserver | null): void {
    this.#observer = observer
    const timeoutMs = timeoutMsOf(this.#headers['grpc-timeout'])
    if (timeoutMs === null) {
      this.end(rpcCode.internal, 'malformed grpc-timeout')
      return
    }
    if (timeoutMs !== Number.POSITIVE_INFINITY) {
      this.#deadline = setTimeout(() => this.#overdue(), timeoutMs)
    }
    if (this.#method?.requests === 'many') this.#receiver = this.#method.start(this)
    const stream = this.#stream
    stream.on('data', (chunk: Buffer) => {
      if (!this.open) return
      this.#messages.add(chunk)
      this.#take()
    })
    stream.on('end', () => {
      this.#halfClosed = true
      this.#take()
    })
  }

  metadata(name: string): string | null {
    const value = this.#headers[name]
    return (Array.isArray(value) ? value[0] : value) ?? null
  }

  send(message: Uint8Array): void {
    if (!this.open) return
    this.#observer?.sent(message.length)
    this.bufferedBytes += message.length
    this.connection.bufferedBytes += message.length
    this.#leaving.push(message.length)
    if (!this.#responded) this.#respond()
    this.#stream.write(framed(message), this.#left)
  }

  end(code: RpcCode, message: string): void {
    if (!this.open) return
    this.#open = false
    this.#observer?.ended(code)
    const stream = this.#stream
    if (this.#responded) {
      this.#code = code
      this.#message = message
      stream.end()
      return
    }
    stream.respond({ ...responseHeaders, ...trailersOf(code, message) }, { endStream: true })
    closeWhenAnswered(stream)
  }

  pauseReading(): void {
    this.#paused = true
    this.#stream.pause()
  }

  resumeReading(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#stream.resume()
    this.#take()
  }

  #respond(): void {
    this.#responded = true
    const stream = this.#stream
    stream.once('wantTrailers', () => {
      stream.sendTrailers(trailersOf(this.#code, this.#message))
      closeWhenAnswered(stream)
    })
    stream.respond(responseHeaders, respondOptions)
  }

  /** What has come and may be told. A receiver may pause, resume or end meanwhile. */
  #take(): void {
    if (this.#taking) return
    this.#taking = true
    while (this.open && !this.#paused) {
      const next = this.#messages.next()
      if (next === null) break
      if ('message' in next) this.#observer?.received(next.message.length)
      if ('refused' in next) {
        this.end(next.code, next.refused)
        this.#receiver?.onCancel?.()
      } else if (this.#method?.requests === 'one') {
        // No further look: a second message stays unheard.
        this.#paused = true
        this.#receiver = this.#method.start(this, next.message)
      } else this.#receiver?.onMessage?.(next.message)
    }
    this.#taking = false
    if (this.#halfClosed && this.open && !this.#paused) this.#told()
  }

  /** The client has said all it wants. */
  #told(): void {
    this.#halfClosed = false
    if (this.#method?.requests === 'one' || !this.#messages.empty) {
      this.end(rpcCode.internal, 'the call ended before its request')
    } else this.#receiver?.onHalfClose?.()
  }

  #overdue(): void {
    if (!this.open) {
      // Answered, and not read in time.
      this.#stream.close(constants.NGHTTP2_CANCEL)
      return
    }
    this.end(rpcCode.deadlineExceeded, 'Deadline exceeded')
    this.#receiver?.onCancel?.()
  }

  /** What has not left by now never will. */
  #over(): void {
    const cancelled = this.#open
    this.#open = false
    if (this.#deadline !== null) clearTimeout(this.#deadline)
    this.connection.bufferedBytes -= this.bufferedBytes
    this.bufferedBytes = 0
    this.#leaving.length = 0
    if (!cancelled) return
    this.#observer?.ended(rpcCode.cancelled)
    this.#receiver?.onCancel?.()
  }

  #settle(length: number): void {
    if (length === 0) return
    this.bufferedBytes -= length
    this.connection.bufferedBytes -= length
    if (this.bufferedBytes === 0 && this.open) this.#receiver?.onDrain?.()
  }
}

/** A client that goes on sending is told that nobody listens; else its stream would stay for good. */
function closeWhenAnswered(stream: ServerHttp2Stream): void {
  stream.resume()
  // What was just submitted goes out before it.
  setImmediate(() => {
    if (!stream.destroyed && !stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR)
  })
}

function trailersOf(code: RpcCode, message: string): Record<string, string> {
  const status = { 'grpc-status': String(code) }
  return message === '' ? status : { ...status, 'grpc-message': encodeStatusMessage(message) }
}
