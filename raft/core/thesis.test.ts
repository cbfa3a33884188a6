// Beyond section 5: sections 7 and 8 of the Raft paper and what we follow of Ongaro's thesis, rule by
// rule, as one node shows it by itself. Section 6 and thesis 4 are in membership.test.ts, reads
// (section 8, thesis 6.4) in read-index.test.ts; stories that need a cluster are golden scripts.

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
  terms,
  tick,
  timeoutNow,
  voteRequest,
  voteResponse,
} from './testing/bench-node.js'
import { logIndex, type Message, nodeId, type Role } from './types.js'

const one = new Uint8Array(1)

describe('Section 7: log compaction', () => {
  const confState = confOf([1, 2, 3, 4])

  test('InstallSnapshot 1. of an old term is answered with the newer one, and installs nothing', () => {
    const raft = bench({ log: [1], term: 5 })
    const stale = snapshotRequest({ term: 4, index: 9, snapshotTerm: 3 })
    expect(ask(raft, stale)).toMatchObject([{ kind: 'appendResponse', term: 5, rejected: true }])
    expect(raft.status()).toMatchObject({ lastIndex: 1, commit: 0 })
  })

  test('InstallSnapshot 6. an entry with index and term of the last one included keeps what follows', () => {
    const raft = bench({ log: [1, 1, 1] })
    raft.step(snapshotRequest({ term: 5, index: 2, snapshotTerm: 1 }))
    const ready = raft.ready()
    expect(ready.append?.snapshot ?? null).toBeNull()
    expect(raft.status()).toMatchObject({ commit: 2, lastIndex: 3 })
  })

  test('InstallSnapshot 7. otherwise the entire log is discarded', () => {
    for (const log of [[1, 1, 1], [1, 1, 1, 1, 1, 1, 1, 1, 1], []]) {
      const raft = bench({ log })
      raft.step(snapshotRequest({ term: 5, index: 7, snapshotTerm: 4, confState }))
      expect(raft.status()).toMatchObject({ firstIndex: 8, lastIndex: 7, commit: 7 })
    }
  })

  test('InstallSnapshot 8. resets state machine and membership, and counts once it is durable', () => {
    const raft = bench({ log: [1, 1, 1], commit: 1 })
    settle(raft)
    raft.step(snapshotRequest({ term: 5, index: 7, snapshotTerm: 4, confState }))
    const { append, committed } = raft.ready()
    expect(append).toMatchObject({ snapshot: { index: 7, term: 4 }, mustSync: true, entries: [] })
    expect(committed).toEqual([])
    expect(raft.status()).toMatchObject({ applied: 1, firstIndex: 8, commit: 7 })
    expect(raft.appended(append?.id ?? 0)).toMatchObject([{ rejected: false, index: 7 }])
    expect(raft.status()).toMatchObject({ applied: 7, durable: 7 })
    expect(raft.confState.voters).toEqual([1, 2, 3, 4])
  })

  test('a snapshot that covers less than is committed changes nothing', () => {
    const raft = bench({ log: [1, 1, 1], commit: 3 })
    settle(raft)
    const late = snapshotRequest({ term: 5, index: 2, snapshotTerm: 1, confState })
    expect(ask(raft, late)).toMatchObject([{ rejected: false, index: 3 }])
    expect(raft.status()).toMatchObject({ commit: 3, firstIndex: 1 })
    expect(raft.confState.voters).toEqual([1, 2, 3])
  })

  test('a node whose snapshot is under way does not campaign', () => {
    const raft = bench({ log: [1, 1, 1] })
    raft.step(snapshotRequest({ term: 5, index: 7, snapshotTerm: 4 }))
    const { append } = raft.ready()
    tick(raft, 40)
    expect(raft.status().role).toBe('follower')
    raft.appended(append?.id ?? 0)
    tick(raft, 40)
    expect(raft.status().role).toBe('preCandidate')
  })

  test('the label of a snapshot holds index, term and membership of the last entry it replaces', () => {
    const raft = bench({ log: [1, 2, 2], commit: 3 })
    settle(raft)
    expect(raft.snapshotAt(logIndex(2))).toEqual({
      index: 2,
      term: 2,
      confState: confOf([1, 2, 3]),
    })
  })

  test('prevLogIndex and prevLogTerm of a compacted log are those of the snapshot', () => {
    const raft = bench({ log: [1, 2, 2], commit: 2 })
    settle(raft)
    raft.compact(logIndex(2))
    const next = appendRequest({ term: 3, prev: 2, prevTerm: 2, entries: [entry(3, 3)] })
    expect(ask(raft, next)).toMatchObject([{ rejected: false, index: 3 }])
    expect(terms(raft)).toEqual([3])
  })

  test('a leader sends a snapshot only when it has discarded the entry that a follower needs', () => {
    const raft = bench({ log: [1, 1, 1], commit: 3 })
    settle(raft)
    raft.compact(logIndex(2))
    const term = elect(raft)
    const near = sentTo(ask(raft, reject({ from: 2, term, prev: 3, hint: 2, hintTerm: 1 })), 2)
    expect(near).toMatchObject([{ kind: 'appendRequest', prevIndex: 2 }])
    const far = sentTo(ask(raft, reject({ from: 3, term, prev: 3, hint: 1, hintTerm: 1 })), 3)
    expect(far).toMatchObject([{ kind: 'snapshotRequest', snapshot: { index: 3, term: 1 } }])
  })
})

describe('Section 8: client interaction', () => {
  test('a leader commits a blank entry at the start of its term', () => {
    const raft = bench({ log: [1], term: 1 })
    elect(raft)
    raft.step(ack({ term: 2, index: 2 }))
    const committed = settle(raft).readys.flatMap(ready => ready.committed)
    expect(committed.map(({ kind, data }) => [kind, data.length])).toEqual([
      ['normal', 0],
      ['noop', 0],
    ])
  })

  test('a server that is not the leader forwards a request to the one it heard of last', () => {
    const raft = inRole('follower')
    raft.propose([7], [one])
    expect(settle(raft).messages).toMatchObject([
      { kind: 'proposalForward', to: 2, proposals: { origin: 1, sequences: [7] } },
    ])
  })

  test.each<Role>(['preCandidate', 'candidate'])('a %s knows no leader, and refuses', role => {
    const raft = inRole(role)
    raft.propose([7, 8], [one, one])
    expect(settle(raft).readys.flatMap(ready => ready.refusedProposals)).toEqual([
      { sequences: [7, 8], reason: 'no-leader' },
    ])
  })
})

describe('Thesis 3.10: leadership transfer', () => {
  const transferring = (): Raft => {
    const raft = inRole('leader')
    const { term, lastIndex: index } = raft.status()
    ask(raft, ack({ from: 2, term, index }))
    ask(raft, ack({ from: 3, term, index }))
    return raft
  }

  test('1. the leader takes no more client requests', () => {
    const raft = transferring()
    raft.transferLeadership(nodeId(2))
    raft.propose([7], [one])
    const { readys } = settle(raft)
    expect(readys.flatMap(ready => ready.refusedProposals)).toEqual([
      { sequences: [7], reason: 'transferring' },
    ])
    expect(raft.status().transferee).toBe(2)
  })

  test('2. it brings the log of the target up to its own', () => {
    const raft = inRole('leader')
    const { term, lastIndex: index } = raft.status()
    raft.transferLeadership(nodeId(3))
    expect(sentTo(settle(raft).messages, 3).map(({ kind }) => kind)).not.toContain('timeoutNow')
    expect(sentTo(ask(raft, ack({ from: 3, term, index })), 3)).toMatchObject([
      { kind: 'timeoutNow' },
      { kind: 'appendRequest' },
    ])
  })

  test('3. the target starts an election at once, without asking first and despite the lease', () => {
    const raft = inRole('follower')
    const asked = ask(raft, timeoutNow({ term: 3 }))
    expect(raft.status()).toMatchObject({ role: 'candidate', term: 4 })
    for (const message of asked) {
      expect(message).toMatchObject({ kind: 'voteRequest', term: 4, preVote: false, force: true })
    }
  })

  test('4. if it is not over within an election timeout, the leader goes on', () => {
    const raft = transferring()
    raft.transferLeadership(nodeId(2))
    const { term } = raft.status()
    for (let ticks = 0; ticks < 10; ticks++) {
      expect(raft.status().transferee).toBe(2)
      raft.tick()
      ask(raft, heard({ from: 2, term }))
    }
    expect(raft.status()).toMatchObject({ role: 'leader', transferee: 0 })
    raft.propose([8], [one])
    expect(settle(raft).readys.flatMap(ready => ready.refusedProposals)).toEqual([])
  })

  test('a follower that is asked for a transfer asks its leader', () => {
    const raft = inRole('follower')
    raft.transferLeadership(nodeId(3))
    expect(settle(raft).messages).toMatchObject([
      { kind: 'transferLeaderRequest', to: 2, transferee: 3 },
    ])
  })
})

describe('Thesis 4.2.3: servers that are not heard of disturb nobody', () => {
  const request = { from: 3, term: 4, last: 5, lastTerm: 1 }

  test('a follower that hears a leader disregards requests for votes, and their term', () => {
    const raft = inRole('follower')
    expect(ask(raft, voteRequest(request))).toEqual([])
    expect(ask(raft, voteRequest({ ...request, preVote: true }))).toEqual([])
    expect(raft.status()).toMatchObject({ term: 3, leader: 2 })
  })

  test('it hears one when the leader hands over', () => {
    const raft = inRole('follower')
    const forced = voteRequest({ ...request, force: true })
    expect(ask(raft, forced)).toMatchObject([{ granted: true }])
  })

  test('it hears one when the minimum election timeout has passed without a leader', () => {
    const raft = bench({
      term: 3,
      limits: { random: { next: () => 0, integer: n => n - 1, bytes: n => new Uint8Array(n) } },
    })
    ask(raft, heartbeat({ term: 3 }))
    tick(raft, 9)
    expect(ask(raft, voteRequest(request))).toEqual([])
    tick(raft, 1)
    expect(ask(raft, voteRequest(request))).toMatchObject([{ granted: true, term: 4 }])
  })

  test('a leader with a quorum disregards them too', () => {
    const raft = inRole('leader')
    const newer = voteRequest({ ...request, term: 9 })
    expect(ask(raft, newer)).toEqual([])
    expect(raft.status()).toMatchObject({ role: 'leader', term: 4 })
  })
})

describe('Thesis 6.2: a leader without a quorum steps down', () => {
  const after = (heardFrom: readonly number[], count: number): Role => {
    const raft = inRole('leader', count)
    const { term } = raft.status()
    for (let ticks = 0; ticks < 20; ticks++) {
      raft.tick()
      settle(raft)
      for (const from of heardFrom) ask(raft, heard({ from, term }))
    }
    return raft.status().role
  }

  test.each<readonly [number, readonly number[], Role]>([
    [1, [], 'leader'],
    [2, [], 'follower'],
    [2, [2], 'leader'],
    [3, [], 'follower'],
    [3, [3], 'leader'],
    [4, [3], 'follower'],
    [4, [3, 4], 'leader'],
    [5, [4], 'follower'],
    [5, [2, 5], 'leader'],
  ])('of %i voters, heard of %j: %s', (count, heardFrom, role) => {
    expect(after(heardFrom, count)).toBe(role)
  })

  test('it stays in its term, forgets its transfer, and knows no leader', () => {
    const raft = inRole('leader')
    raft.transferLeadership(nodeId(2))
    tick(raft, 20)
    expect(raft.status()).toMatchObject({ role: 'follower', term: 4, leader: 0, transferee: 0 })
  })
})

describe('Thesis 9.6: PreVote', () => {
  test('asking in advance changes neither the term nor the vote of the one who asks', () => {
    const raft = bench({ term: 3, vote: 2 })
    while (raft.status().role === 'follower') raft.tick()
    const { messages, append } = raft.ready()
    expect(append).toBeNull()
    expect(raft.status()).toMatchObject({ role: 'preCandidate', term: 3, vote: 2 })
    for (const message of messages) {
      expect(message).toMatchObject({ kind: 'voteRequest', term: 4, preVote: true })
    }
  })

  test('being asked in advance changes neither the term nor the vote of the one who is asked', () => {
    const raft = bench({ term: 3 })
    const [answer] = ask(raft, voteRequest({ term: 8, last: 0, lastTerm: 0, preVote: true }))
    expect(answer).toMatchObject({ granted: true, preVote: true, term: 8 })
    expect(raft.status()).toMatchObject({ term: 3, vote: 0 })
  })

  test('being asked in advance does not count as word of a leader', () => {
    const raft = bench({ term: 3 })
    for (let ticks = 0; ticks < 20 && raft.status().role === 'follower'; ticks++) {
      raft.tick()
      ask(raft, voteRequest({ term: 4, last: 0, lastTerm: 0, preVote: true }))
    }
    expect(raft.status().role).toBe('preCandidate')
  })

  test('any number of candidates may be promised a vote in advance', () => {
    const raft = bench({ term: 3 })
    for (const from of [2, 3, 2]) {
      const request = voteRequest({ from, term: 4, last: 0, lastTerm: 0, preVote: true })
      expect(ask(raft, request)).toMatchObject([{ granted: true, to: from }])
    }
  })

  test('the real election begins only when a majority would vote', () => {
    const raft = inRole('preCandidate', 5)
    const yes = (from: number): Message =>
      voteResponse({ from, term: 4, granted: true, preVote: true })
    raft.step(yes(2))
    raft.step(yes(2))
    expect(raft.status()).toMatchObject({ role: 'preCandidate', term: 3 })
    raft.step(yes(3))
    expect(raft.status()).toMatchObject({ role: 'candidate', term: 4 })
  })

  test('a majority that would not vote ends it without a new term', () => {
    const raft = inRole('preCandidate')
    for (const from of [2, 3]) {
      raft.step(voteResponse({ from, term: 3, granted: false, preVote: true }))
    }
    expect(raft.status()).toMatchObject({ role: 'follower', term: 3 })
  })
})

describe('Thesis 10.2.1: writing to disk in parallel', () => {
  test('a leader sends entries before its own disk has them', () => {
    const raft = inRole('leader')
    const { term, lastIndex: index } = raft.status()
    ask(raft, ack({ from: 2, term, index }))
    raft.propose([1], [one])
    const { messages, append } = raft.ready()
    expect(append).toMatchObject({ entries: [{ index: index + 1 }], release: [] })
    expect(sentTo(messages, 2)).toMatchObject([{ entries: [{ index: index + 1 }] }])
  })

  test('a leader counts itself only once its own disk has them', () => {
    const raft = inRole('leader')
    const { term, lastIndex } = raft.status()
    ask(raft, ack({ from: 2, term, index: lastIndex }))
    raft.propose([1], [one])
    const { append } = raft.ready()
    raft.step(ack({ from: 2, term, index: lastIndex + 1 }))
    expect(raft.status().commit).toBe(lastIndex)
    raft.appended(append?.id ?? 0)
    expect(raft.status().commit).toBe(lastIndex + 1)
  })

  test('an entry may be committed by the disks of the others alone', () => {
    const raft = inRole('leader')
    const { term, lastIndex } = raft.status()
    raft.propose([1], [one])
    raft.ready()
    for (const from of [2, 3]) raft.step(ack({ from, term, index: lastIndex + 1 }))
    expect(raft.status()).toMatchObject({ commit: lastIndex + 1, durable: lastIndex })
    expect(raft.ready().committed.map(e => e.index)).toEqual([lastIndex])
  })
})
