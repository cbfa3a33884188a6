// The log over a disk that fails: what was answered survives.

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Disk } from '../../platform/disk.js'
import { must } from '../../platform/errors.js'
import type { Metrics } from '../../platform/metrics.js'
import { seededRandom } from '../../platform/seeded-random.js'
import { deafMetrics } from '../../platform/testing/deaf-metrics.js'
import { Bench, entry, hard, meta, processesOf, write } from './testing/log-bench.js'
import { Model, fingerprint, steps } from './testing/log-model.js'
import type { Step } from './testing/log-model.js'
import { patientDisk } from './unreadable-pages.js'

describe('a log', () => {
  test('is empty and fresh in a new directory, and not fresh the second time', () => {
    const bench = new Bench()
    const { log, recovered } = bench.opened()
    expect(recovered).toMatchObject({ fresh: true, entries: [], tornBytes: 0 })
    log.close(() => {})
    bench.clock.advance(100)
    expect(bench.opened().recovered.fresh).toBe(false)
  })

  test('gives back what any steps wrote, over any number of segments', () => {
    fc.assert(
      fc.property(steps, fc.nat(), (plan, seed) => {
        const bench = new Bench(seed)
        const model = new Model()
        const { log } = bench.opened()
        for (const step of plan) {
          model.run(step, log, () => {})
          if (seed % 2 === 0) bench.clock.advance(10)
        }
        bench.clock.advance(1000)
        let closed = false
        log.close(() => {
          closed = true
        })
        bench.clock.advance(100)
        expect(closed).toBe(true)
        expect(fingerprint(bench.opened().recovered)).toBe(fingerprint(model.state))
      }),
    )
  })

  test('recovers after a crash at any moment to a state no older than what was answered', () => {
    fc.assert(
      fc.property(steps, fc.nat(), fc.nat(200), (plan, seed, crashAfter) => {
        const bench = new Bench(seed)
        const model = new Model()
        const { log } = bench.opened()
        let vouched = 1
        let stepsLeft = crashAfter
        const pass = (count: number) => {
          for (let at = 0; at < count && stepsLeft > 0; at += 1) {
            stepsLeft -= 1
            if (!bench.clock.step(bench.clock.monotonicMs() + 100)) return
          }
        }
        const random = seededRandom(seed)
        for (const step of plan) {
          if (stepsLeft === 0) break
          model.run(step, log, history => {
            vouched = Math.max(vouched, history)
          })
          pass(random.integer(12))
        }
        pass(1000)
        const recovered = bench.recover()
        const possible = model.history.slice(vouched - 1)
        // A torn write loses a commit index whose entries it lost: the model's is cut likewise. And
        // it may leave a later promise than its entries.
        const found = parted(fingerprint(recovered))
        const matches = possible.some(
          (text, at) =>
            parted(text).log === found.log &&
            possible.slice(at).some(later => parted(later).promise === found.promise),
        )
        if (!matches) expect(possible).toContain(fingerprint(recovered))
        // And what was recovered once is there again after a second crash at once.
        expect(fingerprint(bench.recover())).toBe(fingerprint(recovered))
      }),
      { numRuns: 400, examples: [[tornBeforeMarker, 8, 37]] },
    )
  })

  test('goes on after a recovery as if nothing had happened', () => {
    fc.assert(
      fc.property(fc.nat(), seed => {
        const bench = new Bench(seed)
        const first = bench.opened().log
        first.append(write({ entries: [entry(1, 1)], hardState: hard(1, 0) }), () => {})
        bench.clock.advance(100)
        first.append(write({ entries: [entry(2, 1, 900), entry(3, 1, 900)] }), () => {})
        for (let at = 0; at < seed % 4; at += 1) bench.clock.step()
        bench.crash()
        const { log, recovered } = bench.opened()
        const next = recovered.entries.length + 1
        expect(next).toBeGreaterThan(1)
        log.append(write({ entries: [entry(next, 2)], hardState: hard(2, 1) }), () => {})
        bench.clock.advance(100)
        const { entries } = bench.recover()
        expect(entries).toHaveLength(next)
        expect(entries.at(-1)?.term).toBe(2)
      }),
    )
  })

  test('answers in order, many tasks with one sync', () => {
    const bench = new Bench(1, 1024 * 1024)
    const { log } = bench.opened()
    const answered: number[] = []
    bench.disk.faults.syncsUntilFailure = 2
    for (let index = 1; index <= 100; index += 1)
      log.append(write({ entries: [entry(index, 1)] }), () => answered.push(index))
    bench.clock.advance(1000)
    expect(bench.fatal).toEqual([])
    expect(answered).toEqual(Array.from({ length: 100 }, (_, at) => at + 1))
  })

  test('answers a task that need not be durable without a sync', () => {
    const bench = new Bench(1, 1024 * 1024)
    const { log } = bench.opened()
    bench.disk.faults.syncsUntilFailure = 0
    let answered = false
    log.append(write({ hardState: hard(1, 0), mustSync: false }), () => {
      answered = true
    })
    bench.clock.advance(100)
    expect([answered, bench.fatal.length]).toEqual([true, 0])
  })

  test('ends at the first failed sync and never answers again', () => {
    const bench = new Bench()
    const { log } = bench.opened()
    const answered: string[] = []
    bench.disk.faults.syncsUntilFailure = 0
    log.append(write({ entries: [entry(1, 1)] }), () => answered.push('first'))
    bench.clock.advance(100)
    log.append(write({ entries: [entry(2, 1)] }), () => answered.push('second'))
    bench.clock.advance(10_000)
    expect(answered).toEqual([])
    expect(bench.fatal).toMatchObject([{ code: 'disk-io' }])
  })

  test('waits on a full disk, loses nothing, and goes on when there is room', () => {
    const bench = new Bench()
    const { log } = bench.opened()
    const answered: number[] = []
    bench.disk.faults.capacityBytes = 3 * 4096
    for (let index = 1; index <= 30; index += 1)
      log.append(write({ entries: [entry(index, 1, 900)] }), () => answered.push(index))
    bench.clock.advance(5000)
    expect(log.full).toBe(true)
    expect(answered.length).toBeLessThan(30)
    expect(bench.fatal).toEqual([])
    bench.disk.faults.capacityBytes = 1024 * 1024
    bench.clock.advance(5000)
    expect(log.full).toBe(false)
    expect(answered).toHaveLength(30)
    expect(bench.recover().entries).toHaveLength(30)
  })

  test('keeps what it answered when a full disk is followed by a crash', () => {
    const bench = new Bench()
    const { log } = bench.opened()
    let answered = 0
    bench.disk.faults.capacityBytes = 3 * 4096
    for (let index = 1; index <= 30; index += 1)
      log.append(write({ entries: [entry(index, 1, 900)] }), () => {
        answered = index
      })
    bench.clock.advance(5000)
    bench.disk.faults.capacityBytes = 1024 * 1024
    expect(bench.recover().entries.length).toBeGreaterThanOrEqual(answered)
  })

  test('removes segments that a compaction makes needless', () => {
    const bench = new Bench()
    const { log } = bench.opened()
    for (let index = 1; index <= 40; index += 1)
      log.append(write({ entries: [entry(index, 1, 500)] }), () => {})
    bench.clock.advance(1000)
    const segments = () => bench.disk.paths().filter(path => path.endsWith('.wal')).length
    const before = segments()
    expect(before).toBeGreaterThan(5)
    log.compact(meta(30, 1))
    bench.clock.advance(1000)
    expect(segments()).toBeLessThan(before / 2)
    const { snapshot, entries } = bench.recover()
    expect([snapshot.index, entries[0]?.index, entries.length]).toEqual([30, 31, 10])
  })

  test('never waits for the next segment, nor for zeros on their way into the old one', () => {
    const waits: number[] = []
    const metrics: Metrics = {
      ...deafMetrics,
      counter: name => ({
        add: (amount = 1) => {
          if (name === 'raftsman_log_rotation_waits_total') waits.push(amount)
        },
      }),
    }
    const bench = new Bench(1, 3 * 1024 * 1024)
    const disk = slowPreallocation(bench)
    const { log } = bench.opened({ metrics, disk: disk.disk })
    let answered = 0
    let overtaken = 0
    for (let index = 1; index <= 20; index += 1) {
      const segments = segmentsIn(bench)
      log.append(write({ entries: [entry(index, 1, 1_200_000)] }), () => {
        answered += 1
      })
      bench.clock.advance(1100)
      if (segmentsIn(bench) > segments) {
        expect(answered).toBe(index)
        overtaken += disk.held()
      }
      // What is written into the very room that is being reserved does wait for it.
      disk.release()
      bench.clock.advance(100)
      expect(answered).toBe(index)
    }
    expect(segmentsIn(bench)).toBeGreaterThan(4)
    expect(overtaken).toBeGreaterThan(2)
    expect(waits).toEqual([])
    disk.release()
    let closed = false
    log.close(() => {
      closed = true
    })
    bench.clock.advance(2000)
    expect(closed).toBe(true)
    expect(bench.recover().entries).toHaveLength(20)
  })

  test('remembers a restore that was begun, until its snapshot is in the log', () => {
    const bench = new Bench()
    const { log } = bench.opened()
    log.beginRestore(meta(9, 3), () => {})
    bench.clock.advance(100)
    const again = bench.recover()
    expect(again.restoring).toEqual(meta(9, 3))
    bench.crash()
    const { log: second } = bench.opened()
    second.append(write({ snapshot: meta(9, 3), hardState: hard(3, 9) }), () => {})
    bench.clock.advance(100)
    expect(bench.recover()).toMatchObject({ restoring: null, snapshot: { index: 9 } })
  })
})

const segmentsIn = (bench: Bench) => bench.disk.paths().filter(path => path.endsWith('.wal')).length

/** Reserving room in a segment that is written to takes until it is released. */
function slowPreallocation(bench: Bench) {
  const inner = patientDisk(bench.disk)
  let waiting: (() => void)[] = []
  const disk: Disk = {
    ...inner,
    open: (path, options, done) =>
      inner.open(path, options, (error, file) => {
        if (file === undefined) done(error)
        else {
          let count = 0
          done(null, {
            ...file,
            preallocate: (size, end) => {
              count += 1
              // The first one prepares the file, before anything is written to it.
              if (count === 1) file.preallocate(size, end)
              else waiting.push(() => file.preallocate(size, end))
            },
            write: (buffers, at, end) => file.write(buffers, at, end),
            read: (at, length, end) => file.read(at, length, end),
          })
        }
      }),
  }
  const release = () => {
    for (const go of waiting) go()
    waiting = []
  }
  return { disk, held: () => waiting.length, release }
}

/** Term and vote, and the rest with a commit index as recovery cuts it. */
/** The hard state of a snapshot reaches the disk, its marker does not: nothing more is committed. */
const tornBeforeMarker: Step[] = [
  { kind: 'append', count: 2, back: 0, bytes: 600 },
  { kind: 'append', count: 2, back: 0, bytes: 100 },
  { kind: 'commit' },
  { kind: 'append', count: 3, back: 0, bytes: 600 },
  { kind: 'commit' },
  { kind: 'commit' },
  { kind: 'snapshot', ahead: 1 },
  { kind: 'append', count: 4, back: 0, bytes: 0 },
  { kind: 'snapshot', ahead: 1 },
  { kind: 'commit' },
]

function parted(text: string): { readonly promise: string; readonly log: string } {
  const [[hardTerm, vote, commit], [start, startTerm], entries] = JSON.parse(text) as [
    [number, number, number],
    [number, number],
    unknown[],
  ]
  const known = Math.max(start, Math.min(commit, start + entries.length))
  return {
    promise: JSON.stringify([hardTerm, vote]),
    log: JSON.stringify([known, [start, startTerm], entries]),
  }
}

describe('the lock of a directory', () => {
  test('keeps a second process out while the first lives, and lets it in afterwards', () => {
    const bench = new Bench()
    const first = { pid: 1, startTicks: 10 }
    const second = { pid: 2, startTicks: 20 }
    expect(bench.open({ processes: processesOf(first, [first]) }).error).toBeNull()
    expect(bench.open({ processes: processesOf(second, [first, second]) }).error).toMatchObject({
      code: 'directory-locked',
    })
    const recycled = { pid: 1, startTicks: 11 }
    expect(bench.open({ processes: processesOf(second, [recycled, second]) }).error).toBeNull()
  })

  test('is taken from a process that died before it wrote its name', () => {
    const bench = new Bench()
    bench.disk.place('/log/LOCK', new Uint8Array(0))
    expect(bench.open().error).toBeNull()
  })

  test('keeps a second owner in the same process out until the first is closed', () => {
    const bench = new Bench()
    const self = { pid: 1, startTicks: 10 }
    const processes = processesOf(self, [self])
    const { log } = bench.open({ processes })
    expect(bench.open({ processes }).error).toMatchObject({ code: 'directory-locked' })
    must(log, 'a log').close(() => {})
    bench.clock.advance(100)
    expect(bench.open({ processes }).error).toBeNull()
  })
})
