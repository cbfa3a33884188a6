// Which way a request goes: reads by the quorum's leave or from local state, writes through the log,
// some to the leader alone. It holds no state of its own but what stands behind each way.

import { RaftsmanError, assert, unreachable } from '../../platform/errors.js'
import type { Clock } from '../../platform/clock.js'
import type { Network } from '../../platform/network.js'
import type { Random } from '../../platform/random.js'
import { nodeId } from '../../raft/core/types.js'
import type { SoftState } from '../../raft/core/types.js'
import type { Replica as Raft, Reconfiguration } from '../../raft/index.js'
import { releaseOf } from '../core/cluster-command.js'
import type { Command } from '../core/command.js'
import type { Replica as Machine } from '../core/replica.js'
import type { MemberStatus, Once, RangeRequest, TxnRequest } from '../core/types.js'
import { checkCommand, checkRange, checkTxn } from '../core/validate.js'
import type { Answer, Request, Welcome, Write } from '../protocol.js'
import { protocolLimits, protocolVersion } from '../protocol.js'
import { StoreError } from '../core/errors.js'
import { AuthDesk } from './auth/auth-desk.js'
import { Guard } from './auth/guard.js'
import type { Check } from './auth/guard.js'
import { needOf } from './auth/needs.js'
import { Passwords, passwordCostDefault } from './auth/passwords.js'
import { HashDesk } from './hash-desk.js'
import { Health, applyLagMax } from './health.js'
import { LeaderLink } from './leader-link.js'
import type { Forwarded } from './leader-link.js'
import { LeaseDesk } from './lease-desk.js'
import { LongRanges } from './long-range.js'
import type { Maintenance } from './maintenance.js'
import { MemberDesk } from './member-desk.js'
import { Members } from './members.js'
import type { StoreServerOptions } from './options.js'
import { selfOf, spokenBy } from './options.js'
import { QuotaDesk } from './quota-desk.js'
import { ReadBatcher } from './read-batcher.js'
import { attempt, type Requester } from './requester.js'
import { diskFull, noLeader, notLeader, stopping, tooManyRequests } from './service-errors.js'
import { SlicedWork } from './sliced-work.js'
import { StateComparison } from './state-comparison.js'
import { UnreadBudget } from './unread-budget.js'
import { UpkeepDesk } from './upkeep-desk.js'
import { VersionDesk } from './version-desk.js'
import { SnapshotDesk } from './snapshot-feed.js'
import { WriteBatcher } from './write-batcher.js'

/** What does not rest on what is stored. */
const servedWhenWrong: ReadonlySet<Request['kind']> = new Set([
  'status',
  'memberList',
  'moveLeader',
  'alarm',
  'space',
  'clusterVersion',
])

const tokenTtlMsDefault = 300_000

export interface ServiceParts {
  readonly options: StoreServerOptions
  readonly clusterId: number
  readonly requestTimeoutMs: number
  readonly raft: Raft
  /** Absent: the membership cannot be changed. */
  readonly reconfiguration?: Reconfiguration
  readonly machine: Machine
  readonly maintenance: Maintenance
}

export class StoreService {
  readonly writes: WriteBatcher
  readonly reads: ReadBatcher
  readonly leases: LeaseDesk
  readonly members: Members
  readonly memberDesk: MemberDesk
  readonly guard: Guard
  readonly #authDesk: AuthDesk
  /** What clients have not read, all together. */
  readonly unread = new UnreadBudget()
  readonly ranges: LongRanges
  readonly versions: VersionDesk
  readonly comparison: StateComparison
  readonly quota: QuotaDesk
  readonly health: Health
  stopping = false
  readonly #parts: ServiceParts
  readonly #upkeep: UpkeepDesk
  readonly #clock: Clock
  readonly #random: Random
  readonly #network: Network
  #softState: SoftState
  #leaderLink: LeaderLink | null = null
  #pressed = false
  readonly #hashes: HashDesk
  readonly #sliced: SlicedWork
  readonly #snapshots: SnapshotDesk

  constructor(parts: ServiceParts) {
    const { raft, machine, options } = parts
    this.#parts = parts
    this.#clock = options.clock
    this.#random = options.random
    this.#network = options.network
    const { role, leader, term } = raft.status()
    this.#softState = { role, leader, term }
    this.versions = new VersionDesk({
      id: options.id,
      speaks: spokenBy(options),
      raft,
      machine,
      writes: () => this.writes,
    })
    this.writes = new WriteBatcher(raft, options.clock, command => this.versions.admit(command))
    this.#sliced = new SlicedWork(options.clock)
    this.reads = new ReadBatcher(raft, options.clock)
    this.health = new Health({
      id: options.id,
      raft,
      machine,
      maintenance: parts.maintenance,
      reads: this.reads,
      clock: options.clock,
      stopping: () => this.stopping,
    })
    this.#upkeep = new UpkeepDesk({
      machine,
      defragmentation: parts.maintenance.defragmentation,
      afterQuorum: (requester, id, act) => this.#afterQuorum(requester, id, act),
      write: (requester, id, command) => this.#write(requester, { id }, command),
    })
    this.quota = new QuotaDesk(machine, this.writes, options.quotaBackendBytes)
    this.comparison = new StateComparison({
      id: options.id,
      raft,
      machine,
      writes: this.writes,
      clock: options.clock,
      markMs: options.tuning?.hashMarkMs,
      onStateWrong: reason => options.onStateWrong?.(reason),
    })
    this.ranges = new LongRanges({ machine, clock: options.clock, unread: this.unread })
    this.leases = new LeaseDesk({
      machine,
      writes: this.writes,
      reads: this.reads,
      clock: options.clock,
    })
    this.members = new Members(raft, machine, options.members)
    this.memberDesk = new MemberDesk({
      self: selfOf(options),
      learnersMax: options.learnersMax ?? 1,
      requestTimeoutMs: parts.requestTimeoutMs,
      reconfiguration: parts.reconfiguration ?? null,
      members: this.members,
      machine,
      writes: this.writes,
      reads: this.reads,
      clock: options.clock,
      logger: options.logger,
    })
    this.#hashes = new HashDesk(machine, options.clock)
    this.#snapshots = new SnapshotDesk(machine, options.clock)
    this.guard = new Guard({
      machine,
      writes: this.writes,
      reads: this.reads,
      clock: options.clock,
      tokenTtlMs: options.tokenTtlMs ?? tokenTtlMsDefault,
    })
    this.#authDesk = new AuthDesk({
      machine,
      guard: this.guard,
      reads: this.reads,
      random: options.random,
      logger: options.logger,
      passwords: new Passwords({
        random: options.random,
        cost: options.passwordCost ?? passwordCostDefault,
        derive: options.deriveKey,
      }),
    })
  }

  get softState(): SoftState {
    return this.#softState
  }

  /**
   * The leader, or 0 while clients are better served elsewhere: they leave a member that knows no
   * leader where there is another, and stay where there is none.
   */
  get leaderToTell(): number {
    const { raft, machine, maintenance } = this.#parts
    if (this.stopping || machine.saturated || maintenance.full || this.health.wrong) return 0
    return raft.status().diskFull ? 0 : this.#softState.leader
  }

  leaderChanged(softState: SoftState): void {
    this.#softState = softState
    this.versions.tick(softState)
    this.leases.tick(softState)
    if (this.#leaderLink !== null && this.#leaderLink.memberId !== softState.leader) {
      this.#leaderLink.retire()
      this.#leaderLink = null
    }
  }

  close(): void {
    this.ranges.close()
    this.#sliced.close()
    this.#snapshots.close()
    this.#leaderLink?.close('the member is stopping')
    this.#leaderLink = null
  }

  welcome(): Welcome {
    const { options, clusterId } = this.#parts
    return {
      version: protocolVersion,
      clusterId,
      memberId: options.id,
      name: options.name,
      serverVersion: options.version,
      leader: this.leaderToTell,
      requestBytesMax: protocolLimits.requestBytesMax,
      inFlightMax: protocolLimits.inFlightMax,
    }
  }

  /** Answers the requester, once. What it throws is the answer too. */
  handle(requester: Requester, request: Request): void {
    if (this.stopping) throw stopping()
    if (this.health.wrong && !servedWhenWrong.has(request.kind))
      throw new StoreError('member-corrupt')
    const need = needOf(request)
    if (need === null) this.#answer(requester, request)
    else {
      this.guard.permit(requester, request.id, need, () => this.#answer(requester, request))
    }
  }

  /** Answers whether the requester's token is good: who has none is whoever it was before. */
  checkToken(requester: Requester, id: number): void {
    const anybody: Check = () => {}
    this.guard.permit(requester, id, anybody, () => {
      requester.answer({ kind: 'useToken', id, response: { header: this.#parts.machine.header() } })
    })
  }

  #answer(requester: Requester, request: Request): void {
    const { machine, raft } = this.#parts
    switch (request.kind) {
      case 'range':
        checkRange(request.request)
        this.#range(requester, request.id, request.request)
        return
      case 'put':
        this.#write(requester, request, { kind: 'put', request: request.request })
        return
      case 'deleteRange':
        this.#write(requester, request, { kind: 'deleteRange', request: request.request })
        return
      case 'txn':
        // What is to be answered the same when it comes again stands in the log.
        if (request.once !== undefined || !machine.isReadOnly(request.request)) {
          this.#write(requester, request, { kind: 'txn', request: request.request })
          return
        }
        checkTxn(request.request)
        this.#afterQuorum(requester, request.id, () => {
          requester.paced(() => this.#readTxn(requester, request.id, request.request))
        })
        return
      case 'compact':
        this.#compact(requester, request)
        return
      case 'leaseGrant': {
        const picked = this.#random.integer(Number.MAX_SAFE_INTEGER - 1) + 1
        this.#write(requester, request, machine.leaseGrantCommand(request.request, picked))
        return
      }
      case 'leaseRevoke':
        this.#write(requester, request, {
          kind: 'leaseRevoke',
          id: request.lease,
          leaderTerm: 0,
        })
        return
      case 'openSession': {
        const { id: _, ...command } = request
        this.#write(requester, request, command)
        return
      }
      case 'leaseKeepAlive':
      case 'leaseTimeToLive':
      case 'moveLeader':
      case 'memberAdd':
      case 'memberPromote':
      case 'memberUpdate':
      case 'memberRemove':
      case 'memberReplace':
        this.#leaderOnly(requester, request)
        return
      case 'snapshot':
        this.#snapshot(requester, request)
        return
      case 'hashKv':
        this.#hashes.hash(request.revision, (error, response) => {
          if (error !== null || response === undefined) requester.fail(request.id, error)
          else requester.answer({ kind: 'hashKv', id: request.id, response })
        })
        return
      case 'leaseLeases':
        this.#afterQuorum(requester, request.id, () => {
          this.guard.check(requester.principal, (check, by) => check.leaseLeases(by))
          requester.answer({ kind: 'leaseLeases', id: request.id, response: machine.leaseLeases() })
        })
        return
      case 'status':
        requester.answer({ kind: 'status', id: request.id, response: this.status() })
        return
      case 'authenticate':
        this.#authDesk.authenticate(requester, request)
        return
      case 'auth':
        this.#authDesk.handle(requester, request.id, request.request)
        return
      case 'memberList': {
        const answer = () => {
          const header = machine.header(raft.status().term)
          const response = { header, members: this.members.list() }
          requester.answer({ kind: 'memberList', id: request.id, response })
        }
        if (request.linearizable) this.#afterQuorum(requester, request.id, answer)
        else answer()
        return
      }
      case 'alarm':
      case 'space':
      case 'clusterVersion':
        this.#upkeep.handle(requester, request)
        return
      default:
        unreachable(request)
    }
  }

  status(): MemberStatus {
    const { raft, machine, options } = this.#parts
    const status = raft.status()
    return {
      header: machine.header(status.term),
      version: options.version,
      name: options.name,
      role: status.role,
      leader: status.leader,
      raftTerm: status.term,
      commitIndex: status.commitIndex,
      appliedIndex: status.appliedIndex,
      dbSizeBytes: machine.dbSizeBytes,
      learner: status.confState.learners.includes(nodeId(options.id)),
      healthy: this.health.good,
      compactRevision: machine.compactRevision,
      dbFileBytes: machine.dbFileBytes,
      usedBytes: machine.usedBytes,
      quotaBytes: machine.quotaBytes,
      clusterVersion: releaseOf(machine.clusterVersion.version),
      errors: this.#errors(),
    }
  }

  #errors(): readonly string[] {
    const failure = this.health.failure()
    const alarms = this.#parts.machine.alarms.list().map(({ kind, member }) => {
      const what = `alarm ${kind.toUpperCase()}`
      return member === 0 ? what : `${what} of member ${member.toString(16)}`
    })
    return failure === null ? alarms : [failure.reason, ...alarms]
  }

  #snapshot(requester: Requester, request: Extract<Request, { kind: 'snapshot' }>): void {
    const { machine } = this.#parts
    const { id } = request
    this.#snapshots.feed(request, requester, {
      part: bytes => requester.snapshotPart(id, bytes),
      done: (error, end) => {
        if (error !== null || end === undefined) requester.fail(id, error)
        else {
          const header = machine.header(this.#softState.term)
          requester.answer({ kind: 'snapshot', id, response: { header, ...end } })
        }
      },
    })
  }

  #range(requester: Requester, id: number, request: RangeRequest): void {
    const check: Check = (authCheck, by) => authCheck.range(by, request)
    const answer = () => this.#answerRange(requester, id, request, check)
    if (request.serializable === true) this.guard.permit(requester, id, check, answer)
    else this.#afterQuorum(requester, id, answer)
  }

  #answerRange(requester: Requester, id: number, request: RangeRequest, check: Check): void {
    requester.paced(() => {
      this.ranges.answer(
        request,
        requester,
        {
          part: kvs => requester.rangePart(id, kvs),
          done: (error, response) => {
            if (error !== null) requester.fail(id, error)
            else {
              assert(response !== undefined, 'a range without error has an answer')
              requester.answer({ kind: 'range', id, response })
            }
          },
        },
        () => this.guard.check(requester.principal, check),
      )
    })
  }

  #afterQuorum(requester: Requester, id: number, act: () => void): void {
    this.reads.submit(error => {
      if (error !== null) requester.fail(id, error)
      else attempt(requester, id, act)
    })
  }

  #readTxn(requester: Requester, id: number, txn: TxnRequest): void {
    const { machine } = this.#parts
    const check: Check = (authCheck, by) => authCheck.readTxn(by, txn)
    attempt(requester, id, () => {
      this.guard.check(requester.principal, check)
      this.#sliced.run(
        machine.readTxn(txn, requester.answerBytesMax),
        () => requester.open,
        (error, response) => {
          attempt(requester, id, () => {
            if (response === undefined) throw error ?? stopping()
            // It may have lost its permission while the slices were read.
            this.guard.check(requester.principal, check)
            requester.answer({ kind: 'txn', id, response })
          })
        },
      )
    })
  }

  #write(requester: Requester, { id, once }: Asked, plain: Command): void {
    const command = named(plain, once)
    checkCommand(command)
    this.#checkPressure()
    const check = this.#parts.machine.checkAnswer(command, requester.answerBytesMax)
    if (check === null) {
      this.guard.write(requester, id, command)
      return
    }
    // Who may not give the command is told nothing of what it would read.
    this.guard.permitCommand(requester, id, command, () => {
      this.#sliced.run(
        check,
        () => requester.open,
        error => {
          attempt(requester, id, () => {
            if (error !== null) throw error
            this.guard.write(requester, id, command)
          })
        },
      )
    })
  }

  #compact(requester: Requester, request: Extract<Request, { kind: 'compact' }>): void {
    const command: Command = { kind: 'compact', request: request.request }
    if (request.request.physical !== true) {
      this.#write(requester, request, command)
      return
    }
    checkCommand(command)
    this.guard.write(requester, request.id, named(command, request.once), {
      written: (id, result) => {
        if (result.ok) this.#parts.maintenance.whenCompacted(() => requester.written(id, result))
        else requester.written(id, result)
      },
      notWritten: (id, error) => requester.notWritten(id, error),
    })
  }

  /** Looked at once a turn: what one turn adds is bounded by the frames it can read. */
  #checkPressure(): void {
    if (this.writes.turnIsNew) {
      const { machine, raft } = this.#parts
      const { commitIndex, appliedIndex } = raft.status()
      this.#pressed = machine.saturated || commitIndex - appliedIndex > applyLagMax
    }
    if (this.#pressed) throw this.#parts.maintenance.full ? diskFull() : tooManyRequests()
  }

  #leaderOnly(requester: Requester, request: Forwarded): void {
    const done = (error: RaftsmanError | null, answer?: Answer) => {
      if (error !== null) requester.fail(request.id, error)
      else {
        assert(answer !== undefined, 'without error there is an answer')
        requester.answer(answer)
      }
    }
    if (this.#softState.role === 'leader') this.#asLeader(requester, request, done)
    else if (request.forwarded) throw notLeader()
    else {
      const token = this.guard.introduce(requester.principal)
      this.#linkToLeader().forward(request, token, (error, answer) => {
        if (error instanceof RaftsmanError) done(error)
        else if (error !== null) requester.failWith(request.id, error)
        else if (answer !== undefined) done(null, { ...answer, id: request.id })
      })
    }
  }

  #asLeader(
    requester: Requester,
    request: Forwarded,
    done: (error: RaftsmanError | null, answer?: Answer) => void,
  ): void {
    const { raft, machine } = this.#parts
    const { principal } = requester
    switch (request.kind) {
      case 'leaseKeepAlive':
        this.leases.keepAlive(
          request.id,
          request.lease,
          () => this.guard.check(principal, (check, by) => check.leaseWrite(by, request.lease)),
          done,
        )
        return
      case 'leaseTimeToLive':
        this.leases.timeToLive(
          request.id,
          request.lease,
          request.withKeys,
          () => this.guard.check(principal, (check, by) => check.leaseKeys(by, request.lease)),
          done,
        )
        return
      case 'moveLeader':
        if (!this.members.isVoter(request.target)) throw new StoreError('bad-transferee')
        raft.transferLeadership(nodeId(request.target), error => {
          if (error !== null) done(error)
          else {
            const header = machine.header(raft.status().term)
            done(null, { kind: 'moveLeader', id: request.id, response: { header } })
          }
        })
        return
      case 'memberAdd':
      case 'memberPromote':
      case 'memberUpdate':
      case 'memberRemove':
      case 'memberReplace':
        this.memberDesk.handle(request, done)
        return
      default:
        unreachable(request)
    }
  }

  #linkToLeader(): LeaderLink {
    if (this.#leaderLink !== null && !this.#leaderLink.closed) return this.#leaderLink
    const { options, clusterId, requestTimeoutMs } = this.#parts
    const { leader } = this.#softState
    const address = this.members.clientAddress(leader)
    if (address === undefined) throw noLeader()
    this.#leaderLink = new LeaderLink({
      memberId: leader,
      address,
      tls: options.clientTls,
      clusterId,
      clientName: `member ${options.name}`,
      requestTimeoutMs,
      clock: this.#clock,
      network: this.#network,
    })
    return this.#leaderLink
  }
}

/** By what a request is known to who asks for it, and to the state machine. */
type Asked = Pick<Write, 'id' | 'once'>

/** The usual ones as literals: an object spread into another with one property more takes a microsecond. */
function named(command: Command, once: Once | undefined): Command {
  if (once === undefined) return command
  if (command.kind === 'put') return { kind: 'put', request: command.request, once }
  if (command.kind === 'txn') return { kind: 'txn', request: command.request, once }
  return { ...command, once }
}
