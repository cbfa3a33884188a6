// Changes of membership as a leader proposes them: what it refuses and why, and what it does when the
// change is its own removal. Section 6 of the paper, chapter 4 of the thesis.

import { describe, expect, test } from 'vitest'
import type { ConfChange, ConfChangeOperation } from './conf-change.js'
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
  sentTo,
  settle,
  tick,
  timeoutNow,
} from './testing/bench-node.js'
import { encodeConfChange } from './conf-change.js'
import { logIndex, nodeId, type ProposalRefusal } from './types.js'

const add = (id: number, name?: string): ConfChangeOperation =>
  name === undefined
    ? { kind: 'addVoter', node: nodeId(id) }
    : { kind: 'addVoter', node: nodeId(id), member: { name, address: `${name}:1` } }
const learn = (id: number) => ({ kind: 'addLearner', node: nodeId(id) }) as const
const remove = (id: number) => ({ kind: 'remove', node: nodeId(id) }) as const

const refusals = (raft: Raft): (readonly [readonly number[], ProposalRefusal])[] =>
  settle(raft)
    .readys.flatMap(ready => ready.refusedProposals)
    .map(({ sequences, reason }) => [sequences, reason])

/** Leads in the term it gives, and everything up to index 1 is applied. */
function leading(voters: readonly number[] = [1, 2, 3]): Raft {
  const raft = bench({ voters })
  const term = elect(raft, voters.slice(1))
  for (const from of voters.slice(1)) ask(raft, ack({ term, from, index: 1 }))
  return raft
}

/** `voters` acknowledge everything, until there is nothing more. */
function acknowledge(raft: Raft, voters: readonly number[]): void {
  for (let round = 0; round < 4; round++) {
    const { term, lastIndex: index } = raft.status()
    for (const from of voters) ask(raft, ack({ term, from, index }))
  }
}

describe('a change of membership', () => {
  test('is answered by its sequence among the committed entries, once it is in force', () => {
    const raft = leading()
    raft.proposeConfChange(7, [add(4, 'four')])
    settle(raft)
    const { term } = raft.status()
    raft.step(ack({ term, from: 2, index: 2 }))
    const committed = settle(raft).readys.flatMap(ready => ready.committed)
    expect(committed).toMatchObject([{ kind: 'confChange', origin: 1, sequence: 7 }])
    expect(raft.confState).toEqual(
      confOf([1, 2, 3, 4], {
        addresses: [{ node: nodeId(4), name: 'four', address: 'four:1' }],
      }),
    )
  })

  test('is refused by who does not lead', () => {
    const raft = bench()
    ask(raft, heartbeat({ term: 1 }))
    raft.proposeConfChange(7, [add(4)])
    expect(refusals(raft)).toEqual([[[7], 'not-leader']])
  })

  test('is refused while leadership is handed over', () => {
    const raft = leading()
    raft.transferLeadership(nodeId(2))
    raft.proposeConfChange(7, [add(4)])
    expect(refusals(raft)).toEqual([[[7], 'transferring']])
  })

  test('is refused until an entry of the own term is applied', () => {
    const raft = bench({ log: [1, 1], commit: 2 })
    const term = elect(raft)
    raft.proposeConfChange(7, [add(4)])
    expect(refusals(raft)).toEqual([[[7], 'change-pending']])
    ask(raft, ack({ term, from: 2, index: 3 }))
    raft.proposeConfChange(8, [add(4)])
    expect(refusals(raft)).toEqual([])
  })

  test('is refused until the one before is applied, even if it is committed', () => {
    const raft = leading()
    raft.proposeConfChange(7, [add(4)])
    raft.proposeConfChange(8, [add(5)])
    expect(refusals(raft)).toEqual([[[8], 'change-pending']])
    raft.step(ack({ term: raft.status().term, from: 2, index: 2 }))
    const { committed } = raft.ready()
    raft.proposeConfChange(9, [add(5)])
    expect(refusals(raft)).toEqual([[[9], 'change-pending']])
    raft.applied(committed.at(-1)?.index ?? logIndex(0))
    raft.proposeConfChange(10, [add(5)])
    expect(refusals(raft)).toEqual([])
  })

  test('is refused while the membership is joint', () => {
    const raft = leading()
    raft.proposeConfChange(7, [add(4), remove(3)])
    settle(raft)
    ask(raft, ack({ term: raft.status().term, from: 2, index: 2 }))
    expect(raft.confState.votersOutgoing).toEqual([1, 2, 3])
    raft.proposeConfChange(8, [add(5)])
    raft.proposeConfChange(9, [])
    expect(refusals(raft)).toEqual([
      [[8], 'change-pending'],
      [[9], 'change-pending'],
    ])
    acknowledge(raft, [2, 4])
    expect(raft.confState).toEqual(confOf([1, 2, 4]))
  })

  const invalid: readonly (readonly [string, ConfChange])[] = [
    ['names nobody', []],
    ['adds a voter that is one', [add(2)]],
    ['removes a stranger', [remove(9)]],
    ['removes every voter', [remove(1), remove(2), remove(3)]],
    ['comes to nothing', [add(4), remove(4)]],
    ['names a node that cannot be', [{ kind: 'addVoter', node: nodeId(0) }]],
    ['has a name too long to be written', [add(4, 'x'.repeat(256))]],
    ['has more operations than can be written', Array.from({ length: 256 }, (_, i) => add(9 + i))],
  ]
  test.each(invalid)('is refused when it %s', (_, change) => {
    const raft = leading()
    raft.proposeConfChange(7, change)
    expect(refusals(raft)).toEqual([[[7], 'change-invalid']])
    expect(raft.status().lastIndex).toBe(1)
  })

  test('counts a learner only from its promotion on', () => {
    const raft = leading()
    raft.proposeConfChange(7, [learn(4)])
    settle(raft)
    const { term } = raft.status()
    ask(raft, ack({ term, from: 4, index: 2 }))
    expect(raft.status().commit).toBe(1)
    acknowledge(raft, [2])
    expect(raft.confState.learners).toEqual([4])
    raft.proposeConfChange(8, [add(4)])
    settle(raft)
    acknowledge(raft, [2])
    expect(raft.confState).toEqual(confOf([1, 2, 3, 4]))
    raft.propose([9], [new Uint8Array(1)])
    settle(raft)
    const { lastIndex: index } = raft.status()
    ask(raft, ack({ term, from: 2, index }))
    expect(raft.status().commit).toBe(index - 1)
    ask(raft, ack({ term, from: 4, index }))
    expect(raft.status().commit).toBe(index)
  })
})

describe('a leader that is removed', () => {
  const removing = (change: ConfChange = [remove(1)]): Raft => {
    const raft = leading()
    raft.proposeConfChange(7, change)
    settle(raft)
    return raft
  }

  test('leads, and is counted, until its removal is applied', () => {
    const raft = removing()
    const { term } = raft.status()
    expect(raft.status()).toMatchObject({ role: 'leader', commit: 1 })
    raft.step(ack({ term, from: 2, index: 2 }))
    expect(raft.status()).toMatchObject({ role: 'leader', commit: 2 })
  })

  test('then tells the others what is committed, and asks the furthest to take over', () => {
    const raft = removing()
    const { term } = raft.status()
    raft.propose([8], [new Uint8Array(1)])
    settle(raft)
    const messages = ask(raft, ack({ term, from: 3, index: 3 }))
    for (const to of [2, 3])
      expect(sentTo(messages, to)).toContainEqual(
        expect.objectContaining({ kind: 'appendRequest', commit: 3 }),
      )
    expect(messages.filter(({ kind }) => kind === 'timeoutNow')).toMatchObject([{ to: 3 }])
    expect(raft.status()).toMatchObject({ role: 'follower', leader: 0, term })
    tick(raft, 60)
    expect(raft.status().role).toBe('follower')
  })

  test('asks nobody who was silent', () => {
    const raft = removing()
    const { term } = raft.status()
    // Looked at twice: what is heard between is of 2 alone.
    for (let ticks = 0; ticks < 20; ticks++) {
      raft.tick()
      ask(raft, heard({ from: 2, term }))
    }
    const messages = ask(raft, ack({ term, from: 2, index: 2 }))
    expect(messages.filter(({ kind }) => kind === 'timeoutNow')).toMatchObject([{ to: 2 }])
  })

  test('by a replacement leads through the joint membership, and goes with it', () => {
    const raft = removing([add(4), remove(1)])
    acknowledge(raft, [2])
    expect(raft.status().role).toBe('leader')
    expect(raft.confState).toMatchObject({ voters: [2, 3, 4], votersOutgoing: [1, 2, 3] })
    acknowledge(raft, [2, 4])
    expect(raft.status().role).toBe('follower')
    expect(raft.confState).toEqual(confOf([2, 3, 4]))
  })

  test('by being made a learner follows from then on', () => {
    const raft = removing([learn(1)])
    acknowledge(raft, [2])
    expect(raft.status()).toMatchObject({ role: 'follower', leader: 0 })
    expect(raft.confState).toEqual(confOf([2, 3], { learners: [nodeId(1)] }))
  })
})

describe('a follower that is asked to take over', () => {
  const change = encodeConfChange([remove(2)])
  const asked = (): Raft => {
    const raft = bench({ log: [1] })
    const entries = [entry(2, 1, change, 'confChange')]
    raft.step(appendRequest({ term: 1, prev: 1, prevTerm: 1, entries, commit: 2 }))
    const { append } = raft.ready()
    raft.appended(append?.id ?? 0)
    raft.step(timeoutNow({ term: 1 }))
    expect(raft.status().role).toBe('follower')
    return raft
  }

  test('first applies the change that is committed', () => {
    const raft = asked()
    raft.ready()
    raft.applied(logIndex(2))
    expect(raft.status()).toMatchObject({ role: 'candidate', term: 2 })
  })

  test('does not when it has applied it too late', () => {
    const raft = asked()
    raft.ready()
    for (let ticks = 0; ticks < 10; ticks++) {
      raft.step(heartbeat({ term: 1, commit: 2 }))
      raft.tick()
    }
    raft.applied(logIndex(2))
    expect(raft.status()).toMatchObject({ role: 'follower', term: 1 })
  })

  test('does not in a later term', () => {
    const raft = asked()
    raft.ready()
    raft.step(heartbeat({ from: 3, term: 2, commit: 2 }))
    raft.applied(logIndex(2))
    expect(raft.status()).toMatchObject({ role: 'follower', leader: 3, term: 2 })
  })
})
