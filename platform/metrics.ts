// Counters, gauges and histograms, exposed as Prometheus text by the shell that serves HTTP.
// Names follow Prometheus' rules: base units, `_total` on counters, units last.

export type Labels = Readonly<Record<string, string>>

export interface Counter {
  add(amount?: number, labels?: Labels): void
}

export interface Gauge {
  set(value: number, labels?: Labels): void
}

export interface Histogram {
  observe(value: number, labels?: Labels): void
}

export interface Sample {
  readonly value: number
  readonly labels?: Labels
}

/** A value that is kept elsewhere anyway, and asked for whenever somebody looks. */
export interface Observed {
  /** A counter never goes down, except to begin anew. */
  readonly type: 'counter' | 'gauge'
  readonly name: string
  readonly help: string
  readonly labelNames?: readonly string[]
  readonly read: () => number | readonly Sample[]
}

export interface Metrics {
  counter(name: string, help: string, labelNames?: readonly string[]): Counter
  gauge(name: string, help: string, labelNames?: readonly string[]): Gauge
  histogram(
    name: string,
    help: string,
    buckets: readonly number[],
    labelNames?: readonly string[],
  ): Histogram
  /** Of several of one name the last one is asked. */
  observed(metric: Observed): void
}
