// The log over a disk that fails: what was answered survives, and damage is never passed over.

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RaftsmanError } from '../../platform/errors.js'
import { must } from '../../platform/errors.js'
import { silentLogger } from '../../platform/logger.js'
import type { ProcessIdentity, Processes } from '../../platform/processes.js'
import { seededRandom } from '../../platform/seeded-random.js'
import { deafMetrics } from '../../platform/testing/deaf-metrics.js'
import { MemoryDisk } from '../../platform/testing/memory-disk.js'
import { VirtualClock } from '../../platform/testing/virtual-clock.js'
import type { Entry, HardState, SnapshotMeta } from '../core/types.js'
import { logIndex, nodeId, term } from '../core/types.js'
import { LogCorrupt } from './log-errors.js'
import type { LogWrite, Recovered } from './log.js'
import { RaftLog } from './log.js'
import type { LogState } from './replay.js'

function processesOf(self: ProcessIdentity, alive: readonly ProcessIdentity[]): Processes {
  return {
    self: () => self,
    spawn: () => null,
    identify: pid => alive.find(other => other.pid === pid) ?? null,
    signal: () => false,
    signalGroup: () => false,
  }
}

/** One machine: a disk, a clock, and a log that may come and go. */
class Bench {
  readonly clock = new VirtualClock()
  readonly disk: MemoryDisk
  readonly fatal: RaftsmanError[] = []
  /** A new process after each start, as after a real crash. */
  private pid = 100
  private readonly seed: number
  private readonly segmentBytes: number

  constructor(seed = 1, segmentBytes = 4096) {
    this.seed = seed
    this.segmentBytes = segmentBytes
    this.disk = new MemoryDisk({ random: seededRandom(seed), schedule: this.clock.defer })
  }

  open(overrides: { clusterId?: number; processes?: Processes } = {}) {
    this.pid += 1
    const self = { pid: this.pid, startTicks: 1 }
    let answer: { error: RaftsmanError | null; log?: RaftLog; recovered?: Recovered } | null = null
    RaftLog.open(
      {
        directory: '/log',
        clusterId: 7,
        nodeId: nodeId(1),
        segmentBytes: this.segmentBytes,
        disk: this.disk,
        clock: this.clock,
        random: seededRandom(this.seed + this.pid),
        processes: processesOf(self, [self]),
        logger: silentLogger,
        metrics: deafMetrics,
        onFatal: error => this.fatal.push(error),
        ...overrides,
      },
      (error, log, recovered) => {
        answer = {
          error,
          ...(log === undefined ? {} : { log }),
          ...(recovered === undefined ? {} : { recovered }),
        }
      },
    )
    this.clock.advance(1000)
    return must<{ error: RaftsmanError | null; log?: RaftLog; recovered?: Recovered }>(
      answer,
      'an opening answers',
    )
  }

  /** Opens where it must succeed. */
  opened(): { log: RaftLog; recovered: Recovered } {
    const { error, log, recovered } = this.open()
    expect(error).toBeNull()
    return { log: must(log, 'a log'), recovered: must(recovered, 'a recovery') }
  }

  crash(): void {
    this.disk.crash()
    this.clock.forget()
  }

  recover(): Recovered {
    this.crash()
    return this.opened().recovered
  }
}

const confState = { voters: [nodeId(1)], votersOutgoing: [], learners: [], learnersNext: [] }

function entry(index: number, entryTerm: number, bytes = 10): Entry {
  return {
    term: term(entryTerm),
    index: logIndex(index),
    kind: 'normal',
    origin: nodeId(1),
    sequence: index * 1000 + entryTerm,
    data: new Uint8Array(bytes).fill(index + entryTerm),
  }
}

const hard = (hardTerm: number, commit: number): HardState => ({
  term: term(hardTerm),
  vote: nodeId(1),
  commit: logIndex(commit),
})

const meta = (index: number, metaTerm: number): SnapshotMeta => ({
  index: logIndex(index),
  term: term(metaTerm),
  confState,
})

const write = (parts: Partial<LogWrite>): LogWrite => ({
  entries: [],
  hardState: null,
  snapshot: null,
  mustSync: true,
  ...parts,
})

type Step =
  | {
      readonly kind: 'append'
      readonly count: number
      readonly back: number
      readonly bytes: number
    }
  | { readonly kind: 'commit' }
  | { readonly kind: 'compact' }
  | { readonly kind: 'snapshot'; readonly ahead: number }

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({
        kind: fc.constant('append' as const),
        count: fc.integer({ min: 1, max: 4 }),
        back: fc.integer({ min: 0, max: 3 }),
        bytes: fc.constantFrom(0, 7, 100, 600),
      }),
    },
    { weight: 2, arbitrary: fc.constant({ kind: 'commit' as const }) },
    { weight: 1, arbitrary: fc.constant({ kind: 'compact' as const }) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('snapshot' as const),
        ahead: fc.integer({ min: 1, max: 5 }),
      }),
    },
  ),
  { minLength: 1, maxLength: 25 },
)

/** The dumb model: what a log holds, as plain arrays, and every state it went through. */
class Model {
  state: LogState = {
    hardState: { term: term(0), vote: nodeId(0), commit: logIndex(0) },
    snapshot: { ...meta(0, 0), confState: { ...confState, voters: [] } },
    entries: [],
    restoring: null,
  }
  readonly history: string[] = [fingerprint(this.state)]
  private currentTerm = 1

  get last(): number {
    return this.state.snapshot.index + this.state.entries.length
  }

  private become(change: Partial<LogState>): void {
    this.state = { ...this.state, ...change }
    this.history.push(fingerprint(this.state))
  }

  /** Carries out a step on both; `acknowledged` gets the length of the history it vouches for. */
  run(step: Step, log: RaftLog, acknowledged: (history: number) => void): void {
    const done = () => acknowledged(this.historyAt)
    switch (step.kind) {
      case 'append': {
        this.currentTerm += 1
        const back = Math.min(step.back, this.last - Math.max(this.commit, this.start))
        const first = this.last - back + 1
        const entries = Array.from({ length: step.count }, (_, at) =>
          entry(first + at, this.currentTerm, step.bytes),
        )
        const hardState = { ...this.state.hardState, term: term(this.currentTerm) }
        this.become({ hardState })
        const kept = this.state.entries.slice(0, first - this.start - 1)
        this.become({ entries: [...kept, ...entries] })
        const at = this.history.length
        log.append(write({ entries, hardState }), () => acknowledged(at))
        return
      }
      case 'commit': {
        const hardState = { ...this.state.hardState, commit: logIndex(this.last) }
        this.become({ hardState })
        const at = this.history.length
        log.append(write({ hardState }), () => acknowledged(at))
        return
      }
      case 'compact': {
        if (this.commit <= this.start) return
        const snapshot = meta(
          this.commit,
          this.state.entries[this.commit - this.start - 1]?.term ?? 0,
        )
        this.become({ snapshot, entries: this.state.entries.slice(this.commit - this.start) })
        log.compact(snapshot)
        return
      }
      case 'snapshot': {
        const snapshot = meta(this.last + step.ahead, this.currentTerm)
        const hardState = hard(Math.max(this.currentTerm, 1), snapshot.index)
        this.become({ hardState: { ...hardState, commit: this.state.hardState.commit } })
        this.become({ hardState, snapshot, entries: [] })
        const at = this.history.length
        log.append(write({ snapshot, hardState }), () => acknowledged(at))
        return
      }
    }
    done()
  }

  private get historyAt(): number {
    return this.history.length
  }

  private get commit(): number {
    return this.state.hardState.commit
  }

  private get start(): number {
    return this.state.snapshot.index
  }
}

function fingerprint({ hardState, snapshot, entries }: LogState): string {
  const { term: hardTerm, vote, commit } = hardState
  return JSON.stringify([
    [hardTerm, vote, commit],
    [snapshot.index, snapshot.term],
    entries.map(({ index, term: entryTerm, sequence, data }) => [
      index,
      entryTerm,
      sequence,
      data.length,
      data[0] ?? -1,
    ]),
  ])
}

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
        // A torn write loses a commit index whose entries it lost: the model's is cut likewise.
        expect(possible.map(text => clamp(text))).toContain(clamp(fingerprint(recovered)))
        // And what was recovered once is there again after a second crash at once.
        expect(fingerprint(bench.recover())).toBe(fingerprint(recovered))
      }),
      { numRuns: 400 },
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

/** Commit indexes beyond the last entry, as recovery cuts them. */
function clamp(text: string): string {
  const [[hardTerm, vote, commit], [start, startTerm], entries] = JSON.parse(text) as [
    [number, number, number],
    [number, number],
    unknown[],
  ]
  const known = Math.max(start, Math.min(commit, start + entries.length))
  return JSON.stringify([[hardTerm, vote, known], [start, startTerm], entries])
}

describe('a damaged log', () => {
  /** Five writes of their own syncs, in one segment; the offsets at which each ended. */
  function written() {
    const bench = new Bench(1, 64 * 1024)
    const { log } = bench.opened()
    const path = '/log/0000000001.wal'
    const used = () => {
      const content = must(bench.disk.contentOf(path), 'the segment')
      let end = content.length
      while (end > 0 && content[end - 1] === 0) end -= 1
      return Math.ceil(end / 8) * 8
    }
    const ends = [used()]
    for (let index = 1; index <= 5; index += 1) {
      log.append(write({ entries: [entry(index, 1, 40)], hardState: hard(1, index - 1) }), () => {})
      bench.clock.advance(100)
      ends.push(used())
    }
    return { content: must(bench.disk.contentOf(path), 'the segment'), path, ends }
  }

  function openOver(path: string, content: Uint8Array) {
    const bench = new Bench(2, 64 * 1024)
    bench.disk.place(path, content)
    return bench.open()
  }

  test('is cut at any byte: everything before the cut is there, or the header is missed', () => {
    const { content, path, ends } = written()
    const end = must(ends.at(-1), 'an end')
    for (let cut = 0; cut <= end; cut += 1) {
      const torn = content.slice()
      torn.fill(0, cut)
      const { error, recovered } = openOver(path, torn)
      if (error !== null) {
        expect(error).toBeInstanceOf(LogCorrupt)
        expect(cut).toBeLessThan(must(ends[0], 'an end'))
        continue
      }
      const whole = ends.filter(at => at <= cut).length - 1
      const count = recovered?.entries.length ?? -1
      // A record may end in zeros, which are there when they were cut off.
      expect(count === whole || count === whole + 1).toBe(true)
      for (const [at, { index }] of (recovered?.entries ?? []).entries()) expect(index).toBe(at + 1)
    }
  })

  test('is refused for any flipped bit below the last write, with file and offset', () => {
    const { content, path, ends } = written()
    const last = must(ends.at(-2), 'an end')
    for (let offset = 0; offset < last; offset += 1) {
      const damaged = content.slice()
      damaged[offset] = (damaged[offset] as number) ^ (1 << (offset % 8))
      const { error } = openOver(path, damaged)
      expect(error).toBeInstanceOf(LogCorrupt)
      if (error instanceof LogCorrupt) {
        expect(error.file).toBe(path)
        expect(error.offset).toBeLessThanOrEqual(offset)
      }
    }
  })

  test('loses at most the last write to a flipped bit in it, and nothing to one behind it', () => {
    const { content, path, ends } = written()
    const [before, end] = [must(ends.at(-2), 'an end'), must(ends.at(-1), 'an end')]
    for (let offset = before; offset < end + 64; offset += 1) {
      const damaged = content.slice()
      damaged[offset] = (damaged[offset] as number) ^ (1 << (offset % 8))
      const { error, recovered } = openOver(path, damaged)
      expect(error).toBeNull()
      expect(recovered?.entries).toHaveLength(offset < end ? 4 : 5)
      expect(recovered?.tornBytes).toBeGreaterThan(0)
    }
  })

  test('is clean again after an unfinished write was cut off', () => {
    const { content, path, ends } = written()
    const damaged = content.slice()
    damaged.fill(0, must(ends.at(-2), 'an end'), must(ends.at(-2), 'an end') + 24)
    const bench = new Bench(2, 64 * 1024)
    bench.disk.place(path, damaged)
    expect(bench.opened().recovered).toMatchObject({ entries: { length: 4 } })
    expect(bench.recover()).toMatchObject({ entries: { length: 4 }, tornBytes: 0 })
  })

  test('is refused when a segment in the middle is gone', () => {
    const bench = new Bench()
    const { log } = bench.opened()
    for (let index = 1; index <= 20; index += 1)
      log.append(write({ entries: [entry(index, 1, 900)] }), () => {})
    bench.clock.advance(1000)
    bench.crash()
    bench.disk.remove('/log/0000000003.wal', () => {})
    bench.clock.advance(100)
    expect(bench.open().error).toMatchObject({ code: 'log-corrupt' })
  })

  test('is refused when its beginning is gone and nothing says that it may be', () => {
    const bench = new Bench()
    const { log } = bench.opened()
    for (let index = 1; index <= 20; index += 1)
      log.append(write({ entries: [entry(index, 1, 900)] }), () => {})
    bench.clock.advance(1000)
    bench.crash()
    bench.disk.remove('/log/0000000001.wal', () => {})
    bench.clock.advance(100)
    expect(bench.open().error).toMatchObject({ code: 'log-corrupt' })
  })

  test('cannot be feigned by a value that looks like a record', () => {
    // A whole log as the data of an entry: its records have good checksums, but another salt.
    const { content, path } = written()
    const bench = new Bench(5, 64 * 1024)
    const { log } = bench.opened()
    const planted = { ...entry(1, 1), data: content.slice(0, 1000) }
    log.append(write({ entries: [planted] }), () => {})
    bench.clock.advance(100)
    const inner = must(bench.disk.contentOf(path), 'the segment')
    // The write was torn: its first sector was lost.
    inner.fill(0, 200, 300)
    expect(openOver(path, inner)).toMatchObject({ error: null, recovered: { entries: [] } })
  })

  test('of another cluster is refused', () => {
    const bench = new Bench()
    bench.opened()
    bench.crash()
    expect(bench.open({ clusterId: 8 }).error).toMatchObject({ code: 'log-mismatch' })
  })
})

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

describe('the format', () => {
  test('is the one that docs/wal.md describes, byte by byte', () => {
    const bench = new Bench(1, 64 * 1024)
    const { log } = bench.opened()
    const one: Entry = {
      term: term(2),
      index: logIndex(1),
      kind: 'confChange',
      origin: nodeId(3),
      sequence: 2 ** 40 + 5,
      data: Uint8Array.of(1, 2, 3),
    }
    log.append(write({ hardState: hard(2, 1), entries: [one] }), () => {})
    bench.clock.advance(100)
    const content = must(bench.disk.contentOf('/log/0000000001.wal'), 'the segment')
    const lines: string[] = []
    for (let at = 0; at < 352; at += 16)
      lines.push(Buffer.from(content.subarray(at, at + 16)).toString('hex'))
    expect(lines.join('\n')).toMatchInlineSnapshot(`
      "524d4c47300000000100000000000000
      00000000174ece1001000000dd399b06
      07000000000000000100000000000000
      01000000000000000100000000000000
      b000000000000000524d4c4718000000
      0300000000000000174ece1027730663
      00000000000000000000000000000000
      0000000000000000524d4c4720000000
      050000000000000027730663e1bce448
      00000000000000000000000000000000
      00000000000000000000000000000000
      524d4c471800000003000000b0000000
      e1bce448f02163c90200000000000000
      01000000000000000100000000000000
      524d4c473300000002000000b0000000
      f02163c9517b01770100000000000000
      01000000000000000200000000000000
      03000000000000000500000000010000
      03000000020000000102030000000000
      00000000000000000000000000000000
      00000000000000000000000000000000
      00000000000000000000000000000000"
    `)
  })
})
