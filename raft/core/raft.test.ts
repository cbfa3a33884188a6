// What one node does beside the rules of the paper (paper.test.ts): with what no correct node sends,
// with its disk, with the limits of flow control, at a restart, and when its log is compacted.

import { describe, expect, test } from 'vitest'
import { InvariantViolation } from '../../platform/errors.js'
import {
  ack,
  appendRequest,
  ask,
  bench,
  elect,
  entry,
  heartbeat,
  sentTo,
  settle,
  voteRequest,
} from './testing/bench-node.js'
import { logIndex, type Message, type Term } from './types.js'

const bytes = (count: number): Uint8Array => new Uint8Array(count)

describe('a message that no correct node sends', () => {
  const good = { term: 1, prev: 0, prevTerm: 0 }
  const ignored: readonly (readonly [string, Message])[] = [
    ['is for somebody else', heartbeat({ to: 3, term: 5 })],
    ['claims to be from this node', heartbeat({ from: 1, term: 5 })],
    ['is from nobody', heartbeat({ from: 0, term: 5 })],
    ['has a term that is no number', heartbeat({ term: Number.NaN })],
    ['has entries with a gap', appendRequest({ ...good, entries: [entry(2, 1)] })],
    ['has an entry of a later term', appendRequest({ ...good, entries: [entry(1, 2)] })],
    [
      'has entries whose terms decrease',
      appendRequest({ term: 3, prev: 0, prevTerm: 0, entries: [entry(1, 2), entry(2, 1)] }),
    ],
    ['asks for a vote with a log of its own term', voteRequest({ term: 5, last: 1, lastTerm: 5 })],
  ]
  test.each(ignored)('is ignored when it %s', (_, message) => {
    const raft = bench()
    raft.step(message)
    expect(raft.hasReady()).toBe(false)
    expect(raft.status()).toMatchObject({ term: 0, ignoredMessages: 1 })
  })

  test('does not commit what is not there', () => {
    const raft = bench({ log: [1] })
    ask(raft, heartbeat({ term: 1, commit: 7 }))
    expect(raft.status().commit).toBe(0)
  })

  test('does not acknowledge what the leader does not have', () => {
    const raft = bench()
    const current = elect(raft)
    ask(raft, ack({ term: current, index: 99 }))
    expect(raft.status()).toMatchObject({ commit: 0 })
    expect(raft.status().progress[0]).toMatchObject({ match: 0 })
  })

  test('ends the node when it proves that safety is lost: a committed entry would be cut', () => {
    const raft = bench({ log: [1, 1, 1], commit: 2 })
    const cut = appendRequest({ term: 5, prev: 1, prevTerm: 1, entries: [entry(2, 4)] })
    expect(() => ask(raft, cut)).toThrow('a committed entry is never cut')
  })
})

describe('what rests on the disk', () => {
  test('waits behind an earlier write even if it writes nothing itself', () => {
    const raft = bench()
    raft.step(appendRequest({ term: 1, prev: 0, prevTerm: 0, entries: [entry(1, 1)] }))
    const first = raft.ready()
    expect(first.append).toMatchObject({ mustSync: true })
    raft.step(appendRequest({ term: 1, prev: 1, prevTerm: 1 }))
    const second = raft.ready()
    expect(second.messages).toEqual([])
    expect(second.append).toMatchObject({ entries: [], hardState: null, mustSync: false })
    expect(raft.appended(first.append?.id ?? 0)).toMatchObject([{ index: 1 }])
    expect(raft.appended(second.append?.id ?? 0)).toMatchObject([{ index: 1 }])
  })

  test('leaves at once when everything is durable already', () => {
    const raft = bench({ log: [1], term: 1 })
    raft.step(appendRequest({ term: 1, prev: 1, prevTerm: 1 }))
    const ready = raft.ready()
    expect(ready.append).toBeNull()
    expect(ready.messages).toMatchObject([{ kind: 'appendResponse', index: 1 }])
  })

  test('is never released by a write that was handed out before', () => {
    const raft = bench()
    raft.tick()
    raft.step(heartbeat({ term: 1 }))
    const first = raft.ready()
    expect(first.append?.release).toEqual([])
    raft.step(appendRequest({ term: 1, prev: 0, prevTerm: 0, entries: [entry(1, 1)] }))
    expect(raft.appended(first.append?.id ?? 0)).toEqual([])
  })

  test('is not what a late write of other entries makes durable', () => {
    const raft = bench()
    raft.step(appendRequest({ term: 1, prev: 0, prevTerm: 0, entries: [entry(1, 1), entry(2, 1)] }))
    const first = raft.ready()
    const other = [entry(1, 2), entry(2, 2)]
    raft.step(appendRequest({ term: 2, prev: 0, prevTerm: 0, entries: other, commit: 2 }))
    const second = raft.ready()
    raft.appended(first.append?.id ?? 0)
    expect(raft.status().durable).toBe(0)
    expect(raft.ready().committed).toEqual([])
    raft.appended(second.append?.id ?? 0)
    expect(raft.ready().committed.map(e => e.term)).toEqual([2, 2])
  })

  test('finishes in order', () => {
    const raft = bench()
    raft.step(appendRequest({ term: 1, prev: 0, prevTerm: 0, entries: [entry(1, 1)] }))
    raft.ready()
    raft.step(appendRequest({ term: 1, prev: 1, prevTerm: 1, entries: [entry(2, 1)] }))
    const second = raft.ready()
    expect(() => raft.appended(second.append?.id ?? 0)).toThrow(InvariantViolation)
  })

  test('does not include a new commit index alone: it goes along with the next write', () => {
    const raft = bench({ log: [1], term: 1 })
    raft.step(heartbeat({ term: 1, commit: 1 }))
    const ready = raft.ready()
    expect(ready.append).toBeNull()
    expect(ready.committed).toHaveLength(1)
    raft.step(appendRequest({ term: 1, prev: 1, prevTerm: 1, entries: [entry(2, 1)], commit: 2 }))
    expect(raft.ready().append?.hardState).toMatchObject({ commit: 1 })
  })

  test('is limited: a disk that stalls gets no task beyond the limit, and nothing is lost', () => {
    const raft = bench()
    const ids: number[] = []
    for (let index = 1; index <= 300; index++) {
      const entries = [entry(index, 1)]
      const prevTerm = index === 1 ? 0 : 1
      raft.step(appendRequest({ term: 1, prev: index - 1, prevTerm, entries }))
      const { append } = raft.ready()
      if (append !== null) ids.push(append.id)
    }
    expect(ids).toHaveLength(256)
    for (const id of ids) raft.appended(id)
    const { append } = raft.ready()
    expect(append?.entries.at(-1)?.index).toBe(300)
    const released = raft.appended(append?.id ?? 0)
    expect(released.at(-1)).toMatchObject({ index: 300 })
  })
})

describe('flow control', () => {
  const large = bytes(100)

  test('a leader has a limited number of messages under way to a follower', () => {
    const raft = bench({ limits: { inflightMessagesMax: 3, entriesBytesMaxPerMessage: 1 } })
    const current = elect(raft)
    raft.step(ack({ term: current, index: 1 }))
    settle(raft)
    for (let n = 1; n <= 8; n++) raft.propose([n], [large])
    const sent = sentTo(settle(raft).messages, 2)
    expect(sent.map(m => m.kind === 'appendRequest' && m.entries[0]?.index)).toEqual([2, 3, 4])
    const freed = sentTo(ask(raft, ack({ term: current, index: 3 })), 2)
    expect(freed.map(m => m.kind === 'appendRequest' && m.entries[0]?.index)).toEqual([5, 6])
  })

  test('a leader has a limited number of bytes under way to a follower', () => {
    const raft = bench({ limits: { inflightBytesMax: 250, entriesBytesMaxPerMessage: 1 } })
    const current = elect(raft)
    raft.step(ack({ term: current, index: 1 }))
    settle(raft)
    for (let n = 1; n <= 8; n++) raft.propose([n], [large])
    expect(sentTo(settle(raft).messages, 2)).toHaveLength(2)
  })

  test('entries of a turn share messages up to a size, and a large one still goes', () => {
    const raft = bench({ limits: { entriesBytesMaxPerMessage: 400 } })
    const current = elect(raft)
    raft.step(ack({ term: current, index: 1 }))
    settle(raft)
    raft.propose([1, 2, 3, 4], [large, large, bytes(5000), large])
    const sent = sentTo(settle(raft).messages, 2)
    const counts = sent.map(m => (m.kind === 'appendRequest' ? m.entries.length : 0))
    expect(counts).toEqual([2, 1, 1])
  })

  test('proposals beyond the uncommitted limit are refused, and taken again after a commit', () => {
    const raft = bench({ limits: { uncommittedBytesMax: 300 } })
    const current = elect(raft)
    ask(raft, ack({ term: current, index: 1 }))
    raft.propose([1, 2, 3, 4], [large, large, large, large])
    const { readys } = settle(raft)
    const refused = readys.flatMap(r => r.refusedProposals)
    expect(refused).toEqual([{ sequences: [3, 4], reason: 'too-many-uncommitted' }])
    ask(raft, ack({ term: current, index: 3 }))
    expect(raft.status().uncommittedBytes).toBe(0)
    raft.propose([5], [bytes(9999)])
    expect(settle(raft).readys.flatMap(r => r.refusedProposals)).toEqual([])
  })
})

describe('a restart', () => {
  test('takes what the state machine applied as committed, though the disk does not say so', () => {
    const raft = bench({ log: [1, 1, 1], commit: 1, applied: 2 })
    expect(raft.status()).toMatchObject({ commit: 2, applied: 2 })
    expect(raft.hasReady()).toBe(false)
  })

  test('after a torn write knows the term of its last entry, without a vote in it', () => {
    const raft = bench({ log: [1, 4], term: 2, vote: 3 })
    expect(raft.status()).toMatchObject({ term: 4, vote: 0 })
  })

  test('refuses a log that does not reach the applied state', () => {
    expect(() => bench({ log: [1], applied: 2 })).toThrow(InvariantViolation)
  })
})

describe('compaction', () => {
  test('forgets terms below the start, and goes on above', () => {
    const raft = bench({ log: [1, 1, 2, 2], commit: 4 })
    settle(raft)
    raft.compact(logIndex(3))
    const termAt = (index: number): Term | null => raft.termAt(logIndex(index))
    expect([1, 2, 3, 4, 5].map(termAt)).toEqual([null, null, 2, 2, null])
    expect(raft.status().firstIndex).toBe(4)
    expect(raft.snapshotAt(logIndex(3))).toMatchObject({ index: 3, term: 2 })
    raft.compact(logIndex(1))
    expect(raft.status().firstIndex).toBe(4)
  })

  test('never goes beyond what was applied', () => {
    const raft = bench({ log: [1, 1], commit: 2 })
    expect(() => raft.compact(logIndex(1))).toThrow('only what was applied is compacted')
  })
})
