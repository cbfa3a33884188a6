// What the scheduler counts, by the names of the original where it has the same thing.

import type { Counter, Gauge, Histogram, Metrics } from '../../platform/metrics.js'

export interface SchedulerMetrics {
  /** Label: result ("scheduled", "unschedulable", "error"). */
  readonly attempts: Counter
  /** Pods removed for others. */
  readonly victims: Counter
  /** Label: queue. */
  readonly pending: Gauge
  readonly seconds: Histogram
}

export function schedulerMetrics(metrics: Metrics): SchedulerMetrics {
  return {
    attempts: metrics.counter('scheduler_schedule_attempts_total', 'Attempts to place a pod', [
      'result',
    ]),
    victims: metrics.counter(
      'raftsman_scheduler_preemption_victims_total',
      'Pods removed to make room for one of higher priority',
    ),
    pending: metrics.gauge('scheduler_pending_pods', 'Pods that wait for a node', ['queue']),
    seconds: metrics.histogram(
      'scheduler_scheduling_algorithm_duration_seconds',
      'Time to filter and score the nodes for one pod',
      [0.0005, 0.002, 0.01, 0.05, 0.2, 1],
    ),
  }
}
