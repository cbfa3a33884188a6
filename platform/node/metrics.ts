// Metrics over prom-client, in a registry of their own, with Node's process metrics beside them.

import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import { assert } from '../errors.js'
import type { Labels, Metrics, Observed } from '../metrics.js'

export interface NodeMetrics extends Metrics {
  /** The Prometheus text format, for `contentType`. */
  text(): Promise<string>
  readonly contentType: string
}

/**
 * Asking twice for one name gives the same metric, so that two nodes in one process can share a
 * registry; asking with other labels throws.
 */
export function nodeMetrics(): NodeMetrics {
  const register = new Registry()
  // By default the event loop's lag is sampled a hundred times a second, which would be most of
  // what a process at rest does.
  collectDefaultMetrics({ register, eventLoopMonitoringPrecision: 1000 })
  const known = new Map<string, { labels: string; metric: unknown }>()

  const observed = new Map<string, Observed['read']>()

  const once = <T>(name: string, labelNames: readonly string[], make: () => T): T => {
    const labels = labelNames.join(',')
    const found = known.get(name)
    if (found !== undefined) {
      if (found.labels !== labels) throw new Error(`metric ${name} exists with other labels`)
      return found.metric as T
    }
    const metric = make()
    known.set(name, { labels, metric })
    return metric
  }

  return {
    contentType: register.contentType,
    text: () => register.metrics(),
    counter: (name, help, labelNames = []) =>
      once(name, labelNames, () => {
        const series = new Series(labelNames)
        const counter: Counter = new Counter({
          name,
          help,
          labelNames,
          registers: [register],
          collect() {
            counter.reset()
            for (const { labels, value } of series.all) counter.inc(labels, value)
          },
        })
        return {
          add(amount = 1, labels) {
            assert(amount >= 0, 'a counter never goes down')
            series.of(labels).value += amount
          },
        }
      }),
    gauge: (name, help, labelNames = []) =>
      once(name, labelNames, () => {
        const series = new Series(labelNames)
        const gauge: Gauge = new Gauge({
          name,
          help,
          labelNames,
          registers: [register],
          collect() {
            for (const { labels, value } of series.all) gauge.set(labels, value)
          },
        })
        return {
          set(value, labels) {
            series.of(labels).value = value
          },
        }
      }),
    histogram: (name, help, buckets, labelNames = []) =>
      once(name, labelNames, () => {
        const histogram = new Histogram({
          name,
          help,
          buckets: [...buckets],
          labelNames,
          registers: [register],
        })
        return {
          observe(value, labels) {
            if (labels === undefined) histogram.observe(value)
            else histogram.observe(labels, value)
          },
        }
      }),
    observed({ type, name, help, labelNames = [], read }) {
      observed.set(name, read)
      once(name, labelNames, () => {
        const collect = (): void => {
          metric.reset()
          const now = observed.get(name)?.() ?? []
          const samples = typeof now === 'number' ? [{ value: now }] : now
          for (const { value, labels = {} } of samples) {
            if (metric instanceof Counter) metric.inc(labels, value)
            else metric.set(labels, value)
          }
        }
        const options = { name, help, labelNames, registers: [register], collect }
        const metric = type === 'counter' ? new Counter(options) : new Gauge(options)
        return metric
      })
    },
  }
}

/**
 * The values of one metric by their labels, handed to the library when somebody looks: it sorts and joins
 * labels with every count, and the API server counts several things a request.
 */
class Series {
  readonly #names: readonly string[]
  readonly #byLabels = new Map<string, { readonly labels: Labels; value: number }>()

  constructor(names: readonly string[]) {
    this.#names = names
    // What has no labels is there from the beginning, as 0.
    if (names.length === 0) this.of()
  }

  get all(): Iterable<{ readonly labels: Labels; readonly value: number }> {
    return this.#byLabels.values()
  }

  of(labels: Labels = {}): { value: number } {
    let key = ''
    for (const name of this.#names) key += `${labels[name] ?? ''}\n`
    let found = this.#byLabels.get(key)
    if (found === undefined) {
      const unknown = Object.keys(labels).find(name => !this.#names.includes(name))
      assert(unknown === undefined, `there is no label ${unknown}`)
      found = { labels, value: 0 }
      this.#byLabels.set(key, found)
    }
    return found
  }
}
