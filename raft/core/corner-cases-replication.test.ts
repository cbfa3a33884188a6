// Corner cases of replication: probing, pipelining and its limits, snapshots to followers, hints after a
// rejection, what is handed out and applied, the limit of uncommitted bytes, and reads.

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RaftConfig } from './config.js'
import type { Raft } from './raft.js'
import {
  ack,
  appendRequest,
  ask,
  bench,
  confOf,
  elect,
  entry,
  heard,
  heartbeat,
  inRole,
  reject,
  sentTo,
  settle,
  snapshotRequest,
  terms,
  tick,
} from './testing/bench-node.js'
import { logIndex, type Message, nodeId, type ReadState } from './types.js'

const small = (count = 1): Uint8Array[] => Array.from({ length: count }, () => new Uint8Array(1))
const peer = (raft: Raft, id = 2) => raft.status().progress.find(progress => progress.id === id)

/** A leader of three that 2 and 3 have acknowledged everything to; sends one entry a message. */
function replicating(limits: Partial<RaftConfig> = {}): Raft {
  const raft = bench({ term: 3, limits: { entriesBytesMaxPerMessage: 1, ...limits } })
  const term = elect(raft)
  for (const from of [2, 3]) ask(raft, ack({ from, term, index: 1 }))
  return raft
}

/** A leader whose log begins at 5, and which has heard of 2 that it lacks all of it. */
function sendingSnapshot(): Raft {
  const raft = bench({ log: [1, 1, 1, 1, 1], commit: 5, term: 3 })
  settle(raft)
  raft.compact(logIndex(4))
  elect(raft)
  ask(raft, reject({ term: 4, prev: 5, hint: 0, hintTerm: 0 }))
  expect(peer(raft)).toMatchObject({ state: 'snapshot', pendingSnapshot: 5 })
  return raft
}

function propose(raft: Raft, count = 1): readonly Message[] {
  raft.propose(
    Array.from({ length: count }, (_, at) => at + 1),
    small(count),
  )
  return settle(raft).messages
}

const indexes = (messages: readonly Message[]): number[] =>
  messages.flatMap(m => (m.kind === 'appendRequest' ? m.entries.map(e => e.index) : []))

describe('a follower that is probed', () => {
  const probing = (): Raft => {
    const raft = replicating()
    raft.unreachable(nodeId(2))
    settle(raft)
    return raft
  }

  test('gets one message, and no other for what is proposed meanwhile', () => {
    const raft = inRole('leader')
    expect(peer(raft)).toMatchObject({ state: 'probe', next: 1 })
    for (let round = 0; round < 5; round++) expect(sentTo(propose(raft), 2)).toEqual([])
  })

  test('gets the next one when it answers a heartbeat, once for every heartbeat', () => {
    const raft = probing()
    expect(sentTo(propose(raft), 2)).toEqual([])
    raft.tick()
    settle(raft)
    expect(indexes(sentTo(ask(raft, heard({ term: 4 })), 2))).toEqual([2])
    expect(sentTo(ask(raft, heard({ term: 4 })), 2)).toEqual([])
    raft.tick()
    settle(raft)
    expect(indexes(sentTo(ask(raft, heard({ term: 4 })), 2))).toEqual([2])
  })

  test('replicates from its first acknowledgement on, of an old index too', () => {
    const raft = probing()
    propose(raft, 3)
    expect(peer(raft)).toMatchObject({ state: 'probe', match: 1, next: 2 })
    expect(indexes(sentTo(ask(raft, ack({ term: 4, index: 1 })), 2))).toEqual([2, 3, 4])
    expect(peer(raft)).toMatchObject({ state: 'replicate', match: 1, next: 5 })
  })

  test('is not made unreachable a second time', () => {
    const raft = probing()
    propose(raft)
    raft.unreachable(nodeId(2))
    expect(settle(raft).messages).toEqual([])
  })

  test('is not moved by a rejection of another message than the one it was probed with', () => {
    const raft = bench({ log: [1, 1, 1, 1] })
    const term = elect(raft)
    for (const prev of [1, 2, 3, 5]) {
      expect(ask(raft, reject({ term, prev, hint: 0, hintTerm: 0 }))).toEqual([])
    }
    expect(peer(raft)).toMatchObject({ next: 5 })
  })
})

describe('a follower that replicates', () => {
  test('is sent ahead, until as many messages as allowed wait for their answer', () => {
    const raft = replicating({ inflightMessagesMax: 3 })
    expect(indexes(sentTo(propose(raft, 5), 2))).toEqual([2, 3, 4])
    expect(peer(raft)).toMatchObject({ inflightMessages: 3, next: 5 })
    expect(indexes(sentTo(propose(raft), 2))).toEqual([])
  })

  test.each([
    [2, [5]],
    [3, [5, 6]],
    [4, [5, 6, 7]],
  ])('makes room for all that an acknowledgement of %i covers', (index, sent) => {
    const raft = replicating({ inflightMessagesMax: 3 })
    propose(raft, 9)
    expect(indexes(sentTo(ask(raft, ack({ term: 4, index })), 2))).toEqual(sent)
  })

  test('makes no room by an acknowledgement that is old', () => {
    const raft = replicating({ inflightMessagesMax: 3 })
    propose(raft, 9)
    ask(raft, ack({ term: 4, index: 3 }))
    for (const index of [1, 2, 3]) expect(ask(raft, ack({ term: 4, index }))).toEqual([])
    expect(peer(raft)).toMatchObject({ inflightMessages: 3, match: 3, next: 7 })
  })

  test('whose window is full is asked once a heartbeat whether messages were lost', () => {
    const raft = replicating({ inflightMessagesMax: 2 })
    propose(raft, 4)
    for (let beat = 0; beat < 3; beat++) {
      raft.tick()
      settle(raft)
      const asked = sentTo(ask(raft, heard({ term: 4 })), 2)
      expect(asked).toMatchObject([{ kind: 'appendRequest', prevIndex: 3, entries: [] }])
      expect(sentTo(ask(raft, heard({ term: 4 })), 2)).toEqual([])
      ask(raft, heard({ from: 3, term: 4 }))
    }
    expect(
      indexes(sentTo(ask(raft, reject({ term: 4, prev: 3, hint: 1, hintTerm: 1 })), 2)),
    ).toEqual([2])
  })

  test('that gets on between two heartbeats is asked nothing', () => {
    const raft = replicating({ inflightMessagesMax: 2 })
    propose(raft, 2)
    raft.tick()
    settle(raft)
    ask(raft, ack({ term: 4, index: 2 }))
    expect(sentTo(ask(raft, heard({ term: 4 })), 2)).toEqual([])
  })

  test('that rejects what it has acknowledged is not believed', () => {
    const raft = replicating()
    propose(raft, 2)
    ask(raft, ack({ term: 4, index: 3 }))
    for (const prev of [0, 1, 2, 3]) {
      expect(ask(raft, reject({ term: 4, prev, hint: 0, hintTerm: 0 }))).toEqual([])
    }
    expect(peer(raft)).toMatchObject({ state: 'replicate', match: 3 })
  })

  test('is probed from what it acknowledged when its link is reported as broken', () => {
    const raft = replicating()
    propose(raft, 4)
    raft.unreachable(nodeId(2))
    expect(peer(raft)).toMatchObject({ state: 'probe', match: 1, next: 2, inflightMessages: 0 })
    expect(indexes(sentTo(settle(raft).messages, 2))).toEqual([2])
  })

  test('that denies after a restart what it acknowledged is asked again once a heartbeat, not at once', () => {
    const raft = replicating()
    propose(raft)
    ask(raft, ack({ term: 4, index: 2 }))
    raft.unreachable(nodeId(2))
    for (let beat = 0; beat < 3; beat++) {
      propose(raft)
      raft.tick()
      settle(raft)
      ask(raft, heard({ term: 4 }))
      expect(ask(raft, reject({ term: 4, prev: 2, hint: 1, hintTerm: 1 }))).toEqual([])
      ask(raft, heard({ from: 3, term: 4 }))
    }
    expect(peer(raft)).toMatchObject({ state: 'probe', match: 2, next: 3 })
  })

  test('learns a commit index once, not with every message', () => {
    const raft = replicating()
    propose(raft)
    expect(sentTo(ask(raft, ack({ from: 3, term: 4, index: 2 })), 2)).toMatchObject([{ commit: 2 }])
    expect(sentTo(ask(raft, ack({ from: 2, term: 4, index: 2 })), 2)).toEqual([])
  })

  test('is told of no commit index by a heartbeat beyond what it acknowledged', () => {
    const raft = replicating()
    propose(raft, 3)
    ask(raft, ack({ from: 3, term: 4, index: 4 }))
    ask(raft, ack({ from: 2, term: 4, index: 2 }))
    raft.tick()
    expect(settle(raft).messages).toMatchObject([
      { kind: 'heartbeatRequest', to: 2, commit: 2 },
      { kind: 'heartbeatRequest', to: 3, commit: 4 },
    ])
  })
})

describe('a follower that gets a snapshot', () => {
  test('gets no entries meanwhile, and no second snapshot', () => {
    const raft = sendingSnapshot()
    expect(sentTo(propose(raft, 3), 2)).toEqual([])
    raft.tick()
    settle(raft)
    expect(sentTo(ask(raft, heard({ term: 4 })), 2)).toEqual([])
  })

  test('gets what comes behind it once it has acknowledged it', () => {
    const raft = sendingSnapshot()
    expect(sentTo(ask(raft, ack({ term: 4, index: 5 })), 2)).toMatchObject([{ prevIndex: 5 }])
    expect(peer(raft)).toMatchObject({ state: 'replicate', match: 5, pendingSnapshot: 0 })
  })

  test('needs no snapshot anymore when it acknowledges what the log still holds', () => {
    const raft = sendingSnapshot()
    ask(raft, ack({ term: 4, index: 4 }))
    expect(peer(raft)).toMatchObject({ state: 'replicate', match: 4, pendingSnapshot: 0 })
  })

  test('still needs it when what it acknowledges is gone here', () => {
    const raft = sendingSnapshot()
    expect(ask(raft, ack({ term: 4, index: 3 }))).toEqual([])
    expect(peer(raft)).toMatchObject({ state: 'snapshot', match: 3, pendingSnapshot: 5 })
  })

  test.each([
    [true, 6],
    [false, 1],
  ])(
    'is probed when the shell says that it was sent (%s), from %i, after a sign of life',
    (ok, next) => {
      const raft = sendingSnapshot()
      raft.snapshotDone(nodeId(2), ok)
      expect(peer(raft)).toMatchObject({ state: 'probe', next, pendingSnapshot: 0 })
      expect(settle(raft).messages).toEqual([])
      raft.tick()
      settle(raft)
      const [sent] = sentTo(ask(raft, heard({ term: 4 })), 2)
      expect(sent).toMatchObject(ok ? { prevIndex: 5 } : { kind: 'snapshotRequest' })
    },
  )

  test('is not moved by a rejection or a broken link: the shell will say', () => {
    const raft = sendingSnapshot()
    ask(raft, reject({ term: 4, prev: 5, hint: 0, hintTerm: 0 }))
    raft.unreachable(nodeId(2))
    expect(peer(raft)).toMatchObject({ state: 'snapshot', pendingSnapshot: 5 })
  })

  test('gets none while it is silent, and one as soon as it is heard', () => {
    const raft = replicating()
    propose(raft, 4)
    ask(raft, ack({ from: 3, term: 4, index: 5 }))
    raft.compact(logIndex(5))
    for (let ticks = 0; ticks < 10; ticks++) {
      raft.tick()
      ask(raft, heard({ from: 3, term: 4 }))
    }
    expect(peer(raft)).toMatchObject({ match: 1, recentActive: false })
    raft.unreachable(nodeId(2))
    expect(settle(raft).messages).toEqual([])
    const [sent] = sentTo(ask(raft, heard({ from: 2, term: 4 })), 2)
    expect(sent).toMatchObject({ kind: 'snapshotRequest', snapshot: { index: 5 } })
  })

  test('a report about somebody else, or to somebody who does not lead, is forgotten', () => {
    const leader = replicating()
    for (const id of [2, 3, 9]) leader.snapshotDone(nodeId(id), false)
    expect(peer(leader)).toMatchObject({ state: 'replicate' })
    for (const role of ['follower', 'candidate'] as const) {
      const raft = inRole(role)
      raft.snapshotDone(nodeId(2), true)
      raft.unreachable(nodeId(2))
      expect(settle(raft).messages).toEqual([])
    }
  })

  test('is probed anew in a later term of the same leader', () => {
    const raft = sendingSnapshot()
    ask(raft, heartbeat({ from: 3, term: 5 }))
    elect(raft)
    expect(peer(raft)).toMatchObject({ state: 'probe', match: 0, next: 7, pendingSnapshot: 0 })
  })
})

describe('an appendRequest', () => {
  test('that lies below the commit index altogether is acknowledged at the commit index', () => {
    const raft = bench({ log: [1, 1, 1, 1], commit: 3 })
    settle(raft)
    const late = appendRequest({ term: 2, prev: 0, prevTerm: 0, entries: [entry(1, 1)] })
    expect(ask(raft, late)).toMatchObject([{ rejected: false, index: 3 }])
  })

  test('that begins before the log does, for it is compacted, brings what is new in it', () => {
    const raft = bench({ log: [1, 1, 1], commit: 3 })
    settle(raft)
    raft.compact(logIndex(2))
    const entries = [entry(1, 1), entry(2, 1), entry(3, 1), entry(4, 2)]
    const request = appendRequest({ term: 2, prev: 0, prevTerm: 0, entries, commit: 4 })
    expect(ask(raft, request)).toMatchObject([{ rejected: false, index: 4 }])
    expect(terms(raft)).toEqual([1, 2])
  })

  test('that comes twice, the second time behind newer ones, takes nothing back', () => {
    const raft = bench({ term: 3 })
    const first = appendRequest({
      term: 3,
      prev: 0,
      prevTerm: 0,
      entries: [entry(1, 3)],
      commit: 1,
    })
    const second = appendRequest({
      term: 3,
      prev: 1,
      prevTerm: 3,
      entries: [entry(2, 3)],
      commit: 1,
    })
    for (const message of [first, second, first]) ask(raft, message)
    expect(raft.status()).toMatchObject({ lastIndex: 2, commit: 1 })
  })

  test('whose commit index is known brings no new entry to apply', () => {
    const raft = bench({ log: [1], commit: 1 })
    settle(raft)
    raft.step(appendRequest({ term: 2, prev: 1, prevTerm: 1, commit: 1 }))
    expect(settle(raft).readys.flatMap(ready => ready.committed)).toEqual([])
  })
})

describe('hints after a rejection', () => {
  const steps = fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 8 })
  /** Terms that never decrease; those behind `before` are even or odd, for no term is of two leaders. */
  const grow = (before: readonly number[], by: readonly number[], odd: number): number[] =>
    by.reduce<number[]>((log, step) => {
      const lowest = (log.at(-1) ?? 1) + (log.length === before.length ? 1 : 0)
      const even = lowest + ((lowest + odd) % 2)
      return [...log, even + 2 * step]
    }, before.slice())

  test('find where two logs agree in no more questions than there are terms, and never miss it', () => {
    fc.assert(
      fc.property(steps, steps, steps, (common, our, their) => {
        const shared = grow([], common, 0)
        const ours = grow(shared, our, 0)
        const theirs = grow(shared, their, 1)
        const leader = bench({ log: ours, term: 99 })
        const term = elect(leader)
        const other = bench({ id: 2, log: theirs, term: 99 })
        let prev = ours.length
        let questions = 0
        for (;;) {
          const prevTerm = prev === 0 ? 0 : (ours[prev - 1] as number)
          const probe = appendRequest({ from: 1, to: 2, term, prev, prevTerm })
          const [answer] = ask(other, probe)
          questions++
          if (answer?.kind !== 'appendResponse' || !answer.rejected) break
          const [next] = sentTo(ask(leader, answer), 2)
          if (next?.kind !== 'appendRequest') throw new Error('a rejection is followed up')
          expect(next.prevIndex).toBeLessThan(prev)
          prev = next.prevIndex
        }
        expect(prev).toBe(shared.length)
        expect(questions).toBeLessThanOrEqual(new Set([...ours, ...theirs]).size + 1)
      }),
    )
  })
})

describe('committed entries', () => {
  test('are handed out in portions, and each once', () => {
    const count = 10_000
    const raft = bench({ log: Array.from({ length: count }, () => 1), commit: count })
    const portions: number[] = []
    let next = 1
    while (raft.hasReady()) {
      const { committed } = raft.ready()
      portions.push(committed.length)
      for (const { index } of committed) expect(index).toBe(next++)
    }
    expect(next).toBe(count + 1)
    expect(Math.max(...portions)).toBeLessThanOrEqual(4096)
  })

  test('are handed out though earlier ones are not applied yet, and are applied in order', () => {
    const raft = bench({ log: [1, 1, 1], commit: 2 })
    expect(raft.ready().committed).toHaveLength(2)
    raft.step(heartbeat({ term: 1, commit: 3 }))
    expect(raft.ready().committed).toHaveLength(1)
    raft.applied(logIndex(1))
    raft.applied(logIndex(3))
    raft.applied(logIndex(2))
    expect(raft.status().applied).toBe(3)
  })

  test('that were not handed out cannot have been applied', () => {
    const raft = bench({ log: [1, 1], commit: 2 })
    expect(() => raft.applied(logIndex(1))).toThrow(
      'only what was handed out can have been applied',
    )
  })

  test('are not handed out again after a snapshot that covers them', () => {
    const raft = bench({ log: [1, 1, 1], commit: 1 })
    raft.step(snapshotRequest({ term: 5, index: 7, snapshotTerm: 4 }))
    const { append, committed } = raft.ready()
    expect(committed).toEqual([])
    raft.appended(append?.id ?? 0)
    expect(raft.ready().committed).toEqual([])
    raft.applied(logIndex(1))
    expect(raft.status().applied).toBe(7)
  })

  test('are what a single node has on its disk', () => {
    const raft = bench({ voters: [1] })
    elect(raft, [])
    raft.propose([1], small())
    const { append } = raft.ready()
    expect(raft.status().commit).toBe(1)
    raft.appended(append?.id ?? 0)
    expect(raft.ready().committed.map(e => e.index)).toEqual([2])
  })

  test('need the acknowledgement of voters: learners do not help', () => {
    const confState = confOf([1, 2, 3], { learners: [4, 5, 6].map(nodeId) })
    const raft = bench({ confState })
    const term = elect(raft)
    for (const from of [4, 5, 6]) ask(raft, ack({ from, term, index: 1 }))
    expect(raft.status().commit).toBe(0)
    ask(raft, ack({ from: 3, term, index: 1 }))
    expect(raft.status().commit).toBe(1)
  })
})

describe('the limit of uncommitted bytes', () => {
  const refusedBy = (raft: Raft): number[] =>
    settle(raft).readys.flatMap(ready => ready.refusedProposals.flatMap(r => r.sequences))

  test('counts empty payloads as well, for an entry is never free', () => {
    const raft = replicating({ uncommittedBytesMax: 200 })
    const empty = Array.from({ length: 20 }, () => new Uint8Array(0))
    raft.propose(
      Array.from({ length: 20 }, (_, at) => at),
      empty,
    )
    expect(refusedBy(raft).length).toBeGreaterThan(10)
    expect(raft.status().uncommittedBytes).toBeLessThanOrEqual(300)
  })

  test('lets one payload pass, however large, when nothing else waits', () => {
    const raft = replicating({ uncommittedBytesMax: 10 })
    raft.propose([1], [new Uint8Array(5000)])
    expect(refusedBy(raft)).toEqual([])
    raft.propose([2], small())
    expect(refusedBy(raft)).toEqual([2])
  })

  test('refuses the rest of a batch in order, so that no later proposal overtakes an earlier one', () => {
    const raft = replicating({ uncommittedBytesMax: 300 })
    raft.propose([1, 2, 3, 4], [new Uint8Array(200), new Uint8Array(200), ...small(2)])
    expect(refusedBy(raft)).toEqual([2, 3, 4])
  })

  test('counts what a new leader takes over from the term before', () => {
    const raft = bench({
      entries: [entry(1, 1, new Uint8Array(500))],
      limits: { uncommittedBytesMax: 300 },
    })
    const term = elect(raft)
    raft.propose([1], small())
    expect(refusedBy(raft)).toEqual([1])
    ask(raft, ack({ term, index: 2 }))
    expect(raft.status().uncommittedBytes).toBe(0)
    raft.propose([2], small())
    expect(refusedBy(raft)).toEqual([])
  })

  test('ends with the leadership', () => {
    const raft = replicating()
    raft.propose([1], small())
    expect(raft.status().uncommittedBytes).toBeGreaterThan(0)
    ask(raft, heartbeat({ from: 2, term: 9 }))
    expect(raft.status().uncommittedBytes).toBe(0)
  })

  test('does not count what the leader itself puts into the log', () => {
    const raft = bench({ limits: { uncommittedBytesMax: 1 } })
    elect(raft)
    expect(raft.status()).toMatchObject({ role: 'leader', lastIndex: 1 })
  })

  test('is not reached by proposing nothing', () => {
    const raft = replicating()
    raft.propose([], [])
    expect(raft.hasReady()).toBe(false)
  })
})

describe('what is ready', () => {
  test('is handed out once', () => {
    const raft = replicating()
    raft.propose([1], small())
    const first = raft.ready()
    expect(first.messages).toHaveLength(2)
    expect(raft.hasReady()).toBe(false)
    expect(raft.ready()).toEqual({ ...first, messages: [], append: null })
  })

  test('is not there after a restart at rest', () => {
    const raft = bench({ log: [1, 2], commit: 2, applied: 2, term: 2, vote: 2 })
    expect(raft.hasReady()).toBe(false)
  })

  test('after a restart is what is committed and not applied', () => {
    const raft = bench({ log: [1, 2, 2], commit: 3, applied: 1 })
    expect(raft.ready()).toMatchObject({
      messages: [],
      append: null,
      committed: [{ index: 2 }, { index: 3 }],
    })
  })
})

describe('a read of a new leader', () => {
  const states = (raft: Raft): ReadState[] => settle(raft).readys.flatMap(ready => ready.readStates)

  test('waits for its first commit, and is answered with no less', () => {
    const raft = bench({ log: [1, 1], commit: 1 })
    const term = elect(raft)
    raft.readIndex(7)
    for (const from of [2, 3]) ask(raft, heard({ from, term, readRound: 1 }))
    expect(states(raft)).toEqual([])
    raft.step(ack({ from: 2, term, index: 3 }))
    settle(raft)
    raft.step(heard({ from: 2, term, readRound: 1 }))
    expect(states(raft)).toEqual([{ context: 7, index: 3 }])
  })

  test('is refused when it is deposed before', () => {
    const raft = inRole('leader')
    raft.readIndex(7)
    raft.step(heartbeat({ from: 2, term: 5 }))
    expect(states(raft)).toEqual([{ context: 7, index: 0 }])
  })

  test('needs both majorities while joint', () => {
    const confState = confOf([1, 4, 5], { votersOutgoing: [1, 2, 3].map(nodeId) })
    const raft = bench({ confState })
    const term = elect(raft, [2, 3, 4, 5])
    for (const from of [2, 4]) ask(raft, ack({ from, term, index: 1 }))
    raft.readIndex(7)
    settle(raft)
    for (const from of [4, 5]) raft.step(heard({ from, term, readRound: 1 }))
    expect(states(raft)).toEqual([])
    raft.step(heard({ from: 3, term, readRound: 1 }))
    expect(states(raft)).toEqual([{ context: 7, index: 1 }])
  })

  test('frees its place when it is answered', () => {
    const raft = bench({ voters: [1] })
    elect(raft, [])
    for (let context = 1; context <= 70_000; context++) {
      raft.readIndex(context)
      if (context % 10_000 === 0) expect(states(raft).every(state => state.index === 1)).toBe(true)
    }
  })

  test('is confirmed by the quorum of one learner and two voters without the learner', () => {
    const raft = bench({ confState: confOf([1, 2], { learners: [nodeId(3)] }) })
    const term = elect(raft, [2])
    ask(raft, ack({ from: 2, term, index: 1 }))
    raft.readIndex(7)
    settle(raft)
    tick(raft, 1)
    settle(raft)
    raft.step(heard({ from: 2, term, readRound: 1 }))
    expect(states(raft)).toEqual([{ context: 7, index: 1 }])
  })
})
