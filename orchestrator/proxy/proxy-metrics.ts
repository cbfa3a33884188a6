// What the proxy counts, under the names that kube-proxy's dashboards ask for. Counterpart: pkg/proxy/metrics.

import type { Clock } from '../../platform/clock.js'
import type { Counter, Gauge, Histogram, Metrics } from '../../platform/metrics.js'
import type { Synced } from '../nftables/table-loop.js'
import type { ServicePortPlan } from './service-ports.js'

const triggerTimeAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time'
/** Changes of endpoints whose age is told; of a burst beyond it the rest is not. */
const triggersMax = 10_000

/** 1 ms to 16 s, doubling. */
const syncBuckets = Array.from({ length: 15 }, (_, step) => 0.001 * 2 ** step)
/** Fine up to a minute, coarse up to five. */
const programmingBuckets = [
  0.25,
  0.5,
  ...Array.from({ length: 59 }, (_, step) => 1 + step),
  ...Array.from({ length: 12 }, (_, step) => 60 + 5 * step),
  ...Array.from({ length: 7 }, (_, step) => 120 + 30 * step),
]

export class ProxyMetrics {
  readonly #clock: Clock
  readonly #sync: Histogram
  readonly #fullSync: Histogram
  readonly #partialSync: Histogram
  readonly #programming: Histogram
  readonly #lastSync: Gauge
  readonly #lastQueued: Gauge
  readonly #changes: Readonly<Record<'service' | 'endpoints', { total: Counter; pending: Gauge }>>
  readonly #failures: Counter
  readonly #noLocal: Gauge
  readonly #cleaned: Counter
  readonly #pending = { service: 0, endpoints: 0 }
  #triggersMs: number[] = []
  #takenMs: readonly number[] = []

  constructor(metrics: Metrics, clock: Clock) {
    this.#clock = clock
    const named = (name: string): string => `kubeproxy_${name}`
    const seconds = (name: string, help: string): Histogram =>
      metrics.histogram(named(name), help, syncBuckets)
    this.#sync = seconds('sync_proxy_rules_duration_seconds', 'Time to bring rules up to date')
    this.#fullSync = seconds('sync_full_proxy_rules_duration_seconds', 'The same, from nothing')
    this.#partialSync = seconds(
      'sync_partial_proxy_rules_duration_seconds',
      'The same, of what had changed',
    )
    this.#programming = metrics.histogram(
      named('network_programming_duration_seconds'),
      'From a change of a pod until the rules know it',
      programmingBuckets,
    )
    this.#lastSync = metrics.gauge(
      named('sync_proxy_rules_last_timestamp_seconds'),
      'When rules were last up to date',
    )
    this.#lastQueued = metrics.gauge(
      named('sync_proxy_rules_last_queued_timestamp_seconds'),
      'When a change of rules was last asked for',
    )
    const changes = (what: string) => ({
      total: metrics.counter(
        named(`sync_proxy_rules_${what}_changes_total`),
        'Changes that were heard of',
      ),
      pending: metrics.gauge(
        named(`sync_proxy_rules_${what}_changes_pending`),
        'Changes that no rule knows',
      ),
    })
    this.#changes = { service: changes('service'), endpoints: changes('endpoint') }
    this.#failures = metrics.counter(
      named('sync_proxy_rules_nftables_sync_failures_total'),
      'Transactions that were refused',
    )
    this.#noLocal = metrics.gauge(
      named('sync_proxy_rules_no_local_endpoints_total'),
      'Ports with a policy of Local and nobody here who answers',
      ['traffic_policy'],
    )
    this.#cleaned = metrics.counter(
      named('conntrack_reconciler_deleted_entries_total'),
      'Flows of UDP that led astray',
    )
  }

  queued(): void {
    this.#lastQueued.set(this.#clock.wallMs() / 1000)
  }

  change(what: 'service' | 'endpoints'): void {
    this.#pending[what] += 1
    this.#changes[what].total.add()
    this.#changes[what].pending.set(this.#pending[what])
  }

  /** Annotations of a slice that changed. */
  triggered(annotations: Readonly<Record<string, string>>): void {
    const atMs = Date.parse(annotations[triggerTimeAnnotation] ?? '')
    if (!Number.isNaN(atMs) && this.#triggersMs.length < triggersMax) this.#triggersMs.push(atMs)
  }

  /** All changes so far go into the transaction that is made now. */
  taken(): void {
    this.#takenMs = [...this.#takenMs, ...this.#triggersMs].slice(0, triggersMax)
    this.#triggersMs = []
    this.#pending.service = 0
    this.#pending.endpoints = 0
  }

  failed(): void {
    this.#failures.add()
  }

  cleaned(flows: number): void {
    this.#cleaned.add(flows)
  }

  /** `families` hold plans by service. */
  synced(
    { applied, elapsedMs }: Synced,
    families: readonly ReadonlyMap<string, readonly ServicePortPlan[]>[],
  ): void {
    const nowMs = this.#clock.wallMs()
    this.#sync.observe(elapsedMs / 1000)
    if (applied === 'full') this.#fullSync.observe(elapsedMs / 1000)
    else this.#partialSync.observe(elapsedMs / 1000)
    for (const atMs of this.#takenMs) this.#programming.observe(Math.max(nowMs - atMs, 0) / 1000)
    this.#takenMs = []
    this.#lastSync.set(nowMs / 1000)
    this.#changes.service.pending.set(this.#pending.service)
    this.#changes.endpoints.pending.set(this.#pending.endpoints)
    const plans = families.flatMap(family => [...family.values()].flat())
    const without = plans.filter(({ cluster, local }) => cluster.length > 0 && local.length === 0)
    const count = (chosen: readonly ServicePortPlan[], policy: string): void =>
      this.#noLocal.set(chosen.length, { traffic_policy: policy })
    count(
      without.filter(({ internalLocal }) => internalLocal),
      'internal',
    )
    count(
      without.filter(({ externalLocal }) => externalLocal),
      'external',
    )
  }
}
