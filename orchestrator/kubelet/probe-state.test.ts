import { describe, expect, it } from 'vitest'
import {
  afterOutcome,
  initialProbeState,
  isProbeActive,
  type ProbeKind,
  type ProbeState,
  probeTimings,
  probeVerdicts,
} from './probe-state.js'

function verdictsOf(
  kind: ProbeKind,
  outcomes: string,
  successThreshold = 1,
  failureThreshold = 3,
): string {
  const timings = probeTimings({ successThreshold, failureThreshold })
  let state = initialProbeState(kind)
  return outcomes
    .split('')
    .map(outcome => {
      state = afterOutcome(state, timings, outcome === '+')
      return state.verdict === null ? '?' : state.verdict ? 'y' : 'n'
    })
    .join('')
}

describe('a probe', () => {
  // Outcomes and the verdict after each: + success, - failure, y yes, n no, ? undecided.
  const cases: readonly [ProbeKind, string, string, number, number][] = [
    ['readiness', '+', 'y', 1, 3],
    ['readiness', '-', 'n', 1, 3],
    ['readiness', '+--+---+', 'yyyyyyny', 1, 3],
    ['readiness', '+++-++', 'nnyyyy', 3, 2],
    ['readiness', '+++--+-++', 'nnyynnnnn', 3, 2],
    ['liveness', '--+---', 'yyyyyn', 1, 3],
    ['liveness', '-', 'n', 1, 1],
    ['startup', '---', '??n', 1, 3],
    ['startup', '--+', '??y', 1, 3],
  ]
  it.each(cases)(
    '%s of %s says %s with thresholds %i and %i',
    (kind, outcomes, wanted, up, down) => {
      expect(verdictsOf(kind, outcomes, up, down)).toBe(wanted)
    },
  )

  it('has the documented defaults', () => {
    expect(probeTimings({})).toEqual({
      initialDelayMs: 0,
      periodMs: 10_000,
      timeoutMs: 1000,
      successThreshold: 1,
      failureThreshold: 3,
    })
  })
})

describe('the probes of a container together', () => {
  const state = (verdict: boolean | null): ProbeState => ({ verdict, lastOutcome: null, inARow: 0 })
  const states = (entries: readonly [ProbeKind, boolean | null][]): Map<ProbeKind, ProbeState> =>
    new Map(entries.map(([kind, verdict]) => [kind, state(verdict)]))

  it('make it started and ready when there are none', () => {
    expect(probeVerdicts(states([]))).toEqual({ started: true, ready: true, failed: null })
  })

  it('keep it unready and alive while start-up is undecided', () => {
    const all = states([
      ['startup', null],
      ['readiness', true],
      ['liveness', false],
    ])
    expect(probeVerdicts(all)).toEqual({ started: false, ready: false, failed: null })
    expect(isProbeActive('startup', all)).toBe(true)
    expect(isProbeActive('liveness', all)).toBe(false)
    expect(isProbeActive('readiness', all)).toBe(false)
  })

  it('demand a restart when start-up fails', () => {
    const all = states([['startup', false]])
    expect(probeVerdicts(all)).toEqual({ started: false, ready: false, failed: 'startup' })
  })

  it('demand a restart when liveness fails after start-up', () => {
    const all = states([
      ['startup', true],
      ['liveness', false],
    ])
    expect(probeVerdicts(all)).toEqual({ started: true, ready: true, failed: 'liveness' })
    expect(isProbeActive('startup', all)).toBe(false)
    expect(isProbeActive('liveness', all)).toBe(true)
  })
})
