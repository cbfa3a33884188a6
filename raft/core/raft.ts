// The Raft protocol as a pure state machine: messages, ticks and finished writes in, `Ready` out.
// Counterpart: raft.go and rawnode.go of etcd-io/raft with asynchronous storage writes.
// It does no IO and never waits: what it needs from the disk it asks the shell for (catch-up.ts).
//
//   shell: step/tick/propose ──> hasReady ──> ready() ─┬─> messages: send now
//                                   ^                  ├─> append: write, then appended(id) ──> send
//                                   └──────────────────┴─> committed: apply, then applied(index)

import { assert, unreachable } from '../../platform/errors.js'
import { handleFetched } from './catch-up.js'
import type { ConfChange } from './conf-change.js'
import type { RaftConfig, RaftState, RaftStatus } from './config.js'
import { isDamaged, mendIfWhole, takeVoteFor } from './damage.js'
import { openSeals } from './durable.js'
import {
  answerVote,
  becomeFollower,
  beginTransfer,
  countOwnVote,
  handleTimeoutNow,
  handleVoteRequest,
  handleVoteResponse,
  stepDown,
  takeOverIfDue,
  tickElection,
  tickLeader,
  transferLeadership,
} from './elections.js'
import { flush, snapshotAt } from './feeding.js'
import { checkInvariants } from './invariants.js'
import { hasPromised, loseLease, promise } from './lease.js'
import { RaftLog } from './log.js'
import {
  applyConfChanges,
  leaveJointIfDue,
  proposeConfChange,
  settleMembership,
} from './membership.js'
import { handleProposalForward, handleProposalRefused, propose } from './proposals.js'
import {
  expireForwardedReads,
  handleReadIndexRequest,
  handleReadIndexResponse,
  readIndex,
} from './read-index.js'
import {
  answerStaleLeader,
  countSelf,
  handleAppendRequest,
  handleAppendResponse,
  handleHeartbeatRequest,
  handleHeartbeatResponse,
  handleSnapshotDone,
  handleSnapshotRequest,
  handleUnreachable,
} from './replication.js'
import { CoreState } from './state.js'
import {
  type AfterDurable,
  type AppendTask,
  type ConfState,
  type Entry,
  type FetchedEntries,
  type HardState,
  type LogIndex,
  logIndex,
  type Message,
  type NodeId,
  noNode,
  type Ready,
  type Role,
  type SnapshotMeta,
  type SoftState,
  type Term,
  term,
} from './types.js'
import { isWellFormed } from './well-formed.js'

/** Entries of one `Ready.committed`; the rest comes with the next. */
const committedEntriesMaxPerReady = 4096

const noMessages: readonly Message[] = []
const noneSealed: readonly AfterDurable[] = []
const noReadStates: Ready['readStates'] = []
const noRefusals: Ready['refusedProposals'] = []
const noFetches: Ready['fetches'] = []

export class Raft {
  private readonly core: CoreState
  private toldRole: Role = 'follower'
  private toldLeader: NodeId = noNode
  private toldTerm: Term = term(0)

  /**
   * `appliedIndex` is that of the state machine. It may be ahead of the commit index on disk,
   * which is written lazily: what was applied is committed. Throws InvariantViolation when the
   * state contradicts itself.
   */
  constructor(config: RaftConfig, state: RaftState, appliedIndex: LogIndex) {
    checkConfig(config)
    const { hardState, snapshot, entries, entriesAfter } = state
    assert(
      (entriesAfter?.index ?? 0) <= appliedIndex,
      'what is still to be applied is in memory at a start',
    )
    assert(appliedIndex >= snapshot.index, 'the log starts no later than the applied state ends')
    const log = new RaftLog(
      snapshot,
      entries,
      knownCommit(state, appliedIndex),
      appliedIndex,
      state,
    )
    this.core = new CoreState(config, knownHardState(hardState, log), snapshot, log)
    // A start of unknown term makes any candidate seem up to date, whatever is said of damage.
    const floorMin = logIndex(log.startTermUnknown ? 1 : 0)
    this.core.floor = state.damaged?.floor ?? floorMin
    applyConfChanges(this.core, appliedIndex)
    this.core.applied = appliedIndex
    this.toldTerm = this.core.term
    if (isDamaged(this.core)) mendIfWhole(this.core)
    promise(this.core)
    this.core.shrinkLog()
    checkInvariants(this.core)
  }

  /** One heartbeat interval has passed. */
  tick(): void {
    const { core } = this
    core.ticks++
    if (core.role === 'leader') tickLeader(core)
    else tickElection(core)
    expireForwardedReads(core)
    core.shrinkLog()
    checkInvariants(core)
  }

  /** A message from a peer. Malformed ones are ignored and counted in the status. */
  step(message: Message): void {
    const { core } = this
    if (!isWellFormed(message, core.id)) {
      core.ignoredMessages++
      return
    }
    // As if it were down: it does not even enter the term.
    if (message.kind === 'voteRequest' && isDamaged(core)) return
    if (message.term > core.term) {
      if (!this.enterNewerTerm(message)) return
    } else if (message.term < core.term) {
      if (!this.answerOlderTerm(message)) return
    }
    this.dispatch(message)
    if (isDamaged(core)) mendIfWhole(core)
  }

  /**
   * Own proposals. They come back in `committed` by origin and sequence, or in `refusedProposals`;
   * when messages are lost or leaders change, perhaps in neither. The payloads belong to the log.
   */
  propose(sequences: readonly number[], payloads: readonly Uint8Array[]): void {
    assert(sequences.length === payloads.length, 'every payload has a sequence number')
    propose(this.core, { origin: this.core.id, sequences, payloads })
  }

  /**
   * A change of membership; on the leader only. Answered like a proposal, by its sequence in
   * `committed` or in `refusedProposals`.
   */
  proposeConfChange(sequence: number, change: ConfChange): void {
    proposeConfChange(this.core, sequence, change)
  }

  /**
   * Answered in `Ready.readStates`, exactly once. A context is never used twice, not even after a
   * restart, or a late answer could be taken for that of a newer read.
   */
  readIndex(context: number): void {
    readIndex(this.core, context)
  }

  /** Tries for an election timeout. Nothing happens without a leader, or for other than a voter. */
  transferLeadership(target: NodeId): void {
    transferLeadership(this.core, target)
  }

  hasReady(): boolean {
    const { core } = this
    flush(core)
    return (
      core.outbox.length > 0 ||
      core.log.hasDeliverable ||
      core.readStates.length > 0 ||
      core.refused.length > 0 ||
      core.fetches.length > 0 ||
      this.softStateChanged() ||
      this.appendDue()
    )
  }

  /** May be called again before earlier tasks are durable. */
  ready(): Ready {
    const { core } = this
    flush(core)
    core.shrinkLog()
    checkInvariants(core)
    // First, for it may put messages into the outbox that wait for no write.
    const append = this.takeAppend()
    const ready: Ready = {
      messages: core.outbox.length === 0 ? noMessages : core.outbox,
      append,
      committed: core.log.takeDeliverable(committedEntriesMaxPerReady),
      readStates: core.readStates.length === 0 ? noReadStates : core.readStates,
      refusedProposals: core.refused.length === 0 ? noRefusals : core.refused,
      fetches: core.fetches.length === 0 ? noFetches : core.fetches,
      softState: this.softStateChanged() ? this.takeSoftState() : null,
    }
    if (core.outbox.length > 0) core.outbox = []
    if (core.readStates.length > 0) core.readStates = []
    if (core.refused.length > 0) core.refused = []
    if (core.fetches.length > 0) core.fetches = []
    return ready
  }

  /**
   * The task is durable (one without `mustSync`: written behind the others). A snapshot in it is
   * installed in the state machine as well. The messages may leave now. Ask `hasReady` afterwards.
   */
  appended(taskId: number): readonly Message[] {
    const { core } = this
    const task = core.storing.finish(taskId)
    core.log.stableTo(task.stableTo)
    if (task.snapshotIndex > core.applied) core.applied = task.snapshotIndex
    if (isDamaged(core)) mendIfWhole(core)
    countOwnVote(core)
    countSelf(core)
    core.shrinkLog()
    checkInvariants(core)
    return openSeals(task.release)
  }

  /** Committed entries up to `index` have been applied. Membership changes take effect here. */
  applied(index: LogIndex): void {
    const { core } = this
    // Late for a state that a snapshot has replaced meanwhile.
    if (index <= core.applied) return
    assert(index <= core.log.delivered, 'only what was handed out can have been applied')
    const changed = applyConfChanges(core, index)
    core.applied = index
    core.shrinkLog()
    if (changed) settleMembership(core)
    leaveJointIfDue(core)
    takeOverIfDue(core)
  }

  /**
   * Forgets the log up to `index` <= applied. The state machine is durable there, and followers
   * that need older entries get a snapshot: keep some for the slow ones.
   */
  compact(index: LogIndex): void {
    const { core } = this
    assert(index <= core.applied, 'only what was applied is compacted')
    core.log.compact(index)
    while (core.confStates.length > 1 && (core.confStates[1]?.index ?? index + 1) <= index) {
      core.confStates.shift()
    }
  }

  /** Answers a fetch of `Ready.fetches`; null when the entries were compacted meanwhile. */
  fetched(id: number, found: FetchedEntries | null): void {
    handleFetched(this.core, id, found)
  }

  /**
   * Ends this node's leadership, if it leads, and lets others campaign first: what is left when its
   * disk stalls and nobody can take over by a transfer. It ticks on and follows whoever is elected.
   */
  stepDown(): void {
    stepDown(this.core)
  }

  /**
   * Time has passed that no tick told of: this process was stopped, or its loop was blocked. Call it
   * before any read is given to the core then; a lease counts in ticks.
   */
  ticksLost(): void {
    loseLease(this.core)
  }

  /** The shell streamed the snapshot of a `snapshotRequest` to `to`, or failed. Always call it. */
  snapshotDone(to: NodeId, ok: boolean): void {
    handleSnapshotDone(this.core, to, ok)
  }

  /** Messages to `to` are being lost. */
  unreachable(to: NodeId): void {
    handleUnreachable(this.core, to)
  }

  /** Null when compacted, or not there yet. */
  termAt(index: LogIndex): Term | null {
    return this.core.log.termAt(index)
  }

  /** Label of a snapshot of the state machine at `index`; firstIndex - 1 <= index <= applied. */
  snapshotAt(index: LogIndex): SnapshotMeta {
    return snapshotAt(this.core, index)
  }

  get confState(): ConfState {
    return this.core.tracker.confState
  }

  status(): RaftStatus {
    const { core } = this
    const { confState } = core.tracker
    return {
      id: core.id,
      role: core.role,
      leader: core.leader,
      term: core.term,
      vote: core.vote,
      commit: core.commit,
      applied: core.applied,
      durable: core.log.stable,
      firstIndex: logIndex(core.log.start + 1),
      lastIndex: core.log.last,
      uncommittedBytes: core.role === 'leader' ? core.uncommittedBytes : 0,
      transferee: core.transferee,
      confState,
      progress: core.tracker.peers.map(peer => peer.status(!core.tracker.isVoter(peer.id))),
      ignoredMessages: core.ignoredMessages,
      damaged: isDamaged(core),
    }
  }

  // ---- terms ----

  /** False when the message is to be disregarded altogether. */
  private enterNewerTerm(message: Message): boolean {
    const { core } = this
    switch (message.kind) {
      case 'voteRequest':
        // Thesis 4.2.3: who hears from a leader helps nobody to disturb it.
        if ((core.inLease || hasPromised(core)) && !message.force) return false
        if (!message.preVote) becomeFollower(core, message.term, noNode)
        return true
      case 'voteResponse':
        // A promise for the term asked about, in which nobody is yet.
        if (!message.preVote || !message.granted) becomeFollower(core, message.term, noNode)
        return true
      case 'appendRequest':
      case 'heartbeatRequest':
      case 'snapshotRequest':
        becomeFollower(core, message.term, message.from)
        return true
      case 'appendResponse':
      case 'heartbeatResponse':
      case 'readIndexRequest':
      case 'readIndexResponse':
      case 'proposalForward':
      case 'proposalRefused':
      case 'transferLeaderRequest':
      case 'timeoutNow':
        becomeFollower(core, message.term, noNode)
        return true
      default:
        return unreachable(message)
    }
  }

  /** False when nothing more is to be done. What is bound to no term is dealt with in any. */
  private answerOlderTerm(message: Message): boolean {
    switch (message.kind) {
      case 'appendRequest':
      case 'heartbeatRequest':
      case 'snapshotRequest':
        answerStaleLeader(this.core, message.from)
        return false
      case 'voteRequest':
        answerVote(this.core, message, false)
        return false
      case 'proposalForward':
      case 'proposalRefused':
      case 'readIndexRequest':
      case 'readIndexResponse':
        return true
      case 'voteResponse':
      case 'appendResponse':
      case 'heartbeatResponse':
      case 'transferLeaderRequest':
      case 'timeoutNow':
        return false
      default:
        return unreachable(message)
    }
  }

  private dispatch(message: Message): void {
    const { core } = this
    switch (message.kind) {
      case 'appendRequest':
        this.hearLeader(message.from)
        return handleAppendRequest(core, message)
      case 'heartbeatRequest':
        this.hearLeader(message.from)
        return handleHeartbeatRequest(core, message)
      case 'snapshotRequest':
        this.hearLeader(message.from)
        return handleSnapshotRequest(core, message)
      case 'appendResponse':
        if (core.role === 'leader') handleAppendResponse(core, message)
        return
      case 'heartbeatResponse':
        if (core.role === 'leader') handleHeartbeatResponse(core, message)
        return
      case 'voteRequest':
        return handleVoteRequest(core, message)
      case 'voteResponse':
        return handleVoteResponse(core, message)
      case 'readIndexRequest':
        return handleReadIndexRequest(core, message)
      case 'readIndexResponse':
        return handleReadIndexResponse(core, message)
      case 'proposalForward':
        return handleProposalForward(core, message)
      case 'proposalRefused':
        return handleProposalRefused(core, message)
      case 'transferLeaderRequest':
        return beginTransfer(core, message.transferee)
      case 'timeoutNow':
        return handleTimeoutNow(core, message)
      default:
        return unreachable(message)
    }
  }

  /** Section 5.2: whoever still campaigns in this term has lost. */
  private hearLeader(leader: NodeId): void {
    const { core } = this
    assert(core.role !== 'leader', 'at most one leader a term')
    if (core.role !== 'follower') becomeFollower(core, core.term, leader)
    core.electionElapsed = 0
    core.follow(leader)
    promise(core)
    if (isDamaged(core)) takeVoteFor(core, leader)
  }

  // ---- what is handed out ----

  private hardStateSyncDue(): boolean {
    const { handed } = this.core.storing
    return handed.term !== this.core.term || handed.vote !== this.core.vote
  }

  /** A new commit index alone is no reason to write: it goes along with the next write. */
  private appendDue(): boolean {
    const { core } = this
    if (core.storing.full) return false
    return (
      core.log.hasUnhanded ||
      core.log.snapshot !== null ||
      core.sealed.length > 0 ||
      this.hardStateSyncDue()
    )
  }

  private takeAppend(): AppendTask | null {
    const { core } = this
    if (!this.appendDue()) return null
    const mustSync = core.log.hasUnhanded || core.log.snapshot !== null || this.hardStateSyncDue()
    const release = this.takeSealed()
    if (!mustSync && core.storing.idle) {
      // They rest on nothing that is not durable already.
      for (const message of openSeals(release)) core.outbox.push(message)
      return null
    }
    const snapshot = core.log.takeSnapshot()
    const hardState = this.changedHardState(snapshot)
    const entries = core.log.takeUnhanded()
    const id = core.storing.begin(core.log.handed, snapshot, hardState, release, core.ticks)
    return { id, entries, hardState, snapshot, mustSync, release }
  }

  private takeSealed(): readonly AfterDurable[] {
    const { sealed } = this.core
    // Never the array that is still filled: what came later would leave with this write.
    if (sealed.length === 0) return noneSealed
    this.core.sealed = []
    return sealed
  }

  /**
   * The commit index on disk never speaks of what is written in the same task: a torn write may
   * keep one without the other, and the old entries at those indexes would pass for committed.
   */
  private changedHardState(snapshot: SnapshotMeta | null): HardState | null {
    const { handed } = this.core.storing
    const { term: currentTerm, vote, log } = this.core
    const commit = snapshot === null ? logIndex(Math.min(log.commit, log.handed)) : handed.commit
    if (handed.term === currentTerm && handed.vote === vote && handed.commit === commit) return null
    return { term: currentTerm, vote, commit }
  }

  private softStateChanged(): boolean {
    const { core } = this
    return (
      core.role !== this.toldRole || core.leader !== this.toldLeader || core.term !== this.toldTerm
    )
  }

  private takeSoftState(): SoftState {
    const { role, leader, term: currentTerm } = this.core
    this.toldRole = role
    this.toldLeader = leader
    this.toldTerm = currentTerm
    return { role, leader, term: currentTerm }
  }
}

/**
 * The commit index on disk lags behind, so a restart may forget that a membership is committed and
 * campaign among the voters of two memberships ago, who share no quorum with those of now. A leader
 * proposes no change before the one before is applied: all changes but the last are committed.
 */
function committedByChange(entries: readonly Entry[]): number {
  let committed = 0
  let latest = 0
  for (const { kind, index } of entries) {
    if (kind !== 'confChange') continue
    committed = latest
    latest = index
  }
  return committed
}

/** What was applied is committed; nothing else that a damaged log says of it is trusted. */
function knownCommit(
  { hardState, snapshot, entries, damaged }: RaftState,
  applied: number,
): number {
  const proved = Math.max(applied, snapshot.index)
  const isWhole = damaged === undefined || damaged === null
  return isWhole ? Math.max(proved, hardState.commit, committedByChange(entries)) : proved
}

/** Entries of a term are never handed out before a vote in it, so a lost vote was never told. */
function knownHardState(hardState: HardState, { lastTerm, commit }: RaftLog): HardState {
  const known = logIndex(Math.min(hardState.commit, commit))
  if (lastTerm <= hardState.term) return { ...hardState, commit: known }
  return { term: lastTerm, vote: noNode, commit: known }
}

function checkConfig(config: RaftConfig): void {
  assert(Number.isSafeInteger(config.id) && config.id >= 1, 'a node id is a positive integer')
  assert(config.heartbeatTicks >= 1, 'heartbeatTicks is positive')
  assert(config.electionTicks > config.heartbeatTicks, 'elections take longer than heartbeats')
  assert(config.inflightMessagesMax >= 1, 'inflightMessagesMax is positive')
  assert(config.inflightBytesMax >= 1, 'inflightBytesMax is positive')
  assert(config.entriesBytesMaxPerMessage >= 1, 'entriesBytesMaxPerMessage is positive')
  assert(config.uncommittedBytesMax >= 1, 'uncommittedBytesMax is positive')
  const { cachedBytesMax = 0, leaseReads } = config
  assert(cachedBytesMax >= 0, 'cachedBytesMax is not negative')
  if (leaseReads === undefined) return
  assert(leaseReads.driftTicks >= 1, 'a tick may come a tick late: driftTicks is positive')
  assert(
    leaseReads.driftTicks < config.electionTicks - config.heartbeatTicks,
    'a lease outlives a heartbeat',
  )
}
