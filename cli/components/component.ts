// What every component has around it: platform parts, one way to end, one way to fail.
// A component ends on SIGTERM, on Ctrl-C, or when its lifeline (standard input, held open by the
// supervisor) closes. What nothing catches is logged and ends the process: state may be wrong.

import type { Command } from 'commander'
import type { Clock } from '../../platform/clock.js'
import { InvariantViolation } from '../../platform/errors.js'
import type { Logger } from '../../platform/logger.js'
import type { TlsFiles } from '../../platform/network.js'
import type { Random } from '../../platform/random.js'
import { nodeClock } from '../../platform/node/clock.js'
import { nodeLogger, type LogLevel } from '../../platform/node/logger.js'
import { nodeMetrics, type NodeMetrics } from '../../platform/node/metrics.js'
import { nodeRandom } from '../../platform/node/random.js'
import { UserError } from '../user-error.js'

/** Longer than any component's own bounded steps; shorter than what the supervisor grants. */
const stopMsMax = 18_000

export const exitCodes = { failed: 1, invariant: 70 } as const

export interface ComponentFlags {
  readonly name: string
  readonly logLevel: LogLevel
  readonly lifeline?: boolean
}

export interface ComponentParts {
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly metrics: NodeMetrics
  /** Ends the process: the component can or may not go on. */
  readonly fatal: (error: Error) => void
  /** Ends the process in good order, as a signal would: there is nothing left for it to do. */
  readonly end: (reason: string) => void
}

export interface Running {
  stop(): Promise<void>
}

const logLevels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'silent']

function logLevel(text: string): LogLevel {
  const level = logLevels.find(known => known === text)
  if (level === undefined)
    throw new UserError(`There is no log level "${text}": ${logLevels.join(', ')}.`)
  return level
}

export function componentFlags(command: Command): Command {
  return command
    .requiredOption('--name <name>', 'of this master or node, as in "master-1"')
    .option('--log-level <level>', 'debug, info, warn or error', logLevel, 'info')
    .option('--lifeline', 'end when standard input closes')
}

/** Three flags for one identity; `prefix` is '' or as in "peer-". */
export function tlsFlags(command: Command, prefix: string, what: string): Command {
  return command
    .option(`--${prefix}cert-file <file>`, `certificate ${what}, PEM`)
    .option(`--${prefix}key-file <file>`, `its key, PEM`)
    .option(`--${prefix}ca-file <file>`, `authority that the other side is verified with, PEM`)
}

/** The identity of flags whose names start with `prefix` ('' or as in 'peer'), or null when absent. */
export function tlsOf(flags: object, prefix: string): TlsFiles | null {
  const all = flags as Readonly<Record<string, unknown>>
  const read = (what: string): string | undefined => {
    const value = all[prefix === '' ? what : prefix + what.charAt(0).toUpperCase() + what.slice(1)]
    return typeof value === 'string' ? value : undefined
  }
  const [certFile, keyFile, caFile] = [read('certFile'), read('keyFile'), read('caFile')]
  if (certFile === undefined && keyFile === undefined && caFile === undefined) return null
  if (certFile === undefined || keyFile === undefined || caFile === undefined) {
    const dashed = prefix.replaceAll(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
    const flag = dashed === '' ? '' : `${dashed}-`
    throw new UserError(`--${flag}cert-file, --${flag}key-file and --${flag}ca-file go together.`)
  }
  return { certFile, keyFile, caFile }
}

export function requiredTls(flags: object, prefix: string): TlsFiles {
  const files = tlsOf(flags, prefix)
  if (files !== null) return files
  const dashed = prefix.replaceAll(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)
  throw new UserError(
    `--${dashed === '' ? '' : `${dashed}-`}cert-file, -key-file and -ca-file are needed.`,
  )
}

/** `bind` is given a way to end from within. */
function untilTold(
  lifeline: boolean,
  bind: (end: (reason: string) => void) => void,
): Promise<string> {
  return new Promise(resolve => {
    bind(resolve)
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
      process.once(signal, () => resolve(signal))
    }
    if (!lifeline) return
    process.stdin.resume()
    process.stdin.once('end', () => resolve('the supervisor is gone'))
    process.stdin.once('error', () => resolve('the supervisor is gone'))
  })
}

/** Runs a component until it is told to end; never returns. */
export async function runComponent(
  component: string,
  flags: ComponentFlags,
  start: (parts: ComponentParts) => Promise<Running>,
): Promise<never> {
  const logger = nodeLogger({
    process: component,
    level: flags.logLevel,
    bindings: { name: flags.name },
  })
  const fatal = (error: Error): void => {
    logger.error({ error }, 'cannot go on and ends')
    // The log is written asynchronously: give the line a moment to leave.
    setTimeout(
      () =>
        process.exit(error instanceof InvariantViolation ? exitCodes.invariant : exitCodes.failed),
      50,
    )
  }
  process.on('uncaughtException', fatal)
  process.on('unhandledRejection', reason =>
    fatal(reason instanceof Error ? reason : new Error(String(reason))),
  )
  let end: (reason: string) => void = () => {}
  const told = untilTold(flags.lifeline === true, bound => {
    end = bound
  })
  const clock = nodeClock()
  const startedAtMs = clock.monotonicMs()
  const starting = start({
    clock,
    random: nodeRandom(),
    logger,
    metrics: nodeMetrics(),
    fatal,
    end: reason => end(reason),
  })
  // A start may wait for long, for room on a disk for one, and can be told to end all the same.
  const early = await Promise.race([starting.then(() => null), told])
  if (early !== null) {
    logger.info({ reason: early }, 'stopped before it had started')
    setImmediate(() => process.exit(0))
    return new Promise<never>(() => {})
  }
  const running = await starting
  logger.info({ elapsedMs: Math.round(clock.monotonicMs() - startedAtMs) }, 'started')
  const reason = await told
  logger.info({ reason }, 'stopping')
  clock.setTimer(stopMsMax, () => {
    logger.error({ afterMs: stopMsMax }, 'did not stop in time')
    process.exit(exitCodes.failed)
  })
  await running.stop()
  logger.info({}, 'stopped')
  setImmediate(() => process.exit(0))
  return new Promise<never>(() => {})
}
