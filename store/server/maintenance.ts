// What a member does beside answering: state to disk in batches, compacted rows away in slices, and
// compactions by itself where that is asked for. All of it in small pieces between requests, so
// that nothing stops the world. Counterpart: etcd's backend commit, compactor and scrubber.

import { RaftsmanError } from '../../platform/errors.js'
import type { Clock, Timer } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import type { Histogram, Metrics } from '../../platform/metrics.js'
import type { Replica as Machine } from '../core/replica.js'
import type { Revision } from '../core/types.js'
import { Defragmentation } from './defragmentation.js'
import type { AutoCompaction } from './options.js'

const lookMs = 25
/** Between two looks while nothing is written. */
const idleLookMs = 100
/**
 * What has gathered is written after this time, or sooner when it has become much. A transaction for a few rows
 * costs as much as for many, and who asks meanwhile waits for it.
 */
const flushMs = 300
/** After a flush failed: each try costs as much as the buffer is long, and the loop must stay free. */
const flushRetryMs = 1_000
const checkpointMs = 2_000
/** A mebibyte a second is read back and looked at: ten gibibytes in three hours, once. */
const scrubMs = 250
/** From the beginning of one round to that of the next, or a small store would be read again and again. */
const scrubRoundMs = 3_600_000
const scrubRows = 1_000
const scrubBytes = 256 * 1024
const sliceKeysUsual = 1_000
/** Between two slices, at least: an open snapshot may hold the next one up for long. */
const compactionPauseMs = 2
/** All members compact at once: this many times as long as a slice took, requests have processor and disk. */
const compactionPauseFactor = 2
const revisionLookMs = 60_000
/** How often the revision is noted for periodic compaction, as a part of what is kept. */
const periodicSamples = 10
/** As etcd has them, and two below. */
const commitSeconds = Array.from({ length: 16 }, (_, at) => 0.00025 * 2 ** at)

export interface MaintenanceOptions {
  readonly machine: Machine
  readonly clock: Clock
  readonly logger: Logger
  readonly autoCompaction: AutoCompaction
  readonly compactionSliceKeys?: number | undefined
  readonly metrics: Metrics
}

export class Maintenance {
  readonly defragmentation: Defragmentation
  readonly #options: MaintenanceOptions
  readonly #timers: Timer[] = []
  #propose: ((revision: Revision) => void) | null = null
  #slicing = false
  #slicePauseMs = compactionPauseMs
  #waiters: (() => void)[] = []
  #samples: { readonly atMs: number; readonly revision: Revision }[] = []
  #stopped = false
  /** Of the last flush and the last checkpoint; null when it went well. */
  readonly #failures = new Map<'written' | 'made durable', RaftsmanError | null>()
  #flushedMs = 0
  #scrubbing = false
  #nextRoundMs = Number.NEGATIVE_INFINITY
  readonly #commits: Histogram
  readonly #checkpoints: Histogram
  #nextLook: Timer | null = null

  constructor(options: MaintenanceOptions) {
    this.#options = options
    this.defragmentation = new Defragmentation({
      ...options,
      sliced: () => this.#checkpointIfMuch(),
    })
    const { metrics } = options
    this.#commits = metrics.histogram(
      'etcd_disk_backend_commit_duration_seconds',
      'Time to write what was applied to the file, in one transaction.',
      commitSeconds,
    )
    this.#checkpoints = metrics.histogram(
      'raftsman_store_checkpoint_seconds',
      'Time to make durable what was written to the file.',
      commitSeconds,
    )
  }

  /** `propose` compacts at a revision when this member leads, and ignores it otherwise. */
  start(propose: (revision: Revision) => void): void {
    const { clock, autoCompaction } = this.#options
    this.#propose = propose
    this.#lookIn(lookMs)
    this.#timers.push(clock.setTicker(checkpointMs, () => this.#checkpoint()))
    this.#timers.push(clock.setTicker(scrubMs, () => this.#scrub()))
    if (autoCompaction.mode === 'revision') {
      const { retain, everyMs } = autoCompaction
      this.#timers.push(
        clock.setTicker(everyMs ?? revisionLookMs, () => this.#compactByRevision(retain)),
      )
    } else if (autoCompaction.mode === 'periodic') {
      const { retainMs } = autoCompaction
      const everyMs = Math.max(1, retainMs / periodicSamples)
      this.#timers.push(clock.setTicker(everyMs, () => this.#compactByAge(retainMs)))
    }
  }

  stop(): void {
    this.#stopped = true
    this.defragmentation.stop()
    this.#nextLook?.cancel()
    for (const timer of this.#timers) timer.cancel()
  }

  /** State cannot be written, or not be made durable, for want of room. */
  get full(): boolean {
    for (const failure of this.#failures.values()) if (failure?.code === 'backend-full') return true
    return false
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

  #scrub(): void {
    const { machine, clock } = this.#options
    if (!this.#scrubbing) {
      const nowMs = clock.monotonicMs()
      if (nowMs < this.#nextRoundMs) return
      this.#nextRoundMs = nowMs + scrubRoundMs
    }
    this.#scrubbing = !machine.scrubSlice(scrubRows, scrubBytes)
  }

  #lookIn(delayMs: number): void {
    this.#nextLook = this.#options.clock.setTimer(delayMs, () => {
      if (this.#stopped) return
      const { machine } = this.#options
      const busy = machine.pendingRows > 0
      this.#look()
      this.#lookIn(busy ? lookMs : idleLookMs)
    })
  }

  #look(): void {
    const { machine, clock } = this.#options
    const nowMs = clock.monotonicMs()
    const sinceMs = nowMs - this.#flushedMs
    const failed = (this.#failures.get('written') ?? null) !== null
    if (sinceMs < (failed ? flushRetryMs : flushMs) && (failed || !machine.needsFlush)) return
    this.#flushedMs = nowMs
    this.#flush()
    this.#checkpointIfMuch()
    this.#slice()
  }

  /** A checkpoint keeps everything waiting for as long as it is large: better several small ones. */
  #checkpointIfMuch(): void {
    const failed = (this.#failures.get('made durable') ?? null) !== null
    if (this.#options.machine.needsCheckpoint && !failed) this.#checkpoint()
  }

  #flush(): void {
    this.#store('written', () => {
      const { machine, clock } = this.#options
      const startedMs = clock.monotonicMs()
      const { rows } = machine.flush()
      if (rows > 0) this.#commits.observe((clock.monotonicMs() - startedMs) / 1000)
    })
  }

  #checkpoint(): void {
    this.#store('made durable', () => {
      const { machine, clock } = this.#options
      const startedMs = clock.monotonicMs()
      machine.checkpoint()
      this.#checkpoints.observe((clock.monotonicMs() - startedMs) / 1000)
    })
  }

  /** Nothing is lost when it fails: the log has it, and the machine holds it until the next try. */
  #store(what: 'written' | 'made durable', work: () => void): void {
    const { logger } = this.#options
    const before = this.#failures.get(what) ?? null
    try {
      work()
      this.#failures.set(what, null)
      if (before !== null) logger.info({}, `state can be ${what} again`)
    } catch (error) {
      if (!(error instanceof RaftsmanError)) throw error
      this.#failures.set(what, error)
      if (before?.code === error.code) return
      // The sentence says all there is to a full disk; anything else is worth its stack.
      if (error.retryable) logger.error({ reason: error.message }, `state cannot be ${what} now`)
      else logger.error({ error }, `state cannot be ${what}`)
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
    clock.setTimer(this.#slicePauseMs, () => {
      this.#slicing = false
      if (this.#stopped) return
      const startedMs = clock.monotonicMs()
      machine.compactSlice(this.#options.compactionSliceKeys ?? sliceKeysUsual)
      // What it dropped goes now, not with all that other slices drop meanwhile: that would keep requests waiting.
      this.#flush()
      this.#checkpointIfMuch()
      this.#slicePauseMs = Math.max(
        compactionPauseMs,
        compactionPauseFactor * (clock.monotonicMs() - startedMs),
      )
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
