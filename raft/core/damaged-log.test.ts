// A member whose log has lost entries that it may have acknowledged: what it does until a leader has
// brought them back, and how a leader deals with it. The reasons are in damage.ts.

import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../platform/seeded-random.js'
import type { RaftState } from './config.js'
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
  snapshotRequest,
  terms,
  tick,
  timeoutNow,
  voteRequest,
} from './testing/bench-node.js'
import { testLimits } from './testing/test-node.js'
import { type Entry, logIndex, type Message, nodeId, term } from './types.js'

interface Damaged {
  readonly floor: number
  /** Terms of the entries that are left, from 1 on, or from behind `start`. */
  readonly log: readonly number[]
  readonly term: number
  readonly vote?: number
  readonly commit?: number
  readonly applied?: number
  /** Of unknown term. */
  readonly start?: number
}

function damaged(options: Damaged): Raft {
  const { floor, log, vote = 0, commit = 0, start = 0, applied = start } = options
  const state: RaftState = {
    hardState: { term: term(options.term), vote: nodeId(vote), commit: logIndex(commit) },
    snapshot: { index: logIndex(start), term: term(0), confState: confOf([1, 2, 3]) },
    entries: log.map((t, at) => entry(start + 1 + at, t)),
    damaged: { floor: logIndex(floor) },
  }
  const config = { ...testLimits, id: nodeId(1), random: seededRandom(1) }
  return new Raft(config, state, logIndex(applied))
}

const entriesOf = (from: number, ofTerms: readonly number[]): Entry[] =>
  ofTerms.map((t, at) => entry(from + at, t))

describe('a damaged member', () => {
  test('does not vote, not even in advance or when forced, and does not enter the term', () => {
    const raft = damaged({ floor: 5, log: [1, 1], term: 1 })
    for (const preVote of [true, false]) {
      for (const force of [true, false]) {
        const request = voteRequest({ term: 9, last: 99, lastTerm: 8, preVote, force })
        expect(ask(raft, request)).toEqual([])
      }
    }
    expect(raft.status()).toMatchObject({ damaged: true, term: 1, vote: 0 })
  })

  test('does not campaign, not even when it is asked to', () => {
    const raft = damaged({ floor: 5, log: [1, 1], term: 1 })
    ask(raft, heartbeat({ term: 1 }))
    ask(raft, timeoutNow({ term: 1 }))
    tick(raft, 60)
    expect(settle(raft).messages).toEqual([])
    expect(raft.status()).toMatchObject({ role: 'follower', term: 1 })
  })

  test('follows, stores and acknowledges', () => {
    const raft = damaged({ floor: 5, log: [1, 1], term: 1 })
    const more = appendRequest({ term: 2, prev: 2, prevTerm: 1, entries: entriesOf(3, [2]) })
    expect(ask(raft, more)).toMatchObject([{ kind: 'appendResponse', rejected: false, index: 3 }])
    expect(terms(raft)).toEqual([1, 1, 2])
  })

  test('gives the vote of a term to the leader that it follows in it', () => {
    const raft = damaged({ floor: 5, log: [1], term: 1 })
    ask(raft, heartbeat({ from: 3, term: 2 }))
    expect(raft.status()).toMatchObject({ vote: 3, term: 2 })
  })

  test('keeps a vote that it knows of', () => {
    const raft = damaged({ floor: 5, log: [1], term: 2, vote: 2 })
    ask(raft, heartbeat({ from: 3, term: 2 }))
    expect(raft.status()).toMatchObject({ vote: 2, leader: 3 })
  })

  test('says of what it rejects that something is lost', () => {
    const raft = damaged({ floor: 5, log: [1, 1], term: 1 })
    const far = appendRequest({ term: 1, prev: 5, prevTerm: 1 })
    expect(ask(raft, far)).toMatchObject([{ rejected: true, index: 5, hintIndex: 2, lost: true }])
    const whole = bench({ log: [1, 1], term: 1 })
    expect(ask(whole, far)[0]).not.toHaveProperty('lost')
  })

  test('takes nothing for committed but what was applied', () => {
    const raft = damaged({ floor: 5, log: [1, 1, 1], term: 1, commit: 3, applied: 1 })
    expect(raft.status()).toMatchObject({ commit: 1 })
    // The third may be one that was replaced by an entry that is lost.
    const other = appendRequest({ term: 2, prev: 1, prevTerm: 1, entries: entriesOf(2, [2]) })
    ask(raft, other)
    expect(terms(raft)).toEqual([1, 2])
  })

  test('takes no commit index from a heartbeat, which rests on what it acknowledged before', () => {
    const raft = damaged({ floor: 5, log: [1, 1, 1], term: 2 })
    ask(raft, heartbeat({ term: 2, commit: 3 }))
    expect(raft.status().commit).toBe(0)
    ask(raft, appendRequest({ term: 2, prev: 3, prevTerm: 1, commit: 3 }))
    expect(raft.status().commit).toBe(3)
  })

  test('reads through its leader', () => {
    const raft = damaged({ floor: 5, log: [1], term: 1 })
    ask(raft, heartbeat({ term: 1 }))
    raft.readIndex(7)
    expect(settle(raft).messages).toMatchObject([{ kind: 'readIndexRequest', to: 2 }])
  })
})

describe('a damaged member is whole', () => {
  test('when all that it can have acknowledged is committed, and on its disk', () => {
    const raft = damaged({ floor: 4, log: [1, 1], term: 1 })
    const rest = entriesOf(3, [1, 1])
    ask(raft, appendRequest({ term: 2, prev: 2, prevTerm: 1, entries: rest, commit: 3 }))
    expect(raft.status()).toMatchObject({ commit: 3, damaged: true })
    ask(raft, appendRequest({ term: 2, prev: 4, prevTerm: 1, commit: 4 }))
    expect(raft.status()).toMatchObject({ commit: 4, damaged: false })
  })

  test('not before they are on its disk', () => {
    const raft = damaged({ floor: 3, log: [1, 1], term: 1 })
    raft.step(appendRequest({ term: 2, prev: 2, prevTerm: 1, entries: [entry(3, 1)], commit: 3 }))
    const { append } = raft.ready()
    expect(raft.status()).toMatchObject({ commit: 3, damaged: true })
    raft.appended(append?.id ?? 0)
    expect(raft.status().damaged).toBe(false)
  })

  test('after a snapshot that covers them, once that is on its disk', () => {
    const raft = damaged({ floor: 5, log: [1], term: 1 })
    raft.step(snapshotRequest({ term: 2, index: 7, snapshotTerm: 2 }))
    const { append } = raft.ready()
    expect(raft.status().damaged).toBe(true)
    raft.appended(append?.id ?? 0)
    expect(raft.status().damaged).toBe(false)
  })

  test('from the start when all of them were applied', () => {
    const raft = damaged({ floor: 2, log: [1, 1, 1], term: 1, applied: 2 })
    expect(raft.status().damaged).toBe(false)
  })

  test('and then votes and campaigns again', () => {
    const raft = damaged({ floor: 3, log: [1, 1], term: 1 })
    const rest = [entry(3, 1)]
    ask(raft, appendRequest({ term: 2, prev: 2, prevTerm: 1, entries: rest, commit: 3 }))
    tick(raft, 20)
    settle(raft)
    expect(raft.status()).toMatchObject({ role: 'preCandidate', damaged: false })
    const request = voteRequest({ term: 4, last: 3, lastTerm: 1 })
    expect(ask(raft, request)).toMatchObject([{ kind: 'voteResponse', granted: true }])
  })
})

describe('a log that does not know the term it starts in', () => {
  const beheaded = (floor = 9): Raft => damaged({ floor, log: [], start: 6, term: 3 })

  test('takes the one that a leader names before its entries', () => {
    const raft = beheaded()
    expect(raft.termAt(logIndex(6))).toBe(0)
    const next = appendRequest({ term: 4, prev: 6, prevTerm: 2, entries: entriesOf(7, [2, 3]) })
    expect(ask(raft, next)).toMatchObject([{ rejected: false, index: 8 }])
    expect([6, 7, 8].map(index => raft.termAt(logIndex(index)))).toEqual([2, 2, 3])
  })

  test('takes the one of the entry itself', () => {
    const raft = beheaded()
    const across = appendRequest({
      term: 4,
      prev: 4,
      prevTerm: 1,
      entries: entriesOf(5, [1, 2, 2]),
    })
    expect(ask(raft, across)).toMatchObject([{ rejected: false, index: 7 }])
    expect(raft.termAt(logIndex(6))).toBe(2)
  })

  test('asks for its start, not for the beginning of everything', () => {
    const raft = beheaded()
    const far = appendRequest({ term: 4, prev: 9, prevTerm: 3 })
    expect(ask(raft, far)).toMatchObject([
      { rejected: true, lost: true, hintIndex: 6, hintTerm: 3 },
    ])
  })

  test('learns nothing from what lies before, and acknowledges what was applied', () => {
    const raft = beheaded()
    const before = appendRequest({ term: 4, prev: 3, prevTerm: 1, entries: [entry(4, 1)] })
    expect(ask(raft, before)).toMatchObject([{ rejected: false, index: 6 }])
    expect(raft.termAt(logIndex(6))).toBe(0)
  })

  test('is not whole before it knows: any candidate would seem up to date', () => {
    const raft = beheaded(6)
    expect(raft.status().damaged).toBe(true)
    expect(ask(raft, voteRequest({ term: 9, last: 1, lastTerm: 1 }))).toEqual([])
    ask(raft, appendRequest({ term: 4, prev: 6, prevTerm: 2 }))
    expect(raft.status().damaged).toBe(false)
  })

  test('is silent even where nothing is said of damage', () => {
    const state: RaftState = {
      hardState: { term: term(3), vote: nodeId(0), commit: logIndex(6) },
      snapshot: { index: logIndex(6), term: term(0), confState: confOf([1, 2, 3]) },
      entries: [],
    }
    const config = { ...testLimits, id: nodeId(1), random: seededRandom(1) }
    const raft = new Raft(config, state, logIndex(6))
    expect(ask(raft, voteRequest({ term: 9, last: 1, lastTerm: 1 }))).toEqual([])
    ask(raft, appendRequest({ term: 4, prev: 6, prevTerm: 2 }))
    expect(raft.status().damaged).toBe(false)
  })
})

describe('a leader that hears of loss', () => {
  /** Leads in term 2 over 5 entries; follower 2 has acknowledged all of them, 6 and 7 are sent. */
  const leading = (): Raft => {
    const raft = bench({ voters: [1, 2, 3, 4, 5], log: [1, 1, 1, 1] })
    const current = elect(raft, [2, 3])
    ask(raft, ack({ from: 2, term: current, index: 5 }))
    raft.propose([1, 2], [new Uint8Array(1), new Uint8Array(1)])
    settle(raft)
    return raft
  }
  const lost = (prev: number, hint: number): Message =>
    reject({ from: 2, term: 2, prev, hint, hintTerm: 1, lost: true })
  const progress = (raft: Raft) => raft.status().progress.find(({ id }) => id === nodeId(2))

  test('counts nothing of the member any more, and asks without entries where the logs agree', () => {
    const raft = leading()
    expect(progress(raft)).toMatchObject({ match: 5, state: 'replicate' })
    const asked = sentTo(ask(raft, lost(5, 3)), 2)
    expect(asked).toMatchObject([{ prevIndex: 3, entries: [] }])
    expect(progress(raft)).toMatchObject({ match: 0, next: 4, state: 'probe' })
    // 1 and 3 and 4 make a quorum of five only with 2.
    for (const from of [3]) ask(raft, ack({ from, term: 2, index: 7 }))
    expect(raft.status().commit).toBe(0)
  })

  test('gives a snapshot to one that has nothing left, or it would take a later membership for the first', () => {
    const raft = leading()
    ask(raft, ack({ from: 3, term: 2, index: 5 }))
    ask(raft, ack({ from: 4, term: 2, index: 5 }))
    raft.applied(logIndex(5))
    expect(sentTo(ask(raft, lost(5, 0)), 2)).toMatchObject([
      { kind: 'snapshotRequest', snapshot: { index: 5 } },
    ])
  })

  test('takes it for stale without that word, as it would be', () => {
    const raft = leading()
    ask(raft, reject({ from: 2, term: 2, prev: 4, hint: 3, hintTerm: 1 }))
    expect(progress(raft)).toMatchObject({ match: 5, state: 'replicate' })
  })

  test('ignores acknowledgements of before', () => {
    const raft = leading()
    ask(raft, lost(5, 3))
    ask(raft, ack({ from: 2, term: 2, index: 7 }))
    expect(progress(raft)).toMatchObject({ match: 0, state: 'probe' })
    ask(raft, ack({ from: 2, term: 2, index: 3 }))
    expect(progress(raft)).toMatchObject({ match: 3, state: 'replicate', next: 8 })
    ask(raft, ack({ from: 2, term: 2, index: 7 }))
    expect(progress(raft)).toMatchObject({ match: 7 })
  })

  test('asks again with the next heartbeat when nothing was heard', () => {
    const raft = leading()
    ask(raft, lost(5, 3))
    tick(raft, 1)
    settle(raft)
    expect(sentTo(ask(raft, heard({ from: 2, term: 2 })), 2)).toMatchObject([{ prevIndex: 3 }])
  })

  test('brings back all that was lost', () => {
    const raft = leading()
    const member = damaged({ floor: 5, log: [1, 1, 1], term: 2 })
    // Nodes 1 and 2 share the id 1 here: their messages are turned around.
    const swap = (message: Message): Message => ({
      ...message,
      from: message.to,
      to: message.from,
    })
    ask(raft, ack({ from: 3, term: 2, index: 7 }))
    ask(raft, ack({ from: 4, term: 2, index: 7 }))
    let post = sentTo(ask(raft, lost(5, 3)), 2)
    for (let round = 0; round < 5 && member.status().damaged; round++) {
      const answers = post.flatMap(message => ask(member, swap(message)))
      post = answers.flatMap(answer => sentTo(ask(raft, swap(answer)), 2))
    }
    expect(member.status()).toMatchObject({ damaged: false, lastIndex: 7 })
  })
})
