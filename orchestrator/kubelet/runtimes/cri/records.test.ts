import { describe, expect, it } from 'vitest'
import { logEnd } from './last-words.js'
import { containerState, type ContainerStatus, sandboxState } from './messages.js'
import { containerRecord, criId, sandboxView, troublesOf } from './records.js'
import { exitCode } from './stream-client.js'

const labels = {
  'io.kubernetes.pod.name': 'web',
  'io.kubernetes.pod.namespace': 'default',
  'io.kubernetes.pod.uid': 'u1',
  'io.kubernetes.container.name': 'main',
}

const second = 1_000_000_000

function statusOf(more: Partial<ContainerStatus> = {}): ContainerStatus {
  return {
    id: 'c1',
    metadata: { name: 'main', attempt: 2 },
    state: containerState.running,
    createdAt: 10 * second,
    startedAt: 11 * second,
    finishedAt: 0,
    exitCode: 0,
    image: { image: 'app:1', annotations: {}, userSpecifiedImage: '' },
    imageRef: 'sha256:1',
    reason: '',
    message: '',
    labels,
    annotations: {},
    logPath: '',
    ...more,
  }
}

const exited = (more: Partial<ContainerStatus>): ContainerStatus =>
  statusOf({ state: containerState.exited, finishedAt: 12 * second, ...more })

describe('a container of the runtime', () => {
  it('is a run of ours, by its labels', () => {
    expect(containerRecord(statusOf(), 'containerd', '')).toEqual({
      id: 'containerd://c1',
      podUid: 'u1',
      name: 'main',
      attempt: 2,
      image: 'app:1',
      imageId: 'sha256:1',
      startedAtMs: 11_000,
      exit: null,
      pid: null,
    })
    expect(criId('containerd://c1')).toBe('c1')
  })

  it.each<[string, ContainerStatus]>([
    ['does not say of which pod', statusOf({ labels: {} })],
    ['was never started', statusOf({ state: containerState.created })],
  ])('is none where it %s', (_, status) => {
    expect(containerRecord(status, 'containerd', '')).toBeNull()
  })

  it.each<[string, ContainerStatus, string, object]>([
    ['well', exited({}), '', { code: 0, reason: 'Completed', message: '', finishedAtMs: 12_000 }],
    ['badly', exited({ exitCode: 3 }), '', { code: 3, reason: 'Error' }],
    [
      'for want of memory',
      exited({ exitCode: 137, reason: 'OOMKilled' }),
      '',
      { code: 137, reason: 'OOMKilled' },
    ],
    [
      'before it began',
      exited({ exitCode: 128, reason: 'StartError', message: 'no such file', startedAt: 0 }),
      '',
      { code: 128, reason: 'StartError', message: 'no such file' },
    ],
    [
      'with words of its own',
      exited({ exitCode: 1, message: 'of the runtime' }),
      'mine',
      { message: 'mine' },
    ],
    [
      'nobody knows how',
      statusOf({ state: containerState.unknown }),
      '',
      { code: 137, reason: 'ContainerStatusUnknown' },
    ],
  ])('has ended %s', (_, status, words, exit) => {
    expect(containerRecord(status, 'containerd', words)?.exit).toMatchObject(exit)
  })
})

describe('a sandbox of the runtime', () => {
  const status = {
    id: 's1',
    metadata: { name: 'web', uid: 'u1', namespace: 'default', attempt: 1 },
    state: sandboxState.ready,
    createdAt: 0,
    network: { ip: '10.0.0.2' },
    labels,
  }
  const pod = { podUid: 'u1', podNamespace: 'default', podName: 'web' }

  it('has the address that the runtime gave it', () => {
    expect(sandboxView(status)).toEqual({
      ...pod,
      id: 's1',
      attempt: 1,
      address: '10.0.0.2',
      ready: true,
    })
  })

  it('has none of its own on the network of the machine', () => {
    expect(sandboxView({ ...status, network: { ip: '' } })?.address).toBeNull()
    expect(sandboxView({ ...status, state: sandboxState.notReady })?.ready).toBe(false)
    expect(sandboxView({ ...status, labels: {} })).toBeNull()
  })
})

describe('what a runtime says of itself', () => {
  const ready = { type: 'RuntimeReady', status: true, reason: '', message: '' }
  const network = {
    type: 'NetworkReady',
    status: false,
    reason: 'NetworkPluginNotReady',
    message: 'cni plugin not initialized',
  }

  it('is told as the condition of a node', () => {
    expect(troublesOf({ conditions: [ready, { ...network, status: true }] })).toEqual({
      runtime: null,
      network: null,
    })
    expect(troublesOf({ conditions: [ready, network] })).toEqual({
      runtime: null,
      network:
        'container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:cni plugin not initialized',
    })
    expect(troublesOf(null).runtime).toContain('container runtime not ready: RuntimeReady=false')
  })
})

describe('the last word on a stream', () => {
  const cause = { reason: 'ExitCode', message: '7' }

  it.each<[string, object, number]>([
    ['of success', { status: 'Success' }, 0],
    [
      'of an exit code',
      { status: 'Failure', reason: 'NonZeroExitCode', details: { causes: [cause] } },
      7,
    ],
  ])('%s is its code', (_, status, code) => {
    expect(exitCode(JSON.stringify(status))).toBe(code)
  })

  it.each([
    ['', 'broke off'],
    ['null', 'broke off'],
    ['{"status":"Failure","message":"no such container"}', 'no such container'],
    ['{"status":"Failure","reason":"NonZeroExitCode","message":"odd"}', 'odd'],
  ])('%j is an error', (text, message) => {
    expect(() => exitCode(text)).toThrow(message)
  })
})

describe('the end of a log', () => {
  const line = (text: string, tag = 'F') => `2026-01-01T00:00:00Z stdout ${tag} ${text}\n`

  it('is its text without what is in front of it', () => {
    const piece = `t a line that was cut\n${line('one')}${line('half', 'P')}${line(' and half')}`
    expect(logEnd(Buffer.from(piece))).toBe('one\nhalf and half\n')
  })

  it('has no more than eighty lines and two kilobytes', () => {
    const lines = Array.from({ length: 100 }, (_, at) => line(String(at))).join('')
    expect(logEnd(Buffer.from(lines)).split('\n')).toHaveLength(81)
    expect(logEnd(Buffer.from(line('x'.repeat(5000))))).toHaveLength(2048)
  })
})
