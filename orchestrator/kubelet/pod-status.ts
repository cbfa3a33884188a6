// The status of a pod as users read it, from what is known of it. Counterpart: generateAPIPodStatus,
// getPhase and the condition builders of the kubelet. Pure; times that stand are kept as they are.

import type { Container } from '../api/types/core-container.js'
import type {
  ContainerState,
  ContainerStatus,
  PodCondition,
  PodStatus,
} from '../api/types/core-pod-status.js'
import type { Pod } from '../api/types/core-pod.js'
import { formatTime } from '../client/timestamps.js'
import {
  deadlineLeftMs,
  initContainersOf,
  isFinished,
  isInitialized,
  isSidecar,
  latestRun,
  podTitle,
  type PodObservation,
  restartPolicyOf,
  restarts,
  runsOf,
  type StartTrouble,
} from './pod-model.js'
import { podQosClass } from '../api/pod-resources.js'
import { backoffLeftMs } from './restart-backoff.js'
import type { ContainerRecord } from './runtime.js'

/** How long the cause of a failed pull is shown before the wait for the next one is. */
const pullCauseShownMs = 2000

export function podStatus(observation: PodObservation): PodStatus {
  const { pod, nowMs, hostAddress, address } = observation
  const { message: _message, reason: _reason, ...before } = pod.status ?? {}
  // Nothing happens any more to a pod that came to its end in an earlier life of this node.
  if (isFinished(pod) && observation.runs.length === 0) return pod.status ?? {}
  const initialized = isInitialized(observation)
  const initContainerStatuses = initContainersOf(pod).map(container =>
    containerStatus(observation, container, true, initialized),
  )
  const containerStatuses = pod.spec.containers.map(container =>
    containerStatus(observation, container, false, initialized),
  )
  const failure = deadlineFailure(observation)
  const phase =
    failure === null ? podPhase(observation, initContainerStatuses, containerStatuses) : 'Failed'
  const podIp = address ?? pod.status?.podIP
  return {
    ...before,
    phase,
    ...failure,
    conditions: podConditions(observation, phase, initialized, containerStatuses),
    hostIP: hostAddress,
    hostIPs: [{ ip: hostAddress }],
    ...(podIp === undefined ? {} : { podIP: podIp, podIPs: [{ ip: podIp }] }),
    startTime: pod.status?.startTime ?? formatTime(nowMs),
    ...(initContainerStatuses.length === 0 ? {} : { initContainerStatuses }),
    containerStatuses,
    qosClass: pod.status?.qosClass ?? podQosClass(pod.spec),
  }
}

function deadlineFailure(
  observation: PodObservation,
): { readonly reason: string; readonly message: string } | null {
  const { pod } = observation
  const terminating = observation.gone || pod.metadata.deletionTimestamp !== undefined
  if (isFinished(pod)) {
    const { reason, message } = pod.status ?? {}
    return reason === 'DeadlineExceeded' ? { reason, message: message ?? '' } : null
  }
  if (terminating || (deadlineLeftMs(observation) ?? 1) > 0) return null
  return {
    reason: 'DeadlineExceeded',
    message: 'Pod was active on the node longer than the specified deadline',
  }
}

function containerStatus(
  observation: PodObservation,
  container: Container,
  isInit: boolean,
  initialized: boolean,
): ContainerStatus {
  const runs = runsOf(observation, container.name)
  const run = runs.at(-1)
  const previous = runs.at(-2)
  const verdicts = observation.verdicts.get(container.name)
  const state = containerState(observation, container, isInit, initialized, run)
  // What waits for its next start shows its last end there, not as its state.
  const last = state.waiting !== undefined ? run : previous
  const isRunning = state.running !== undefined
  const isDoneInit = isInit && !isSidecar(container) && run?.exit?.code === 0
  return {
    name: container.name,
    state,
    lastState: last?.exit ? { terminated: terminatedState(last) } : {},
    ready: isDoneInit || (isRunning && verdicts?.ready === true),
    restartCount: run?.attempt ?? knownRestarts(observation.pod, container.name),
    image: container.image ?? '',
    imageID: run?.imageId ?? '',
    ...(run === undefined ? {} : { containerID: run.id }),
    started: isRunning && verdicts?.started === true,
  }
}

function knownRestarts({ status }: Pod, name: string): number {
  const statuses = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])]
  return statuses.find(known => known.name === name)?.restartCount ?? 0
}

function containerState(
  observation: PodObservation,
  container: Container,
  isInit: boolean,
  initialized: boolean,
  run: ContainerRecord | undefined,
): ContainerState {
  const { pod, nowMs } = observation
  const terminating =
    observation.gone || pod.metadata.deletionTimestamp !== undefined || isFinished(pod)
  const trouble = observation.troubles.get(container.name)
  if (run === undefined) {
    if (trouble !== undefined) return waitingState(container, trouble, nowMs)
    const initializing = !initialized && (!isInit || initContainersOf(pod)[0] !== container)
    return { waiting: { reason: initializing ? 'PodInitializing' : 'ContainerCreating' } }
  }
  if (run.exit === null) return { running: { startedAt: formatTime(run.startedAtMs) } }
  if (terminating || !restarts(pod, container, isInit, run.exit.code)) {
    return { terminated: terminatedState(run) }
  }
  if (trouble !== undefined) return waitingState(container, trouble, nowMs)
  const backoff = observation.backoffs.get(container.name)
  if (backoffLeftMs(backoff, run.exit.finishedAtMs, nowMs) === 0) {
    return { terminated: terminatedState(run) }
  }
  const wait = goDuration(backoff?.periodMs ?? 0)
  const which = `container=${container.name} pod=${podTitle(pod)}`
  const message = `back-off ${wait} restarting failed ${which}`
  return { waiting: { reason: 'CrashLoopBackOff', message } }
}

function waitingState(container: Container, trouble: StartTrouble, nowMs: number): ContainerState {
  const { reason, message, sinceMs } = trouble
  if (reason === 'ErrImagePull' && nowMs - sinceMs >= pullCauseShownMs) {
    const waiting = `Back-off pulling image "${container.image}": ${reason}: ${message}`
    return { waiting: { reason: 'ImagePullBackOff', message: waiting } }
  }
  return { waiting: { reason, message } }
}

function terminatedState(run: ContainerRecord): NonNullable<ContainerState['terminated']> {
  const { exit } = run
  return {
    exitCode: exit?.code ?? 0,
    reason: exit?.reason ?? 'Completed',
    ...(exit?.message ? { message: exit.message } : {}),
    startedAt: formatTime(run.startedAtMs),
    finishedAt: formatTime(exit?.finishedAtMs ?? run.startedAtMs),
    containerID: run.id,
  }
}

/** "10s", "2m40s": as Go prints a duration of whole seconds. */
export function goDuration(ms: number): string {
  const seconds = Math.round(ms / 1000)
  const minutes = Math.floor(seconds / 60)
  return minutes === 0 ? `${seconds}s` : `${minutes}m${seconds % 60}s`
}

function podPhase(
  observation: PodObservation,
  initStatuses: readonly ContainerStatus[],
  statuses: readonly ContainerStatus[],
): string {
  const { pod } = observation
  if (isFinished(pod)) return pod.status?.phase ?? 'Pending'
  const policy = restartPolicyOf(pod)
  const regular = initContainersOf(pod)
  const failedInit = initStatuses.some((status, at) => {
    const container = regular[at]
    if (container === undefined || isSidecar(container)) return false
    return policy === 'Never' && (status.state?.terminated?.exitCode ?? 0) !== 0
  })
  if (failedInit) return 'Failed'
  if (!isInitialized(observation)) return 'Pending'
  const ended = statuses.map(({ state, lastState }) =>
    state?.waiting === undefined ? state?.terminated : lastState?.terminated,
  )
  const fresh = statuses.some(({ state }, at) => state?.waiting && ended[at] === undefined)
  if (fresh) return 'Pending'
  if (ended.includes(undefined)) return 'Running'
  if (policy === 'Always' && pod.metadata.deletionTimestamp === undefined && !observation.gone) {
    return 'Running'
  }
  if (ended.every(state => state?.exitCode === 0)) return 'Succeeded'
  const terminating = pod.metadata.deletionTimestamp !== undefined || observation.gone
  return policy === 'Never' || terminating ? 'Failed' : 'Running'
}

interface Finding {
  readonly type: string
  readonly holds: boolean
  readonly reason?: string
  readonly message?: string
}

function podConditions(
  observation: PodObservation,
  phase: string,
  initialized: boolean,
  statuses: readonly ContainerStatus[],
): readonly PodCondition[] {
  const { pod } = observation
  const findings: readonly Finding[] = [
    { type: 'PodReadyToStartContainers', holds: hasSandbox(observation) },
    initializedFinding(observation, phase, initialized),
    ...readyFindings(pod, phase, statuses),
    { type: 'PodScheduled', holds: true },
  ]
  const before = pod.status?.conditions ?? []
  const ours = new Set(findings.map(({ type }) => type))
  return [
    ...findings.map(finding => conditionOf(finding, before, observation.nowMs)),
    ...before.filter(({ type }) => !ours.has(type)),
  ]
}

const hasSandbox = ({ address, runs, pod }: PodObservation): boolean =>
  address !== null && (runs.some(run => run.exit === null) || !isFinished(pod))

function conditionOf(
  finding: Finding,
  before: readonly PodCondition[],
  nowMs: number,
): PodCondition {
  const { type, holds, reason, message } = finding
  const status = holds ? 'True' : 'False'
  const old = before.find(condition => condition.type === type)
  const same = old?.status === status
  return {
    type,
    status,
    ...(old?.lastProbeTime ? { lastProbeTime: old.lastProbeTime } : {}),
    lastTransitionTime: (same ? old?.lastTransitionTime : undefined) ?? formatTime(nowMs),
    ...(reason === undefined ? {} : { reason }),
    ...(message === undefined ? {} : { message }),
  }
}

function initializedFinding(
  observation: PodObservation,
  phase: string,
  initialized: boolean,
): Finding {
  if (initialized) {
    return phase === 'Succeeded'
      ? { type: 'Initialized', holds: true, reason: 'PodCompleted' }
      : { type: 'Initialized', holds: true }
  }
  const waiting = initContainersOf(observation.pod)
    .filter(({ name }) => latestRun(observation, name)?.exit?.code !== 0)
    .map(({ name }) => name)
  return {
    type: 'Initialized',
    holds: false,
    reason: 'ContainersNotInitialized',
    message: `containers with incomplete status: [${waiting.join(' ')}]`,
  }
}

function readyFindings(
  pod: Pod,
  phase: string,
  statuses: readonly ContainerStatus[],
): readonly Finding[] {
  if (phase === 'Succeeded' || phase === 'Failed') {
    const reason = phase === 'Succeeded' ? 'PodCompleted' : 'PodFailed'
    return [
      { type: 'Ready', holds: false, reason },
      { type: 'ContainersReady', holds: false, reason },
    ]
  }
  const unready = statuses.filter(({ ready }) => !ready).map(({ name }) => name)
  if (unready.length > 0) {
    const because = {
      reason: 'ContainersNotReady',
      message: `containers with unready status: [${unready.join(' ')}]`,
    }
    return [
      { type: 'Ready', holds: false, ...because },
      { type: 'ContainersReady', holds: false, ...because },
    ]
  }
  return [gatesFinding(pod), { type: 'ContainersReady', holds: true }]
}

/** Conditions of others that the pod wants to wait for. */
function gatesFinding(pod: Pod): Finding {
  const missing = (pod.spec.readinessGates ?? []).filter(({ conditionType }) => {
    const condition = pod.status?.conditions?.find(({ type }) => type === conditionType)
    return condition?.status !== 'True'
  })
  if (missing.length === 0) return { type: 'Ready', holds: true }
  const [first] = missing
  return {
    type: 'Ready',
    holds: false,
    reason: 'ReadinessGatesNotReady',
    message: `the status of pod readiness gate "${first?.conditionType}" is not "True"`,
  }
}
