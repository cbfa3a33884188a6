// Structured logs as JSON lines on standard error, through pino. Lines are written without
// blocking the event loop and flushed at exit; secrets are cut out by name before they are written.

import { pino } from 'pino'
import type { Logger as PinoLogger } from 'pino'
import type { LogFields, Logger } from '../logger.js'
import { LogSink } from './log-sink.js'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

export interface LoggerOptions {
  /** What is running: "store", "apiserver". Its parts name themselves as `component`. */
  readonly process: string
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
  const lines = pino(
    {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: label => ({ level: label }) },
      serializers: { error: pino.stdSerializers.err },
      redact: {
        paths: [...secretNames, ...secretNames.map(name => `*.${name}`)],
        censor: '[redacted]',
      },
    },
    options.destination ?? standardError(),
  )
  return bound(lines, { process: options.process, pid: process.pid, ...options.bindings })
}

/**
 * With `bindings` on every line. They are merged here, and the innermost wins, because pino writes
 * a field once for each child that binds it and readers of JSON then disagree on which one counts.
 */
function bound(lines: PinoLogger, bindings: LogFields): Logger {
  const at =
    (level: 'debug' | 'info' | 'warn' | 'error') => (fields: LogFields, message: string) => {
      if (lines.isLevelEnabled(level)) lines[level]({ ...bindings, ...fields }, message)
    }
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: more => bound(lines, { ...bindings, ...more }),
  }
}

function standardError(): LogSink {
  const sink = new LogSink({ fd: 2 })
  process.on('exit', () => sink.flushAtExit())
  return sink
}
