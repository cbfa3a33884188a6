// The real clock. Counterpart in simulation: the virtual clock, which fires in a seeded order.

import { performance } from 'node:perf_hooks'
import type { Clock } from '../clock.js'

export function nodeClock(): Clock {
  return {
    monotonicMs: () => performance.now(),
    wallMs: () => Date.now(),
    setTimer(delayMs, callback) {
      const timer = setTimeout(callback, delayMs)
      return { cancel: () => clearTimeout(timer) }
    },
    // Node re-arms an interval when it has fired, so a blocked loop costs ticks, never a burst.
    setTicker(periodMs, callback) {
      const timer = setInterval(callback, periodMs)
      return { cancel: () => clearInterval(timer) }
    },
    defer(callback) {
      setImmediate(callback)
    },
  }
}
