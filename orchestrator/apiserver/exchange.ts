// One HTTP call as a value: what the pipeline takes and what it returns. The HTTP shell turns
// sockets into these and back, so every stage between is a function of its arguments.

import type { Socket } from 'node:net'

/** Who a verified client certificate names. */
export interface PeerCertificate {
  readonly commonName: string
  readonly organizations: readonly string[]
}

/** What is known of a request before its body is read. */
export interface RequestHead {
  readonly method: string
  /** Path with query, as received. */
  readonly url: string
  /** Lower-case names; repeated headers joined by a comma. */
  readonly headers: ReadonlyMap<string, string>
  /** Null without a certificate; 'invalid' for one that is not of our authority or has expired. */
  readonly peer: PeerCertificate | 'invalid' | null
  /** For logs. */
  readonly remote: string
}

export interface ApiRequest extends RequestHead {
  readonly body: Uint8Array
  readonly signal: AbandonSignal
}

/** Tells long-running work that the client went away. */
export interface AbandonSignal {
  readonly abandoned: boolean
  onAbandon(callback: () => void): void
}

/** Where a streamed body goes. `write` answers false when the client is behind. */
export interface BodySink {
  write(chunk: Uint8Array): boolean
  end(): void
  /** Breaks the connection off: the client must see that the body is not whole. */
  abort(): void
  /** Called each time the client has caught up after `write` answered false. */
  onDrain(callback: () => void): void
}

export type ResponseBody =
  | { readonly kind: 'bytes'; readonly chunks: readonly Uint8Array[] }
  /** Made while it is sent. Each step does a bounded amount of work, and may yield nothing yet. */
  | { readonly kind: 'pieces'; readonly pieces: Iterable<Uint8Array> }
  /** `open` is called once headers are out; it returns what to call when the client has gone. */
  | { readonly kind: 'stream'; readonly open: (sink: BodySink) => () => void }
  /** To an upgrade alone, with status 101: the connection is `open`'s, `head` is what came early. */
  | { readonly kind: 'tunnel'; readonly open: (client: Socket, head: Uint8Array) => void }

export type ResponseHeaders = Readonly<Record<string, string | readonly string[]>>

export interface ApiResponse {
  readonly status: number
  readonly headers: ResponseHeaders
  readonly body: ResponseBody
}

const encoder = new TextEncoder()

export function bytesResponse(
  status: number,
  contentType: string,
  chunks: readonly Uint8Array[],
  headers: ResponseHeaders = {},
): ApiResponse {
  return {
    status,
    headers: { 'content-type': contentType, 'cache-control': 'no-cache, private', ...headers },
    body: { kind: 'bytes', chunks },
  }
}

export function piecesResponse(contentType: string, pieces: Iterable<Uint8Array>): ApiResponse {
  return {
    status: 200,
    headers: { 'content-type': contentType, 'cache-control': 'no-cache, private' },
    body: { kind: 'pieces', pieces },
  }
}

export function textResponse(
  status: number,
  text: string,
  contentType = 'text/plain; charset=utf-8',
): ApiResponse {
  return bytesResponse(status, contentType, [encoder.encode(text)], {
    'x-content-type-options': 'nosniff',
  })
}
