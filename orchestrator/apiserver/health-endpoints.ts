// /healthz, /livez, /readyz: is the process well, is it of use. Counterpart: server/healthz.

import type { ApiResponse } from './exchange.js'
import { textResponse } from './exchange.js'

export interface HealthCheck {
  readonly name: string
  /** Resolves to null when all is well, else to a sentence. Never rejects, never hangs. */
  readonly run: () => Promise<string | null>
}

/** `path` is /healthz, /livez or /readyz, perhaps with one check's name behind it. */
export async function healthResponse(
  path: string,
  query: URLSearchParams,
  checks: readonly HealthCheck[],
): Promise<ApiResponse | null> {
  const [probe = '', only, ...rest] = path.split('/').filter(segment => segment !== '')
  if (rest.length > 0) return null
  const excluded = new Set(query.getAll('exclude'))
  const chosen = checks.filter(
    check => !excluded.has(check.name) && (only === undefined || check.name === only),
  )
  if (only !== undefined && chosen.length === 0) return null
  const results = await Promise.all(
    chosen.map(async check => ({ name: check.name, problem: await check.run() })),
  )
  const failed = results.some(({ problem }) => problem !== null)
  if (!failed && !query.has('verbose')) return textResponse(200, 'ok')
  const lines = results.map(({ name, problem }) =>
    problem === null ? `[+]${name} ok` : `[-]${name} failed: ${problem}`,
  )
  const verdict = `${probe} check ${failed ? 'failed' : 'passed'}`
  return textResponse(failed ? 500 : 200, `${[...lines, verdict].join('\n')}\n`)
}
