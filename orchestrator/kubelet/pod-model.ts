// What the planner (reconcile.ts) and the status (pod-status.ts) are told of one pod: everything
// observed, nothing remembered elsewhere. Pure types and questions about them.

import type { Container } from '../api/types/core-container.js'
import type { Pod } from '../api/types/core-pod.js'
import type { ProbeVerdicts } from './probe-state.js'
import type { RestartBackoff } from './restart-backoff.js'
import type { ContainerRecord } from './runtime.js'

/** Why a container could not be started, and when that is tried again. */
export interface StartTrouble {
  readonly reason: string
  readonly message: string
  readonly sinceMs: number
  readonly retryAtMs: number
  readonly periodMs: number
}

/** A container that has been asked to end. */
export interface StopProgress {
  readonly startedAtMs: number
  /** Of the grace in force when the stop began; a shorter one of the pod wins. */
  readonly graceMs: number
  readonly preStop: 'none' | 'running' | 'done'
  readonly terminated: boolean
}

export interface PodObservation {
  readonly pod: Pod
  /** The API server no longer has it. */
  readonly gone: boolean
  /** The node process ends and takes its pods with it. */
  readonly stopping: boolean
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: number
  readonly hostAddress: string
  /** Null before the sandbox and the volumes stand. */
  readonly address: string | null
  /** All runs that the runtime knows. */
  readonly runs: readonly ContainerRecord[]
  readonly verdicts: ReadonlyMap<string, ProbeVerdicts>
  readonly backoffs: ReadonlyMap<string, RestartBackoff>
  /** By container name; '' is the pod's own: its sandbox and volumes. */
  readonly troubles: ReadonlyMap<string, StartTrouble>
  /** Names of containers whose image is on its way. */
  readonly pulling: ReadonlySet<string>
  /** By container id. */
  readonly stops: ReadonlyMap<string, StopProgress>
  /** The final delete has been accepted. */
  readonly deleted: boolean
}

export type RestartPolicy = 'Always' | 'OnFailure' | 'Never'

export function restartPolicyOf(pod: Pod): RestartPolicy {
  const policy = pod.spec.restartPolicy
  return policy === 'OnFailure' || policy === 'Never' ? policy : 'Always'
}

/** An init container that goes on beside the others: a sidecar. */
export const isSidecar = (container: Container): boolean => container.restartPolicy === 'Always'

export const initContainersOf = (pod: Pod): readonly Container[] => pod.spec.initContainers ?? []

export const podTitle = ({ metadata }: Pod): string =>
  `${metadata.name}_${metadata.namespace}(${metadata.uid})`

/** Runs of one container, oldest first. */
export function runsOf(
  observation: Pick<PodObservation, 'runs'>,
  name: string,
): readonly ContainerRecord[] {
  return observation.runs.filter(run => run.name === name).sort((a, b) => a.attempt - b.attempt)
}

export const latestRun = (
  observation: Pick<PodObservation, 'runs'>,
  name: string,
): ContainerRecord | undefined => runsOf(observation, name).at(-1)

/** Whether a container that ended with `code` is to be started again. */
export function restarts(pod: Pod, container: Container, isInit: boolean, code: number): boolean {
  if (isInit && isSidecar(container)) return true
  const policy = restartPolicyOf(pod)
  if (isInit) return code !== 0 && policy !== 'Never'
  return policy === 'Always' || (policy === 'OnFailure' && code !== 0)
}

/** One that an earlier life of the node already brought to its end. */
export const isFinished = (pod: Pod): boolean =>
  pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'

/** The init containers have done their part: all of them, or a main container has been seen. */
export function isInitialized(observation: PodObservation): boolean {
  const { pod, verdicts } = observation
  if (pod.spec.containers.some(({ name }) => latestRun(observation, name) !== undefined))
    return true
  return initContainersOf(pod).every(container => {
    const run = latestRun(observation, container.name)
    if (run === undefined) return false
    if (isSidecar(container)) return verdicts.get(container.name)?.started === true
    return run.exit?.code === 0
  })
}

export function deadlineLeftMs(observation: PodObservation): number | null {
  const seconds = observation.pod.spec.activeDeadlineSeconds
  const started = Date.parse(observation.pod.status?.startTime ?? '')
  if (seconds === undefined || Number.isNaN(started)) return null
  return started + seconds * 1000 - observation.nowMs
}
