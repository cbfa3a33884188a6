// The bench told the truth about: what is made slow in a server shows in the percentiles, a server that
// stands still shows in everything that was due meanwhile, and writes do wait for the disk.

import { tmpdir } from 'node:os'
import { expect, test } from 'vitest'
import { nodeClock } from '../../platform/node/clock.js'
import { runLoad } from '../harness/load.js'
import { connections, keyOf, valueOf } from '../scenarios/workload.js'
import { Cluster } from '../sides/cluster.js'
import { raftsmanSide } from '../sides/raftsman.js'
import { must } from '../../platform/errors.js'
import { before, putsOneByOne } from './testing/puts-one-by-one.js'

/** Put into every member before it starts: to write a file, its log above all, takes so much longer. */
const slowWrites = (ms: number) => {
  const program = `
    import fs from 'node:fs'
    import { syncBuiltinESMExports } from 'node:module'
    const { writev } = fs
    fs.writev = (...call) => setTimeout(() => writev(...call), ${ms})
    syncBuiltinESMExports()`
  return before(program)
}

test('A sleep put into the writes of a server is in every latency of a put.', async () => {
  const sleepMs = 60
  const result = await putsOneByOne(raftsmanSide, slowWrites(sleepMs))
  expect(result.failed).toBe(0)
  expect(must(result.latencies, 'puts were answered').minMicros).toBeGreaterThan(sleepMs * 900)
  expect(result.p50Ms).toBeGreaterThan(sleepMs * 0.9)
  // One in flight: every put has waited for a sync of its own. The count is asked for a little late.
  expect(result.walSyncs).toBeGreaterThan(result.answered / 2)
})

test('A server that stands still for a while is in the latency of all that was due meanwhile.', async () => {
  const clock = nodeClock()
  const cluster = await Cluster.start(raftsmanSide, { members: 1, parent: tmpdir() })
  try {
    const [driver] = await connections({ cluster }, 'grpc', 1)
    const put = must(driver, 'a connection').put({ key: keyOf('k', 1), value: valueOf(16) })
    let resumedMs = Number.POSITIVE_INFINITY
    const stillMs = 500
    const startMs = clock.monotonicMs()
    // In the middle of the window, from when the member is known to stand.
    clock.setTimer(400, () => {
      cluster.suspend(0)
      clock.setTimer(stillMs, () => {
        resumedMs = clock.monotonicMs()
        cluster.resume(0)
      })
    })
    const rate = 200
    const { latencies, failed, elapsedMs } = await runLoad({
      clock,
      slots: 1_000,
      rate,
      warmUpMs: 0,
      windowMs: 1_500,
      drainMsMax: 30_000,
      ask: (_slot, done) => put(done),
    })
    expect(failed).toBe(0)
    expect(resumedMs - startMs).toBeLessThan(60_000)
    // Every one of them is there, in a window that may close late: none was left out, or asked later and
    // counted from then.
    expect(Math.abs(latencies.count - (elapsedMs / 1_000) * rate)).toBeLessThanOrEqual(1)
    expect(latencies.maxMicros).toBeGreaterThan(stillMs * 900)
    // A hundred were due while it stood still; fifty of them waited for half of that or longer.
    const waited = latencies.percentileMicros(1 - 45 / latencies.count)
    expect(waited).toBeGreaterThan(stillMs * 400)
  } finally {
    await cluster.stop()
  }
})
