// Transactions, as `benchmark txn-put`, `txn-mixed` and `stm` of etcd's own tool.

import type { Call, Driver } from '../clients/driver.js'
import type { Context, Outcome, Scenario } from './scenario.js'
import {
  bytesOf,
  closeAll,
  connections,
  fill,
  keyOf,
  keysFor,
  measureLoad,
  prefixEnd,
  shared,
  valueOf,
} from './workload.js'

const prefix = 'txn/'
const end = prefixEnd(prefix)
const connectionsUsual = 10
const inFlight = 1_000
const stmInFlight = 100
const valueBytesUsual = 1_024
/** Of the reads among the mixed ones. */
const limit = 10

async function run(
  context: Context,
  call: (driver: Driver, number: number, value: Uint8Array) => Call,
  underWay = inFlight,
): Promise<Outcome> {
  const { settings } = context
  const valueBytes = settings.valueBytes ?? valueBytesUsual
  const value = valueOf(valueBytes)
  const keys = keysFor(valueBytes)
  await fill(context, prefix, keys, valueBytes)
  const drivers = await connections(context, 'native', settings.clients ?? connectionsUsual)
  const each = Math.max(2, Math.ceil(keys / drivers.length))
  try {
    return await measureLoad(context, {
      drivers,
      inFlight: shared(underWay, drivers),
      calls: (driver, at) =>
        Array.from({ length: each }, (_, number) =>
          call(driver, (at * each + number) % keys, value),
        ),
    })
  } finally {
    closeAll(drivers)
  }
}

/** Half of all numbers, in no order that anybody would notice, and the same on both sides. */
const isRead = (number: number): boolean => Math.imul(number, 0x9e37_79b1) >>> 31 === 1

const common = {
  group: 'txns',
  unit: 'txns/s',
  better: 'higher',
  protocol: 'native',
  takes: new Set(['clients', 'valueBytes', 'rate'] as const),
} as const

export const txns: readonly Scenario[] = [
  {
    ...common,
    name: 'txn-put',
    summary: 'one put a transaction, 10 connections, 1,000 in flight',
    slow: true,
    run: context =>
      run(context, (driver, number, value) =>
        driver.txnPut([{ key: keyOf(prefix, number), value }]),
      ),
  },
  {
    ...common,
    name: 'txn-mixed',
    summary: `as many transactions that read ${limit} keys as that put one, 1,000 in flight`,
    run: context =>
      run(context, (driver, number, value) =>
        isRead(number)
          ? driver.txnRange({ key: bytesOf(prefix), end, limit })
          : driver.txnPut([{ key: keyOf(prefix, number), value }]),
      ),
  },
  {
    ...common,
    name: 'stm',
    summary: 'one key read and put if it is as it was, 10 connections, 100 in flight',
    slow: true,
    run: context =>
      run(
        context,
        (driver, number, value) => driver.readModify({ key: keyOf(prefix, number), value }),
        stmInFlight,
      ),
  },
]
