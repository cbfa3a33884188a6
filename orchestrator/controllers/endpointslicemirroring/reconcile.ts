// The EndpointSlices that show what somebody wrote into the Endpoints of a Service without a selector: proxies read
// slices only. Pure. Counterpart: pkg/controller/endpointslicemirroring, with its events.

import type {
  EndpointAddress,
  Endpoints,
  EndpointSubset,
  Service,
} from '../../api/types/core-service.js'
import type { Endpoint, EndpointSlice } from '../../api/types/discovery.js'
import { isIpv4, isIpv6 } from '../../api/validation/names.js'
import {
  type AddressType,
  type EndpointGroup,
  endpointKey,
  groupKey,
  managedByLabel,
  planSlices,
  serviceNameLabel,
  type SlicePlan,
} from '../endpointslice/slice-plan.js'
import { isDeleting } from '../ownership.js'

export const mirroredBy = 'endpointslicemirroring-controller.k8s.io'
const skipLabel = 'endpointslice.kubernetes.io/skip-mirror'
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader'
/** Of one subset, and of one slice. */
const addressesMax = 1000
const notCopied = new Set([
  'endpoints.kubernetes.io/last-change-trigger-time',
  'kubectl.kubernetes.io/last-applied-configuration',
])

/** Are the slices of these Endpoints ours to make? They are not where the Service's pods are known by a selector. */
export function isMirrored(endpoints: Endpoints, service: Service | undefined): boolean {
  const { labels = {}, annotations = {} } = endpoints.metadata
  return (
    service !== undefined &&
    Object.keys(service.spec?.selector ?? {}).length === 0 &&
    labels[skipLabel] !== 'true' &&
    !Object.hasOwn(annotations, leaderAnnotation) &&
    !isDeleting(endpoints)
  )
}

export interface MirroringPlan {
  readonly slices: SlicePlan
  readonly events: readonly { readonly reason: string; readonly message: string }[]
}

/** `slices`: those that were mirrored from these Endpoints before. */
export function planMirroring(
  endpoints: Endpoints,
  slices: readonly EndpointSlice[],
): MirroringPlan {
  const groups = new Map<string, EndpointGroup & { readonly endpoints: Map<string, Endpoint> }>()
  let invalid = 0
  let tooMany = 0
  for (const subset of endpoints.subsets ?? []) {
    let listed = 0
    for (const [address, ready] of addressesOf(subset)) {
      const addressType = typeOf(address.ip)
      if (addressType === null) invalid++
      else if (listed === addressesMax) tooMany++
      else {
        listed++
        const { ports = [] } = subset
        const key = groupKey(addressType, ports)
        const group = groups.get(key) ?? { addressType, ports, endpoints: new Map() }
        groups.set(key, group)
        const endpoint = mirrored(address, ready)
        group.endpoints.set(endpointKey(endpoint), endpoint)
      }
    }
  }
  const { name = '', labels, annotations = {} } = endpoints.metadata
  const copied = Object.entries(annotations).filter(([key]) => !notCopied.has(key))
  return {
    slices: planSlices(groups, slices, {
      owner: endpoints,
      labels: { ...labels, [serviceNameLabel]: name, [managedByLabel]: mirroredBy },
      annotations: Object.fromEntries(copied),
      endpointsPerSlice: addressesMax,
    }),
    events: [
      ...(invalid === 0
        ? []
        : [
            {
              reason: 'InvalidIPAddress',
              message: `Skipped ${invalid} invalid IP addresses when mirroring to EndpointSlices`,
            },
          ]),
      ...(tooMany === 0
        ? []
        : [
            {
              reason: 'TooManyAddressesToMirror',
              message: `A max of ${addressesMax} addresses can be mirrored to EndpointSlices per Endpoints subset. ${tooMany} addresses were skipped`,
            },
          ]),
    ],
  }
}

/** Those that are ready first: they are what matters where there are too many. */
function addressesOf({
  addresses = [],
  notReadyAddresses = [],
}: EndpointSubset): readonly (readonly [EndpointAddress, boolean])[] {
  return [
    ...addresses.map(address => [address, true] as const),
    ...notReadyAddresses.map(address => [address, false] as const),
  ]
}

function typeOf(ip: string): AddressType | null {
  if (isIpv4(ip)) return 'IPv4'
  return isIpv6(ip) ? 'IPv6' : null
}

function mirrored({ ip, ...about }: EndpointAddress, ready: boolean): Endpoint {
  return { addresses: [ip], conditions: { ready }, ...about }
}
