import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { WireError } from '../protocol.js'
import { type WriteName, WriteSession } from './write-session.js'
import { judgeWrite } from './write-verdict.js'

test('The floor of a session stands at the first number that is neither answered nor given up.', () => {
  fc.assert(
    fc.property(fc.array(fc.option(fc.nat(9)), { maxLength: 80 }), steps => {
      const session = new WriteSession(3, 7, 6)
      const open: WriteName[] = []
      for (const step of steps) {
        const lowest = Math.min(...open.map(({ number }) => number))
        if (step !== null) {
          const [name] = open.splice(step % Math.max(1, open.length), 1)
          name?.done()
        } else if (session.hasRoom) open.push(session.take())
        else expect(lowest).toBeLessThanOrEqual(session.once(0).floor)
        const floors = open.map(({ number }) => number).sort((a, b) => a - b)
        for (const name of open) {
          expect(name.once).toEqual({ session: 3, number: name.number, floor: floors[0] })
          expect(name.number - name.once.floor).toBeLessThan(6)
        }
      }
    }),
  )
})

const said = (code: string, traits: Partial<WireError> = {}): WireError => ({
  code,
  message: '',
  retryable: false,
  outcome: 'not-applied',
  ...traits,
})
const retryable = { retryable: true }
const unknown = { outcome: 'unknown' } as const

test.each<[string, WireError, string, string]>([
  // refusal, what it means for a first attempt, and for one after another that may have been done
  ['no leader', said('no-leader', retryable), 'again', 'again'],
  ['a timeout', said('timeout', { ...retryable, ...unknown }), 'again', 'again'],
  ['a lost leader', said('leader-lost', unknown), 'again', 'again'],
  ['a member that stops', said('stopped', { ...retryable, ...unknown }), 'again', 'again'],
  ['pressure', said('too-many-requests', retryable), 'not-applied', 'again'],
  ['a full disk', said('disk-full', retryable), 'not-applied', 'again'],
  ['too many unseen answers', said('once-ahead', retryable), 'again', 'again'],
  ['no such session', said('session-not-found'), 'reopen', 'unknown'],
  ['a session of another', said('session-denied'), 'reopen', 'unknown'],
  ['an older cluster', said('version-too-low', retryable), 'reopen', 'unknown'],
  ['a forgotten number', said('once-forgotten', unknown), 'unknown', 'unknown'],
  ['a long answer of a change', said('once-answer-long', unknown), 'unknown', 'unknown'],
  ['a long answer of none', said('once-answer-long'), 'rename', 'rename'],
  ['an answer that was too large', said('answer-too-large', unknown), 'unknown', 'unknown'],
  ['one that would be', said('answer-too-large'), 'not-applied', 'unknown'],
  ['no such lease', said('lease-not-found'), 'not-applied', 'not-applied'],
  ['no space', said('no-space'), 'not-applied', 'not-applied'],
  ['no permission', said('permission-denied'), 'not-applied', 'unknown'],
  ['something new', said('of-another-program'), 'not-applied', 'unknown'],
])('%s means for a named write what it says.', (_what, error, first, later) => {
  const meaning = (maybe: boolean): string => {
    const verdict = judgeWrite(error, maybe)
    return verdict.kind === 'reject' ? verdict.error.outcome : verdict.kind
  }
  expect([meaning(false), meaning(true)]).toEqual([first, later])
})
