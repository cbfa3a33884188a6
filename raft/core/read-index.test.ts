// Golden scripts of linearizable reads: section 8 of the paper, 6.4 of the thesis. The language is
// explained in testing/script.ts.

import { describe, expect, test } from 'vitest'
import type { RaftConfig } from './config.js'
import type { Raft } from './raft.js'
import { bench, elect, ack, ask, heard, heartbeat, settle } from './testing/bench-node.js'
import { normalize, replay } from './testing/script.js'
import { logIndex, type Message, nodeId, type ReadState, term } from './types.js'

function golden(name: string, script: string, limits: Partial<RaftConfig> = {}): void {
  test(name, () => {
    expect(replay(script, limits)).toBe(normalize(script))
  })
}

describe('linearizable reads', () => {
  golden(
    'Section 8 and thesis 6.4: reads of one turn share a round of heartbeats, and followers ask the leader',
    `
      > nodes 1 2 3
      > elect 1
      > propose 1 x
        1 wrote term 1 vote 1 commit 1, 2/1
      > stabilize
        1->2 t1 append after 1/1: 2/1:x, commit 1
        1->3 t1 append after 1/1: 2/1:x, commit 1
        2 wrote term 1 vote 1 commit 1, 2/1
        3 wrote term 1 vote 1 commit 1, 2/1
        2->1 t1 ack 2
        3->1 t1 ack 2
        1 applies 2:x
        1->2 t1 append after 2/1: nothing, commit 2
        1->3 t1 append after 2/1: nothing, commit 2
        2 applies 2:x
        3 applies 2:x
        2->1 t1 ack 2
        3->1 t1 ack 2
      > read 1 7 8
      > read 3 9
      > stabilize
        1->2 t1 heartbeat, commit 2, round 1
        1->3 t1 heartbeat, commit 2, round 1
        3->1 t1 read 9?
        1->2 t1 heartbeat, commit 2, round 2
        1->3 t1 heartbeat, commit 2, round 2
        2->1 t1 heard, round 1
        3->1 t1 heard, round 1
        1 read 7 served at 2
        1 read 8 served at 2
        2->1 t1 heard, round 2
        3->1 t1 heard, round 2
        1->3 t1 read 9 at 2
        3 read 9 served at 2
    `,
  )

  golden(
    'Thesis 6.4: a leader that was replaced without knowing it serves no read',
    `
      > nodes 1 2 3
      > elect 1
      > partition 1 | 2 3
      > tick 3 10
      > elect 2
      > propose 2 new
        2 wrote term 2 vote 2 commit 2, 3/2
      > stabilize
        2->3 t2 append after 2/2: 3/2:new, commit 2
        3 wrote term 2 vote 2 commit 2, 3/2
        3->2 t2 ack 3
        2 applies 3:new
        2->3 t2 append after 3/2: nothing, commit 3
        3 applies 3:new
        3->2 t2 ack 3
      > read 1 7
      > stabilize
        1->2 t1 heartbeat, commit 1, round 1 (lost)
        1->3 t1 heartbeat, commit 1, round 1 (lost)
      > heal
      > tick 1
      > stabilize
        1->2 t1 heartbeat, commit 1, round 1
        1->3 t1 heartbeat, commit 1, round 1
        2->1 t2 reject 0, try 0/0
        3->1 t2 reject 0, try 0/0
        1 is follower in term 2
        1 read 7 refused
        1 wrote term 2 vote 0 commit 1
    `,
  )

  golden(
    'Section 8: a new leader serves no read before it has committed an entry of its term',
    `
      > nodes 1 2 3
      > elect 1
      > propose 1 x
        1 wrote term 1 vote 1 commit 1, 2/1
      > stabilize
        1->2 t1 append after 1/1: 2/1:x, commit 1
        1->3 t1 append after 1/1: 2/1:x, commit 1
        2 wrote term 1 vote 1 commit 1, 2/1
        3 wrote term 1 vote 1 commit 1, 2/1
        2->1 t1 ack 2
        3->1 t1 ack 2
        1 applies 2:x
        1->2 t1 append after 2/1: nothing, commit 2
        1->3 t1 append after 2/1: nothing, commit 2
        2 applies 2:x
        3 applies 2:x
        2->1 t1 ack 2
        3->1 t1 ack 2
      > crash 1
      > tick 3 10
      > hold 3
      > campaign 2
        2 is preCandidate in term 1
      > deliver
        2->1 t2 preVote? last 2/1 (lost)
        2->3 t2 preVote? last 2/1
      > deliver
        3->2 t2 preVote yes
        2 is candidate in term 2
        2 wrote term 2 vote 2 commit 2
      > deliver
        2->1 t2 vote? last 2/1 (lost)
        2->3 t2 vote? last 2/1
        3 is follower in term 2
      > write 3
        3 wrote term 2 vote 2 commit 2
      > deliver
        3->2 t2 vote yes
        2 is leader in term 2
        2 wrote 3/2
      > read 2 7
      > stabilize
        2->1 t2 append after 2/1: 3/2:noop, commit 2 (lost)
        2->3 t2 append after 2/1: 3/2:noop, commit 2
        3 is follower of 2 in term 2
      > flow 3
        3 wrote 3/2
      > stabilize
        3->2 t2 ack 3
        2->1 t2 heartbeat, commit 0, round 1 (lost)
        2->3 t2 heartbeat, commit 3, round 1
        2->3 t2 append after 3/2: nothing, commit 3
        3->2 t2 heard, round 1
        3->2 t2 ack 3
        2 read 7 served at 3
    `,
  )
})

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
