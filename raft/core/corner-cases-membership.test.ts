// Corner cases of membership changes at one node: when one is taken, what its members count for before
// and after, and what is under way meanwhile: transfers, reads, campaigns, snapshots.

import { describe, expect, test } from 'vitest'
import { type ConfChange, type ConfChangeOperation, encodeConfChange } from './conf-change.js'
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
  voteRequest,
  voteResponse,
} from './testing/bench-node.js'
import { type ConfState, logIndex, nodeId, type ReadState } from './types.js'

const add = (id: number): ConfChangeOperation => ({ kind: 'addVoter', node: nodeId(id) })
const learn = (id: number): ConfChangeOperation => ({ kind: 'addLearner', node: nodeId(id) })
const remove = (id: number): ConfChangeOperation => ({ kind: 'remove', node: nodeId(id) })
const one = new Uint8Array(1)

interface Leader {
  readonly raft: Raft
  readonly term: number
}

/** A leader whose noop everybody has acknowledged. */
function leader(confState: ConfState = confOf([1, 2, 3])): Leader {
  const raft = bench({ confState })
  const others = confState.voters.filter(id => id !== nodeId(1))
  const term = elect(raft, others)
  for (const { id } of raft.status().progress) ask(raft, ack({ from: id, term, index: 1 }))
  return { raft, term }
}

/** Proposes a change, and has `from` acknowledge all there is, until it is applied. */
function change({ raft, term }: Leader, operations: ConfChange, from: readonly number[]): void {
  raft.proposeConfChange(99, operations)
  settle(raft)
  for (const id of from) ask(raft, ack({ from: id, term, index: raft.status().lastIndex }))
}

const refusals = (raft: Raft): string[] =>
  settle(raft).readys.flatMap(ready => ready.refusedProposals.map(refusal => refusal.reason))
const reads = (raft: Raft): ReadState[] => settle(raft).readys.flatMap(ready => ready.readStates)
const peer = (raft: Raft, id: number) => raft.status().progress.find(progress => progress.id === id)

describe('a change', () => {
  test.each(['follower', 'preCandidate', 'candidate'] as const)('is not taken by a %s', role => {
    const raft = inRole(role)
    raft.proposeConfChange(7, [add(4)])
    expect(settle(raft).readys.flatMap(ready => ready.refusedProposals)).toEqual([
      { sequences: [7], reason: 'not-leader' },
    ])
  })

  test('is not taken while leadership is handed over', () => {
    const { raft } = leader()
    raft.transferLeadership(nodeId(2))
    raft.proposeConfChange(7, [add(4)])
    expect(refusals(raft)).toEqual(['transferring'])
  })

  test('is answered like a proposal, by its origin and sequence', () => {
    const { raft, term } = leader()
    raft.proposeConfChange(7, [add(4)])
    settle(raft)
    raft.step(ack({ term, index: 2 }))
    const committed = settle(raft).readys.flatMap(ready => ready.committed)
    expect(committed).toMatchObject([{ kind: 'confChange', origin: 1, sequence: 7, index: 2 }])
  })

  test('is not taken by a new leader before it has applied an entry of its own term', () => {
    const raft = inRole('leader')
    raft.proposeConfChange(7, [add(4)])
    expect(refusals(raft)).toEqual(['change-pending'])
    ask(raft, ack({ term: 4, index: 1 }))
    raft.proposeConfChange(8, [add(4)])
    expect(refusals(raft)).toEqual([])
    expect(raft.status().lastIndex).toBe(2)
  })

  test('is not taken by a new leader before it has applied all that it has inherited', () => {
    const inherited = entry(1, 1, encodeConfChange([add(4)]), 'confChange')
    const raft = bench({ entries: [inherited] })
    const term = elect(raft)
    raft.proposeConfChange(7, [add(5)])
    expect(refusals(raft)).toEqual(['change-pending'])
    raft.step(ack({ term, index: 2 }))
    raft.proposeConfChange(8, [add(5)])
    expect(raft.status().commit).toBe(2)
    expect(refusals(raft)).toEqual(['change-pending'])
    raft.proposeConfChange(9, [add(5)])
    expect(refusals(raft)).toEqual([])
    expect(raft.confState.voters).toEqual([1, 2, 3, 4])
  })

  test('may be proposed again when it was lost with the leadership', () => {
    const { raft, term } = leader()
    raft.proposeConfChange(7, [add(4)])
    settle(raft)
    const other = appendRequest({
      term: term + 1,
      prev: 1,
      prevTerm: term,
      entries: [entry(2, term + 1)],
    })
    ask(raft, other)
    expect(raft.confState.voters).toEqual([1, 2, 3])
    elect(raft)
    raft.proposeConfChange(8, [add(4)])
    expect(refusals(raft)).toEqual(['change-pending'])
    ask(raft, ack({ term: raft.status().term, index: 3 }))
    raft.proposeConfChange(9, [add(4)])
    expect(refusals(raft)).toEqual([])
  })

  test('goes past the limit of uncommitted bytes, or a stuck cluster could not be helped', () => {
    const raft = bench({ limits: { uncommittedBytesMax: 1 } })
    ask(raft, ack({ term: elect(raft), index: 1 }))
    raft.proposeConfChange(7, [remove(3)])
    raft.proposeConfChange(8, [remove(2)])
    expect(refusals(raft)).toEqual(['change-pending'])
    expect(raft.status().lastIndex).toBe(2)
  })

  test('tells where a new member listens, for as long as it is one', () => {
    const at = leader()
    change(at, [{ ...add(4), member: { name: 'm4', address: 'h:4' } }], [2, 3])
    expect(at.raft.confState.addresses).toEqual([{ node: 4, name: 'm4', address: 'h:4' }])
    change(at, [learn(4)], [2, 3, 4])
    expect(at.raft.confState.addresses).toEqual([{ node: 4, name: 'm4', address: 'h:4' }])
    change(at, [remove(4)], [2, 3])
    expect(at.raft.confState.addresses ?? []).toEqual([])
  })
})

describe('a new member', () => {
  test('counts for nothing before the change is applied, and then for one', () => {
    const at = leader()
    change(at, [add(4)], [2])
    at.raft.propose([1], [one])
    settle(at.raft)
    ask(at.raft, ack({ from: 2, term: at.term, index: 3 }))
    expect(at.raft.status().commit).toBe(2)
    ask(at.raft, ack({ from: 4, term: at.term, index: 3 }))
    expect(at.raft.status().commit).toBe(3)
  })

  test('is taken for alive until the next look for a quorum', () => {
    const at = leader(confOf([1]))
    tick(at.raft, 9)
    change(at, [add(2)], [])
    expect(peer(at.raft, 2)).toMatchObject({ recentActive: true, state: 'probe', match: 0 })
    tick(at.raft, 1)
    expect(at.raft.status().role).toBe('leader')
    tick(at.raft, 10)
    expect(at.raft.status().role).toBe('follower')
  })

  test('that comes to a log from its beginning gets a snapshot, for no entry names the founders', () => {
    const at = leader()
    change(at, [learn(4)], [2, 3])
    const first = reject({ from: 4, term: at.term, prev: 2, hint: 0, hintTerm: 0 })
    expect(sentTo(ask(at.raft, first), 4)).toMatchObject([
      { kind: 'snapshotRequest', snapshot: { index: 2, confState: { learners: [4] } } },
    ])
  })

  test('that is a founder who has lost nothing but time gets entries', () => {
    const raft = inRole('leader')
    const sent = sentTo(settle(raft).messages, 2)
    expect(sent).toEqual([])
    expect(peer(raft, 2)).toMatchObject({ state: 'probe', next: 1 })
    ask(raft, ack({ from: 2, term: 4, index: 1 }))
    expect(peer(raft, 2)).toMatchObject({ state: 'replicate' })
  })

  test('makes a single node one of two: both are needed from then on', () => {
    const at = leader(confOf([1]))
    change(at, [add(2)], [])
    expect(at.raft.confState.voters).toEqual([1, 2])
    at.raft.propose([1], [one])
    settle(at.raft)
    expect(at.raft.status().commit).toBe(2)
    ask(at.raft, ack({ from: 2, term: at.term, index: 3 }))
    expect(at.raft.status().commit).toBe(3)
  })
})

describe('a member that was removed', () => {
  test('is not in the progress anymore, and nothing it says counts', () => {
    const at = leader()
    change(at, [remove(3)], [2])
    expect(at.raft.status().progress.map(progress => progress.id)).toEqual([2])
    at.raft.propose([1], [one])
    settle(at.raft)
    expect(ask(at.raft, ack({ from: 3, term: at.term, index: 3 }))).toEqual([])
    expect(ask(at.raft, heard({ from: 3, term: at.term }))).toEqual([])
    expect(at.raft.status().commit).toBe(2)
    at.raft.unreachable(nodeId(3))
    at.raft.snapshotDone(nodeId(3), true)
    expect(settle(at.raft).messages).toEqual([])
  })

  test('is not waited for by what was proposed before', () => {
    const at = leader(confOf([1, 2]))
    at.raft.proposeConfChange(7, [remove(2)])
    at.raft.propose([1], [one])
    settle(at.raft)
    ask(at.raft, ack({ from: 2, term: at.term, index: 2 }))
    expect(at.raft.status()).toMatchObject({ commit: 3, confState: { voters: [1] } })
  })

  test('is not waited for by reads: those under way are answered', () => {
    const at = leader(confOf([1, 2]))
    at.raft.proposeConfChange(7, [remove(2)])
    at.raft.readIndex(5)
    settle(at.raft)
    at.raft.step(ack({ from: 2, term: at.term, index: 2 }))
    expect(reads(at.raft)).toEqual([{ context: 5, index: 1 }])
    at.raft.readIndex(6)
    expect(reads(at.raft)).toEqual([{ context: 6, index: 2 }])
  })

  test('and comes back later is known as little as any new one', () => {
    const at = leader()
    change(at, [remove(3)], [2])
    change(at, [add(3)], [2])
    expect(peer(at.raft, 3)).toMatchObject({ state: 'probe', match: 0 })
  })

  test('does not campaign, but follows, stores, and may be asked for its vote', () => {
    const removed = entry(2, 1, encodeConfChange([remove(1)]), 'confChange')
    const raft = bench({ entries: [entry(1, 1), removed], applied: 2 })
    tick(raft, 100)
    expect(raft.status().role).toBe('follower')
    const next = appendRequest({ term: 2, prev: 2, prevTerm: 1, entries: [entry(3, 2)] })
    expect(ask(raft, next)).toMatchObject([{ rejected: false, index: 3 }])
    tick(raft, 20)
    const request = voteRequest({ term: 3, last: 3, lastTerm: 2 })
    expect(ask(raft, request)).toMatchObject([{ granted: true }])
  })

  test('and led steps down; what it was asked meanwhile is refused, not forgotten', () => {
    const at = leader()
    at.raft.proposeConfChange(7, [remove(1)])
    at.raft.readIndex(5)
    settle(at.raft)
    at.raft.step(ack({ from: 2, term: at.term, index: 2 }))
    expect(reads(at.raft)).toEqual([{ context: 5, index: 0 }])
    expect(at.raft.status()).toMatchObject({ role: 'follower', term: at.term, leader: 0 })
    at.raft.propose([1], [one])
    expect(refusals(at.raft)).toEqual(['no-leader'])
  })
})

describe('a member that changes its role', () => {
  test('from learner to voter keeps what is known of its log', () => {
    const at = leader(confOf([1, 2], { learners: [nodeId(3)] }))
    change(at, [add(3)], [2, 3])
    expect(peer(at.raft, 3)).toMatchObject({ match: 2, state: 'replicate', learner: false })
  })

  test('from voter to learner counts no more', () => {
    const at = leader()
    change(at, [learn(3)], [2, 3])
    at.raft.propose([1], [one])
    settle(at.raft)
    ask(at.raft, ack({ from: 3, term: at.term, index: 3 }))
    expect(at.raft.status().commit).toBe(2)
    expect(peer(at.raft, 3)).toMatchObject({ learner: true, match: 3 })
  })

  test('from leader to learner steps down', () => {
    const at = leader()
    change(at, [learn(1)], [2, 3])
    expect(at.raft.status()).toMatchObject({ role: 'follower', leader: 0 })
    tick(at.raft, 100)
    expect(at.raft.status().role).toBe('follower')
  })

  test.each([
    [
      'a voter becomes a learner',
      confOf([1, 2, 3]),
      confOf([2, 3], { learners: [nodeId(1)] }),
      'follower',
    ],
    [
      'a learner becomes a voter',
      confOf([2, 3], { learners: [nodeId(1)] }),
      confOf([1, 2, 3]),
      'preCandidate',
    ],
    ['a stranger becomes a voter', confOf([]), confOf([1, 2, 3]), 'preCandidate'],
    ['a voter becomes a stranger', confOf([1, 2, 3]), confOf([2, 3]), 'follower'],
    [
      'a voter becomes an outgoing one',
      confOf([1, 2, 3]),
      confOf([2, 3, 4], { votersOutgoing: [1, 2, 3].map(nodeId) }),
      'preCandidate',
    ],
  ] as const)('by a snapshot, in which %s, goes by it', (_, before, after, role) => {
    const raft = bench({ confState: before })
    ask(raft, snapshotRequest({ term: 5, index: 7, snapshotTerm: 4, confState: after }))
    expect(raft.confState).toEqual(after)
    tick(raft, 20)
    expect(raft.status().role).toBe(role)
  })
})

describe('a joint membership', () => {
  const joint: ConfChange = [add(4), add(5), remove(2), remove(3)]

  test('is left once, by one entry, however much is applied', () => {
    const at = leader()
    change(at, joint, [2, 3])
    expect(at.raft.status().lastIndex).toBe(3)
    at.raft.propose([1], [one])
    settle(at.raft)
    for (const from of [2, 3, 4, 5]) ask(at.raft, ack({ from, term: at.term, index: 4 }))
    expect(at.raft.status()).toMatchObject({ lastIndex: 4, confState: { votersOutgoing: [] } })
  })

  test('is left once although other entries are applied before the entry that leaves it', () => {
    const at = leader()
    at.raft.proposeConfChange(7, joint)
    at.raft.propose([1, 2], [one, one])
    settle(at.raft)
    for (const from of [2, 3]) at.raft.step(ack({ from, term: at.term, index: 4 }))
    const { committed } = at.raft.ready()
    expect(committed.map(e => e.index)).toEqual([2, 3, 4])
    for (const { index } of committed) at.raft.applied(index)
    expect(at.raft.status()).toMatchObject({ applied: 4, lastIndex: 5 })
  })

  test('is left by nobody but the leader', () => {
    const raft = bench({ term: 3 })
    const changed = entry(1, 3, encodeConfChange(joint), 'confChange')
    ask(raft, appendRequest({ term: 3, prev: 0, prevTerm: 0, entries: [changed], commit: 1 }))
    expect(raft.confState.votersOutgoing).toEqual([1, 2, 3])
    expect(raft.status().lastIndex).toBe(1)
  })

  test('is left by a later leader that inherits it, once it has committed in its term', () => {
    const changed = entry(1, 1, encodeConfChange(joint), 'confChange')
    const raft = bench({ entries: [changed], commit: 1 })
    settle(raft)
    const term = elect(raft, [2, 3, 4, 5])
    expect(raft.status()).toMatchObject({ role: 'leader', lastIndex: 2 })
    for (const from of [2, 4]) ask(raft, ack({ from, term, index: 2 }))
    expect(raft.status()).toMatchObject({ commit: 2, lastIndex: 3 })
  })

  test('takes no other change until it is left', () => {
    const at = leader()
    change(at, joint, [2, 3])
    for (const operations of [[add(6)], [remove(2)], []]) at.raft.proposeConfChange(8, operations)
    expect(refusals(at.raft)).toEqual(['change-pending', 'change-pending', 'change-pending'])
  })

  test('is led to its end by a leader that is only in the outgoing half', () => {
    const at = leader()
    change(at, [add(4), remove(1)], [2, 3])
    expect(at.raft.status()).toMatchObject({ role: 'leader', lastIndex: 3 })
    for (const from of [2, 3]) ask(at.raft, ack({ from, term: at.term, index: 3 }))
    expect(at.raft.confState.voters).toEqual([2, 3, 4])
    expect(at.raft.status()).toMatchObject({ role: 'follower' })
  })

  test('lets an outgoing voter take over, and ends a transfer to one that is out', () => {
    const at = leader()
    change(at, joint, [2, 3])
    at.raft.transferLeadership(nodeId(2))
    expect(at.raft.status().transferee).toBe(2)
    settle(at.raft)
    for (const from of [3, 4]) ask(at.raft, ack({ from, term: at.term, index: 3 }))
    expect(at.raft.confState.voters).toEqual([1, 4, 5])
    expect(at.raft.status().transferee).toBe(0)
  })

  test('elects by both halves, a voter of both counting in each', () => {
    const confState = confOf([1, 2, 4], { votersOutgoing: [1, 2, 3].map(nodeId) })
    const raft = bench({ confState })
    tick(raft, 20)
    settle(raft)
    raft.step(voteResponse({ from: 2, term: 1, granted: true, preVote: true }))
    settle(raft)
    raft.step(voteResponse({ from: 2, term: 1, granted: true }))
    expect(raft.status().role).toBe('leader')
  })

  test('is lost by a candidate that one half refuses', () => {
    const confState = confOf([1, 4, 5], { votersOutgoing: [1, 2, 3].map(nodeId) })
    const raft = bench({ confState })
    tick(raft, 20)
    settle(raft)
    for (const from of [2, 3])
      raft.step(voteResponse({ from, term: 0, granted: false, preVote: true }))
    expect(raft.status().role).toBe('follower')
  })
})

describe('a transfer', () => {
  test.each([
    ['removed', remove(3)],
    ['made a learner', learn(3)],
  ])('to a node that is %s meanwhile ends, and proposals are taken again', (_, operation) => {
    const at = leader()
    at.raft.proposeConfChange(7, [operation])
    at.raft.transferLeadership(nodeId(3))
    settle(at.raft)
    expect(at.raft.status().transferee).toBe(3)
    ask(at.raft, ack({ from: 2, term: at.term, index: 2 }))
    expect(at.raft.status()).toMatchObject({ role: 'leader', transferee: 0 })
    at.raft.propose([1], [one])
    expect(refusals(at.raft)).toEqual([])
  })

  test('to another goes on when somebody is removed', () => {
    const at = leader(confOf([1, 2, 3, 4]))
    at.raft.proposeConfChange(7, [remove(4)])
    at.raft.transferLeadership(nodeId(3))
    settle(at.raft)
    for (const from of [2, 4]) ask(at.raft, ack({ from, term: at.term, index: 2 }))
    expect(at.raft.status()).toMatchObject({ transferee: 3, confState: { voters: [1, 2, 3] } })
  })
})

describe('a node that restarts', () => {
  const changed = entry(2, 1, encodeConfChange([add(4)]), 'confChange')

  test('goes by the membership of what it has applied, and by the rest as it applies it', () => {
    const entries = [entry(1, 1), changed, entry(3, 1, encodeConfChange([remove(3)]), 'confChange')]
    const raft = bench({ entries, commit: 3, applied: 2 })
    expect(raft.confState.voters).toEqual([1, 2, 3, 4])
    settle(raft)
    expect(raft.confState.voters).toEqual([1, 2, 4])
  })

  test('does not go by a change that may not be committed', () => {
    const raft = bench({ entries: [entry(1, 1), changed], commit: 1 })
    settle(raft)
    expect(raft.confState.voters).toEqual([1, 2, 3])
    ask(raft, heartbeat({ term: 1, commit: 2 }))
    expect(raft.confState.voters).toEqual([1, 2, 3, 4])
  })

  test('labels snapshots with the membership of their index, not with that of now', () => {
    const raft = bench({ entries: [entry(1, 1), changed, entry(3, 1)], applied: 3 })
    expect(raft.snapshotAt(logIndex(1)).confState.voters).toEqual([1, 2, 3])
    expect(raft.snapshotAt(logIndex(2)).confState.voters).toEqual([1, 2, 3, 4])
  })
})

describe('what is committed is told with every vote, asked for or answered', () => {
  const changed = entry(2, 1, encodeConfChange([add(4)]), 'confChange')
  const knowing = (): Raft => bench({ entries: [entry(1, 1), changed, entry(3, 1)], term: 1 })
  const request = { term: 2, last: 1, lastTerm: 1, preVote: true }

  test.each([
    ['of the same entry', 2, 1, 2],
    ['of an entry that is another one here', 2, 2, 0],
    ['of an entry that is not here', 4, 1, 0],
  ])('and learned if it is that %s', (_, commit, commitTerm, learned) => {
    const asked = knowing()
    ask(asked, voteRequest({ ...request, term: 3, commit, commitTerm }))
    expect(asked.status().commit).toBe(learned)
    const answered = knowing()
    ask(answered, voteResponse({ term: 1, granted: false, commit, commitTerm }))
    expect(answered.status().commit).toBe(learned)
  })

  test('truly: index and term of the own commit index', () => {
    const raft = knowing()
    ask(raft, heartbeat({ term: 1, commit: 2 }))
    tick(raft, 20)
    for (const message of settle(raft).messages) {
      expect(message).toMatchObject({ kind: 'voteRequest', commit: 2, commitTerm: 1 })
    }
    expect(ask(raft, voteRequest(request))).toMatchObject([{ commit: 2, commitTerm: 1 }])
  })

  test.each([true, false])(
    'and ends a campaign that asks the wrong ones (in advance: %s)',
    preVote => {
      const raft = knowing()
      tick(raft, 20)
      settle(raft)
      if (!preVote) raft.step(voteResponse({ from: 2, term: 2, granted: true, preVote: true }))
      const { term } = raft.status()
      raft.step(voteResponse({ from: 3, term, granted: false, preVote, commit: 2, commitTerm: 1 }))
      expect(raft.status()).toMatchObject({ role: 'follower', term, commit: 2 })
      settle(raft)
      expect(raft.confState.voters).toEqual([1, 2, 3, 4])
    },
  )

  test('and does not end a campaign that asks the right ones', () => {
    const raft = knowing()
    tick(raft, 20)
    settle(raft)
    raft.step(
      voteResponse({ from: 3, term: 1, granted: false, preVote: true, commit: 1, commitTerm: 1 }),
    )
    expect(raft.status()).toMatchObject({ role: 'preCandidate', commit: 1 })
  })

  test('and of no meaning to a leader, who counts for itself', () => {
    const raft = knowing()
    const term = elect(raft)
    ask(raft, voteResponse({ from: 3, term, granted: false, commit: 3, commitTerm: 1 }))
    expect(raft.status()).toMatchObject({ role: 'leader', commit: 0 })
  })
})
