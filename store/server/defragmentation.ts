// Space in the file that is free since a compaction, given back to the disk: a megabyte at a time, with
// pauses, while everything else goes on. Counterpart: etcd's Defragment, which copies the database and lets
// nobody read or write meanwhile.

import { RaftsmanError } from '../../platform/errors.js'
import type { Clock, Timer } from '../../platform/clock.js'
import type { Logger } from '../../platform/logger.js'
import type { Replica as Machine } from '../core/replica.js'

const sliceBytes = 1024 * 1024
const pauseMs = 10

export interface DefragmentationOptions {
  readonly machine: Machine
  readonly clock: Clock
  readonly logger: Logger
  /** Called behind each slice, which has left pages to be made durable. */
  readonly sliced: () => void
}

export class Defragmentation {
  readonly #options: DefragmentationOptions
  #timer: Timer | null = null
  #givenBytes = 0

  constructor(options: DefragmentationOptions) {
    this.#options = options
  }

  get running(): boolean {
    return this.#timer !== null
  }

  /** By this round, or by the last one. */
  get givenBytes(): number {
    return this.#givenBytes
  }

  /** Returns at once. One that is under way goes on. */
  start(): void {
    if (this.running) return
    this.#givenBytes = 0
    this.#options.logger.info({ fileBytes: this.#options.machine.dbFileBytes }, 'defragmentation')
    this.#next()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  #next(): void {
    this.#timer = this.#options.clock.setTimer(pauseMs, () => {
      this.#timer = null
      if (this.#slice()) this.#next()
      else this.#options.logger.info({ givenBytes: this.#givenBytes }, 'defragmentation has ended')
    })
  }

  #slice(): boolean {
    const { machine, logger, sliced } = this.#options
    const before = machine.dbFileBytes
    try {
      const more = machine.reclaimSlice(sliceBytes)
      this.#givenBytes += Math.max(0, before - machine.dbFileBytes)
      sliced()
      return more
    } catch (error) {
      if (!(error instanceof RaftsmanError)) throw error
      logger.warn({ reason: error.message }, 'defragmentation has been given up')
      return false
    }
  }
}
