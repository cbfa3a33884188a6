// One node of the replicated log: the loop around the protocol core. Counterpart: raft.go of
// etcd's server. Everything that happens (a frame, a tick, a finished write, a proposal) is handed to
// the core and schedules one run at the end of the turn:
//
//   proposals, reads ─> core ─> ready ─┬─> messages to peers, at once
//                                      ├─> log: one write, then the messages that rest on it
//                                      └─> committed entries ─> state machine ─> answers
//
// Changes of membership are asked for here and pursued in membership.ts.

import { must, RaftsmanError } from '../platform/errors.js'
import type { Logger } from '../platform/logger.js'
import type { Timer } from '../platform/clock.js'
import { Applier } from './applier.js'
import { Compactor } from './compactor.js'
import type { ConfChange } from './core/conf-change.js'
import { Raft } from './core/raft.js'
import type {
  AppendTask,
  Entry,
  LogIndex,
  MemberAddress,
  Message,
  NodeId,
  Ready,
  SoftState,
} from './core/types.js'
import { logIndex, noNode } from './core/types.js'
import { Handovers } from './handovers.js'
import { Membership } from './membership.js'
import type { Goal } from './membership-plan.js'
import type {
  MembershipDone,
  NodeInspection,
  ProposalDone,
  RaftNodeErrorCode,
  RaftNodeOptions,
  RaftNodeStatus,
  ReadIndexDone,
  Reconfiguration,
  Replacement,
  Replica,
} from './node-types.js'
import { raftNodeError, refusalCodes } from './node-types.js'
import {
  applyLagMax,
  catchUpMsUsual,
  closeMsMax,
  limitsOfCore,
  limitsOfProposals,
  readyRoundsMax,
} from './node-limits.js'
import { firstSequence, ProposalBook } from './proposal-book.js'
import { ReadBook } from './read-book.js'
import { openLog } from './recovery.js'
import type { OpenedLog } from './recovery.js'
import { Restore } from './restore.js'
import { SlowFollowers } from './slow-followers.js'
import type { RaftLog } from './storage/log.js'
import { Succession } from './succession.js'
import { Contacts, isMember } from './transport/contacts.js'
import type { RefusalReason } from './transport/refusals.js'
import { TickTime } from './tick-time.js'
import { Transport } from './transport/transport.js'
import type { VersionRange } from './transport/transport-options.js'

export class RaftNode implements Replica, Reconfiguration {
  private readonly options: RaftNodeOptions
  private readonly logger: Logger
  private readonly log: RaftLog
  private readonly raft: Raft
  private readonly proposals: ProposalBook
  private readonly reads: ReadBook
  private readonly applier: Applier
  private readonly compactor: Compactor
  private readonly restore: Restore
  private readonly handovers: Handovers
  private readonly succession: Succession
  private readonly slowFollowers: SlowFollowers
  private readonly membership: Membership
  private readonly listeners: ((state: SoftState) => void)[] = []
  private readonly contacts: Contacts
  private transport: Transport | null = null
  private ticker: Timer | null = null
  private scheduled = false
  /** It has no membership, or none that fits an empty log: entries alone do not help it. */
  private awaitsSnapshot: boolean
  /** 0 when nothing is missing. */
  private damagedUpTo: number
  private readonly tickTime: TickTime
  /** Tasks given to the log, oldest first, with the time at which they were. */
  private readonly writing: { readonly id: number; readonly sinceMs: number }[] = []
  private readonly onClosed: (() => void)[] = []
  private closed = false
  /** Changes of membership of this node that were applied in this turn. */
  private readonly ownChanges: number[] = []
  /** A peer said so. */
  private removed = false
  private state: 'running' | 'stopping' | 'ended' = 'running'
  private readonly runBound = (): void => this.run()

  private constructor(options: RaftNodeOptions, opened: OpenedLog) {
    const { clock, random, stateMachine, id, electionTicks, tickMs } = options
    const { log, initial, highestSequence } = opened
    const { state, applied } = initial
    this.options = options
    this.tickTime = new TickTime(tickMs, clock.monotonicMs())
    this.logger = options.logger
    this.log = log
    const timeoutMs = 5000 + 2 * electionTicks * tickMs
    this.proposals = new ProposalBook(
      { ...limitsOfProposals, timeoutMs },
      firstSequence(clock.wallMs(), highestSequence, random.next()),
    )
    this.reads = new ReadBook(timeoutMs)
    this.applier = new Applier(clock, stateMachine, id, (sequence, result) =>
      this.proposals.resolve(sequence, result),
    )
    this.compactor = new Compactor(options.entriesKept, state.snapshot.index)
    this.compactor.noteEarlier(state, stateMachine.appliedIndex, log.meanEntryBytes)
    const self = { id, name: options.name, address: options.listen }
    this.raft = new Raft(
      { id, electionTicks, random, ...limitsOfCore, ...options.limits },
      state,
      applied,
    )
    this.contacts = new Contacts(
      self,
      options.peers,
      applied,
      this.raft.confState,
      options.wasRemoved,
    )
    const { logger, raft } = this
    this.contacts.noteLog(raft)
    this.damagedUpTo = state.damaged?.floor ?? 0
    this.awaitsSnapshot = initial.damage !== null || state.snapshot.confState.voters.length === 0
    if (this.damagedUpTo > 0)
      logger.error(
        { floor: this.damagedUpTo },
        'this member lost what it may have acknowledged; it does not vote until a leader brought it back',
      )
    const electionMs = electionTicks * tickMs
    const parts = { id, raft, clock, logger, electionMs, onWork: () => this.schedule() }
    this.handovers = new Handovers(parts)
    this.succession = new Succession({ ...parts, tickMs })
    this.membership = new Membership({
      ...parts,
      timeoutMs,
      takeSequence: () => this.proposals.takeSequence(),
      contacts: this.contacts,
    })
    this.slowFollowers = new SlowFollowers({ ...parts, stateMachine, log })
    this.restore = new Restore({
      stateMachine,
      logger,
      log,
      applier: this.applier,
      onStaged: request => {
        this.raft.step(request)
        this.schedule()
      },
      onRestored: (index, held) => {
        this.compactor.reset(index)
        this.awaitsSnapshot = false
        this.membershipChanged(index)
        for (const task of held) this.write(task)
        this.schedule()
      },
      onFailed: error => this.fail(error),
    })
  }

  /**
   * Recovers the log, joins the peers. Errors: those of the log (locked, corrupt, mismatch, disk),
   * `start-failed` when log and state do not fit or the address cannot be bound.
   */
  static start(
    options: RaftNodeOptions,
    ready: (error: RaftsmanError | null, node?: RaftNode) => void,
  ): void {
    // Fatal errors of the log may come before there is a node to end.
    let node: RaftNode | null = null
    const onFatal = (error: RaftsmanError) => {
      if (node === null) options.onFatal(error)
      else node.fail(error)
    }
    openLog(options, onFatal, (error, opened) => {
      if (error !== null) {
        ready(error)
        return
      }
      const started = new RaftNode(options, must(opened, 'an opened log without error'))
      node = started
      started.open(openError => {
        if (openError === null) ready(null, started)
        else ready(openError)
      })
    })
  }

  private open(done: (error: RaftsmanError | null) => void): void {
    const { options } = this
    const transportOptions = {
      ...options,
      logger: this.logger,
      contacts: this.contacts,
      onLost: (peer: NodeId) => this.linkLost(peer),
      onGone: (peer: NodeId) => this.succession.peerGone(peer),
      onRefused: (peer: NodeId, reason: RefusalReason) => this.refused(peer, reason),
      onMessages: (messages: readonly Message[]) => this.received(messages),
      onDropped: (message: Message) => this.dropped(message),
      beginRestore: this.restore.begin,
      onSnapshot: this.restore.staged,
    }
    Transport.open(transportOptions, (error, transport) => {
      if (error !== null) {
        this.state = 'ended'
        const failure = raftNodeError('start-failed', 'not-applied', error.message)
        this.log.halt(() => done(failure))
        return
      }
      this.transport = must(transport, 'a transport without error')
      // A blocked event loop costs ticks: time that this node could not act in does not count
      // against its leader.
      this.ticker = options.clock.setTicker(options.tickMs, () => this.tick())
      this.schedule()
      done(null)
    })
  }

  propose(payload: Uint8Array, done: ProposalDone): void {
    const refusal = this.refusal() ?? this.proposals.add(payload, this.nowMs(), done)
    if (refusal === null) this.schedule()
    else this.options.clock.defer(() => done(raftNodeError(refusal)))
  }

  readIndex(done: ReadIndexDone): void {
    const refusal: RaftNodeErrorCode | null =
      this.state !== 'running' ? 'stopped' : this.reads.add(done) ? null : 'too-many-requests'
    if (refusal === null) this.schedule()
    else this.options.clock.defer(() => done(raftNodeError(refusal)))
  }

  onSoftState(listener: (state: SoftState) => void): void {
    this.listeners.push(listener)
  }

  transferLeadership(target: NodeId, done: (error: RaftsmanError | null) => void): void {
    if (this.state === 'running') this.handovers.transfer(target, done)
    else this.options.clock.defer(() => done(raftNodeError('stopped')))
  }

  changeMembership(change: ConfChange, done: MembershipDone): void {
    this.pursue({ kind: 'change', change }, null, done)
  }

  addLearner(
    { node, name, address }: MemberAddress,
    { promote }: { readonly promote: boolean },
    done: MembershipDone,
  ): void {
    const told = { name, address }
    const member = promote ? { ...told, promote } : told
    this.changeMembership([{ kind: 'addLearner', node, member }], done)
  }

  promote(node: NodeId, { waits }: { readonly waits: boolean }, done: MembershipDone): void {
    this.pursue({ kind: 'promote', node, waits }, null, done)
  }

  updateMember(member: MemberAddress, done: MembershipDone): void {
    this.pursue({ kind: 'update', member }, null, done)
  }

  replaceMember(replacement: Replacement, done: MembershipDone): void {
    const { remove, add, waits = true, catchUpMsMax = catchUpMsUsual } = replacement
    this.pursue({ kind: 'replace', remove, add, waits }, catchUpMsMax, done)
  }

  private pursue(goal: Goal, limitMs: number | null, done: MembershipDone): void {
    if (this.state === 'running') this.membership.pursue(goal, limitMs, done)
    else this.options.clock.defer(() => done(raftNodeError('stopped')))
  }

  status(): RaftNodeStatus {
    const { role, leader, term: currentTerm, commit, lastIndex, confState } = this.raft.status()
    const { id, name, clusterId, stateMachine } = this.options
    return {
      id,
      name,
      clusterId,
      role,
      leader,
      term: currentTerm,
      commitIndex: commit,
      appliedIndex: stateMachine.appliedIndex,
      lastIndex,
      confState,
      removed: this.removed || (confState.voters.length > 0 && !isMember(confState, id)),
      address: this.transport?.address ?? this.options.listen,
      pendingProposals: this.proposals.size,
      diskFull: this.log.full,
      damaged: this.damagedUpTo > 0,
    }
  }

  peerVersions(): ReadonlyMap<NodeId, VersionRange> {
    return this.transport?.versions ?? new Map()
  }

  inspect(): NodeInspection {
    const { raft } = this
    const { membership } = raft
    return { status: raft.status(), membership, termAt: index => raft.termAt(index) }
  }

  stop(done: () => void): void {
    if (this.state !== 'running') {
      this.options.clock.defer(done)
      return
    }
    this.state = 'stopping'
    this.handovers.leave(() => this.close(true, done))
  }

  /**
   * Ends at once, as a crash would: no handover, nothing written that is not on its way. What was
   * proposed and not answered is answered `stopped`, outcome unknown.
   */
  halt(done: () => void): void {
    this.close(false, done)
  }

  // ---- what happens ----

  private tick(): void {
    if (this.state === 'ended') return
    const now = this.nowMs()
    this.noteTime(now)
    this.tickTime.ticked(now)
    this.raft.tick()
    this.proposals.expire(now)
    this.reads.expire(now)
    this.handovers.watchDisk(this.writing[0]?.sinceMs ?? null, now)
    this.membership.tick(now)
    this.compact()
    this.schedule()
  }

  /** Ticks stand for time, and none came while this process was stopped or its loop was blocked. */
  private noteTime(nowMs: number): void {
    if (this.tickTime.takeLost(nowMs)) this.raft.ticksLost()
  }

  private received(messages: readonly Message[]): void {
    if (this.state === 'ended') return
    this.noteTime(this.nowMs())
    const [first] = messages
    if (first !== undefined) this.membership.noteHeard(first.from, this.nowMs())
    for (const message of messages) {
      // Snapshots come with their content, on a channel of their own.
      if (message.kind === 'snapshotRequest' || this.isUseless(message)) continue
      this.raft.step(message)
    }
    this.schedule()
  }

  /** The first entries of a log are only for those who know the first membership. */
  private isUseless(message: Message): boolean {
    return this.awaitsSnapshot && message.kind === 'appendRequest' && message.prevIndex === 0
  }

  /** Only a leader removes members, and its log is newer than ours: we are not asked any more. */
  private refused(peer: NodeId, reason: RefusalReason): void {
    if (reason !== 'removed-peer' || this.removed) return
    this.removed = true
    this.logger.error({ peer }, 'this node was removed from the cluster')
  }

  /** A peer may come back with less than it had acknowledged, and before anything more is sent to it. */
  private linkLost(peer: NodeId): void {
    if (this.state === 'ended') return
    this.raft.unreachable(peer)
    this.schedule()
  }

  /** Never left: a forwarded proposal was certainly not taken. */
  private dropped(message: Message): void {
    if (this.state === 'ended') return
    if (message.kind === 'proposalForward')
      this.proposals.reject(message.proposals.sequences, raftNodeError('no-leader'))
    else if (message.kind === 'appendRequest' || message.kind === 'heartbeatRequest') {
      this.raft.unreachable(message.to)
      this.schedule()
    }
  }

  private appended(id: number): void {
    if (this.state === 'ended') return
    const { id: expected } = must(this.writing.shift(), 'a task is under way')
    if (expected !== id) throw new Error(`task ${id} became durable before ${expected}`)
    for (const message of this.raft.appended(id)) this.send(message)
    this.schedule()
  }

  // ---- the loop ----

  private schedule(): void {
    if (this.scheduled) return
    this.scheduled = true
    this.options.clock.defer(this.runBound)
  }

  private run(): void {
    this.scheduled = false
    if (this.state === 'ended') return
    const { raft } = this
    this.noteTime(this.nowMs())
    this.proposals.takeNew((sequences, payloads) => raft.propose(sequences, payloads))
    this.reads.takeNew(
      this.nowMs(),
      () => this.proposals.takeSequence(),
      context => raft.readIndex(context),
    )
    let rounds = 0
    while (rounds < readyRoundsMax && raft.hasReady()) {
      this.handle(raft.ready())
      rounds += 1
    }
    this.transport?.flush()
    if (!this.apply()) return
    if (this.damagedUpTo > 0) this.noteDamage()
    if (this.writing.length === 0) this.restore.dropUnclaimed()
    if (this.applier.hasWork || raft.hasReady()) this.schedule()
  }

  /** False when the machine cannot go on, and this node has ended with it. */
  private apply(): boolean {
    try {
      if (this.applier.slice(entry => this.noteApplied(entry))) this.advance()
      return true
    } catch (error) {
      if (!(error instanceof RaftsmanError)) throw error
      this.fail(error)
      return false
    }
  }

  /** What was lost is back, and this node votes again. */
  private noteDamage(): void {
    const { damaged, durable, firstIndex } = this.raft.status()
    if (damaged || durable < this.damagedUpTo) return
    this.damagedUpTo = 0
    this.logger.warn({}, 'what was lost is back, this member is whole again')
    // The log on disk may not know the term of its start, which a leader has named meanwhile.
    if (firstIndex > 1) this.log.compact(this.raft.snapshotAt(logIndex(firstIndex - 1)))
    this.log.repaired()
  }

  private noteApplied(entry: Entry): void {
    this.compactor.note(entry)
    if (entry.kind === 'confChange' && entry.origin === this.options.id)
      this.ownChanges.push(entry.sequence)
    this.proposals.noteApplied(entry.term)
  }

  private handle(ready: Ready): void {
    if (ready.softState !== null) this.tell(ready.softState)
    for (const message of ready.messages) this.send(message)
    if (ready.append !== null) this.take(ready.append)
    if (this.contacts.noteLog(this.raft)) this.transport?.contactsChanged()
    for (const fetch of ready.fetches) this.slowFollowers.fetch(fetch)
    this.applier.add(ready.committed)
    this.reads.confirm(ready.readStates, this.options.stateMachine.appliedIndex)
    for (const { sequences, reason } of ready.refusedProposals)
      if (!this.membership.refused(sequences, reason))
        this.proposals.reject(sequences, raftNodeError(refusalCodes[reason]))
  }

  private take(task: AppendTask): void {
    this.writing.push({ id: task.id, sinceMs: this.nowMs() })
    if (!this.restore.holds(task)) this.write(task)
  }

  private write(task: AppendTask): void {
    this.log.append(task, () => this.appended(task.id))
  }

  private advance(): void {
    const applied = this.options.stateMachine.appliedIndex
    const { confState } = this.raft
    this.raft.applied(applied)
    if (this.raft.confState !== confState) this.membershipChanged(applied)
    for (const sequence of this.ownChanges.splice(0)) this.membership.applied(sequence)
    this.reads.applied(applied)
    this.compact()
  }

  private membershipChanged(index: LogIndex): void {
    const { confState } = this.raft
    this.logger.info({ index, confState }, 'membership')
    this.contacts.become(index, confState)
    this.transport?.contactsChanged()
    this.membership.changed()
  }

  private compact(): void {
    if (this.restore.active) return
    const { durableIndex, snapshotBytes } = this.options.stateMachine
    const target = this.compactor.next(durableIndex, snapshotBytes)
    if (target === null) return
    this.log.compact(this.raft.snapshotAt(target))
    this.raft.compact(target)
  }

  private send(message: Message): void {
    const transport = must(this.transport, 'nothing is sent before the transport is open')
    if (message.kind === 'snapshotRequest') this.slowFollowers.sendSnapshot(message, transport)
    else transport.send(message)
  }

  private tell(soft: SoftState): void {
    this.logger.info({ role: soft.role, leader: soft.leader, term: soft.term }, 'role or leader')
    if (soft.leader !== noNode) this.proposals.noteLeader(soft.term)
    this.handovers.noteSoftState(soft)
    this.membership.noteSoftState(soft)
    if (soft.role !== 'leader') this.transport?.cancelSnapshots()
    for (const listener of this.listeners) listener(soft)
  }

  // ---- limits ----

  private refusal(): RaftNodeErrorCode | null {
    if (this.state !== 'running') return 'stopped'
    if (this.log.full) return 'disk-full'
    return this.applier.backlog > applyLagMax ? 'too-many-requests' : null
  }

  // ---- the end ----

  private fail(error: Error): void {
    if (this.state === 'ended') return
    this.logger.error({ error }, 'node ends')
    this.close(false, () => {})
    this.options.onFatal(error)
  }

  /** Whoever asks again meanwhile is answered with the first. */
  private close(orderly: boolean, done: () => void): void {
    if (this.closed) {
      this.options.clock.defer(done)
      return
    }
    this.onClosed.push(done)
    if (this.state === 'ended') return
    this.state = 'ended'
    this.ticker?.cancel()
    this.proposals.rejectAll(raftNodeError('stopped', 'unknown'))
    this.reads.rejectAll(raftNodeError('stopped'))
    this.handovers.end()
    this.succession.end()
    this.membership.end()
    this.slowFollowers.end()
    this.restore.end()
    const closed = () => {
      this.closed = true
      for (const answer of this.onClosed) answer()
    }
    const closeLog = () => {
      if (orderly) this.closeLog(closed)
      else this.log.halt(closed)
    }
    if (this.transport === null) closeLog()
    else this.transport.close(closeLog)
  }

  /** What is on its way to the disk is waited for, but not for ever. */
  private closeLog(done: () => void): void {
    let halted = false
    const timer = this.options.clock.setTimer(closeMsMax, () => {
      halted = true
      this.log.halt(done)
    })
    this.log.close(() => {
      timer.cancel()
      if (!halted) done()
    })
  }

  private nowMs(): number {
    return this.options.clock.monotonicMs()
  }
}
