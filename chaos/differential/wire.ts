// gRPC to one member with nothing between: no retries, no failover, and on bare HTTP/2, because a
// hundred thousand calls through a whole client library take three times as long. What a call answers
// is its message or its status, and a call without an answer is an answer too, for it is bounded.

import { connect, constants } from 'node:http2'
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2'

import type { Method } from './schema.js'

const deadlineMs = 20_000
const prefixBytes = 5

export type Refusal = { readonly ok: false; readonly code: string; readonly text: string }
export type WireAnswer = { readonly ok: true; readonly message: object } | Refusal

const codes: readonly string[] = [
  'OK',
  'CANCELLED',
  'UNKNOWN',
  'INVALID_ARGUMENT',
  'DEADLINE_EXCEEDED',
  'NOT_FOUND',
  'ALREADY_EXISTS',
  'PERMISSION_DENIED',
  'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION',
  'ABORTED',
  'OUT_OF_RANGE',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
  'UNAUTHENTICATED',
]

export interface StreamHandlers {
  readonly onMessage: (message: object) => void
  /** Once; nothing after it. */
  readonly onEnd: (refusal: Refusal | null) => void
}

export interface WireStream {
  send(message: object): void
  /** No more will be sent. */
  end(): void
  cancel(): void
}

export class Wire {
  readonly #session: ClientHttp2Session
  /** By which the server knows who asks; null for nobody. */
  token: string | null = null

  /** `address`: host:port, without TLS. */
  constructor(address: string) {
    this.#session = connect(`http://${address}`, { settings: { initialWindowSize: 1 << 24 } })
    this.#session.once('connect', () => this.#session.setLocalWindowSize(1 << 26))
    // Every call under way ends with an error of its own.
    this.#session.on('error', () => {})
  }

  call(method: Method, message: object): Promise<WireAnswer> {
    return new Promise(resolve => {
      let answer: object | null = null
      let timer: NodeJS.Timeout | undefined
      const stream = this.stream(method, {
        onMessage: received => {
          answer = received
        },
        onEnd: refusal => {
          clearTimeout(timer)
          resolve(refusal ?? { ok: true, message: answer ?? {} })
        },
      })
      timer = setTimeout(() => stream.cancel(), deadlineMs)
      stream.send(message)
      stream.end()
    })
  }

  stream(method: Method, handlers: StreamHandlers, token = this.token): WireStream {
    let stream: ClientHttp2Stream
    try {
      stream = this.#session.request({
        ':method': 'POST',
        ':path': method.path,
        'content-type': 'application/grpc',
        te: 'trailers',
        ...(token === null ? {} : { token }),
      })
    } catch (error) {
      handlers.onEnd(broken(error))
      return { send() {}, end() {}, cancel() {} }
    }
    receive(stream, method, handlers)
    return {
      send: message => {
        stream.write(framed(method.request.encode(message).finish()))
      },
      end: () => stream.end(),
      cancel: () => stream.close(constants.NGHTTP2_CANCEL),
    }
  }

  close(): void {
    this.#session.destroy()
  }
}

function receive(stream: ClientHttp2Stream, method: Method, handlers: StreamHandlers): void {
  let status: Refusal | null = { ok: false, code: 'CANCELLED', text: 'no status came' }
  const read = (headers: IncomingHttpHeaders): void => {
    if (headers['grpc-status'] !== undefined) status = statusOf(headers)
  }
  const chunks: Buffer[] = []
  let ended = false
  const end = (refusal: Refusal | null): void => {
    if (ended) return
    ended = true
    handlers.onEnd(refusal)
  }
  stream.on('response', read)
  stream.on('trailers', read)
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk)
    for (const message of takeMessages(chunks)) handlers.onMessage(method.response.decode(message))
  })
  stream.on('end', () => {})
  stream.on('error', error => end(broken(error)))
  stream.on('close', () => end(status))
}

function* takeMessages(chunks: Buffer[]): Generator<Buffer> {
  let bytes = chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)
  chunks.length = 0
  while (bytes.length >= prefixBytes) {
    const length = bytes.readUInt32BE(1)
    if (bytes.length < prefixBytes + length) break
    yield bytes.subarray(prefixBytes, prefixBytes + length)
    bytes = bytes.subarray(prefixBytes + length)
  }
  if (bytes.length > 0) chunks.push(bytes)
}

function framed(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(prefixBytes + message.length)
  frame[0] = 0
  frame.writeUInt32BE(message.length, 1)
  frame.set(message, prefixBytes)
  return frame
}

function statusOf(headers: IncomingHttpHeaders): Refusal | null {
  const code = Number(headers['grpc-status'])
  if (code === 0) return null
  const text = decodeURIComponent(String(headers['grpc-message'] ?? ''))
  return { ok: false, code: codes[code] ?? String(code), text }
}

const broken = (error: unknown): Refusal => ({
  ok: false,
  code: 'UNAVAILABLE',
  text: error instanceof Error ? error.message : String(error),
})
