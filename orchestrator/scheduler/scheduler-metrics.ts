// What the scheduler counts. Names begin with raftsman_scheduler_.

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
    attempts: metrics.counter('raftsman_scheduler_attempts_total', 'Attempts to place a pod', [
      'result',
    ]),
    victims: metrics.counter(
      'raftsman_scheduler_preemption_victims_total',
      'Pods removed to make room for one of higher priority',
    ),
    pending: metrics.gauge('raftsman_scheduler_pending_pods', 'Pods that wait for a node', [
      'queue',
    ]),
    seconds: metrics.histogram(
      'raftsman_scheduler_placement_seconds',
      'Time to filter and score the nodes for one pod',
      [0.0005, 0.002, 0.01, 0.05, 0.2, 1],
    ),
  }
}
