// What a whole run comes to: the JSON that the command prints and that is kept under bench/results/. One
// entry a scenario, one result a side, the ratio of one by the other.

import { Histogram } from '../harness/histogram.js'
import type { HistogramJson } from '../harness/histogram.js'
import type { Machine } from '../harness/machine.js'
import { spreadOf } from '../harness/statistics.js'
import type { Better, Outcome } from '../scenarios/scenario.js'
import type { SideName } from '../sides/side.js'

export interface Repetition {
  readonly value: number
  readonly p50Ms: number | null
  readonly p99Ms: number | null
  readonly cpuSeconds: number
  readonly maxRssBytes: number
}

export interface SideResult {
  /** Median of the repetitions. */
  readonly value: number
  readonly valueLeast: number
  readonly valueMost: number
  /** Of all repetitions together; null where there are no requests to speak of. */
  readonly p50Ms: number | null
  readonly p90Ms: number | null
  readonly p99Ms: number | null
  readonly p999Ms: number | null
  readonly maxMs: number | null
  /** Of all servers together within a window: median of the repetitions. */
  readonly cpuSeconds: number
  /** Of all servers together, at most. */
  readonly maxRssBytes: number
  /** Of the load generator within a window: median. */
  readonly generatorCpuSeconds: number
  readonly answered: number
  readonly failed: number
  /** By all members in all windows; null when they do not tell. */
  readonly walSyncs: number | null
  readonly notes: readonly string[]
  readonly repetitions: readonly Repetition[]
  readonly latencies: HistogramJson | null
  /** Answered in every second of the first repetition. */
  readonly perSecond: readonly number[]
}

export interface ScenarioReport {
  readonly name: string
  readonly unit: string
  readonly better: Better
  readonly summary: string
  /** How ours was driven; etcd always by gRPC. */
  readonly protocol: 'native' | 'grpc'
  readonly raftsman: SideResult | null
  readonly etcd: SideResult | null
  /** Our value by etcd's, whichever is better; null without both. */
  readonly ratio: number | null
  /** Runs that came to nothing, and why. */
  readonly failures: readonly { readonly side: SideName; readonly why: string }[]
}

export interface BenchReport {
  readonly machine: Machine
  readonly commit: string
  readonly startedAt: string
  readonly versions: Readonly<Partial<Record<SideName, string>>>
  readonly members: number
  readonly settings: {
    readonly seconds: number
    readonly warmUpSeconds: number
    readonly serverWarmUpSeconds: number
    readonly repetitions: number
    readonly clients: number | null
    readonly valueBytes: number | null
    readonly rate: number | null
    readonly quick: boolean
  }
  /** It was ended before it was done. */
  readonly interrupted: boolean
  readonly scenarios: readonly ScenarioReport[]
}

export function ratioOf(ours: SideResult | null, theirs: SideResult | null): number | null {
  if (ours === null || theirs === null || theirs.value === 0) return null
  return ours.value / theirs.value
}

/** Null of nothing. */
export function resultOf(outcomes: readonly Outcome[]): SideResult | null {
  if (outcomes.length === 0) return null
  const all = new Histogram()
  for (const { recorded } of outcomes) if (recorded !== null) all.merge(recorded.latencies)
  const at = (part: number) => (all.count === 0 ? null : all.percentileMicros(part) / 1_000)
  const value = spreadOf(outcomes.map(outcome => outcome.value))
  const sum = (pick: (outcome: Outcome) => number) =>
    outcomes.reduce((total, outcome) => total + pick(outcome), 0)
  return {
    value: value.median,
    valueLeast: value.least,
    valueMost: value.most,
    p50Ms: at(0.5),
    p90Ms: at(0.9),
    p99Ms: at(0.99),
    p999Ms: at(0.999),
    maxMs: all.count === 0 ? null : all.maxMicros / 1_000,
    cpuSeconds: spreadOf(outcomes.map(({ metered }) => metered.cpuSeconds)).median,
    maxRssBytes: Math.max(...outcomes.map(({ metered }) => metered.maxRssBytes)),
    generatorCpuSeconds: spreadOf(outcomes.map(({ metered }) => metered.generatorCpuSeconds))
      .median,
    answered: sum(({ recorded }) => recorded?.answered ?? 0),
    failed: sum(({ recorded }) => recorded?.failed ?? 0),
    walSyncs: outcomes.some(({ walSyncs }) => walSyncs === null)
      ? null
      : sum(({ walSyncs }) => walSyncs ?? 0),
    notes: [...new Set(outcomes.flatMap(({ notes }) => notes))],
    repetitions: outcomes.map(repetitionOf),
    latencies: all.count === 0 ? null : all.toJSON(),
    perSecond: outcomes[0]?.recorded?.perSecond ?? [],
  }
}

function repetitionOf({ value, recorded, metered }: Outcome): Repetition {
  const latencies = recorded?.latencies
  const at = (part: number) =>
    latencies === undefined || latencies.count === 0
      ? null
      : latencies.percentileMicros(part) / 1_000
  const { cpuSeconds, maxRssBytes } = metered
  return { value, p50Ms: at(0.5), p99Ms: at(0.99), cpuSeconds, maxRssBytes }
}
