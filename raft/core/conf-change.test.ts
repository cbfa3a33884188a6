// Membership changes: their encoding, what they make of a membership, and that a node carries them
// out by section 6 of the paper.

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  applyConfChange,
  type ConfChange,
  decodeConfChange,
  encodeConfChange,
  isSoundConfState,
} from './conf-change.js'
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
import { type ConfState, logIndex, nodeId } from './types.js'

const add = (id: number) => ({ kind: 'addVoter', node: nodeId(id) }) as const
const learn = (id: number) => ({ kind: 'addLearner', node: nodeId(id) }) as const
const remove = (id: number) => ({ kind: 'remove', node: nodeId(id) }) as const

const changes: fc.Arbitrary<ConfChange> = fc.array(
  fc
    .tuple(fc.constantFrom(add, learn, remove), fc.integer({ min: 1, max: 6 }))
    .map(([make, id]) => make(id)),
  { maxLength: 4 },
)

describe('a change in an entry', () => {
  test('is read as it was written', () => {
    fc.assert(
      fc.property(changes, change => {
        expect(decodeConfChange(encodeConfChange(change))).toEqual(change)
      }),
    )
  })

  test('is refused, never thrown at, when it is anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), bytes => {
        const change = decodeConfChange(bytes)
        if (change !== null) expect(encodeConfChange(change)).toEqual(bytes)
      }),
    )
  })
})

describe('a membership', () => {
  const cases: readonly (readonly [string, ConfState, ConfChange, ConfState])[] = [
    ['grows by one voter at once', confOf([1, 2]), [add(3)], confOf([1, 2, 3])],
    ['shrinks by one voter at once', confOf([1, 2, 3]), [remove(2)], confOf([1, 3])],
    ['takes a learner', confOf([1]), [learn(2)], confOf([1], { learners: [nodeId(2)] })],
    ['promotes a learner', confOf([1], { learners: [nodeId(2)] }), [add(2)], confOf([1, 2])],
    [
      'becomes joint for several changes',
      confOf([1, 2, 3]),
      [add(4), remove(1)],
      confOf([2, 3, 4], { votersOutgoing: [1, 2, 3].map(nodeId) }),
    ],
    [
      'keeps a voter that becomes a learner until the joint membership is left',
      confOf([1, 2, 3]),
      [add(4), learn(3)],
      confOf([1, 2, 4], {
        votersOutgoing: [1, 2, 3].map(nodeId),
        learnersNext: [nodeId(3)],
      }),
    ],
    [
      'leaves the joint membership',
      confOf([1, 2, 4], {
        votersOutgoing: [1, 2, 3].map(nodeId),
        learnersNext: [nodeId(3)],
      }),
      [],
      confOf([1, 2, 4], { learners: [nodeId(3)] }),
    ],
  ]
  test.each(cases)('%s', (_, before, change, after) => {
    expect(applyConfChange(before, change)).toEqual(after)
  })

  test('never loses its last voter, and takes no second change while joint', () => {
    const alone = confOf([1])
    expect(applyConfChange(alone, [remove(1)])).toBe(alone)
    expect(applyConfChange(alone, [])).toBe(alone)
    expect(applyConfChange(alone, null)).toBe(alone)
    const joint = confOf([1, 2], { votersOutgoing: [nodeId(1)] })
    expect(applyConfChange(joint, [add(3)])).toBe(joint)
  })

  test('stays sound whatever changes come', () => {
    fc.assert(
      fc.property(fc.array(changes, { maxLength: 8 }), sequence => {
        let conf = confOf([1, 2, 3])
        for (const change of sequence) {
          conf = applyConfChange(conf, change)
          expect(isSoundConfState(conf)).toBe(true)
          expect(conf.voters.length).toBeGreaterThan(0)
        }
      }),
    )
  })
})

describe('a node', () => {
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
