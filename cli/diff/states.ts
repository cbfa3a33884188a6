// The objects of a cluster as they were at a revision, and the two ends of a comparison. Everything is asked of an
// API server; nothing here writes.

import type { KubeList, KubeObject } from '../../orchestrator/api/object.js'
import { ApiError } from '../../orchestrator/api/status.js'
import type { DiscoveredResource } from '../../orchestrator/client/discovery.js'
import type { ApiClient } from '../../orchestrator/client/rest-client.js'
import { spanMs } from '../span.js'
import { UserError } from '../user-error.js'

const pageItems = 500

/** A revision, and when it was the newest as far as is known. */
export interface End {
  readonly resourceVersion: string
  /** Since the Unix epoch; null for a revision that was named. */
  readonly timeMs: number | null
}

interface MomentAnswer {
  readonly resourceVersion: string
  readonly time: string
}

/** `text`: a revision, a time of RFC 3339, a length of time before now as in 10m, or "now". */
export async function endOf(api: ApiClient, text: string, nowMs: number): Promise<End> {
  if (/^[1-9]\d{0,15}$/.test(text)) return { resourceVersion: text, timeMs: null }
  if (text === 'now') {
    const { newest } = await api.getJson<{ newest: MomentAnswer }>('/raftsman/history')
    return ended(newest)
  }
  const ago = spanMs(text)
  const atMs = ago === null ? Date.parse(text) : nowMs - ago
  if (Number.isNaN(atMs)) {
    throw new UserError(
      `"${text}" is neither a revision, nor a time as in 2026-01-31T09:00:00Z, nor a length of time as in 10m, nor "now".`,
    )
  }
  const at = new Date(atMs).toISOString()
  return ended(await api.getJson<MomentAnswer>(`/raftsman/history?at=${encodeURIComponent(at)}`))
}

function ended({ resourceVersion, time }: MomentAnswer): End {
  return { resourceVersion, timeMs: Date.parse(time) }
}

/** By namespace and name. Throws UserError when the revision is not kept any more. */
export async function objectsAt(
  api: ApiClient,
  resource: DiscoveredResource,
  namespace: string | undefined,
  resourceVersion: string,
): Promise<ReadonlyMap<string, KubeObject>> {
  const objects = new Map<string, KubeObject>()
  const root =
    resource.group === ''
      ? `/api/${resource.version}`
      : `/apis/${resource.group}/${resource.version}`
  const within = resource.namespaced && namespace !== undefined ? `/namespaces/${namespace}` : ''
  const path = `${root}${within}/${resource.plural}?limit=${pageItems}`
  let next = `&resourceVersion=${resourceVersion}&resourceVersionMatch=Exact`
  while (next !== '') {
    const page = await pageOf(api, path + next, resourceVersion)
    for (const item of page.items) {
      objects.set(`${item.metadata.namespace ?? ''}/${item.metadata.name ?? ''}`, item)
    }
    const token = page.metadata.continue ?? ''
    next = token === '' ? '' : `&continue=${encodeURIComponent(token)}`
  }
  return objects
}

async function pageOf(api: ApiClient, path: string, resourceVersion: string): Promise<KubeList> {
  try {
    return await api.getJson<KubeList>(path)
  } catch (error) {
    if (!(error instanceof ApiError) || error.status.reason !== 'Expired') throw error
    throw new UserError(
      `Revision ${resourceVersion} is not kept any more; \`raftsman up --history\` sets how long it is.`,
    )
  }
}
