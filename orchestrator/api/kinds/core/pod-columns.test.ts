import { expect, test } from 'vitest'
import type { Json } from '../../object.js'
import type { ContainerStatus, PodStatus } from '../../types/core-pod-status.js'
import type { Pod, PodSpec } from '../../types/core-pod.js'
import { podColumns } from './pod-columns.js'

const nowMs = Date.UTC(2026, 0, 1, 1, 0, 0)

function container(
  state: ContainerStatus['state'],
  more: Partial<ContainerStatus> = {},
): ContainerStatus {
  return {
    name: 'c',
    image: '',
    imageID: '',
    ready: false,
    restartCount: 0,
    ...(state === undefined ? {} : { state }),
    ...more,
  }
}

const running = container({ running: {} }, { ready: true })
const done = container({ terminated: { exitCode: 0, reason: 'Completed' } })
const always: PodSpec = { containers: [{ name: 'c' }] }
const withInit: PodSpec = { ...always, initContainers: [{ name: 'i' }, { name: 'j' }] }
const withSidecar: PodSpec = { ...always, initContainers: [{ name: 's', restartPolicy: 'Always' }] }

function cells(spec: PodSpec, status: PodStatus, deleted = false): readonly Json[] {
  const pod: Pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'p',
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(deleted ? { deletionTimestamp: '2026-01-01T00:30:00Z' } : {}),
    },
    spec,
    status,
  }
  return podColumns.map(column => column.cell(pod, nowMs))
}

test.each<readonly [string, PodSpec, PodStatus, string, string]>([
  ['a new pod', always, { phase: 'Pending' }, '0/1', 'Pending'],
  [
    'a gated pod',
    always,
    {
      phase: 'Pending',
      conditions: [{ type: 'PodScheduled', status: 'False', reason: 'SchedulingGated' }],
    },
    '0/1',
    'SchedulingGated',
  ],
  ['a running pod', always, { phase: 'Running', containerStatuses: [running] }, '1/1', 'Running'],
  [
    'a container being made',
    always,
    {
      phase: 'Pending',
      containerStatuses: [container({ waiting: { reason: 'ContainerCreating' } })],
    },
    '0/1',
    'ContainerCreating',
  ],
  [
    'a crash loop',
    always,
    {
      phase: 'Running',
      containerStatuses: [container({ waiting: { reason: 'CrashLoopBackOff' } })],
    },
    '0/1',
    'CrashLoopBackOff',
  ],
  ['a finished pod', always, { phase: 'Succeeded', containerStatuses: [done] }, '0/1', 'Completed'],
  [
    'an exit without a reason',
    always,
    { phase: 'Failed', containerStatuses: [container({ terminated: { exitCode: 3 } })] },
    '0/1',
    'ExitCode:3',
  ],
  [
    'a signal without a reason',
    always,
    { phase: 'Failed', containerStatuses: [container({ terminated: { exitCode: 1, signal: 9 } })] },
    '0/1',
    'Signal:9',
  ],
  ['an evicted pod', always, { phase: 'Failed', reason: 'Evicted' }, '0/1', 'Evicted'],
  [
    'the first of two init containers',
    withInit,
    {
      phase: 'Pending',
      initContainerStatuses: [container({ running: {} }), container({ waiting: {} })],
    },
    '0/1',
    'Init:0/2',
  ],
  [
    'the second of two init containers',
    withInit,
    {
      phase: 'Pending',
      initContainerStatuses: [done, container({ waiting: { reason: 'PodInitializing' } })],
    },
    '0/1',
    'Init:1/2',
  ],
  [
    'an init container at work while the others wait for it',
    withInit,
    {
      phase: 'Pending',
      initContainerStatuses: [container({ running: {} })],
      containerStatuses: [container({ waiting: { reason: 'PodInitializing' } })],
    },
    '0/1',
    'Init:0/2',
  ],
  [
    'an init container that runs again after the pod was initialized',
    withInit,
    {
      phase: 'Running',
      initContainerStatuses: [container({ running: {} })],
      containerStatuses: [container({ waiting: { reason: 'CrashLoopBackOff' } })],
      conditions: [{ type: 'Initialized', status: 'True' }],
    },
    '0/1',
    'CrashLoopBackOff',
  ],
  [
    'a failing init container',
    withInit,
    {
      phase: 'Pending',
      initContainerStatuses: [container({ terminated: { exitCode: 1, reason: 'Error' } })],
    },
    '0/1',
    'Init:Error',
  ],
  [
    'a sidecar that runs',
    withSidecar,
    {
      phase: 'Running',
      initContainerStatuses: [{ ...running, name: 's', started: true }],
      containerStatuses: [running],
    },
    '2/2',
    'Running',
  ],
  [
    'one container done, one running and the pod ready',
    { containers: [{ name: 'c' }, { name: 'd' }] },
    {
      phase: 'Running',
      containerStatuses: [done, running],
      conditions: [{ type: 'Ready', status: 'True' }],
    },
    '1/2',
    'Running',
  ],
  [
    'one container done, one running and the pod not ready',
    { containers: [{ name: 'c' }, { name: 'd' }] },
    { phase: 'Running', containerStatuses: [done, running] },
    '1/2',
    'NotReady',
  ],
])('%s', (_, spec, status, ready, text) => {
  expect(cells(spec, status).slice(0, 3)).toEqual(['p', ready, text])
})

test('a deleted pod is terminating, unless it has ended or its node is lost', () => {
  expect(cells(always, { phase: 'Running' }, true)[2]).toBe('Terminating')
  expect(cells(always, { phase: 'Running', reason: 'NodeLost' }, true)[2]).toBe('Unknown')
  expect(cells(always, { phase: 'Succeeded', containerStatuses: [done] }, true)[2]).toBe(
    'Completed',
  )
})

test('restarts say how long ago the last one was', () => {
  const restarted = {
    ...running,
    restartCount: 3,
    lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:55:00Z' } },
  }
  const row = cells(always, { phase: 'Running', containerStatuses: [restarted] })
  expect(row.slice(3, 5)).toEqual(['3 (5m ago)', '60m'])
})

test('restarts of init containers count until the pod is initialized, those of sidecars always', () => {
  const first = { ...done, name: 'i', restartCount: 2 }
  const starting = { phase: 'Pending', initContainerStatuses: [first, container({ waiting: {} })] }
  expect(cells(withInit, starting)[3]).toBe('2')
  const started = {
    phase: 'Running',
    initContainerStatuses: [first, done],
    containerStatuses: [running],
  }
  expect(cells(withInit, started)[3]).toBe('0')
  const beside = { ...running, name: 's', started: true, restartCount: 4 }
  const both = { phase: 'Running', initContainerStatuses: [beside], containerStatuses: [running] }
  expect(cells(withSidecar, both)[3]).toBe('4')
})

test('the wide columns show addresses, nodes and gates', () => {
  const spec = { ...always, nodeName: 'n', readinessGates: [{ conditionType: 'x' }] }
  const status = {
    phase: 'Running',
    podIP: '10.0.0.1',
    podIPs: [{ ip: '10.0.0.1' }],
    conditions: [{ type: 'x', status: 'True' }],
  }
  expect(cells(spec, status).slice(5)).toEqual(['10.0.0.1', 'n', '<none>', '1/1'])
  expect(cells(always, {}).slice(5)).toEqual(['<none>', '<none>', '<none>', '<none>'])
})
