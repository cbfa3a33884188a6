import { describe, expect, it } from 'vitest'
import type { NodeStatus } from '../api/types/core-node.js'
import { nodeLabels, nodeStatus, sameNodeStatus, type NodeDescription } from './node-status.js'

const description: NodeDescription = {
  name: 'node-1',
  hostAddress: '127.0.0.1',
  kubeletPort: 10_250,
  runtimeVersion: 'process://0.1.0',
  labels: { zone: 'a' },
  capacity: { cpu: '2' },
  localVolumesDirectory: '/data/local-volumes',
  facts: {
    machineId: 'm',
    systemUuid: 's',
    bootId: 'b',
    kernelVersion: '6',
    osImage: 'Linux',
    operatingSystem: 'linux',
    architecture: 'amd64',
    cpus: 8,
    memoryBytes: 2 ** 33,
    diskBytes: 2 ** 40,
  },
}

const gibibyte = 2 ** 30
const load = {
  memoryFreeBytes: gibibyte,
  diskFreeBytes: 10 * gibibyte,
  processes: 100,
  processesMax: 32_768,
}
const nowMs = Date.UTC(2026, 0, 1)

function conditionsOf({ conditions }: NodeStatus): Record<string, string> {
  return Object.fromEntries((conditions ?? []).map(({ type, status }) => [type, status]))
}

describe('the status of a node', () => {
  it('tells its size, with what was set by hand', () => {
    const status = nodeStatus(description, undefined, load, null, nowMs)
    expect(status.capacity).toEqual({
      cpu: '2',
      memory: '8388608Ki',
      'ephemeral-storage': '1073741824Ki',
      pods: '110',
    })
    expect(nodeLabels(description)).toMatchObject({ 'kubernetes.io/os': 'linux', zone: 'a' })
  })

  const fine = {
    MemoryPressure: 'False',
    DiskPressure: 'False',
    PIDPressure: 'False',
    Ready: 'True',
  }
  it.each([
    ['is fine', load, null, fine],
    ['has no pod CIDR', load, 'no pod CIDR', { ...fine, Ready: 'False' }],
    [
      'is short of memory',
      { ...load, memoryFreeBytes: 1 },
      null,
      { ...fine, MemoryPressure: 'True' },
    ],
    ['is short of disk', { ...load, diskFreeBytes: 1 }, null, { ...fine, DiskPressure: 'True' }],
    [
      'is short of processes',
      { ...load, processes: 32_000 },
      null,
      { ...fine, PIDPressure: 'True' },
    ],
  ])('says when it %s', (_title, machine, notReady, wanted) => {
    expect(conditionsOf(nodeStatus(description, undefined, machine, notReady, nowMs))).toEqual(
      wanted,
    )
  })

  it('is the same when only heartbeats differ, and keeps conditions and fields of others', () => {
    const others = { conditions: [{ type: 'NetworkUnavailable', status: 'False' }], images: [] }
    const first = nodeStatus(description, others, load, null, nowMs)
    const second = nodeStatus(description, first, load, null, nowMs + 60_000)
    expect(sameNodeStatus(first, second)).toBe(true)
    expect(second.images).toEqual([])
    expect(conditionsOf(second)).toMatchObject({ NetworkUnavailable: 'False' })
    const third = nodeStatus(description, second, load, 'gone', nowMs + 60_000)
    expect(sameNodeStatus(second, third)).toBe(false)
    const ready = third.conditions?.find(({ type }) => type === 'Ready')
    expect(ready?.lastTransitionTime).toBe('2026-01-01T00:01:00Z')
    const disk = third.conditions?.find(({ type }) => type === 'DiskPressure')
    expect(disk?.lastTransitionTime).toBe('2026-01-01T00:00:00Z')
  })
})
