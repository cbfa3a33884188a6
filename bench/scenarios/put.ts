// Puts, as `benchmark put` of etcd's own tool: connections with so many in flight each, and values of so
// many bytes. Keys are written over and over, so the store does not grow by keys.

import type { Context, Outcome, Scenario, Setting } from './scenario.js'
import { closeAll, connections, keyOf, keysFor, measureLoad, valueOf } from './workload.js'

const valueBytesUsual = 1_024

interface Shape {
  readonly name: string
  readonly group: string
  readonly summary: string
  readonly protocol: 'native' | 'grpc'
  readonly connections: number
  readonly inFlight: number
  readonly valueBytes?: number
  readonly slow?: boolean
  readonly takes: readonly Setting[]
}

const native = { group: 'puts', protocol: 'native' } as const
const grpc = { group: 'puts-grpc', protocol: 'grpc' } as const

const shapes: readonly Shape[] = [
  {
    ...native,
    name: 'put',
    summary: '100 connections, one in flight each',
    connections: 100,
    inFlight: 1,
    takes: ['clients', 'valueBytes', 'rate'],
  },
  ...[1, 10, 1_000].map(count => ({
    ...native,
    name: `put-${count}x1`,
    summary: `${count} connection${count === 1 ? '' : 's'}, one in flight each`,
    connections: count,
    inFlight: 1,
    slow: count === 10,
    takes: ['valueBytes', 'rate'] as const,
  })),
  {
    ...native,
    name: 'put-1x1000',
    summary: 'one connection, 1,000 in flight',
    connections: 1,
    inFlight: 1_000,
    takes: ['valueBytes', 'rate'],
  },
  ...(
    [
      [64, '64 B'],
      [64 * 1024, '64 KiB'],
    ] as const
  ).map(([valueBytes, size]) => ({
    ...native,
    name: `put-${size.replace(' ', '').toLowerCase()}`,
    summary: `100 connections, values of ${size}`,
    connections: 100,
    inFlight: 1,
    valueBytes,
    slow: true,
    takes: ['clients', 'rate'] as const,
  })),
  {
    ...grpc,
    name: 'put-grpc',
    summary: 'over gRPC on both sides, 100 connections',
    connections: 100,
    inFlight: 1,
    takes: ['clients', 'valueBytes', 'rate'],
  },
  {
    ...grpc,
    name: 'put-grpc-1x1000',
    summary: 'over gRPC on both sides, one connection, 1,000 in flight',
    connections: 1,
    inFlight: 1_000,
    slow: true,
    takes: ['valueBytes', 'rate'],
  },
]

async function run(shape: Shape, context: Context): Promise<Outcome> {
  const { settings } = context
  const valueBytes = settings.valueBytes ?? shape.valueBytes ?? valueBytesUsual
  const value = valueOf(valueBytes)
  const drivers = await connections(context, shape.protocol, settings.clients ?? shape.connections)
  try {
    // All connections share the keys, so that as many are prepared whatever their number.
    const each = Math.max(1, Math.ceil(keysFor(valueBytes) / drivers.length))
    return await measureLoad(context, {
      drivers,
      inFlight: shape.inFlight,
      calls: (driver, at) =>
        Array.from({ length: each }, (_, number) =>
          driver.put({ key: keyOf('put/', at * each + number), value }),
        ),
    })
  } finally {
    closeAll(drivers)
  }
}

export const puts: readonly Scenario[] = shapes.map(shape => ({
  name: shape.name,
  group: shape.group,
  unit: 'puts/s',
  better: 'higher',
  summary: shape.summary,
  slow: shape.slow ?? false,
  protocol: shape.protocol,
  takes: new Set(shape.takes),
  run: context => run(shape, context),
}))
