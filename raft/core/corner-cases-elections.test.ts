// Corner cases of elections and of leadership transfer: who may campaign and vote, votes whose writes
// finish late, answers that come after the decision, transfers that lead nowhere.

import { describe, expect, test } from 'vitest'
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
  tick,
  timeoutNow,
  voteRequest,
  voteResponse,
} from './testing/bench-node.js'
import { nodeId, type Role } from './types.js'

const roles: readonly Role[] = ['follower', 'preCandidate', 'candidate', 'leader']
const one = new Uint8Array(1)
const learner = confOf([2, 3], { learners: [nodeId(1)] })
const noMember = confOf([2, 3])

describe('a vote', () => {
  for (const role of roles) {
    test.each([false, true])(
      `may be asked of a ${role} in a newer term, in advance: %s`,
      preVote => {
        const raft = inRole(role)
        const before = raft.status()
        const request = voteRequest({
          from: 3,
          term: 9,
          last: 9,
          lastTerm: 8,
          preVote,
          force: true,
        })
        const [answer] = ask(raft, request)
        expect(answer).toMatchObject({
          kind: 'voteResponse',
          granted: true,
          preVote,
          term: 9,
          to: 3,
        })
        const after = preVote
          ? { role: before.role, term: before.term, vote: before.vote }
          : { role: 'follower', term: 9, vote: 3 }
        expect(raft.status()).toMatchObject(after)
      },
    )
  }

  test.each<Role>(['candidate', 'leader'])('of a %s is its own in its term', role => {
    const raft = inRole(role)
    const request = voteRequest({ from: 3, term: 4, last: 9, lastTerm: 3 })
    expect(ask(raft, request)).toMatchObject([{ granted: false, term: 4 }])
    expect(raft.status()).toMatchObject({ role, vote: 1 })
  })

  test('is not given in a term whose leader is known, even if it was not given to anybody', () => {
    const raft = bench({ term: 3 })
    ask(raft, heartbeat({ from: 2, term: 3 }))
    const request = voteRequest({ from: 3, term: 3, last: 9, lastTerm: 2 })
    expect(ask(raft, request)).toMatchObject([{ granted: false }])
  })

  test('of a term that is durable already waits for its own write', () => {
    const raft = bench({ log: [3], term: 3 })
    ask(raft, voteRequest({ from: 2, term: 5, last: 1, lastTerm: 2 }))
    raft.step(voteRequest({ from: 3, term: 5, last: 1, lastTerm: 3 }))
    const { messages, append } = raft.ready()
    expect(messages).toEqual([])
    expect(append).toMatchObject({ mustSync: true, hardState: { term: 5, vote: 3 } })
  })

  test('is never told when the term has moved on before it was durable', () => {
    const raft = bench({ term: 3 })
    raft.step(voteRequest({ from: 2, term: 4, last: 0, lastTerm: 0 }))
    raft.step(voteRequest({ from: 3, term: 5, last: 0, lastTerm: 0 }))
    expect(settle(raft).messages).toMatchObject([{ to: 3, term: 5, granted: true }])
  })

  test('may be asked of a learner, whose membership may be an old one', () => {
    const raft = bench({ confState: learner, term: 3 })
    const request = voteRequest({ from: 3, term: 4, last: 0, lastTerm: 0 })
    expect(ask(raft, request)).toMatchObject([{ granted: true }])
  })

  test('promised to one that is a term behind is refused with the newer term', () => {
    const raft = bench({ term: 7 })
    const request = voteRequest({ from: 3, term: 6, last: 9, lastTerm: 5, preVote: true })
    expect(ask(raft, request)).toMatchObject([{ granted: false, preVote: true, term: 7 }])
  })

  test('is not promised in the own term once it is given to another', () => {
    const raft = bench({ term: 7, vote: 2 })
    const other = voteRequest({ from: 3, term: 7, last: 9, lastTerm: 6, preVote: true })
    expect(ask(raft, other)).toMatchObject([{ granted: false }])
    const same = voteRequest({ from: 2, term: 7, last: 9, lastTerm: 6, preVote: true })
    expect(ask(raft, same)).toMatchObject([{ granted: true }])
  })
})

describe('nobody campaigns', () => {
  test.each([
    ['a learner', learner],
    ['a node that is no member', noMember],
  ])('who is no voter: %s', (_, confState) => {
    const raft = bench({ confState, term: 3 })
    tick(raft, 100)
    expect(raft.status()).toMatchObject({ role: 'follower', term: 3 })
    ask(raft, heartbeat({ term: 3 }))
    ask(raft, timeoutNow({ term: 3 }))
    expect(raft.status()).toMatchObject({ role: 'follower', term: 3 })
  })

  test('who leads already, as long as a quorum answers', () => {
    const raft = inRole('leader')
    for (let beat = 0; beat < 100; beat++) {
      raft.tick()
      ask(raft, heard({ term: 4 }))
    }
    expect(raft.status()).toMatchObject({ role: 'leader', term: 4 })
  })

  test('except an outgoing voter, who still counts', () => {
    const raft = bench({ confState: confOf([2, 3], { votersOutgoing: [nodeId(1), nodeId(2)] }) })
    tick(raft, 20)
    expect(raft.status().role).toBe('preCandidate')
  })

  test('beyond what was drawn: a preCandidate asks anew, in the same term', () => {
    const raft = inRole('preCandidate')
    for (let round = 0; round < 5; round++) {
      tick(raft, 19)
      const { messages } = settle(raft)
      expect(messages.length).toBeGreaterThanOrEqual(2)
      for (const message of messages) expect(message).toMatchObject({ preVote: true, term: 4 })
    }
    expect(raft.status()).toMatchObject({ role: 'preCandidate', term: 3 })
  })
})

describe('a candidate', () => {
  /** With its own vote on its way to a slow disk. */
  const slow = (): { readonly raft: Raft; readonly task: number } => {
    const raft = inRole('preCandidate')
    raft.step(voteResponse({ from: 2, term: 4, granted: true, preVote: true }))
    return { raft, task: raft.ready().append?.id ?? 0 }
  }

  test('whose own vote is not durable asks nobody', () => {
    const raft = inRole('preCandidate')
    raft.step(voteResponse({ from: 2, term: 4, granted: true, preVote: true }))
    const { messages, append } = raft.ready()
    expect(raft.status().role).toBe('candidate')
    expect(messages).toEqual([])
    expect(raft.appended(append?.id ?? 0)).toMatchObject([
      { kind: 'voteRequest', preVote: false },
      { kind: 'voteRequest', preVote: false },
    ])
  })

  test('is not elected before its own vote is durable, whoever else votes', () => {
    const { raft, task } = slow()
    for (const from of [2, 3]) raft.step(voteResponse({ from, term: 4, granted: true }))
    expect(raft.status().role).toBe('candidate')
    raft.appended(task)
    expect(raft.status().role).toBe('leader')
  })

  test('that lost meanwhile is not elected when its own vote becomes durable', () => {
    const { raft, task } = slow()
    raft.step(voteResponse({ from: 2, term: 4, granted: true }))
    raft.step(heartbeat({ from: 3, term: 5 }))
    raft.appended(task)
    expect(raft.status()).toMatchObject({ role: 'follower', term: 5, leader: 3 })
  })

  test('of a newer term does not count the vote that it wrote in an older one', () => {
    const { raft, task } = slow()
    tick(raft, 19)
    raft.step(voteResponse({ from: 2, term: 5, granted: true, preVote: true }))
    expect(raft.status()).toMatchObject({ role: 'candidate', term: 5 })
    raft.step(voteResponse({ from: 2, term: 5, granted: true }))
    raft.appended(task)
    expect(raft.status()).toMatchObject({ role: 'candidate', term: 5 })
    settle(raft)
    expect(raft.status()).toMatchObject({ role: 'leader', term: 5 })
  })

  test('that a majority refused is not elected by votes that come late', () => {
    const raft = inRole('candidate', 5)
    for (const from of [2, 3, 4]) raft.step(voteResponse({ from, term: 4, granted: false }))
    expect(raft.status().role).toBe('follower')
    for (const from of [2, 3, 4, 5]) raft.step(voteResponse({ from, term: 4, granted: true }))
    expect(raft.status().role).toBe('follower')
  })

  test('is not disturbed by votes that come when it leads already', () => {
    const raft = inRole('candidate')
    raft.step(voteResponse({ from: 2, term: 4, granted: true }))
    raft.step(voteResponse({ from: 3, term: 4, granted: false }))
    expect(raft.status()).toMatchObject({ role: 'leader', term: 4 })
  })

  test('that is alone among voters needs no promise, whatever learners there are', () => {
    const raft = bench({ confState: confOf([1], { learners: [nodeId(2)] }) })
    elect(raft, [])
    expect(raft.status()).toMatchObject({ role: 'leader', term: 1, commit: 1 })
  })

  test('whose term is newer than that of a leader makes it step down by its answer alone', () => {
    const stuck = inRole('candidate')
    const [answer] = ask(stuck, heartbeat({ from: 2, term: 3 }))
    expect(answer).toMatchObject({ kind: 'appendResponse', term: 4, to: 2 })
    const leader = bench({ term: 2 })
    elect(leader)
    expect(leader.status()).toMatchObject({ role: 'leader', term: 3 })
    leader.step(ack({ from: 2, term: answer?.term ?? 0, index: 0 }))
    expect(leader.status()).toMatchObject({ role: 'follower', term: 4 })
  })

  test('starts its timeout anew with each campaign', () => {
    const raft = inRole('preCandidate')
    tick(raft, 9)
    raft.step(voteResponse({ from: 2, term: 4, granted: true, preVote: true }))
    settle(raft)
    tick(raft, 9)
    expect(raft.status().role).toBe('candidate')
  })
})

describe('CheckQuorum', () => {
  test('counts who was heard since the last look, by acknowledgement, rejection or heartbeat', () => {
    for (const message of [
      ack({ term: 4, index: 1 }),
      reject({ term: 4, prev: 0, hint: 0, hintTerm: 0 }),
      heard({ term: 4 }),
    ]) {
      const raft = inRole('leader')
      ask(raft, message)
      expect(raft.status().progress.map(peer => peer.recentActive)).toEqual([true, false])
      tick(raft, 10)
      expect(raft.status().role).toBe('leader')
      tick(raft, 10)
      expect(raft.status().role).toBe('follower')
    }
  })

  test('does not count learners', () => {
    const raft = bench({ confState: confOf([1, 2], { learners: [nodeId(3)] }) })
    const term = elect(raft, [2])
    for (let ticks = 0; ticks < 20; ticks++) {
      raft.tick()
      ask(raft, heard({ from: 3, term }))
    }
    expect(raft.status().role).toBe('follower')
  })

  test('needs a quorum of both halves while joint', () => {
    const confState = confOf([1, 4, 5], { votersOutgoing: [1, 2, 3].map(nodeId) })
    for (const [others, role] of [
      [[4, 5], 'follower'],
      [[2, 3], 'follower'],
      [[2, 4], 'leader'],
    ] as const) {
      const raft = bench({ confState })
      const term = elect(raft, [2, 3, 4, 5])
      for (let ticks = 0; ticks < 20; ticks++) {
        raft.tick()
        settle(raft)
        for (const from of others) ask(raft, heard({ from, term }))
      }
      expect(raft.status().role).toBe(role)
    }
  })
})

describe('a transfer', () => {
  const leading = (): Raft => {
    const raft = inRole('leader')
    for (const from of [2, 3]) ask(raft, ack({ from, term: 4, index: 1 }))
    return raft
  }
  const open = (raft: Raft): boolean => {
    raft.propose([1], [one])
    return settle(raft).readys.every(ready => ready.refusedProposals.length === 0)
  }

  test.each([
    ['to the leader itself', 1],
    ['to nobody', 0],
    ['to a node that is no member', 9],
  ])('%s does not begin', (_, target) => {
    const raft = leading()
    raft.transferLeadership(nodeId(target))
    expect(raft.status().transferee).toBe(0)
    expect(open(raft)).toBe(true)
  })

  test('to a learner does not begin', () => {
    const raft = bench({ confState: confOf([1, 2], { learners: [nodeId(3)] }) })
    elect(raft, [2])
    raft.transferLeadership(nodeId(3))
    expect(raft.status().transferee).toBe(0)
  })

  test('to the same node again is the same transfer: it does not take longer', () => {
    const raft = leading()
    raft.transferLeadership(nodeId(2))
    settle(raft)
    for (let ticks = 0; ticks < 9; ticks++) {
      raft.tick()
      raft.transferLeadership(nodeId(2))
      expect(sentTo(settle(raft).messages, 2).map(m => m.kind)).not.toContain('timeoutNow')
    }
    raft.tick()
    expect(raft.status().transferee).toBe(0)
  })

  test('to another node replaces the first, and has its full time', () => {
    const raft = leading()
    raft.transferLeadership(nodeId(2))
    tick(raft, 9)
    raft.transferLeadership(nodeId(3))
    tick(raft, 9)
    expect(raft.status().transferee).toBe(3)
    tick(raft, 1)
    expect(raft.status().transferee).toBe(0)
  })

  test('to the leader itself does not end the one under way', () => {
    const raft = leading()
    raft.transferLeadership(nodeId(2))
    raft.transferLeadership(nodeId(1))
    expect(raft.status().transferee).toBe(2)
  })

  test('ends with the leadership', () => {
    const raft = leading()
    raft.transferLeadership(nodeId(2))
    ask(raft, voteRequest({ from: 2, term: 5, last: 1, lastTerm: 4, force: true }))
    expect(raft.status()).toMatchObject({ role: 'follower', term: 5, vote: 2, transferee: 0 })
  })

  test('does not end because somebody else asks for a vote', () => {
    const raft = leading()
    raft.transferLeadership(nodeId(2))
    ask(raft, voteRequest({ from: 3, term: 5, last: 1, lastTerm: 4 }))
    expect(raft.status()).toMatchObject({ role: 'leader', transferee: 2 })
  })

  test('to a follower that never gets there sends no word to take over, and ends in time', () => {
    const raft = inRole('leader')
    ask(raft, ack({ from: 2, term: 4, index: 1 }))
    raft.transferLeadership(nodeId(3))
    const kinds = new Set<string>()
    for (let ticks = 0; ticks < 10; ticks++) {
      raft.tick()
      ask(raft, heard({ from: 2, term: 4 }))
      for (const message of sentTo(settle(raft).messages, 3)) kinds.add(message.kind)
    }
    expect(kinds.has('timeoutNow')).toBe(false)
    expect(raft.status()).toMatchObject({ role: 'leader', transferee: 0 })
  })

  test('leads back as well: the old leader is told to take over by the new one', () => {
    const raft = inRole('leader')
    ask(raft, heartbeat({ from: 2, term: 5 }))
    ask(raft, timeoutNow({ from: 2, term: 5 }))
    expect(raft.status()).toMatchObject({ role: 'candidate', term: 6 })
  })

  test.each<Role>(['preCandidate', 'candidate', 'leader'])('is not taken over by a %s', role => {
    const raft = inRole(role)
    const { term } = raft.status()
    ask(raft, timeoutNow({ from: 2, term }))
    expect(raft.status()).toMatchObject({ role, term })
  })

  test('is not taken over on the word of another than the leader', () => {
    const raft = inRole('follower')
    ask(raft, timeoutNow({ from: 3, term: 3 }))
    expect(raft.status()).toMatchObject({ role: 'follower', term: 3 })
  })

  test('is not taken over while a snapshot is on its way to the disk', () => {
    const raft = bench({ log: [1] })
    raft.step(snapshotRequest({ term: 5, index: 7, snapshotTerm: 4 }))
    const { append } = raft.ready()
    raft.step(timeoutNow({ term: 5 }))
    expect(raft.status()).toMatchObject({ role: 'follower', term: 5 })
    raft.appended(append?.id ?? 0)
    raft.step(timeoutNow({ term: 5 }))
    expect(raft.status()).toMatchObject({ role: 'candidate', term: 6 })
  })

  test('may be taken over before the entries are durable, but the vote waits behind them', () => {
    const raft = bench({ term: 3 })
    raft.step(appendRequest({ term: 3, prev: 0, prevTerm: 0, entries: [entry(1, 3)] }))
    const first = raft.ready()
    raft.step(timeoutNow({ term: 3 }))
    const second = raft.ready()
    expect(second.messages).toEqual([])
    expect(raft.appended(first.append?.id ?? 0)).toMatchObject([
      { kind: 'appendResponse', index: 1 },
    ])
    expect(raft.appended(second.append?.id ?? 0)).toMatchObject([
      { kind: 'voteRequest', lastIndex: 1, lastTerm: 3 },
      { kind: 'voteRequest', lastIndex: 1, lastTerm: 3 },
    ])
  })

  test('asked of a node that knows no leader is forgotten', () => {
    for (const role of ['preCandidate', 'candidate'] as const) {
      const raft = inRole(role)
      raft.transferLeadership(nodeId(2))
      expect(settle(raft).messages).toEqual([])
    }
  })
})
