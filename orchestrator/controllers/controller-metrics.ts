// What the controllers count, by the names that dashboards for Kubernetes ask for where it has the same thing.
// Counterpart: k8s.io/component-base/metrics/prometheus/workqueue.

import type { Metrics } from '../../platform/metrics.js'
import type { WorkQueueObserver } from '../client/work-queue.js'

export interface ControllerMetrics {
  /** Of the queue of a controller. */
  queue(name: string): WorkQueueObserver
  /** A worker had a key for as long. */
  worked(name: string, durationMs: number): void
  reconciled(name: string, result: 'ok' | 'error'): void
}

const buckets = [1e-6, 1e-5, 1e-4, 1e-3, 0.005, 0.02, 0.1, 0.5, 2, 10]

export function controllerMetrics(metrics: Metrics): ControllerMetrics {
  const byName = ['name']
  const depth = metrics.gauge('workqueue_depth', 'Keys that wait for a worker', byName)
  const adds = metrics.counter('workqueue_adds_total', 'Keys that were added', byName)
  const retries = metrics.counter(
    'workqueue_retries_total',
    'Keys that failed and come back',
    byName,
  )
  const waits = metrics.histogram(
    'workqueue_queue_duration_seconds',
    'Time that a key waits for a worker',
    buckets,
    byName,
  )
  const works = metrics.histogram(
    'workqueue_work_duration_seconds',
    'Time that a worker has a key',
    buckets,
    byName,
  )
  const reconciles = metrics.counter(
    'raftsman_controller_reconciles_total',
    'Keys that a worker was done with',
    ['name', 'result'],
  )
  return {
    queue(name) {
      const labels = { name }
      return {
        added: () => adds.add(1, labels),
        taken: waitedMs => waits.observe(waitedMs / 1000, labels),
        retried: () => retries.add(1, labels),
        length: keys => depth.set(keys, labels),
      }
    },
    worked: (name, durationMs) => works.observe(durationMs / 1000, { name }),
    reconciled: (name, result) => reconciles.add(1, { name, result }),
  }
}
