// GET /raftsman/history: since when the past can be read, and with ?at=TIME the revision that was in force
// then. Revisions go into resourceVersion with resourceVersionMatch=Exact. Kubernetes has no counterpart.

import type { ApiResponse } from './exchange.js'
import { parseTime } from './history.js'
import type { History, Moment } from './history.js'
import { jsonResponse } from './rendering.js'

export const historyPath = '/raftsman/history'

/** Throws ApiError. */
export async function historyResponse(
  history: History,
  query: URLSearchParams,
): Promise<ApiResponse> {
  const at = query.get('at')
  if (at !== null) return jsonResponse(200, momentJson(await history.at(parseTime(at))))
  const { oldest, newest } = await history.bounds()
  const { retentionMs } = history
  return jsonResponse(200, {
    oldest: oldest === null ? null : momentJson(oldest),
    newest: momentJson(newest),
    retentionSeconds: retentionMs === null ? null : retentionMs / 1000,
  })
}

function momentJson({ revision, timeMs }: Moment) {
  return { resourceVersion: String(revision), time: new Date(timeMs).toISOString() }
}
