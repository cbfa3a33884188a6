// Log replication, section 5.3, from both ends. Counterpart: the append, heartbeat and snapshot
// paths of raft.go of etcd-io/raft. What a leader sends by itself is in feeding.ts.

import { assert, unreachable } from '../../platform/errors.js'
import { isDamaged, learnStart } from './damage.js'
import { askToTakeOver, renewLease } from './lease.js'
import { entryBytes } from './log.js'
import type { Progress } from './progress.js'
import { confirmRounds } from './read-index.js'
import type { CoreState } from './state.js'
import { type Entry, type LogIndex, logIndex, type Message, type NodeId, term } from './types.js'

type Of<K extends Message['kind']> = Extract<Message, { kind: K }>

// ---- leader ----

/** The heartbeat timer, and with it one chance for every follower to get lost messages again. */
export function heartbeatTick(core: CoreState): void {
  core.heartbeatDue = true
  for (const progress of core.tracker.peers) {
    progress.resend = true
    progress.matchAtHeartbeat = progress.match
  }
}

export function handleHeartbeatResponse(core: CoreState, message: Of<'heartbeatResponse'>): void {
  const progress = core.tracker.progressOf(message.from)
  if (progress === undefined || message.readRound > core.reads.round) return
  progress.recentActive = true
  if (progress.resend) {
    progress.resend = false
    progress.paused = false
    // It stands still although it lives: messages may be lost, an answer will tell.
    const { match } = progress
    progress.nudge = match < core.log.last && match === progress.matchAtHeartbeat
    core.sendDue = true
  }
  if (message.readRound > progress.readRound) {
    progress.readRound = message.readRound
    confirmRounds(core)
    renewLease(core)
  }
}

export function handleAppendResponse(core: CoreState, message: Of<'appendResponse'>): void {
  const progress = core.tracker.progressOf(message.from)
  // What this leader does not have, nobody can have acknowledged to it.
  if (progress === undefined || message.index > core.log.last) return
  progress.recentActive = true
  if (message.rejected) {
    // Section 5.3: skip all that cannot match, a term at a time.
    const { hintIndex, hintTerm } = message
    const known = hintIndex >= core.log.start
    const hint = known ? core.log.lastIndexWithTermUpTo(hintIndex, hintTerm) : hintIndex
    if (message.lost === true) progress.lose(message.index, hint)
    else if (!progress.retreat(message.index, hint)) return
    core.sendDue = true
    return
  }
  if (progress.isFromBefore(message.index, core.commit)) return
  const news = progress.advance(message.index)
  if (!news && !(progress.state === 'probe' && progress.match === message.index)) return
  settle(core, progress)
  core.sendDue = true
  advanceCommit(core)
  if (progress.id === core.transferee) handOver(core, progress)
}

/** The follower agrees up to `match`: leave the careful states. */
function settle(core: CoreState, progress: Progress): void {
  switch (progress.state) {
    case 'probe':
      progress.becomeReplicate()
      return
    case 'snapshot':
      // The log reaches it again, with or without the snapshot.
      if (progress.match >= core.log.start) progress.becomeReplicate()
      return
    case 'replicate':
      progress.inflights.freeUpTo(progress.match)
      return
    default:
      unreachable(progress.state)
  }
}

/** Thesis 3.10: the target has the whole log, so it can win at once. */
export function handOver(core: CoreState, progress: Progress): void {
  if (progress.match !== core.log.last) {
    progress.nudge = progress.state === 'replicate'
    core.sendDue = true
    return
  }
  askToTakeOver(core, progress.id)
}

/**
 * Section 5.4.2: only an entry of the current term commits by counting; earlier ones commit with
 * it. An entry of an old term on a majority can still be overwritten by another leader.
 */
export function advanceCommit(core: CoreState): void {
  const index = core.tracker.quorumIndex()
  if (index <= core.commit) return
  if (core.log.termAt(index) !== core.term) return
  const from = core.commit + 1
  core.log.commitTo(index)
  for (let at = from; at <= index; at++) {
    core.uncommittedBytes -= entryBytes(core.log.at(logIndex(at)))
  }
  assert(core.uncommittedBytes >= 0, 'uncommitted bytes never go below zero')
  core.sendDue = true
}

/** The leader's own disk answered. */
export function countSelf(core: CoreState): void {
  if (core.role !== 'leader') return
  if (core.log.stable > core.tracker.ownMatch) core.tracker.ownMatch = core.log.stable
  advanceCommit(core)
}

export function handleSnapshotDone(core: CoreState, to: NodeId, ok: boolean): void {
  if (core.role !== 'leader') return
  const progress = core.tracker.progressOf(to)
  if (progress === undefined || progress.state !== 'snapshot') return
  if (!ok) progress.pendingSnapshot = logIndex(0)
  progress.becomeProbe()
  // Its acknowledgement, or the next heartbeat, goes on from here.
  progress.paused = true
}

export function handleUnreachable(core: CoreState, to: NodeId): void {
  if (core.role !== 'leader') return
  const progress = core.tracker.progressOf(to)
  if (progress === undefined || progress.state !== 'replicate') return
  progress.becomeProbe()
  core.sendDue = true
}

// ---- follower ----

export function handleAppendRequest(core: CoreState, message: Of<'appendRequest'>): void {
  const { log } = core
  learnStart(core, message)
  const lastNew = logIndex(message.prevIndex + message.entries.length)
  if (lastNew < log.commit) {
    // Late or repeated, and all that is committed matches.
    acknowledge(core, log.commit)
    return
  }
  if (message.prevIndex >= log.start && !log.matches(message.prevIndex, message.prevTerm)) {
    reject(core, message)
    return
  }
  takeEntries(core, message.entries)
  // Beyond lastNew this log may differ from the leader's.
  log.commitTo(logIndex(Math.min(message.commit, lastNew)))
  acknowledge(core, lastNew)
}

/** Keeps what is there already, so that a late message cuts nothing that a newer one brought. */
function takeEntries(core: CoreState, entries: readonly Entry[]): void {
  const { log } = core
  for (const entry of entries) {
    if (entry.index <= log.start) continue
    if (entry.index <= log.last) {
      if (log.matches(entry.index, entry.term)) continue
      core.cutLog(entry.index)
    }
    log.append(entry)
  }
}

function acknowledge(core: CoreState, index: LogIndex): void {
  core.sendWhenDurable({
    kind: 'appendResponse',
    from: core.id,
    to: core.leader,
    term: core.term,
    rejected: false,
    index,
    hintIndex: logIndex(0),
    hintTerm: term(0),
  })
}

function reject(core: CoreState, message: Of<'appendRequest'>): void {
  const { log } = core
  const hintIndex = log.lastIndexWithTermUpTo(message.prevIndex, message.prevTerm)
  // Of a start of unknown term it is at least true that later terms follow it.
  const isUnknown = log.startTermUnknown && hintIndex === log.start
  const hintTerm = isUnknown ? message.prevTerm : (log.termAt(hintIndex) ?? term(0))
  const rejection: Message = {
    kind: 'appendResponse',
    from: core.id,
    to: core.leader,
    term: core.term,
    rejected: true,
    index: message.prevIndex,
    hintIndex,
    hintTerm,
  }
  core.sendWhenDurable(isDamaged(core) ? { ...rejection, lost: true } : rejection)
}

export function handleHeartbeatRequest(core: CoreState, message: Of<'heartbeatRequest'>): void {
  // More than there is: acknowledgements were lost here with their entries, or the sender errs.
  // Nothing proves then that the entries here are the committed ones.
  if (message.commit <= core.log.last && !isDamaged(core)) core.log.commitTo(message.commit)
  // Rests on no write: it only says that this node has not left the term yet.
  core.send({
    kind: 'heartbeatResponse',
    from: core.id,
    to: message.from,
    term: core.term,
    readRound: message.readRound,
  })
}

/** The data is here already. Ignored when the log is as far; then nothing is to be installed. */
export function handleSnapshotRequest(core: CoreState, message: Of<'snapshotRequest'>): void {
  const { snapshot } = message
  const { log } = core
  if (snapshot.index > log.commit) {
    if (log.matches(snapshot.index, snapshot.term)) log.commitTo(snapshot.index)
    else restore(core, snapshot)
  }
  acknowledge(core, log.commit)
}

function restore(core: CoreState, snapshot: Of<'snapshotRequest'>['snapshot']): void {
  core.log.restore(snapshot)
  core.storing.cut(logIndex(0))
  core.confStates = [{ index: snapshot.index, confState: snapshot.confState }]
  core.tracker.become(snapshot.confState, logIndex(snapshot.index + 1))
}

/** A leader of an older term: tell it the newer one, or it would go on in vain. */
export function answerStaleLeader(core: CoreState, to: NodeId): void {
  core.sendWhenDurable({
    kind: 'appendResponse',
    from: core.id,
    to,
    term: core.term,
    rejected: true,
    index: logIndex(0),
    hintIndex: logIndex(0),
    hintTerm: term(0),
  })
}
