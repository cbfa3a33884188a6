// What `kubectl get pods` shows, above all the one word that sums a pod up.
// Counterpart: printPod of pkg/printers/internalversion.

import { ageOf } from '../../duration.js'
import type { Column } from '../../kind.js'
import type { Pod } from '../../types/core-pod.js'
import type { ContainerStateTerminated, ContainerStatus } from '../../types/core-pod-status.js'
import { ageColumn, nameColumn, none, orNone, text, wide } from '../columns.js'

export interface PodSummary {
  /** As in the STATUS column: "Running", "CrashLoopBackOff", "Init:0/1", "Terminating". */
  readonly status: string
  readonly readyContainers: number
  readonly totalContainers: number
  readonly restarts: number
  /** RFC 3339; undefined when nothing has restarted. */
  readonly lastRestart: string | undefined
}

interface Progress {
  status: string
  ready: number
  restarts: number
  lastRestart: string | undefined
}

export function podSummary(pod: Pod): PodSummary {
  const sidecars = new Set(
    (pod.spec.initContainers ?? []).filter(c => c.restartPolicy === 'Always').map(c => c.name),
  )
  const progress: Progress = {
    status: phaseText(pod),
    ready: 0,
    restarts: 0,
    lastRestart: undefined,
  }
  const initializing = followInitContainers(pod, sidecars, progress)
  if (!initializing || conditionHolds(pod, 'Initialized')) {
    followContainers(pod, sidecars, progress)
  }
  return {
    status: terminatingText(pod) ?? progress.status,
    readyContainers: progress.ready,
    totalContainers: pod.spec.containers.length + sidecars.size,
    restarts: progress.restarts,
    lastRestart: progress.lastRestart,
  }
}

function phaseText(pod: Pod): string {
  const gated = (pod.status?.conditions ?? []).some(
    c => c.type === 'PodScheduled' && c.reason === 'SchedulingGated',
  )
  if (gated) return 'SchedulingGated'
  return pod.status?.reason || (pod.status?.phase ?? '')
}

function terminatingText(pod: Pod): string | null {
  if (pod.metadata.deletionTimestamp === undefined) return null
  if (pod.status?.reason === 'NodeLost') return 'Unknown'
  const ended = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'
  return ended ? null : 'Terminating'
}

function conditionHolds(pod: Pod, type: string): boolean {
  return (pod.status?.conditions ?? []).some(c => c.type === type && c.status === 'True')
}

function countRestarts(container: ContainerStatus, progress: Progress): void {
  progress.restarts += container.restartCount
  const finished = container.lastState?.terminated?.finishedAt
  if (finished === undefined) return
  // Both are canonical RFC 3339 in UTC, so their order as text is their order in time.
  if (progress.lastRestart === undefined || progress.lastRestart < finished) {
    progress.lastRestart = finished
  }
}

function exitText({ reason, signal, exitCode }: ContainerStateTerminated): string {
  if (reason !== undefined && reason !== '') return reason
  return signal !== undefined && signal !== 0 ? `Signal:${signal}` : `ExitCode:${exitCode}`
}

/** True when an init container has not done its part yet; its state is then the pod's status. */
function followInitContainers(
  pod: Pod,
  sidecars: ReadonlySet<string>,
  progress: Progress,
): boolean {
  const total = pod.spec.initContainers?.length ?? 0
  for (const [index, container] of (pod.status?.initContainerStatuses ?? []).entries()) {
    countRestarts(container, progress)
    const { terminated, waiting } = container.state ?? {}
    if (terminated?.exitCode === 0) continue
    if (sidecars.has(container.name) && container.started === true) {
      if (container.ready) progress.ready += 1
      continue
    }
    if (terminated !== undefined) progress.status = `Init:${exitText(terminated)}`
    else if (waiting?.reason && waiting.reason !== 'PodInitializing') {
      progress.status = `Init:${waiting.reason}`
    } else progress.status = `Init:${index}/${total}`
    return true
  }
  return false
}

function followContainers(pod: Pod, sidecars: ReadonlySet<string>, progress: Progress): void {
  // Once the pod is initialized, restarts of plain init containers no longer count.
  progress.restarts = 0
  progress.lastRestart = undefined
  for (const container of pod.status?.initContainerStatuses ?? []) {
    if (sidecars.has(container.name)) countRestarts(container, progress)
  }
  let hasRunning = false
  for (const container of (pod.status?.containerStatuses ?? []).toReversed()) {
    countRestarts(container, progress)
    const { waiting, terminated, running } = container.state ?? {}
    if (waiting?.reason) progress.status = waiting.reason
    else if (terminated !== undefined) progress.status = exitText(terminated)
    else if (container.ready && running !== undefined) {
      hasRunning = true
      progress.ready += 1
    }
  }
  if (progress.status === 'Completed' && hasRunning) {
    progress.status = conditionHolds(pod, 'Ready') ? 'Running' : 'NotReady'
  }
}

function restartsText(pod: Pod, nowMs: number): string {
  const { restarts, lastRestart } = podSummary(pod)
  if (restarts === 0 || lastRestart === undefined) return String(restarts)
  return `${restarts} (${ageOf(lastRestart, nowMs)} ago)`
}

function readyText(pod: Pod): string {
  const { readyContainers, totalContainers } = podSummary(pod)
  return `${readyContainers}/${totalContainers}`
}

function readinessGatesText(pod: Pod): string {
  const gates = pod.spec.readinessGates ?? []
  if (gates.length === 0) return none
  const open = gates.filter(gate => conditionHolds(pod, gate.conditionType)).length
  return `${open}/${gates.length}`
}

export const podColumns: readonly Column[] = [
  nameColumn,
  text<Pod>('Ready', 'How many of the containers are ready.', readyText),
  text<Pod>('Status', 'The state of the containers, summed up.', pod => podSummary(pod).status),
  text<Pod>('Restarts', 'How often the containers were restarted, and when last.', restartsText),
  ageColumn,
  wide<Pod>('IP', 'The address of the pod.', pod =>
    orNone(pod.status?.podIPs?.[0]?.ip ?? pod.status?.podIP),
  ),
  wide<Pod>('Node', 'The node that the pod runs on.', pod => orNone(pod.spec.nodeName)),
  wide<Pod>('Nominated Node', 'The node where room is being made for the pod.', pod =>
    orNone(pod.status?.nominatedNodeName),
  ),
  wide<Pod>('Readiness Gates', 'How many of the readiness gates hold.', readinessGatesText),
]
