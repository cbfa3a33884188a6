// The API of etcd v3 over one lean connection: drives a real etcd, and ours where a row is about gRPC.

import {
  RangeRequest,
  PutRequest,
  TxnRequest,
  CompactionRequest,
} from '../../store/etcd/messages/kv.js'
import { LeaseGrantRequest, LeaseKeepAliveRequest } from '../../store/etcd/messages/lease.js'
import { DefragmentRequest } from '../../store/etcd/messages/maintenance.js'
import { WatchRequest } from '../../store/etcd/messages/watch.js'
import type { Done } from '../harness/load.js'
import type { Call, Driver, Listed, Put, RangeAsked, WatchHandlers } from './driver.js'
import {
  framed,
  GrpcConnection,
  GrpcFailure,
  type GrpcStream,
  grpcOk,
  grpcUnimplemented,
  nameOf,
} from './grpc.js'
import { rangeResponseIn, scanRangeResponse, scanTxnSucceeded, scanWatchResponse } from './scan.js'

const paths = {
  put: '/etcdserverpb.KV/Put',
  range: '/etcdserverpb.KV/Range',
  rangeStream: '/etcdserverpb.KV/RangeStream',
  txn: '/etcdserverpb.KV/Txn',
  compact: '/etcdserverpb.KV/Compact',
  watch: '/etcdserverpb.Watch/Watch',
  leaseGrant: '/etcdserverpb.Lease/LeaseGrant',
  keepAlive: '/etcdserverpb.Lease/LeaseKeepAlive',
  defragment: '/etcdserverpb.Maintenance/Defragment',
} as const

/** Of etcd's CompareTarget; the result "equal" is the default. */
const compareMod = 2

export class GrpcDriver implements Driver {
  readonly #connection: GrpcConnection
  readonly #watches = new Map<number, WatchHandlers>()
  #watchStream: GrpcStream | null = null
  readonly #keepAlives: Done[] = []
  #keepAliveStream: GrpcStream | null = null

  constructor(address: string) {
    this.#connection = new GrpcConnection(address)
  }

  put({ key, value }: Put): Call {
    return this.#unary(paths.put, PutRequest.encode({ key, value }))
  }

  range(asked: RangeAsked): Call {
    return this.#unary(paths.range, RangeRequest.encode(requestOf(asked)))
  }

  txnPut(puts: readonly Put[]): Call {
    const success = puts.map(({ key, value }) => ({ requestPut: { key, value } }))
    return this.#unary(paths.txn, TxnRequest.encode({ success }))
  }

  txnRange(asked: RangeAsked): Call {
    const success = [{ requestRange: requestOf(asked) }]
    return this.#unary(paths.txn, TxnRequest.encode({ success }))
  }

  readModify({ key, value }: Put): Call {
    const read = RangeRequest.encode({ key })
    const success = [{ requestPut: { key, value } }]
    const turn = async () => {
      const seen = scanRangeResponse(await this.#connection.call(paths.range, read))
      const compare = [{ target: compareMod, key, modRevision: seen.lastModRevision }]
      const request = TxnRequest.encode({ compare, success })
      return scanTxnSucceeded(await this.#connection.call(paths.txn, request))
    }
    const untilDone = async () => {
      while (!(await turn())) {
        // Somebody else was faster: read anew.
      }
    }
    return done => {
      untilDone().then(
        () => done(null),
        (error: unknown) => done(error instanceof Error ? error.message : String(error)),
      )
    }
  }

  /** By RangeStream where the server has it: etcd since 3.7. */
  async list(key: Uint8Array, end: Uint8Array): Promise<Listed> {
    const request = RangeRequest.encode({ key, rangeEnd: end })
    const streamed = await this.#listStreamed(request)
    if (streamed !== null) return { keys: streamed, how: 'RangeStream' }
    const answer = await this.#connection.call(paths.range, request)
    return { keys: scanRangeResponse(answer).keys, how: 'one Range' }
  }

  /** Null when the server has no such method. */
  #listStreamed(request: Uint8Array): Promise<number | null> {
    return new Promise((resolve, reject) => {
      let keys = 0
      const stream = this.#connection.stream(paths.rangeStream, {
        onMessage: message => {
          keys += scanRangeResponse(rangeResponseIn(message)).keys
        },
        onEnd: (status, message) => {
          if (status === grpcOk) resolve(keys)
          else if (status === grpcUnimplemented) resolve(null)
          else reject(new GrpcFailure(status, message))
        },
      })
      stream.send(framed(request))
      stream.halfClose()
    })
  }

  async listPages(key: Uint8Array, end: Uint8Array, pageKeys: number): Promise<Listed> {
    let keys = 0
    let from = key
    let revision = 0
    for (;;) {
      const asked = { key: from, rangeEnd: end, limit: pageKeys, revision }
      const answer = await this.#connection.call(paths.range, RangeRequest.encode(asked))
      const page = scanRangeResponse(answer)
      keys += page.keys
      revision = revision === 0 ? page.revision : revision
      if (!page.more || page.lastKey === null) return { keys, how: `pages of ${pageKeys}` }
      from = Buffer.concat([page.lastKey, Buffer.of(0)])
    }
  }

  async look(asked: RangeAsked): Promise<{ readonly keys: number; readonly count: number }> {
    const request = RangeRequest.encode(requestOf(asked))
    return scanRangeResponse(await this.#connection.call(paths.range, request))
  }

  watch(key: Uint8Array, end: Uint8Array, handlers: WatchHandlers): void {
    const watchId = this.#watches.size + 1
    this.#watches.set(watchId, handlers)
    this.#watchStream ??= this.#connection.stream(paths.watch, {
      onMessage: message => this.#watched(message),
      onEnd: (status, message) => {
        const why = `${nameOf(status)} ${message}`
        for (const { onEnd } of this.#watches.values()) onEnd(why)
      },
    })
    const createRequest = { key, rangeEnd: end, watchId }
    this.#watchStream.send(framed(WatchRequest.encode({ createRequest })))
  }

  #watched(message: Uint8Array): void {
    const { watchId, created, canceled, values } = scanWatchResponse(message)
    const handlers = this.#watches.get(watchId)
    if (handlers === undefined) return
    if (canceled) handlers.onEnd('canceled')
    else if (created) handlers.onReady()
    else if (values.length > 0) handlers.onEvents(values)
  }

  async leaseGrant(id: number, ttlSeconds: number): Promise<void> {
    const request = LeaseGrantRequest.encode({ ID: id, TTL: ttlSeconds })
    await this.#connection.call(paths.leaseGrant, request)
  }

  /** Over one stream for all, whose answers come in the order of requests. */
  keepAlive(id: number): Call {
    const frame = framed(LeaseKeepAliveRequest.encode({ ID: id }))
    return done => {
      this.#keepAliveStream ??= this.#connection.stream(paths.keepAlive, {
        onMessage: () => this.#keepAlives.shift()?.(null),
        onEnd: status => {
          this.#keepAliveStream = null
          for (const waiting of this.#keepAlives.splice(0)) waiting(nameOf(status))
        },
      })
      this.#keepAlives.push(done)
      this.#keepAliveStream.send(frame)
    }
  }

  async revision(): Promise<number> {
    const request = RangeRequest.encode({ key: Uint8Array.of(0), countOnly: true })
    return scanRangeResponse(await this.#connection.call(paths.range, request)).revision
  }

  async compact(revision: number): Promise<void> {
    const request = CompactionRequest.encode({ revision, physical: true })
    await this.#connection.call(paths.compact, request)
  }

  async defragment(): Promise<void> {
    await this.#connection.call(paths.defragment, DefragmentRequest.encode({}))
  }

  close(): void {
    this.#connection.close()
  }

  #unary(path: string, message: Uint8Array): Call {
    const frame = framed(message)
    return done => {
      this.#connection.unary(path, frame, status => done(status === grpcOk ? null : nameOf(status)))
    }
  }
}

function requestOf(asked: RangeAsked) {
  const { key, end, limit = 0, serializable = false, keysOnly = false, countOnly = false } = asked
  return { key, rangeEnd: end ?? null, limit, serializable, keysOnly, countOnly }
}
