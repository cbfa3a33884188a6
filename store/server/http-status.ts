// Plain HTTP on the client port, for probes and for Prometheus. What is checked stands in health.ts; here
// it is told as etcd and Kubernetes tell it: `ok` or a list with `?verbose`, `?exclude=` for checks that
// shall not count, `/readyz/NAME` for one alone.

import type { HttpAnswer, HttpExchange } from '../../platform/network.js'
import type { AlarmKind } from '../core/types.js'
import type { Health, HealthCheck } from './health.js'

export interface HttpStatusParts {
  /** Body of /version. */
  readonly versions: () => Readonly<Record<string, string>>
  readonly health: Health
  readonly alarms: (kind: AlarmKind) => boolean
  /** Told of every answer of /health. */
  readonly onHealth: (healthy: boolean) => void
  readonly metricsText: (() => Promise<string>) | undefined
}

const base = 'http://member'

export function answerHttp(
  exchange: HttpExchange,
  parts: HttpStatusParts,
): HttpAnswer | Promise<HttpAnswer> {
  if (exchange.method !== 'GET' && exchange.method !== 'HEAD') {
    return text(405, 'only GET is answered here\n')
  }
  // "//" and the like: a path for HTTP, and no URL.
  if (!URL.canParse(exchange.path, base)) return notFound
  const { pathname, searchParams: query } = new URL(exchange.path, base)
  const [, first = '', name = null, ...more] = pathname.replace(/\/$/, '').split('/')
  if (more.length > 0) return notFound
  if (first === 'livez') return probe('livez', parts.health.live, name, query)
  if (first === 'readyz') return probe('readyz', parts.health.ready, name, query)
  if (name !== null) return notFound
  switch (first) {
    case 'health':
      return health(parts, query)
    case 'version':
      return json(200, parts.versions())
    case 'metrics': {
      if (parts.metricsText === undefined) return text(404, 'no metrics are kept\n')
      return parts
        .metricsText()
        .then(body => ({ status: 200, contentType: 'text/plain; version=0.0.4', body }))
    }
    default:
      return notFound
  }
}

/** The first reason counts, in etcd's words where etcd has some. */
async function health(parts: HttpStatusParts, query: URLSearchParams): Promise<HttpAnswer> {
  const reason = await healthReason(parts, query)
  parts.onHealth(reason === null)
  const body = { health: String(reason === null), reason: reason ?? '' }
  return json(reason === null ? 200 : 503, body)
}

async function healthReason(
  { health: checks, alarms }: HttpStatusParts,
  query: URLSearchParams,
): Promise<string | null> {
  const excluded = query.getAll('exclude').map(kind => kind.toUpperCase())
  if (checks.corruption !== null && !excluded.includes('CORRUPT')) return 'ALARM CORRUPT'
  if (alarms('nospace') && !excluded.includes('NOSPACE')) return 'ALARM NOSPACE'
  const local = query.get('serializable') === 'true'
  const failure = checks.failure(local ? ['data_corruption', 'leader'] : ['data_corruption'])
  if (failure !== null) return failure.name === 'leader' ? 'RAFT NO LEADER' : failure.reason
  return outcomeOf(local ? checks.serializableRead : checks.linearizableRead)
}

async function probe(
  what: string,
  all: readonly HealthCheck[],
  only: string | null,
  query: URLSearchParams,
): Promise<HttpAnswer> {
  const excluded = new Set(query.getAll('exclude'))
  const asked = only === null ? all : all.filter(({ name }) => name === only)
  if (asked.length === 0) return notFound
  const lines: string[] = []
  let failed = false
  for (const check of asked) {
    if (excluded.delete(check.name)) {
      lines.push(`[+]${check.name} excluded: ok`)
      continue
    }
    const reason = await outcomeOf(check)
    lines.push(reason === null ? `[+]${check.name} ok` : `[-]${check.name} failed: ${reason}`)
    failed ||= reason !== null
  }
  if (excluded.size > 0) {
    const names = Array.from(excluded, name => JSON.stringify(name)).join(', ')
    lines.push(`warn: some health checks cannot be excluded: no matches for ${names}`)
  }
  if (failed) return text(503, `${[...lines, `${what} check failed`].join('\n')}\n`)
  if (!query.has('verbose')) return text(200, 'ok\n')
  return text(200, `${[...lines, `${what} check passed`].join('\n')}\n`)
}

function outcomeOf(check: HealthCheck): Promise<string | null> {
  return new Promise(resolve => {
    check.run(resolve)
  })
}

function text(status: number, body: string): HttpAnswer {
  return { status, contentType: 'text/plain; charset=utf-8', body }
}

function json(status: number, body: Readonly<Record<string, string>>): HttpAnswer {
  return { status, contentType: 'application/json', body: `${JSON.stringify(body)}\n` }
}

const notFound = text(404, 'not found\n')
