// What a leader sends: entries, heartbeats and snapshots, within the limits of flow control. Counterpart:
// maybeSendAppend and bcastHeartbeat of etcd-io/raft. Nothing is sent while a leader is stepped: all post
// of one turn leaves at once in `flush`, so a thousand proposals make one message per follower.

import { assert, unreachable } from '../../platform/errors.js'
import { isRoundTold, noteHeartbeats } from './lease.js'
import { entriesBytes } from './log.js'
import type { Progress } from './progress.js'
import { startRound } from './read-index.js'
import type { CoreState } from './state.js'
import { type Entry, type LogIndex, logIndex, type Message, type Term } from './types.js'

type Of<K extends Message['kind']> = Extract<Message, { kind: K }>

const noEntries: readonly Entry[] = []

/** Puts everything that followers should get into the outbox, within the limits of flow control. */
export function flush(core: CoreState): void {
  if (core.role !== 'leader') return
  startRound(core)
  if (core.heartbeatDue) {
    core.heartbeatDue = false
    noteHeartbeats(core)
    for (const progress of core.tracker.peers) sendHeartbeat(core, progress)
  }
  if (core.sendDue) {
    core.sendDue = false
    for (const progress of core.tracker.peers) feed(core, progress)
  }
}

/** Sends what is due to one follower. At most inflightMessagesMax + 1 messages. */
function feed(core: CoreState, progress: Progress): void {
  switch (progress.state) {
    case 'snapshot':
      return
    case 'probe':
      // One that has lost entries acknowledges no more than it is asked about.
      if (!progress.paused) sendAppend(core, progress, !progress.reborn)
      return
    case 'replicate':
      while (progress.next <= core.log.last && !progress.inflights.full) {
        if (isFetchedFirst(core, progress)) {
          fetchEntries(core, progress)
          break
        }
        if (!sendAppend(core, progress, true)) return
      }
      if (progress.nudge || (progress.next > core.log.last && progress.sentCommit < core.commit)) {
        sendAppend(core, progress, false)
      }
      return
    default:
      unreachable(progress.state)
  }
}

/** Its entries are not in memory. One that needs a snapshot is not helped by them. */
function isFetchedFirst({ log }: CoreState, { next }: Progress): boolean {
  return log.isOnDiskAlone(next) && log.termAt(logIndex(next - 1)) !== null
}

/** False when a snapshot has to be sent instead. */
function sendAppend(core: CoreState, progress: Progress, withEntries: boolean): boolean {
  const prevIndex = logIndex(progress.next - 1)
  const prevTerm = core.log.termAt(prevIndex)
  if (prevTerm === null || (prevIndex === 0 && needsMembership(core, progress))) {
    sendSnapshot(core, progress)
    return false
  }
  const { last, cachedAfter } = core.log
  const inMemory = progress.next > cachedAfter && progress.next <= last
  const entries =
    withEntries && inMemory
      ? core.log.slice(progress.next, last, core.config.entriesBytesMaxPerMessage)
      : noEntries
  sendEntries(core, progress, prevTerm, entries)
  return true
}

/** From `next` on, whose predecessor is of `prevTerm`. */
export function sendEntries(
  core: CoreState,
  progress: Progress,
  prevTerm: Term,
  entries: readonly Entry[],
): void {
  const prevIndex = logIndex(progress.next - 1)
  core.send({
    kind: 'appendRequest',
    from: core.id,
    to: progress.id,
    term: core.term,
    prevIndex,
    prevTerm,
    entries,
    commit: core.commit,
  })
  const lastSent = logIndex(prevIndex + entries.length)
  progress.sentCommit = logIndex(Math.max(progress.sentCommit, Math.min(core.commit, lastSent)))
  progress.nudge = false
  if (entries.length > 0) progress.sent(lastSent, entriesBytes(entries))
  else if (progress.state === 'probe') progress.paused = true
}

/**
 * The first membership is in no entry: those that were in it have it, and a node that came later
 * learns it with a snapshot. So does one that has lost everything: what it takes for the membership
 * may be that of a later entry. Asked for index 0, so the log starts there and the list with it.
 */
function needsMembership(core: CoreState, { id, reborn }: Progress): boolean {
  // Nothing was applied, so there is no later membership to be taken for the first.
  if (core.applied === 0) return false
  const first = core.confStates[0]?.confState
  const wasFounded = first?.voters.includes(id) === true || first?.learners.includes(id) === true
  return reborn || !wasFounded
}

/** The shell streams the data and reports through `snapshotDone`. */
export function sendSnapshot(core: CoreState, progress: Progress): void {
  // Nobody there to take it: wait for a sign of life.
  if (!progress.recentActive) return
  const snapshot = snapshotAt(core, core.applied)
  progress.becomeSnapshot(snapshot.index)
  core.send({
    kind: 'snapshotRequest',
    from: core.id,
    to: progress.id,
    term: core.term,
    snapshot,
  })
}

/** What a snapshot of the state at `index` is labelled with; start <= index <= applied. */
export function snapshotAt(core: CoreState, index: LogIndex): Of<'snapshotRequest'>['snapshot'] {
  assert(index <= core.applied, 'only what was applied can be in a snapshot')
  const snapshotTerm = core.log.termAt(index)
  assert(snapshotTerm !== null, 'the label of a compacted state is not known anymore')
  let { confState } = core.tracker
  for (const at of core.confStates) {
    if (at.index <= index) confState = at.confState
  }
  return { index, term: snapshotTerm, confState }
}

/** Asks for the entries from `next` on, unless an earlier question is not answered yet. */
function fetchEntries(core: CoreState, progress: Progress): void {
  if (progress.reading !== null) return
  const { next } = progress
  const id = core.nextFetchId++
  progress.reading = { id, from: next, term: core.term }
  const bytesMax = core.config.entriesBytesMaxPerMessage
  core.fetches.push({ id, to: progress.id, from: next, bytesMax })
}

function sendHeartbeat(core: CoreState, progress: Progress): void {
  core.send({
    kind: 'heartbeatRequest',
    from: core.id,
    to: progress.id,
    term: core.term,
    // Never beyond what the follower is known to have: it may differ there.
    commit: logIndex(Math.min(progress.match, core.commit)),
    readRound: isRoundTold(core) ? core.reads.round : 0,
  })
}
