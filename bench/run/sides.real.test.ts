// One small scenario on both sides, a real etcd and ours, and the shape of what comes of it. Nothing here
// says which one is faster.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { must } from '../../platform/errors.js'
import { nodeClock } from '../../platform/node/clock.js'
import { Histogram } from '../harness/histogram.js'
import { StopSwitch } from '../harness/stop.js'
import { scenarios } from '../scenarios/registry.js'
import { etcdSide } from '../sides/etcd.js'
import { raftsmanSide } from '../sides/raftsman.js'
import type { BenchReport } from './report.js'
import { runBench } from './run.js'

test('Both sides do the same work in turn, and the report has both and their ratio.', async () => {
  const parent = mkdtempSync(join(tmpdir(), 'raftsman-bench-test-'))
  const said: string[] = []
  try {
    const told = await runBench({
      scenarios: scenarios.filter(({ name }) => name === 'put-grpc'),
      sides: [raftsmanSide, etcdSide],
      members: 1,
      repetitions: 1,
      settings: {
        clients: 4,
        valueBytes: 128,
        rate: null,
        seconds: 1,
        warmUpSeconds: 0.2,
        serverWarmUpSeconds: 0,
        quick: true,
      },
      parent,
      clock: nodeClock(),
      stop: new StopSwitch(),
      say: line => said.push(line),
    })
    // As a user gets it.
    const report = JSON.parse(JSON.stringify(told)) as BenchReport
    expect(Object.keys(report)).toEqual(
      expect.arrayContaining(['machine', 'commit', 'startedAt', 'scenarios']),
    )
    expect(report.versions.etcd).toMatch(/^etcd \d/)
    expect(report.interrupted).toBe(false)
    expect(said.map(line => /(raftsman|etcd), round 1/.exec(line)?.[1])).toEqual([
      'raftsman',
      'etcd',
    ])
    const scenario = must(report.scenarios[0], 'one was asked for')
    expect(scenario.failures).toEqual([])
    for (const side of [scenario.raftsman, scenario.etcd]) {
      const result = must(side, 'a result')
      expect(result.value).toBeGreaterThan(0)
      expect(result.failed).toBe(0)
      expect(result.p50Ms).toBeGreaterThan(0)
      expect(result.p99Ms).toBeGreaterThanOrEqual(must(result.p50Ms, 'a median'))
      expect(result.maxRssBytes).toBeGreaterThan(1_000_000)
      expect(result.cpuSeconds).toBeGreaterThan(0)
      const inWholeSeconds = result.perSecond.reduce((sum, count) => sum + count, 0)
      expect(inWholeSeconds).toBeGreaterThan(0)
      expect(inWholeSeconds).toBeLessThanOrEqual(result.answered)
      const latencies = Histogram.from(must(result.latencies, 'latencies'))
      expect(latencies.count).toBeGreaterThan(0)
      // Acknowledged writes were synced: several together at times, but never none.
      expect(result.walSyncs).toBeGreaterThan(0)
    }
    const { raftsman, etcd, ratio } = scenario
    expect(ratio).toBeCloseTo((raftsman?.value ?? 0) / (etcd?.value ?? 1))
    // Nothing is left behind.
    expect(readdirSync(parent)).toEqual([])
  } finally {
    rmSync(parent, { recursive: true, force: true })
  }
})
