import { expect, test } from 'vitest'
import type { Job, PodFailurePolicyRule } from '../../api/types/batch.js'
import type { Pod } from '../../api/types/core-pod.js'
import { pod } from '../testing/objects.js'
import { countsAsFailure, failJobMessage, failureVerdict } from './failure-policy.js'

function job(...rules: readonly PodFailurePolicyRule[]): Job {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { namespace: 'shop', name: 'j' },
    spec: { template: {}, podFailurePolicy: { rules } },
  }
}

/** Exit codes by container; of those called "init" as of an init container. */
function failed(codes: Readonly<Record<string, number>>, disrupted = false): Pod {
  const statuses = Object.entries(codes).map(([name, exitCode]) => ({
    name,
    ready: false,
    restartCount: 0,
    image: '',
    imageID: '',
    state: { terminated: { exitCode } },
  }))
  const one = pod('p', { phase: 'Failed' })
  return {
    ...one,
    status: {
      ...one.status,
      conditions: [
        { type: 'Ready', status: 'False' },
        ...(disrupted ? [{ type: 'DisruptionTarget', status: 'True' }] : []),
      ],
      containerStatuses: statuses.filter(({ name }) => name !== 'init'),
      initContainerStatuses: statuses.filter(({ name }) => name === 'init'),
    },
  }
}

const disruption = [{ type: 'DisruptionTarget', status: 'True' }]
const exits = (operator: string, values: readonly number[], containerName?: string) => ({
  onExitCodes: { operator, values, ...(containerName === undefined ? {} : { containerName }) },
})

const cases: readonly [string, PodFailurePolicyRule, Pod, boolean][] = [
  ['In names it', { action: 'Count', ...exits('In', [3, 42]) }, failed({ c: 42 }), true],
  ['In does not name it', { action: 'Count', ...exits('In', [3]) }, failed({ c: 42 }), false],
  ['NotIn leaves it', { action: 'Count', ...exits('NotIn', [3]) }, failed({ c: 42 }), true],
  ['NotIn names it', { action: 'Count', ...exits('NotIn', [42]) }, failed({ c: 42 }), false],
  ['success is no match', { action: 'Count', ...exits('NotIn', [42]) }, failed({ c: 0 }), false],
  ['init containers, too', { action: 'Count', ...exits('In', [9]) }, failed({ init: 9 }), true],
  [
    'only of the container that is named',
    { action: 'Count', ...exits('In', [9], 'main') },
    failed({ main: 1, side: 9 }),
    false,
  ],
  ['a condition', { action: 'Count', onPodConditions: disruption }, failed({ c: 1 }, true), true],
  ['no condition', { action: 'Count', onPodConditions: disruption }, failed({ c: 1 }), false],
  [
    'a condition of another status',
    { action: 'Count', onPodConditions: [{ type: 'DisruptionTarget', status: 'False' }] },
    failed({ c: 1 }, true),
    false,
  ],
]
test.each(cases)('%s', (_, rule, of, matches) => {
  expect(failureVerdict(job(rule), of) !== null).toBe(matches)
})

test('the first rule that matches counts', () => {
  const of = job(
    { action: 'FailJob', ...exits('In', [7]) },
    { action: 'Ignore', onPodConditions: disruption },
    { action: 'FailJob', ...exits('NotIn', [0]) },
  )
  expect(failureVerdict(of, failed({ c: 7 }, true))?.action).toBe('FailJob')
  expect(failureVerdict(of, failed({ c: 1 }, true))).toEqual({
    action: 'Ignore',
    message: 'Pod shop/p has condition DisruptionTarget matching Ignore rule at index 1',
  })
  expect(failureVerdict(of, failed({ c: 1 }))?.message).toBe(
    'Container c for pod shop/p failed with exit code 1 matching FailJob rule at index 2',
  )
})

test('what no rule matches counts as a failure, and what is ignored does not', () => {
  const of = job({ action: 'Ignore', onPodConditions: disruption })
  expect(countsAsFailure(of, failed({ c: 1 }))).toBe(true)
  expect(countsAsFailure(of, failed({ c: 1 }, true))).toBe(false)
})

test('the Job fails with the first pod that says so', () => {
  const of = job({ action: 'FailJob', ...exits('In', [7]) })
  expect(failJobMessage(of, [failed({ c: 1 })])).toBeNull()
  expect(failJobMessage(of, [failed({ c: 1 }), failed({ c: 7 })])).toContain('exit code 7')
  // It has not ended yet, whatever one of its containers did.
  const running = failed({ c: 7 })
  expect(failJobMessage(of, [{ ...running, status: { phase: 'Running' } }])).toBeNull()
})
