// One machine for tests of the log: a disk that fails, a clock, and a log that may come and go.

import { expect } from 'vitest'
import type { RaftsmanError } from '../../../platform/errors.js'
import { must } from '../../../platform/errors.js'
import { silentLogger } from '../../../platform/logger.js'
import type { ProcessIdentity, Processes } from '../../../platform/processes.js'
import { seededRandom } from '../../../platform/seeded-random.js'
import { deafMetrics } from '../../../platform/testing/deaf-metrics.js'
import { MemoryDisk } from '../../../platform/testing/memory-disk.js'
import { VirtualClock } from '../../../platform/testing/virtual-clock.js'
import type { Entry, HardState, SnapshotMeta } from '../../core/types.js'
import { logIndex, nodeId, term } from '../../core/types.js'
import type { FoundEntries } from '../entry-reader.js'
import type { LogOptions, Recovered } from '../log.js'
import type { LogWrite } from '../operation.js'
import { RaftLog } from '../log.js'

export interface Opening {
  readonly error: RaftsmanError | null
  readonly log?: RaftLog
  readonly recovered?: Recovered
}

export interface ReadAnswer {
  readonly error: RaftsmanError | null
  readonly found: FoundEntries | null
}

export function processesOf(self: ProcessIdentity, alive: readonly ProcessIdentity[]): Processes {
  return {
    self: () => self,
    spawn: () => null,
    identify: pid => alive.find(other => other.pid === pid) ?? null,
    signal: () => false,
    signalGroup: () => false,
  }
}

/** One machine: a disk, a clock, and a log that may come and go. */
export class Bench {
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

  open(overrides: Partial<LogOptions> = {}): Opening {
    let answer: Opening | null = null
    this.begin(overrides, opening => {
      answer = opening
    })
    this.clock.advance(1000)
    return must<Opening>(answer, 'an opening answers')
  }

  /** Opens and does not wait. */
  begin(overrides: Partial<LogOptions> = {}, done: (opening: Opening) => void = () => {}): void {
    this.pid += 1
    const self = { pid: this.pid, startTicks: 1 }
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
      (error, log, recovered) =>
        done({
          error,
          ...(log === undefined ? {} : { log }),
          ...(recovered === undefined ? {} : { recovered }),
        }),
    )
  }

  /** Opens where it must succeed. */
  opened(overrides: Partial<LogOptions> = {}): { log: RaftLog; recovered: Recovered } {
    const { error, log, recovered } = this.open(overrides)
    expect(error).toBeNull()
    return { log: must(log, 'a log'), recovered: must(recovered, 'a recovery') }
  }

  crash(): void {
    this.disk.crash()
    this.clock.forget()
  }

  recover(overrides: Partial<LogOptions> = {}): Recovered {
    this.crash()
    return this.opened(overrides).recovered
  }

  /** Reads when nothing else is under way. */
  read(log: RaftLog, from: number, bytesMax = 1024 * 1024): ReadAnswer {
    let answer: ReadAnswer | null = null
    log.read(logIndex(from), bytesMax, (error, found) => {
      answer = { error, found: found ?? null }
    })
    this.clock.advance(1000)
    return must<ReadAnswer>(answer, 'a read answers')
  }
}

export const confState = { voters: [nodeId(1)], votersOutgoing: [], learners: [], learnersNext: [] }

export function entry(index: number, entryTerm: number, bytes = 10): Entry {
  return {
    term: term(entryTerm),
    index: logIndex(index),
    kind: 'normal',
    origin: nodeId(1),
    sequence: index * 1000 + entryTerm,
    data: new Uint8Array(bytes).fill(index + entryTerm),
  }
}

export const hard = (hardTerm: number, commit: number): HardState => ({
  term: term(hardTerm),
  vote: nodeId(1),
  commit: logIndex(commit),
})

export const meta = (index: number, metaTerm: number): SnapshotMeta => ({
  index: logIndex(index),
  term: term(metaTerm),
  confState,
})

export const write = (parts: Partial<LogWrite>): LogWrite => ({
  entries: [],
  hardState: null,
  snapshot: null,
  mustSync: true,
  ...parts,
})
