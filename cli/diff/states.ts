// The objects of a cluster as they were at a revision, and the two ends of a comparison. Everything is asked of an
// API server; nothing here writes.

import type { KubeList, KubeObject } from '../../orchestrator/api/object.js'
import { isExpired } from '../../orchestrator/client/api-error.js'
import type { DiscoveredResource } from '../../orchestrator/client/discovery.js'
import type { ApiClient } from '../../orchestrator/client/rest-client.js'
import { spanMs } from '../span.js'
import { UserError } from '../user-error.js'

const pageItems = 500
const historyPath = '/raftsman/history'

/** Whom everything is asked. */
export type Asked = Pick<ApiClient, 'getJson'>

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

interface HistoryAnswer {
  /** Null before any moment was noted. */
  readonly oldest: MomentAnswer | null
  readonly newest: MomentAnswer
}

export interface Beginning {
  readonly end: End
  /** What to tell when it is not the moment that was asked for; null when it is. */
  readonly notice: string | null
}

/**
 * As `endOf`; but what is asked for by its age begins where history does if that is later: a cluster of three minutes
 * has changed in the last five. A revision, or a time that was named, is meant, and is refused where nothing is kept of it.
 */
export async function beginningOf(api: Asked, text: string, nowMs: number): Promise<Beginning> {
  try {
    return { end: await endOf(api, text, nowMs), notice: null }
  } catch (error) {
    if (spanMs(text) === null || !isExpired(error)) throw error
    const { oldest } = await api.getJson<HistoryAnswer>(historyPath)
    if (oldest === null) throw error
    const notice = `History begins at ${oldest.time}, less than ${text} ago: compared from there.`
    return { end: ended(oldest), notice }
  }
}

/** `text`: a revision, a time of RFC 3339, a length of time before now as in 10m, or "now". */
export async function endOf(api: Asked, text: string, nowMs: number): Promise<End> {
  if (/^[1-9]\d{0,15}$/.test(text)) return { resourceVersion: text, timeMs: null }
  if (text === 'now') {
    const { newest } = await api.getJson<HistoryAnswer>(historyPath)
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
  return ended(await api.getJson<MomentAnswer>(`${historyPath}?at=${encodeURIComponent(at)}`))
}

function ended({ resourceVersion, time }: MomentAnswer): End {
  return { resourceVersion, timeMs: Date.parse(time) }
}

/** By namespace and name. Throws UserError when the revision is not kept any more. */
export async function objectsAt(
  api: Asked,
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

async function pageOf(api: Asked, path: string, resourceVersion: string): Promise<KubeList> {
  try {
    return await api.getJson<KubeList>(path)
  } catch (error) {
    if (!isExpired(error)) throw error
    throw new UserError(
      `Revision ${resourceVersion} is not kept any more; \`raftsman up --history\` sets how long it is.`,
    )
  }
}
