// What operators see of flow control: the apiserver_flowcontrol_* metrics. Nearly all are kept by the
// flow controller anyway and read only when somebody looks. Counterpart: util/flowcontrol/metrics.

import type { Metrics, Sample } from '../../platform/metrics.js'
import type { FlowController, LevelState, SchemaState } from '../api/flowcontrol/flow-controller.js'

const prefix = 'apiserver_flowcontrol_'
const seconds = [0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30]

export interface FlowTimes {
  readonly onWaited: (schema: SchemaState, seconds: number, execute: boolean) => void
  readonly onExecuted: (schema: SchemaState, seconds: number) => void
}

/** Of requests of limited levels; for exempt ones nobody waits. */
export function flowTimes(metrics: Metrics): FlowTimes {
  const waits = metrics.histogram(
    `${prefix}request_wait_duration_seconds`,
    'Time that requests of limited levels waited for a seat.',
    seconds,
    ['flow_schema', 'priority_level', 'execute'],
  )
  const executions = metrics.histogram(
    `${prefix}request_execution_seconds`,
    'Time that requests of limited levels held their seats.',
    seconds,
    ['flow_schema', 'priority_level'],
  )
  return {
    onWaited: (schema, waited, execute) =>
      waits.observe(waited, { ...labelsOf(schema), execute: String(execute) }),
    onExecuted: (schema, executed) => executions.observe(executed, labelsOf(schema)),
  }
}

function labelsOf({ name, level }: SchemaState) {
  return { flow_schema: name, priority_level: level.name }
}

export function observeFlows(metrics: Metrics, controller: FlowController): void {
  const ofSchemas = (
    name: string,
    help: string,
    type: 'counter' | 'gauge',
    read: (schema: SchemaState) => number,
  ) =>
    metrics.observed({
      type,
      name: prefix + name,
      help,
      labelNames: ['flow_schema', 'priority_level'],
      read: () =>
        controller.schemas.map(schema => ({ value: read(schema), labels: labelsOf(schema) })),
    })
  const ofLevels = (name: string, help: string, read: (level: LevelState) => number) =>
    metrics.observed({
      type: 'gauge',
      name: prefix + name,
      help,
      labelNames: ['priority_level'],
      read: () =>
        controller.levels.map(level => ({
          value: read(level),
          labels: { priority_level: level.name },
        })),
    })
  ofSchemas('dispatched_requests_total', 'Requests that got a seat.', 'counter', schema => {
    return schema.tally.dispatched
  })
  ofSchemas('current_inqueue_requests', 'Requests that wait.', 'gauge', schema => schema.waiting)
  ofSchemas('current_executing_requests', 'Requests that run.', 'gauge', schema => schema.running)
  ofSchemas('current_executing_seats', 'Seats that are taken.', 'gauge', schema => schema.seats)
  metrics.observed({
    type: 'counter',
    name: `${prefix}rejected_requests_total`,
    help: 'Requests that were turned away.',
    labelNames: ['flow_schema', 'priority_level', 'reason'],
    read: () => controller.schemas.flatMap(rejections),
  })
  ofLevels('nominal_limit_seats', 'Seats by the shares.', level => level.limits.nominal)
  ofLevels('lower_limit_seats', 'Seats that are not lent.', level => level.limits.lower)
  ofLevels('upper_limit_seats', 'Seats with all borrowed.', level => level.limits.upper)
  ofLevels('current_limit_seats', 'Seats at the moment.', seatsOf)
  ofLevels('request_concurrency_limit', 'Seats by the shares.', level => level.limits.nominal)
  ofLevels('demand_seats_smoothed', 'Seats wanted lately.', level => level.smoothed)
  metrics.observed({
    type: 'gauge',
    name: `${prefix}seat_fair_frac`,
    help: 'Seats a wanted seat, when they were last shared out.',
    read: () => controller.fraction,
  })
}

function seatsOf({ queues, limits }: LevelState): number {
  return queues.seatsMax === Infinity ? limits.nominal : queues.seatsMax
}

function rejections(schema: SchemaState): readonly Sample[] {
  const { tally } = schema
  return [
    ['queue-full', tally.queueFull] as const,
    ['concurrency-limit', tally.noSeat] as const,
    ['time-out', tally.timedOut] as const,
    ['cancelled', tally.cancelled] as const,
  ].map(([reason, value]) => ({ value, labels: { ...labelsOf(schema), reason } }))
}
