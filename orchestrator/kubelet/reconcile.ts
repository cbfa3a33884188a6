// What is to be done for one pod, given all that is known of it. Counterpart: the kubelet's
// syncPod, syncTerminatingPod and computePodActions. Pure and level-based: after a crash the same
// observation leads to the same plan. Left out: eviction, in-place resize, ephemeral containers.

import type { Container } from '../api/types/core-container.js'
import {
  deadlineLeftMs,
  initContainersOf,
  isFinished,
  isInitialized,
  isSidecar,
  latestRun,
  type PodObservation,
  restartPolicyOf,
  restarts,
  runsOf,
} from './pod-model.js'
import { backoffLeftMs } from './restart-backoff.js'
import type { ContainerRecord } from './runtime.js'

export type Action =
  /** Address, sandbox, volumes. */
  | { readonly kind: 'prepare' }
  | { readonly kind: 'start'; readonly container: Container; readonly attempt: number }
  /** Tells of it and runs the hook before SIGTERM, if there is one. */
  | {
      readonly kind: 'begin-stop'
      readonly run: ContainerRecord
      readonly graceMs: number
      readonly message: string
    }
  | { readonly kind: 'terminate'; readonly run: ContainerRecord }
  | { readonly kind: 'kill'; readonly run: ContainerRecord }
  /** Ends the sandbox of a pod that came to its end: its address goes back, its logs stay. */
  | { readonly kind: 'release' }
  /** A run that nobody can ask for any more. */
  | { readonly kind: 'forget'; readonly run: ContainerRecord }
  /** Everything of the pod on this machine. */
  | { readonly kind: 'tear-down' }
  /** The last word to the API server, once the final status is written. */
  | { readonly kind: 'delete' }

export interface Plan {
  readonly actions: readonly Action[]
  /** When to look again, in milliseconds from now, if nothing happens before; null: never. */
  readonly wakeAfterMs: number | null
}

/** The grace of a pod that the API server has already forgotten. */
const goneGraceMs = 2000
/** The grace when the whole node process ends. */
const nodeStopGraceMs = 5000
const defaultGraceMs = 30_000

class Planning {
  readonly actions: Action[] = []
  private wakeAfterMs: number | null = null

  add(action: Action): void {
    this.actions.push(action)
  }

  wake(afterMs: number): void {
    const ms = Math.max(1, afterMs)
    if (this.wakeAfterMs === null || ms < this.wakeAfterMs) this.wakeAfterMs = ms
  }

  get plan(): Plan {
    return { actions: this.actions, wakeAfterMs: this.wakeAfterMs }
  }
}

export function reconcilePod(observation: PodObservation): Plan {
  const { pod } = observation
  const planning = new Planning()
  forgetOldRuns(observation, planning)
  if (observation.gone || observation.stopping || pod.metadata.deletionTimestamp !== undefined) {
    planTermination(observation, planning)
  } else if (isFinished(pod)) {
    end(observation, planning, goneGraceMs)
  } else if (isPastDeadline(observation, planning)) {
    end(observation, planning, podGraceMs(observation))
  } else {
    planLife(observation, planning)
  }
  return planning.plan
}

/** The run before the last is kept for `kubectl logs --previous`. */
function forgetOldRuns(observation: PodObservation, planning: Planning): void {
  for (const name of new Set(observation.runs.map(run => run.name))) {
    for (const run of runsOf(observation, name).slice(0, -2)) {
      if (run.exit !== null) planning.add({ kind: 'forget', run })
    }
  }
}

function isPastDeadline(observation: PodObservation, planning: Planning): boolean {
  const left = deadlineLeftMs(observation)
  if (left === null) return false
  if (left > 0) planning.wake(left)
  return left <= 0
}

function podGraceMs({ pod, gone, stopping }: PodObservation): number {
  if (gone) return goneGraceMs
  const seconds = pod.metadata.deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds
  const ms = seconds === undefined ? defaultGraceMs : seconds * 1000
  return stopping ? Math.min(ms, nodeStopGraceMs) : ms
}

function planTermination(observation: PodObservation, planning: Planning): void {
  const message = (name: string): string => `Stopping container ${name}`
  const graceMs = podGraceMs(observation)
  const sidecars = new Set(
    initContainersOf(observation.pod)
      .filter(isSidecar)
      .map(({ name }) => name),
  )
  const running = observation.runs.filter(run => run.exit === null)
  // Sidecars serve the others until these are done.
  const first = running.filter(run => !sidecars.has(run.name))
  for (const run of first.length > 0 ? first : running) {
    stop(observation, planning, run, graceMs, message(run.name))
  }
  if (running.length > 0 || observation.stopping) return
  if (observation.gone) planning.add({ kind: 'tear-down' })
  else if (!observation.deleted) planning.add({ kind: 'delete' })
}

function end(observation: PodObservation, planning: Planning, graceMs: number): void {
  const running = observation.runs.filter(run => run.exit === null)
  for (const run of running) {
    stop(observation, planning, run, graceMs, `Stopping container ${run.name}`)
  }
  if (running.length === 0 && observation.address !== null) planning.add({ kind: 'release' })
}

/** One step further on the way from running to ended. */
function stop(
  observation: PodObservation,
  planning: Planning,
  run: ContainerRecord,
  graceMs: number,
  message: string,
): void {
  const progress = observation.stops.get(run.id)
  if (progress === undefined) {
    planning.add({ kind: 'begin-stop', run, graceMs, message })
    planning.wake(graceMs)
    return
  }
  if (!progress.terminated && progress.preStop !== 'running') {
    planning.add({ kind: 'terminate', run })
  }
  // A delete with a shorter grace cuts a stop short that is under way.
  const left = progress.startedAtMs + Math.min(progress.graceMs, graceMs) - observation.nowMs
  if (left <= 0) {
    planning.add({ kind: 'kill', run })
    planning.wake(1000)
  } else {
    planning.wake(left)
  }
}

function planLife(observation: PodObservation, planning: Planning): void {
  const { pod, address } = observation
  if (isOver(observation)) {
    // Sidecars end with the work they served.
    end(observation, planning, podGraceMs(observation))
    return
  }
  if (address === null) {
    const trouble = observation.troubles.get('')
    if (trouble !== undefined && trouble.retryAtMs > observation.nowMs) {
      planning.wake(trouble.retryAtMs - observation.nowMs)
    } else {
      planning.add({ kind: 'prepare' })
    }
    return
  }
  const initialized = isInitialized(observation)
  for (const container of initContainersOf(pod)) {
    if (initialized && !isSidecar(container)) continue
    if (!planContainer(observation, planning, container, true)) return
  }
  for (const container of pod.spec.containers) {
    planContainer(observation, planning, container, false)
  }
}

/** All main containers ended for good. */
function isOver(observation: PodObservation): boolean {
  const { pod } = observation
  if (restartPolicyOf(pod) === 'Always') return false
  return pod.spec.containers.every(container => {
    const exit = latestRun(observation, container.name)?.exit ?? null
    return exit !== null && !restarts(pod, container, false, exit.code)
  })
}

/** False for an init container that the following ones have to wait for. */
function planContainer(
  observation: PodObservation,
  planning: Planning,
  container: Container,
  isInit: boolean,
): boolean {
  const { pod, nowMs, verdicts } = observation
  const run = latestRun(observation, container.name)
  if (run === undefined) {
    startUnlessTroubled(observation, planning, container, 0)
    return false
  }
  if (run.exit === null) {
    stopIfUnhealthy(observation, planning, container, run)
    return isInit && isSidecar(container) && verdicts.get(container.name)?.started === true
  }
  if (!restarts(pod, container, isInit, run.exit.code)) return run.exit.code === 0
  const backoff = observation.backoffs.get(container.name)
  const left = backoffLeftMs(backoff, run.exit.finishedAtMs, nowMs)
  if (left > 0) planning.wake(left)
  else startUnlessTroubled(observation, planning, container, run.attempt + 1)
  return isInit && isSidecar(container)
}

function startUnlessTroubled(
  observation: PodObservation,
  planning: Planning,
  container: Container,
  attempt: number,
): void {
  // Somebody tells when it is there.
  if (observation.pulling.has(container.name)) return
  const trouble = observation.troubles.get(container.name)
  const left = trouble === undefined ? 0 : trouble.retryAtMs - observation.nowMs
  if (left > 0) {
    planning.wake(left)
    return
  }
  const first = attempt === 0 ? attemptAfterLoss(observation, container.name) : attempt
  planning.add({ kind: 'start', container, attempt: first })
}

/** The restart count goes on when this machine lost every trace of earlier runs. */
function attemptAfterLoss({ pod }: PodObservation, name: string): number {
  const statuses = [
    ...(pod.status?.initContainerStatuses ?? []),
    ...(pod.status?.containerStatuses ?? []),
  ]
  const known = statuses.find(status => status.name === name)
  if (known?.containerID === undefined || known.containerID === '') return 0
  return known.restartCount + 1
}

function stopIfUnhealthy(
  observation: PodObservation,
  planning: Planning,
  container: Container,
  run: ContainerRecord,
): void {
  const failed = observation.verdicts.get(container.name)?.failed ?? null
  if (failed === null && !observation.stops.has(run.id)) return
  const probe = failed === 'startup' ? container.startupProbe : container.livenessProbe
  const seconds = probe?.terminationGracePeriodSeconds
  const graceMs = seconds === undefined ? podGraceMs(observation) : seconds * 1000
  const message = `Container ${container.name} failed ${failed} probe, will be restarted`
  stop(observation, planning, run, graceMs, message)
}
