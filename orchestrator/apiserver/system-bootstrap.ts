// Makes the cluster's own objects where they are missing. Every master does this at its start, so
// losing the race is as good as winning it.

import { findKind } from '../api/kinds.js'
import { ApiError } from '../api/status.js'
import type { Clock } from '../../platform/clock.js'
import { must } from '../../platform/errors.js'
import type { User } from './authentication.js'
import { timestamp } from './deletion.js'
import type { ObjectReader } from './object-reader.js'
import type { RegistryCache } from './registry-cache.js'
import type { ResourceEndpoints } from './resource-endpoints.js'
import type { ServiceCIDR } from '../api/types/networking-address.js'
import { defaultRangeName, formatCidr } from './service-ranges.js'
import type { Cidr } from './service-ranges.js'
import { systemObjects } from './system-objects.js'

/** The server itself, for admission. */
export const serverUser: User = {
  name: 'system:apiserver',
  uid: '',
  groups: ['system:masters'],
  extra: {},
}

export interface SystemBootstrap {
  readonly endpoints: ResourceEndpoints
  readonly reader: ObjectReader
  readonly cache: RegistryCache
  readonly clock: Clock
  readonly serviceCidr: Cidr
  readonly caPem: string
}

const freshMs = 5_000

/** Rejects with ApiError when the store does not take part; call again. */
export async function ensureSystemObjects(options: SystemBootstrap): Promise<void> {
  const { endpoints, reader, cache, clock, serviceCidr, caPem } = options
  const now = timestamp(clock.wallMs())
  await cache.waitUntilFresh(freshMs)
  for (const { group, version, plural, object } of systemObjects(serviceCidr, caPem, now)) {
    const { namespace = '', name = '' } = object.metadata
    if (reader.cachedAt(group, plural, namespace, name) !== undefined) continue
    const kind = must(findKind(group, version, plural), `${plural} are not served`)
    try {
      await endpoints.createOwn(kind, object, serverUser)
    } catch (error) {
      if (!(error instanceof ApiError) || error.status.reason !== 'AlreadyExists') throw error
    }
  }
}

/**
 * The ranges of the cluster's own ServiceCIDR, where they are not those that this master was started with: it was
 * made by an earlier start, and addresses come from it all the same. Else null.
 */
export function otherDefaultRange(
  reader: Pick<ObjectReader, 'cachedAt'>,
  range: Cidr,
): string | null {
  const stored = reader.cachedAt('networking.k8s.io', 'servicecidrs', '', defaultRangeName)
  if (stored === undefined) return null
  const { cidrs = [] } = (stored.object as ServiceCIDR).spec ?? {}
  return cidrs[0] === formatCidr(range) ? null : cidrs.join(',')
}
