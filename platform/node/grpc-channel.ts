// Channels over @grpc/grpc-js, which connects, reconnects and keeps alive. Counterpart: grpc-go's
// ClientConn. No service config, no retries, no proxy.

import { Client, credentials, Metadata } from '@grpc/grpc-js'
import type { ChannelCredentials, ClientOptions, ServiceError } from '@grpc/grpc-js'
import { readFileSync } from 'node:fs'

import { rpcCode } from '../rpc.js'
import type {
  OpenChannel,
  RpcChannel,
  RpcFailure,
  RpcMetadata,
  RpcStream,
  RpcStreamHandlers,
} from '../rpc-channel.js'

/** etcd cuts clients off that ask more often than every five seconds. */
const keepaliveMs = 10_000
const keepaliveTimeoutMs = 3_000
const reconnectMsMin = 50
const reconnectMsMax = 2_000
const sendBytesMax = 16 * 1024 * 1024

/** PEM files; without certificate and key the client shows none. */
export interface GrpcTls {
  readonly caFile: string
  readonly identity: { readonly certFile: string; readonly keyFile: string } | null
}

export interface GrpcChannelOptions {
  /** Null: plain HTTP/2. */
  readonly tls: GrpcTls | null
  /** Longer answers fail with `resourceExhausted`. */
  readonly answerBytesMax: number
}

/** Reads the certificates once. Throws where they cannot be read. */
export function grpcChannels(options: GrpcChannelOptions): OpenChannel {
  const identity = credentialsOf(options.tls)
  const clientOptions: ClientOptions = {
    'grpc.max_receive_message_length': options.answerBytesMax,
    'grpc.max_send_message_length': sendBytesMax,
    'grpc.keepalive_time_ms': keepaliveMs,
    'grpc.keepalive_timeout_ms': keepaliveTimeoutMs,
    'grpc.initial_reconnect_backoff_ms': reconnectMsMin,
    'grpc.max_reconnect_backoff_ms': reconnectMsMax,
    'grpc.enable_retries': 0,
    'grpc.enable_http_proxy': 0,
    'grpc.use_local_subchannel_pool': 1,
    'grpc.service_config_disable_resolution': 1,
  }
  return address => channelOf(address, new Client(address, identity, clientOptions))
}

function credentialsOf(tls: GrpcTls | null): ChannelCredentials {
  if (tls === null) return credentials.createInsecure()
  const { caFile, identity } = tls
  return credentials.createSsl(
    readFileSync(caFile),
    identity === null ? null : readFileSync(identity.keyFile),
    identity === null ? null : readFileSync(identity.certFile),
  )
}

const asIs = (message: Uint8Array): Buffer =>
  Buffer.from(message.buffer, message.byteOffset, message.byteLength)
const received = (message: Buffer): Uint8Array => message

function channelOf(address: string, client: Client): RpcChannel {
  let closed = false
  return {
    address,
    call(path, request, metadata, deadlineMs, done) {
      if (closed) {
        const message = 'the channel was closed'
        process.nextTick(done, { failure: { code: rpcCode.unavailable, message, sent: false } })
        return
      }
      const deadline = new Date(Date.now() + deadlineMs)
      client.makeUnaryRequest(
        path,
        asIs,
        received,
        request,
        metadataOf(metadata),
        { deadline },
        (error, message) => {
          if (error !== null) done({ failure: failureOf(error) })
          else done({ failure: null, message: message ?? new Uint8Array(0) })
        },
      )
    },
    open: (path, metadata, handlers) => openStream(client, path, metadata, handlers),
    close() {
      closed = true
      client.close()
    },
  }
}

function openStream(
  client: Client,
  path: string,
  metadata: RpcMetadata,
  handlers: RpcStreamHandlers,
): RpcStream {
  const stream = client.makeBidiStreamRequest(path, asIs, received, metadataOf(metadata))
  let over = false
  const end = (failure: RpcFailure | null): void => {
    if (over) return
    over = true
    handlers.onEnd(failure)
  }
  stream.on('data', (message: Uint8Array) => {
    if (!over) handlers.onMessage(message)
  })
  stream.on('error', error => end(failureOf(error as ServiceError)))
  stream.on('end', () => end(null))
  return {
    send(message) {
      if (!over) stream.write(message)
    },
    endSending() {
      if (!over) stream.end()
    },
    cancel() {
      over = true
      stream.cancel()
    },
  }
}

function metadataOf(values: RpcMetadata): Metadata {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(values)) metadata.set(name, value)
  return metadata
}

/** What the library says of calls that waited for a connection in vain. */
const neverSent =
  /^(No connection established|Channel closed before call started|Name resolution failed)/

function failureOf({ code, details }: ServiceError): RpcFailure {
  return { code, message: details, sent: !neverSent.test(details) && !waitedInVain(code, details) }
}

/** A call whose time was over before it had a connection: with one it would say whose. */
function waitedInVain(code: number, details: string): boolean {
  return code === rpcCode.deadlineExceeded && details !== '' && !details.includes('remote_addr')
}
