// How long a container that ended waits before it is started again: at once, then 10 s, 20 s …
// 300 s; forgotten after 10 minutes without an end. Counterpart: the kubelet's container back-off
// over client-go's flowcontrol.Backoff. Pure.

export interface RestartBackoff {
  /** The wait that the next end costs. */
  readonly periodMs: number
  /** When it was last raised. */
  readonly raisedAtMs: number
}

export const backoffFirstMs = 10_000
export const backoffMaxMs = 300_000
const forgottenMs = 2 * backoffMaxMs

/** Milliseconds until a container that ended at `endedAtMs` may start; 0 when it may now. */
export function backoffLeftMs(
  backoff: RestartBackoff | undefined,
  endedAtMs: number,
  nowMs: number,
): number {
  if (backoff === undefined || isForgotten(backoff, endedAtMs)) return 0
  // A wall clock that was set back must not make anyone wait longer than a period.
  const left = endedAtMs + backoff.periodMs - nowMs
  return Math.max(0, Math.min(left, backoff.periodMs))
}

/** After a start that followed an end at `endedAtMs`. */
export function raisedBackoff(
  backoff: RestartBackoff | undefined,
  endedAtMs: number,
  nowMs: number,
): RestartBackoff {
  const periodMs =
    backoff === undefined || isForgotten(backoff, endedAtMs)
      ? backoffFirstMs
      : Math.min(backoff.periodMs * 2, backoffMaxMs)
  return { periodMs, raisedAtMs: nowMs }
}

const isForgotten = (backoff: RestartBackoff, endedAtMs: number): boolean =>
  endedAtMs - backoff.raisedAtMs > forgottenMs
