// The EndpointSlices of one Service: its pods by what they serve, in slices of a hundred. Pure.
// Counterpart: staging/src/k8s.io/endpointslice/reconciler.go. Left out: topology hints.

import type { Pod } from '../../api/types/core-pod.js'
import type { Service } from '../../api/types/core-service.js'
import type { Endpoint, EndpointPort, EndpointSlice } from '../../api/types/discovery.js'
import { backsServices, endpointOf, isHeadless, podAddresses, portsOf } from './backends.js'
import {
  type AddressType,
  type EndpointGroup,
  endpointKey,
  groupKey,
  managedByLabel,
  planSlices,
  serviceNameLabel,
  type SlicePlan,
} from './slice-plan.js'

export const managedByUs = 'endpointslice-controller.k8s.io'
const headlessLabel = 'service.kubernetes.io/headless'
const endpointsPerSlice = 100

export interface EndpointSliceInputs {
  readonly service: Service
  /** Pods that match its selector. */
  readonly pods: readonly Pod[]
  /** Slices of the Service that this controller manages. */
  readonly slices: readonly EndpointSlice[]
  readonly zoneOfNode: ReadonlyMap<string, string>
}

export function planEndpointSlices(inputs: EndpointSliceInputs): SlicePlan {
  const { service, slices } = inputs
  const labels = labelsOf(service)
  return planSlices(groupsOf(inputs), slices, { owner: service, labels, endpointsPerSlice })
}

type Group = EndpointGroup & { readonly endpoints: Map<string, Endpoint> }

function groupsOf({ service, pods, zoneOfNode }: EndpointSliceInputs): ReadonlyMap<string, Group> {
  const families = service.spec?.ipFamilies ?? ['IPv4']
  const groups = new Map<string, Group>()
  for (const pod of pods.filter(backsServices)) {
    const ports = portsOf(service, pod)
    if (ports.length === 0 && (service.spec?.ports ?? []).length > 0) continue
    for (const address of podAddresses(pod)) {
      const addressType = address.includes(':') ? 'IPv6' : 'IPv4'
      if (!families.includes(addressType)) continue
      const group = groupFor(groups, addressType, ports)
      const zone = zoneOfNode.get(pod.spec.nodeName ?? '')
      const endpoint = endpointOf(service, pod, address, zone)
      group.endpoints.set(endpointKey(endpoint), endpoint)
    }
  }
  for (const family of families) {
    const known = [...groups.values()].some(group => group.addressType === family)
    if (!known) groupFor(groups, family === 'IPv6' ? 'IPv6' : 'IPv4', [])
  }
  return groups
}

function groupFor(
  groups: Map<string, Group>,
  addressType: AddressType,
  ports: readonly EndpointPort[],
): Group {
  const key = groupKey(addressType, ports)
  const group = groups.get(key) ?? { addressType, ports, endpoints: new Map<string, Endpoint>() }
  groups.set(key, group)
  return group
}

function labelsOf(service: Service): Readonly<Record<string, string>> {
  return {
    ...service.metadata.labels,
    [serviceNameLabel]: service.metadata.name ?? '',
    [managedByLabel]: managedByUs,
    ...(isHeadless(service) ? { [headlessLabel]: '' } : {}),
  }
}
