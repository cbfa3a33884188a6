// Linearizable reads at one node: section 8 of the paper, 6.4 of the thesis. What a cluster does is
// told in golden/read-*.txt.

import { describe, expect, test } from 'vitest'
import type { Raft } from './raft.js'
import { bench, elect, ack, ask, heard, heartbeat, settle } from './testing/bench-node.js'
import { logIndex, type Message, nodeId, type ReadState, term } from './types.js'

describe('a read', () => {
  const states = (raft: Raft): ReadState[] => settle(raft).readys.flatMap(r => r.readStates)

  const responseTo = (context: number, index: number, sentIn = 1): Message => ({
    kind: 'readIndexResponse',
    from: nodeId(2),
    to: nodeId(1),
    term: term(sentIn),
    context,
    index: logIndex(index),
  })

  const following = (): Raft => {
    const raft = bench({ term: 1 })
    ask(raft, heartbeat({ from: 2, term: 1 }))
    return raft
  }

  test('is refused where no leader is known', () => {
    const raft = bench()
    raft.readIndex(7)
    expect(states(raft)).toEqual([{ context: 7, index: 0 }])
  })

  test('is answered at once by a node that is alone', () => {
    const raft = bench({ voters: [1] })
    elect(raft, [])
    raft.readIndex(7)
    expect(states(raft)).toEqual([{ context: 7, index: 1 }])
  })

  test('of a follower is refused when the leader changes', () => {
    const raft = following()
    raft.readIndex(7)
    settle(raft)
    raft.step(heartbeat({ from: 3, term: 2 }))
    expect(states(raft)).toEqual([{ context: 7, index: 0 }])
    raft.step(responseTo(7, 5))
    expect(states(raft)).toEqual([])
  })

  test('of a follower is refused when no answer comes for an election timeout', () => {
    const raft = following()
    raft.readIndex(7)
    settle(raft)
    for (let ticks = 0; ticks < 9; ticks++) {
      raft.tick()
      expect(states(raft)).toEqual([])
      raft.step(heartbeat({ from: 2, term: 1 }))
    }
    raft.tick()
    expect(states(raft)).toEqual([{ context: 7, index: 0 }])
  })

  test('is answered once, however often the answer comes', () => {
    const raft = following()
    raft.readIndex(7)
    settle(raft)
    raft.step(responseTo(7, 5))
    raft.step(responseTo(7, 9))
    expect(states(raft)).toEqual([{ context: 7, index: 5 }])
  })

  test('is not confirmed by responses to an earlier round of heartbeats', () => {
    const raft = bench()
    const current = elect(raft)
    ask(raft, ack({ from: 2, term: current, index: 1 }))
    raft.readIndex(7)
    settle(raft)
    raft.step(heard({ from: 2, term: current, readRound: 0 }))
    expect(states(raft)).toEqual([])
    raft.readIndex(8)
    settle(raft)
    raft.step(heard({ from: 2, term: current, readRound: 1 }))
    expect(states(raft)).toEqual([{ context: 7, index: 1 }])
    raft.step(heard({ from: 2, term: current, readRound: 3 }))
    expect(states(raft)).toEqual([])
    raft.step(heard({ from: 3, term: current, readRound: 2 }))
    expect(states(raft)).toEqual([{ context: 8, index: 1 }])
  })

  test('is not confirmed by a learner', () => {
    const confState = { ...bench({ voters: [1, 2] }).confState, learners: [nodeId(3)] }
    const raft = bench({ confState })
    const current = elect(raft, [2])
    ask(raft, ack({ from: 2, term: current, index: 1 }))
    raft.readIndex(7)
    settle(raft)
    raft.step(heard({ from: 3, term: current, readRound: 1 }))
    expect(states(raft)).toEqual([])
    raft.step(heard({ from: 2, term: current, readRound: 1 }))
    expect(states(raft)).toEqual([{ context: 7, index: 1 }])
  })

  test('is repeated by the next heartbeat when its round was lost', () => {
    const raft = bench()
    const current = elect(raft)
    ask(raft, ack({ from: 2, term: current, index: 1 }))
    raft.readIndex(7)
    settle(raft)
    raft.tick()
    expect(settle(raft).messages).toMatchObject([{ readRound: 1 }, { readRound: 1 }])
  })

  test('beyond the limit of what a leader holds is refused', () => {
    const raft = bench()
    elect(raft)
    for (let context = 1; context <= 65_537; context++) raft.readIndex(context)
    expect(states(raft)).toEqual([{ context: 65_537, index: 0 }])
  })
})
