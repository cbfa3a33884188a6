// What a ServiceCIDR needs next: its hold, the word that it is ready, and once it is deleted the leave to
// go, which it gets when no Service would be left with an address that is in no range. Pure.
// Counterpart: pkg/controller/servicecidrs. That one waits ten seconds for API servers that may not have
// heard of a deletion; ours take no address of a range that has changed since they read it.

import { addressFamily, rangeContains } from '../../api/address-range.js'
import { serviceCidrFinalizer } from '../../api/kinds/networking/service-cidr.js'
import { withFinalizer } from '../../api/kinds/kind-parts.js'
import type { Condition } from '../../api/types/meta.js'
import type { IPAddress, ServiceCIDR } from '../../api/types/networking-address.js'
import { isDeleting } from '../ownership.js'

const managedByLabel = 'ipaddress.kubernetes.io/managed-by'
const allocator = 'ipallocator'

export type RangePlan =
  | { readonly kind: 'none' }
  /** Its metadata change: it is held, or let go. */
  | { readonly kind: 'update'; readonly range: ServiceCIDR }
  | { readonly kind: 'status'; readonly range: ServiceCIDR }

export interface RangeInputs {
  readonly range: ServiceCIDR
  /** All of them, this one included or not. */
  readonly ranges: readonly ServiceCIDR[]
  /** All of them. */
  readonly addresses: readonly IPAddress[]
  /** RFC 3339, to the second. */
  readonly now: string
}

export function planRange({ range, ranges, addresses, now }: RangeInputs): RangePlan {
  const { finalizers = [] } = range.metadata
  const held = finalizers.includes(serviceCidrFinalizer)
  if (!isDeleting(range)) {
    if (!held) return { kind: 'update', range: withFinalizer(range, serviceCidrFinalizer) }
    return said(range, { status: 'True', reason: '', message: readyText }, now)
  }
  if (!held) return { kind: 'none' }
  if (isNeeded(range, ranges, addresses)) {
    return said(range, { status: 'False', reason: 'Terminating', message: terminatingText }, now)
  }
  const others = finalizers.filter(one => one !== serviceCidrFinalizer)
  return {
    kind: 'update',
    range: { ...range, metadata: { ...range.metadata, finalizers: others } },
  }
}

const readyText = 'Kubernetes Service CIDR is ready'
const terminatingText =
  'There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR'

function said(
  range: ServiceCIDR,
  verdict: Pick<Condition, 'status' | 'reason' | 'message'>,
  now: string,
): RangePlan {
  const conditions = range.status?.conditions ?? []
  const current = conditions.find(({ type }) => type === 'Ready')
  // The one that comes with the cluster says that it is ready in words of its own.
  if (current?.status === verdict.status && current.reason === verdict.reason) {
    return { kind: 'none' }
  }
  const lastTransitionTime = current?.status === verdict.status ? current.lastTransitionTime : now
  const others = conditions.filter(({ type }) => type !== 'Ready')
  const ready: Condition = { type: 'Ready', ...verdict, lastTransitionTime }
  return { kind: 'status', range: { ...range, status: { conditions: [...others, ready] } } }
}

/** Whether an address of a Service lies in it, and in none that stays. */
function isNeeded(
  range: ServiceCIDR,
  ranges: readonly ServiceCIDR[],
  addresses: readonly IPAddress[],
): boolean {
  const own = addresses.filter(address => isOfService(address) && contains(range, address))
  if (own.length === 0) return false
  const name = range.metadata.name
  const staying = ranges.filter(other => other.metadata.name !== name && !isDeleting(other))
  return own.some(address => !staying.some(other => contains(other, address)))
}

/** What users keep for themselves holds nothing. */
function isOfService({ metadata }: IPAddress): boolean {
  return metadata.labels?.[managedByLabel] === allocator
}

export function contains({ spec }: ServiceCIDR, { metadata }: IPAddress): boolean {
  const { name = '' } = metadata
  const address = `${name}/${addressFamily(name) === 'IPv4' ? 32 : 128}`
  return (spec?.cidrs ?? []).some(cidr => rangeContains(cidr, address))
}
