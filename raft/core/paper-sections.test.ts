// The Raft paper, rule by rule: sections 5.1 to 5.6, as one node shows them by itself. Split votes, lost
// messages, conflicts and figure 8 need a cluster: golden/election-*, log-*, append-*, figure-*.txt.

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
  inRole,
  reject,
  sentTo,
  settle,
  terms,
  tick,
  ticksInRole,
  voteRequest,
  voteResponse,
} from './testing/bench-node.js'

const one = new Uint8Array(1)

describe('Section 5.1: terms', () => {
  test('servers start as followers', () => {
    expect(bench({ log: [1, 2], term: 7, vote: 1 }).status()).toMatchObject({ role: 'follower' })
  })

  test('at most one leader can be elected in a term; two end the node', () => {
    const raft = bench()
    ask(raft, heartbeat({ from: 2, term: 4 }))
    expect(() => raft.step(heartbeat({ from: 3, term: 4 }))).toThrow(InvariantViolation)
    const leader = inRole('leader')
    const { term } = leader.status()
    expect(() => leader.step(heartbeat({ from: 3, term }))).toThrow(InvariantViolation)
  })

  test('an answer of an older term counts for nothing', () => {
    const candidate = inRole('candidate')
    candidate.step(voteResponse({ term: 3, granted: true }))
    expect(candidate.status().role).toBe('candidate')
    const leader = inRole('leader')
    const { term, lastIndex: index } = leader.status()
    expect(ask(leader, ack({ term: term - 1, index }))).toEqual([])
    expect(leader.status().commit).toBe(0)
  })
})

describe('Section 5.2: elections', () => {
  test('timeouts are drawn anew, from one to two times the base', () => {
    const drawn = new Set<number>()
    const raft = bench()
    for (let round = 0; round < 200; round++) {
      ask(raft, heartbeat({ from: 2, term: round + 1 }))
      drawn.add(ticksInRole(raft))
    }
    expect(Array.from(drawn).sort((a, b) => a - b)).toEqual([
      10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
    ])
  })

  test('candidates draw anew as well, so that a split vote does not repeat for ever', () => {
    const drawn = new Set<number>()
    const raft = inRole('candidate')
    for (let round = 0; round < 100; round++) {
      drawn.add(ticksInRole(raft))
      settle(raft)
      const { term } = raft.status()
      raft.step(voteResponse({ term: term + 1, granted: true, preVote: true }))
      settle(raft)
      expect(raft.status()).toMatchObject({ role: 'candidate', term: term + 1 })
    }
    expect(drawn.size).toBe(10)
  })

  test('a candidate whom a leader of an older term addresses stays a candidate', () => {
    const raft = inRole('candidate')
    ask(raft, appendRequest({ term: 3, prev: 0, prevTerm: 0 }))
    expect(raft.status()).toMatchObject({ role: 'candidate', term: 4, leader: 0 })
  })
})

describe('Section 5.3: log replication', () => {
  test('a leader commits what precedes an entry that it commits, of old terms too', () => {
    for (const log of [[], [1], [1, 1], [1, 2], [1, 2, 2]]) {
      const raft = bench({ log })
      const term = elect(raft)
      const index = log.length + 1
      raft.step(ack({ term, index }))
      const committed = settle(raft).readys.flatMap(ready => ready.committed)
      expect(committed.map(e => e.term)).toEqual([...log, term])
    }
  })

  test('a leader tells the commit index along, and followers apply what they learn of', () => {
    const raft = inRole('leader')
    const { term, lastIndex: index } = raft.status()
    ask(raft, ack({ term, index }))
    raft.propose([1], [one])
    expect(sentTo(settle(raft).messages, 2)).toMatchObject([{ commit: index }])
  })

  test('a leader never overwrites or deletes entries of its own log', () => {
    const raft = bench({ log: [1, 2, 2] })
    const term = elect(raft)
    ask(raft, reject({ term, prev: 3, hint: 0, hintTerm: 0 }))
    ask(raft, reject({ from: 3, term, prev: 3, hint: 9, hintTerm: 9 }))
    expect(terms(raft)).toEqual([1, 2, 2, term])
  })

  test('a leader sends for ever to a follower that does not answer, even if it has answered clients', () => {
    const raft = inRole('leader')
    const { term, lastIndex: index } = raft.status()
    ask(raft, ack({ from: 2, term, index }))
    for (let beat = 0; beat < 50; beat++) {
      raft.tick()
      expect(sentTo(settle(raft).messages, 3)).not.toEqual([])
      ask(raft, heard({ from: 2, term }))
    }
  })

  test('logs that agree at an index agree before it: a follower takes no entry without what precedes', () => {
    const raft = bench({ log: [1] })
    const gap = appendRequest({ term: 2, prev: 2, prevTerm: 1, entries: [entry(3, 2)] })
    expect(ask(raft, gap)).toMatchObject([{ rejected: true }])
    expect(terms(raft)).toEqual([1])
  })

  // What the leader makes of conflicts: golden/figure-7, log-conflict, log-conflict-by-term, probe.
  const followers: readonly (readonly [string, readonly number[], readonly number[]])[] = [
    ['(a)', [1, 1, 1, 4, 4, 5, 5, 6, 6], [9, 6]],
    ['(b)', [1, 1, 1, 4], [4, 4]],
    ['(c)', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6], [10, 6]],
    ['(d)', [1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7], [10, 6]],
    ['(e)', [1, 1, 1, 4, 4, 4, 4], [5, 4]],
    ['(f)', [1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3], [3, 1]],
  ]
  test.each(followers)(
    'figure 7 %s: the logs meet within two questions',
    (_, log, [at, atTerm]) => {
      const leader = bench({ log: [1, 1, 1, 4, 4, 5, 5, 6, 6, 6], term: 7 })
      const term = elect(leader)
      const other = bench({ id: 2, log, term: 7 })
      let prev = [10, 6]
      for (let question = 0; question < 2; question++) {
        const [prevIndex = 0, prevTerm = 0] = prev
        const probe = appendRequest({ from: 1, to: 2, term, prev: prevIndex, prevTerm })
        const [answer] = ask(other, probe)
        if (answer === undefined) throw new Error('every question is answered')
        if (answer.kind !== 'appendResponse' || !answer.rejected) break
        const [next] = sentTo(ask(leader, answer), 2)
        if (next?.kind !== 'appendRequest') throw new Error('a rejection is followed up')
        prev = [next.prevIndex, next.prevTerm]
      }
      expect(prev).toEqual([at, atTerm])
    },
  )
})

describe('Section 5.4.1: the election restriction', () => {
  test.each([
    { log: [1, 1], last: 2, lastTerm: 1, granted: true, why: 'equal' },
    { log: [1, 1], last: 3, lastTerm: 1, granted: true, why: 'longer in the same term' },
    { log: [1, 1], last: 1, lastTerm: 1, granted: false, why: 'shorter in the same term' },
    { log: [1, 1], last: 1, lastTerm: 2, granted: true, why: 'shorter but of a later term' },
    { log: [1, 2], last: 9, lastTerm: 1, granted: false, why: 'longer but of an earlier term' },
    { log: [], last: 0, lastTerm: 0, granted: true, why: 'both empty' },
    { log: [1], last: 0, lastTerm: 0, granted: false, why: 'empty' },
  ])('a vote goes to a log that is $why: $granted', ({ log, last, lastTerm, granted }) => {
    for (const preVote of [true, false]) {
      const request = voteRequest({ term: 7, last, lastTerm, preVote })
      expect(ask(bench({ log }), request)).toMatchObject([{ granted, preVote }])
    }
  })
})

describe('Section 5.6: timing', () => {
  test('heartbeats are more frequent than elections, or the configuration is refused', () => {
    expect(() => bench({ limits: { heartbeatTicks: 10, electionTicks: 10 } })).toThrow(
      'elections take longer than heartbeats',
    )
  })

  test('heartbeats at their interval keep every follower from campaigning', () => {
    const raft = inRole('follower')
    for (let beat = 0; beat < 100; beat++) {
      tick(raft, 9)
      ask(raft, heartbeat({ term: 3 }))
      expect(raft.status().role).toBe('follower')
    }
  })
})
