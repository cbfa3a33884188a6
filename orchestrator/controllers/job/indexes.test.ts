import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Job, JobSpec, JobStatus } from '../../api/types/batch.js'
import type { Pod } from '../../api/types/core-pod.js'
import { validateJobStatus } from '../../api/validation/job-status.js'
import { formatTime } from '../../client/timestamps.js'
import { nowMs, pod, secondsAgo } from '../testing/objects.js'
import { isFinished } from './conditions.js'
import {
  completionIndexKey,
  completionIndexOf,
  failureCountAnnotation,
  ignoredFailureCountAnnotation,
} from './indexes.js'
import { podOf } from './pod-template.js'
import { type JobPlan, planJob } from './reconcile.js'
import { isTracked, trackingFinalizer } from './tracking.js'

const template = { spec: { restartPolicy: 'Never', containers: [{ name: 'c' }] } }

function job(spec: Partial<JobSpec> = {}, status: JobStatus = {}): Job {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { namespace: 'shop', name: 'j', uid: 'uid-j' },
    spec: { completionMode: 'Indexed', completions: 5, parallelism: 3, template, ...spec },
    status: { startTime: secondsAgo(60), ...status },
  }
}

interface Shape {
  readonly exitCode?: number
  readonly failures?: number
  readonly free?: boolean
  readonly deleting?: boolean
  readonly endedSecondsAgo?: number
}

/** Tracked, unless it is free. */
function ofIndex(name: string, index: number, phase: string, shape: Shape = {}): Pod {
  const { exitCode = phase === 'Failed' ? 1 : 0, failures, endedSecondsAgo = 3600 } = shape
  const annotations = {
    [completionIndexKey]: `${index}`,
    ...(failures === undefined ? {} : { [failureCountAnnotation]: `${failures}` }),
  }
  const finalizers = shape.free === true ? [] : [trackingFinalizer]
  const deleting = shape.deleting === true
  const one = pod(name, { phase, deleting, meta: { annotations, finalizers } })
  if (phase !== 'Failed' && phase !== 'Succeeded') return one
  const terminated = { exitCode, finishedAt: secondsAgo(endedSecondsAgo) }
  const ended = { name: 'c', ready: false, restartCount: 0, image: '', imageID: '' }
  return {
    ...one,
    status: { ...one.status, containerStatuses: [{ ...ended, state: { terminated } }] },
  }
}

const plan = (of: Job, pods: readonly Pod[] = []): JobPlan =>
  planJob({ job: of, pods, expectationsMet: true, nowMs })
const made = ({ creations }: JobPlan) => creations.map(completionIndexOf)
const removed = ({ deletions }: JobPlan) => deletions.map(({ metadata }) => metadata.name)
const conditions = ({ status }: JobPlan) =>
  (status.conditions ?? []).map(({ type, reason }) => `${type} ${reason}`)

describe('a pod of an index', () => {
  const containers = [
    { name: 'a' },
    { name: 'b', env: [{ name: 'JOB_COMPLETION_INDEX', value: 'x' }] },
  ]
  const initContainers = [{ name: 'i', env: [{ name: 'OTHER', value: 'y' }] }]
  const of = job({
    template: { metadata: { labels: { app: 'j' } }, spec: { containers, initContainers } },
  })
  const variable = {
    name: 'JOB_COMPLETION_INDEX',
    valueFrom: { fieldRef: { fieldPath: `metadata.labels['${completionIndexKey}']` } },
  }
  test('knows it by annotation, label, name, host name and variable of each container', () => {
    const one = podOf(of, { index: 7, failure: undefined })
    expect(one.metadata).toMatchObject({
      generateName: 'j-7-',
      labels: { app: 'j', [completionIndexKey]: '7' },
      annotations: { [completionIndexKey]: '7' },
      finalizers: [trackingFinalizer],
    })
    expect(one.spec.hostname).toBe('j-7')
    expect(one.spec.containers).toEqual([{ name: 'a', env: [variable] }, containers[1]])
    expect(one.spec.initContainers?.[0]?.env).toEqual([{ name: 'OTHER', value: 'y' }, variable])
  })
  test('keeps its index in its name, however long that of the Job is', () => {
    const long = { ...of, metadata: { ...of.metadata, name: 'x'.repeat(60) } }
    const { generateName = '' } = podOf(long, { index: 12, failure: undefined }).metadata
    expect([generateName.length, generateName.endsWith('x-12-')]).toEqual([58, true])
  })
  test('carries on how often its index has failed', () => {
    const limited = job({ backoffLimitPerIndex: 3 })
    const annotationsAfter = (failure: Pod | undefined, from = limited) =>
      podOf(from, { index: 0, failure }).metadata.annotations
    expect(annotationsAfter(undefined)?.[failureCountAnnotation]).toBe('0')
    const second = ofIndex('p', 0, 'Failed', { failures: 1 })
    expect(annotationsAfter(second)?.[failureCountAnnotation]).toBe('2')
    const onExitCodes = { operator: 'In', values: [1] }
    const podFailurePolicy = { rules: [{ action: 'Ignore', onExitCodes }] }
    const lenient = job({ backoffLimitPerIndex: 3, podFailurePolicy })
    expect(annotationsAfter(second, lenient)).toMatchObject({
      [failureCountAnnotation]: '1',
      [ignoredFailureCountAnnotation]: '1',
    })
  })
})

describe('Indexed: which pods', () => {
  test('the lowest missing indexes first', () => {
    expect(made(plan(job()))).toEqual([0, 1, 2])
    expect(made(plan(job(), [ofIndex('a', 1, 'Running')]))).toEqual([0, 2])
    const status = { completedIndexes: '0,2', succeeded: 2 }
    expect(made(plan(job({}, status), [ofIndex('a', 3, 'Running')]))).toEqual([1, 4])
  })
  test('what has just succeeded counts', () => {
    const round = plan(job(), [ofIndex('a', 0, 'Succeeded'), ofIndex('b', 1, 'Running')])
    expect(made(round)).toEqual([2, 3])
  })
  test('one that failed is followed by another of its index, after a pause', () => {
    const fresh = plan(job({ completions: 1 }), [ofIndex('a', 0, 'Failed', { endedSecondsAgo: 4 })])
    expect([made(fresh), fresh.requeueAfterMs]).toEqual([[], 6000])
    expect(made(plan(job({ completions: 1 }), [ofIndex('a', 0, 'Failed')]))).toEqual([0])
  })
  test('of two of one index one goes, and so does one of no index or of one that is over', () => {
    const pods = [
      ofIndex('a', 1, 'Pending'),
      ofIndex('b', 1, 'Running'),
      ofIndex('c', 9, 'Running'),
      ofIndex('d', 0, 'Running'),
    ]
    const stray = pod('e', { meta: { finalizers: [trackingFinalizer] } })
    const status = { completedIndexes: '0', succeeded: 1 }
    const round = plan(job({ parallelism: 5 }, status), [...pods, stray])
    expect(new Set(removed(round))).toEqual(new Set(['a', 'c', 'd', 'e']))
    expect(round.creations).toEqual([])
  })
  test('one that leaves is waited for where it has to be', () => {
    const leaving = [ofIndex('a', 0, 'Running', { deleting: true })]
    const spec = { completions: 2, parallelism: 2 }
    expect(made(plan(job({ ...spec, podReplacementPolicy: 'Failed' }), leaving))).toEqual([1])
  })
  test('a smaller Job drops the indexes that it does not have any more', () => {
    const status = { completedIndexes: '0-4', succeeded: 5 }
    const smaller = job({ completions: 3, parallelism: 3 }, status)
    const round = plan(smaller)
    expect(round.status).toMatchObject({ completedIndexes: '0-2', succeeded: 3 })
    expect(validateJobStatus({ ...smaller, status: round.status }, smaller)).toEqual([])
  })
})

describe('Indexed: the status', () => {
  test('has completed indexes as in "1,3-5,7"', () => {
    const pods = [4, 7].map(index => ofIndex(`p${index}`, index, 'Succeeded'))
    const of = job({ completions: 10, parallelism: 0 }, { completedIndexes: '1,3,5', succeeded: 3 })
    const { status, recorded } = plan(of, pods)
    expect(status).toMatchObject({ completedIndexes: '1,3-5,7', succeeded: 5 })
    // The set of indexes counts each once: no uids are needed.
    expect(status.uncountedTerminatedPods).toEqual({})
    expect(recorded).toHaveLength(2)
    expect(status.failedIndexes).toBeUndefined()
  })
  test('counts an index that succeeds twice once', () => {
    const pods = ['a', 'b'].map(name => ofIndex(name, 0, 'Succeeded'))
    expect(plan(job(), pods).status).toMatchObject({ completedIndexes: '0', succeeded: 1 })
  })
  test('is complete with its last index, first in aim and then in fact', () => {
    const of = job({ completions: 2 }, { completedIndexes: '0', succeeded: 1 })
    const last = plan(of, [ofIndex('b', 1, 'Succeeded')])
    expect(conditions(last)).toEqual(['SuccessCriteriaMet CompletionsReached'])
    const over = plan({ ...of, status: last.status }, [
      ofIndex('b', 1, 'Succeeded', { free: true }),
    ])
    expect(conditions(over)).toContain('Complete CompletionsReached')
    expect(over.status.completedIndexes).toBe('0,1')
  })
})

describe('Indexed: backoffLimitPerIndex', () => {
  const limited = (spec: Partial<JobSpec> = {}, status: JobStatus = {}) =>
    job({ completions: 3, parallelism: 3, backoffLimitPerIndex: 1, ...spec }, status)
  test('an index that may be tried again keeps its last failure until it is', () => {
    const failure = ofIndex('a', 0, 'Failed', { failures: 0 })
    const round = plan(limited(), [failure])
    expect(made(round)).toEqual([0, 1, 2])
    expect(round.creations[0]?.metadata.annotations?.[failureCountAnnotation]).toBe('1')
    expect([round.recorded, round.status.failedIndexes]).toEqual([[], ''])
    const next = plan(limited(), [failure, ofIndex('b', 0, 'Running', { failures: 1 })])
    expect(next.recorded).toEqual([failure])
    expect(next.status.uncountedTerminatedPods).toEqual({ failed: ['uid-a'] })
  })
  test('each index rests for itself', () => {
    const round = plan(limited(), [
      ofIndex('a', 0, 'Failed', { failures: 0, endedSecondsAgo: 4 }),
      ofIndex('b', 1, 'Failed', { failures: 0 }),
    ])
    expect([made(round), round.requeueAfterMs]).toEqual([[1, 2], 6000])
  })
  test('one that failed too often has failed for good, and the others go on', () => {
    const round = plan(limited(), [ofIndex('a', 0, 'Failed', { failures: 1 })])
    expect(made(round)).toEqual([1, 2])
    expect(round.status.failedIndexes).toBe('0')
    expect(round.recorded).toHaveLength(1)
  })
  test('the Job has failed when all indexes are over and one has failed', () => {
    const status = { completedIndexes: '1,2', succeeded: 2 }
    const round = plan(limited({}, status), [ofIndex('a', 0, 'Failed', { failures: 1 })])
    expect(conditions(round)).toEqual(['FailureTarget FailedIndexes'])
  })
  test('or when more have failed than maxFailedIndexes', () => {
    const pods = [0, 1].map(index => ofIndex(`p${index}`, index, 'Failed', { failures: 1 }))
    expect(conditions(plan(limited({ maxFailedIndexes: 2 }), pods))).toEqual([])
    expect(conditions(plan(limited({ maxFailedIndexes: 1 }), pods))).toEqual([
      'FailureTarget MaxFailedIndexesExceeded',
    ])
  })
  test('what was kept for another try is put on record when there is none', () => {
    const pods = [
      ofIndex('a', 0, 'Failed', { failures: 1 }),
      ofIndex('b', 1, 'Failed', { failures: 0 }),
    ]
    const round = plan(limited({ maxFailedIndexes: 0 }), pods)
    expect(round.recorded).toHaveLength(2)
    expect(round.status.uncountedTerminatedPods?.failed).toEqual(['uid-a', 'uid-b'])
  })
  test('FailIndex fails an index at its first failure', () => {
    const onExitCodes = { operator: 'In', values: [42] }
    const podFailurePolicy = { rules: [{ action: 'FailIndex', onExitCodes }] }
    const round = plan(limited({ podFailurePolicy }), [
      ofIndex('a', 0, 'Failed', { failures: 0, exitCode: 42 }),
      ofIndex('b', 1, 'Failed', { failures: 0 }),
    ])
    expect(round.status.failedIndexes).toBe('0')
    expect(made(round)).toEqual([1, 2])
  })
  test('what is ignored uses up no try', () => {
    const onExitCodes = { operator: 'In', values: [1] }
    const podFailurePolicy = { rules: [{ action: 'Ignore', onExitCodes }] }
    const round = plan(limited({ podFailurePolicy }), [ofIndex('a', 0, 'Failed', { failures: 1 })])
    expect(round.status.failedIndexes).toBe('')
    expect(round.creations[0]?.metadata.annotations?.[failureCountAnnotation]).toBe('1')
  })
})

describe('Indexed: successPolicy', () => {
  const successPolicy = { rules: [{ succeededIndexes: '0-2', succeededCount: 1 }] }
  test('a leader that has succeeded ends the others', () => {
    const pods = [ofIndex('a', 1, 'Succeeded'), ofIndex('b', 3, 'Running')]
    const round = plan(job({ successPolicy }), pods)
    expect(conditions(round)).toEqual(['SuccessCriteriaMet SuccessPolicy'])
    expect([made(round), removed(round)]).toEqual([[], ['b']])
  })
  test('others that have succeeded do not', () => {
    expect(conditions(plan(job({ successPolicy }), [ofIndex('a', 4, 'Succeeded')]))).toEqual([])
  })
})

/** Carries plans out, lets pods run and end, and forgets pods that nobody holds. */
class IndexedModel {
  job: Job
  nowMs = nowMs
  pods: readonly Pod[] = []
  /** By index. */
  readonly failures = new Map<number, number>()
  readonly successes = new Set<number>()
  private serial = 0

  constructor(of: Job) {
    this.job = of
  }

  /** `interrupted` after so many of its three writes. */
  round(writes: number): void {
    this.nowMs += 700_000
    const { job: of, pods } = this
    const round = planJob({ job: of, pods, expectationsMet: true, nowMs: this.nowMs })
    const fresh = round.creations.map(one => {
      const name = `p${this.serial++}`
      const metadata = { ...one.metadata, name, uid: `uid-${name}` }
      return { ...one, metadata, status: { phase: 'Running' } }
    })
    const gone = new Set(round.deletions)
    this.pods = [...pods.map(one => (gone.has(one) ? this.ended(one, 'Failed') : one)), ...fresh]
    const indexes = this.pods.filter(isRunning).map(completionIndexOf)
    expect(new Set(indexes).size).toBe(indexes.length)
    if (writes === 0) return
    expect(validateJobStatus({ ...of, status: round.status }, of)).toEqual([])
    this.job = { ...of, status: round.status }
    if (writes === 1) return
    const recorded = new Set(round.recorded.map(({ metadata }) => metadata.uid))
    this.pods = this.pods.map(one =>
      recorded.has(one.metadata.uid)
        ? { ...one, metadata: { ...one.metadata, finalizers: [] } }
        : one,
    )
  }

  end(place: number, phase: string): void {
    const running = this.pods.filter(isRunning)
    const chosen = running[place % Math.max(1, running.length)]
    this.pods = this.pods.map(one => (one === chosen ? this.ended(one, phase) : one))
  }

  collectGarbage(): void {
    this.pods = this.pods.filter(one => isRunning(one) || isTracked(one))
  }

  private ended(one: Pod, phase: string): Pod {
    const index = completionIndexOf(one) ?? -1
    if (phase === 'Succeeded') this.successes.add(index)
    else this.failures.set(index, (this.failures.get(index) ?? 0) + 1)
    const terminated = {
      exitCode: phase === 'Failed' ? 1 : 0,
      finishedAt: formatTime(this.nowMs),
    }
    const ended = { name: 'c', ready: false, restartCount: 0, image: '', imageID: '' }
    return { ...one, status: { phase, containerStatuses: [{ ...ended, state: { terminated } }] } }
  }
}

const isRunning = ({ status }: Pod) => status?.phase === 'Running'

// Every round may break off between its writes, and pods that nobody holds may vanish at any time.
test('each index succeeds or fails once, and each failure is counted once', () => {
  const steps = fc.array(
    fc.record({ writes: fc.nat(2), place: fc.nat(3), fails: fc.boolean(), collect: fc.boolean() }),
    { minLength: 40, maxLength: 60 },
  )
  const shape = fc.record({
    completions: fc.integer({ min: 1, max: 4 }),
    parallelism: fc.integer({ min: 1, max: 3 }),
    backoffLimitPerIndex: fc.nat(2),
  })
  fc.assert(
    fc.property(shape, steps, (spec, choices) => {
      const model = new IndexedModel(job(spec))
      for (let at = 0; at < 300 && !isFinished(model.job); at++) {
        const { writes, place, fails, collect } = choices[at] ?? {
          writes: 2,
          place: 0,
          fails: false,
          collect: true,
        }
        model.round(writes)
        if (collect) model.collectGarbage()
        model.end(place, fails ? 'Failed' : 'Succeeded')
      }
      const { status } = model.job
      expect(isFinished(model.job)).toBe(true)
      expect(model.pods.some(isRunning)).toBe(false)
      expect(status?.succeeded ?? 0).toBe(model.successes.size)
      const failures = [...model.failures.values()]
      expect(status?.failed ?? 0).toBe(failures.reduce((sum, count) => sum + count, 0))
      expect(Math.max(0, ...failures)).toBeLessThanOrEqual(spec.backoffLimitPerIndex + 1)
      const lost = failures.filter(count => count > spec.backoffLimitPerIndex).length
      expect(model.successes.size + lost).toBe(spec.completions)
    }),
  )
})
