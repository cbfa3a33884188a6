// Which EndpointSlices are to hold which endpoints: what to create, update and delete. Pure. Endpoints stay in the
// slice they are in, so that one that changes rewrites one slice. Counterpart: the reconcilers of
// staging/src/k8s.io/endpointslice and pkg/controller/endpointslicemirroring.

import type { KubeObject } from '../../api/object.js'
import type { Endpoint, EndpointPort, EndpointSlice } from '../../api/types/discovery.js'
import { canonicalJson, sameJson } from '../canonical-json.js'
import { controllerReference, isDeleting } from '../ownership.js'

export const serviceNameLabel = 'kubernetes.io/service-name'
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by'

export type AddressType = 'IPv4' | 'IPv6'

/** Endpoints that share slices. */
export interface EndpointGroup {
  readonly addressType: AddressType
  readonly ports: readonly EndpointPort[]
  /** By `endpointKey`. With none there is one empty slice, so that watchers see that. */
  readonly endpoints: ReadonlyMap<string, Endpoint>
}

export interface SliceContext {
  /** The Service, or the Endpoints, that slices are named after and go with. */
  readonly owner: KubeObject
  readonly labels: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  readonly endpointsPerSlice: number
}

export interface SlicePlan {
  readonly create: readonly EndpointSlice[]
  readonly update: readonly EndpointSlice[]
  readonly delete: readonly EndpointSlice[]
}

export function endpointKey({ targetRef, addresses }: Endpoint): string {
  return `${targetRef?.uid}/${addresses[0]}`
}

/** Tells apart what cannot share a slice. */
export function groupKey(addressType: string, ports: readonly EndpointPort[]): string {
  const normal = ports.map(p => ({ ...p, name: p.name ?? '', protocol: p.protocol ?? 'TCP' }))
  return `${addressType} ${canonicalJson(normal.map(canonicalJson).sort())}`
}

/** `groups` are by `groupKey`; `slices` are all that the controller has made for the owner. */
export function planSlices(
  groups: ReadonlyMap<string, EndpointGroup>,
  slices: readonly EndpointSlice[],
  context: SliceContext,
): SlicePlan {
  const create: EndpointSlice[] = []
  const update: EndpointSlice[] = []
  const surplus: EndpointSlice[] = []
  const live = slices.filter(slice => !isDeleting(slice))
  for (const slice of live) {
    if (!groups.has(groupKey(slice.addressType, slice.ports ?? []))) surplus.push(slice)
  }
  for (const [key, group] of groups) {
    const own = live.filter(s => groupKey(s.addressType, s.ports ?? []) === key)
    const packed = pack(group, own, context.endpointsPerSlice)
    for (const [index, { slice, endpoints }] of packed.kept.entries()) {
      const onlyOne = group.endpoints.size === 0 && index === 0
      if (endpoints.length === 0 && !onlyOne) surplus.push(slice)
      else {
        const wanted = withContent(context, slice, endpoints)
        if (!sameSlice(wanted, slice)) update.push(wanted)
      }
    }
    create.push(...packed.added.map(endpoints => newSlice(context, group, endpoints)))
  }
  return { create, update, delete: surplus }
}

interface Packed {
  readonly kept: readonly { readonly slice: EndpointSlice; readonly endpoints: Endpoint[] }[]
  readonly added: readonly (readonly Endpoint[])[]
}

function pack(group: EndpointGroup, slices: readonly EndpointSlice[], perSlice: number): Packed {
  const left = new Map(group.endpoints)
  const kept = slices.map(slice => {
    const endpoints: Endpoint[] = []
    for (const old of slice.endpoints ?? []) {
      const key = endpointKey(old)
      const wanted = left.get(key)
      if (!wanted || endpoints.length === perSlice) continue
      left.delete(key)
      endpoints.push(wanted)
    }
    return { slice, endpoints }
  })
  const waiting = [...left.values()]
  // The fullest first, so that the others can run empty and go.
  for (const one of kept.toSorted((a, b) => b.endpoints.length - a.endpoints.length)) {
    one.endpoints.push(...waiting.splice(0, perSlice - one.endpoints.length))
  }
  const added: Endpoint[][] = []
  while (waiting.length > 0) added.push(waiting.splice(0, perSlice))
  if (added.length === 0 && kept.length === 0) added.push([])
  return { kept, added }
}

function newSlice(
  { owner, labels, annotations }: SliceContext,
  group: EndpointGroup,
  endpoints: readonly Endpoint[],
): EndpointSlice {
  const { name = '', namespace = '' } = owner.metadata
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      generateName: `${name}-`,
      namespace,
      labels,
      ...(annotations === undefined ? {} : { annotations }),
      ownerReferences: [controllerReference(owner)],
    },
    addressType: group.addressType,
    endpoints,
    ports: group.ports,
  }
}

function withContent(
  { labels, annotations }: SliceContext,
  slice: EndpointSlice,
  endpoints: readonly Endpoint[],
): EndpointSlice {
  const marked = {
    ...slice.metadata,
    labels,
    ...(annotations === undefined ? {} : { annotations }),
  }
  return { ...slice, metadata: marked, endpoints }
}

function sameSlice(a: EndpointSlice, b: EndpointSlice): boolean {
  const content = ({ metadata, endpoints }: EndpointSlice) => [
    metadata.labels,
    metadata.annotations ?? {},
    endpoints,
  ]
  return sameJson(content(a), content(b))
}
