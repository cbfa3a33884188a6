// Metrics that may be asked for again: a member that lives a second time in its process goes on with
// those of its first life.

import type { Counter, Gauge, Histogram, Metrics } from '../../platform/metrics.js'

export function reusableMetrics(metrics: Metrics): Metrics {
  const counters = new Map<string, Counter>()
  const gauges = new Map<string, Gauge>()
  const histograms = new Map<string, Histogram>()
  return {
    counter: (name, ...rest) => known(counters, name, () => metrics.counter(name, ...rest)),
    gauge: (name, ...rest) => known(gauges, name, () => metrics.gauge(name, ...rest)),
    histogram: (name, ...rest) => known(histograms, name, () => metrics.histogram(name, ...rest)),
  }
}

function known<T>(made: Map<string, T>, name: string, make: () => T): T {
  const before = made.get(name)
  if (before !== undefined) return before
  const metric = make()
  made.set(name, metric)
  return metric
}
