import { expect, test } from 'vitest'
import { parseIndexes } from '../../api/job-indexes.js'
import type { Job, SuccessPolicyRule } from '../../api/types/batch.js'
import { metSuccessPolicy } from './success-policy.js'

function met(rules: readonly SuccessPolicyRule[], succeeded: string): string | null {
  const job: Job = {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { namespace: 'shop', name: 'j' },
    spec: { template: {}, completions: 10, completionMode: 'Indexed', successPolicy: { rules } },
  }
  const parsed = parseIndexes(succeeded, 10)
  if ('problem' in parsed) throw new Error(parsed.problem)
  return metSuccessPolicy(job, parsed.intervals)
}

const cases: readonly [string, SuccessPolicyRule, string, boolean][] = [
  ['all that are named', { succeededIndexes: '0,2-4' }, '0,2-4', true],
  ['and more than those', { succeededIndexes: '0,2-4' }, '0-5', true],
  ['all but one', { succeededIndexes: '0,2-4' }, '0,2-3', false],
  ['so many, whichever', { succeededCount: 3 }, '1,5,9', true],
  ['fewer', { succeededCount: 3 }, '1,5', false],
  [
    'so many of those that are named',
    { succeededIndexes: '0-4', succeededCount: 2 },
    '1,3,7',
    true,
  ],
  ['fewer of those', { succeededIndexes: '0-4', succeededCount: 2 }, '1,5-9', false],
  ['none has succeeded yet', { succeededCount: 0 }, '', false],
]
test.each(cases)('%s', (_, rule, succeeded, expected) => {
  expect(met([rule], succeeded) !== null).toBe(expected)
})

test('one rule is enough, and is told', () => {
  const rules = [{ succeededIndexes: '9' }, { succeededCount: 2 }]
  expect(met(rules, '0-1')).toBe('Matched rules at index 1')
})
