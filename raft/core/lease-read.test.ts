// Reads by lease at one node: when a leader serves without asking, and what its followers promise for
// it. The reasons are in lease.ts; a tick is a tick of this node.

import { describe, expect, test } from 'vitest'
import type { RaftConfig } from './config.js'
import type { Raft } from './raft.js'
import {
  ack,
  ask,
  bench,
  elect,
  heard,
  heartbeat,
  settle,
  tick,
  timeoutNow,
  voteRequest,
} from './testing/bench-node.js'
import { type Message, nodeId, type ReadState } from './types.js'

/** Elections take 10 ticks, so a lease ends 8 after the heartbeat was made. */
const limits: Partial<RaftConfig> = { leaseReads: { driftTicks: 2 } }
const leaseTicks = 8

/** Leads `voters`, its own entry committed; no heartbeat of its timer was sent yet. */
function leading(over: Partial<RaftConfig> = limits, voters: readonly number[] = [1, 2, 3]): Raft {
  const raft = bench({ voters, limits: over })
  const term = elect(raft, voters.slice(1))
  for (const from of voters.slice(1)) ask(raft, ack({ from, term, index: 1 }))
  return raft
}

/** The round that the next heartbeats carry. */
function beat(raft: Raft): number {
  raft.tick()
  const rounds = settle(raft).messages.flatMap(message =>
    message.kind === 'heartbeatRequest' ? [message.readRound] : [],
  )
  return rounds[0] ?? 0
}

function answered(raft: Raft, from: number, readRound: number): void {
  ask(raft, heard({ from, term: raft.status().term, readRound }))
}

interface Outcome {
  readonly states: readonly ReadState[]
  readonly messages: readonly Message[]
}

function read(raft: Raft, context: number): Outcome {
  raft.readIndex(context)
  const { readys, messages } = settle(raft)
  return { states: readys.flatMap(ready => ready.readStates), messages }
}

const served = (raft: Raft): boolean => read(raft, 7).states.length > 0

describe('a leader with a lease', () => {
  const leased = (over?: Partial<RaftConfig>, voters?: readonly number[]): Raft => {
    const raft = leading(over, voters)
    answered(raft, 2, beat(raft))
    return raft
  }

  test('serves reads at once, and asks nobody', () => {
    expect(read(leased(), 7)).toEqual({ states: [{ context: 7, index: 1 }], messages: [] })
  })

  test('serves those of followers too', () => {
    const raft = leased()
    const request: Message = {
      kind: 'readIndexRequest',
      from: nodeId(3),
      to: nodeId(1),
      term: raft.status().term,
      context: 9,
    }
    expect(ask(raft, request)).toMatchObject([{ kind: 'readIndexResponse', context: 9, index: 1 }])
  })

  test('has it until so long after the heartbeat was made, whenever it was answered', () => {
    const raft = leading()
    const round = beat(raft)
    tick(raft, 5)
    settle(raft)
    answered(raft, 2, round)
    tick(raft, leaseTicks - 6)
    expect(served(raft)).toBe(true)
    tick(raft, 1)
    expect(served(raft)).toBe(false)
  })

  test('keeps it as long as a quorum answers', () => {
    const raft = leading()
    for (let ticks = 0; ticks < 50; ticks++) {
      answered(raft, 2 + (ticks % 2), beat(raft))
      expect(served(raft)).toBe(true)
    }
  })

  test('has none by an answer to a heartbeat that was made too long ago', () => {
    const raft = leading()
    const round = beat(raft)
    tick(raft, leaseTicks)
    settle(raft)
    answered(raft, 2, round)
    expect(served(raft)).toBe(false)
  })

  test('has none by less than a quorum, nor by learners', () => {
    const raft = leading(limits, [1, 2, 3, 4, 5])
    answered(raft, 2, beat(raft))
    expect(served(raft)).toBe(false)
    answered(raft, 3, beat(raft))
    expect(served(raft)).toBe(true)
  })

  test('has none while nothing of its own term is committed: its reads wait', () => {
    const raft = bench({ limits })
    const term = elect(raft)
    answered(raft, 2, beat(raft))
    expect(served(raft)).toBe(false)
    raft.step(ack({ from: 2, term, index: 1 }))
    const states = settle(raft).readys.flatMap(ready => ready.readStates)
    expect(states).toEqual([{ context: 7, index: 1 }])
  })

  test('has none unless it is configured', () => {
    const raft = leading({})
    expect(beat(raft)).toBe(0)
    answered(raft, 2, 0)
    expect(served(raft)).toBe(false)
  })

  test('loses it when ticks were lost, and earns it by new heartbeats alone', () => {
    const raft = leased()
    const round = beat(raft)
    raft.ticksLost()
    answered(raft, 3, round)
    expect(served(raft)).toBe(false)
    answered(raft, 3, beat(raft))
    expect(served(raft)).toBe(true)
  })

  test('has none during a transfer, nor after one in which somebody was asked to take over', () => {
    const raft = leased()
    raft.transferLeadership(nodeId(2))
    expect(served(raft)).toBe(false)
    for (let ticks = 0; ticks < 12; ticks++) answered(raft, 2, beat(raft))
    expect(raft.status()).toMatchObject({ role: 'leader', transferee: 0 })
    expect(served(raft)).toBe(false)
  })

  test('has one again after a transfer in which nobody was asked', () => {
    const raft = leading()
    raft.propose([1], [new Uint8Array(1)])
    settle(raft)
    raft.transferLeadership(nodeId(3))
    for (let ticks = 0; ticks < 12; ticks++) answered(raft, 2, beat(raft))
    expect(raft.status()).toMatchObject({ role: 'leader', transferee: 0 })
    expect(served(raft)).toBe(true)
  })

  test('earns it anew from another membership', () => {
    const raft = leased()
    raft.proposeConfChange(8, [{ kind: 'addVoter', node: nodeId(4) }])
    settle(raft)
    ask(raft, ack({ from: 2, term: raft.status().term, index: 2 }))
    expect(raft.confState.voters).toHaveLength(4)
    expect(served(raft)).toBe(false)
  })

  test('has none in its next term before it is earned', () => {
    const raft = leased()
    const { term } = raft.status()
    ask(raft, heartbeat({ from: 3, term: term + 1 }))
    const next = elect(raft)
    ask(raft, ack({ from: 2, term: next, index: 2 }))
    expect(raft.status().commit).toBe(2)
    expect(served(raft)).toBe(false)
  })

  test('remembers no more heartbeats than a lease is long, though nobody answers', () => {
    const raft = leading(limits, [1, 2])
    for (let ticks = 0; ticks < 9; ticks++) beat(raft)
    answered(raft, 2, 1)
    expect(served(raft)).toBe(false)
  })
})

describe('a follower of a leader that may have a lease', () => {
  const request = { from: 3, term: 9, last: 99, lastTerm: 8 }
  const granted = [{ kind: 'voteResponse', granted: true }]

  test('elects nobody for an election timeout after it was started', () => {
    const raft = bench({ term: 1, limits })
    tick(raft, 9)
    expect(ask(raft, voteRequest(request))).toEqual([])
    expect(ask(raft, voteRequest({ ...request, preVote: true }))).toEqual([])
    tick(raft, 1)
    expect(ask(raft, voteRequest(request))).toMatchObject(granted)
  })

  test('votes at once after a start where no leases are', () => {
    expect(ask(bench({ term: 1 }), voteRequest(request))).toMatchObject(granted)
  })

  test('keeps its promise whatever it hears of later terms', () => {
    const raft = bench({ term: 1, limits })
    tick(raft, 9)
    ask(raft, heartbeat({ from: 2, term: 1 }))
    ask(raft, ack({ from: 2, term: 9, index: 0 }))
    expect(raft.status()).toMatchObject({ term: 9, leader: 0 })
    tick(raft, 9)
    settle(raft)
    expect(ask(raft, voteRequest(request))).toMatchObject([{ granted: false }])
    tick(raft, 1)
    settle(raft)
    expect(ask(raft, voteRequest(request))).toMatchObject(granted)
  })

  test('elects whom the leader itself has asked to take over', () => {
    const raft = bench({ term: 1, limits })
    ask(raft, heartbeat({ from: 2, term: 1 }))
    expect(ask(raft, voteRequest({ ...request, force: true }))).toMatchObject(granted)
  })

  test('takes over itself when it is asked to', () => {
    const raft = bench({ term: 1, limits })
    ask(raft, heartbeat({ from: 2, term: 1 }))
    ask(raft, timeoutNow({ from: 2, term: 1 }))
    expect(raft.status().role).toBe('candidate')
  })
})

describe('a leader that is removed', () => {
  test('has no lease once it has asked another to take over', () => {
    const raft = leading()
    raft.proposeConfChange(8, [{ kind: 'remove', node: nodeId(1) }])
    settle(raft)
    ask(raft, ack({ from: 2, term: raft.status().term, index: 2 }))
    expect(read(raft, 7).states).toEqual([{ context: 7, index: 0 }])
  })
})

describe('the configuration of leases', () => {
  test.each([0, 9, 10])('is refused with a drift of %i ticks', driftTicks => {
    expect(() => bench({ limits: { leaseReads: { driftTicks } } })).toThrow()
  })
})
