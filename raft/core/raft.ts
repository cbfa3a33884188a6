// The Raft protocol as a pure state machine: messages, ticks and finished writes in, `Ready` out.
// Counterpart: raft.go and rawnode.go of etcd-io/raft with asynchronous storage writes.
// It does no IO and never waits: what it needs from the disk it asks the shell for (catch-up.ts).
//
//   shell: step/tick/propose ──> hasReady ──> ready() ─┬─> messages: send now
//                                   ^                  ├─> append: write, then appended(id) ──> send
//                                   └──────────────────┴─> committed: apply, then applied(index)

import { assert, must } from '../../platform/errors.js'
import { handleFetched } from './catch-up.js'
import { type ConfChange, decodeConfChange } from './conf-change.js'
import type { RaftConfig, RaftState, RaftStatus } from './config.js'
import { isDamaged, mendIfWhole } from './damage.js'
import { openSeals } from './durable.js'
import {
  countOwnVote,
  stepDown,
  takeOverIfDue,
  tickElection,
  tickLeader,
  transferLeadership,
} from './elections.js'
import { flush, snapshotAt } from './feeding.js'
import { campaignEarly, noteGone } from './gone-leader.js'
import { checkInvariants } from './invariants.js'
import { loseLease } from './lease.js'
import {
  applyConfChanges,
  leaveJointIfDue,
  proposeConfChange,
  settleMembership,
} from './membership.js'
import { propose } from './proposals.js'
import { expireForwardedReads, readIndex } from './read-index.js'
import { recoverCore } from './recovered-state.js'
import { countSelf, handleSnapshotDone, handleUnreachable } from './replication.js'
import { step } from './routing.js'
import type { ConfStateAt, CoreState } from './state.js'
import {
  type AfterDurable,
  type AppendTask,
  type ConfState,
  type Entry,
  type FetchedEntries,
  type HardState,
  type LogIndex,
  logIndex,
  type MemberAddress,
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
    this.core = recoverCore(config, state, appliedIndex)
    this.toldTerm = this.core.term
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
    step(this.core, message)
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

  /**
   * The process of `peer` has ended, as far as can be told. True when it leads, so that another may be
   * elected at once: `campaignEarly`. It need not be the truth, see gone-leader.ts.
   */
  peerGone(peer: NodeId): boolean {
    return noteGone(this.core, peer)
  }

  /** Campaigns for a leader that is gone, or goes on to; false once there is no reason to. */
  campaignEarly(): boolean {
    return campaignEarly(this.core)
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

  /** In force, and since which entry. */
  get membership(): ConfStateAt {
    return must(this.core.confStates.at(-1), 'the membership is known')
  }

  /** The newest change of membership in the log, applied or not: another object when it is another one. */
  get newestConfChange(): Entry | null {
    return this.core.log.confChanges.at(-1) ?? null
  }

  /** Members that changes in the log will add, should they be applied. */
  announcedMembers(): readonly MemberAddress[] {
    const { log, applied } = this.core
    return log.confChanges
      .filter(({ index }) => index > applied)
      .flatMap(({ data }) => decodeConfChange(data) ?? [])
      .flatMap(({ node, member }) => (member === undefined ? [] : [{ node, ...member }]))
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
