// Reads, as `benchmark range` of etcd's own tool: single keys with and without a quorum, keys without
// values, counts, the first of many, and whole lists in one go or in pages.

import type { Call, Driver, RangeAsked } from '../clients/driver.js'
import type { Context, Outcome, Scenario } from './scenario.js'
import {
  bytesOf,
  closeAll,
  connections,
  fill,
  keyOf,
  measureLoad,
  prefixEnd,
  ScenarioFailed,
  shared,
} from './workload.js'

const prefix = 'range/'
const first = bytesOf(prefix)
const end = prefixEnd(prefix)
const valueBytesUsual = 256
const keysOfRange = 100
const pageKeys = 500
/** Different requests of a connection, for those that ask for single keys. */
const prepared = 1_000

interface Kind {
  readonly name: string
  readonly summary: string
  readonly inFlight: number
  readonly asked: (number: number) => RangeAsked
  /** That such an answer has. */
  readonly keys: number
  readonly slow?: boolean
}

const kinds: readonly Kind[] = [
  {
    name: 'range',
    summary: 'one key, linearizable, 1,000 in flight',
    inFlight: 1_000,
    asked: number => ({ key: keyOf(prefix, number) }),
    keys: 1,
  },
  {
    name: 'range-serializable',
    summary: 'one key, whatever the member has, 1,000 in flight',
    inFlight: 1_000,
    asked: number => ({ key: keyOf(prefix, number), serializable: true }),
    keys: 1,
    slow: true,
  },
  {
    name: 'range-keys-only',
    summary: `${keysOfRange} keys without values, 100 in flight`,
    inFlight: 100,
    asked: number => ({
      key: keyOf(prefix, number),
      end: keyOf(prefix, number + keysOfRange),
      keysOnly: true,
    }),
    keys: keysOfRange,
    slow: true,
  },
  {
    name: 'range-count',
    summary: 'the number of all keys, 100 in flight',
    inFlight: 100,
    asked: () => ({ key: first, end, countOnly: true }),
    keys: 0,
    slow: true,
  },
  {
    name: 'range-limit',
    summary: `the first ${keysOfRange} of all keys from one on, 100 in flight`,
    inFlight: 100,
    asked: number => ({ key: keyOf(prefix, number), end, limit: keysOfRange }),
    keys: keysOfRange,
    slow: true,
  },
]

/** Enough that nothing of it is special, and in every full run the same. */
const keysToRead = ({ settings }: Context): number => (settings.quick ? 2_000 : 10_000)

async function runKind(kind: Kind, context: Context): Promise<Outcome> {
  const { settings } = context
  const filled = keysToRead(context)
  await fill(context, prefix, filled, settings.valueBytes ?? valueBytesUsual)
  const drivers = await connections(context, 'native', settings.clients ?? 1)
  try {
    const [driver] = drivers
    if (driver !== undefined) await check(driver, kind, filled)
    // None so near to the end that it would answer with less.
    const last = filled - keysOfRange
    return await measureLoad(context, {
      drivers,
      inFlight: shared(kind.inFlight, drivers),
      calls: (of, at) =>
        Array.from({ length: Math.min(prepared, last) }, (_, number) =>
          of.range(kind.asked((number + at * 37) % last)),
        ),
    })
  } finally {
    closeAll(drivers)
  }
}

/** What is measured is what was meant: the answer has as many keys as it should. */
async function check(driver: Driver, kind: Kind, filled: number): Promise<void> {
  const { keys } = await driver.look(kind.asked(0))
  const { count } = await driver.look({ key: first, end, countOnly: true })
  if (keys === kind.keys && count === filled) return
  throw new ScenarioFailed(`${kind.name} answers with ${keys} keys, and there are ${count}`)
}

type Listing = (driver: Driver) => Promise<{ readonly keys: number; readonly how: string }>

/** Whole lists one after the other. The value is keys a second. */
async function runList(list: Listing, context: Context): Promise<Outcome> {
  const { settings } = context
  const filled = settings.quick ? 10_000 : 100_000
  await fill(context, prefix, filled, settings.valueBytes ?? valueBytesUsual)
  const drivers = await connections(context, 'native', settings.clients ?? 1)
  let how = ''
  const call =
    (driver: Driver): Call =>
    done => {
      list(driver).then(
        listed => {
          how = listed.how
          done(listed.keys === filled ? null : `${listed.keys} keys of ${filled}`)
        },
        (error: unknown) => done(error instanceof Error ? error.message : String(error)),
      )
    }
  try {
    const outcome = await measureLoad(context, {
      drivers,
      inFlight: 1,
      calls: driver => [call(driver)],
    })
    const notes = [...outcome.notes, `${filled} keys a list: ${how}`]
    return { ...outcome, value: outcome.value * filled, notes }
  } finally {
    closeAll(drivers)
  }
}

const common = { group: 'ranges', better: 'higher', protocol: 'native' } as const

export const ranges: readonly Scenario[] = [
  ...kinds.map(kind => ({
    ...common,
    name: kind.name,
    unit: 'reads/s',
    summary: kind.summary,
    slow: kind.slow ?? false,
    takes: new Set(['clients', 'valueBytes', 'rate'] as const),
    run: (context: Context) => runKind(kind, context),
  })),
  {
    ...common,
    name: 'range-stream',
    unit: 'keys/s',
    summary: '100,000 keys in one go, as a stream where there is one; one list at a time',
    takes: new Set(['clients', 'valueBytes']),
    run: context => runList(driver => driver.list(first, end), context),
  },
  {
    ...common,
    name: 'range-paginated',
    unit: 'keys/s',
    summary: `the same in pages of ${pageKeys}`,
    slow: true,
    takes: new Set(['clients', 'valueBytes']),
    run: context => runList(driver => driver.listPages(first, end, pageKeys), context),
  },
]
