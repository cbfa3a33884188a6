// One node on the bench: made from a log written as terms, fed single messages, its answers
// looked at. For rules that need no cluster.

import { seededRandom } from '../../../platform/seeded-random.js'
import type { RaftConfig } from '../config.js'
import { Raft } from '../raft.js'
import {
  type ConfState,
  type Entry,
  type EntryKind,
  type LogIndex,
  logIndex,
  type Message,
  type NodeId,
  nodeId,
  type Ready,
  type Role,
  type Term,
  term,
} from '../types.js'
import { testLimits } from './test-node.js'

export interface BenchOptions {
  readonly id?: number
  readonly voters?: readonly number[]
  readonly confState?: ConfState
  readonly term?: number
  readonly vote?: number
  readonly commit?: number
  readonly applied?: number
  /** Terms of the entries from index 1 on. */
  readonly log?: readonly number[]
  readonly entries?: readonly Entry[]
  readonly limits?: Partial<RaftConfig>
}

export function confOf(voters: readonly number[], rest: Partial<ConfState> = {}): ConfState {
  return {
    voters: voters.map(nodeId),
    votersOutgoing: [],
    learners: [],
    learnersNext: [],
    ...rest,
  }
}

export function entry(
  index: number,
  entryTerm: number,
  data: Uint8Array = new Uint8Array(0),
  kind: EntryKind = 'normal',
): Entry {
  return {
    term: term(entryTerm),
    index: logIndex(index),
    kind,
    origin: nodeId(1),
    sequence: index,
    data,
  }
}

export function bench(options: BenchOptions = {}): Raft {
  const entries = options.entries ?? (options.log ?? []).map((t, i) => entry(i + 1, t))
  const hardState = {
    term: term(options.term ?? entries.at(-1)?.term ?? 0),
    vote: nodeId(options.vote ?? 0),
    commit: logIndex(options.commit ?? 0),
  }
  const confState = options.confState ?? confOf(options.voters ?? [1, 2, 3])
  return new Raft(
    { ...testLimits, id: nodeId(options.id ?? 1), random: seededRandom(1), ...options.limits },
    { hardState, snapshot: { index: logIndex(0), term: term(0), confState }, entries },
    logIndex(options.applied ?? 0),
  )
}

export interface Taken {
  readonly messages: readonly Message[]
  readonly readys: readonly Ready[]
}

/** Finishes every write and applies everything, until the node has nothing more to do. */
export function settle(raft: Raft): Taken {
  const messages: Message[] = []
  const readys: Ready[] = []
  while (raft.hasReady()) {
    const ready = raft.ready()
    readys.push(ready)
    messages.push(...ready.messages)
    if (ready.append !== null) messages.push(...raft.appended(ready.append.id))
    const last = ready.committed.at(-1)
    if (last !== undefined) raft.applied(last.index)
  }
  return { messages, readys }
}

/** Steps one message from `from` and gives what is answered once all writes are done. */
export function ask(raft: Raft, message: Message): readonly Message[] {
  raft.step(message)
  return settle(raft).messages
}

interface From {
  readonly from?: number
  readonly to?: number
  readonly term: number
}

const envelope = ({ from = 2, to = 1, term: t }: From) => ({
  from: nodeId(from),
  to: nodeId(to),
  term: term(t),
})

interface Commit {
  readonly commit?: number
  readonly commitTerm?: number
}

const committed = ({ commit = 0, commitTerm = 0 }: Commit) => ({
  commit: logIndex(commit),
  commitTerm: term(commitTerm),
})

export function voteRequest(
  fields: From & { last: number; lastTerm: number; preVote?: boolean; force?: boolean } & Commit,
): Message {
  return {
    ...envelope(fields),
    kind: 'voteRequest',
    preVote: fields.preVote ?? false,
    force: fields.force ?? false,
    lastIndex: logIndex(fields.last),
    lastTerm: term(fields.lastTerm),
    ...committed(fields),
  }
}

export function voteResponse(
  fields: From & { granted: boolean; preVote?: boolean } & Commit,
): Message {
  const { granted, preVote = false } = fields
  return { ...envelope(fields), kind: 'voteResponse', granted, preVote, ...committed(fields) }
}

export function appendRequest(
  fields: From & {
    prev: number
    prevTerm: number
    entries?: readonly Entry[]
    commit?: number
  },
): Message {
  return {
    ...envelope(fields),
    kind: 'appendRequest',
    prevIndex: logIndex(fields.prev),
    prevTerm: term(fields.prevTerm),
    entries: fields.entries ?? [],
    commit: logIndex(fields.commit ?? 0),
  }
}

export function ack(fields: From & { index: number }): Message {
  return {
    ...envelope(fields),
    kind: 'appendResponse',
    rejected: false,
    index: logIndex(fields.index),
    hintIndex: logIndex(0),
    hintTerm: term(0),
  }
}

/** `prev` did not match there; the logs may agree at `hint`. */
export function reject(
  fields: From & { prev: number; hint: number; hintTerm: number; lost?: boolean },
): Message {
  return {
    ...envelope(fields),
    kind: 'appendResponse',
    rejected: true,
    index: logIndex(fields.prev),
    hintIndex: logIndex(fields.hint),
    hintTerm: term(fields.hintTerm),
    ...(fields.lost === undefined ? {} : { lost: fields.lost }),
  }
}

export function snapshotRequest(
  fields: From & { index: number; snapshotTerm: number; confState?: ConfState },
): Message {
  const { index, snapshotTerm, confState = confOf([1, 2, 3]) } = fields
  const snapshot = { index: logIndex(index), term: term(snapshotTerm), confState }
  return { ...envelope(fields), kind: 'snapshotRequest', snapshot }
}

export function timeoutNow(fields: From): Message {
  return { ...envelope(fields), kind: 'timeoutNow' }
}

export function heartbeat(fields: From & { commit?: number; readRound?: number }): Message {
  return {
    ...envelope(fields),
    kind: 'heartbeatRequest',
    commit: logIndex(fields.commit ?? 0),
    readRound: fields.readRound ?? 0,
  }
}

export function heard(fields: From & { readRound?: number }): Message {
  return { ...envelope(fields), kind: 'heartbeatResponse', readRound: fields.readRound ?? 0 }
}

/** Takes `raft` (node 1) through an election that `voters` grant. */
export function elect(raft: Raft, voters: readonly number[] = [2, 3]): Term {
  while (raft.status().role === 'follower') raft.tick()
  settle(raft)
  const asked = raft.status().term + 1
  for (const from of voters) {
    raft.step(voteResponse({ from, term: asked, granted: true, preVote: true }))
  }
  settle(raft)
  for (const from of voters) raft.step(voteResponse({ from, term: asked, granted: true }))
  settle(raft)
  return raft.status().term
}

export function tick(raft: Raft, count: number): void {
  for (let ticks = 0; ticks < count; ticks++) raft.tick()
}

/**
 * Node 1 of `count` voters with an empty log. A follower follows 2 in term 3, a preCandidate is in
 * term 3 too; a candidate is in term 4, a leader as well, its noop not yet acknowledged.
 */
export function inRole(role: Role, count = 3): Raft {
  const voters = Array.from({ length: count }, (_, at) => at + 1)
  const raft = bench({ voters, term: 3 })
  if (role === 'follower') ask(raft, heartbeat({ term: 3 }))
  if (role === 'follower') return raft
  tick(raft, 2 * testLimits.electionTicks - 1)
  settle(raft)
  if (role === 'preCandidate') return raft
  for (const from of voters.slice(1)) {
    raft.step(voteResponse({ from, term: 4, granted: true, preVote: true }))
  }
  settle(raft)
  if (role === 'candidate') return raft
  for (const from of voters.slice(1)) raft.step(voteResponse({ from, term: 4, granted: true }))
  settle(raft)
  return raft
}

/** Ticks until `raft` leaves its role; itself when it does not within four election timeouts. */
export function ticksInRole(raft: Raft): number {
  const { role, term } = raft.status()
  for (let ticks = 1; ticks <= 40; ticks++) {
    raft.tick()
    settle(raft)
    const status = raft.status()
    if (status.role !== role || status.term !== term) return ticks
  }
  return Number.POSITIVE_INFINITY
}

export function terms(raft: Raft): (Term | null)[] {
  const { firstIndex, lastIndex } = raft.status()
  const all: (Term | null)[] = []
  for (let at: number = firstIndex; at <= lastIndex; at++) all.push(raft.termAt(at as LogIndex))
  return all
}

export function sentTo(messages: readonly Message[], to: number): Message[] {
  return messages.filter(message => message.to === (to as NodeId))
}
