import { describe, expect, test } from 'vitest'
import { TickTime } from './tick-time.js'

const tickMs = 100

/** How often time was lost, when ticks come at these moments. */
function losses(moments: readonly number[]): number {
  const time = new TickTime(tickMs, 0)
  let count = 0
  for (const nowMs of moments) {
    if (time.takeLost(nowMs)) count += 1
    time.ticked(nowMs)
  }
  return count
}

describe('time that ticks stand for', () => {
  test('is whole while ticks come when they should', () => {
    expect(losses(Array.from({ length: 1000 }, (_, at) => (at + 1) * tickMs))).toBe(0)
  })

  test('is lost when the process was stopped, once', () => {
    expect(losses([100, 200, 5000, 5100, 5200])).toBe(1)
  })

  test('is lost when every tick is a little late and the next counts from there', () => {
    // Each 30 ms late: three of them hide less than two ticks, ten of them more.
    const late = Array.from({ length: 10 }, (_, at) => (at + 1) * 130)
    expect(losses(late.slice(0, 3))).toBe(0)
    expect(losses(late)).toBeGreaterThan(0)
  })

  test('is not saved up: a tick soon after a loss does not hide what comes later', () => {
    const time = new TickTime(tickMs, 0)
    expect(time.takeLost(5000)).toBe(true)
    time.ticked(5010)
    expect(time.takeLost(5209)).toBe(false)
    expect(time.takeLost(5210)).toBe(true)
  })
})
