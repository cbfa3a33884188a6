import { describe, expect, it } from 'vitest'
import { backoffLeftMs, type RestartBackoff, raisedBackoff } from './restart-backoff.js'

describe('the restart back-off', () => {
  it('restarts at once the first time, then after 10, 20, 40 … 300 seconds', () => {
    let backoff: RestartBackoff | undefined
    let nowMs = 1_000_000
    const waits: number[] = []
    for (let crash = 0; crash < 9; crash += 1) {
      const left = backoffLeftMs(backoff, nowMs, nowMs)
      waits.push(left / 1000)
      const endedAtMs = nowMs
      nowMs += left
      backoff = raisedBackoff(backoff, endedAtMs, nowMs)
    }
    expect(waits).toEqual([0, 10, 20, 40, 80, 160, 300, 300, 300])
  })

  it('counts the wait from the end of the container, not from when it was noticed', () => {
    const backoff = { periodMs: 20_000, raisedAtMs: 0 }
    expect(backoffLeftMs(backoff, 5000, 15_000)).toBe(10_000)
    expect(backoffLeftMs(backoff, 5000, 60_000)).toBe(0)
  })

  it('is forgotten when a container ran for ten minutes', () => {
    const backoff = { periodMs: 160_000, raisedAtMs: 0 }
    expect(backoffLeftMs(backoff, 600_001, 600_001)).toBe(0)
    expect(raisedBackoff(backoff, 600_001, 600_001).periodMs).toBe(10_000)
    expect(backoffLeftMs(backoff, 599_999, 599_999)).toBe(160_000)
  })

  it('never waits longer than its period when the clock was set back', () => {
    const backoff = { periodMs: 10_000, raisedAtMs: 90_000 }
    expect(backoffLeftMs(backoff, 100_000, 1000)).toBe(10_000)
  })
})
