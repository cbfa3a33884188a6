// gRPC over one HTTP/2 connection with as little in between as Node allows, for a load generator that is
// to cost less than the servers it drives: requests are encoded by the caller, once for many calls, and
// answers come as bytes. Counterpart: a channel of grpc-js. Leaves out everything that a benchmark on
// loopback has no use for: names, balancing, retries, deadlines, compression.

import { connect, constants } from 'node:http2'
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2'

import { framed, RpcMessages } from '../../platform/node/rpc-framing.js'

export { framed } from '../../platform/node/rpc-framing.js'

/** Windows of flow control: on loopback nothing is gained by small ones. */
const windowBytes = 16 * 1024 * 1024
/** MiB that one connection may hold; Node's own limit is hit by a thousand long requests. */
const sessionMemoryMib = 2_048
const messageBytesMax = 2 ** 31 - 1

export const grpcOk = '0'
export const grpcUnimplemented = '12'
/** Of our own: the connection is gone. */
export const grpcBroken = 'connection lost'

/** `status` is "0" when all is well. `bytes`: of all messages of the answer. */
export type UnaryDone = (status: string, bytes: number, message: string) => void

export interface GrpcStream {
  /** With its frame. */
  send(frame: Buffer): void
  halfClose(): void
  cancel(): void
}

export interface StreamHandlers {
  readonly onMessage: (message: Uint8Array) => void
  /** Once; with the status as of gRPC. */
  readonly onEnd: (status: string, message: string) => void
}

export class GrpcConnection {
  readonly #session: ClientHttp2Session
  #lost = false

  constructor(address: string) {
    this.#session = connect(`http://${address}`, {
      maxSessionMemory: sessionMemoryMib,
      settings: { initialWindowSize: windowBytes, enablePush: false },
    })
    this.#session.on('connect', () => this.#session.setLocalWindowSize(windowBytes))
    // Streams tell of it, each for itself.
    this.#session.on('error', () => {})
    this.#session.on('close', () => {
      this.#lost = true
    })
  }

  get lost(): boolean {
    return this.#lost
  }

  /** One request, one answer, whose messages nobody reads: they are counted. */
  unary(path: string, frame: Buffer, done: UnaryDone): void {
    const stream = this.#open(path)
    if (stream === null) {
      queueMicrotask(() => done(grpcBroken, 0, ''))
      return
    }
    let bytes = 0
    const status = new StatusOf(stream)
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length
    })
    stream.on('close', () => done(status.code, bytes, status.message))
    stream.end(frame)
  }

  /** One request, one answer as bytes; rejects with what the server said. */
  call(path: string, request: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      let answer: Uint8Array = new Uint8Array(0)
      const stream = this.stream(path, {
        onMessage: message => {
          answer = message
        },
        onEnd: (status, message) => {
          if (status === grpcOk) resolve(answer)
          else reject(new GrpcFailure(status, message))
        },
      })
      stream.send(framed(request))
      stream.halfClose()
    })
  }

  stream(path: string, handlers: StreamHandlers): GrpcStream {
    const stream = this.#open(path)
    if (stream === null) {
      queueMicrotask(() => handlers.onEnd(grpcBroken, ''))
      return { send: () => {}, halfClose: () => {}, cancel: () => {} }
    }
    const messages = new RpcMessages(messageBytesMax)
    const status = new StatusOf(stream)
    stream.on('data', (chunk: Buffer) => {
      messages.add(chunk)
      for (let next = messages.next(); next !== null; next = messages.next()) {
        if ('refused' in next) {
          stream.destroy(new Error(next.refused))
          return
        }
        handlers.onMessage(next.message)
      }
    })
    stream.on('close', () => handlers.onEnd(status.code, status.message))
    return {
      send: frame => void (stream.writable && stream.write(frame)),
      halfClose: () => void stream.end(),
      cancel: () => stream.close(constants.NGHTTP2_CANCEL),
    }
  }

  close(): void {
    this.#session.destroy()
  }

  #open(path: string): ClientHttp2Stream | null {
    if (this.#lost || this.#session.closed || this.#session.destroyed) return null
    return this.#session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    })
  }
}

export class GrpcFailure extends Error {
  readonly status: string

  constructor(status: string, message: string) {
    super(`${nameOf(status)}${message === '' ? '' : `: ${message}`}`)
    this.status = status
  }
}

/** For people: a status number says nothing to them. */
export function nameOf(status: string): string {
  return /^\d+$/.test(status) ? `gRPC status ${status}` : status
}

/** How a stream ended: in trailers, or in headers where there is nothing else. */
class StatusOf {
  code: string = grpcBroken
  message = ''

  constructor(stream: ClientHttp2Stream) {
    const take = (headers: IncomingHttpHeaders) => {
      const code = headers['grpc-status']
      if (typeof code !== 'string') return
      this.code = code
      const message = headers['grpc-message']
      this.message = typeof message === 'string' ? message : ''
    }
    stream.on('response', take)
    stream.on('trailers', take)
    // What went wrong shows in that there is no status.
    stream.on('error', () => {})
  }
}
