import { describe, expect, it } from 'vitest'
import { unreachable } from '../../platform/errors.js'
import type { PodObservation, StopProgress } from './pod-model.js'
import { type Action, reconcilePod } from './reconcile.js'
import { containerOf, nowMs, observationOf, podOf, runOf } from './testing/observation.js'

function word(action: Action): string {
  switch (action.kind) {
    case 'start':
      return `start ${action.container.name} ${action.attempt}`
    case 'begin-stop':
      return `begin-stop ${action.run.name} ${action.graceMs}`
    case 'terminate':
    case 'kill':
    case 'forget':
      return `${action.kind} ${action.run.name} ${action.run.attempt}`
    case 'prepare':
    case 'release':
    case 'tear-down':
    case 'delete':
      return action.kind
    default:
      return unreachable(action)
  }
}

/** The plan as one line: actions, then when to look again. */
function plan(changes: Partial<PodObservation>): string {
  const { actions, wakeAfterMs } = reconcilePod(observationOf(changes))
  return [...actions.map(word), wakeAfterMs === null ? '' : `wake ${wakeAfterMs}`]
    .filter(text => text !== '')
    .join(', ')
}

const deleting = (graceSeconds: number): PodObservation['pod'] =>
  podOf({
    metadata: {
      deletionTimestamp: '2026-01-01T12:00:30Z',
      deletionGracePeriodSeconds: graceSeconds,
    },
  })

const stopping = (changes: Partial<StopProgress> = {}): PodObservation['stops'] =>
  new Map([
    [
      'process://main-0',
      { startedAtMs: nowMs, graceMs: 30_000, preStop: 'none', terminated: false, ...changes },
    ],
  ])

const trouble = (retryInMs: number) => ({
  reason: 'ErrImagePull',
  message: 'no',
  sinceMs: nowMs,
  retryAtMs: nowMs + retryInMs,
  periodMs: 10_000,
})

const ready = { started: true, ready: true, failed: null }
const starting = { started: false, ready: false, failed: null }

describe('a pod that is to live', () => {
  const policy = (restartPolicy: string): PodObservation['pod'] =>
    podOf({ spec: { restartPolicy } })
  const cases: readonly [string, Partial<PodObservation>, string][] = [
    ['gets address and volumes first', { address: null }, 'prepare'],
    [
      'waits when these could not be had',
      { address: null, troubles: new Map([['', trouble(3000)]]) },
      'wake 3000',
    ],
    ['is started', {}, 'start main 0'],
    [
      'is started again after trouble, not before',
      { troubles: new Map([['main', trouble(7000)]]) },
      'wake 7000',
    ],
    ['is left alone while it runs', { runs: [runOf('main', 0, null)] }, ''],
    ['is restarted at once the first time', { runs: [runOf('main', 0, [1, 100])] }, 'start main 1'],
    [
      'waits for its back-off the next time',
      {
        runs: [runOf('main', 1, [1, 4000])],
        backoffs: new Map([['main', { periodMs: 10_000, raisedAtMs: nowMs - 9000 }]]),
      },
      'wake 6000',
    ],
    [
      'is not restarted after success where only failures are',
      { pod: policy('OnFailure'), runs: [runOf('main', 0, [0, 1])] },
      'release',
    ],
    [
      'is restarted after failure where failures are',
      { pod: policy('OnFailure'), runs: [runOf('main', 0, [2, 1])] },
      'start main 1',
    ],
    [
      'is never restarted where that is so',
      { pod: policy('Never'), runs: [runOf('main', 0, [2, 1])] },
      'release',
    ],
    [
      'goes on counting restarts where this machine lost all traces',
      {
        pod: podOf({
          status: {
            containerStatuses: [
              {
                name: 'main',
                ready: true,
                restartCount: 4,
                image: '',
                imageID: '',
                containerID: 'process://x',
              },
            ],
          },
        }),
      },
      'start main 5',
    ],
    ['waits for an image that is on its way', { pulling: new Set(['main']) }, ''],
    [
      'gives its sandbox back only once, when it is over',
      { pod: policy('Never'), runs: [runOf('main', 0, [2, 1])], address: null },
      '',
    ],
    [
      'gets another sandbox when it lost the one it had',
      { runs: [runOf('main', 0, [137, 1])], address: null },
      'prepare',
    ],
    [
      'gives its sandbox back when an earlier life of the node brought it to its end',
      { pod: podOf({ status: { phase: 'Succeeded' } }), runs: [runOf('main', 0, [0, 1])] },
      'release',
    ],
    [
      'keeps the run before the last, and forgets older ones',
      { runs: [runOf('main', 0, [1, 9]), runOf('main', 1, [1, 8]), runOf('main', 2, null)] },
      'forget main 0',
    ],
    [
      'is never started again once it failed',
      { pod: podOf({ status: { phase: 'Failed' } }), address: null },
      '',
    ],
    [
      'is stopped at its deadline',
      {
        pod: podOf({
          spec: { activeDeadlineSeconds: 60, terminationGracePeriodSeconds: 3 },
          status: { startTime: '2026-01-01T11:59:00Z' },
        }),
        runs: [runOf('main', 0, null)],
      },
      'begin-stop main 3000, wake 3000',
    ],
    [
      'is looked at again when its deadline comes',
      {
        pod: podOf({
          spec: { activeDeadlineSeconds: 61 },
          status: { startTime: '2026-01-01T11:59:00Z' },
        }),
        runs: [runOf('main', 0, null)],
      },
      'wake 1000',
    ],
  ]
  it.each(cases)('%s', (_title, changes, wanted) => {
    expect(plan(changes)).toBe(wanted)
  })
})

describe('init containers', () => {
  const pod = podOf({
    spec: { initContainers: [containerOf('one'), containerOf('two')] },
  })
  const sidecar = podOf({
    spec: {
      restartPolicy: 'Never',
      initContainers: [containerOf('side', { restartPolicy: 'Always' }), containerOf('two')],
    },
  })
  const cases: readonly [string, Partial<PodObservation>, string][] = [
    ['start with the first alone', { pod }, 'start one 0'],
    ['wait for the first', { pod, runs: [runOf('one', 0, null)] }, ''],
    ['go on when it succeeded', { pod, runs: [runOf('one', 0, [0, 1])] }, 'start two 0'],
    ['repeat one that failed', { pod, runs: [runOf('one', 0, [1, 1])] }, 'start one 1'],
    [
      'make way for the others when all succeeded',
      { pod, runs: [runOf('one', 0, [0, 2]), runOf('two', 0, [0, 1])] },
      'start main 0',
    ],
    [
      'are not repeated once a main container was seen',
      { pod, runs: [runOf('main', 0, null)] },
      '',
    ],
    [
      'wait for a sidecar until it has started up',
      { pod: sidecar, runs: [runOf('side', 0, null)], verdicts: new Map([['side', starting]]) },
      '',
    ],
    [
      'go on beside a sidecar that runs',
      { pod: sidecar, runs: [runOf('side', 0, null)], verdicts: new Map([['side', ready]]) },
      'start two 0',
    ],
    [
      'end a sidecar with the work it served',
      {
        pod: sidecar,
        runs: [runOf('side', 0, null), runOf('two', 0, [0, 9]), runOf('main', 0, [0, 1])],
        verdicts: new Map([['side', ready]]),
      },
      'begin-stop side 30000, wake 30000',
    ],
  ]
  it.each(cases)('%s', (_title, changes, wanted) => {
    expect(plan(changes)).toBe(wanted)
  })
})

describe('a container that a probe wants restarted', () => {
  const failed = new Map([['main', { started: true, ready: true, failed: 'liveness' as const }]])
  it('is stopped with the grace of the pod', () => {
    expect(plan({ runs: [runOf('main', 0, null)], verdicts: failed })).toBe(
      'begin-stop main 30000, wake 30000',
    )
  })

  it('is stopped with the grace of the probe where that has one', () => {
    const main = containerOf('main', { livenessProbe: { terminationGracePeriodSeconds: 2 } })
    const pod = podOf({ spec: { containers: [main] } })
    expect(plan({ pod, runs: [runOf('main', 0, null)], verdicts: failed })).toBe(
      'begin-stop main 2000, wake 2000',
    )
  })
})

describe('a pod that is being deleted', () => {
  const runs = [runOf('main', 0, null)]
  const later = (ms: number): number => nowMs + ms
  const cases: readonly [string, Partial<PodObservation>, string][] = [
    ['is told first', { pod: deleting(30), runs }, 'begin-stop main 30000, wake 30000'],
    [
      'gets SIGTERM next',
      { pod: deleting(30), runs, stops: stopping() },
      'terminate main 0, wake 30000',
    ],
    [
      'gets no SIGTERM while its hook runs',
      { pod: deleting(30), runs, stops: stopping({ preStop: 'running' }) },
      'wake 30000',
    ],
    [
      'gets SIGTERM when its hook is done',
      { pod: deleting(30), runs, stops: stopping({ preStop: 'done' }) },
      'terminate main 0, wake 30000',
    ],
    [
      'is waited for',
      { pod: deleting(30), runs, stops: stopping({ terminated: true }), nowMs: later(29_000) },
      'wake 1000',
    ],
    [
      'is killed when its grace is over, hook or not',
      { pod: deleting(30), runs, stops: stopping({ preStop: 'running' }), nowMs: later(30_000) },
      'kill main 0, wake 1000',
    ],
    [
      'is killed sooner when a later delete says so',
      { pod: deleting(1), runs, stops: stopping({ terminated: true }), nowMs: later(1000) },
      'kill main 0, wake 1000',
    ],
    [
      'is deleted for good when nothing runs',
      { pod: deleting(30), runs: [runOf('main', 0, [0, 1])] },
      'delete',
    ],
    ['is deleted for good when nothing ever ran', { pod: deleting(30), address: null }, 'delete'],
    ['is deleted once', { pod: deleting(30), deleted: true }, ''],
    [
      'is not restarted',
      { pod: deleting(30), runs: [runOf('main', 0, [1, 1])], deleted: true },
      '',
    ],
    [
      'leaves the machine when it is gone',
      { gone: true, runs: [runOf('main', 0, [1, 1])] },
      'tear-down',
    ],
    [
      'is stopped quickly when it is gone already',
      { gone: true, runs },
      'begin-stop main 2000, wake 2000',
    ],
    [
      'is stopped with its node, and kept for the next start',
      { stopping: true, runs },
      'begin-stop main 5000, wake 5000',
    ],
    [
      'rests when its node has stopped it',
      { stopping: true, runs: [runOf('main', 0, [0, 1])] },
      '',
    ],
  ]
  it.each(cases)('%s', (_title, changes, wanted) => {
    expect(plan(changes)).toBe(wanted)
  })

  it('ends its sidecars last', () => {
    const pod = podOf({
      metadata: { deletionTimestamp: '2026-01-01T12:00:30Z', deletionGracePeriodSeconds: 9 },
      spec: { initContainers: [containerOf('side', { restartPolicy: 'Always' })] },
    })
    const side = runOf('side', 0, null)
    expect(plan({ pod, runs: [side, runOf('main', 0, null)] })).toBe(
      'begin-stop main 9000, wake 9000',
    )
    expect(plan({ pod, runs: [side, runOf('main', 0, [0, 1])] })).toBe(
      'begin-stop side 9000, wake 9000',
    )
  })
})
