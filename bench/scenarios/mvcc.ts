// Puts into the versioned state alone, as `benchmark mvcc put` of etcd's own tool: one after the other, without a
// log, a network or another member, written to its file as a member does it. There is no other side: etcd
// shows this part of itself to programs in Go only.

import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'

import { must } from '../../platform/errors.js'
import { SqliteBackend } from '../../store/backend/sqlite.js'
import { localEntry } from '../../store/core/local-entry.js'
import { StoreCore } from '../../store/core/store-core.js'
import { Meter } from '../harness/processes.js'
import { Recorder } from '../harness/recorder.js'
import type { Bare, Outcome, Scenario } from './scenario.js'
import { keyOf, keysFor, valueOf } from './workload.js'

const valueBytesUsual = 1_024
const putsPerTurn = 100
/** A member writes what is applied after so long, and makes it durable after so much longer. */
const flushMs = 75
const checkpointMs = 2_000

async function run({ settings, parent, clock, stop }: Bare): Promise<Outcome> {
  const valueBytes = settings.valueBytes ?? valueBytesUsual
  const directory = mkdtempSync(join(parent, 'raftsman-bench-mvcc-'))
  const core = new StoreCore(new SqliteBackend({ path: join(directory, 'state.db') }), {
    clusterId: 1,
    memberId: 1,
  })
  try {
    const value = valueOf(valueBytes)
    const count = keysFor(valueBytes)
    const keys = Array.from({ length: count }, (_, number) => keyOf('mvcc/', number))
    let next = 0
    let flushedMs = clock.monotonicMs()
    let checkpointedMs = flushedMs
    const put = (): void => {
      const key = must(keys[next], 'a key')
      next = (next + 1) % count
      core.apply(localEntry(core.appliedIndex + 1, 1, [{ kind: 'put', request: { key, value } }]))
    }
    const write = (nowMs: number): void => {
      if (nowMs - flushedMs < flushMs && !core.needsFlush) return
      core.flush()
      flushedMs = nowMs
      if (nowMs - checkpointedMs < checkpointMs && !core.needsCheckpoint) return
      core.checkpoint()
      checkpointedMs = nowMs
    }
    const recorder = new Recorder()
    const meter = new Meter({ clock, pids: () => [process.pid] })
    const startMs = clock.monotonicMs()
    const openMs = startMs + settings.warmUpSeconds * 1_000
    let closeMs = Number.POSITIVE_INFINITY
    for (let nowMs = startMs; nowMs < closeMs && !stop.stopped; ) {
      if (closeMs === Number.POSITIVE_INFINITY && nowMs >= openMs) {
        recorder.open(nowMs)
        meter.start()
        closeMs = nowMs + settings.seconds * 1_000
      }
      for (let puts = 0; puts < putsPerTurn; puts += 1) {
        const dueMs = nowMs
        put()
        // Within the time of the put that it follows: it keeps all that come behind waiting.
        write(dueMs)
        nowMs = clock.monotonicMs()
        recorder.answered(dueMs, nowMs)
      }
      core.applied()
      await new Promise<void>(resolve => {
        clock.defer(resolve)
      })
      nowMs = clock.monotonicMs()
    }
    const nowMs = clock.monotonicMs()
    if (closeMs === Number.POSITIVE_INFINITY) recorder.open(nowMs)
    recorder.close(nowMs)
    const recorded = recorder.recorded()
    const metered = meter.stop()
    return {
      value: recorded.answered / Math.max(1e-3, recorded.elapsedMs / 1_000),
      recorded,
      // Here the generator is what is measured.
      metered: { ...metered, generatorCpuSeconds: 0 },
      walSyncs: null,
      notes: [],
    }
  } finally {
    core.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

export const mvccs: readonly Scenario[] = [
  {
    name: 'mvcc-put',
    group: 'parts',
    unit: 'puts/s',
    better: 'higher',
    summary: 'the state alone, without log and network; of etcd there is no such row',
    protocol: 'native',
    takes: new Set(['valueBytes']),
    on: 'state',
    run,
  },
]
