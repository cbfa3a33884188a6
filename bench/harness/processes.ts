// What processes cost: processor time and resident memory, from /proc. The load generator's own is kept
// apart from the servers', for it is no merit and no fault of theirs. Leaves out other systems than Linux.

import { readFileSync } from 'node:fs'

import type { Clock, Timer } from '../../platform/clock.js'

/** Clock ticks of /proc a second: fixed for user space on Linux. */
const ticksPerSecond = 100
const sampleMs = 200

export interface ProcessCost {
  readonly cpuSeconds: number
  readonly residentBytes: number
}

/** Null when there is no such process. */
export function costOf(pid: number): ProcessCost | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    return { cpuSeconds: cpuSecondsIn(stat), residentBytes: residentBytesIn(status) }
  } catch {
    return null
  }
}

export function cpuSecondsIn(stat: string): number {
  // The command's name is in brackets and may hold anything, brackets and blanks too.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

export function residentBytesIn(status: string): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0) * 1024
}

export interface Metered {
  /** Of all servers together, those that ended or began in between included as far as they were seen. */
  readonly cpuSeconds: number
  /** Of all servers together at the worst moment that was looked at. */
  readonly maxRssBytes: number
  /** Of this process: the load generator. */
  readonly generatorCpuSeconds: number
  readonly elapsedMs: number
}

export interface MeterOptions {
  readonly clock: Clock
  /** Of the servers that run now. */
  readonly pids: () => readonly number[]
  readonly cost?: (pid: number) => ProcessCost | null
  /** Processor time of this process so far. */
  readonly ownCpuSeconds?: () => number
}

const ownCpu = (): number => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

/** Runs from `start` to `stop`, once. */
export class Meter {
  readonly #options: MeterOptions
  readonly #cost: (pid: number) => ProcessCost | null
  readonly #own: () => number
  /** Of every pid ever seen: its processor time when it was first and last looked at. */
  readonly #seen = new Map<number, { readonly first: number; last: number }>()
  #sampler: Timer | null = null
  /** Null before the start. */
  #startMs: number | null = null
  #startOwn = 0
  #maxRss = 0

  constructor(options: MeterOptions) {
    this.#options = options
    this.#cost = options.cost ?? costOf
    this.#own = options.ownCpuSeconds ?? ownCpu
  }

  start(): void {
    this.#startMs = this.#options.clock.monotonicMs()
    this.#startOwn = this.#own()
    this.#sample(true)
    this.#sampler = this.#options.clock.setTicker(sampleMs, () => this.#sample(false))
  }

  /** Zeros when it was never started. */
  stop(): Metered {
    const startMs = this.#startMs
    if (startMs === null) {
      return { cpuSeconds: 0, maxRssBytes: 0, generatorCpuSeconds: 0, elapsedMs: 0 }
    }
    this.#sampler?.cancel()
    this.#sample(false)
    let cpuSeconds = 0
    for (const { first, last } of this.#seen.values()) cpuSeconds += last - first
    return {
      cpuSeconds,
      maxRssBytes: this.#maxRss,
      generatorCpuSeconds: this.#own() - this.#startOwn,
      elapsedMs: this.#options.clock.monotonicMs() - startMs,
    }
  }

  #sample(starting: boolean): void {
    let rss = 0
    for (const pid of this.#options.pids()) {
      const cost = this.#cost(pid)
      if (cost === null) continue
      rss += cost.residentBytes
      const seen = this.#seen.get(pid)
      if (seen !== undefined) seen.last = cost.cpuSeconds
      else {
        // One that began since then has spent all it has within this time.
        const first = starting ? cost.cpuSeconds : 0
        this.#seen.set(pid, { first, last: cost.cpuSeconds })
      }
    }
    this.#maxRss = Math.max(this.#maxRss, rss)
  }
}
