// What a node makes of membership changes in its log: section 6 of the paper, chapter 4 of the thesis.
// The mathematics is in conf-change.test.ts; what a cluster does is told in golden/change-*.txt.

import { describe, expect, test } from 'vitest'
import { type ConfChange, encodeConfChange } from './conf-change.js'
import type { Raft } from './raft.js'
import {
  ack,
  ask,
  bench,
  confOf,
  elect,
  entry,
  settle,
  voteResponse,
} from './testing/bench-node.js'
import { logIndex, nodeId } from './types.js'

const add = (id: number) => ({ kind: 'addVoter', node: nodeId(id) }) as const
const remove = (id: number) => ({ kind: 'remove', node: nodeId(id) }) as const

describe('Section 6: a node', () => {
  const withChange = (change: ConfChange): Raft =>
    bench({
      voters: [1, 2, 3],
      entries: [entry(1, 1, encodeConfChange(change), 'confChange')],
    })

  test('uses a change from the moment it is applied, not before', () => {
    const raft = withChange([add(4)])
    const term = elect(raft)
    expect(raft.confState.voters).toEqual([1, 2, 3])
    ask(raft, ack({ term, from: 2, index: 2 }))
    expect(raft.confState.voters).toEqual([1, 2, 3, 4])
    raft.propose([1], [new Uint8Array(1)])
    settle(raft)
    ask(raft, ack({ term, from: 2, index: 3 }))
    expect(raft.status().commit).toBe(2)
    ask(raft, ack({ term, from: 4, index: 3 }))
    expect(raft.status().commit).toBe(3)
  })

  test('needs both majorities while joint, and then leaves the joint membership by itself', () => {
    const raft = withChange([add(4), add(5), remove(2), remove(3)])
    const term = elect(raft)
    ask(raft, ack({ term, from: 2, index: 2 }))
    expect(raft.confState).toMatchObject({ voters: [1, 4, 5], votersOutgoing: [1, 2, 3] })
    // Entry 3 leaves. The new majority alone does not commit it, nor the old one alone.
    expect(raft.status().lastIndex).toBe(3)
    ask(raft, ack({ term, from: 4, index: 3 }))
    ask(raft, ack({ term, from: 5, index: 3 }))
    expect(raft.status().commit).toBe(2)
    ask(raft, ack({ term, from: 3, index: 3 }))
    expect(raft.confState).toEqual(confOf([1, 4, 5]))
    expect(raft.status().progress.map(peer => peer.id)).toEqual([4, 5])
  })

  test('is elected by both majorities while joint', () => {
    const votersOutgoing = [1, 2, 3].map(nodeId)
    const raft = bench({ confState: confOf([1, 4, 5], { votersOutgoing }), term: 3 })
    while (raft.status().role === 'follower') raft.tick()
    raft.step(voteResponse({ from: 4, term: 4, granted: true, preVote: true }))
    raft.step(voteResponse({ from: 5, term: 4, granted: true, preVote: true }))
    expect(raft.status().role).toBe('preCandidate')
    raft.step(voteResponse({ from: 2, term: 4, granted: true, preVote: true }))
    settle(raft)
    expect(raft.status().role).toBe('candidate')
    raft.step(voteResponse({ from: 4, term: 4, granted: true }))
    raft.step(voteResponse({ from: 5, term: 4, granted: true }))
    expect(raft.status().role).toBe('candidate')
    raft.step(voteResponse({ from: 3, term: 4, granted: true }))
    expect(raft.status().role).toBe('leader')
  })

  test('that leads steps down once its own removal is applied, and campaigns no more', () => {
    const raft = withChange([remove(1)])
    const term = elect(raft)
    ask(raft, ack({ term, from: 2, index: 2 }))
    expect(raft.status()).toMatchObject({ role: 'follower', leader: 0 })
    for (let ticks = 0; ticks < 60; ticks++) raft.tick()
    expect(raft.status().role).toBe('follower')
  })

  test('does not campaign before it has applied a change that is committed', () => {
    const raft = bench({
      entries: [entry(1, 1, encodeConfChange([add(4)]), 'confChange')],
      commit: 1,
    })
    for (let ticks = 0; ticks < 60; ticks++) raft.tick()
    expect(raft.status().role).toBe('follower')
    settle(raft)
    for (let ticks = 0; ticks < 60; ticks++) raft.tick()
    expect(raft.status().role).toBe('preCandidate')
  })

  test('that restarts takes every change but the last of its log for committed', () => {
    const changed = (index: number, change: ConfChange) =>
      entry(index, 1, encodeConfChange(change), 'confChange')
    const one = bench({ entries: [entry(1, 1), changed(2, [add(4)]), entry(3, 1)] })
    expect(one.status().commit).toBe(0)
    const two = bench({
      entries: [entry(1, 1), changed(2, [add(4)]), entry(3, 1), changed(4, [add(5)])],
    })
    expect(two.status().commit).toBe(2)
    for (let ticks = 0; ticks < 60; ticks++) two.tick()
    expect(two.status().role).toBe('follower')
    settle(two)
    expect(two.confState.voters).toEqual([1, 2, 3, 4])
  })

  test('knows the membership of every state it can still make a snapshot of', () => {
    const raft = bench({
      entries: [
        entry(1, 1),
        entry(2, 1, encodeConfChange([add(4)]), 'confChange'),
        entry(3, 1, encodeConfChange([remove(2)]), 'confChange'),
      ],
      applied: 3,
    })
    const votersAt = (index: number) => raft.snapshotAt(logIndex(index)).confState.voters
    expect(votersAt(1)).toEqual([1, 2, 3])
    expect(votersAt(2)).toEqual([1, 2, 3, 4])
    expect(votersAt(3)).toEqual([1, 3, 4])
    raft.compact(logIndex(2))
    expect(votersAt(2)).toEqual([1, 2, 3, 4])
    expect(votersAt(3)).toEqual([1, 3, 4])
  })

  test('takes an entry that is no change for no change', () => {
    const raft = bench({ entries: [entry(1, 1, new Uint8Array([9, 9]), 'confChange')], applied: 1 })
    expect(raft.confState).toEqual(confOf([1, 2, 3]))
  })
})
