// The EndpointSlices of one Service: what to create, update and delete. Pure.
// Counterpart: staging/src/k8s.io/endpointslice/reconciler.go. Endpoints stay in the slice they are
// in, so that one pod's change rewrites one slice. Left out: topology hints.

import type { Pod } from '../../api/types/core-pod.js'
import type { Service } from '../../api/types/core-service.js'
import type { Endpoint, EndpointPort, EndpointSlice } from '../../api/types/discovery.js'
import { canonicalJson, sameJson } from '../canonical-json.js'
import { controllerReference, isDeleting } from '../ownership.js'
import { backsServices, endpointOf, isHeadless, podAddresses, portsOf } from './backends.js'

export const serviceNameLabel = 'kubernetes.io/service-name'
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by'
export const managedByUs = 'endpointslice-controller.k8s.io'
const headlessLabel = 'service.kubernetes.io/headless'

export const endpointsPerSlice = 100

export interface EndpointSliceInputs {
  readonly service: Service
  /** Pods that match its selector. */
  readonly pods: readonly Pod[]
  /** Slices of the Service that this controller manages. */
  readonly slices: readonly EndpointSlice[]
  readonly zoneOfNode: ReadonlyMap<string, string>
}

export interface EndpointSlicePlan {
  readonly create: readonly EndpointSlice[]
  readonly update: readonly EndpointSlice[]
  readonly delete: readonly EndpointSlice[]
}

type AddressType = 'IPv4' | 'IPv6'

interface Group {
  readonly addressType: AddressType
  readonly ports: readonly EndpointPort[]
  /** By pod uid and address. */
  readonly endpoints: Map<string, Endpoint>
}

export function planEndpointSlices(inputs: EndpointSliceInputs): EndpointSlicePlan {
  const { service } = inputs
  const groups = groupsOf(inputs)
  const create: EndpointSlice[] = []
  const update: EndpointSlice[] = []
  const surplus: EndpointSlice[] = []
  const live = inputs.slices.filter(slice => !isDeleting(slice))
  for (const slice of live) {
    if (!groups.has(groupKey(slice.addressType, slice.ports ?? []))) surplus.push(slice)
  }
  for (const [key, group] of groups) {
    const slices = live.filter(s => groupKey(s.addressType, s.ports ?? []) === key)
    const packed = pack(group, slices)
    for (const { slice, endpoints } of packed.kept) {
      if (endpoints.length === 0 && !isLastSlice(key, groups, slice, packed)) surplus.push(slice)
      else {
        const wanted = withContent(service, slice, endpoints)
        if (!sameSlice(wanted, slice)) update.push(wanted)
      }
    }
    create.push(...packed.added.map(endpoints => newSlice(service, group, endpoints)))
  }
  return { create, update, delete: surplus }
}

/** One empty slice stays (or comes) where there is nothing to list, so that watchers see that. */
function isLastSlice(
  key: string,
  groups: ReadonlyMap<string, Group>,
  slice: EndpointSlice,
  packed: Packed,
): boolean {
  const empty = groups.get(key)?.endpoints.size === 0
  return empty && packed.kept[0]?.slice === slice
}

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
      group.endpoints.set(`${pod.metadata.uid}/${address}`, endpoint)
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

function groupKey(addressType: string, ports: readonly EndpointPort[]): string {
  const normal = ports.map(p => ({ ...p, name: p.name ?? '', protocol: p.protocol ?? 'TCP' }))
  return `${addressType} ${canonicalJson(normal.map(canonicalJson).sort())}`
}

interface Packed {
  readonly kept: readonly { readonly slice: EndpointSlice; readonly endpoints: Endpoint[] }[]
  readonly added: readonly (readonly Endpoint[])[]
}

function pack(group: Group, slices: readonly EndpointSlice[]): Packed {
  const left = new Map(group.endpoints)
  const kept = slices.map(slice => {
    const endpoints: Endpoint[] = []
    for (const old of slice.endpoints ?? []) {
      const key = `${old.targetRef?.uid}/${old.addresses[0]}`
      const wanted = left.get(key)
      if (!wanted || endpoints.length === endpointsPerSlice) continue
      left.delete(key)
      endpoints.push(wanted)
    }
    return { slice, endpoints }
  })
  const waiting = [...left.values()]
  // The fullest first, so that the others can run empty and go.
  for (const one of kept.toSorted((a, b) => b.endpoints.length - a.endpoints.length)) {
    one.endpoints.push(...waiting.splice(0, endpointsPerSlice - one.endpoints.length))
  }
  const added: Endpoint[][] = []
  while (waiting.length > 0) added.push(waiting.splice(0, endpointsPerSlice))
  if (added.length === 0 && kept.length === 0) added.push([])
  return { kept, added }
}

function newSlice(service: Service, group: Group, endpoints: readonly Endpoint[]): EndpointSlice {
  const { name = '', namespace = '' } = service.metadata
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      generateName: `${name}-`,
      namespace,
      labels: labelsOf(service),
      ownerReferences: [controllerReference(service)],
    },
    addressType: group.addressType,
    endpoints,
    ports: group.ports,
  }
}

function withContent(
  service: Service,
  slice: EndpointSlice,
  endpoints: readonly Endpoint[],
): EndpointSlice {
  return { ...slice, metadata: { ...slice.metadata, labels: labelsOf(service) }, endpoints }
}

function labelsOf(service: Service): Readonly<Record<string, string>> {
  return {
    ...service.metadata.labels,
    [serviceNameLabel]: service.metadata.name ?? '',
    [managedByLabel]: managedByUs,
    ...(isHeadless(service) ? { [headlessLabel]: '' } : {}),
  }
}

function sameSlice(a: EndpointSlice, b: EndpointSlice): boolean {
  const content = (slice: EndpointSlice) => [slice.metadata.labels, slice.endpoints]
  return sameJson(content(a), content(b))
}
