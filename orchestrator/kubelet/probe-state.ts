// What a series of probe outcomes says of a container. Counterpart: the kubelet's prober worker,
// without its goroutine. Pure: outcomes in, verdicts out.

import { unreachable } from '../../platform/errors.js'
import type { Container, Probe } from '../api/types/core-container.js'

export type ProbeKind = 'startup' | 'liveness' | 'readiness'

export const probeKinds: readonly ProbeKind[] = ['startup', 'liveness', 'readiness']

export interface ProbeTimings {
  readonly initialDelayMs: number
  readonly periodMs: number
  readonly timeoutMs: number
  readonly successThreshold: number
  readonly failureThreshold: number
}

export interface ProbeState {
  /** Null only for a start-up probe that has not decided yet. */
  readonly verdict: boolean | null
  readonly lastOutcome: boolean | null
  /** Outcomes in a row that were like the last one. */
  readonly inARow: number
}

export function probeOf(container: Container, kind: ProbeKind): Probe | undefined {
  switch (kind) {
    case 'startup':
      return container.startupProbe
    case 'liveness':
      return container.livenessProbe
    case 'readiness':
      return container.readinessProbe
    default:
      return unreachable(kind)
  }
}

const secondsOf = (seconds: number | undefined, otherwise: number): number =>
  Math.max(seconds ?? otherwise, 0) * 1000

export function probeTimings(probe: Probe): ProbeTimings {
  return {
    initialDelayMs: secondsOf(probe.initialDelaySeconds, 0),
    periodMs: Math.max(1000, secondsOf(probe.periodSeconds, 10)),
    timeoutMs: Math.max(1000, secondsOf(probe.timeoutSeconds, 1)),
    successThreshold: Math.max(1, probe.successThreshold ?? 1),
    failureThreshold: Math.max(1, probe.failureThreshold ?? 3),
  }
}

/** Alive until shown otherwise, unready until shown otherwise, start-up undecided. */
export function initialProbeState(kind: ProbeKind): ProbeState {
  const verdict = kind === 'startup' ? null : kind === 'liveness'
  return { verdict, lastOutcome: null, inARow: 0 }
}

export function afterOutcome(
  state: ProbeState,
  timings: ProbeTimings,
  succeeded: boolean,
): ProbeState {
  const inARow = state.lastOutcome === succeeded ? state.inARow + 1 : 1
  const threshold = succeeded ? timings.successThreshold : timings.failureThreshold
  const verdict = inARow >= threshold ? succeeded : state.verdict
  return { verdict, lastOutcome: succeeded, inARow }
}

/** What all probes of a container say together. */
export interface ProbeVerdicts {
  readonly started: boolean
  readonly ready: boolean
  /** The probe that demands a restart. */
  readonly failed: 'startup' | 'liveness' | null
}

export const unprobed: ProbeVerdicts = { started: false, ready: false, failed: null }

/** `states` has an entry for each probe that the container has. */
export function probeVerdicts(states: ReadonlyMap<ProbeKind, ProbeState>): ProbeVerdicts {
  const startup = states.get('startup')
  const started = startup === undefined || startup.verdict === true
  const ready = started && (states.get('readiness')?.verdict ?? true)
  if (startup?.verdict === false) return { started: false, ready: false, failed: 'startup' }
  const alive = !started || (states.get('liveness')?.verdict ?? true)
  return { started, ready, failed: alive ? null : 'liveness' }
}

/** Liveness and readiness wait for the start-up probe; that one stops once it has decided. */
export function isProbeActive(
  kind: ProbeKind,
  states: ReadonlyMap<ProbeKind, ProbeState>,
): boolean {
  const startup = states.get('startup')
  if (kind === 'startup') return startup !== undefined && startup.verdict === null
  return startup === undefined || startup.verdict === true
}
