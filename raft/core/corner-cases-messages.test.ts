// Corner cases of single messages: old, repeated, from strangers, to the wrong role, and malformed. The
// cases are those that etcd-io/raft's own suite knows, and more; the tables say which.

import { describe, expect, test } from 'vitest'
import { InvariantViolation } from '../../platform/errors.js'
import type { Raft } from './raft.js'
import {
  ack,
  appendRequest,
  ask,
  bench,
  confOf,
  entry,
  heard,
  heartbeat,
  inRole,
  reject,
  settle,
  snapshotRequest,
  timeoutNow,
  voteRequest,
  voteResponse,
} from './testing/bench-node.js'
import { logIndex, type Message, nodeId, type Role, term } from './types.js'

const roles: readonly Role[] = ['follower', 'preCandidate', 'candidate', 'leader']
const one = new Uint8Array(1)

interface From {
  readonly from?: number
  readonly term: number
}

const envelope = ({ from = 2, term: t }: From) => ({
  from: nodeId(from),
  to: nodeId(1),
  term: term(t),
})

const readRequest = (fields: From): Message => ({
  ...envelope(fields),
  kind: 'readIndexRequest',
  context: 7,
})
const readResponse = (fields: From & { index?: number }): Message => ({
  ...envelope(fields),
  kind: 'readIndexResponse',
  context: 7,
  index: logIndex(fields.index ?? 5),
})
const forward = (fields: From & { origin?: number }): Message => ({
  ...envelope(fields),
  kind: 'proposalForward',
  proposals: { origin: nodeId(fields.origin ?? fields.from ?? 2), sequences: [7], payloads: [one] },
})
const refused = (fields: From & { origin?: number }): Message => ({
  ...envelope(fields),
  kind: 'proposalRefused',
  origin: nodeId(fields.origin ?? 1),
  sequences: [7],
  reason: 'no-leader',
})
const transferRequest = (fields: From & { transferee?: number }): Message => ({
  ...envelope(fields),
  kind: 'transferLeaderRequest',
  transferee: nodeId(fields.transferee ?? 2),
})

/** What a message may change; not what it may count. */
function seen(raft: Raft): object {
  const { ignoredMessages: _, progress: __, ...status } = raft.status()
  return status
}

describe('a message of an older term', () => {
  // Every role is in term 3 or 4 here; everything is of term 2.
  const old: readonly (readonly [string, Message])[] = [
    ['voteRequest', voteRequest({ term: 2, last: 9, lastTerm: 1 })],
    ['forced voteRequest', voteRequest({ term: 2, last: 9, lastTerm: 1, force: true })],
    ['preVote voteRequest', voteRequest({ term: 2, last: 9, lastTerm: 1, preVote: true })],
    ['granting voteResponse', voteResponse({ term: 2, granted: true })],
    ['granting preVote voteResponse', voteResponse({ term: 2, granted: true, preVote: true })],
    ['refusing voteResponse', voteResponse({ term: 2, granted: false })],
    [
      'appendRequest',
      appendRequest({ term: 2, prev: 0, prevTerm: 0, entries: [entry(1, 2)], commit: 1 }),
    ],
    ['appendResponse', ack({ term: 2, index: 1 })],
    ['rejecting appendResponse', reject({ term: 2, prev: 1, hint: 0, hintTerm: 0 })],
    ['heartbeatRequest', heartbeat({ term: 2, commit: 1 })],
    ['heartbeatResponse', heard({ term: 2, readRound: 1 })],
    ['snapshotRequest', snapshotRequest({ term: 2, index: 9, snapshotTerm: 1 })],
    ['transferLeaderRequest', transferRequest({ term: 2 })],
    ['timeoutNow', timeoutNow({ term: 2 })],
  ]
  for (const role of roles) {
    test.each(old)(`changes nothing at a ${role}: %s`, (kind, message) => {
      const raft = inRole(role)
      const before = seen(raft)
      const answers = ask(raft, message)
      expect(seen(raft)).toEqual(before)
      // Who asks is told the newer term, and would go on in vain otherwise; answers get no answer.
      const told = kind.endsWith('Request') && kind !== 'transferLeaderRequest' ? 1 : 0
      expect(answers).toHaveLength(told)
      for (const answer of answers) expect(answer.term).toBe(raft.status().term)
    })
  }

  test('that names a read or a proposal is as good as a new one, for it is bound to no term', () => {
    const leader = inRole('leader')
    const { lastIndex } = leader.status()
    ask(leader, forward({ term: 2 }))
    expect(leader.status().lastIndex).toBe(lastIndex + 1)
    const follower = inRole('follower')
    expect(ask(follower, forward({ term: 2 }))).toMatchObject([
      { kind: 'proposalRefused', to: 2, sequences: [7], reason: 'no-leader' },
    ])
    expect(ask(follower, readRequest({ term: 2 }))).toMatchObject([
      { kind: 'readIndexResponse', to: 2, context: 7, index: 0 },
    ])
    follower.step(refused({ term: 2 }))
    expect(settle(follower).readys.flatMap(ready => ready.refusedProposals)).toEqual([
      { sequences: [7], reason: 'no-leader' },
    ])
  })
})

describe('a message that arrives twice', () => {
  test('counts once: a vote', () => {
    const raft = inRole('candidate', 5)
    for (let time = 0; time < 3; time++)
      raft.step(voteResponse({ from: 2, term: 4, granted: true }))
    expect(raft.status().role).toBe('candidate')
    raft.step(voteResponse({ from: 3, term: 4, granted: true }))
    expect(raft.status().role).toBe('leader')
  })

  test('counts as it first came: a vote that is taken back', () => {
    const raft = inRole('candidate', 5)
    raft.step(voteResponse({ from: 2, term: 4, granted: true }))
    raft.step(voteResponse({ from: 2, term: 4, granted: false }))
    raft.step(voteResponse({ from: 3, term: 4, granted: true }))
    expect(raft.status().role).toBe('leader')
  })

  test('is answered twice, the same way: a request for a vote', () => {
    const raft = bench({ term: 3 })
    const request = voteRequest({ term: 5, last: 0, lastTerm: 0 })
    expect(ask(raft, request)).toEqual(ask(raft, request))
  })

  test('brings nothing new: an acknowledgement', () => {
    const raft = inRole('leader')
    const { term: t, lastIndex: index } = raft.status()
    ask(raft, ack({ term: t, index }))
    expect(ask(raft, ack({ term: t, index }))).toEqual([])
  })

  test('takes nextIndex back once: a rejection', () => {
    const raft = bench({ log: [1, 1, 1, 1], voters: [1, 2, 3] })
    const t = electLeader(raft)
    const rejection = reject({ term: t, prev: 4, hint: 2, hintTerm: 1 })
    expect(ask(raft, rejection)).toHaveLength(1)
    const { next } = raft.status().progress[0] ?? {}
    expect(ask(raft, rejection)).toEqual([])
    expect(raft.status().progress[0]?.next).toBe(next)
  })

  test('is installed once: a snapshot', () => {
    const raft = bench({ log: [1] })
    const snapshot = snapshotRequest({ term: 5, index: 7, snapshotTerm: 4 })
    raft.step(snapshot)
    raft.step(snapshot)
    const first = raft.ready()
    expect(first.append?.snapshot).toMatchObject({ index: 7 })
    raft.step(snapshot)
    const second = raft.ready()
    expect(second.append).toMatchObject({ snapshot: null, entries: [] })
    for (const ready of [first, second]) {
      expect(raft.appended(ready.append?.id ?? 0).at(-1)).toMatchObject({
        rejected: false,
        index: 7,
      })
    }
    expect(ask(raft, snapshot)).toMatchObject([{ rejected: false, index: 7 }])
  })

  test('starts one election: the word to take over', () => {
    const raft = inRole('follower')
    ask(raft, timeoutNow({ term: 3 }))
    ask(raft, timeoutNow({ term: 3 }))
    expect(raft.status()).toMatchObject({ role: 'candidate', term: 4 })
  })

  test('begins one transfer: the request for it', () => {
    const raft = inRole('leader')
    const { lastIndex: index } = raft.status()
    ask(raft, ack({ term: 4, index }))
    expect(ask(raft, transferRequest({ term: 4 }))).toMatchObject([{ kind: 'timeoutNow' }])
    expect(ask(raft, transferRequest({ term: 4 }))).toEqual([])
  })
})

function electLeader(raft: Raft): number {
  while (raft.status().role === 'follower') raft.tick()
  settle(raft)
  const asked = raft.status().term + 1
  for (const preVote of [true, false]) {
    for (const from of [2, 3])
      raft.step(voteResponse({ from, term: asked, granted: true, preVote }))
    settle(raft)
  }
  return raft.status().term
}

describe('a message of a stranger, who is in no membership known here', () => {
  test('counts for nothing where members are counted', () => {
    const preCandidate = inRole('preCandidate')
    preCandidate.step(voteResponse({ from: 9, term: 4, granted: true, preVote: true }))
    expect(preCandidate.status().role).toBe('preCandidate')
    const candidate = inRole('candidate')
    candidate.step(voteResponse({ from: 9, term: 4, granted: true }))
    expect(candidate.status().role).toBe('candidate')
    const leader = inRole('leader')
    const { lastIndex: index } = leader.status()
    expect(ask(leader, ack({ from: 9, term: 4, index }))).toEqual([])
    expect(ask(leader, heard({ from: 9, term: 4 }))).toEqual([])
    expect(leader.status().commit).toBe(0)
  })

  test('may ask for a vote, and may lead: the membership here may be an old one (thesis 4.1)', () => {
    const voter = bench({ term: 3 })
    const request = voteRequest({ from: 9, term: 4, last: 0, lastTerm: 0 })
    expect(ask(voter, request)).toMatchObject([{ granted: true, to: 9 }])
    const append = appendRequest({ from: 9, term: 4, prev: 0, prevTerm: 0, entries: [entry(1, 4)] })
    expect(ask(voter, append)).toMatchObject([{ rejected: false, index: 1, to: 9 }])
    expect(voter.status().leader).toBe(9)
  })

  test('may read and propose through the leader', () => {
    const raft = inRole('leader')
    ask(raft, ack({ from: 2, term: 4, index: 1 }))
    ask(raft, readRequest({ from: 9, term: 4 }))
    expect(ask(raft, heard({ from: 2, term: 4, readRound: 1 }))).toMatchObject([
      { kind: 'readIndexResponse', to: 9, index: 1 },
    ])
  })
})

describe('an answer to somebody who does not wait for it', () => {
  const answers: readonly (readonly [string, Message])[] = [
    ['an acknowledgement', ack({ term: 4, index: 0 })],
    ['a rejection', reject({ term: 4, prev: 0, hint: 0, hintTerm: 0 })],
    ['an answer to a heartbeat', heard({ term: 4, readRound: 1 })],
    ['an answer to a read', readResponse({ term: 4 })],
    ['a granted vote', voteResponse({ term: 4, granted: true })],
    ['a refused vote', voteResponse({ term: 4, granted: false })],
    ['a request for a transfer', transferRequest({ term: 4 })],
  ]
  test.each(answers)('changes nothing at a follower: %s', (_, message) => {
    const raft = bench({ term: 4 })
    ask(raft, heartbeat({ term: 4 }))
    const before = seen(raft)
    expect(ask(raft, message)).toEqual([])
    expect(seen(raft)).toEqual(before)
  })

  test.each(answers.slice(0, 4))('changes nothing at a candidate: %s', (_, message) => {
    const raft = inRole('candidate')
    const before = seen(raft)
    expect(ask(raft, message)).toEqual([])
    expect(seen(raft)).toEqual(before)
  })

  test('is not handed to another: a refusal of a proposal of somebody else', () => {
    const raft = inRole('follower')
    raft.step(refused({ term: 3, origin: 3 }))
    expect(settle(raft).readys.flatMap(ready => ready.refusedProposals)).toEqual([])
  })
})

describe('a vote of the other kind', () => {
  test('a promise is no vote: those that come late do not elect', () => {
    const raft = inRole('candidate', 5)
    for (const from of [2, 3, 4, 5]) {
      raft.step(voteResponse({ from, term: 4, granted: true, preVote: true }))
    }
    expect(raft.status().role).toBe('candidate')
  })

  test('a vote is no promise', () => {
    const raft = inRole('preCandidate')
    for (const from of [2, 3]) raft.step(voteResponse({ from, term: 3, granted: true }))
    expect(raft.status()).toMatchObject({ role: 'preCandidate', term: 3 })
  })

  test.each([3, 5, 6])(
    'a promise for term %i, which was not asked about, counts for nothing',
    t => {
      const raft = inRole('preCandidate')
      raft.step(voteResponse({ term: t, granted: true, preVote: true }))
      expect(raft.status()).toMatchObject({ role: 'preCandidate', term: 3 })
    },
  )

  test('a refused promise of a newer term brings its term', () => {
    const raft = inRole('preCandidate')
    raft.step(voteResponse({ term: 6, granted: false, preVote: true }))
    expect(raft.status()).toMatchObject({ role: 'follower', term: 6, vote: 0 })
  })
})

describe('a malformed message', () => {
  const at = { term: 5 }
  const joint = confOf([1], { learners: [nodeId(1)] })
  const malformed: readonly (readonly [string, Message])[] = [
    ['a negative term', heartbeat({ term: -1 })],
    ['a fractional term', heartbeat({ term: 1.5 })],
    ['a term beyond all numbers', heartbeat({ term: 2 ** 53 })],
    ['no term where a leader speaks', heartbeat({ term: 0 })],
    ['a sender that is no number', heartbeat({ ...at, from: Number.NaN })],
    ['a negative commit index', heartbeat({ ...at, commit: -1 })],
    ['a read round that is no number', heartbeat({ ...at, readRound: Number.NaN })],
    ['an answer with a fractional round', heard({ ...at, readRound: 0.5 })],
    ['a negative prevIndex', appendRequest({ ...at, prev: -1, prevTerm: 0 })],
    ['a prevTerm beyond its term', appendRequest({ ...at, prev: 1, prevTerm: 6 })],
    [
      'a commit index that is no number',
      appendRequest({ ...at, prev: 0, prevTerm: 0, commit: Number.NaN }),
    ],
    [
      'an entry before prevIndex',
      appendRequest({ ...at, prev: 3, prevTerm: 1, entries: [entry(3, 2)] }),
    ],
    ['an acknowledged index below zero', ack({ ...at, index: -3 })],
    ['a hint that is no number', reject({ ...at, prev: 1, hint: Number.NaN, hintTerm: 0 })],
    ['a last index that is no number', voteRequest({ ...at, last: Number.NaN, lastTerm: 1 })],
    ['a commit index below zero', voteRequest({ ...at, last: 1, lastTerm: 1, commit: -1 })],
    [
      'a commit term that is no number',
      voteResponse({ ...at, granted: false, commitTerm: Number.NaN }),
    ],
    ['a snapshot of nothing', snapshotRequest({ ...at, index: 0, snapshotTerm: 0 })],
    ['a snapshot of a later term', snapshotRequest({ ...at, index: 3, snapshotTerm: 6 })],
    [
      'a snapshot of no members',
      snapshotRequest({ ...at, index: 3, snapshotTerm: 2, confState: confOf([]) }),
    ],
    [
      'a snapshot of members that contradict themselves',
      snapshotRequest({ ...at, index: 3, snapshotTerm: 2, confState: joint }),
    ],
    ['proposals of another origin', forward({ ...at, from: 2, origin: 3 })],
    ['a transfer to no number', transferRequest({ ...at, transferee: Number.NaN })],
    ['an answer to a read below zero', readResponse({ ...at, index: -1 })],
  ]
  for (const role of roles) {
    test.each(malformed)(`is ignored and counted at a ${role}: %s`, (_, message) => {
      const raft = inRole(role)
      const before = seen(raft)
      raft.step(message)
      expect(seen(raft)).toEqual(before)
      expect(raft.status().ignoredMessages).toBe(1)
      expect(raft.hasReady()).toBe(false)
    })
  }
})

describe('a message that contradicts what is safe ends the node before it spreads', () => {
  test('a snapshot at a leader of the same term', () => {
    const raft = inRole('leader')
    const snapshot = snapshotRequest({ term: 4, index: 9, snapshotTerm: 3 })
    expect(() => raft.step(snapshot)).toThrow(InvariantViolation)
  })

  test('an append at a leader of the same term', () => {
    const raft = inRole('leader')
    expect(() => raft.step(appendRequest({ term: 4, prev: 0, prevTerm: 0 }))).toThrow(
      InvariantViolation,
    )
  })
})
