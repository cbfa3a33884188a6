// The store over the network: promises at the edge, completions inside. All requests of one turn of
// the event loop leave in one frame; members are changed behind the user's back, and what that
// means for a request is decided by what is known of it: reads are asked again, and so are writes, under a
// name by which members know them (write-naming.ts). Counterpart: etcd's clientv3, which repeats no write.

import { unreachable } from '../../platform/errors.js'
import type { Clock, Timer } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import type { Address, Network, TlsFiles } from '../../platform/network.js'
import type { Random } from '../../platform/random.js'
import type {
  AlarmRequest,
  AlarmResponse,
  ClusterVersionRequest,
  ClusterVersionResponse,
  AuthRequest,
  AuthResponse,
  CompactionRequest,
  CompactionResponse,
  DeleteRangeRequest,
  DeleteRangeResponse,
  HashKvResponse,
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
  Revision,
  TxnRequest,
  SpaceResponse,
  TxnResponse,
  WatchRequest,
} from '../core/types.js'
import type {
  Answer,
  MemberAddedResponse,
  MemberListResponse,
  RequestKind,
  ServerMessage,
} from '../protocol.js'
import type { NewRequest } from './call.js'
import { CallQueue } from './call-queue.js'
import type { Cluster, MemberListOptions, NewMember } from './cluster.js'
import { Connection } from './connection.js'
import { Endpoints } from './endpoints.js'
import { MemberFollower } from './member-follower.js'
import { Login } from './login.js'
import type { Credentials } from './login.js'
import { keepLease } from './lease-keeper.js'
import type { LeaseKeeping } from './lease-keeper.js'
import type { Store, Watch, WatchHandlers } from './types.js'
import { WatchSet } from './watch-set.js'

export interface StoreClientOptions {
  /** Client ports of members; with `preferFirst` the first is used whenever it is well. */
  readonly endpoints: readonly Address[]
  readonly tls: TlsFiles | null
  /** Absent: nobody, or whoever the certificate says. */
  readonly credentials?: Credentials
  readonly clock: Clock
  readonly random: Random
  readonly network: Network
  readonly logger: Logger
  /** From the call to its failure, all attempts together; 10 seconds when absent. */
  readonly requestTimeoutMs?: number
  /**
   * A write whose answer does not come is sent again until `requestTimeoutMs`, and done once all the same;
   * true when absent. False: its outcome is unknown.
   */
  readonly repeatsWrites?: boolean
  /** True when absent. */
  readonly preferFirst?: boolean
  /**
   * How often it asks where members listen, and goes on with those as well; never when absent. The
   * endpoints that it was given stay.
   */
  readonly followMembersMs?: number
  /** For the members' logs. */
  readonly clientName?: string
  /** Refuse to talk to any other cluster. */
  readonly clusterId?: number
  /** Calls that are not answered yet, above which new ones are refused; 16,384 when absent. */
  readonly callsMax?: number
  /** Their bytes; 64 MiB when absent. */
  readonly callBytesMax?: number
  /** Bytes of events that a member may send ahead of what a watch has taken; 4 MiB when absent. */
  readonly watchCreditBytes?: number
}

const tickMs = 50
/** While nothing is under way that could be late. */
const idleTickMs = 250
const handshakeMsMax = 2_000
const silenceMsMax = 2_000

type AnswerOf<K extends RequestKind> = Extract<Answer, { kind: K }>['response']

export class StoreClient implements Store, Cluster {
  readonly #options: StoreClientOptions
  readonly #endpoints: Endpoints
  readonly #calls: CallQueue
  readonly #watches: WatchSet
  readonly #keepings = new Set<LeaseKeeping>()
  readonly #login: Login | null
  readonly #follower: MemberFollower | null
  #timer: Timer | null = null
  /** The timer under way is the short one. */
  #awake = false
  #closed = false

  constructor(options: StoreClientOptions) {
    if (options.endpoints.length === 0) throw new TypeError('endpoints must name a member at least')
    this.#options = options
    const { clock, random, logger } = options
    this.#login = options.credentials === undefined ? null : new Login(options.credentials)
    this.#watches = new WatchSet(clock, random, options.watchCreditBytes)
    this.#calls = new CallQueue({
      clock,
      random,
      requestTimeoutMs: options.requestTimeoutMs ?? 10_000,
      callsMax: options.callsMax ?? 16_384,
      callBytesMax: options.callBytesMax ?? 64 * 1024 * 1024,
      current: () => this.#endpoints.current,
      lastReason: () => this.#endpoints.lastReason,
      onMemberTrouble: () => this.#endpoints.tick(),
      repeatsWrites: options.repeatsWrites ?? true,
    })
    this.#follower =
      options.followMembersMs === undefined
        ? null
        : new MemberFollower({
            everyMs: options.followMembersMs,
            clock,
            logger,
            list: () => this.memberList(),
            onAddresses: addresses => this.#endpoints.learned(addresses),
          })
    this.#endpoints = new Endpoints({
      addresses: options.endpoints,
      preferFirst: options.preferFirst ?? true,
      clock,
      random,
      logger: logger.child({ component: 'store-client' }),
      open: (address, rank) => this.#open(address, rank),
      onChange: (connection, old) => {
        this.#watches.attachAll(connection)
        this.#calls.dispatch()
        if (old !== null) this.#calls.drain(old)
        this.#follower?.connected()
      },
    })
    this.#endpoints.tick()
    this.#wake()
  }

  range(request: RangeRequest): Promise<RangeResponse> {
    return this.#call({ kind: 'range', request })
  }

  put(request: PutRequest): Promise<PutResponse> {
    return this.#call({ kind: 'put', request })
  }

  deleteRange(request: DeleteRangeRequest): Promise<DeleteRangeResponse> {
    return this.#call({ kind: 'deleteRange', request })
  }

  txn(request: TxnRequest): Promise<TxnResponse> {
    return this.#call({ kind: 'txn', request })
  }

  compact(request: CompactionRequest): Promise<CompactionResponse> {
    return this.#call({ kind: 'compact', request })
  }

  leaseGrant(request: LeaseGrantRequest): Promise<LeaseGrantResponse> {
    return this.#call({ kind: 'leaseGrant', request })
  }

  leaseRevoke(id: LeaseId): Promise<LeaseRevokeResponse> {
    return this.#call({ kind: 'leaseRevoke', lease: id })
  }

  leaseKeepAlive(id: LeaseId): Promise<LeaseKeepAliveResponse> {
    return this.#call({ kind: 'leaseKeepAlive', lease: id, forwarded: false })
  }

  leaseTimeToLive(id: LeaseId, withKeys: boolean): Promise<LeaseTimeToLiveResponse> {
    return this.#call({ kind: 'leaseTimeToLive', lease: id, withKeys, forwarded: false })
  }

  leaseLeases(): Promise<LeaseLeasesResponse> {
    return this.#call({ kind: 'leaseLeases' })
  }

  watch(request: WatchRequest, handlers: WatchHandlers): Watch {
    return this.#watches.open(request, handlers, this.#endpoints.current)
  }

  status(): Promise<MemberStatus> {
    return this.#call({ kind: 'status' })
  }

  async memberList(options: MemberListOptions = {}): Promise<readonly Member[]> {
    const { members } = await this.memberListResponse(options)
    return members
  }

  memberListResponse({ linearizable = true }: MemberListOptions = {}): Promise<MemberListResponse> {
    return this.#call({ kind: 'memberList', linearizable })
  }

  memberAdd(
    { name, peerAddresses }: NewMember,
    mode: 'promoted' | 'learner' | 'voter',
  ): Promise<MemberAddedResponse> {
    return this.#call({ kind: 'memberAdd', name, peerAddresses, mode, forwarded: false })
  }

  memberPromote(member: number): Promise<MemberListResponse> {
    return this.#call({ kind: 'memberPromote', member, forwarded: false })
  }

  memberUpdate(member: number, { name, peerAddresses }: NewMember): Promise<MemberListResponse> {
    return this.#call({ kind: 'memberUpdate', member, name, peerAddresses, forwarded: false })
  }

  memberRemove(member: number): Promise<MemberListResponse> {
    return this.#call({ kind: 'memberRemove', member, forwarded: false })
  }

  memberReplace(member: number, { name, peerAddresses }: NewMember): Promise<MemberAddedResponse> {
    return this.#call({ kind: 'memberReplace', member, name, peerAddresses, forwarded: false })
  }

  hashKv(revision: Revision): Promise<HashKvResponse> {
    return this.#call({ kind: 'hashKv', revision })
  }

  async moveLeader(target: number): Promise<void> {
    await this.#call({ kind: 'moveLeader', target, forwarded: false })
  }

  /** What is wrong with the cluster; or says that something is, or has been seen to. */
  alarm(request: AlarmRequest): Promise<AlarmResponse> {
    return this.#call({ kind: 'alarm', request })
  }

  /** How much there is, on the member that this client talks to; `defragment` gives back what is free. */
  space(defragment: boolean): Promise<SpaceResponse> {
    return this.#call({ kind: 'space', defragment })
  }

  clusterVersion(request: ClusterVersionRequest): Promise<ClusterVersionResponse> {
    return this.#call({ kind: 'clusterVersion', request })
  }

  /** Users, roles and whether they count. */
  auth(request: AuthRequest): Promise<AuthResponse> {
    return this.#call({ kind: 'auth', request })
  }

  /** A token for a password; to act for the user, make a client with it or with the password. */
  async authenticate(user: string, password: string): Promise<string> {
    const { token } = await this.#call({ kind: 'authenticate', user, password })
    return token
  }

  /** Renews the lease until stopped; `onLost` once when it is gone or could not be renewed. */
  keepAlive(id: LeaseId, onLost: (error: Error) => void): LeaseKeeping {
    const keeping = keepLease(id, {
      clock: this.#options.clock,
      renew: lease => this.leaseKeepAlive(lease),
      onLost: error => {
        this.#keepings.delete(keeping)
        onLost(error)
      },
    })
    this.#keepings.add(keeping)
    return {
      stop: () => {
        this.#keepings.delete(keeping)
        keeping.stop()
      },
    }
  }

  /** Unanswered calls fail with `client-closed`; watches end silently. */
  close(): void {
    for (const keeping of this.#keepings) keeping.stop()
    this.#keepings.clear()
    this.#closed = true
    this.#follower?.stop()
    this.#timer?.cancel()
    this.#watches.clear()
    this.#calls.close()
    this.#endpoints.stop()
  }

  #call<K extends RequestKind>(request: Extract<NewRequest, { kind: K }>): Promise<AnswerOf<K>>
  #call(request: NewRequest): Promise<Answer['response']> {
    return new Promise((resolve, reject) => {
      this.#calls.submit(request, answer => resolve(answer.response), reject)
      this.#wake()
    })
  }

  /** Something is under way that has to be looked after. */
  #wake(): void {
    if (!this.#awake) this.#tickIn(tickMs)
  }

  #tickIn(delayMs: number): void {
    this.#timer?.cancel()
    if (this.#closed) return
    this.#awake = delayMs === tickMs
    this.#timer = this.#options.clock.setTimer(delayMs, () => {
      this.#endpoints.tick()
      this.#calls.tick()
      this.#watches.tick(this.#endpoints.current)
      const settled = this.#endpoints.settled && this.#calls.idle && this.#watches.settled
      this.#tickIn(settled ? idleTickMs : tickMs)
    })
  }

  #open(address: Address, rank: number): Connection {
    const { tls, clock, network } = this.#options
    return new Connection(
      {
        address,
        rank,
        tls,
        clock,
        network,
        clientName: this.#options.clientName ?? 'raftsman',
        clusterId: this.#options.clusterId ?? 0,
        login: this.#login,
        handshakeMsMax,
        silenceMsMax,
      },
      {
        onWelcome: connection => this.#endpoints.greeted(connection),
        onLoggedIn: () => this.#calls.dispatch(),
        onLoginFailed: error => {
          this.#calls.refused(error)
          this.#watches.refused(error)
        },
        onMessage: (connection, message) => this.#take(connection, message),
        onClosed: (connection, reason) => {
          this.#watches.detach(connection)
          this.#calls.lost(connection, reason)
          this.#endpoints.closed(connection, reason)
          this.#wake()
        },
      },
    )
  }

  #take(connection: Connection, message: ServerMessage): void {
    switch (message.kind) {
      case 'welcome':
      case 'pong':
      // Asked for over links of their own.
      case 'snapshotPart':
        return
      case 'leader':
        if (message.leader === 0) this.#endpoints.tick()
        this.#wake()
        return
      case 'watchCreated':
      case 'watchEvents':
      case 'watchEnd':
        this.#watches.take(connection, message)
        if (message.kind === 'watchEnd') this.#wake()
        return
      case 'rangePart':
        this.#calls.part(connection, message.id, message.kvs)
        return
      case 'error':
        this.#calls.failed(connection, message.id, message.error)
        return
      case 'answer':
        this.#calls.answered(connection, message.answer)
        return
      default:
        unreachable(message)
    }
  }
}
