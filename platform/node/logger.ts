// Structured logs as JSON lines on standard error, through pino. Lines are written without
// blocking the event loop and flushed at exit; secrets are cut out by name before they are written.

import { pino } from 'pino'
import type { DestinationStream } from 'pino'
import type { Logger } from '../logger.js'
import { LogSink } from './log-sink.js'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

export interface LoggerOptions {
  /** What is speaking: "store", "apiserver". */
  readonly component: string
  readonly level: LogLevel
  /** Fields on every line, as node or master. */
  readonly bindings?: Readonly<Record<string, unknown>>
  /** Standard error when absent. */
  readonly destination?: { write(line: string): void }
}

/** Names of fields that never reach a log, at the top of a line's fields and one level below. */
const secretNames = [
  'password',
  'token',
  'bearerToken',
  'authorization',
  'Authorization',
  'cookie',
  'secret',
  'key',
  'privateKey',
  'keyPem',
  'value',
  'data',
  'stringData',
]

export function nodeLogger(options: LoggerOptions): Logger {
  const destination: DestinationStream = options.destination ?? standardError()
  return pino(
    {
      level: options.level,
      base: { component: options.component, pid: process.pid, ...options.bindings },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
      serializers: { error: pino.stdSerializers.err },
      redact: {
        paths: [...secretNames, ...secretNames.map(name => `*.${name}`)],
        censor: '[redacted]',
      },
    },
    destination,
  )
}

function standardError(): LogSink {
  const sink = new LogSink({ fd: 2 })
  process.on('exit', () => sink.flushAtExit())
  return sink
}
