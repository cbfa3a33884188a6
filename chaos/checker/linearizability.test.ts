// The checker against small histories with known verdicts, and against runs of a real register.

import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RegisterAnswer, RegisterCall, RegisterOperation } from './linearizability.js'
import { checkRegister } from './linearizability.js'

const enough = 100_000

/** An operation from one moment to another; no second moment: nobody answered. */
const op = (
  call: RegisterCall,
  calledMs: number,
  atMs?: number,
  value?: RegisterAnswer,
): RegisterOperation => ({ call, calledMs, answer: atMs === undefined ? null : { atMs, value } })

const put = (value: string, from: number, to?: number) => op({ kind: 'put', value }, from, to)
const read = (value: string | null, from: number, to: number) =>
  op({ kind: 'read' }, from, to, value)
const swap = (from: string | null, value: string, start: number, end: number, did: boolean) =>
  op({ kind: 'swap', from, value }, start, end, did)

const verdict = (operations: readonly RegisterOperation[]) =>
  checkRegister(operations, enough).verdict

describe('the checker of registers', () => {
  it.each<[string, 'valid' | 'invalid', RegisterOperation[]]>([
    ['nothing at all', 'valid', []],
    ['a read of what was put', 'valid', [put('a', 0, 1), read('a', 2, 3)]],
    ['a read of what was not put', 'invalid', [put('a', 0, 1), read('b', 2, 3)]],
    ['a stale read', 'invalid', [put('a', 0, 1), put('b', 2, 3), read('a', 4, 5)]],
    ['a read beside the write', 'valid', [put('a', 0, 1), put('b', 2, 6), read('a', 4, 5)]],
    [
      'two reads that go back in time',
      'invalid',
      [put('a', 0, 1), put('b', 2, 9), read('b', 3, 4), read('a', 5, 6)],
    ],
    ['an unanswered write that is seen', 'valid', [put('a', 0), read('a', 5, 6)]],
    ['an unanswered write that is not', 'valid', [put('a', 0), read(null, 5, 6)]],
    [
      'an unanswered write that comes and goes',
      'invalid',
      [put('a', 0), read('a', 5, 6), read(null, 7, 8)],
    ],
    ['a swap that saw another value', 'invalid', [put('a', 0, 1), swap('b', 'c', 2, 3, true)]],
    ['a swap that should have succeeded', 'invalid', [put('a', 0, 1), swap('a', 'c', 2, 3, false)]],
    [
      'of two swaps from one value both',
      'invalid',
      [put('a', 0, 1), swap('a', 'b', 2, 5, true), swap('a', 'c', 2, 5, true)],
    ],
    [
      'of two swaps from one value one',
      'valid',
      [put('a', 0, 1), swap('a', 'b', 2, 5, true), swap('a', 'c', 2, 5, false)],
    ],
    [
      'a deletion of nothing after a write',
      'invalid',
      [put('a', 0, 1), op({ kind: 'delete' }, 2, 3, false)],
    ],
  ])('%s is %s', (_name, expected, operations) => {
    expect(verdict(operations)).toBe(expected)
  })

  it('gives up when its budget is spent, rather than guess', () => {
    const puts = Array.from({ length: 8 }, (_, at) => put(`${at}`, 0, 100))
    const history = [...puts, read('none', 101, 102)]
    expect(checkRegister(history, 50).verdict).toBe('unknown')
    expect(checkRegister(history, enough).verdict).toBe('invalid')
  })

  it('finds the order of every run of a real register, and none when an answer is changed', () => {
    const step = fc.record({
      kind: fc.constantFrom('read' as const, 'put' as const, 'delete' as const, 'swap' as const),
      from: fc.constantFrom(null, 'v0', 'v1', 'v2', 'v3'),
      called: fc.nat(40),
      taken: fc.nat(10),
      answered: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 24 }), steps => {
        let value: string | null = null
        const history = steps
          .toSorted((a, b) => a.called - b.called)
          .map(({ kind, from, called, taken, answered }, at): RegisterOperation => {
            const mine = `v${at}`
            const call: RegisterCall =
              kind === 'put'
                ? { kind, value: mine }
                : kind === 'swap'
                  ? { kind, from, value: mine }
                  : { kind }
            let answer: RegisterAnswer | undefined
            if (kind === 'read') answer = value
            if (kind === 'delete') answer = value !== null
            if (kind === 'swap') answer = value === from
            if (kind === 'put' || answer === true) value = kind === 'delete' ? null : mine
            // It took effect when it was called; the answer comes later, or never.
            return op(
              call,
              called,
              answered || kind === 'read' ? called + taken : undefined,
              answer,
            )
          })
        expect(verdict(history)).toBe('valid')
        const strange = [...history, read('never written', 100, 101)]
        expect(verdict(strange)).toBe('invalid')
      }),
      { numRuns: 200 },
    )
  })
})
