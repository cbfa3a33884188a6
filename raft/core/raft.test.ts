// Rules of the paper that one node shows by itself, and what it does with what no correct node
// sends. What needs a cluster is told in golden scripts beside this file.

import { describe, expect, test } from 'vitest'
import { InvariantViolation } from '../../platform/errors.js'
import {
  ack,
  appendRequest,
  ask,
  bench,
  elect,
  entry,
  heard,
  heartbeat,
  sentTo,
  settle,
  terms,
  voteRequest,
  voteResponse,
} from './testing/bench-node.js'
import { logIndex, type Message, nodeId, type Term, term } from './types.js'

const bytes = (count: number): Uint8Array => new Uint8Array(count)

describe('terms (section 5.1)', () => {
  test('a newer term makes a follower of a leader', () => {
    const raft = bench()
    elect(raft)
    raft.step(ack({ term: 9, index: 0 }))
    expect(raft.status()).toMatchObject({ role: 'follower', term: 9, vote: 0, leader: 0 })
  })

  test('a request of an older term is answered with the newer one and changes nothing', () => {
    const raft = bench({ log: [1, 2], term: 3 })
    const stale = appendRequest({ term: 2, prev: 1, prevTerm: 1, entries: [entry(2, 1)] })
    const [answer] = ask(raft, stale)
    expect(answer).toMatchObject({ kind: 'appendResponse', term: 3, rejected: true })
    expect(terms(raft)).toEqual([1, 2])
    expect(raft.status().leader).toBe(0)
  })

  test('an answer of an older term counts for nothing', () => {
    const raft = bench({ voters: [1, 2, 3], term: 4 })
    while (raft.status().role === 'follower') raft.tick()
    raft.step(voteResponse({ term: 4, from: 2, granted: true, preVote: true }))
    raft.step(voteResponse({ term: 3, from: 3, granted: true }))
    expect(raft.status().role).toBe('preCandidate')
  })
})

describe('an answer to a leader of an older term', () => {
  test('counts neither as an acknowledgement nor as a confirmation', () => {
    const raft = bench({ log: [1], term: 1 })
    const current = elect(raft)
    expect(ask(raft, ack({ from: 2, term: current - 1, index: 2 }))).toEqual([])
    expect(raft.status().commit).toBe(0)
    ask(raft, ack({ from: 2, term: current, index: 2 }))
    raft.readIndex(7)
    settle(raft)
    raft.step(heard({ from: 3, term: current - 1, readRound: 1 }))
    expect(settle(raft).readys.flatMap(r => r.readStates)).toEqual([])
  })
})

describe('votes (sections 5.2 and 5.4.1)', () => {
  test('are durable before they are told, in a term that is durable already too', () => {
    const raft = bench({ log: [3], term: 3 })
    expect(ask(raft, voteRequest({ from: 2, term: 5, last: 1, lastTerm: 2 }))).toMatchObject([
      { granted: false },
    ])
    raft.step(voteRequest({ from: 3, term: 5, last: 1, lastTerm: 3 }))
    const { messages, append } = raft.ready()
    expect(messages).toEqual([])
    expect(append).toMatchObject({ mustSync: true, hardState: { term: 5, vote: 3 } })
    expect(raft.appended(append?.id ?? 0)).toMatchObject([{ granted: true, to: 3 }])
  })

  test('go to the first candidate of a term, and to it again when it asks again', () => {
    const raft = bench()
    const first = voteRequest({ from: 2, term: 1, last: 0, lastTerm: 0 })
    const second = voteRequest({ from: 3, term: 1, last: 0, lastTerm: 0 })
    expect(ask(raft, first)).toMatchObject([{ granted: true, to: 2 }])
    expect(ask(raft, second)).toMatchObject([{ granted: false, to: 3 }])
    expect(ask(raft, first)).toMatchObject([{ granted: true, to: 2 }])
  })

  test('are remembered across a restart', () => {
    const raft = bench({ term: 5, vote: 2 })
    const other = voteRequest({ from: 3, term: 5, last: 9, lastTerm: 4 })
    const same = voteRequest({ from: 2, term: 5, last: 9, lastTerm: 4 })
    expect(ask(raft, other)).toMatchObject([{ granted: false }])
    expect(ask(raft, same)).toMatchObject([{ granted: true }])
  })

  test.each([
    { log: [1, 1], last: 2, lastTerm: 1, granted: true, why: 'equal' },
    { log: [1, 1], last: 3, lastTerm: 1, granted: true, why: 'longer in the same term' },
    { log: [1, 1], last: 1, lastTerm: 1, granted: false, why: 'shorter in the same term' },
    { log: [1, 1], last: 1, lastTerm: 2, granted: true, why: 'shorter but of a later term' },
    { log: [1, 2], last: 9, lastTerm: 1, granted: false, why: 'longer but of an earlier term' },
    { log: [], last: 0, lastTerm: 0, granted: true, why: 'both empty' },
  ])('to a log that is $why: $granted', ({ log, last, lastTerm, granted }) => {
    for (const preVote of [true, false]) {
      const request = voteRequest({ term: 7, last, lastTerm, preVote })
      expect(ask(bench({ log }), request)).toMatchObject([{ granted, preVote }])
    }
  })

  test('are not given while a leader is heard, unless leadership is handed over', () => {
    const raft = bench()
    ask(raft, heartbeat({ from: 2, term: 1 }))
    const request = { from: 3, term: 2, last: 5, lastTerm: 1 }
    expect(ask(raft, voteRequest(request))).toEqual([])
    expect(ask(raft, voteRequest({ ...request, preVote: true }))).toEqual([])
    expect(raft.status().term).toBe(1)
    expect(ask(raft, voteRequest({ ...request, force: true }))).toMatchObject([{ granted: true }])
  })

  test('asked for in advance change neither term nor vote', () => {
    const raft = bench({ term: 3 })
    ask(raft, voteRequest({ term: 8, last: 0, lastTerm: 0, preVote: true }))
    expect(raft.status()).toMatchObject({ term: 3, vote: 0 })
  })

  test('of a candidate for itself count only once they are durable', () => {
    const raft = bench({ voters: [1] })
    while (raft.status().role === 'follower') raft.tick()
    expect(raft.status().role).toBe('candidate')
    const { append } = raft.ready()
    expect(append).toMatchObject({ mustSync: true, hardState: { term: 1, vote: 1 } })
    expect(raft.status().role).toBe('candidate')
    raft.appended(append?.id ?? 0)
    expect(raft.status().role).toBe('leader')
  })
})

test('election timeouts are drawn anew from one to two times the base (section 5.2)', () => {
  const drawn = new Set<number>()
  const raft = bench({ voters: [1, 2, 3] })
  for (let round = 0; round < 200; round++) {
    ask(raft, heartbeat({ from: 2, term: round + 1 }))
    let ticks = 0
    while (raft.status().role === 'follower') {
      raft.tick()
      ticks++
    }
    drawn.add(ticks)
  }
  expect(Array.from(drawn).sort((a, b) => a - b)).toEqual([10, 11, 12, 13, 14, 15, 16, 17, 18, 19])
})

describe('appendRequest (figure 2, section 5.3)', () => {
  const cases: readonly {
    why: string
    log: number[]
    prev: [number, number]
    add: number[]
    commit: number
    after: number[]
    committed: number
    answer: object
  }[] = [
    {
      why: 'is rejected where the log is too short, with a hint',
      log: [1],
      prev: [3, 2],
      add: [2],
      commit: 3,
      after: [1],
      committed: 0,
      answer: { rejected: true, index: 3, hintIndex: 1, hintTerm: 1 },
    },
    {
      why: 'is rejected where the terms differ, with the last term that could agree',
      log: [1, 1, 3, 3],
      prev: [4, 2],
      add: [2],
      commit: 3,
      after: [1, 1, 3, 3],
      committed: 0,
      answer: { rejected: true, index: 4, hintIndex: 2, hintTerm: 1 },
    },
    {
      why: 'cuts what conflicts, and everything behind it',
      log: [1, 2, 2, 2],
      prev: [1, 1],
      add: [4],
      commit: 0,
      after: [1, 4],
      committed: 0,
      answer: { rejected: false, index: 2 },
    },
    {
      why: 'cuts nothing when it is late and shorter',
      log: [1, 2, 2, 2],
      prev: [1, 1],
      add: [2],
      commit: 0,
      after: [1, 2, 2, 2],
      committed: 0,
      answer: { rejected: false, index: 2 },
    },
    {
      why: 'commits no further than its own last entry',
      log: [1, 1, 1, 1],
      prev: [1, 1],
      add: [1],
      commit: 4,
      after: [1, 1, 1, 1],
      committed: 2,
      answer: { rejected: false, index: 2 },
    },
    {
      why: 'commits no further than the leader',
      log: [1],
      prev: [1, 1],
      add: [2, 2],
      commit: 2,
      after: [1, 2, 2],
      committed: 2,
      answer: { rejected: false, index: 3 },
    },
  ]
  test.each(cases)('$why', ({ log, prev, add, commit, after, committed, answer }) => {
    const raft = bench({ log })
    const [prevIndex, prevTerm] = prev
    const entries = add.map((t, i) => entry(prevIndex + 1 + i, t))
    const request = appendRequest({ term: 5, prev: prevIndex, prevTerm, entries, commit })
    for (const _ of ['once', 'and again, with the same effect']) {
      expect(ask(raft, request)).toMatchObject([answer])
      expect(terms(raft)).toEqual(after)
      expect(raft.status().commit).toBe(committed)
    }
  })
})

test('a leader never commits an entry of an old term by counting (section 5.4.2)', () => {
  const raft = bench({ log: [1, 2], term: 2 })
  const current = elect(raft)
  expect(terms(raft)).toEqual([1, 2, current])
  ask(raft, ack({ from: 2, term: current, index: 2 }))
  ask(raft, ack({ from: 3, term: current, index: 2 }))
  expect(raft.status().commit).toBe(0)
  ask(raft, ack({ from: 2, term: current, index: 3 }))
  expect(raft.status().commit).toBe(3)
})

describe('a message that no correct node sends', () => {
  const good = { term: 1, prev: 0, prevTerm: 0 }
  const ignored: readonly (readonly [string, Message])[] = [
    ['is for somebody else', heartbeat({ to: 3, term: 5 })],
    ['claims to be from this node', heartbeat({ from: 1, term: 5 })],
    ['is from nobody', heartbeat({ from: 0, term: 5 })],
    ['has a term that is no number', heartbeat({ term: Number.NaN })],
    ['has entries with a gap', appendRequest({ ...good, entries: [entry(2, 1)] })],
    ['has an entry of a later term', appendRequest({ ...good, entries: [entry(1, 2)] })],
    [
      'has entries whose terms decrease',
      appendRequest({ term: 3, prev: 0, prevTerm: 0, entries: [entry(1, 2), entry(2, 1)] }),
    ],
    ['asks for a vote with a log of its own term', voteRequest({ term: 5, last: 1, lastTerm: 5 })],
  ]
  test.each(ignored)('is ignored when it %s', (_, message) => {
    const raft = bench()
    raft.step(message)
    expect(raft.hasReady()).toBe(false)
    expect(raft.status()).toMatchObject({ term: 0, ignoredMessages: 1 })
  })

  test('does not commit what is not there', () => {
    const raft = bench({ log: [1] })
    ask(raft, heartbeat({ term: 1, commit: 7 }))
    expect(raft.status().commit).toBe(0)
  })

  test('does not acknowledge what the leader does not have', () => {
    const raft = bench()
    const current = elect(raft)
    ask(raft, ack({ term: current, index: 99 }))
    expect(raft.status()).toMatchObject({ commit: 0 })
    expect(raft.status().progress[0]).toMatchObject({ match: 0 })
  })

  test('ends the node when it proves that safety is lost: two leaders in a term', () => {
    const raft = bench()
    ask(raft, heartbeat({ from: 2, term: 4 }))
    expect(() => raft.step(heartbeat({ from: 3, term: 4 }))).toThrow(InvariantViolation)
  })

  test('ends the node when it proves that safety is lost: a committed entry would be cut', () => {
    const raft = bench({ log: [1, 1, 1], commit: 2 })
    const cut = appendRequest({ term: 5, prev: 1, prevTerm: 1, entries: [entry(2, 4)] })
    expect(() => ask(raft, cut)).toThrow('a committed entry is never cut')
  })
})

describe('what rests on the disk', () => {
  test('waits behind an earlier write even if it writes nothing itself', () => {
    const raft = bench()
    raft.step(appendRequest({ term: 1, prev: 0, prevTerm: 0, entries: [entry(1, 1)] }))
    const first = raft.ready()
    expect(first.append).toMatchObject({ mustSync: true })
    raft.step(appendRequest({ term: 1, prev: 1, prevTerm: 1 }))
    const second = raft.ready()
    expect(second.messages).toEqual([])
    expect(second.append).toMatchObject({ entries: [], hardState: null, mustSync: false })
    expect(raft.appended(first.append?.id ?? 0)).toMatchObject([{ index: 1 }])
    expect(raft.appended(second.append?.id ?? 0)).toMatchObject([{ index: 1 }])
  })

  test('leaves at once when everything is durable already', () => {
    const raft = bench({ log: [1], term: 1 })
    raft.step(appendRequest({ term: 1, prev: 1, prevTerm: 1 }))
    const ready = raft.ready()
    expect(ready.append).toBeNull()
    expect(ready.messages).toMatchObject([{ kind: 'appendResponse', index: 1 }])
  })

  test('is never released by a write that was handed out before', () => {
    const raft = bench()
    raft.tick()
    raft.step(heartbeat({ term: 1 }))
    const first = raft.ready()
    expect(first.append?.release).toEqual([])
    raft.step(appendRequest({ term: 1, prev: 0, prevTerm: 0, entries: [entry(1, 1)] }))
    expect(raft.appended(first.append?.id ?? 0)).toEqual([])
  })

  test('is not what a late write of other entries makes durable', () => {
    const raft = bench()
    raft.step(appendRequest({ term: 1, prev: 0, prevTerm: 0, entries: [entry(1, 1), entry(2, 1)] }))
    const first = raft.ready()
    const other = [entry(1, 2), entry(2, 2)]
    raft.step(appendRequest({ term: 2, prev: 0, prevTerm: 0, entries: other, commit: 2 }))
    const second = raft.ready()
    raft.appended(first.append?.id ?? 0)
    expect(raft.status().durable).toBe(0)
    expect(raft.ready().committed).toEqual([])
    raft.appended(second.append?.id ?? 0)
    expect(raft.ready().committed.map(e => e.term)).toEqual([2, 2])
  })

  test('finishes in order', () => {
    const raft = bench()
    raft.step(appendRequest({ term: 1, prev: 0, prevTerm: 0, entries: [entry(1, 1)] }))
    raft.ready()
    raft.step(appendRequest({ term: 1, prev: 1, prevTerm: 1, entries: [entry(2, 1)] }))
    const second = raft.ready()
    expect(() => raft.appended(second.append?.id ?? 0)).toThrow(InvariantViolation)
  })

  test('does not include a new commit index alone: it goes along with the next write', () => {
    const raft = bench({ log: [1], term: 1 })
    raft.step(heartbeat({ term: 1, commit: 1 }))
    const ready = raft.ready()
    expect(ready.append).toBeNull()
    expect(ready.committed).toHaveLength(1)
    raft.step(appendRequest({ term: 1, prev: 1, prevTerm: 1, entries: [entry(2, 1)], commit: 2 }))
    expect(raft.ready().append?.hardState).toMatchObject({ commit: 1 })
  })

  test('is limited: a disk that stalls gets no task beyond the limit, and nothing is lost', () => {
    const raft = bench()
    const ids: number[] = []
    for (let index = 1; index <= 300; index++) {
      const entries = [entry(index, 1)]
      const prevTerm = index === 1 ? 0 : 1
      raft.step(appendRequest({ term: 1, prev: index - 1, prevTerm, entries }))
      const { append } = raft.ready()
      if (append !== null) ids.push(append.id)
    }
    expect(ids).toHaveLength(256)
    for (const id of ids) raft.appended(id)
    const { append } = raft.ready()
    expect(append?.entries.at(-1)?.index).toBe(300)
    const released = raft.appended(append?.id ?? 0)
    expect(released.at(-1)).toMatchObject({ index: 300 })
  })
})

describe('flow control', () => {
  const large = bytes(100)

  test('a leader has a limited number of messages under way to a follower', () => {
    const raft = bench({ limits: { inflightMessagesMax: 3, entriesBytesMaxPerMessage: 1 } })
    const current = elect(raft)
    raft.step(ack({ term: current, index: 1 }))
    settle(raft)
    for (let n = 1; n <= 8; n++) raft.propose([n], [large])
    const sent = sentTo(settle(raft).messages, 2)
    expect(sent.map(m => m.kind === 'appendRequest' && m.entries[0]?.index)).toEqual([2, 3, 4])
    const freed = sentTo(ask(raft, ack({ term: current, index: 3 })), 2)
    expect(freed.map(m => m.kind === 'appendRequest' && m.entries[0]?.index)).toEqual([5, 6])
  })

  test('a leader has a limited number of bytes under way to a follower', () => {
    const raft = bench({ limits: { inflightBytesMax: 250, entriesBytesMaxPerMessage: 1 } })
    const current = elect(raft)
    raft.step(ack({ term: current, index: 1 }))
    settle(raft)
    for (let n = 1; n <= 8; n++) raft.propose([n], [large])
    expect(sentTo(settle(raft).messages, 2)).toHaveLength(2)
  })

  test('entries of a turn share messages up to a size, and a large one still goes', () => {
    const raft = bench({ limits: { entriesBytesMaxPerMessage: 400 } })
    const current = elect(raft)
    raft.step(ack({ term: current, index: 1 }))
    settle(raft)
    raft.propose([1, 2, 3, 4], [large, large, bytes(5000), large])
    const sent = sentTo(settle(raft).messages, 2)
    const counts = sent.map(m => (m.kind === 'appendRequest' ? m.entries.length : 0))
    expect(counts).toEqual([2, 1, 1])
  })

  test('proposals beyond the uncommitted limit are refused, and taken again after a commit', () => {
    const raft = bench({ limits: { uncommittedBytesMax: 300 } })
    const current = elect(raft)
    ask(raft, ack({ term: current, index: 1 }))
    raft.propose([1, 2, 3, 4], [large, large, large, large])
    const { readys } = settle(raft)
    const refused = readys.flatMap(r => r.refusedProposals)
    expect(refused).toEqual([{ sequences: [3, 4], reason: 'too-many-uncommitted' }])
    ask(raft, ack({ term: current, index: 3 }))
    expect(raft.status().uncommittedBytes).toBe(0)
    raft.propose([5], [bytes(9999)])
    expect(settle(raft).readys.flatMap(r => r.refusedProposals)).toEqual([])
  })
})

describe('a restart', () => {
  test('takes what the state machine applied as committed, though the disk does not say so', () => {
    const raft = bench({ log: [1, 1, 1], commit: 1, applied: 2 })
    expect(raft.status()).toMatchObject({ commit: 2, applied: 2 })
    expect(raft.hasReady()).toBe(false)
  })

  test('after a torn write knows the term of its last entry, without a vote in it', () => {
    const raft = bench({ log: [1, 4], term: 2, vote: 3 })
    expect(raft.status()).toMatchObject({ term: 4, vote: 0 })
  })

  test('refuses a log that does not reach the applied state', () => {
    expect(() => bench({ log: [1], applied: 2 })).toThrow(InvariantViolation)
  })
})

describe('compaction', () => {
  test('forgets terms below the start, and goes on above', () => {
    const raft = bench({ log: [1, 1, 2, 2], commit: 4 })
    settle(raft)
    raft.compact(logIndex(3))
    const termAt = (index: number): Term | null => raft.termAt(logIndex(index))
    expect([1, 2, 3, 4, 5].map(termAt)).toEqual([null, null, 2, 2, null])
    expect(raft.status().firstIndex).toBe(4)
    expect(raft.snapshotAt(logIndex(3))).toMatchObject({ index: 3, term: 2 })
    raft.compact(logIndex(1))
    expect(raft.status().firstIndex).toBe(4)
  })

  test('never goes beyond what was applied', () => {
    const raft = bench({ log: [1, 1], commit: 2 })
    expect(() => raft.compact(logIndex(1))).toThrow('only what was applied is compacted')
  })
})

describe('a snapshot (section 7)', () => {
  const snapshotRequest = (index: number, snapshotTerm: number): Message => ({
    kind: 'snapshotRequest',
    from: nodeId(2),
    to: nodeId(1),
    term: term(5),
    snapshot: {
      index: logIndex(index),
      term: term(snapshotTerm),
      confState: bench({ voters: [1, 2, 3, 4] }).confState,
    },
  })

  test('replaces log and membership, and counts as applied once it is durable', () => {
    const raft = bench({ log: [1, 1, 1], commit: 1 })
    settle(raft)
    raft.step(snapshotRequest(7, 4))
    const { append, committed } = raft.ready()
    expect(append).toMatchObject({ snapshot: { index: 7, term: 4 }, mustSync: true, entries: [] })
    expect(committed).toEqual([])
    expect(raft.status()).toMatchObject({ applied: 1, firstIndex: 8, commit: 7 })
    expect(raft.appended(append?.id ?? 0)).toMatchObject([{ rejected: false, index: 7 }])
    expect(raft.status()).toMatchObject({ applied: 7, durable: 7 })
    expect(raft.confState.voters).toEqual([1, 2, 3, 4])
  })

  test('that the log reaches already installs nothing and only commits', () => {
    const raft = bench({ log: [1, 1, 1] })
    raft.step(snapshotRequest(2, 1))
    const ready = raft.ready()
    expect(ready.append?.snapshot ?? null).toBeNull()
    expect(raft.status()).toMatchObject({ commit: 2, lastIndex: 3 })
  })

  test('under way keeps a node from campaigning', () => {
    const raft = bench({ log: [1, 1, 1] })
    raft.step(snapshotRequest(7, 4))
    const { append } = raft.ready()
    for (let ticks = 0; ticks < 40; ticks++) raft.tick()
    expect(raft.status().role).toBe('follower')
    raft.appended(append?.id ?? 0)
    for (let ticks = 0; ticks < 40; ticks++) raft.tick()
    expect(raft.status().role).toBe('preCandidate')
  })
})
