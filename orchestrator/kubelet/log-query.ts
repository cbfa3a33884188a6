// The query of a request for a container's log, from the URL to what the runtime understands.
// Counterpart: PodLogOptions and its validation. Pure.

import type { LogQuery } from './runtime.js'

export interface LogRequest {
  readonly previous: boolean
  readonly query: LogQuery
}

function flag(params: URLSearchParams, name: string): boolean {
  const value = params.get(name)
  return value === 'true' || value === '1' || value === ''
}

/** A sentence for the user in place of a request that makes no sense. */
export function parseLogRequest(params: URLSearchParams, nowMs: number): LogRequest | string {
  const numbers = new Map<string, number>()
  for (const [name, least] of [
    ['tailLines', 0],
    ['sinceSeconds', 1],
    ['limitBytes', 1],
  ] as const) {
    const text = params.get(name)
    if (text === null || text === '') continue
    const value = Number(text)
    if (!Number.isSafeInteger(value) || value < least) {
      return `${name}: Invalid value: "${text}": must be a whole number of at least ${least}`
    }
    numbers.set(name, value)
  }
  const sinceTime = params.get('sinceTime') ?? ''
  const sinceTimeMs = sinceTime === '' ? null : Date.parse(sinceTime)
  if (Number.isNaN(sinceTimeMs)) {
    return `sinceTime: Invalid value: "${sinceTime}": must be a time in RFC 3339`
  }
  const sinceSeconds = numbers.get('sinceSeconds')
  if (sinceSeconds !== undefined && sinceTimeMs !== null) {
    return 'at most one of `sinceTime` or `sinceSeconds` may be specified'
  }
  return {
    previous: flag(params, 'previous'),
    query: {
      follow: flag(params, 'follow'),
      tailLines: numbers.get('tailLines') ?? null,
      sinceMs: sinceSeconds === undefined ? sinceTimeMs : nowMs - sinceSeconds * 1000,
      timestamps: flag(params, 'timestamps'),
      limitBytes: numbers.get('limitBytes') ?? null,
    },
  }
}
