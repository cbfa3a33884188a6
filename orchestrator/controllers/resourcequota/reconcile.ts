// What a quota's status has to say, from all objects that it counts. Pure. Counterpart: syncResourceQuota of
// pkg/controller/resourcequota. The sums are those of admission: both count by orchestrator/api/quota.

import type { KubeObject } from '../../api/object.js'
import { compareQuantities, parseQuantity } from '../../api/quantity.js'
import { countQuota, isCounted } from '../../api/quota/charge.js'
import { countedResources, namesFor } from '../../api/quota/scope.js'
import type { ResourceQuota, ResourceQuotaStatus } from '../../api/types/core-quota.js'

interface CountedResource {
  readonly group: string
  readonly plural: string
}

/** The objects of one kind in the quota's namespace; null for a kind that is not served. */
export type ObjectsOf = (resource: CountedResource) => readonly KubeObject[] | null

/** Null: it is right as it stands. What is not served keeps what it said: nobody can tell. */
export function recounted(quota: ResourceQuota, objectsOf: ObjectsOf): ResourceQuotaStatus | null {
  const hard = quota.spec?.hard
  const { used = {}, ...rest } = countQuota(quota, resource => objectsOf(resource) ?? [])
  const before = quota.status?.used ?? {}
  const unserved = countedResources(hard)
    .filter(resource => objectsOf(resource) === null)
    .flatMap(resource => namesFor(hard, resource))
  const kept = unserved.flatMap(name => {
    const said = before[name]
    return said === undefined ? [] : [[name, said] as const]
  })
  const status = { ...rest, used: { ...used, ...Object.fromEntries(kept) } }
  return isCounted(quota) && sameAmounts(before, status.used) ? null : status
}

type Amounts = { readonly [name: string]: string }

/** One amount can be written in several ways. */
function sameAmounts(a: Amounts, b: Amounts): boolean {
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length &&
    names.every(name => {
      const [left, right] = [parseQuantity(a[name] ?? ''), parseQuantity(b[name] ?? '')]
      return left !== null && right !== null && compareQuantities(left, right) === 0
    })
  )
}
