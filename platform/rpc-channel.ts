// The calling side of gRPC, as an argument: calls of one server's procedures, messages as bytes.
// Connecting, reconnecting, framing and flow control stay below. A channel tries nothing twice: who
// calls decides what may be repeated, and where.

import type { Address } from './network.js'
import type { RpcCode } from './rpc.js'

export interface RpcFailure {
  readonly code: RpcCode
  /** What the server said, or what happened on the way. */
  readonly message: string
  /** False when the request certainly never left. */
  readonly sent: boolean
}

export type RpcAnswer =
  | { readonly failure: null; readonly message: Uint8Array }
  | { readonly failure: RpcFailure }

export interface RpcStreamHandlers {
  /** The array is the receiver's to keep; it may pin a larger buffer. */
  readonly onMessage: (message: Uint8Array) => void
  /** Once, and nothing after it. Null: the server ended it in good order. */
  readonly onEnd: (failure: RpcFailure | null) => void
}

export interface RpcStream {
  /** Queues one message. Nothing when the stream has ended. */
  send(message: Uint8Array): void
  /** Nothing more will be sent; the server's messages go on. */
  endSending(): void
  /** Ends it from here; nothing is called afterwards. */
  cancel(): void
}

export type RpcMetadata = Readonly<Record<string, string>>

export interface RpcChannel {
  readonly address: Address
  /** Answers once, after `deadlineMs` at the latest. */
  call(
    path: string,
    request: Uint8Array,
    metadata: RpcMetadata,
    deadlineMs: number,
    done: (answer: RpcAnswer) => void,
  ): void
  /** A stream both ways. */
  open(path: string, metadata: RpcMetadata, handlers: RpcStreamHandlers): RpcStream
  close(): void
}

export type OpenChannel = (address: Address) => RpcChannel
