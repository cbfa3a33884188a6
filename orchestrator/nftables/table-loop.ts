// Keeps tables in the kernel as a pure function says that they should be: soon after each change, again
// when that failed, and from nothing when somebody else has been at them. Counterpart: the bounded frequency
// runner around syncProxyRules.

import type { Timer } from '../../platform/clock.js'
import { InvariantViolation } from '../../platform/errors.js'
import type { Logger } from '../../platform/logger.js'
import type { Random } from '../../platform/random.js'
import { Backoff } from '../client/backoff.js'
import { type Applied, KernelTable, type NftOptions } from './nft.js'
import type { NftTable } from './table.js'

export interface TableLoopOptions extends NftOptions {
  readonly random: Random
  readonly logger: Logger
  /** What should be there; of a fixed number of tables in a fixed order. */
  readonly compile: () => readonly NftTable[]
  /** How often the kernel is asked whether all is as it was. */
  readonly auditMs?: number
  readonly onSynced?: (synced: Synced) => void | Promise<void>
  readonly onFailed?: (error: Error) => void
}

export interface Synced {
  /** The widest of those of all tables. */
  readonly applied: Applied
  /** From the beginning of the computation until the kernel had it all. */
  readonly elapsedMs: number
}

const auditMsDefault = 60_000
/** Changes that come together go together. */
const settleMs = 4
/** After a turn as much rest as it was long, up to this: churn may not take a whole core. */
const restMsMax = 250
const retryMs = { firstMs: 200, factor: 2, maxMs: 30_000 }

export class TableLoop {
  readonly #options: TableLoopOptions
  readonly #kernel: KernelTable[] = []
  readonly #backoff: Backoff
  #timer: Timer | null = null
  #auditor: Timer | null = null
  #running: Promise<void> | null = null
  #again = false
  #restUntilMs = 0
  #stopped = false

  constructor(options: TableLoopOptions) {
    this.#options = options
    this.#backoff = new Backoff(options.random, retryMs)
  }

  /** May be called at any time; also begins the audits. */
  changed(): void {
    const { clock, auditMs = auditMsDefault } = this.#options
    if (this.#stopped) return
    this.#auditor ??= clock.setTicker(auditMs, () => void this.#exclusive(() => this.#audit()))
    this.#again = true
    const restMs = this.#restUntilMs - clock.monotonicMs()
    if (this.#running === null) this.#schedule(Math.max(settleMs, restMs))
  }

  /** Resolves when nothing runs any more; the tables stay, and keep working. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    this.#auditor?.cancel()
    await this.#running
  }

  #schedule(delayMs: number): void {
    if (this.#timer !== null || this.#stopped) return
    this.#timer = this.#options.clock.setTimer(delayMs, () => {
      this.#timer = null
      void this.#exclusive(() => this.#sync())
    })
  }

  async #exclusive(work: () => Promise<void>): Promise<void> {
    if (this.#running !== null || this.#stopped) return
    const { clock } = this.#options
    this.#running = work()
    await this.#running
    this.#running = null
    if (this.#again) this.#schedule(Math.max(settleMs, this.#restUntilMs - clock.monotonicMs()))
  }

  async #sync(): Promise<void> {
    const { clock, compile, onSynced, onFailed, logger } = this.#options
    const startedMs = clock.monotonicMs()
    this.#again = false
    const tables = compile()
    let widest: Applied = 'nothing'
    try {
      for (const [index, table] of tables.entries()) {
        this.#kernel[index] ??= new KernelTable(this.#options)
        const applied = await this.#kernel[index].apply(table)
        if (applied === 'full' || widest === 'nothing') widest = applied
      }
    } catch (error) {
      if (error instanceof InvariantViolation || !(error instanceof Error)) throw error
      logger.warn({ error: error.message }, 'rules not applied')
      onFailed?.(error)
      this.#again = true
      this.#restUntilMs = clock.monotonicMs() + this.#backoff.nextMs()
      return
    }
    this.#backoff.reset()
    const elapsedMs = clock.monotonicMs() - startedMs
    this.#restUntilMs = clock.monotonicMs() + Math.min(elapsedMs, restMsMax)
    await onSynced?.({ applied: widest, elapsedMs })
  }

  async #audit(): Promise<void> {
    const { logger } = this.#options
    for (const kernel of this.#kernel) {
      const table = kernel.known
      try {
        const difference = await kernel.audit()
        if (difference === null) continue
        logger.warn({ table: table?.name, difference }, 'rules were changed by somebody else')
        this.#again = true
      } catch (error) {
        if (error instanceof InvariantViolation || !(error instanceof Error)) throw error
        logger.warn({ error: error.message }, 'rules cannot be listed')
      }
    }
  }
}
