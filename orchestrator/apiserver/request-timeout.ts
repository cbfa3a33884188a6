// How long a request may take: what the client says in `timeout`, within what the server allows. Counterpart:
// WithRequestDeadline of apiserver's filters.

import { durationNs } from '../api/custom/formats.js'
import { badRequest } from '../api/status.js'

/** Milliseconds, `msMax` at most and where the client says nothing. Throws ApiError BadRequest. */
export function requestMsOf(query: URLSearchParams, msMax: number): number {
  const text = query.get('timeout') ?? ''
  if (text === '') return msMax
  // Go knows neither days nor blanks.
  const ns = /[dw\s]/.test(text) ? null : durationNs(text)
  if (ns === null || ns < 0) {
    throw badRequest(
      `invalid timeout specified in the request URL - time: invalid duration ${JSON.stringify(text)}`,
    )
  }
  return ns === 0 ? msMax : Math.min(msMax, ns / 1e6)
}
