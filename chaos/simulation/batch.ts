// Many seeds on worker threads, and what they amount to together. The order in which threads finish
// changes nothing of the result: counts are summed and the trace hash does not depend on order.

import { Worker } from 'node:worker_threads'
import { requiredFacts } from './coverage.js'
import type { SeedOverrides, SeedResult } from './run-seed.js'
import type { ScenarioName } from './scenario.js'
import { TraceSum } from './trace.js'

export interface BatchOptions {
  /** The next seed; null when there are no more. */
  readonly nextSeed: () => number | null
  readonly overrides: SeedOverrides
  readonly threads: number
  /** After every seed. */
  readonly onSeed: (result: SeedResult, batch: Batch) => void
  /** Asked before every seed. */
  readonly stopped: () => boolean
}

const maxYoungGenerationSizeMb = 128

export class Batch {
  seeds = 0
  operations = 0
  acknowledged = 0
  reads = 0
  steps = 0
  virtualMs = 0
  readonly failures: SeedResult[] = []
  readonly faults = new Map<string, number>()
  readonly coverage = new Map<string, number>()
  private readonly sum = new TraceSum()
  private lastHash = ''
  readonly scenario: ScenarioName
  private readonly isWhole: boolean

  constructor({ scenario = 'raft', ...rest }: SeedOverrides) {
    this.scenario = scenario
    // Its seeds drew freely, so that coverage can be asked of them.
    this.isWhole = Object.keys(rest).length === 0
  }

  add(result: SeedResult): void {
    this.seeds += 1
    this.operations += result.operations
    this.acknowledged += result.acknowledged
    this.reads += result.reads
    this.steps += result.steps
    this.virtualMs += result.virtualMs
    if (result.failure !== null) this.failures.push(result)
    count(this.faults, result.faults)
    count(this.coverage, result.coverage)
    this.sum.add(result.seed, result.traceHash)
    this.lastHash = result.traceHash
  }

  /** Of the seed, when there is one; of all together otherwise, whatever order they ran in. */
  get traceHash(): string {
    return this.seeds === 1 ? this.lastHash : this.sum.hash
  }

  /** Facts that a batch of this size should have seen and has not. */
  get uncovered(): readonly string[] {
    if (!this.isWhole) return []
    return [...requiredFacts[this.scenario]]
      .filter(([seeds]) => this.seeds >= seeds)
      .flatMap(([, facts]) => facts.filter(fact => !this.coverage.has(fact)))
  }
}

function count(into: Map<string, number>, counts: Readonly<Record<string, number>>): void {
  for (const [name, amount] of Object.entries(counts))
    into.set(name, (into.get(name) ?? 0) + amount)
}

/** Resolves when every thread has ended. Rejects when one breaks outside a seed. */
export async function runBatch(options: BatchOptions): Promise<Batch> {
  const batch = new Batch(options.overrides)
  await Promise.all(Array.from({ length: options.threads }, () => runThread(options, batch)))
  return batch
}

function runThread(options: BatchOptions, batch: Batch): Promise<void> {
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL('./seed-worker.js', import.meta.url), {
      workerData: options.overrides,
      // What a seed makes is soon garbage: a young generation that holds much of it copies little.
      resourceLimits: { maxYoungGenerationSizeMb },
    })
    const give = worker.postMessage.bind(worker)
    const next = () => {
      const seed = options.stopped() ? null : options.nextSeed()
      if (seed === null) void worker.terminate().then(() => resolve(), reject)
      else give(seed)
    }
    worker.on('message', (result: SeedResult) => {
      batch.add(result)
      options.onSeed(result, batch)
      next()
    })
    worker.on('error', reject)
    next()
  })
}
