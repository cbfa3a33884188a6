// gRPC as an argument: calls of remote procedures on the port that also takes links. A service sees
// request messages as bytes and answers with bytes and a status; HTTP/2, framing, deadlines and flow
// control stay below. The calling side is rpc-channel.ts.

import type { Address } from './network.js'

/** Status codes of gRPC. */
export const rpcCode = {
  ok: 0,
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  aborted: 10,
  outOfRange: 11,
  unimplemented: 12,
  internal: 13,
  unavailable: 14,
  dataLoss: 15,
  unauthenticated: 16,
} as const

export type RpcCode = (typeof rpcCode)[keyof typeof rpcCode]

/** Of many calls at a time. */
export interface RpcConnection {
  readonly remote: Address
  /** Common name of the client's verified certificate; null without TLS or certificate. */
  readonly peerName: string | null
  /** Bytes that its calls have sent and that have not left yet, for want of window or socket. */
  readonly bufferedBytes: number
}

/** One call, until it has ended one way or another. */
export interface RpcCall {
  readonly connection: RpcConnection
  /** False once it was ended, cancelled, overdue or lost its connection. */
  readonly open: boolean
  /** Bytes that this call has sent and that have not left yet. */
  readonly bufferedBytes: number
  /** First value of a header of the request, lower-case name; null without. */
  metadata(name: string): string | null
  /** Queues one message. The array belongs to the call from here on. Nothing when not open. */
  send(message: Uint8Array): void
  /** The last word. Nothing when not open. */
  end(code: RpcCode, message: string): void
  /** No `onMessage` until `resumeReading`; what the client sends meanwhile waits on its side. */
  pauseReading(): void
  resumeReading(): void
}

/** Who is told of what happens to one call. */
export interface RpcReceiver {
  /** The array is the receiver's to keep; it may pin a larger buffer. */
  onMessage?(message: Uint8Array): void
  /** The client sends no more. */
  onHalfClose?(): void
  /** Everything sent so far has left. */
  onDrain?(): void
  /** Over without `end`: the client cancelled, its deadline passed, or its connection broke. */
  onCancel?(): void
}

/** `one`: a single request, handed over whole. `many`: a stream of them, to the receiver. */
export type RpcMethod =
  | {
      readonly requests: 'one'
      start(call: RpcCall, request: Uint8Array): RpcReceiver | null
    }
  | { readonly requests: 'many'; start(call: RpcCall): RpcReceiver }

/** By path, as in "/etcdserverpb.KV/Range". Any other path is answered `unimplemented`. */
export type RpcMethods = ReadonlyMap<string, RpcMethod>

/** Told of every call of a known method. */
export interface RpcObserver {
  started(path: string): RpcCallObserver
}

export interface RpcCallObserver {
  received(messageBytes: number): void
  sent(messageBytes: number): void
  /** The last: also when the client went, with `cancelled`. */
  ended(code: RpcCode): void
}

export interface RpcOptions {
  readonly methods: RpcMethods
  readonly observer?: RpcObserver
  /** Longer request messages are answered `resourceExhausted`. */
  readonly messageBytesMax: number
  /** Calls of one connection at a time; more wait on the client's side. */
  readonly callsMax: number
  /** A connection that is silent for so long is asked whether it lives, ... */
  readonly keepaliveMs: number
  /** ... and is closed when it says nothing within this time. */
  readonly keepaliveTimeoutMs: number
}
