// The runs of terms against a plain list of terms.

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { unreachable } from '../../platform/errors.js'
import { TermRuns } from './term-runs.js'
import { logIndex, term } from './types.js'

interface Model {
  start: number
  /** Of entry start + 1 + i. */
  terms: number[]
}

type Step =
  | { readonly kind: 'append'; readonly count: number; readonly newTerms: number }
  | { readonly kind: 'truncate' | 'forget'; readonly by: number }
  | { readonly kind: 'clear' }

const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: append() },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('truncate' as const), by: fc.nat(9) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('forget' as const), by: fc.nat(9) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'clear' as const }) },
)

function append(): fc.Arbitrary<Step> {
  return fc.record({
    kind: fc.constant('append' as const),
    count: fc.integer({ min: 1, max: 5 }),
    newTerms: fc.nat(2),
  })
}

/** Gives the last term that was ever used. */
function take(runs: TermRuns, model: Model, step: Step, lastTerm: number): number {
  const last = model.start + model.terms.length
  switch (step.kind) {
    case 'append':
      for (let n = 1; n <= step.count; n++) {
        model.terms.push(lastTerm + step.newTerms)
        runs.append(logIndex(last + n), term(lastTerm + step.newTerms))
      }
      return lastTerm + step.newTerms
    case 'truncate': {
      const kept = Math.max(0, model.terms.length - step.by)
      model.terms.length = kept
      runs.truncate(logIndex(model.start + kept + 1))
      return model.terms.at(-1) ?? lastTerm
    }
    case 'forget': {
      const count = Math.min(step.by, model.terms.length)
      model.terms.splice(0, count)
      model.start += count
      runs.forget(logIndex(model.start), logIndex(last))
      return lastTerm
    }
    case 'clear':
      model.terms = []
      model.start = last
      runs.clear()
      return lastTerm
    default:
      return unreachable(step)
  }
}

function expectSame(runs: TermRuns, { start, terms }: Model): void {
  expect(runs.lastTerm).toBe(terms.at(-1) ?? null)
  for (const [at, entryTerm] of terms.entries()) {
    expect(runs.termAt(logIndex(start + 1 + at))).toBe(entryTerm)
    for (let asked = 0; asked <= (terms.at(-1) ?? 0) + 1; asked++) {
      const found = terms.slice(0, at + 1).findLastIndex(other => other <= asked)
      expect(runs.lastIndexWithTermUpTo(logIndex(start + 1 + at), term(asked))).toBe(
        found < 0 ? null : start + 1 + found,
      )
    }
  }
}

describe('the terms of a log', () => {
  test('are those of a plain list, whatever comes', () => {
    fc.assert(
      fc.property(fc.array(steps, { maxLength: 30 }), all => {
        const runs = new TermRuns()
        const model: Model = { start: 0, terms: [] }
        let lastTerm = 1
        for (const step of all) {
          lastTerm = take(runs, model, step, lastTerm)
          expectSame(runs, model)
        }
      }),
    )
  })

  test('take a run for each term, however long it was', () => {
    const runs = new TermRuns()
    for (let index = 1; index <= 1000; index++)
      runs.append(logIndex(index), term(index > 500 ? 9 : 2))
    expect(runs.all).toEqual([
      { from: 1, term: 2 },
      { from: 501, term: 9 },
    ])
  })

  test('never decrease', () => {
    const runs = new TermRuns()
    runs.append(logIndex(1), term(3))
    expect(() => runs.append(logIndex(2), term(2))).toThrow('terms never decrease along the log')
  })
})
