// The log in memory against a plain array that forgets nothing and moves everything.

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { RaftLog } from './log.js'
import { confOf, entry } from './testing/bench-node.js'
import { type Entry, logIndex, term } from './types.js'

const empty = { index: logIndex(0), term: term(0), confState: confOf([1]) }

function logOf(terms: readonly number[], commit = 0, delivered = 0): RaftLog {
  const entries = terms.map((t, i) => entry(i + 1, t))
  return new RaftLog(empty, entries, commit, delivered)
}

type Step =
  | { readonly kind: 'append'; readonly count: number; readonly newTerm: boolean }
  | { readonly kind: 'truncate' | 'commit' | 'compact' | 'restore'; readonly by: number }
  | { readonly kind: 'hand' | 'write' }
  | { readonly kind: 'deliver'; readonly count: number }

const steps: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('append' as const),
    count: fc.integer({ min: 1, max: 200 }),
    newTerm: fc.boolean(),
  }),
  fc.record({
    kind: fc.constantFrom('truncate' as const, 'commit' as const, 'compact' as const),
    by: fc.nat(300),
  }),
  fc.record({ kind: fc.constant('restore' as const), by: fc.integer({ min: 1, max: 9 }) }),
  fc.record({ kind: fc.constantFrom('hand' as const, 'write' as const) }),
  fc.record({ kind: fc.constant('deliver' as const), count: fc.integer({ min: 1, max: 400 }) }),
)

/** Entry i at i - 1; null where it was compacted. */
class Model {
  entries: (Entry | null)[] = []
  start = 0
  startTerm = 0
  commit = 0
  delivered = 0
  handed = 0
  stable = 0
  lastTerm = 0
}

function run(log: RaftLog, model: Model, step: Step): void {
  switch (step.kind) {
    case 'append':
      if (step.newTerm) model.lastTerm++
      for (let n = 0; n < step.count; n++) {
        const next = entry(model.entries.length + 1, model.lastTerm)
        model.entries.push(next)
        log.append(next)
      }
      return
    case 'truncate': {
      const at = model.entries.length - (step.by % 50)
      if (at <= model.commit || at > model.entries.length) return
      model.entries.length = at - 1
      model.handed = Math.min(model.handed, at - 1)
      model.stable = Math.min(model.stable, at - 1)
      log.truncate(logIndex(at))
      // What replaces it comes from a leader of a later term.
      model.lastTerm++
      return
    }
    case 'commit':
      model.commit = Math.min(model.entries.length, model.commit + step.by)
      log.commitTo(logIndex(model.commit))
      return
    case 'hand':
      expect(log.takeUnhanded()).toEqual(model.entries.slice(model.handed))
      model.handed = model.entries.length
      return
    case 'write':
      model.stable = Math.max(model.stable, model.handed)
      log.stableTo(logIndex(model.handed))
      return
    case 'deliver': {
      const to = Math.min(model.commit, model.stable, model.delivered + step.count)
      const expected = to > model.delivered ? model.entries.slice(model.delivered, to) : []
      expect(log.takeDeliverable(step.count)).toEqual(expected)
      model.delivered = Math.max(model.delivered, to)
      return
    }
    case 'compact': {
      const to = Math.min(model.delivered, model.stable, model.start + step.by)
      if (to > model.start) {
        model.startTerm = model.entries[to - 1]?.term ?? 0
        model.start = to
        for (let at = 0; at < to; at++) model.entries[at] = null
      }
      if (to >= model.start) log.compact(logIndex(to))
      return
    }
    case 'restore': {
      const index = model.entries.length + step.by
      model.lastTerm++
      log.restore({ index: logIndex(index), term: term(model.lastTerm), confState: confOf([1]) })
      model.entries = Array.from({ length: index }, () => null)
      model.start = index
      model.startTerm = model.lastTerm
      model.commit = index
      model.delivered = index
      model.handed = index
      model.stable = 0
    }
  }
}

test('the log does what a plain array does, whatever comes', () => {
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 60 }), sequence => {
      const log = logOf([])
      const model = new Model()
      for (const step of sequence) {
        run(log, model, step)
        log.check()
        const { start, commit, delivered, handed, stable } = model
        expect(log).toMatchObject({ start, commit, delivered, handed, stable })
        expect(log.last).toBe(model.entries.length)
        for (let index = Math.max(0, start - 2); index <= model.entries.length + 1; index++) {
          const known = index === start ? model.startTerm : (model.entries[index - 1]?.term ?? null)
          expect(log.termAt(logIndex(index))).toBe(known)
        }
      }
    }),
    { numRuns: 150 },
  )
})

test('the place where logs may agree is found as by looking at every entry', () => {
  const terms = fc.array(fc.nat(3), { maxLength: 30 }).map(steps_ => {
    let at = 1
    return steps_.map(step => {
      at += step === 3 ? 1 : 0
      return at
    })
  })
  fc.assert(
    fc.property(terms, fc.nat(35), fc.nat(12), (logTerms, index, wanted) => {
      let expected = 0
      logTerms.forEach((t, i) => {
        if (i + 1 <= index && t <= wanted) expected = i + 1
      })
      const log = logOf(logTerms)
      expect(log.lastIndexWithTermUpTo(logIndex(index), term(wanted))).toBe(expected)
    }),
  )
})

describe('the log', () => {
  test('gives slices below a size, but at least one entry', () => {
    const entries = [10, 10, 500, 10].map((size, i) => entry(i + 1, 1, new Uint8Array(size)))
    const log = new RaftLog(empty, entries, 0, 0)
    const slice = (from: number, bytesMax: number): number[] =>
      log.slice(logIndex(from), log.last, bytesMax).map(e => e.index)
    expect(slice(1, 120)).toEqual([1, 2])
    expect(slice(3, 120)).toEqual([3])
    expect(slice(1, 1)).toEqual([1])
    expect(slice(1, 99_999)).toEqual([1, 2, 3, 4])
  })

  test.each([
    ['a gap after the snapshot', [entry(2, 1)]],
    ['a gap between entries', [entry(1, 1), entry(3, 1)]],
    ['terms that decrease', [entry(1, 2), entry(2, 1)]],
  ])('refuses to start with %s', (_, entries) => {
    expect(() => new RaftLog(empty, entries, 0, 0)).toThrow()
  })

  test('refuses to commit beyond its end and to cut what is committed', () => {
    const log = logOf([1, 1, 1], 2)
    expect(() => log.commitTo(logIndex(4))).toThrow('commit never passes the last entry')
    expect(() => log.truncate(logIndex(2))).toThrow('a committed entry is never cut')
  })

  test('does not take a write for durable that it has not handed out', () => {
    const log = logOf([])
    log.append(entry(1, 1))
    expect(() => log.stableTo(logIndex(1))).toThrow('only what was handed to storage')
  })
})
