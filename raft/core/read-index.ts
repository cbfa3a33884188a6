// Linearizable reads without a log entry. Thesis of Ongaro 6.4: the leader notes its commit index,
// makes sure by a round of heartbeats that it still leads, and answers; followers ask the leader.
// One round answers every read that waited when it started. Rounds trust no clock; those who do may
// spare them by a lease (lease.ts).

import { holdsLease } from './lease.js'
import { readsPendingMax, roundsUnderWayMax } from './read-queue.js'
import type { CoreState } from './state.js'
import { type LogIndex, logIndex, type Message, type NodeId, noNode } from './types.js'

const refusedIndex = logIndex(0)

type Of<K extends Message['kind']> = Extract<Message, { kind: K }>

export function readIndex(core: CoreState, context: number): void {
  if (core.role === 'leader') {
    takeRead(core, core.id, context)
    return
  }
  const { forwarded } = core.reads
  if (core.leader === noNode || forwarded.size >= readsPendingMax || forwarded.has(context)) {
    core.readStates.push({ context, index: refusedIndex })
    return
  }
  forwarded.set(context, core.ticks + core.config.electionTicks)
  core.send({
    kind: 'readIndexRequest',
    from: core.id,
    to: core.leader,
    term: core.term,
    context,
  })
}

export function handleReadIndexRequest(core: CoreState, message: Of<'readIndexRequest'>): void {
  if (core.role === 'leader') takeRead(core, message.from, message.context)
  else answer(core, message.from, message.context, refusedIndex)
}

/**
 * An answer of an older term is as good: its leader was confirmed after the read was asked for.
 * An answer to a read that does not wait (again, late) is dropped.
 */
export function handleReadIndexResponse(core: CoreState, message: Of<'readIndexResponse'>): void {
  if (!core.reads.forwarded.delete(message.context)) return
  core.readStates.push({ context: message.context, index: message.index })
}

function takeRead(core: CoreState, from: NodeId, context: number): void {
  const { reads } = core
  if (reads.count >= readsPendingMax) {
    answer(core, from, context, refusedIndex)
    return
  }
  // Section 8: before its first own commit a leader may not know the newest commit index. The
  // read waits for it; `startRound` checks.
  reads.waiting.push({ from, context })
  reads.count++
  if (core.tracker.isAlone) startRound(core)
}

/** Called before post leaves: all reads of one turn share a round. */
export function startRound(core: CoreState): void {
  const { reads } = core
  if (reads.waiting.length === 0 || !core.committedInTerm) return
  if (holdsLease(core)) {
    answerWaiting(core)
    return
  }
  if (reads.rounds.length >= roundsUnderWayMax) return
  reads.round++
  reads.rounds.push({ round: reads.round, index: core.commit, reads: reads.waiting })
  reads.waiting = []
  if (core.tracker.isAlone) confirmRounds(core)
  else core.heartbeatDue = true
}

/** Nobody else can have been elected: the commit index of the moment is the newest. */
function answerWaiting(core: CoreState): void {
  const { reads } = core
  reads.count -= reads.waiting.length
  for (const read of reads.waiting) answer(core, read.from, read.context, core.commit)
  reads.waiting = []
}

/** Answers every round that a quorum has confirmed. */
export function confirmRounds(core: CoreState): void {
  const { reads } = core
  if (reads.rounds.length === 0) return
  const confirmed = core.tracker.quorumRound()
  while (reads.rounds.length > 0) {
    const oldest = reads.rounds[0]
    if (oldest === undefined || oldest.round > confirmed) return
    reads.rounds.shift()
    reads.count -= oldest.reads.length
    for (const read of oldest.reads) answer(core, read.from, read.context, oldest.index)
  }
}

/** A leader that steps down confirms nothing anymore. */
export function refuseHeldReads(core: CoreState): void {
  const { reads } = core
  for (const round of reads.rounds) {
    for (const read of round.reads) answer(core, read.from, read.context, refusedIndex)
  }
  for (const read of reads.waiting) answer(core, read.from, read.context, refusedIndex)
  reads.rounds = []
  reads.waiting = []
  reads.count = 0
}

/** The leader they were sent to is gone; its answer may never come. */
export function refuseForwardedReads(core: CoreState): void {
  const { forwarded } = core.reads
  if (forwarded.size === 0) return
  for (const context of forwarded.keys()) core.readStates.push({ context, index: refusedIndex })
  forwarded.clear()
}

/** Answers own reads whose request or answer must have been lost. */
export function expireForwardedReads(core: CoreState): void {
  for (const [context, expiry] of core.reads.forwarded) {
    if (expiry > core.ticks) return
    core.reads.forwarded.delete(context)
    core.readStates.push({ context, index: refusedIndex })
  }
}

function answer(core: CoreState, to: NodeId, context: number, index: LogIndex): void {
  if (to === core.id) {
    core.readStates.push({ context, index })
    return
  }
  core.send({ kind: 'readIndexResponse', from: core.id, to, term: core.term, context, index })
}
