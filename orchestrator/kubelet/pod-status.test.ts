import { describe, expect, it } from 'vitest'
import type { PodStatus } from '../api/types/core-pod-status.js'
import type { PodObservation } from './pod-model.js'
import { goDuration, podStatus } from './pod-status.js'
import { containerOf, nowMs, observationOf, podOf, runOf } from './testing/observation.js'

const statusOf = (changes: Partial<PodObservation>): PodStatus => podStatus(observationOf(changes))

const ready = new Map([['main', { started: true, ready: true, failed: null }]])
const unready = new Map([['main', { started: true, ready: false, failed: null }]])
const policy = (restartPolicy: string): PodObservation['pod'] => podOf({ spec: { restartPolicy } })

/** "waiting:CrashLoopBackOff", "running", "terminated:0". */
function stateOf(status: PodStatus): string {
  const state = status.containerStatuses?.[0]?.state
  if (state?.waiting) return `waiting:${state.waiting.reason}`
  return state?.terminated ? `terminated:${state.terminated.exitCode}` : 'running'
}

const condition = (status: PodStatus, type: string): string | undefined =>
  status.conditions?.find(found => found.type === type)?.status

describe('the phase of a pod', () => {
  const backoffs = new Map([['main', { periodMs: 10_000, raisedAtMs: nowMs - 9000 }]])
  const cases: readonly [string, Partial<PodObservation>, string, string][] = [
    ['before anything', { address: null }, 'Pending', 'waiting:ContainerCreating'],
    [
      'with a running container',
      { runs: [runOf('main', 0, null)], verdicts: ready },
      'Running',
      'running',
    ],
    [
      'in back-off',
      { runs: [runOf('main', 1, [1, 1000])], backoffs },
      'Running',
      'waiting:CrashLoopBackOff',
    ],
    ['just before a restart', { runs: [runOf('main', 0, [0, 1])] }, 'Running', 'terminated:0'],
    [
      'done',
      { pod: policy('Never'), runs: [runOf('main', 0, [0, 1])] },
      'Succeeded',
      'terminated:0',
    ],
    [
      'failed',
      { pod: policy('Never'), runs: [runOf('main', 0, [3, 1])] },
      'Failed',
      'terminated:3',
    ],
    [
      'repeating',
      { pod: policy('OnFailure'), runs: [runOf('main', 1, [3, 1])], backoffs },
      'Running',
      'waiting:CrashLoopBackOff',
    ],
    [
      'done for good',
      { pod: policy('OnFailure'), runs: [runOf('main', 0, [0, 1])] },
      'Succeeded',
      'terminated:0',
    ],
  ]
  it.each(cases)('%s', (_title, changes, phase, state) => {
    const status = statusOf(changes)
    expect([status.phase, stateOf(status)]).toEqual([phase, state])
  })

  it('is Succeeded or Failed for one that was deleted, whatever its restart policy', () => {
    const pod = podOf({ metadata: { deletionTimestamp: '2026-01-01T12:00:00Z' } })
    expect(statusOf({ pod, runs: [runOf('main', 0, [0, 1])] }).phase).toBe('Succeeded')
    expect(statusOf({ pod, runs: [runOf('main', 0, [143, 1])] }).phase).toBe('Failed')
  })

  it('waits for init containers, and fails with one that is never repeated', () => {
    const spec = { restartPolicy: 'Never', initContainers: [containerOf('first')] }
    const pod = podOf({ spec })
    const running = statusOf({ pod, runs: [runOf('first', 0, null)] })
    expect([running.phase, stateOf(running)]).toEqual(['Pending', 'waiting:PodInitializing'])
    expect(condition(running, 'Initialized')).toBe('False')
    expect(statusOf({ pod, runs: [runOf('first', 0, [1, 1])] }).phase).toBe('Failed')
    const done = statusOf({ pod, runs: [runOf('first', 0, [0, 1])] })
    expect(condition(done, 'Initialized')).toBe('True')
    expect(done.initContainerStatuses?.[0]?.ready).toBe(true)
  })

  it('is Failed past the deadline, with the reason', () => {
    const pod = podOf({
      spec: { activeDeadlineSeconds: 10 },
      status: { startTime: '2026-01-01T11:00:00Z' },
    })
    expect(statusOf({ pod, runs: [runOf('main', 0, null)] })).toMatchObject({
      phase: 'Failed',
      reason: 'DeadlineExceeded',
    })
  })
})

describe('the conditions of a pod', () => {
  it('follow readiness, and keep their time while they stand', () => {
    const runs = [runOf('main', 0, null)]
    const before = statusOf({ runs, verdicts: unready })
    expect(condition(before, 'Ready')).toBe('False')
    expect(before.conditions?.find(({ type }) => type === 'Ready')?.message).toBe(
      'containers with unready status: [main]',
    )
    const later = { nowMs: nowMs + 60_000, pod: podOf({ status: before }), runs }
    const same = statusOf({ ...later, verdicts: unready })
    expect(same.conditions).toEqual(before.conditions)
    const turned = statusOf({ ...later, verdicts: ready })
    expect(turned.conditions?.find(({ type }) => type === 'Ready')).toMatchObject({
      status: 'True',
      lastTransitionTime: '2026-01-01T12:01:00Z',
    })
  })

  it('wait for the gates of the pod, and leave those of others as they are', () => {
    const gate = { type: 'example.com/fed', status: 'False' }
    const runs = [runOf('main', 0, null)]
    const pod = (status: string): PodObservation['pod'] =>
      podOf({
        spec: { readinessGates: [{ conditionType: gate.type }] },
        status: { conditions: [{ ...gate, status }] },
      })
    const closed = statusOf({ pod: pod('False'), runs, verdicts: ready })
    expect(condition(closed, 'Ready')).toBe('False')
    expect(condition(closed, 'ContainersReady')).toBe('True')
    expect(closed.conditions).toContainEqual(gate)
    expect(condition(statusOf({ pod: pod('True'), runs, verdicts: ready }), 'Ready')).toBe('True')
  })
})

describe('the status of a container', () => {
  it('tells of the back-off as the original does', () => {
    const backoffs = new Map([['main', { periodMs: 160_000, raisedAtMs: nowMs - 9000 }]])
    const status = statusOf({ runs: [runOf('main', 3, [1, 1000])], backoffs })
    expect(status.containerStatuses?.[0]).toMatchObject({
      restartCount: 3,
      ready: false,
      started: false,
      state: {
        waiting: {
          message: 'back-off 2m40s restarting failed container=main pod=web_default(u1)',
        },
      },
      lastState: { terminated: { exitCode: 1, reason: 'Error' } },
    })
  })

  it('shows the cause of a failed pull first, then that it waits', () => {
    const trouble = {
      reason: 'ErrImagePull',
      message: 'cause',
      sinceMs: nowMs,
      retryAtMs: nowMs + 10_000,
      periodMs: 10_000,
    }
    const troubles = new Map([['main', trouble]])
    expect(stateOf(statusOf({ troubles }))).toBe('waiting:ErrImagePull')
    expect(stateOf(statusOf({ troubles, nowMs: nowMs + 2000 }))).toBe('waiting:ImagePullBackOff')
  })

  it('is kept for a pod that ended in an earlier life of the node', () => {
    const status: PodStatus = { phase: 'Succeeded', conditions: [], containerStatuses: [] }
    expect(statusOf({ pod: podOf({ status }), address: null })).toEqual(status)
  })
})

it('a duration is written as Go writes it', () => {
  expect([10_000, 60_000, 300_000, 160_000].map(goDuration)).toEqual([
    '10s',
    '1m0s',
    '5m0s',
    '2m40s',
  ])
})
