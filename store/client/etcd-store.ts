// The store interface over any etcd cluster, by etcd's own gRPC: who runs etcd already can keep it.
// Failover over the endpoints, watches that resume by revision, errors with outcome. Counterpart:
// clientv3. It leaves out what the API server does not ask for: passwords (a certificate names the
// client), and handing leadership to members whose ids have 64 bits.

import type { Clock } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import type { Address } from '../../platform/network.js'
import type { Random } from '../../platform/random.js'
import { rpcCode } from '../../platform/rpc.js'
import type { OpenChannel, RpcAnswer, RpcChannel } from '../../platform/rpc-channel.js'
import type {
  CompactionRequest,
  CompactionResponse,
  DeleteRangeRequest,
  DeleteRangeResponse,
  LeaseGrantRequest,
  LeaseGrantResponse,
  LeaseId,
  LeaseKeepAliveResponse,
  LeaseLeasesResponse,
  LeaseRevokeResponse,
  LeaseTimeToLiveResponse,
  Member,
  MemberStatus,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  RequestOp,
  Revision,
  TxnRequest,
  TxnResponse,
  WatchRequest,
} from '../core/types.js'
import { clientError } from './call.js'
import { EtcdMembers, metadata } from './etcd/members.js'
import { type Method, methods } from './etcd/methods.js'
import { progressIsReliable } from './etcd/progress.js'
import * as translate from './etcd/translation.js'
import { EtcdWatches } from './etcd/watches.js'
import type { Store, Watch, WatchHandlers } from './types.js'

export interface EtcdStoreOptions {
  /** Client addresses of members; the first is used until it fails. */
  readonly endpoints: readonly Address[]
  readonly open: OpenChannel
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  /** From the call to its failure, all attempts together; 10 seconds when absent. */
  readonly requestTimeoutMs?: number
  /** Calls that are not answered yet, above which new ones are refused; 16,384 when absent. */
  readonly callsMax?: number
  /** Their bytes; 64 MiB when absent. */
  readonly callBytesMax?: number
}

/** A range above this is refused on arrival; ask for it in pages. */
export const etcdAnswerBytesMax = 512 * 1024 * 1024
/** Leases that etcd would name itself get names of 53 bits, which numbers here hold. */
const leaseIdBound = 2 ** 53 - 1
/** What etcd does not tell. */
const unknownRevision = -1

export class EtcdStore implements Store {
  readonly #options: EtcdStoreOptions
  readonly #members: EtcdMembers
  readonly #watches: EtcdWatches
  /** Of the channels that have told theirs. */
  readonly #versions = new Map<RpcChannel, string>()

  constructor(options: EtcdStoreOptions) {
    if (options.endpoints.length === 0) throw new TypeError('endpoints must name a member at least')
    this.#options = options
    const { clock, random } = options
    const logger = options.logger.child({ component: 'etcd-client' })
    this.#members = new EtcdMembers({
      endpoints: options.endpoints,
      open: options.open,
      clock,
      random,
      logger,
      requestTimeoutMs: options.requestTimeoutMs ?? 10_000,
      callsMax: options.callsMax ?? 16_384,
      callBytesMax: options.callBytesMax ?? 64 * 1024 * 1024,
    })
    this.#watches = new EtcdWatches({
      members: this.#members,
      clock,
      random,
      logger,
      progressIsReliable: channel => this.#progressIsReliable(channel),
      quietRevision: (request, next) => this.#quietRevision(request, next),
    })
    this.#members.onChange = () => this.#watches.move()
  }

  async range(request: RangeRequest): Promise<RangeResponse> {
    const message = translate.rangeMessage(request)
    return translate.rangeResponse(await this.#read(methods.range, message))
  }

  async put(request: PutRequest): Promise<PutResponse> {
    return translate.putResponse(await this.#write(methods.put, translate.putMessage(request)))
  }

  async deleteRange(request: DeleteRangeRequest): Promise<DeleteRangeResponse> {
    const message = translate.deleteRangeMessage(request)
    return translate.deleteRangeResponse(await this.#write(methods.deleteRange, message))
  }

  async txn(request: TxnRequest): Promise<TxnResponse> {
    const message = translate.txnMessage(request)
    const harmless = isReadOnly(request)
    return translate.txnResponse(await this.#call(methods.txn, message, harmless))
  }

  async compact(request: CompactionRequest): Promise<CompactionResponse> {
    const { header } = await this.#write(methods.compact, request)
    return { header: translate.headerOf(header) }
  }

  async leaseGrant(request: LeaseGrantRequest): Promise<LeaseGrantResponse> {
    const given = request.id ?? 0
    const id = given === 0 ? 1 + this.#options.random.integer(leaseIdBound - 1) : given
    const message = { TTL: request.ttlSeconds, ID: translate.exactLease(id) }
    const { header, ID, TTL } = await this.#write(methods.leaseGrant, message)
    return { header: translate.headerOf(header), id: ID, ttlSeconds: TTL }
  }

  async leaseRevoke(id: LeaseId): Promise<LeaseRevokeResponse> {
    const message = { ID: translate.exactLease(id) }
    const { header } = await this.#write(methods.leaseRevoke, message)
    return { header: translate.headerOf(header) }
  }

  async leaseKeepAlive(id: LeaseId): Promise<LeaseKeepAliveResponse> {
    const { path, encode, decode } = methods.leaseKeepAlive
    const request = encode({ ID: translate.exactLease(id) })
    const bytes = await this.#members.repeat(
      (channel, deadlineMs, done) => this.#once(channel, path, request, deadlineMs, done),
      request.length,
      true,
    )
    const { header, ID, TTL } = decode(bytes)
    return { header: translate.headerOf(header), id: ID, ttlSeconds: TTL }
  }

  async leaseTimeToLive(id: LeaseId, withKeys: boolean): Promise<LeaseTimeToLiveResponse> {
    const message = { ID: translate.exactLease(id), keys: withKeys }
    const { header, ID, TTL, grantedTTL, keys } = await this.#read(methods.leaseTimeToLive, message)
    return {
      header: translate.headerOf(header),
      id: ID,
      ttlSeconds: TTL,
      grantedTtlSeconds: grantedTTL,
      keys,
    }
  }

  async leaseLeases(): Promise<LeaseLeasesResponse> {
    const { header, leases } = await this.#read(methods.leaseLeases, {})
    return { header: translate.headerOf(header), leases: leases.map(({ ID }) => ID) }
  }

  watch(request: WatchRequest, handlers: WatchHandlers): Watch {
    return this.#watches.open(request, handlers)
  }

  /** Ids are rounded, and etcd does not tell `compactRevision`: it is -1. */
  async status(): Promise<MemberStatus> {
    const status = await this.#read(methods.status, {})
    const header = translate.headerOf(status.header)
    const { members } = await this.#read(methods.memberList, {})
    return {
      header,
      version: status.version,
      name: members.find(({ ID }) => ID === header.memberId)?.name ?? '',
      role: status.leader === header.memberId ? 'leader' : 'follower',
      leader: status.leader,
      raftTerm: status.raftTerm,
      commitIndex: status.raftIndex,
      appliedIndex: status.raftAppliedIndex,
      dbSizeBytes: status.dbSizeInUse,
      learner: status.isLearner,
      healthy: status.leader !== 0 && status.errors.length === 0,
      compactRevision: unknownRevision,
      dbFileBytes: status.dbSize,
      usedBytes: status.dbSizeInUse,
      quotaBytes: status.dbSizeQuota,
      clusterVersion: '',
      errors: status.errors,
    }
  }

  async memberList(): Promise<readonly Member[]> {
    const { members } = await this.#read(methods.memberList, {})
    return members.map(({ ID, name, peerURLs, clientURLs, isLearner }) => ({
      id: ID,
      name,
      peerAddresses: peerURLs.map(addressOf),
      clientAddresses: clientURLs.map(addressOf),
      learner: isLearner,
    }))
  }

  async moveLeader(target: number): Promise<void> {
    if (!Number.isSafeInteger(target)) {
      const message = 'ids of these members have 64 bits; move the leader with etcdctl'
      throw clientError('unsupported', message, { retryable: false })
    }
    await this.#write(methods.moveLeader, { targetID: target })
  }

  /** Unanswered calls fail with `client-closed`; watches end silently. */
  close(): void {
    this.#watches.close()
    this.#members.close()
  }

  #read<Q, A>(method: Method<Q, A>, message: Q): Promise<A> {
    return this.#call(method, message, true)
  }

  #write<Q, A>(method: Method<Q, A>, message: Q): Promise<A> {
    return this.#call(method, message, false)
  }

  async #call<Q, A>(method: Method<Q, A>, message: Q, harmless: boolean): Promise<A> {
    const { path } = method
    return method.decode(
      await this.#members.call({ path, request: method.encode(message), harmless }),
    )
  }

  /** A stream of one message each way, bounded in time as a call is. */
  #once(
    channel: RpcChannel,
    path: string,
    request: Uint8Array,
    deadlineMs: number,
    done: (answer: RpcAnswer) => void,
  ): void {
    let over = false
    const finish = (answer: RpcAnswer): void => {
      if (over) return
      over = true
      timer.cancel()
      stream.cancel()
      done(answer)
    }
    const failed = (code: typeof rpcCode.deadlineExceeded | typeof rpcCode.unavailable) => ({
      failure: { code, message: 'no answer came', sent: true },
    })
    const timer = this.#options.clock.setTimer(deadlineMs, () =>
      finish(failed(rpcCode.deadlineExceeded)),
    )
    const stream = channel.open(path, metadata, {
      onMessage: message => finish({ failure: null, message }),
      onEnd: failure => finish(failure === null ? failed(rpcCode.unavailable) : { failure }),
    })
    stream.send(request)
  }

  /** Asks in the background what the member is; until that is known nothing is relied upon. */
  #progressIsReliable(channel: RpcChannel): boolean {
    const version = this.#versions.get(channel)
    if (version !== undefined) return progressIsReliable(version)
    this.#versions.set(channel, '')
    const { path, encode, decode } = methods.status
    channel.call(path, encode({}), metadata, versionMsMax, answer => {
      if (answer.failure === null) this.#versions.set(channel, decode(answer.message).version)
      else this.#versions.delete(channel)
    })
    return false
  }

  /**
   * The newest revision, if nothing in the range has changed since the one before `next`; else null,
   * and the events are still to come. Nothing was put when no key has a newer revision, and nothing
   * was deleted either when there are as many keys as there were.
   */
  async #quietRevision(request: WatchRequest, next: Revision): Promise<Revision | null> {
    const { key, end } = request
    const where = end === undefined ? { key } : { key, end }
    const newer = await this.range({ ...where, minModRevision: next, limit: 1, keysOnly: true })
    if (newer.kvs.length > 0) return null
    if (newer.header.revision < next) return next - 1
    // Of revision 0 there is nothing, and asking for it means the newest.
    const before =
      next === 1 ? 0 : (await this.range({ ...where, countOnly: true, revision: next - 1 })).count
    return before === newer.count ? newer.header.revision : null
  }
}

const versionMsMax = 3_000

const addressOf = (url: string): Address => url.replace(/^https?:\/\//, '')

function isReadOnly(txn: TxnRequest): boolean {
  const readsOnly = (op: RequestOp): boolean =>
    op.kind === 'range' || (op.kind === 'txn' && isReadOnly(op.request))
  return txn.success.every(readsOnly) && txn.failure.every(readsOnly)
}
