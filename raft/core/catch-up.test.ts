// Feeding a follower whose entries the leader has on disk alone, at one node. What a cluster makes of
// it is in the simulation, where half of the nodes keep a few hundred bytes of log in memory.

import { describe, expect, test } from 'vitest'
import { InvariantViolation } from '../../platform/errors.js'
import type { RaftConfig } from './config.js'
import { encodeConfChange } from './conf-change.js'
import { Raft } from './raft.js'
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
  reject,
  sentTo,
  settle,
} from './testing/bench-node.js'
import { testLimits } from './testing/test-node.js'
import { seededRandom } from '../../platform/seeded-random.js'
import {
  type Entry,
  type EntryFetch,
  type LogIndex,
  logIndex,
  type Message,
  nodeId,
  term,
} from './types.js'

/** An entry weighs 48 bytes and its payload. */
const weight = 148
const log: readonly Entry[] = Array.from({ length: 10 }, (_, at) =>
  entry(at + 1, at < 6 ? 1 : 2, new Uint8Array(100)),
)

/**
 * Leads in term 3 with entries 1 to 10 of terms 1 and 2 applied and 11, its own, committed; 8 to 11
 * are in memory. Follower 3 is probed at `probed`.
 */
function leading(probed: number, limits: Partial<RaftConfig> = {}): Raft {
  const raft = bench({
    entries: log,
    commit: 10,
    term: 2,
    limits: { cachedBytesMax: 3 * weight + 48, entriesBytesMaxPerMessage: 3 * weight, ...limits },
  })
  const current = elect(raft)
  ask(raft, ack({ from: 2, term: current, index: 11 }))
  ask(raft, reject({ from: 3, term: current, prev: 10, hint: probed, hintTerm: 1 }))
  return raft
}

interface Fetched {
  readonly fetches: readonly EntryFetch[]
  readonly messages: readonly Message[]
}

function fetching(raft: Raft, message: Message): Fetched {
  raft.step(message)
  const { readys, messages } = settle(raft)
  return { fetches: readys.flatMap(ready => ready.fetches), messages }
}

function found(from: number, to: number) {
  return { prevTerm: term(from - 1 > 6 ? 2 : from === 1 ? 0 : 1), entries: log.slice(from - 1, to) }
}

const indexes = (messages: readonly Message[]): number[] =>
  messages.flatMap(m => (m.kind === 'appendRequest' ? m.entries.map(({ index }) => index) : []))

describe('a follower whose entries are on disk alone', () => {
  const current = 3

  test('is probed by a message without entries', () => {
    const raft = leading(5)
    const back = ask(raft, reject({ from: 3, term: current, prev: 5, hint: 2, hintTerm: 1 }))
    expect(sentTo(back, 3)).toMatchObject([{ prevIndex: 2, prevTerm: 1, entries: [] }])
  })

  test('is fed by fetches, one under way, until it needs what is in memory', () => {
    const raft = leading(2)
    const { fetches } = fetching(raft, ack({ from: 3, term: current, index: 2 }))
    expect(fetches).toMatchObject([{ to: 3, from: 3, bytesMax: 3 * weight }])
    raft.fetched(fetches[0]?.id ?? 0, found(3, 5))
    const first = settle(raft)
    expect(sentTo(first.messages, 3)).toMatchObject([{ prevIndex: 2, prevTerm: 1, commit: 11 }])
    expect(indexes(sentTo(first.messages, 3))).toEqual([3, 4, 5])
    const [second] = first.readys.flatMap(ready => ready.fetches)
    expect(second).toMatchObject({ to: 3, from: 6 })
    raft.fetched(second?.id ?? 0, found(6, 8))
    const last = settle(raft)
    expect(indexes(sentTo(last.messages, 3))).toEqual([6, 7, 8, 9, 10, 11])
    expect(last.readys.flatMap(ready => ready.fetches)).toEqual([])
  })

  test('does not hold up the others', () => {
    const raft = leading(2)
    fetching(raft, ack({ from: 3, term: current, index: 2 }))
    raft.propose([5], [new Uint8Array(1)])
    const { messages } = settle(raft)
    expect(indexes(sentTo(messages, 2))).toEqual([12])
    expect(sentTo(messages, 3)).toEqual([])
  })

  test('is sent a snapshot when they were compacted meanwhile', () => {
    const raft = leading(2)
    const { fetches } = fetching(raft, ack({ from: 3, term: current, index: 2 }))
    raft.compact(logIndex(5))
    raft.fetched(fetches[0]?.id ?? 0, null)
    expect(sentTo(settle(raft).messages, 3)).toMatchObject([{ kind: 'snapshotRequest' }])
  })

  test('takes what was read before they were compacted', () => {
    const raft = leading(2)
    const { fetches } = fetching(raft, ack({ from: 3, term: current, index: 2 }))
    raft.compact(logIndex(4))
    raft.fetched(fetches[0]?.id ?? 0, found(3, 5))
    const { messages, readys } = settle(raft)
    expect(indexes(sentTo(messages, 3))).toEqual([3, 4, 5])
    expect(readys.flatMap(ready => ready.fetches)).toMatchObject([{ from: 6 }])
  })

  test('is asked for no more than flow control has room for', () => {
    const raft = leading(2, { inflightMessagesMax: 1, entriesBytesMaxPerMessage: weight })
    const { fetches } = fetching(raft, ack({ from: 3, term: current, index: 2 }))
    raft.fetched(fetches[0]?.id ?? 0, found(3, 5))
    const { messages, readys } = settle(raft)
    expect(indexes(sentTo(messages, 3))).toEqual([3])
    expect(readys.flatMap(ready => ready.fetches)).toEqual([])
    const next = fetching(raft, ack({ from: 3, term: current, index: 3 }))
    expect(next.fetches).toMatchObject([{ from: 4 }])
  })
})

describe('an answer of the disk that comes too late', () => {
  const current = 3
  const asked = (): { raft: Raft; id: number } => {
    const raft = leading(2)
    const { fetches } = fetching(raft, ack({ from: 3, term: current, index: 2 }))
    return { raft, id: fetches[0]?.id ?? 0 }
  }

  test('is dropped when the follower has got on otherwise, and asked for anew', () => {
    const { raft, id } = asked()
    expect(fetching(raft, ack({ from: 3, term: current, index: 4 })).fetches).toEqual([])
    raft.fetched(id, found(3, 5))
    const { messages, readys } = settle(raft)
    expect(indexes(sentTo(messages, 3))).toEqual([])
    expect(readys.flatMap(ready => ready.fetches)).toMatchObject([{ from: 5 }])
  })

  test('is dropped when the follower is probed again', () => {
    const { raft, id } = asked()
    raft.unreachable(nodeId(3))
    settle(raft)
    raft.fetched(id, found(3, 5))
    expect(indexes(settle(raft).messages)).toEqual([])
  })

  test('is dropped by who leads no more', () => {
    const { raft, id } = asked()
    ask(raft, heartbeat({ from: 2, term: 4 }))
    raft.fetched(id, found(3, 5))
    raft.fetched(id, null)
    expect(settle(raft).messages).toEqual([])
  })

  test('is dropped in a later term of the same leader', () => {
    const { raft, id } = asked()
    ask(raft, heartbeat({ from: 2, term: 4 }))
    elect(raft)
    raft.fetched(id, found(3, 5))
    expect(indexes(sentTo(settle(raft).messages, 3))).toEqual([])
  })

  test('is dropped when nobody asked, or when it was given already', () => {
    const { raft, id } = asked()
    raft.fetched(id + 7, found(3, 5))
    expect(settle(raft).messages).toEqual([])
    raft.fetched(id, found(3, 5))
    settle(raft)
    raft.fetched(id, found(3, 5))
    expect(settle(raft).messages).toEqual([])
  })

  test('does not make a second one: it is still the one under way', () => {
    const { raft } = asked()
    raft.unreachable(nodeId(3))
    settle(raft)
    ask(raft, heard({ from: 3, term: current }))
    const again = fetching(raft, ack({ from: 3, term: current, index: 2 }))
    expect(again.fetches).toEqual([])
  })

  test.each([
    ['has a gap', { prevTerm: term(1), entries: [log[3] as Entry] }],
    ['is of other terms', { prevTerm: term(1), entries: [entry(3, 2)] }],
    ['follows another entry', { prevTerm: term(2), entries: [log[2] as Entry] }],
    ['is empty', { prevTerm: term(1), entries: [] }],
  ])('ends the node when it %s: the log on disk is not the log', (_, answer) => {
    const { raft, id } = asked()
    expect(() => raft.fetched(id, answer)).toThrow(InvariantViolation)
  })
})

describe('the memory of a log', () => {
  const limits = { cachedBytesMax: 300 }

  test('keeps what is not applied, whatever its size', () => {
    const raft = bench({ limits })
    raft.step(appendRequest({ term: 2, prev: 0, prevTerm: 0, entries: log, commit: 10 }))
    const { append } = raft.ready()
    raft.appended(append?.id ?? 0)
    expect(raft.ready().committed).toHaveLength(10)
    raft.applied(logIndex(10))
    expect(raft.status()).toMatchObject({ firstIndex: 1, lastIndex: 10 })
    expect(raft.termAt(logIndex(1))).toBe(1)
  })

  test('is bounded from the start', () => {
    const raft = bench({ entries: log, applied: 10, limits })
    expect(raft.status()).toMatchObject({ firstIndex: 1, lastIndex: 10 })
    const term = elect(raft)
    ask(raft, reject({ from: 2, term, prev: 10, hint: 8, hintTerm: 2 }))
    const { fetches } = fetching(raft, ack({ from: 2, term, index: 8 }))
    expect(fetches).toMatchObject([{ from: 9 }])
  })

  test('is not needed to find where the logs of two nodes agree', () => {
    const raft = bench({ entries: log, commit: 10, limits })
    settle(raft)
    const other = appendRequest({ term: 3, prev: 20, prevTerm: 1 })
    expect(ask(raft, other)).toMatchObject([{ rejected: true, hintIndex: 6, hintTerm: 1 }])
  })
})

describe('a restart with entries on disk alone', () => {
  const restarted = (over: object = {}, applied: LogIndex = logIndex(8)): Raft =>
    new Raft(
      { ...testLimits, id: nodeId(1), random: seededRandom(1) },
      {
        hardState: { term: term(2), vote: nodeId(0), commit: logIndex(8) },
        snapshot: { index: logIndex(2), term: term(1), confState: confOf([1, 2, 3]) },
        entriesAfter: { index: logIndex(8), term: term(2) },
        termRuns: [
          { from: logIndex(1), term: term(1) },
          { from: logIndex(7), term: term(2) },
        ],
        confChanges: [
          entry(5, 1, encodeConfChange([{ kind: 'addVoter', node: nodeId(4) }]), 'confChange'),
        ],
        entries: log.slice(8),
        ...over,
      },
      applied,
    )

  test('knows all terms, the membership, and every state it can make a snapshot of', () => {
    const raft = restarted()
    const terms = [1, 2, 3, 6, 7, 8, 9, 10].map(index => raft.termAt(logIndex(index)))
    expect(terms).toEqual([null, 1, 1, 1, 2, 2, 2, 2])
    expect(raft.confState.voters).toEqual([1, 2, 3, 4])
    expect(raft.snapshotAt(logIndex(4)).confState.voters).toEqual([1, 2, 3])
    expect(raft.snapshotAt(logIndex(5))).toMatchObject({
      term: 1,
      confState: { voters: [1, 2, 3, 4] },
    })
    raft.compact(logIndex(6))
    expect(raft.snapshotAt(logIndex(6))).toMatchObject({
      term: 1,
      confState: { voters: [1, 2, 3, 4] },
    })
  })

  test.each([
    ['terms of something else', { entriesAfter: { index: logIndex(8), term: term(1) } }],
    ['a gap before the entries in memory', { entries: log.slice(9) }],
  ])('refuses %s', (_, over) => {
    expect(() => restarted(over)).toThrow(InvariantViolation)
  })

  test('refuses entries on disk alone that are still to be applied', () => {
    expect(() => restarted({}, logIndex(7))).toThrow('what is still to be applied is in memory')
  })
})
