// What a CRI runtime says of sandboxes, containers and itself, as the kubelet wants to know it. Counterpart: kuberuntime's
// toKubeContainerStatus, and updateRuntimeUp. Pure.

import type { ContainerRecord, RuntimeTroubles, SandboxRecord } from '../../runtime.js'
import { containerOfLabels, podOfLabels } from './labels.js'
import {
  containerState,
  type ContainerStatus,
  type PodSandboxStatus,
  type RuntimeStatus,
  sandboxState,
} from './messages.js'

const nanosPerMs = 1_000_000
/** As a process that was killed: nobody knows how it ended. */
const unknownCode = 137

export interface SandboxView extends SandboxRecord {
  readonly id: string
  readonly attempt: number
}

/** Null for one that does not say whose it is. */
export function sandboxView(status: PodSandboxStatus): SandboxView | null {
  const pod = podOfLabels(status.labels)
  if (pod === null) return null
  const address = status.network?.ip ?? ''
  return {
    ...pod,
    id: status.id,
    attempt: status.metadata?.attempt ?? 0,
    address: address === '' ? null : address,
    ready: status.state === sandboxState.ready,
  }
}

/**
 * `scheme`: the runtime's name, as in "containerd". Null for one that does not say whose it is, or that was made and
 * never started. `message`: what the container left behind of its own.
 */
export function containerRecord(
  status: ContainerStatus,
  scheme: string,
  message: string,
): ContainerRecord | null {
  const pod = podOfLabels(status.labels)
  const name = containerOfLabels(status.labels)
  if (pod === null || name === null || status.state === containerState.created) return null
  const createdAtMs = status.createdAt / nanosPerMs
  const startedAtMs = status.startedAt > 0 ? status.startedAt / nanosPerMs : createdAtMs
  return {
    id: `${scheme}://${status.id}`,
    podUid: pod.podUid,
    name,
    attempt: status.metadata?.attempt ?? 0,
    image: status.image?.image ?? '',
    imageId: status.imageRef,
    startedAtMs,
    exit: status.state === containerState.running ? null : exitOf(status, startedAtMs, message),
    pid: null,
  }
}

function exitOf(
  status: ContainerStatus,
  startedAtMs: number,
  message: string,
): NonNullable<ContainerRecord['exit']> {
  const finishedAtMs = status.finishedAt > 0 ? status.finishedAt / nanosPerMs : startedAtMs
  if (status.state !== containerState.exited) {
    const text = 'The container could not be located when the pod was terminated'
    return { code: unknownCode, finishedAtMs, reason: 'ContainerStatusUnknown', message: text }
  }
  const reason = status.reason || (status.exitCode === 0 ? 'Completed' : 'Error')
  return { code: status.exitCode, finishedAtMs, reason, message: message || status.message }
}

/** A running container of the machine's own id, without the scheme in front. */
export const criId = (id: string): string => id.slice(id.indexOf('://') + '://'.length)

/** Of the conditions that the CRI asks for. */
export function troublesOf(status: RuntimeStatus | null): RuntimeTroubles {
  const trouble = (type: string, what: string): string | null => {
    const condition = status?.conditions.find(one => one.type === type)
    if (condition?.status === true) return null
    const { reason = '', message = 'the runtime does not say' } = condition ?? {}
    return `${what} not ready: ${type}=false reason:${reason} message:${message}`
  }
  return {
    runtime: trouble('RuntimeReady', 'container runtime'),
    network: trouble('NetworkReady', 'container runtime network'),
  }
}
