// What a member does beside answering: state to disk in batches, compacted rows away in slices, and
// compactions by itself where that is asked for. All of it in small pieces between requests, so
// that nothing stops the world. Counterpart: etcd's backend commit, compactor and scrubber.

import { RaftsmanError } from '../../platform/errors.js'
import type { Clock, Timer } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import type { Replica as Machine } from '../core/replica.js'
import type { Revision } from '../core/types.js'
import type { AutoCompaction } from './options.js'

const lookMs = 25
/** What has gathered is written after this time, or sooner when it has become much. */
const flushMs = 75
const checkpointMs = 2_000
const compactionSliceKeys = 1_000
/** How often the revision is noted for periodic compaction, as a part of what is kept. */
const periodicSamples = 10

export interface MaintenanceOptions {
  readonly machine: Machine
  readonly clock: Clock
  readonly logger: Logger
  readonly autoCompaction: AutoCompaction
}

export class Maintenance {
  readonly #options: MaintenanceOptions
  readonly #timers: Timer[] = []
  #propose: ((revision: Revision) => void) | null = null
  #slicing = false
  #waiters: (() => void)[] = []
  #samples: { readonly atMs: number; readonly revision: Revision }[] = []
  #stopped = false
  #flushFailed = false
  #flushedMs = 0

  constructor(options: MaintenanceOptions) {
    this.#options = options
  }

  /** `propose` compacts at a revision when this member leads, and ignores it otherwise. */
  start(propose: (revision: Revision) => void): void {
    const { clock, autoCompaction } = this.#options
    this.#propose = propose
    this.#timers.push(
      clock.setTicker(lookMs, () => this.#look()),
      clock.setTicker(checkpointMs, () => this.#checkpoint()),
    )
    if (autoCompaction.mode === 'revision') {
      this.#timers.push(
        clock.setTicker(60_000, () => this.#compactByRevision(autoCompaction.retain)),
      )
    } else if (autoCompaction.mode === 'periodic') {
      const { retainMs } = autoCompaction
      const everyMs = Math.max(1, retainMs / periodicSamples)
      this.#timers.push(clock.setTicker(everyMs, () => this.#compactByAge(retainMs)))
    }
  }

  stop(): void {
    this.#stopped = true
    for (const timer of this.#timers) timer.cancel()
  }

  /** Calls back when no compacted row is left to delete. */
  whenCompacted(done: () => void): void {
    if (!this.#options.machine.compacting) {
      done()
      return
    }
    this.#waiters.push(done)
    this.#slice()
  }

  #look(): void {
    const { machine, clock } = this.#options
    const nowMs = clock.monotonicMs()
    if (!machine.needsFlush && nowMs - this.#flushedMs < flushMs) return
    this.#flushedMs = nowMs
    this.#flush()
    this.#slice()
  }

  #flush(): void {
    const { machine, logger } = this.#options
    try {
      machine.flush()
      if (this.#flushFailed) logger.info({}, 'state can be written again')
      this.#flushFailed = false
    } catch (error) {
      if (!(error instanceof RaftsmanError)) throw error
      // Nothing is lost: the log has it, and the machine holds it until the next attempt.
      if (!this.#flushFailed) logger.error({ error }, 'state cannot be written')
      this.#flushFailed = true
    }
  }

  #checkpoint(): void {
    const { machine, logger } = this.#options
    try {
      machine.checkpoint()
    } catch (error) {
      if (!(error instanceof RaftsmanError)) throw error
      logger.error({ error }, 'state cannot be made durable')
    }
  }

  #slice(): void {
    const { machine, clock } = this.#options
    if (this.#slicing || this.#stopped) return
    if (!machine.compacting) {
      const waiters = this.#waiters
      this.#waiters = []
      for (const waiter of waiters) waiter()
      return
    }
    this.#slicing = true
    clock.defer(() => {
      this.#slicing = false
      if (this.#stopped) return
      machine.compactSlice(compactionSliceKeys)
      this.#slice()
    })
  }

  #compactByRevision(retain: number): void {
    const { machine } = this.#options
    this.#compact(machine.revision - retain)
  }

  #compactByAge(retainMs: number): void {
    const { machine, clock } = this.#options
    const nowMs = clock.monotonicMs()
    this.#samples.push({ atMs: nowMs, revision: machine.revision })
    let old: Revision = 0
    while ((this.#samples[0]?.atMs ?? nowMs) <= nowMs - retainMs) {
      old = this.#samples.shift()?.revision ?? old
    }
    this.#compact(old)
  }

  #compact(revision: Revision): void {
    if (revision > Math.max(0, this.#options.machine.compactRevision)) this.#propose?.(revision)
  }
}
