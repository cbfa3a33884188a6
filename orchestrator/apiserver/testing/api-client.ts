// A bare HTTP client for tests: HTTP/1.1 or HTTP/2 over TLS with a client certificate, bodies as
// they come. Deliberately not the client of orchestrator/client, whose mistakes it would share.

import { readFileSync } from 'node:fs'
import { connect } from 'node:http2'
import type { ClientHttp2Session } from 'node:http2'
import type { TlsFiles } from '../../../platform/network.js'

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string
  readonly bytes: Uint8Array
  /** The body as JSON; throws where it is none. */
  json<T = Record<string, unknown>>(): T
}

export interface WatchLine {
  readonly type: string
  readonly object: { readonly kind?: string; readonly metadata?: Record<string, unknown> } & Record<
    string,
    unknown
  >
}

export interface OpenWatch {
  /** The next event; rejects when the stream ends first. */
  next(): Promise<WatchLine>
  /** Resolves when the server has ended it. */
  readonly ended: Promise<void>
  stop(): void
}

export class ApiClient {
  readonly #session: ClientHttp2Session

  /** Without an identity: anonymous. */
  constructor(url: string, caFile: string, identity: TlsFiles | null) {
    this.#session = connect(url, {
      ca: readFileSync(caFile),
      ...(identity === null
        ? {}
        : { cert: readFileSync(identity.certFile), key: readFileSync(identity.keyFile) }),
    })
    this.#session.on('error', () => {})
  }

  request(
    method: string,
    path: string,
    body?: unknown,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const stream = this.#session.request(
        {
          ':method': method,
          ':path': path,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        // A DELETE may have a body, which Node would not expect.
        { endStream: body === undefined },
      )
      let received: Record<string, unknown> = {}
      const chunks: Buffer[] = []
      stream.on('response', answered => {
        received = { ...answered }
      })
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('error', reject)
      stream.on('end', () => {
        const bytes = Buffer.concat(chunks)
        const text = bytes.toString('utf8')
        resolve({
          status: Number(received[':status'] ?? 0),
          headers: received,
          text,
          bytes,
          json: <T>() => JSON.parse(text) as T,
        })
      })
      if (body === undefined) return
      const raw = typeof body === 'string' || body instanceof Uint8Array
      stream.end(raw ? body : JSON.stringify(body))
    })
  }

  get(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    return this.request('GET', path, undefined, headers)
  }

  /** The first chunks of a stream, until `enough` of them have come; then the stream is left. */
  read(
    path: string,
    headers: Readonly<Record<string, string>>,
    enough: (bytes: Uint8Array) => boolean,
  ): Promise<{ readonly contentType: string; readonly bytes: Uint8Array }> {
    return new Promise((resolve, reject) => {
      const stream = this.#session.request({ ':method': 'GET', ':path': path, ...headers })
      let contentType = ''
      let bytes = Buffer.alloc(0)
      stream.on('response', answered => {
        contentType = answered['content-type'] ?? ''
      })
      stream.on('error', reject)
      stream.on('end', () => reject(new Error('the stream ended too early')))
      stream.on('data', (chunk: Buffer) => {
        bytes = Buffer.concat([bytes, chunk])
        if (!enough(bytes)) return
        stream.removeAllListeners('end')
        stream.close()
        resolve({ contentType, bytes })
      })
    })
  }

  watch(path: string, headers: Readonly<Record<string, string>> = {}): OpenWatch {
    const stream = this.#session.request({ ':method': 'GET', ':path': path, ...headers })
    const lines: WatchLine[] = []
    const waiting: { resolve: (line: WatchLine) => void; reject: (error: Error) => void }[] = []
    let rest = ''
    let over = false
    stream.setEncoding('utf8')
    stream.on('data', (text: string) => {
      const parts = (rest + text).split('\n')
      rest = parts.pop() ?? ''
      for (const part of parts) {
        const line = JSON.parse(part) as WatchLine
        const waiter = waiting.shift()
        if (waiter === undefined) lines.push(line)
        else waiter.resolve(line)
      }
    })
    const ended = new Promise<void>(resolve => {
      const finish = () => {
        over = true
        for (const { reject } of waiting.splice(0)) reject(new Error('the watch has ended'))
        resolve()
      }
      stream.on('end', finish)
      stream.on('close', finish)
      stream.on('error', finish)
    })
    return {
      next: () => {
        const line = lines.shift()
        if (line !== undefined) return Promise.resolve(line)
        if (over) return Promise.reject(new Error('the watch has ended'))
        return new Promise((resolve, reject) => waiting.push({ resolve, reject }))
      },
      ended,
      stop: () => stream.close(),
    }
  }

  close(): void {
    this.#session.destroy()
  }
}
