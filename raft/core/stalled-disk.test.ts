// A node whose disk does not answer: it ticks on, gives leadership up when it is told to, and does not
// campaign for what it could not write. When that is to be told, the shell judges by its own clock.

import { describe, expect, test } from 'vitest'
import type { Raft } from './raft.js'
import {
  appendRequest,
  bench,
  entry,
  heard,
  inRole,
  settle,
  tick,
  timeoutNow,
  voteRequest,
} from './testing/bench-node.js'
import { nodeId } from './types.js'

const one = new Uint8Array(1)

describe('a leader that steps down', () => {
  const steppedDown = (): Raft => {
    const raft = inRole('leader')
    raft.propose([1], [one])
    raft.ready()
    raft.stepDown()
    return raft
  }

  test('follows nobody, in the same term, though its disk answers nothing', () => {
    const raft = steppedDown()
    expect(raft.status()).toMatchObject({ role: 'follower', leader: 0, term: 4 })
    expect(raft.ready().softState).toMatchObject({ role: 'follower' })
  })

  test('refuses proposals and reads that it held, and takes no more', () => {
    const raft = inRole('leader')
    raft.readIndex(7)
    raft.stepDown()
    raft.propose([2], [one])
    const { readys } = settle(raft)
    expect(readys.flatMap(ready => ready.readStates)).toEqual([{ context: 7, index: 0 }])
    expect(readys.flatMap(ready => ready.refusedProposals)).toEqual([
      { sequences: [2], reason: 'no-leader' },
    ])
  })

  test('lets all others campaign first', () => {
    const raft = inRole('leader')
    raft.stepDown()
    settle(raft)
    tick(raft, 18)
    expect(raft.status().role).toBe('follower')
    tick(raft, 1)
    expect(raft.status().role).toBe('preCandidate')
  })

  test('votes for another, once its disk lets it', () => {
    const raft = steppedDown()
    const { lastIndex: last } = raft.status()
    raft.step(voteRequest({ term: 5, last, lastTerm: 4 }))
    const { append, messages } = raft.ready()
    expect(messages).toEqual([])
    expect(append?.hardState).toMatchObject({ term: 5, vote: 2 })
  })

  test('is nobody but a leader', () => {
    for (const role of ['follower', 'preCandidate', 'candidate'] as const) {
      const raft = inRole(role)
      const before = raft.status()
      raft.stepDown()
      expect(raft.status()).toEqual(before)
    }
  })
})

describe('a leader whose disk does not answer', () => {
  test('ticks on: its heartbeats leave, and others commit what it sends them', () => {
    const raft = inRole('leader')
    const { term } = raft.status()
    raft.propose([1], [one])
    raft.ready()
    for (let ticks = 0; ticks < 30; ticks++) {
      raft.tick()
      const { messages } = raft.ready()
      expect(messages.filter(({ kind }) => kind === 'heartbeatRequest')).toHaveLength(2)
      raft.step(heard({ from: 2, term }))
    }
    expect(raft.status().role).toBe('leader')
  })
})

describe('a follower whose disk does not answer', () => {
  const stalled = (): Raft => {
    const raft = bench({ log: [1] })
    raft.step(appendRequest({ term: 1, prev: 1, prevTerm: 1, entries: [entry(2, 1)] }))
    raft.ready()
    return raft
  }

  test('does not campaign: its own vote would have to wait', () => {
    const raft = stalled()
    for (let ticks = 0; ticks < 20; ticks++) {
      raft.step(appendRequest({ term: 1, prev: 2, prevTerm: 1 }))
      raft.tick()
    }
    tick(raft, 60)
    expect(raft.status()).toMatchObject({ role: 'follower', term: 1 })
  })

  test('does not take over either', () => {
    const raft = stalled()
    for (let ticks = 0; ticks < 20; ticks++) {
      raft.step(appendRequest({ term: 1, prev: 2, prevTerm: 1 }))
      raft.tick()
    }
    raft.step(timeoutNow({ term: 1 }))
    expect(raft.status()).toMatchObject({ role: 'follower', leader: nodeId(2) })
  })
})
