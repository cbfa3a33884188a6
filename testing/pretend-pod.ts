// What a kubelet says of a pod, from what it knows of its container. Pure. Counterpart: the status manager of
// the kubelet, less probes, init containers and everything that needs a second container.

import type { Pod } from '../orchestrator/api/types/core-pod.js'
import type { ContainerState, PodStatus } from '../orchestrator/api/types/core-pod-status.js'
import { formatTime } from '../orchestrator/client/timestamps.js'
import { unreachable } from '../platform/errors.js'
import type { Container } from './pretend-machine.js'

export type Phase = 'Pending' | 'Running' | 'Succeeded' | 'Failed'

export const isTerminal = (phase: string | undefined): boolean =>
  phase === 'Succeeded' || phase === 'Failed'

/** A container that has exited and is started again by the rules of its pod. */
export function restarts(pod: Pod, { exitCode }: Container): boolean {
  if (pod.metadata.deletionTimestamp !== undefined) return false
  const { restartPolicy = 'Always' } = pod.spec
  return restartPolicy === 'Always' || (restartPolicy === 'OnFailure' && exitCode !== 0)
}

export function phaseOf(pod: Pod, container: Container): Phase {
  if (container.state === 'starting') return container.restarts > 0 ? 'Running' : 'Pending'
  if (container.state === 'running' || restarts(pod, container)) return 'Running'
  return container.exitCode === 0 ? 'Succeeded' : 'Failed'
}

/** The status to report, or null where the pod says all of it already. */
export function statusToReport(
  pod: Pod,
  container: Container,
  nodeAddress: string,
  wallMs: number,
): PodStatus | null {
  const phase = phaseOf(pod, container)
  const ready = container.state === 'running' && !container.stopping
  const now = formatTime(wallMs)
  const { status } = pod
  const truths = new Map([
    ['Initialized', true],
    ['ContainersReady', ready],
    ['Ready', ready && gatesAreOpen(pod)],
  ])
  const said = [...truths].every(([type, truth]) => isTrue(pod, type) === truth)
  const restartCount = status?.containerStatuses?.[0]?.restartCount ?? 0
  const says =
    status?.phase === phase &&
    said &&
    restartCount === container.restarts &&
    status.podIP === container.podIP
  if (says) return null
  const conditions = [...truths].map(([type, truth]) => {
    const value = truth ? 'True' : 'False'
    const before = status?.conditions?.find(condition => condition.type === type)
    return before?.status === value ? before : { type, status: value, lastTransitionTime: now }
  })
  const others = (status?.conditions ?? []).filter(
    ({ type }) => !conditions.some(condition => condition.type === type),
  )
  return {
    ...status,
    phase,
    hostIP: nodeAddress,
    podIP: container.podIP,
    podIPs: [{ ip: container.podIP }],
    startTime: status?.startTime ?? now,
    conditions: [...others, ...conditions],
    containerStatuses: pod.spec.containers.map(({ name, image = '' }) => ({
      name,
      image,
      imageID: image,
      ready,
      started: ready,
      restartCount: container.restarts,
      state: stateOf(container),
    })),
  }
}

const isTrue = ({ status }: Pod, type: string): boolean =>
  status?.conditions?.find(condition => condition.type === type)?.status === 'True'

/** What others say of it in conditions, where it wants that to be ready. */
function gatesAreOpen(pod: Pod): boolean {
  return (pod.spec.readinessGates ?? []).every(({ conditionType }) => isTrue(pod, conditionType))
}

function stateOf({ state, startedMs, finishedMs, exitCode }: Container): ContainerState {
  switch (state) {
    case 'starting':
      return { waiting: { reason: 'ContainerCreating' } }
    case 'running':
      return { running: { startedAt: formatTime(startedMs) } }
    case 'exited':
      return {
        terminated: {
          exitCode,
          reason: exitCode === 0 ? 'Completed' : 'Error',
          ...(startedMs === 0 ? {} : { startedAt: formatTime(startedMs) }),
          finishedAt: formatTime(finishedMs),
        },
      }
    default:
      return unreachable(state)
  }
}
