// One node of the replicated log: the loop around the protocol core. Counterpart: raft.go of
// etcd's server. Everything that happens (a frame, a tick, a finished write, a proposal) is handed to
// the core and schedules one run at the end of the turn:
//
//   proposals, reads ─> core ─> ready ─┬─> messages to peers, at once
//                                      ├─> log: one write, then the messages that rest on it
//                                      └─> committed entries ─> state machine ─> answers
//
// Leaves out changes of membership at run time; the core carries them, nothing here asks for one.

import { must } from '../platform/errors.js'
import type { RaftsmanError } from '../platform/errors.js'
import type { Logger } from '../platform/logger.js'
import type { Timer } from '../platform/clock.js'
import { Applier } from './applier.js'
import { Compactor } from './compactor.js'
import type { RaftStatus } from './core/config.js'
import { Raft } from './core/raft.js'
import type {
  AppendTask,
  Entry,
  LogIndex,
  Message,
  NodeId,
  ProposalRefusal,
  Ready,
  SoftState,
  Term,
} from './core/types.js'
import { noNode, term } from './core/types.js'
import { highestSequence, initialState } from './initial-state.js'
import type { InitialState } from './initial-state.js'
import { NodeGauges } from './node-gauges.js'
import type {
  ProposalDone,
  RaftNodeErrorCode,
  RaftNodeOptions,
  RaftNodeStatus,
  ReadIndexDone,
  Replica,
} from './node-types.js'
import { raftNodeError } from './node-types.js'
import { firstSequence, ProposalBook } from './proposal-book.js'
import { ReadBook } from './read-book.js'
import { Restore } from './restore.js'
import { RaftLog, segmentBytesUsual } from './storage/log.js'
import { Transport } from './transport/transport.js'
import type { SnapshotRequest } from './transport/transport-options.js'

/** One larger is refused; clients of the store are held to less. */
const proposalBytesMax = 8 * 1024 * 1024
const proposalsPendingMax = 50_000
const proposalsPendingBytesMax = 128 * 1024 * 1024
/** Committed and not applied here; beyond it nothing new is taken, as in etcd. */
const applyLagMax = 5000
const readyRoundsMax = 16
/** Before a peer that could not take a snapshot gets the next; twice as long after each failure. */
const snapshotRetryMsMin = 100
const snapshotRetryMsMax = 5000
/** How long closing waits for the log before it lets go. */
const closeMsMax = 2000

const limitsOfCore = {
  heartbeatTicks: 1,
  entriesBytesMaxPerMessage: 1024 * 1024,
  inflightMessagesMax: 256,
  inflightBytesMax: 32 * 1024 * 1024,
  uncommittedBytesMax: 128 * 1024 * 1024,
}

interface Handover {
  readonly target: NodeId
  readonly done: (error: RaftsmanError | null) => void
  readonly timer: Timer
}

export class RaftNode implements Replica {
  private readonly options: RaftNodeOptions
  private readonly logger: Logger
  private readonly log: RaftLog
  private readonly raft: Raft
  private readonly proposals: ProposalBook
  private readonly reads: ReadBook
  private readonly applier: Applier
  private readonly compactor: Compactor
  private readonly restore: Restore
  private readonly gauges: NodeGauges
  private readonly listeners: ((state: SoftState) => void)[] = []
  private handovers: Handover[] = []
  private transport: Transport | null = null
  private ticker: Timer | null = null
  private scheduled = false
  /** Tasks given to the log, oldest first, with the time at which they were. */
  private readonly writing: { readonly id: number; readonly sinceMs: number }[] = []
  private state: 'running' | 'stopping' | 'ended' = 'running'
  /** Snapshots that one peer after another did not take. */
  private readonly snapshotFailures = new Map<NodeId, number>()
  private stalled = false
  /** The first proposal of this turn: those before it went to whoever led until now. */
  private firstOfTurn = 0
  private leaderTerm = 0
  /** Proposals below `sequence` have their answer, or none, once an entry of `term` is applied. */
  private lastOfOldLeader: { readonly term: number; readonly sequence: number } | null = null
  private readonly runBound = (): void => this.run()

  private constructor(
    options: RaftNodeOptions,
    log: RaftLog,
    initial: InitialState,
    highestSequence: number,
  ) {
    const { clock, random, stateMachine, id, electionTicks, tickMs } = options
    const { state } = initial
    this.options = options
    this.logger = options.logger
    this.log = log
    const timeoutMs = 5000 + 2 * electionTicks * tickMs
    this.proposals = new ProposalBook(
      {
        bytesMax: proposalBytesMax,
        pendingMax: proposalsPendingMax,
        pendingBytesMax: proposalsPendingBytesMax,
        timeoutMs,
      },
      firstSequence(clock.wallMs(), highestSequence, random.next()),
    )
    this.reads = new ReadBook(timeoutMs)
    this.applier = new Applier(clock, stateMachine, id, (sequence, result) =>
      this.proposals.resolve(sequence, result),
    )
    this.compactor = new Compactor(options.entriesKept, state.snapshot.index)
    this.compactor.noteEarlier(state.entries, stateMachine.appliedIndex)
    this.gauges = new NodeGauges(options.metrics)
    this.raft = new Raft(
      { id, electionTicks, random, ...limitsOfCore },
      state,
      stateMachine.appliedIndex,
    )
    this.restore = new Restore({
      stateMachine,
      logger: this.logger,
      log,
      applier: this.applier,
      onStaged: request => {
        this.raft.step(request)
        this.schedule()
      },
      onRestored: (index, held) => {
        this.compactor.reset(index)
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
    const logOptions = {
      ...options,
      nodeId: options.id,
      segmentBytes: options.segmentBytes ?? segmentBytesUsual,
      onFatal: (error: RaftsmanError) => {
        if (node === null) options.onFatal(error)
        else node.fail(error)
      },
    }
    RaftLog.open(logOptions, (error, opened, found) => {
      if (error !== null) {
        ready(error)
        return
      }
      const log = must(opened, 'a log without error')
      const recovered = must(found, 'a recovery without error')
      const members = [options.id, ...options.peers.map(({ id }) => id)]
      const initial = initialState(recovered, members, options.stateMachine.appliedIndex)
      if (initial instanceof Error) {
        log.halt(() => ready(initial))
        return
      }
      const begin = () => {
        node = new RaftNode(options, log, initial, highestSequence(recovered, options.id))
        const started = node
        started.open(openError => {
          if (openError === null) ready(null, started)
          else ready(openError)
        })
      }
      if (initial.install === null) begin()
      else {
        const { hardState } = initial.state
        log.append({ entries: [], hardState, snapshot: initial.install, mustSync: true }, begin)
      }
    })
  }

  private open(done: (error: RaftsmanError | null) => void): void {
    const { options } = this
    const transportOptions = {
      ...options,
      logger: this.logger,
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
    const { clock, electionTicks, tickMs } = this.options
    if (this.state !== 'running') {
      clock.defer(() => done(raftNodeError('stopped')))
      return
    }
    const timer = clock.setTimer(electionTicks * tickMs, () => {
      this.handovers = this.handovers.filter(other => other !== handover)
      done(raftNodeError('timeout', 'unknown'))
    })
    const handover: Handover = { target, done, timer }
    this.handovers.push(handover)
    this.raft.transferLeadership(target)
    this.settleHandovers(this.raft.status().leader)
    this.schedule()
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
      address: this.transport?.address ?? this.options.listen,
      pendingProposals: this.proposals.size,
      diskFull: this.log.full,
    }
  }

  /** What the simulator checks after every step. */
  inspect(): { readonly status: RaftStatus; termAt(index: LogIndex): Term | null } {
    return { status: this.raft.status(), termAt: index => this.raft.termAt(index) }
  }

  stop(done: () => void): void {
    if (this.state !== 'running') {
      this.options.clock.defer(done)
      return
    }
    this.state = 'stopping'
    const target = this.successor()
    if (target === null) {
      this.close(true, done)
      return
    }
    const { clock, electionTicks, tickMs } = this.options
    let closed = false
    const close = () => {
      if (closed) return
      closed = true
      timer.cancel()
      this.close(true, done)
    }
    const timer = clock.setTimer(electionTicks * tickMs, close)
    this.onSoftState(({ role }) => {
      if (role !== 'leader') close()
    })
    this.raft.transferLeadership(target)
    this.schedule()
  }

  /**
   * Ends at once, as a crash would: no handover, nothing written that is not on its way. What was
   * proposed and not answered is answered `stopped`, outcome unknown.
   */
  halt(done: () => void): void {
    if (this.state === 'ended') this.options.clock.defer(done)
    else this.close(false, done)
  }

  // ---- what happens ----

  private tick(): void {
    if (this.state === 'ended') return
    const now = this.nowMs()
    this.raft.tick()
    this.proposals.expire(now)
    this.reads.expire(now)
    this.yieldIfStalled(now)
    this.compact()
    this.gauges.update(this.status())
    this.schedule()
  }

  private received(messages: readonly Message[]): void {
    if (this.state === 'ended') return
    for (const message of messages) {
      // Snapshots come with their content, on a channel of their own.
      if (message.kind !== 'snapshotRequest') this.raft.step(message)
    }
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
    this.firstOfTurn = this.proposals.firstNew
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
    if (this.applier.slice(entry => this.noteApplied(entry))) this.advance()
    if (this.writing.length === 0) this.restore.dropUnclaimed()
    if (this.applier.hasWork || raft.hasReady()) this.schedule()
  }

  private noteApplied(entry: Entry): void {
    this.compactor.note(entry)
    const old = this.lastOfOldLeader
    if (old === null || entry.term < old.term) return
    this.lastOfOldLeader = null
    // Behind the first entry of a new leader nothing follows that an older one had taken. What is
    // not there by now may only be on its way to it still; waiting longer tells nobody more.
    this.proposals.rejectBelow(old.sequence, raftNodeError('leader-lost', 'unknown'))
  }

  private handle(ready: Ready): void {
    if (ready.softState !== null) this.tell(ready.softState)
    for (const message of ready.messages) this.send(message)
    if (ready.append !== null) this.take(ready.append)
    this.applier.add(ready.committed)
    this.reads.confirm(ready.readStates, this.options.stateMachine.appliedIndex)
    for (const { sequences, reason } of ready.refusedProposals)
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
    this.raft.applied(applied)
    this.reads.applied(applied)
    this.compact()
  }

  private compact(): void {
    if (this.restore.active) return
    const target = this.compactor.next(this.options.stateMachine.durableIndex)
    if (target === null) return
    this.log.compact(this.raft.snapshotAt(target))
    this.raft.compact(target)
  }

  private send(message: Message): void {
    if (message.kind === 'snapshotRequest') this.sendSnapshot(message)
    else this.transport?.send(message)
  }

  private sendSnapshot(message: SnapshotRequest): void {
    const { to } = message
    const failed = (reason: string) => this.snapshotFailed(to, reason)
    this.options.stateMachine.openSnapshot((error, source) => {
      const { transport } = this
      if (error !== null || source === undefined || transport === null) {
        failed(error?.message ?? 'no snapshot')
        return
      }
      const { firstIndex, applied } = this.raft.status()
      if (this.state === 'ended' || source.index < firstIndex - 1 || source.index > applied) {
        source.close()
        failed('the log has moved on')
        return
      }
      // The picture is newer than what the core asked for, and labelled as what it is.
      const request = { ...message, snapshot: this.raft.snapshotAt(source.index) }
      this.logger.info({ to, index: source.index }, 'sending snapshot')
      transport.sendSnapshot(request, source, (ok, reason) => {
        if (!ok) failed(reason)
        else if (this.state !== 'ended') {
          this.snapshotFailures.delete(to)
          this.raft.snapshotDone(to, true)
          this.schedule()
        }
      })
    })
  }

  /** The core, once told, asks for the next one at once: a peer without room would get no rest. */
  private snapshotFailed(to: NodeId, reason: string): void {
    if (this.state === 'ended') return
    const failures = this.snapshotFailures.get(to) ?? 0
    this.snapshotFailures.set(to, failures + 1)
    const retryMs = Math.min(snapshotRetryMsMax, snapshotRetryMsMin * 2 ** Math.min(failures, 16))
    this.logger.warn({ to, reason, retryMs }, 'snapshot not sent')
    this.options.clock.setTimer(retryMs, () => {
      if (this.state === 'ended') return
      this.raft.snapshotDone(to, false)
      this.schedule()
    })
  }

  private tell(soft: SoftState): void {
    this.logger.info({ role: soft.role, leader: soft.leader, term: soft.term }, 'role or leader')
    this.gauges.softState(soft)
    if (soft.leader !== noNode && soft.term !== this.leaderTerm) {
      this.leaderTerm = soft.term
      this.lastOfOldLeader = { term: soft.term, sequence: this.firstOfTurn }
    }
    this.settleHandovers(soft.leader)
    for (const listener of this.listeners) listener(soft)
  }

  private settleHandovers(leader: NodeId): void {
    const settled = this.handovers.filter(({ target }) => target === leader)
    if (settled.length === 0) return
    this.handovers = this.handovers.filter(({ target }) => target !== leader)
    for (const { done, timer } of settled) {
      timer.cancel()
      this.options.clock.defer(() => done(null))
    }
  }

  // ---- limits ----

  private refusal(): RaftNodeErrorCode | null {
    if (this.state !== 'running') return 'stopped'
    if (this.log.full) return 'disk-full'
    return this.applier.backlog > applyLagMax ? 'too-many-requests' : null
  }

  /** A leader whose disk does not answer for an election timeout hands over (etcd issue 13527). */
  private yieldIfStalled(nowMs: number): void {
    const { electionTicks, tickMs } = this.options
    const oldest = this.writing[0]
    if (oldest === undefined || nowMs - oldest.sinceMs < electionTicks * tickMs) {
      this.stalled = false
      return
    }
    const { transferee } = this.raft.status()
    const target = this.successor()
    if (target === null || transferee !== 0) return
    // It is tried again and again while the target cannot take over, and told once.
    if (!this.stalled)
      this.logger.warn({ target, waitedMs: nowMs - oldest.sinceMs }, 'disk stalls, handing over')
    this.stalled = true
    this.raft.transferLeadership(target)
  }

  /** Of a leader: the voter that is furthest and answers. */
  private successor(): NodeId | null {
    const { role, progress } = this.raft.status()
    if (role !== 'leader') return null
    let best: (typeof progress)[number] | null = null
    for (const peer of progress) {
      if (peer.learner || !peer.recentActive) continue
      if (best === null || peer.match > best.match) best = peer
    }
    return best?.id ?? null
  }

  // ---- the end ----

  private fail(error: Error): void {
    if (this.state === 'ended') return
    this.logger.error({ error }, 'node ends')
    this.close(false, () => {})
    this.options.onFatal(error)
  }

  private close(orderly: boolean, done: () => void): void {
    this.state = 'ended'
    this.ticker?.cancel()
    this.proposals.rejectAll(raftNodeError('stopped', 'unknown'))
    this.reads.rejectAll(raftNodeError('stopped'))
    for (const { done: answer, timer } of this.handovers) {
      timer.cancel()
      answer(raftNodeError('stopped', 'unknown'))
    }
    this.handovers = []
    this.restore.end()
    this.gauges.softState({ role: 'follower', leader: this.options.id, term: term(0) })
    const closeLog = () => {
      if (!orderly) {
        this.log.halt(done)
        return
      }
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
    if (this.transport === null) closeLog()
    else this.transport.close(closeLog)
  }

  private nowMs(): number {
    return this.options.clock.monotonicMs()
  }
}

const refusalCodes: Record<ProposalRefusal, RaftNodeErrorCode> = {
  'no-leader': 'no-leader',
  transferring: 'transferring',
  'too-many-uncommitted': 'too-many-requests',
  removed: 'not-a-member',
}
