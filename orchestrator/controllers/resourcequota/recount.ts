// One full recount of one quota. The quota is read before the objects that it counts, and written only if nobody has
// written it since: API servers charge it in the transaction of each write, so an object that came or went
// while we counted has changed it. Admission wins, and what is used never falls below the truth.

import type { KubeList, KubeObject } from '../../api/object.js'
import { countedResources } from '../../api/quota/scope.js'
import type { ResourceQuota } from '../../api/types/core-quota.js'
import { type Resource, resourceQuotas } from '../../client/resources.js'
import type { ApiClient, ObjectName } from '../../client/rest-client.js'
import { recounted } from './reconcile.js'

export interface RecountClient extends Pick<ApiClient, 'get' | 'updateStatus'> {
  listAll<T extends KubeObject>(
    resource: Resource<T>,
    selection: { readonly namespace: string },
  ): Promise<Pick<KubeList<T>, 'items'>>
}

/** A kind by its names, or undefined where it is not served. */
export type FindKind = (group: string, plural: string) => Promise<Resource | undefined>

/**
 * Throws the server's Conflict when the quota was charged meanwhile. Answers whether anything was wrong.
 */
export async function recount(
  client: RecountClient,
  findKind: FindKind,
  { namespace = '', name }: ObjectName,
): Promise<boolean> {
  const quota: ResourceQuota = await client.get(resourceQuotas, { namespace, name })
  const objects = new Map<string, readonly KubeObject[]>()
  for (const { group, plural } of countedResources(quota.spec?.hard)) {
    const resource = await findKind(group, plural)
    if (resource === undefined || !resource.namespaced) continue
    const { items } = await client.listAll(resource, { namespace })
    objects.set(`${group}/${plural}`, items)
  }
  const status = recounted(quota, ({ group, plural }) => objects.get(`${group}/${plural}`) ?? null)
  if (status === null) return false
  await client.updateStatus(resourceQuotas, { ...quota, status })
  return true
}
