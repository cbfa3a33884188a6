// The Node object as its kubelet writes it. Counterpart: pkg/kubelet/nodestatus. Pure.

import { localVolumesMark } from '../api/local-volume.js'
import type { Node, NodeCondition, NodeStatus } from '../api/types/core-node.js'
import { formatTime } from '../client/timestamps.js'
import type { MachineFacts, MachineLoad } from './machine.js'

export interface NodeDescription {
  readonly name: string
  readonly hostAddress: string
  readonly kubeletPort: number
  readonly runtimeVersion: string
  readonly labels: { readonly [key: string]: string }
  /** Wins over what the machine has. */
  readonly capacity: { readonly [resource: string]: string }
  /** Where volumes lie that are directories of this node; absolute. */
  readonly localVolumesDirectory: string
  readonly facts: MachineFacts
}

/** What the kubelet says it is; the suffix says whose it is. */
export const kubeletVersion = 'v1.32.0+raftsman'

/** Addresses of a /24 and the original's limit allow as many. */
const podsMax = 110
const memoryFreeBytesMin = 100 * 1024 * 1024
const diskFreeBytesMin = 512 * 1024 * 1024
const processesShareMax = 0.95

export function nodeCapacity({ facts, capacity }: NodeDescription): {
  readonly [resource: string]: string
} {
  return {
    cpu: String(facts.cpus),
    memory: `${Math.floor(facts.memoryBytes / 1024)}Ki`,
    'ephemeral-storage': `${Math.floor(facts.diskBytes / 1024)}Ki`,
    pods: String(podsMax),
    ...capacity,
  }
}

export function nodeLabels({ name, facts, labels }: NodeDescription): {
  readonly [key: string]: string
} {
  return {
    'beta.kubernetes.io/arch': facts.architecture,
    'beta.kubernetes.io/os': facts.operatingSystem,
    'kubernetes.io/arch': facts.architecture,
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': facts.operatingSystem,
    ...labels,
  }
}

export function nodeAnnotations({ localVolumesDirectory }: NodeDescription): {
  readonly [key: string]: string
} {
  return { [localVolumesMark]: localVolumesDirectory }
}

/** As it is registered; the status follows on its own. */
export function newNode(description: NodeDescription): Node {
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name: description.name,
      labels: nodeLabels(description),
      annotations: nodeAnnotations(description),
    },
    spec: {},
  }
}

interface ConditionFinding {
  readonly type: string
  readonly status: 'True' | 'False'
  readonly reason: string
  readonly message: string
}

/** `notReady` says why pods cannot run here; null when they can. */
function findings(load: MachineLoad, notReady: string | null): readonly ConditionFinding[] {
  const pressure = (type: string, under: boolean, what: string, text: string): ConditionFinding =>
    under
      ? { type, status: 'True', reason: `KubeletHas${what}`, message: `kubelet has ${text}` }
      : { type, status: 'False', reason: `KubeletHas${what}`, message: `kubelet has ${text}` }
  const noMemory = load.memoryFreeBytes < memoryFreeBytesMin
  const noDisk = load.diskFreeBytes < diskFreeBytesMin
  const noProcesses = load.processes > load.processesMax * processesShareMax
  return [
    noMemory
      ? pressure('MemoryPressure', true, 'InsufficientMemory', 'insufficient memory available')
      : pressure('MemoryPressure', false, 'SufficientMemory', 'sufficient memory available'),
    noDisk
      ? pressure('DiskPressure', true, 'DiskPressure', 'disk pressure')
      : pressure('DiskPressure', false, 'NoDiskPressure', 'no disk pressure'),
    noProcesses
      ? pressure('PIDPressure', true, 'InsufficientPID', 'insufficient PID available')
      : pressure('PIDPressure', false, 'SufficientPID', 'sufficient PID available'),
    notReady === null
      ? {
          type: 'Ready',
          status: 'True',
          reason: 'KubeletReady',
          message: 'kubelet is posting ready status',
        }
      : { type: 'Ready', status: 'False', reason: 'KubeletNotReady', message: notReady },
  ]
}

function nodeConditions(
  before: readonly NodeCondition[],
  load: MachineLoad,
  notReady: string | null,
  nowMs: number,
): readonly NodeCondition[] {
  const now = formatTime(nowMs)
  const ours = findings(load, notReady).map((finding): NodeCondition => {
    const old = before.find(({ type }) => type === finding.type)
    const since = old?.status === finding.status ? old.lastTransitionTime : undefined
    return { ...finding, lastHeartbeatTime: now, lastTransitionTime: since ?? now }
  })
  const types = new Set(ours.map(({ type }) => type))
  return [...before.filter(({ type }) => !types.has(type)), ...ours]
}

export function nodeStatus(
  description: NodeDescription,
  before: NodeStatus | undefined,
  load: MachineLoad,
  notReady: string | null,
  nowMs: number,
): NodeStatus {
  const { name, hostAddress, kubeletPort, runtimeVersion, facts } = description
  const capacity = nodeCapacity(description)
  return {
    ...before,
    capacity,
    allocatable: capacity,
    conditions: nodeConditions(before?.conditions ?? [], load, notReady, nowMs),
    addresses: [
      { type: 'InternalIP', address: hostAddress },
      { type: 'Hostname', address: name },
    ],
    daemonEndpoints: { kubeletEndpoint: { Port: kubeletPort } },
    nodeInfo: {
      machineID: facts.machineId,
      systemUUID: facts.systemUuid,
      bootID: facts.bootId,
      kernelVersion: facts.kernelVersion,
      osImage: facts.osImage,
      containerRuntimeVersion: runtimeVersion,
      kubeletVersion,
      kubeProxyVersion: kubeletVersion,
      operatingSystem: facts.operatingSystem,
      architecture: facts.architecture,
    },
  }
}

/** Equal but for the times of heartbeats. */
export function sameNodeStatus(a: NodeStatus | undefined, b: NodeStatus): boolean {
  const plain = (status: NodeStatus | undefined): string => {
    const conditions = status?.conditions?.map(({ lastHeartbeatTime: _time, ...rest }) => rest)
    return canonical({ ...status, conditions })
  }
  return plain(a) === plain(b)
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  )
}
