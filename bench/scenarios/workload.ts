// What scenarios have in common: connections, keys to begin with, and load that is measured.

import { must, RaftsmanError } from '../../platform/errors.js'
import type { Call, Driver } from '../clients/driver.js'
import { promised } from '../clients/driver.js'
import { runLoad } from '../harness/load.js'
import type { Recorded } from '../harness/recorder.js'
import type { Metered } from '../harness/processes.js'
import { Meter } from '../harness/processes.js'
import type { Protocol } from '../sides/side.js'
import type { Context, Outcome } from './scenario.js'

const drainMsMax = 30_000
/** Of an open loop: beyond these, requests that are due wait. */
const openLoopSlots = 10_000
/** Prepared requests hold their bytes: so many at most. */
const preparedBytesMax = 16 * 1024 * 1024
const keysMax = 10_000
/** As etcd takes at most in one transaction, and some room. */
const putsPerTxn = 100
const fillSlots = 16
/** Above this part of a core, the load generator itself may be the limit. */
const generatorBusy = 0.9

export class ScenarioFailed extends RaftsmanError {
  constructor(message: string) {
    super(message, { code: 'scenario-failed', retryable: true, outcome: 'not-applied' })
  }
}

export const bytesOf = (text: string): Uint8Array => Buffer.from(text)
export const valueOf = (bytes: number): Uint8Array => Buffer.alloc(bytes, 'v')

export const pause = (ms: number): Promise<void> =>
  new Promise(resolve => {
    setTimeout(resolve, ms)
  })

/** The key behind all that begin with the prefix. */
export function prefixEnd(prefix: string): Uint8Array {
  const end = Buffer.from(prefix)
  const last = end.length - 1
  end[last] = (end[last] ?? 0) + 1
  return end
}

/** Keys of equal length, as many as are asked for. */
export const keyOf = (prefix: string, number: number): Uint8Array =>
  bytesOf(`${prefix}${number.toString().padStart(8, '0')}`)

/** Different keys that puts go to: fewer where values are large, for each is prepared with its value. */
export function keysFor(valueBytes: number): number {
  return Math.max(64, Math.min(keysMax, Math.floor(preparedBytesMax / (valueBytes + 100))))
}

/**
 * Connections, spread over the members, a single one to the leader. All of them have been answered: the
 * making of connections is not what is measured.
 */
export async function connections(
  { cluster }: Pick<Context, 'cluster'>,
  protocol: Protocol,
  count: number,
): Promise<readonly Driver[]> {
  const leader = await cluster.leader()
  const drivers = Array.from({ length: count }, (_, at) =>
    cluster.connect(protocol, (leader + at) % cluster.size),
  )
  const probe = { key: bytesOf('probe'), serializable: true }
  await Promise.all(drivers.map(driver => promised(driver.range(probe))))
  return drivers
}

export function closeAll(drivers: readonly Driver[]): void {
  for (const driver of drivers) driver.close()
}

/** So many under way in all, over these connections. */
export const shared = (inFlight: number, drivers: readonly Driver[]): number =>
  Math.max(1, Math.round(inFlight / drivers.length))

export interface Load {
  readonly drivers: readonly Driver[]
  /** Under way on every connection; an open loop has its own. */
  readonly inFlight: number
  /** Prepared requests of a connection, asked in turn. */
  readonly calls: (driver: Driver, at: number) => readonly Call[]
}

/** Runs calls until the window is over. `value` is what was answered a second. */
export async function measureLoad(context: Context, load: Load): Promise<Outcome> {
  const { settings } = context
  const prepared = load.drivers.map((driver, at) => {
    const calls = load.calls(driver, at)
    // Connections begin at different places, lest all ask for the same at one time.
    return { calls, next: (at * 7_919) % calls.length }
  })
  const slots =
    settings.rate === null
      ? load.drivers.length * load.inFlight
      : Math.max(openLoopSlots, load.drivers.length)
  return measured(context, hooks =>
    runLoad({
      clock: context.clock,
      slots,
      ...(settings.rate === null ? {} : { rate: settings.rate }),
      warmUpMs: settings.warmUpSeconds * 1_000,
      windowMs: settings.seconds * 1_000,
      drainMsMax,
      stop: context.stop,
      ...hooks,
      ask: (slot, done) => {
        const from = must(prepared[slot % prepared.length], 'a connection')
        const call = must(from.calls[from.next], 'a prepared request')
        from.next = (from.next + 1) % from.calls.length
        call(done)
      },
    }),
  )
}

export interface MeterHooks {
  readonly onOpen: () => void
  readonly onClose: () => void
}

/** Meters from `onOpen` to `onClose`; the value is what was answered a second. */
export async function measured(
  { cluster, clock, settings, stop }: Context,
  work: (hooks: MeterHooks) => Promise<Recorded>,
): Promise<Outcome> {
  const meter = new Meter({ clock, pids: () => cluster.pids() })
  let metered: Metered | null = null
  let syncsBefore: Promise<number | null> = Promise.resolve(null)
  let syncsAfter: Promise<number | null> = Promise.resolve(null)
  const recorded = await work({
    onOpen: () => {
      meter.start()
      cluster.profile(settings.seconds)
      syncsBefore = cluster.walSyncs()
    },
    onClose: () => {
      metered = meter.stop()
      syncsAfter = cluster.walSyncs()
    },
  })
  if (metered === null) throw new ScenarioFailed('the window never closed')
  if (recorded.answered === 0 && !stop.stopped) {
    const why = failuresOf(recorded) || 'what was asked is under way still'
    throw new ScenarioFailed(`nothing was answered within the window: ${why}`)
  }
  const [before, after] = [await syncsBefore, await syncsAfter]
  const value = recorded.elapsedMs === 0 ? 0 : recorded.answered / (recorded.elapsedMs / 1_000)
  return {
    value,
    recorded,
    metered,
    walSyncs: before === null || after === null ? null : after - before,
    notes: notesOf(recorded, metered),
  }
}

export function notesOf(recorded: Recorded | null, metered: Metered): readonly string[] {
  const notes: string[] = []
  const share = metered.generatorCpuSeconds / (metered.elapsedMs / 1_000)
  if (metered.elapsedMs > 0 && share > generatorBusy) {
    notes.push(
      `the load generator was busy for ${Math.round(share * 100)}% of a core: it may be the limit`,
    )
  }
  if (recorded !== null && recorded.failed > 0) {
    notes.push(`${recorded.failed} failed: ${failuresOf(recorded)}`)
  }
  return notes
}

const failuresOf = ({ failures }: Recorded): string =>
  Object.entries(failures)
    .map(([why, count]) => `${why} (${count})`)
    .join(', ')

/** Puts keys `prefix` 0 to `count`, in transactions. */
export async function fill(
  { cluster, stop }: Context,
  prefix: string,
  count: number,
  valueBytes: number,
): Promise<void> {
  const driver = cluster.connect('grpc', await cluster.leader())
  const value = valueOf(valueBytes)
  let next = 0
  const slot = async () => {
    while (next < count && !stop.stopped) {
      const from = next
      // No transaction larger than a member takes, however long the values are.
      const puts = Math.max(1, Math.min(putsPerTxn, Math.floor(1_000_000 / (valueBytes + 100))))
      next = Math.min(count, from + puts)
      const batch = Array.from({ length: next - from }, (_, at) => ({
        key: keyOf(prefix, from + at),
        value,
      }))
      await promised(driver.txnPut(batch))
    }
  }
  await Promise.all(Array.from({ length: fillSlots }, slot))
  driver.close()
}
