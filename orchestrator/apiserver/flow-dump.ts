// The state of flow control as text, for whoever looks into a crowded server: three tables of comma-separated
// columns below /debug/api_priority_and_fairness. Counterpart: util/flowcontrol/apf_controller_debug.go.

import type { FlowController, FlowTicket, LevelState } from '../api/flowcontrol/flow-controller.js'
import { workOf } from '../api/flowcontrol/fair-queues.js'
import { isTrue } from './request-info.js'

export const flowDumpPrefix = '/debug/api_priority_and_fairness/'

/** Null for any other path. `wallOffsetMs`: what makes wall time of the monotonic times of tickets. */
export function flowDump(
  controller: FlowController,
  path: string,
  query: URLSearchParams,
  wallOffsetMs: number,
): string | null {
  switch (path) {
    case `${flowDumpPrefix}dump_priority_levels`:
      return levelTable(controller)
    case `${flowDumpPrefix}dump_queues`:
      return queueTable(controller)
    case `${flowDumpPrefix}dump_requests`: {
      const details = query.get('includeRequestDetails')
      return requestTable(controller, details !== null && isTrue(details), wallOffsetMs)
    }
    default:
      return null
  }
}

type Row = readonly (string | number | boolean)[]

/** Every column as wide as its widest cell and its comma. */
function table(rows: readonly Row[]): string {
  const widths: number[] = []
  for (const row of rows) {
    for (const [at, cell] of row.slice(0, -1).entries()) {
      widths[at] = Math.max(widths[at] ?? 8, String(cell).length + 2)
    }
  }
  return rows
    .map(row =>
      row
        .map((cell, at) =>
          at === row.length - 1 ? String(cell) : `${String(cell)},`.padEnd(widths[at] ?? 0),
        )
        .join(''),
    )
    .map(line => `${line}\n`)
    .join('')
}

function levelTable({ levels }: FlowController): string {
  const heads = [
    'PriorityLevelName',
    'ActiveQueues',
    'IsIdle',
    'IsQuiescing',
    'WaitingRequests',
    'ExecutingRequests',
    'DispatchedRequests',
    'RejectedRequests',
    'TimedoutRequests',
    'CancelledRequests',
  ]
  return table([
    heads,
    ...levels.map(({ name, queues, quiescing, tally }) => [
      name,
      queues.activeQueues,
      queues.idle,
      quiescing,
      queues.waiting,
      queues.running.size,
      tally.dispatched,
      tally.queueFull + tally.noSeat,
      tally.timedOut,
      tally.cancelled,
    ]),
  ])
}

function queueTable({ levels }: FlowController): string {
  const heads = [
    'PriorityLevelName',
    'Index',
    'PendingRequests',
    'ExecutingRequests',
    'SeatsInUse',
    'NextDispatchR',
    'InitialSeatsSum',
    'MaxSeatsSum',
    'TotalWorkSum',
  ]
  const rows = levels.flatMap(({ name, queues }) =>
    queues.queues.map(queue => [
      name,
      queue.index,
      queue.waiting.length,
      queue.running,
      queue.seatsInUse,
      seatSeconds(queue.nextR),
      queue.seatsWaiting,
      sum(queue.waiting, ticket => ticket.heldSeats),
      seatSeconds(sum(queue.waiting, ticket => workOf(ticket.width))),
    ]),
  )
  return table([heads, ...rows])
}

function sum<T>(list: readonly T[], of: (one: T) => number): number {
  return list.reduce((total, one) => total + of(one), 0)
}

function seatSeconds(seatMs: number): string {
  return `${(seatMs / 1000).toFixed(8)}ss`
}

function requestTable(controller: FlowController, details: boolean, offsetMs: number): string {
  const heads = [
    'PriorityLevelName',
    'FlowSchemaName',
    'QueueIndex',
    'RequestIndexInQueue',
    'FlowDistingsher',
    'ArriveTime',
    'InitialSeats',
    'FinalSeats',
    'AdditionalLatency',
    'StartTime',
    ...(details
      ? [
          'UserName',
          'Verb',
          'APIPath',
          'Namespace',
          'Name',
          'APIVersion',
          'Resource',
          'SubResource',
        ]
      : []),
  ]
  const rows = controller.levels.flatMap(level =>
    ticketsOf(level).map(({ ticket, index }) => {
      const { schema, distinguisher } = ticket.owner
      return [
        level.name,
        schema.name,
        ticket.queue?.index ?? -1,
        index,
        distinguisher,
        new Date(ticket.arrivedMs + offsetMs).toISOString(),
        ticket.width.seats,
        ticket.width.finalSeats,
        ticket.width.finalMs === 0 ? '0s' : `${ticket.width.finalMs}ms`,
        ticket.startedMs < 0
          ? '0001-01-01T00:00:00Z'
          : new Date(ticket.startedMs + offsetMs).toISOString(),
        ...(details ? detailsOf(ticket) : []),
      ]
    }),
  )
  return table([heads, ...rows])
}

interface Listed {
  readonly ticket: FlowTicket
  /** -1 for one that runs. */
  readonly index: number
}

function ticketsOf({ queues }: LevelState): readonly Listed[] {
  return [
    ...queues.queues.flatMap(queue => queue.waiting.map((ticket, index) => ({ ticket, index }))),
    ...[...queues.running].map(ticket => ({ ticket, index: -1 })),
  ]
}

function detailsOf({ owner }: FlowTicket): Row {
  const { user, request } = owner
  if (request.kind === 'non-resource') {
    return [user.name, request.verb, request.path, '', '', '', '', '']
  }
  const { verb, path, namespace, name, version, resource, subresource } = request
  return [user.name, verb, path, namespace, name, version, resource, subresource]
}
