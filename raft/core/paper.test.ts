// The Raft paper, rule by rule: figure 2, line by line, as one node shows it by itself. Sections 5.1 to
// 5.6 are in paper-sections.test.ts, sections 6 to 8 and the thesis in thesis.test.ts; stories that
// need a cluster are golden scripts.

import { describe, expect, test } from 'vitest'
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
  snapshotRequest,
  terms,
  tick,
  ticksInRole,
  voteRequest,
  voteResponse,
} from './testing/bench-node.js'
import type { Message, Role } from './types.js'

/** Every election timeout is 19 ticks. */
const longest = {
  next: () => 0,
  integer: (bound: number) => bound - 1,
  bytes: (length: number) => new Uint8Array(length),
}
const one = new Uint8Array(1)
const roles: readonly Role[] = ['follower', 'preCandidate', 'candidate', 'leader']
const follower = ['follower', 'preCandidate'] as const

describe('Figure 2, State', () => {
  test('currentTerm is 0, votedFor nobody, commitIndex and lastApplied 0 on first boot', () => {
    expect(bench().status()).toMatchObject({
      term: 0,
      vote: 0,
      commit: 0,
      applied: 0,
      lastIndex: 0,
    })
  })

  test('currentTerm, votedFor and the log are durable before any RPC is answered', () => {
    const raft = bench({ log: [3], term: 3 })
    raft.step(voteRequest({ from: 3, term: 5, last: 1, lastTerm: 3 }))
    const vote = raft.ready()
    expect(vote.messages).toEqual([])
    expect(vote.append).toMatchObject({ mustSync: true, hardState: { term: 5, vote: 3 } })
    expect(raft.appended(vote.append?.id ?? 0)).toMatchObject([{ granted: true, to: 3 }])
    raft.step(appendRequest({ from: 3, term: 5, prev: 1, prevTerm: 3, entries: [entry(2, 5)] }))
    const append = raft.ready()
    expect(append.messages).toEqual([])
    expect(append.append).toMatchObject({ mustSync: true, entries: [{ index: 2, term: 5 }] })
    expect(raft.appended(append.append?.id ?? 0)).toMatchObject([{ rejected: false, index: 2 }])
  })

  test('currentTerm, votedFor and the log are those from before a restart', () => {
    const raft = bench({ log: [1, 4], term: 5, vote: 2 })
    expect(raft.status()).toMatchObject({ term: 5, vote: 2, lastIndex: 2, role: 'follower' })
    const other = voteRequest({ from: 3, term: 5, last: 9, lastTerm: 4 })
    expect(ask(raft, other)).toMatchObject([{ granted: false }])
    const same = voteRequest({ from: 2, term: 5, last: 9, lastTerm: 4 })
    expect(ask(raft, same)).toMatchObject([{ granted: true }])
  })

  test('commitIndex and lastApplied never decrease, whatever an old message says', () => {
    const raft = bench({ log: [1, 1, 1], term: 1 })
    ask(raft, heartbeat({ term: 1, commit: 3 }))
    expect(raft.status()).toMatchObject({ commit: 3, applied: 3 })
    ask(raft, heartbeat({ term: 1, commit: 1 }))
    ask(raft, appendRequest({ term: 1, prev: 1, prevTerm: 1, commit: 1 }))
    expect(raft.status()).toMatchObject({ commit: 3, applied: 3 })
  })

  test('nextIndex starts behind the last entry and matchIndex at 0, anew after every election', () => {
    const raft = bench({ log: [1, 1, 1] })
    const first = elect(raft)
    const progress = (): object[] =>
      raft.status().progress.map(({ match, next }) => ({ match, next }))
    const fresh = { match: 0, next: 4 }
    expect(progress()).toEqual([fresh, fresh])
    ask(raft, ack({ from: 2, term: first, index: 4 }))
    expect(progress()[0]).toEqual({ match: 4, next: 5 })
    ask(raft, heartbeat({ from: 3, term: first + 1 }))
    elect(raft)
    expect(progress()).toEqual([
      { match: 0, next: 5 },
      { match: 0, next: 5 },
    ])
  })
})

describe('Figure 2, AppendEntries RPC', () => {
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
      why: '2. is answered with false where the log is too short, with a hint',
      log: [1],
      prev: [3, 2],
      add: [2],
      commit: 3,
      after: [1],
      committed: 0,
      answer: { rejected: true, index: 3, hintIndex: 1, hintTerm: 1 },
    },
    {
      why: '2. is answered with false where the terms differ, with the last term that could agree',
      log: [1, 1, 3, 3],
      prev: [4, 2],
      add: [2],
      commit: 3,
      after: [1, 1, 3, 3],
      committed: 0,
      answer: { rejected: true, index: 4, hintIndex: 2, hintTerm: 1 },
    },
    {
      why: '3. cuts what conflicts, and everything behind it',
      log: [1, 2, 2, 2],
      prev: [1, 1],
      add: [4],
      commit: 0,
      after: [1, 4],
      committed: 0,
      answer: { rejected: false, index: 2 },
    },
    {
      why: '3. cuts from the first entry that conflicts, and keeps those that agree before it',
      log: [1, 2, 3, 3],
      prev: [0, 0],
      add: [1, 2, 4],
      commit: 0,
      after: [1, 2, 4],
      committed: 0,
      answer: { rejected: false, index: 3 },
    },
    {
      why: '4. appends what is not in the log already',
      log: [1, 1],
      prev: [1, 1],
      add: [1, 2, 3],
      commit: 0,
      after: [1, 1, 2, 3],
      committed: 0,
      answer: { rejected: false, index: 4 },
    },
    {
      why: '4. cuts nothing when it is late and shorter',
      log: [1, 2, 2, 2],
      prev: [1, 1],
      add: [2],
      commit: 0,
      after: [1, 2, 2, 2],
      committed: 0,
      answer: { rejected: false, index: 2 },
    },
    {
      why: '4. cuts nothing when it is empty and agrees',
      log: [1, 2, 2],
      prev: [1, 1],
      add: [],
      commit: 0,
      after: [1, 2, 2],
      committed: 0,
      answer: { rejected: false, index: 1 },
    },
    {
      why: '5. commits no further than its own last entry',
      log: [1, 1, 1, 1],
      prev: [1, 1],
      add: [1],
      commit: 4,
      after: [1, 1, 1, 1],
      committed: 2,
      answer: { rejected: false, index: 2 },
    },
    {
      why: '5. commits no further than the leader',
      log: [1],
      prev: [1, 1],
      add: [2, 2],
      commit: 2,
      after: [1, 2, 2],
      committed: 2,
      answer: { rejected: false, index: 3 },
    },
    {
      why: '5. commits up to prevLogIndex when it is empty',
      log: [1, 1, 1],
      prev: [2, 1],
      add: [],
      commit: 9,
      after: [1, 1, 1],
      committed: 2,
      answer: { rejected: false, index: 2 },
    },
  ]
  test.each(cases)('$why', ({ log, prev, add, commit, after, committed, answer }) => {
    const raft = bench({ log })
    const [prevIndex, prevTerm] = prev
    const entries = add.map((t, i) => entry(prevIndex + 1 + i, t))
    const request = appendRequest({ term: 5, prev: prevIndex, prevTerm, entries, commit })
    for (const _ of ['once', 'and again, with the same effect (section 5.5)']) {
      expect(ask(raft, request)).toMatchObject([answer])
      expect(terms(raft)).toEqual(after)
      expect(raft.status().commit).toBe(committed)
    }
  })

  test('1. is answered with false and the newer term when its term is old, and changes nothing', () => {
    const raft = bench({ log: [1, 2], term: 3 })
    const stale = appendRequest({
      term: 2,
      prev: 1,
      prevTerm: 1,
      entries: [entry(2, 1)],
      commit: 2,
    })
    expect(ask(raft, stale)).toMatchObject([{ kind: 'appendResponse', term: 3, rejected: true }])
    expect(terms(raft)).toEqual([1, 2])
    expect(raft.status()).toMatchObject({ leader: 0, commit: 0 })
  })
})

describe('Figure 2, RequestVote RPC', () => {
  test('1. is answered with false and the newer term when its term is old', () => {
    const raft = bench({ log: [1], term: 4 })
    const stale = voteRequest({ term: 3, last: 9, lastTerm: 2 })
    expect(ask(raft, stale)).toMatchObject([{ granted: false, term: 4 }])
    expect(raft.status()).toMatchObject({ term: 4, vote: 0 })
  })

  test('2. the first candidate of a term gets the vote, and gets it again when it asks again', () => {
    const raft = bench()
    const first = voteRequest({ from: 2, term: 1, last: 0, lastTerm: 0 })
    const second = voteRequest({ from: 3, term: 1, last: 0, lastTerm: 0 })
    expect(ask(raft, first)).toMatchObject([{ granted: true, to: 2 }])
    expect(ask(raft, second)).toMatchObject([{ granted: false, to: 3 }])
    expect(ask(raft, first)).toMatchObject([{ granted: true, to: 2 }])
  })

  test('2. a vote that was refused for its log is still free for another candidate', () => {
    const raft = bench({ log: [3], term: 3 })
    const behind = voteRequest({ from: 2, term: 5, last: 1, lastTerm: 2 })
    expect(ask(raft, behind)).toMatchObject([{ granted: false }])
    const whole = voteRequest({ from: 3, term: 5, last: 1, lastTerm: 3 })
    expect(ask(raft, whole)).toMatchObject([{ granted: true }])
  })
})

describe('Figure 2, Rules for all servers', () => {
  test('if commitIndex > lastApplied, entries are applied in order, each once', () => {
    const raft = bench({ log: [1, 1, 1], term: 1 })
    raft.step(heartbeat({ term: 1, commit: 2 }))
    expect(raft.ready().committed.map(e => e.index)).toEqual([1, 2])
    raft.step(heartbeat({ term: 1, commit: 3 }))
    expect(raft.ready().committed.map(e => e.index)).toEqual([3])
    expect(raft.ready().committed).toEqual([])
  })

  const newer: readonly (readonly [string, Message])[] = [
    ['appendRequest', appendRequest({ term: 9, prev: 0, prevTerm: 0 })],
    ['appendResponse', ack({ term: 9, index: 0 })],
    ['rejecting appendResponse', reject({ term: 9, prev: 0, hint: 0, hintTerm: 0 })],
    ['heartbeatRequest', heartbeat({ term: 9 })],
    ['heartbeatResponse', heard({ term: 9 })],
    ['snapshotRequest', snapshotRequest({ term: 9, index: 5, snapshotTerm: 8 })],
    ['forced voteRequest', voteRequest({ term: 9, last: 0, lastTerm: 0, force: true })],
    ['voteResponse', voteResponse({ term: 9, granted: false })],
  ]
  for (const role of roles) {
    test.each(newer)(`a newer term makes a follower of a ${role}: %s`, (kind, message) => {
      const raft = inRole(role)
      expect(raft.status()).toMatchObject({ role })
      raft.step(message)
      expect(raft.status()).toMatchObject({ role: 'follower', term: 9 })
      const fromLeader = kind.endsWith('Request') && !kind.includes('vote')
      expect(raft.status().leader).toBe(fromLeader ? 2 : 0)
    })
  }
})

describe('Figure 2, Rules for followers', () => {
  test('they issue no request by themselves, and answer those of others', () => {
    const raft = inRole('follower')
    tick(raft, 5)
    expect(settle(raft).messages).toEqual([])
    expect(ask(raft, heartbeat({ term: 3 }))).toMatchObject([{ kind: 'heartbeatResponse' }])
  })

  test('an election timeout without word of the leader makes a candidate', () => {
    const raft = inRole('follower')
    expect(ticksInRole(raft)).toBeLessThan(20)
    expect(raft.status().role).toBe('preCandidate')
  })

  const resets: readonly (readonly [string, Message, boolean])[] = [
    ['heartbeat of the current leader', heartbeat({ term: 3 }), true],
    ['appendRequest of the current leader', appendRequest({ term: 3, prev: 0, prevTerm: 0 }), true],
    [
      'appendRequest of the current leader that is rejected',
      appendRequest({ term: 3, prev: 7, prevTerm: 2 }),
      true,
    ],
    ['heartbeat of an old leader', heartbeat({ from: 3, term: 2 }), false],
    [
      'appendRequest of an old leader',
      appendRequest({ from: 3, term: 2, prev: 0, prevTerm: 0 }),
      false,
    ],
    [
      'voteRequest that is disregarded',
      voteRequest({ from: 3, term: 4, last: 0, lastTerm: 0 }),
      false,
    ],
    [
      'question for a vote in advance',
      voteRequest({ from: 3, term: 4, last: 0, lastTerm: 0, preVote: true }),
      false,
    ],
    ['an acknowledgement', ack({ from: 3, term: 3, index: 0 }), false],
  ]
  test.each(resets)('the timeout starts anew with a %s: %s', (_, message, starts) => {
    const raft = inRole('follower')
    tick(raft, 9)
    ask(raft, message)
    tick(raft, 10)
    expect(raft.status().role).toBe(follower[starts ? 0 : 1])
  })

  test.each([
    [true, 1],
    [false, 0],
  ])('the timeout starts anew with a vote, if it is granted: %s', (granted, last) => {
    const raft = bench({ log: [1], term: 3, limits: { random: longest } })
    tick(raft, 18)
    const request = voteRequest({ term: 3, last, lastTerm: last })
    expect(ask(raft, request)).toMatchObject([{ granted }])
    tick(raft, 1)
    expect(raft.status().role).toBe(follower[granted ? 0 : 1])
  })
})

describe('Figure 2, Rules for candidates', () => {
  test('to start an election is to enter the next term, vote for oneself and ask everybody', () => {
    const raft = bench({ voters: [1, 2, 3, 4, 5], log: [2], term: 3 })
    while (raft.status().role === 'follower') raft.tick()
    settle(raft)
    for (const from of [2, 3]) {
      raft.step(voteResponse({ from, term: 4, granted: true, preVote: true }))
    }
    expect(raft.status()).toMatchObject({ role: 'candidate', term: 4, vote: 1 })
    const asked = settle(raft).messages
    expect(asked.map(message => message.to)).toEqual([2, 3, 4, 5])
    for (const message of asked) {
      expect(message).toMatchObject({ kind: 'voteRequest', term: 4, lastIndex: 1, lastTerm: 2 })
    }
  })

  test('the own vote counts once it is durable', () => {
    const raft = bench({ voters: [1] })
    while (raft.status().role === 'follower') raft.tick()
    const { append } = raft.ready()
    expect(append).toMatchObject({ mustSync: true, hardState: { term: 1, vote: 1 } })
    expect(raft.status().role).toBe('candidate')
    raft.appended(append?.id ?? 0)
    expect(raft.status().role).toBe('leader')
  })

  const elections: readonly (readonly [number, readonly number[], readonly number[], Role])[] = [
    [3, [2], [], 'leader'],
    [3, [2, 3], [], 'leader'],
    [3, [], [], 'candidate'],
    [3, [], [2], 'candidate'],
    [3, [], [2, 3], 'follower'],
    [4, [2], [3], 'candidate'],
    [4, [2], [3, 4], 'follower'],
    [4, [2, 3], [4], 'leader'],
    [5, [2], [3], 'candidate'],
    [5, [2, 3], [4, 5], 'leader'],
    [5, [2], [3, 4, 5], 'follower'],
  ]
  test.each(elections)(
    'of %i voters, with votes of %j against %j, it is %s',
    (count, yes, no, role) => {
      const raft = inRole('candidate', count)
      const { term } = raft.status()
      for (const from of yes) raft.step(voteResponse({ from, term, granted: true }))
      for (const from of no) raft.step(voteResponse({ from, term, granted: false }))
      expect(raft.status()).toMatchObject({ role, term })
    },
  )

  test.each([
    ['appendRequest', appendRequest({ from: 3, term: 4, prev: 0, prevTerm: 0 })],
    ['heartbeatRequest', heartbeat({ from: 3, term: 4 })],
    ['snapshotRequest', snapshotRequest({ from: 3, term: 4, index: 5, snapshotTerm: 3 })],
  ])('an %s of the new leader of its term makes it a follower', (_, message) => {
    const raft = inRole('candidate')
    expect(raft.status().term).toBe(4)
    raft.step(message)
    expect(raft.status()).toMatchObject({ role: 'follower', term: 4, leader: 3, vote: 1 })
  })

  test('an election timeout without a result begins a new election in a newer term', () => {
    const raft = inRole('candidate')
    tick(raft, 20)
    settle(raft)
    expect(raft.status()).toMatchObject({ role: 'preCandidate', term: 4 })
    raft.step(voteResponse({ term: 5, granted: true, preVote: true }))
    expect(raft.status()).toMatchObject({ role: 'candidate', term: 5, vote: 1 })
  })
})

describe('Figure 2, Rules for leaders', () => {
  test('upon election it speaks to everybody at once, and again in every idle heartbeat', () => {
    const raft = inRole('candidate')
    raft.step(voteResponse({ term: 4, granted: true }))
    const first = settle(raft).messages
    expect(first.map(({ kind, to }) => [kind, to])).toEqual([
      ['appendRequest', 2],
      ['appendRequest', 3],
    ])
    for (let beat = 0; beat < 3; beat++) {
      raft.tick()
      expect(settle(raft).messages).toMatchObject([
        { kind: 'heartbeatRequest', to: 2, term: 4 },
        { kind: 'heartbeatRequest', to: 3, term: 4 },
      ])
    }
  })

  test('a command is appended to its log, and handed to the state machine once committed', () => {
    const raft = inRole('leader')
    const { lastIndex, term } = raft.status()
    raft.propose([7], [one])
    expect(settle(raft).readys.flatMap(ready => ready.committed)).toEqual([])
    expect(raft.status().lastIndex).toBe(lastIndex + 1)
    raft.step(ack({ term, index: lastIndex + 1 }))
    const committed = settle(raft).readys.flatMap(ready => ready.committed)
    expect(committed.at(-1)).toMatchObject({ index: lastIndex + 1, term, sequence: 7, origin: 1 })
  })

  test('if the last index >= nextIndex, it sends what begins at nextIndex', () => {
    const raft = bench({ log: [1, 1] })
    const term = elect(raft)
    const sent = sentTo(ask(raft, reject({ term, prev: 2, hint: 1, hintTerm: 1 })), 2)
    expect(sent).toMatchObject([
      { prevIndex: 1, prevTerm: 1, entries: [{ index: 2 }, { index: 3 }] },
    ])
  })

  test('a success updates nextIndex and matchIndex', () => {
    const raft = bench({ log: [1, 1] })
    const term = elect(raft)
    ask(raft, ack({ term, index: 3 }))
    expect(raft.status().progress[0]).toMatchObject({ match: 3, next: 4 })
  })

  test('a failure takes nextIndex back, and it tries again', () => {
    const raft = bench({ log: [1, 2, 2, 2] })
    const term = elect(raft)
    const again = sentTo(ask(raft, reject({ term, prev: 4, hint: 3, hintTerm: 1 })), 2)
    expect(again).toMatchObject([{ prevIndex: 1, prevTerm: 1 }])
    const last = sentTo(ask(raft, reject({ term, prev: 1, hint: 0, hintTerm: 0 })), 2)
    expect(last).toMatchObject([{ prevIndex: 0, prevTerm: 0 }])
  })

  test('an index on a majority is committed when its entry is of the current term (section 5.4.2)', () => {
    const raft = bench({ log: [1, 2], term: 2 })
    const term = elect(raft)
    expect(terms(raft)).toEqual([1, 2, term])
    ask(raft, ack({ from: 2, term, index: 2 }))
    ask(raft, ack({ from: 3, term, index: 2 }))
    expect(raft.status().commit).toBe(0)
    ask(raft, ack({ from: 2, term, index: 3 }))
    expect(raft.status().commit).toBe(3)
  })

  const counts: readonly (readonly [number, readonly number[], boolean])[] = [
    [3, [], false],
    [3, [2], true],
    [4, [2], false],
    [4, [2, 3], true],
    [5, [2], false],
    [5, [2, 3], true],
    [5, [2, 4], true],
  ]
  test.each(counts)(
    'of %i voters, acknowledged by %j and itself: committed %s',
    (count, from, done) => {
      const raft = inRole('leader', count)
      const { lastIndex: index, term } = raft.status()
      for (const id of from) ask(raft, ack({ from: id, term, index }))
      expect(raft.status().commit === index).toBe(done)
    },
  )
})
