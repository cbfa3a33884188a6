import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Job, JobSpec, JobStatus } from '../../api/types/batch.js'
import type { Pod } from '../../api/types/core-pod.js'
import { validateJobStatus } from '../../api/validation/job-status.js'
import { nowMs, pod, secondsAgo } from '../testing/objects.js'
import { isFinished } from './conditions.js'
import { completionIndexKey } from './indexes.js'
import { podOf } from './pod-template.js'
import { isOurs, planJob } from './reconcile.js'
import { trackingFinalizer } from './tracking.js'

const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c' }] } }

function job(spec: Partial<JobSpec> = {}, status: JobStatus = {}): Job {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { namespace: 'shop', name: 'j', uid: 'uid-j' },
    spec: { parallelism: 1, completions: 1, backoffLimit: 6, template, ...spec },
    status,
  }
}

const started = { startTime: secondsAgo(60) }

/** Tracked, unless it says that its end is on record. */
function owned(
  name: string,
  phase: string,
  more: { deleting?: boolean; free?: boolean; endedSecondsAgo?: number } = {},
): Pod {
  const finalizers = more.free ? [] : [trackingFinalizer]
  const one = pod(name, { phase, deleting: more.deleting ?? false, meta: { finalizers } })
  if (phase !== 'Failed' && phase !== 'Succeeded') return one
  const terminated = {
    exitCode: phase === 'Failed' ? 1 : 0,
    finishedAt: secondsAgo(more.endedSecondsAgo ?? 5),
  }
  const ended = { name: 'c', ready: false, restartCount: 0, image: '', imageID: '' }
  return {
    ...one,
    status: { ...one.status, containerStatuses: [{ ...ended, state: { terminated } }] },
  }
}

const plan = (of: Job, pods: readonly Pod[] = [], expectationsMet = true) =>
  planJob({ job: of, pods, expectationsMet, nowMs })

const conditions = (status: JobStatus) =>
  (status.conditions ?? []).map(({ type, status: is, reason }) => `${type}=${is} ${reason}`)

describe('Job: clocks', () => {
  test('a failure by a clock that is an hour ahead is waited for no longer than any other', () => {
    const failed = owned('a', 'Failed', { endedSecondsAgo: -3_600 })
    expect(plan(job(), [failed]).requeueAfterMs).toBe(10_000)
    const perIndex = { completionMode: 'Indexed', backoffLimitPerIndex: 1 } as const
    const indexed = { ...failed.metadata, annotations: { [completionIndexKey]: '0' } }
    expect(plan(job(perIndex), [{ ...failed, metadata: indexed }]).requeueAfterMs).toBe(10_000)
  })
  test('one that began by a clock that was ahead ends when it began, and not before', () => {
    const before = { startTime: secondsAgo(-1200), succeeded: 1 }
    const { status } = plan(job({}, before))
    expect(status.completionTime).toBe(before.startTime)
    expect(validateJobStatus(job({}, status), job({}, before))).toEqual([])
  })
})

describe('Job: completions and parallelism', () => {
  const running = owned('a', 'Running')
  const done = owned('b', 'Succeeded')
  const cases: readonly [string, Job, readonly Pod[], number, number][] = [
    ['as many as may run at once', job({ parallelism: 3, completions: 5 }), [], 3, 0],
    ['no more than are left', job({ parallelism: 3, completions: 5 }, { succeeded: 4 }), [], 1, 0],
    ['what runs counts', job({ parallelism: 3, completions: 5 }), [running], 2, 0],
    ['what has just ended counts', job({ parallelism: 3, completions: 2 }), [running, done], 0, 0],
    ['none of a suspended one', job({ suspend: true }), [], 0, 0],
    ['those of a suspended one go', job({ suspend: true }), [running], 0, 1],
    ['those of a smaller one go', job({ parallelism: 0 }), [running], 0, 1],
    [
      'a queue of work starts nobody once one has found it empty',
      { ...job({ parallelism: 3 }), spec: { parallelism: 3, template } },
      [running, done],
      0,
      0,
    ],
    [
      'one that leaves is waited for where it has to be',
      job({ podReplacementPolicy: 'Failed' }),
      [owned('a', 'Running', { deleting: true })],
      0,
      0,
    ],
    ['a failure is followed by a pause', job(), [owned('a', 'Failed')], 0, 0],
  ]
  test.each(cases)('%s', (_, of, pods, creations, deletions) => {
    const made = plan(of, pods)
    expect([made.creations.length, made.deletions.length]).toEqual([creations, deletions])
  })
  test('nothing while earlier writes are not visible, or when it is being deleted', () => {
    expect(plan(job(), [], false).creations).toEqual([])
    const dying = job()
    const metadata = { ...dying.metadata, deletionTimestamp: secondsAgo(1) }
    expect(plan({ ...dying, metadata }).creations).toEqual([])
  })
  test('the pause doubles: ten seconds after the first failure, twenty after the second', () => {
    const spec = { backoffLimit: 6 }
    expect(plan(job(spec), [owned('a', 'Failed')]).requeueAfterMs).toBe(5_000)
    const two = [owned('a', 'Failed'), owned('b', 'Failed')]
    expect(plan(job(spec), two).requeueAfterMs).toBe(15_000)
  })
})

describe('Job: how it ends', () => {
  const target = (type: string, reason: string) => ({
    ...started,
    conditions: [{ type, status: 'True', reason, message: 'm' }],
  })
  const cases: readonly [string, Job, readonly Pod[], readonly string[]][] = [
    [
      'first the aim is on record',
      job({}, started),
      [owned('a', 'Succeeded')],
      ['SuccessCriteriaMet=True CompletionsReached'],
    ],
    [
      'it is complete once every end is counted',
      job({}, { ...target('SuccessCriteriaMet', 'CompletionsReached'), succeeded: 1 }),
      [owned('a', 'Succeeded', { free: true })],
      ['SuccessCriteriaMet=True CompletionsReached', 'Complete=True CompletionsReached'],
    ],
    [
      'backoffLimit 6: more failures than it puts up with',
      job({ backoffLimit: 0 }, started),
      [owned('a', 'Failed')],
      ['FailureTarget=True BackoffLimitExceeded'],
    ],
    [
      'it has failed when nothing runs any more',
      job({}, target('FailureTarget', 'BackoffLimitExceeded')),
      [owned('a', 'Running', { deleting: true, free: true })],
      ['FailureTarget=True BackoffLimitExceeded'],
    ],
    [
      'and not before',
      job({}, { ...target('FailureTarget', 'BackoffLimitExceeded'), failed: 1 }),
      [],
      ['FailureTarget=True BackoffLimitExceeded', 'Failed=True BackoffLimitExceeded'],
    ],
    [
      'activeDeadlineSeconds: time is up',
      job({ activeDeadlineSeconds: 30 }, started),
      [owned('a', 'Running')],
      ['FailureTarget=True DeadlineExceeded'],
    ],
    ['suspended', job({ suspend: true }, started), [], ['Suspended=True JobSuspended']],
  ]
  test.each(cases)('%s', (_, of, pods, expected) => {
    const { status } = plan(of, pods)
    expect(conditions(status)).toEqual(expected)
    expect(validateJobStatus({ ...of, status }, of)).toEqual([])
  })
  test('a deadline that is to come is waited for', () => {
    expect(plan(job({ activeDeadlineSeconds: 90 }, started)).requeueAfterMs).toBe(30_000)
  })
})

describe('Job: suspend and resume', () => {
  const suspended = {
    ...started,
    conditions: [{ type: 'Suspended', status: 'True', reason: 'JobSuspended', message: 'm' }],
  }
  test('one that is suspended loses its pods, and says so once', () => {
    const pods = [owned('a', 'Running'), owned('b', 'Pending')]
    const first = plan(job({ suspend: true, parallelism: 2 }, started), pods)
    expect(first.deletions).toHaveLength(2)
    expect(first.events).toEqual([
      { type: 'Normal', reason: 'Suspended', message: 'Job suspended' },
    ])
    expect(conditions(first.status)).toEqual(['Suspended=True JobSuspended'])
    expect(plan(job({ suspend: true }, first.status)).events).toEqual([])
  })
  test('one that is resumed begins anew: its start, its pods, an event', () => {
    const resumed = plan(job({ suspend: false }, suspended))
    expect(resumed.status.startTime).toBe(secondsAgo(0))
    expect(resumed.creations).toHaveLength(1)
    expect(resumed.events).toEqual([{ type: 'Normal', reason: 'Resumed', message: 'Job resumed' }])
    expect(conditions(resumed.status)).toEqual(['Suspended=False JobResumed'])
  })
  test('time that it was suspended does not count towards its deadline', () => {
    const spec = { activeDeadlineSeconds: 30 }
    expect(plan(job({ ...spec, suspend: true }, suspended)).requeueAfterMs).toBeNull()
    expect(plan(job(spec, suspended)).requeueAfterMs).toBe(30_000)
  })
  test('one that was made suspended has not started', () => {
    expect(plan(job({ suspend: true })).status.startTime).toBeUndefined()
  })
})

describe('Job: podFailurePolicy', () => {
  const onExitCodes = { operator: 'In', values: [1] }
  const failing = (action: string) =>
    job({ backoffLimit: 0, podFailurePolicy: { rules: [{ action, onExitCodes }] } }, started)
  test('FailJob ends it at once, with the reason', () => {
    const { status } = plan(failing('FailJob'), [owned('a', 'Failed')])
    expect(conditions(status)).toEqual(['FailureTarget=True PodFailurePolicy'])
    expect(status.conditions?.[0]?.message).toBe(
      'Container c for pod shop/a failed with exit code 1 matching FailJob rule at index 0',
    )
  })
  test('Count counts towards the limit', () => {
    const { status } = plan(failing('Count'), [owned('a', 'Failed')])
    expect(conditions(status)).toEqual(['FailureTarget=True BackoffLimitExceeded'])
  })
  test('Ignore does not, and the pod is let go all the same', () => {
    const pods = [owned('a', 'Failed')]
    const made = plan(failing('Ignore'), pods)
    expect(conditions(made.status)).toEqual([])
    expect(made.status.uncountedTerminatedPods).toEqual({})
    expect(made.recorded).toEqual(pods)
  })
  test('one that leaves is waited for: its end decides', () => {
    const made = plan(failing('FailJob'), [owned('a', 'Running', { deleting: true })])
    expect([made.creations, conditions(made.status)]).toEqual([[], []])
  })
})

test('who is not ours is left alone', () => {
  expect(isOurs(job())).toBe(true)
  expect(isOurs(job({ managedBy: 'kubernetes.io/job-controller' }))).toBe(true)
  expect(isOurs(job({ managedBy: 'example.com/queue' }))).toBe(false)
})

test('a pod of it has its template, its owner and the finalizer', () => {
  expect(podOf(job())).toMatchObject({
    metadata: {
      generateName: 'j-',
      finalizers: [trackingFinalizer],
      ownerReferences: [{ kind: 'Job', name: 'j', uid: 'uid-j', controller: true }],
    },
    spec: template.spec,
  })
})

// Every round may break off between its writes. Model: what the pods did.
test('Job: by its tracking finalizer each end is counted once, however often it is interrupted', () => {
  const choices = fc.array(fc.nat({ max: 5 }), { minLength: 40, maxLength: 80 })
  const shape = fc.record({
    completions: fc.integer({ min: 1, max: 4 }),
    parallelism: fc.integer({ min: 1, max: 3 }),
    backoffLimit: fc.integer({ min: 0, max: 2 }),
  })
  fc.assert(
    fc.property(shape, choices, (spec, steps) => {
      let of = job(spec)
      let pods: Pod[] = []
      let made = 0
      let now = nowMs
      for (let at = 0; at < 400 && !isFinished(of); at++) {
        const step = steps[at] ?? 5
        now += 700_000
        const round = planJob({ job: of, pods, expectationsMet: true, nowMs: now })
        for (const _ of round.creations) pods.push(owned(`p${made++}`, 'Running'))
        const gone = new Set(round.deletions.map(({ metadata }) => metadata.name))
        pods = pods.map(one =>
          gone.has(one.metadata.name ?? '') ? owned(one.metadata.name ?? '', 'Failed') : one,
        )
        if (step === 0) continue
        expect(validateJobStatus({ ...of, status: round.status }, of)).toEqual([])
        of = { ...of, status: round.status }
        if (step === 1) continue
        const recorded = new Set(round.recorded.map(({ metadata }) => metadata.name))
        pods = pods.map(one =>
          recorded.has(one.metadata.name ?? '')
            ? { ...one, metadata: { ...one.metadata, finalizers: [] } }
            : one,
        )
        const running = pods.findIndex(({ status }) => status?.phase === 'Running')
        const ending = step === 2 ? 'Failed' : 'Succeeded'
        if (running >= 0 && step !== 3) {
          pods[running] = owned(pods[running]?.metadata.name ?? '', ending)
        }
      }
      const ended = (phase: string) => pods.filter(({ status }) => status?.phase === phase).length
      expect(isFinished(of)).toBe(true)
      expect(of.status?.succeeded ?? 0).toBe(ended('Succeeded'))
      expect(of.status?.failed ?? 0).toBe(ended('Failed'))
      expect(ended('Running')).toBe(0)
    }),
  )
})
