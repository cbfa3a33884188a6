// Message links as an argument. A link carries whole binary frames in order, or breaks; it never
// reorders, splits or merges. In production a link is a WebSocket (over mutual TLS where the
// listener has certificates); in simulation it is a queue on the virtual clock. A listener may serve
// plain HTTP and gRPC on the same port.

import type { RpcConnection, RpcOptions } from './rpc.js'

/** Host and port, as in "127.0.0.1:2380". */
export type Address = string

export interface Link {
  /** Address of the other side, for logs. */
  readonly remote: Address
  /** Common name of the other side's verified certificate; null without TLS or certificate. */
  readonly peerName: string | null
  /** Bytes accepted by `send` that the operating system has not taken yet. */
  readonly bufferedBytes: number
  readonly open: boolean
  /** Queues one frame. The array belongs to the link from here on. Nothing happens when closed. */
  send(frame: Uint8Array): void
  close(reason: string): void
}

/** What a link is closed with, among other reasons: its other side sent more than may be sent. */
export const frameTooLarge = 'a frame is larger than the limit'

export interface LinkHandlers {
  readonly onOpen?: (link: Link) => void
  /** The frame is the receiver's to keep; it may pin a larger buffer, so copy what lives long. */
  readonly onFrame: (link: Link, frame: Uint8Array) => void
  /**
   * Nobody listens at any address that the name stands for, as the machines there say themselves, or
   * something in between in their name: not that nothing was heard of them. `onClose` follows.
   */
  readonly onRefused?: (link: Link) => void
  /** Once, and nothing after it. Also the answer when a connection could not be made. */
  readonly onClose: (link: Link, reason: string) => void
}

export interface HttpExchange {
  readonly method: string
  /** Path with query. */
  readonly path: string
  readonly peerName: string | null
}

export interface HttpAnswer {
  readonly status: number
  readonly contentType: string
  readonly body: string
}

/** Files of one identity in PEM. With `ca` a listener demands and verifies client certificates. */
export interface TlsFiles {
  readonly certFile: string
  readonly keyFile: string
  readonly caFile: string
}

export interface ListenOptions {
  readonly address: Address
  readonly tls: TlsFiles | null
  /** Upgrade path that is accepted; others are answered 404. */
  readonly path: string
  /** Frames above this many bytes close the link. */
  readonly frameBytesMax: number
  /** Links and gRPC connections together, beyond which more are refused. */
  readonly linksMax: number
  /** A peer that has not finished TLS and the upgrade within this time is dropped. */
  readonly handshakeMsMax: number
  /** Plain HTTP requests on the same port: health, metrics. */
  readonly onHttp?: (exchange: HttpExchange) => HttpAnswer | Promise<HttpAnswer>
  /** gRPC over HTTP/2 on the same port. */
  readonly rpc?: RpcOptions
}

export interface ConnectOptions {
  readonly address: Address
  readonly tls: TlsFiles | null
  readonly path: string
  readonly frameBytesMax: number
  readonly handshakeMsMax: number
}

export interface Listener {
  /** The address really bound (a port of 0 is resolved). */
  readonly address: Address
  /** Those that there are now, where gRPC is spoken. */
  readonly rpcConnections?: Iterable<RpcConnection>
  /** Stops accepting and closes every link. */
  close(done: () => void): void
}

export interface Network {
  /** `ready` gets an error sentence when the address cannot be bound. */
  listen(
    options: ListenOptions,
    handlers: LinkHandlers,
    ready: (error: Error | null, listener?: Listener) => void,
  ): void
  /** Answers at once; `onOpen` follows, or `onClose` when it cannot be made. */
  connect(options: ConnectOptions, handlers: LinkHandlers): Link
}
