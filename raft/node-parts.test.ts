// The parts of a node that keep books: proposals, reads, compaction, and what a start makes of
// what it finds.

import { describe, expect, test } from 'vitest'
import { Compactor } from './compactor.js'
import type { Entry, SnapshotMeta } from './core/types.js'
import { logIndex, nodeId, term } from './core/types.js'
import { initialState } from './initial-state.js'
import { raftNodeError } from './node-types.js'
import { firstSequence, ProposalBook } from './proposal-book.js'
import { ReadBook } from './read-book.js'
import type { Recovered } from './storage/log.js'

const entry = (index: number, entryTerm: number, bytes = 0): Entry => ({
  term: term(entryTerm),
  index: logIndex(index),
  kind: 'normal',
  origin: nodeId(1),
  sequence: index,
  data: new Uint8Array(bytes),
})

describe('the book of proposals', () => {
  const limits = { bytesMax: 100, pendingMax: 3, pendingBytesMax: 250, timeoutMs: 1000 }
  const book = () => {
    const answers: unknown[] = []
    const proposals = new ProposalBook(limits, 500)
    const add = (bytes: number, nowMs = 0) =>
      proposals.add(new Uint8Array(bytes), nowMs, (error, result) =>
        answers.push(error === null ? result : error.code),
      )
    return { proposals, answers, add }
  }

  test('refuses what is too large, too many, or too much together', () => {
    const { add, proposals } = book()
    expect(add(101)).toBe('request-too-large')
    expect([add(100), add(100), add(100)]).toEqual([null, null, 'too-many-requests'])
    expect([add(1), add(1)]).toEqual([null, 'too-many-requests'])
    proposals.resolve(500, 'done')
    expect(add(100)).toBeNull()
  })

  test('answers each exactly once, by result, refusal or time', () => {
    const { add, proposals, answers } = book()
    add(1, 0)
    add(1, 10)
    add(1, 20)
    proposals.resolve(501, 'result')
    proposals.resolve(501, 'again')
    proposals.reject([500, 501, 999], raftNodeError('no-leader'))
    proposals.expire(1019)
    expect(answers).toEqual(['result', 'no-leader'])
    proposals.expire(1020)
    proposals.rejectAll(raftNodeError('stopped'))
    expect(answers).toEqual(['result', 'no-leader', 'timeout'])
    expect(proposals.size).toBe(0)
  })

  test('gives up those of an older leader once an entry of the next is applied', () => {
    const { add, proposals, answers } = book()
    add(1)
    proposals.takeNew(() => {})
    add(1)
    proposals.takeNew(() => {})
    proposals.noteLeader(term(4))
    proposals.noteApplied(term(3))
    proposals.noteLeader(term(4))
    expect(answers).toEqual([])
    proposals.noteApplied(term(4))
    proposals.noteApplied(term(4))
    // The second was handed out in the turn in which the new leader was seen.
    expect([answers, proposals.size]).toEqual([['leader-lost'], 1])
  })

  test('hands new ones out once, in order, in batches of about a megabyte', () => {
    const proposals = new ProposalBook(
      { bytesMax: 1e9, pendingMax: 100, pendingBytesMax: 1e9, timeoutMs: 1 },
      1,
    )
    for (const bytes of [700_000, 700_000, 10, 2_000_000])
      proposals.add(new Uint8Array(bytes), 0, () => {})
    const batches: (readonly number[])[] = []
    proposals.takeNew(sequences => batches.push(sequences))
    proposals.takeNew(sequences => batches.push(sequences))
    expect(batches).toEqual([[1], [2, 3], [4]])
  })
})

describe('sequences of a new run', () => {
  const now = Date.UTC(2030, 0, 1)

  test('are above those of a run that began a second earlier, at two million a second', () => {
    const earlier = firstSequence(now - 1000, 0, 0)
    expect(firstSequence(now, 0, 0) - earlier).toBe(2 ** 21)
  })

  test('are above every one in the log, also when the clock has gone back', () => {
    expect(firstSequence(0, 2 ** 50, 0.5)).toBeGreaterThan(2 ** 50)
    expect(firstSequence(now, 2 ** 52, 0)).toBe(2 ** 52 + 1)
  })

  test('leave room below 2^53 for more than a century', () => {
    const late = firstSequence(Date.UTC(2080, 0, 1), 0, 0.999)
    expect(Number.isSafeInteger(late + 2 ** 50)).toBe(true)
  })
})

describe('the book of reads', () => {
  test('shares a round among the reads of a turn and answers when its index is applied', () => {
    const reads = new ReadBook(1000)
    const answers: unknown[] = []
    const begun: number[] = []
    let context = 0
    const take = () =>
      reads.takeNew(
        0,
        () => {
          context += 1
          return context
        },
        begin => begun.push(begin),
      )
    for (const name of ['a', 'b'])
      reads.add((error, index) => answers.push([name, error?.code ?? index]))
    take()
    take()
    reads.add((error, index) => answers.push(['c', error?.code ?? index]))
    take()
    expect(begun).toEqual([1, 2])
    reads.confirm([{ context: 1, index: logIndex(7) }], logIndex(5))
    reads.applied(logIndex(6))
    expect(answers).toEqual([])
    reads.applied(logIndex(8))
    reads.confirm([{ context: 2, index: logIndex(8) }], logIndex(8))
    reads.confirm([{ context: 2, index: logIndex(8) }], logIndex(8))
    expect(answers).toEqual([
      ['a', 8],
      ['b', 8],
      ['c', 8],
    ])
  })

  test('fails reads that are refused or late, whether confirmed or not', () => {
    const reads = new ReadBook(1000)
    const answers: string[] = []
    for (const at of [1, 2, 3]) {
      reads.add(error => answers.push(`${at} ${error?.code ?? 'good'}`))
      reads.takeNew(
        0,
        () => at,
        () => {},
      )
    }
    reads.confirm([{ context: 1, index: logIndex(0) }], logIndex(5))
    reads.confirm([{ context: 2, index: logIndex(9) }], logIndex(5))
    reads.expire(999)
    expect(answers).toEqual(['1 no-leader'])
    reads.expire(1000)
    expect(answers.toSorted()).toEqual(['1 no-leader', '2 timeout', '3 timeout'])
  })
})

describe('the compactor', () => {
  const fed = (entriesKept: number, count: number, bytes = 0) => {
    const compactor = new Compactor(entriesKept, logIndex(0))
    const data = new Uint8Array(bytes)
    for (let index = 1; index <= count; index += 1) compactor.note({ ...entry(index, 1), data })
    return compactor
  }

  test('keeps a tail behind what is durable, and cuts in steps', () => {
    const compactor = fed(100, 1000)
    expect(compactor.next(logIndex(100))).toBeNull()
    expect(compactor.next(logIndex(124))).toBeNull()
    expect(compactor.next(logIndex(125))).toBe(25)
    expect(compactor.next(logIndex(125))).toBeNull()
    expect(compactor.next(logIndex(1000))).toBe(900)
  })

  test('cuts into the tail when it takes too many bytes, never beyond what is durable', () => {
    const compactor = fed(200, 300, 1024 * 1024)
    expect(compactor.next(logIndex(150))).toBe(150)
    // 127 entries and what they take beside their data are just below 128 MiB.
    expect(compactor.next(logIndex(300))).toBe(300 - 127)
  })

  const mib = 1024 * 1024

  test('keeps more where a snapshot would be long', () => {
    const compactor = fed(5, 3000, mib)
    // A quarter, and behind it nothing is cut until a sixteenth more has come.
    expect(compactor.next(logIndex(3000), 256 * mib)).toBe(3000 - 63)
    for (let index = 3001; index <= 3004; index += 1) compactor.note(entry(index, 1, mib))
    expect(compactor.next(logIndex(3004), 256 * mib)).toBeNull()
    compactor.note(entry(3005, 1, mib))
    expect(compactor.next(logIndex(3005), 256 * mib)).toBe(3005 - 63)
  })

  test('of the longest snapshot no more than of any, and the entries that are always kept', () => {
    expect(fed(100, 3000, mib).next(logIndex(3000), 1e15)).toBe(3000 - 127)
    expect(fed(100, 1000).next(logIndex(1000), mib)).toBeNull()
    expect(fed(100, 1000).next(logIndex(1000), 1024)).toBe(900)
  })

  test('takes what is on disk alone for as long as entries are there on average', () => {
    const compactor = new Compactor(10, logIndex(0))
    const entriesAfter = { index: logIndex(1000), term: term(1) }
    const confState = { voters: [nodeId(1)], votersOutgoing: [], learners: [], learnersNext: [] }
    const snapshot: SnapshotMeta = { index: logIndex(0), term: term(0), confState }
    compactor.noteEarlier({ snapshot, entriesAfter, entries: [] }, logIndex(1000), mib)
    expect(compactor.next(logIndex(1000), 256 * mib)).toBe(1000 - 64)
  })

  test('begins anew behind a snapshot', () => {
    const compactor = fed(10, 50)
    compactor.reset(logIndex(500))
    for (let index = 501; index <= 520; index += 1) compactor.note(entry(index, 2))
    expect(compactor.next(logIndex(520))).toBe(510)
  })
})

describe('a start', () => {
  const conf = { voters: [nodeId(1)], votersOutgoing: [], learners: [], learnersNext: [] }
  const meta = (index: number, metaTerm: number): SnapshotMeta => ({
    index: logIndex(index),
    term: term(metaTerm),
    confState: conf,
  })
  const found = (parts: Partial<Recovered>): Recovered => ({
    hardState: { term: term(4), vote: nodeId(2), commit: logIndex(0) },
    snapshot: meta(10, 3),
    entries: [entry(11, 3), entry(12, 4)],
    entriesAfter: null,
    termRuns: [],
    confChanges: [],
    restoring: null,
    damaged: null,
    lastIndex: logIndex(12),
    highestSequence: 0,
    fresh: false,
    tornBytes: 0,
    ...parts,
  })
  const members = [nodeId(3), nodeId(1), nodeId(1), nodeId(2)]

  test('in a new directory installs the first membership', () => {
    const fresh = found({ fresh: true, snapshot: { ...meta(0, 0) }, entries: [] })
    expect(initialState(fresh, nodeId(1), members, logIndex(0))).toMatchObject({
      install: { index: 0, confState: { voters: [1, 2, 3] } },
    })
  })

  test('takes log and state that fit', () => {
    const recovered = found({})
    for (const applied of [10, 11, 12])
      expect(initialState(recovered, nodeId(1), members, logIndex(applied))).toMatchObject({
        install: null,
      })
  })

  test.each([
    ['a lost log', found({ fresh: true }), 5, 'the log is empty'],
    ['a lost state of one that is alone', found({}), 9, 'no peer that could bring it back'],
    ['a log that lost its end', found({}), 13, 'the log was lost'],
    [
      'a log that lost its first members',
      found({ snapshot: { ...meta(0, 0), confState: { ...conf, voters: [] } } }),
      0,
      'who the first members were',
    ],
  ])('refuses %s', (_what, recovered, applied, reason) => {
    const error = initialState(recovered, nodeId(1), members, logIndex(applied))
    expect(error).toMatchObject({ code: 'start-failed' })
    expect((error as Error).message).toContain(reason)
  })

  test('lets a leader bring back a lost state, and keeps term, vote and what was promised', () => {
    const among = { ...conf, voters: [nodeId(1), nodeId(2), nodeId(3)] }
    const recovered = found({ snapshot: { ...meta(10, 3), confState: among } })
    const wanted = (floor: number) => ({
      state: {
        hardState: { term: 4, vote: 2, commit: 0 },
        snapshot: { index: 0, term: 0, confState: among },
        entries: [],
        damaged: { floor },
      },
      applied: 0,
      install: null,
      damage: { floor },
    })
    expect(initialState(recovered, nodeId(1), members, logIndex(9))).toMatchObject(wanted(12))
    // It was lost before in the middle of the same.
    const again = { ...recovered, damaged: { floor: logIndex(40), reason: '' } }
    expect(initialState(again, nodeId(1), members, logIndex(0))).toMatchObject(wanted(40))
  })

  test('finishes a restore that the state machine committed before the crash', () => {
    const recovered = found({ restoring: meta(50, 6) })
    expect(initialState(recovered, nodeId(1), members, logIndex(50))).toMatchObject({
      install: { index: 50 },
      // The vote was for the older term.
      state: { hardState: { term: 6, vote: 0, commit: 50 }, snapshot: { index: 50 }, entries: [] },
    })
  })

  test('keeps the log where the restore did not get as far', () => {
    const recovered = found({ restoring: meta(50, 6) })
    expect(initialState(recovered, nodeId(1), members, logIndex(11))).toMatchObject({
      install: null,
    })
  })

  test('keeps the log where it holds what the restore was for', () => {
    const recovered = found({ restoring: meta(12, 4) })
    expect(initialState(recovered, nodeId(1), members, logIndex(12))).toMatchObject({
      install: null,
    })
    const other = found({ restoring: meta(12, 9) })
    expect(initialState(other, nodeId(1), members, logIndex(12))).toMatchObject({
      install: { index: 12 },
    })
  })
})
