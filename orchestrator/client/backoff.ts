// How long to wait before trying again: exponential with full jitter on the upper half, so that
// many clients of a server that comes back do not arrive at once.

import type { Random } from '../../platform/random.js'

export interface BackoffOptions {
  readonly firstMs: number
  readonly factor: number
  readonly maxMs: number
}

export class Backoff {
  private readonly random: Random
  private readonly options: BackoffOptions
  private currentMs: number

  constructor(random: Random, options: BackoffOptions) {
    this.random = random
    this.options = options
    this.currentMs = options.firstMs
  }

  /** Between half and all of the current step; the next one is longer. */
  nextMs(): number {
    const stepMs = this.currentMs
    this.currentMs = Math.min(stepMs * this.options.factor, this.options.maxMs)
    return stepMs / 2 + (stepMs / 2) * this.random.next()
  }

  reset(): void {
    this.currentMs = this.options.firstMs
  }
}
