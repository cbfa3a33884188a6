// Plain HTTP on the client port, for probes and for Prometheus. /livez says that the process turns,
// /readyz and /health that it can serve; none of them asks the quorum, so probing costs nothing.

import type { HttpAnswer, HttpExchange } from '../../platform/network.js'

export interface HttpStatusParts {
  readonly version: string
  /** Null when reads and writes can be served. */
  readonly unhealthyReason: () => string | null
  readonly metricsText: (() => Promise<string>) | undefined
}

export function answerHttp(
  exchange: HttpExchange,
  parts: HttpStatusParts,
): HttpAnswer | Promise<HttpAnswer> {
  if (exchange.method !== 'GET' && exchange.method !== 'HEAD') {
    return text(405, 'only GET is answered here')
  }
  const path = exchange.path.split('?', 1)[0] ?? ''
  switch (path) {
    case '/livez':
      return text(200, 'ok')
    case '/readyz': {
      const reason = parts.unhealthyReason()
      return reason === null ? text(200, 'ok') : text(503, reason)
    }
    case '/health': {
      // The form that probes of etcd know.
      const reason = parts.unhealthyReason()
      const body = { health: reason === null ? 'true' : 'false', reason: reason ?? '' }
      return json(reason === null ? 200 : 503, body)
    }
    case '/version':
      return json(200, { raftsman: parts.version })
    case '/metrics': {
      if (parts.metricsText === undefined) return text(404, 'no metrics are kept')
      return parts
        .metricsText()
        .then(body => ({ status: 200, contentType: 'text/plain; version=0.0.4', body }))
    }
    default:
      return text(404, 'not found')
  }
}

function text(status: number, body: string): HttpAnswer {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${body}\n` }
}

function json(status: number, body: Readonly<Record<string, string>>): HttpAnswer {
  return { status, contentType: 'application/json', body: `${JSON.stringify(body)}\n` }
}
