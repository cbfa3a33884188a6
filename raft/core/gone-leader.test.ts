// What one node makes of being told that the leader's process has ended: when it counts, what it allows,
// and what makes it forgotten. The reasons are in gone-leader.ts.

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
  sentTo,
  settle,
  snapshotRequest,
  tick,
  voteRequest,
  voteResponse,
} from './testing/bench-node.js'
import { type Message, nodeId } from './types.js'

/** Follows 2 in term 3, among voters 1, 2 and 3. */
const following = (limits: Partial<RaftConfig> = {}): Raft => {
  const raft = bench({ term: 3, limits })
  ask(raft, heartbeat({ term: 3 }))
  return raft
}

/** Told that 2, which it follows, is gone. */
const bereft = (): Raft => {
  const raft = following()
  expect(raft.peerGone(nodeId(2))).toBe(true)
  return raft
}

const kinds = (messages: readonly Message[]): string[] => messages.map(({ kind }) => kind)
const question = { from: 3, term: 4, last: 0, lastTerm: 0 }
const granted = [{ kind: 'voteResponse', granted: true, term: 4 }]

describe('a follower that is told that a process has ended', () => {
  test('campaigns at once when it was that of its leader', () => {
    const raft = bereft()
    expect(raft.status()).toMatchObject({ role: 'follower', leader: 2 })
    expect(raft.campaignEarly()).toBe(true)
    expect(raft.status()).toMatchObject({ role: 'preCandidate', leader: 0, term: 3 })
    expect(settle(raft).messages).toMatchObject([
      { kind: 'voteRequest', to: 2, preVote: true, term: 4, force: false },
      { kind: 'voteRequest', to: 3, preVote: true, term: 4, force: false },
    ])
  })

  test.each([true, false])('helps others that campaign, in advance: %s', preVote => {
    const raft = following()
    expect(ask(raft, voteRequest({ ...question, preVote }))).toEqual([])
    raft.peerGone(nodeId(2))
    expect(ask(raft, voteRequest({ ...question, preVote }))).toMatchObject(granted)
  })

  test('helps nobody whose log is behind its own', () => {
    const raft = following()
    ask(raft, appendRequest({ term: 3, prev: 0, prevTerm: 0, entries: [entry(1, 3)] }))
    raft.peerGone(nodeId(2))
    const answers = ask(raft, voteRequest({ ...question, preVote: true }))
    expect(answers).toMatchObject([{ kind: 'voteResponse', granted: false, term: 3 }])
  })

  test.each([
    ['another member', 3],
    ['itself', 1],
    ['a stranger', 9],
    ['nobody', 0],
  ])('does nothing when it was that of %s', (_who, id) => {
    const raft = following()
    expect(raft.peerGone(nodeId(id))).toBe(false)
    expect(raft.campaignEarly()).toBe(false)
    expect(ask(raft, voteRequest({ ...question, preVote: true }))).toEqual([])
    expect(raft.status()).toMatchObject({ role: 'follower', leader: 2 })
  })

  test('does nothing while it follows nobody', () => {
    const raft = bench({ term: 3 })
    for (const id of [0, 2, 3]) expect(raft.peerGone(nodeId(id))).toBe(false)
    expect(raft.campaignEarly()).toBe(false)
    expect(raft.hasReady()).toBe(false)
  })

  test('does nothing in any other role', () => {
    for (const role of ['preCandidate', 'candidate', 'leader'] as const) {
      const raft = inRole(role)
      settle(raft)
      for (const id of [0, 1, 2, 3]) expect(raft.peerGone(nodeId(id)), role).toBe(false)
      expect(raft.campaignEarly(), role).toBe(false)
      expect(raft.status().role).toBe(role)
      expect(raft.hasReady()).toBe(false)
    }
  })
})

describe('that the leader is gone', () => {
  test.each<[string, (raft: Raft) => void]>([
    ['a heartbeat of it', raft => ask(raft, heartbeat({ term: 3 }))],
    [
      'entries of it',
      raft => ask(raft, appendRequest({ term: 3, prev: 0, prevTerm: 0, entries: [entry(1, 3)] })),
    ],
    [
      'a snapshot of it',
      raft => raft.step(snapshotRequest({ term: 3, index: 5, snapshotTerm: 2 })),
    ],
    ['its answer to something old', raft => ask(raft, ack({ from: 2, term: 2, index: 0 }))],
    [
      'its own wish to be elected',
      raft => ask(raft, voteRequest({ ...question, from: 2, term: 3 })),
    ],
  ])('is forgotten by %s', (_what, hear) => {
    const raft = bereft()
    hear(raft)
    settle(raft)
    expect(raft.campaignEarly()).toBe(false)
    expect(ask(raft, voteRequest({ ...question, preVote: true }))).toEqual([])
    expect(raft.status()).toMatchObject({ role: 'follower', leader: 2, term: 3 })
  })

  test.each<[string, Message]>([
    ['another leader', heartbeat({ from: 3, term: 4 })],
    ['a candidate', voteRequest({ ...question, last: 9, lastTerm: 3 })],
    ['anybody of a later term', heard({ from: 3, term: 4, readRound: 0 })],
  ])('is forgotten with the term, by %s', (_who, message) => {
    const raft = bereft()
    ask(raft, message)
    expect(raft.campaignEarly()).toBe(false)
    expect(raft.status()).toMatchObject({ role: 'follower', term: 4 })
  })

  test('is not forgotten by what others say, nor by time', () => {
    const raft = bereft()
    ask(raft, heard({ from: 3, term: 3, readRound: 0 }))
    ask(raft, voteResponse({ from: 3, term: 3, granted: false }))
    tick(raft, 5)
    expect(raft.campaignEarly()).toBe(true)
  })

  test('is forgotten by the one who has asked and hears from it', () => {
    const raft = bereft()
    raft.campaignEarly()
    settle(raft)
    ask(raft, heartbeat({ term: 3 }))
    expect(raft.status()).toMatchObject({ role: 'follower', leader: 2, term: 3 })
    expect(raft.campaignEarly()).toBe(false)
  })

  test('is forgotten in a restart', () => {
    const raft = bench({ term: 3 })
    expect(raft.campaignEarly()).toBe(false)
  })
})

describe('who campaigns early', () => {
  const asking = (voters: readonly number[]): Raft => {
    const raft = bench({ term: 3, voters })
    ask(raft, heartbeat({ term: 3 }))
    raft.peerGone(nodeId(2))
    raft.campaignEarly()
    settle(raft)
    return raft
  }

  test('asks again those that have not answered, and them alone', () => {
    const raft = asking([1, 2, 3, 4, 5])
    ask(raft, voteResponse({ from: 3, term: 4, granted: true, preVote: true }))
    ask(raft, voteResponse({ from: 4, term: 3, granted: false, preVote: true }))
    expect(raft.campaignEarly()).toBe(true)
    const { messages } = settle(raft)
    expect(kinds(messages)).toEqual(['voteRequest', 'voteRequest'])
    expect(messages.map(({ to }) => to)).toEqual([2, 5])
  })

  test('waits no longer for that than for any election', () => {
    const raft = asking([1, 2, 3])
    let asked = 0
    for (let ticks = 0; ticks < 19; ticks++) {
      raft.campaignEarly()
      settle(raft)
      raft.tick()
      asked += sentTo(settle(raft).messages, 3).length
    }
    expect(asked).toBe(1)
    expect(raft.status()).toMatchObject({ role: 'preCandidate', term: 3 })
  })

  test('is elected by a quorum, and leads the next term', () => {
    const raft = asking([1, 2, 3])
    ask(raft, voteResponse({ from: 3, term: 4, granted: true, preVote: true }))
    expect(raft.status()).toMatchObject({ role: 'candidate', term: 4, vote: 1 })
    expect(raft.campaignEarly()).toBe(false)
    ask(raft, voteResponse({ from: 3, term: 4, granted: true }))
    expect(raft.status()).toMatchObject({ role: 'leader', term: 4 })
  })

  test('gives up what it cannot win', () => {
    const raft = asking([1, 2, 3])
    for (const from of [2, 3])
      ask(raft, voteResponse({ from, term: 3, granted: false, preVote: true }))
    expect(raft.status()).toMatchObject({ role: 'follower', leader: 0, term: 3 })
    expect(raft.campaignEarly()).toBe(false)
  })

  test('is a voter, with a log and a membership that it can be elected with', () => {
    const learner = bench({ term: 3, confState: confOf([2, 3], { learners: [nodeId(1)] }) })
    ask(learner, heartbeat({ term: 3 }))
    const installing = following()
    installing.step(snapshotRequest({ term: 3, index: 5, snapshotTerm: 2 }))
    for (const raft of [learner, installing]) {
      raft.peerGone(nodeId(2))
      raft.campaignEarly()
      expect(raft.status()).toMatchObject({ role: 'follower', leader: 2 })
    }
    // Who does not campaign still helps.
    expect(ask(learner, voteRequest({ ...question, preVote: true }))).toMatchObject(granted)
  })
})

describe('of two that campaign early', () => {
  /** Node `id` has campaigned for 3 in term 3, with one entry in its log. */
  const askingAs = (id: number, early = true): Raft => {
    const raft = bench({ id, term: 3, voters: [1, 2, 3, 4] })
    ask(
      raft,
      appendRequest({ from: 3, to: id, term: 3, prev: 0, prevTerm: 0, entries: [entry(1, 3)] }),
    )
    if (early) {
      raft.peerGone(nodeId(3))
      raft.campaignEarly()
    } else while (raft.status().role === 'follower') raft.tick()
    settle(raft)
    return raft
  }
  const ofOther = (from: number, to: number, last: number) =>
    voteRequest({ from, to, term: 4, preVote: true, last, lastTerm: last === 0 ? 0 : 3 })

  test.each<[string, number, number, number, boolean]>([
    ['an equal log and a lower id', 2, 1, 1, true],
    ['an equal log and a higher id', 2, 4, 1, false],
    ['a longer log and a lower id', 2, 1, 2, true],
    ['a longer log and a higher id', 2, 4, 2, true],
    ['a shorter log and a lower id', 2, 1, 0, false],
    ['a shorter log and a higher id', 2, 4, 0, false],
  ])('one gives way to the other with %s, or not', (_what, id, from, last, gives) => {
    const raft = askingAs(id)
    const [answer] = ask(raft, ofOther(from, id, last))
    expect(answer).toMatchObject({ kind: 'voteResponse', to: from, granted: last > 0 })
    expect(raft.status()).toMatchObject({ role: gives ? 'follower' : 'preCandidate', term: 3 })
  })

  test('the one that gave way takes no vote for itself, and does not ask again', () => {
    const raft = askingAs(2)
    ask(raft, ofOther(1, 2, 1))
    for (const from of [1, 4])
      ask(raft, voteResponse({ from, to: 2, term: 4, granted: true, preVote: true }))
    expect(raft.status()).toMatchObject({ role: 'follower', leader: 0, term: 3 })
    expect(raft.peerGone(nodeId(3))).toBe(false)
    expect(raft.campaignEarly()).toBe(false)
    expect(raft.status()).toMatchObject({ role: 'follower', leader: 0, term: 3 })
  })

  test('the one that gave way campaigns like any other when nothing comes of it', () => {
    const raft = askingAs(2)
    ask(raft, ofOther(1, 2, 1))
    tick(raft, 19)
    expect(raft.status()).toMatchObject({ role: 'preCandidate', term: 3 })
  })

  test('neither gives way once it is a candidate, nor where silence alone began it', () => {
    const candidate = askingAs(2)
    for (const from of [1, 4])
      ask(candidate, voteResponse({ from, to: 2, term: 4, granted: true, preVote: true }))
    expect(ask(candidate, ofOther(1, 2, 1))).toMatchObject([{ granted: false, term: 4 }])
    expect(candidate.status()).toMatchObject({ role: 'candidate', term: 4 })
    const timedOut = askingAs(2, false)
    expect(ask(timedOut, ofOther(1, 2, 1))).toMatchObject([{ granted: true }])
    expect(timedOut.status()).toMatchObject({ role: 'preCandidate' })
  })
})

describe('where leases are', () => {
  const limits = { leaseReads: { driftTicks: 2 } }

  test('nobody campaigns early, or votes before the promised time', () => {
    const raft = following(limits)
    expect(raft.peerGone(nodeId(2))).toBe(false)
    expect(raft.campaignEarly()).toBe(false)
    tick(raft, 9)
    for (const preVote of [true, false])
      expect(ask(raft, voteRequest({ ...question, preVote }))).toEqual([])
    expect(raft.status()).toMatchObject({ role: 'follower', leader: 2, term: 3 })
    tick(raft, 1)
    settle(raft)
    expect(ask(raft, voteRequest(question))).toMatchObject(granted)
  })

  test('a leader keeps its lease whatever its followers are told', () => {
    const leader = bench({ limits })
    const term = elect(leader)
    ask(leader, ack({ from: 2, term, index: 1 }))
    leader.tick()
    const [beat] = settle(leader).messages.filter(({ kind }) => kind === 'heartbeatRequest')
    ask(leader, heard({ from: 2, term, readRound: (beat as { readRound: number }).readRound }))
    expect(leader.peerGone(nodeId(2))).toBe(false)
    leader.readIndex(7)
    const { readys } = settle(leader)
    expect(readys.flatMap(({ readStates }) => readStates)).toEqual([{ context: 7, index: 1 }])
  })
})
