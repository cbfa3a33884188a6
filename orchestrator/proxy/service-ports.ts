// What Services and their EndpointSlices amount to on one node: each port with its addresses, and with those
// who answer for it by each policy. Both proxies start from here. Counterpart: pkg/proxy's service and
// endpoints maps with CategorizeEndpoints. Pure.

import { type AddressFamily, addressFamily, canonicalAddress } from '../api/address-range.js'
import type { Service, ServicePort } from '../api/types/core-service.js'
import type { Endpoint, EndpointSlice } from '../api/types/discovery.js'

export interface Backend {
  readonly address: string
  readonly port: number
}

export interface ServiceBackend extends Backend {
  /** Runs on this node, or does not say where. */
  readonly local: boolean
  /** False where it only serves while it ends. */
  readonly ready: boolean
}

/** What of a node decides who answers there. */
export interface NodePlace {
  readonly nodeName: string
  /** Of its label topology.kubernetes.io/zone; null without. */
  readonly zone: string | null
}

export type Protocol = 'TCP' | 'UDP' | 'SCTP'

/** One port of a Service, in one address family. */
export interface ServicePortPlan {
  readonly namespace: string
  readonly service: string
  /** '' where it has none. */
  readonly portName: string
  readonly protocol: Protocol
  readonly port: number
  /** Null without. */
  readonly nodePort: number | null
  /** Where balancers ask whether somebody here answers; null without. */
  readonly healthCheckNodePort: number | null
  readonly clusterIps: readonly string[]
  readonly externalIps: readonly string[]
  /** Of balancers that leave the address on the packet, as `ipMode: VIP` says. */
  readonly loadBalancerIps: readonly string[]
  /** Who may come by `loadBalancerIps`; null for everybody. Networks of this family alone. */
  readonly sourceRanges: readonly string[] | null
  /** How long a client stays with its backend; null where it need not. */
  readonly affinitySeconds: number | null
  readonly internalLocal: boolean
  readonly externalLocal: boolean
  /** For policies of Cluster. In a fixed order, without duplicates, as `local` is too. */
  readonly cluster: readonly ServiceBackend[]
  /** For policies of Local; empty where there is no such policy. */
  readonly local: readonly ServiceBackend[]
}

const serviceNameLabel = 'kubernetes.io/service-name'
/** Somebody else's proxy serves it. */
const proxyNameLabel = 'service.kubernetes.io/service-proxy-name'
const headlessLabel = 'service.kubernetes.io/headless'
const affinitySecondsDefault = 10_800

/** "namespace/name" of the service that a slice belongs to; null for a slice of none. */
export function sliceService({ metadata }: EndpointSlice): string | null {
  const name = metadata.labels?.[serviceNameLabel]
  return name === undefined || name === '' ? null : `${metadata.namespace}/${name}`
}

export const serviceName = ({ metadata }: Service): string =>
  `${metadata.namespace}/${metadata.name}`

/** The older first: of two that claim one address it keeps it. */
export function byAge(a: Service, b: Service): number {
  const [ageA, ageB] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? '']
  if (ageA !== ageB) return ageA < ageB ? -1 : 1
  return serviceName(a) < serviceName(b) ? -1 : 1
}

export function slicesByService(
  slices: readonly EndpointSlice[],
): ReadonlyMap<string, readonly EndpointSlice[]> {
  const byService = new Map<string, EndpointSlice[]>()
  for (const slice of slices) {
    const name = sliceService(slice)
    if (name === null || slice.metadata.labels?.[headlessLabel] !== undefined) continue
    const known = byService.get(name)
    if (known === undefined) byService.set(name, [slice])
    else known.push(slice)
  }
  return byService
}

/** `slices` are those of the service. None for what no proxy serves: headless ones, external names. */
export function servicePorts(
  { metadata, spec, status }: Service,
  slices: readonly EndpointSlice[],
  family: AddressFamily,
  place: NodePlace,
): readonly ServicePortPlan[] {
  if (spec === undefined || spec.type === 'ExternalName') return []
  if (metadata.labels?.[proxyNameLabel] !== undefined) return []
  const clusterIps = ofFamily(clusterIpsOf(spec), family)
  if (clusterIps.length === 0) return []
  const internalLocal = spec.internalTrafficPolicy === 'Local'
  const externalLocal = spec.externalTrafficPolicy === 'Local'
  const ingress = (status?.loadBalancer?.ingress ?? []).filter(
    ({ ipMode = 'VIP' }) => ipMode === 'VIP',
  )
  const ranges = (spec.loadBalancerSourceRanges ?? []).map(text => text.trim())
  const shared = {
    namespace: metadata.namespace ?? '',
    service: metadata.name ?? '',
    healthCheckNodePort:
      spec.type === 'LoadBalancer' && externalLocal && spec.healthCheckNodePort
        ? spec.healthCheckNodePort
        : null,
    clusterIps,
    externalIps: ofFamily(spec.externalIPs ?? [], family),
    loadBalancerIps:
      spec.type === 'LoadBalancer'
        ? ofFamily(
            ingress.flatMap(({ ip }) => ip ?? []),
            family,
          )
        : [],
    sourceRanges: ranges.length === 0 ? null : ranges.filter(isOf(family)),
    affinitySeconds: affinityOf(spec),
    internalLocal,
    externalLocal,
  }
  const own = slices.filter(({ addressType }) => addressType === family)
  return (spec.ports ?? []).flatMap(port => {
    const protocol = protocolOf(port.protocol)
    if (protocol === null) return []
    const all = endpointsOf(port, protocol, own)
    return {
      ...shared,
      portName: port.name ?? '',
      protocol,
      port: port.port,
      nodePort: port.nodePort ? port.nodePort : null,
      cluster: clusterBackends(all, place),
      local: internalLocal || externalLocal ? localBackends(all, place) : [],
    }
  })
}

export const clusterIpsOf = ({
  clusterIP = '',
  clusterIPs,
}: NonNullable<Service['spec']>): readonly string[] => clusterIPs ?? [clusterIP]

const isOf =
  (family: AddressFamily) =>
  (text: string): boolean =>
    /[.:]/.test(text) && addressFamily(text) === family

const ofFamily = (addresses: readonly string[], family: AddressFamily): readonly string[] => [
  ...new Set(addresses.filter(isOf(family)).map(canonicalAddress)),
]

function protocolOf(text = 'TCP'): Protocol | null {
  return text === 'TCP' || text === 'UDP' || text === 'SCTP' ? text : null
}

function affinityOf({
  sessionAffinity,
  sessionAffinityConfig,
}: NonNullable<Service['spec']>): number | null {
  if (sessionAffinity !== 'ClientIP') return null
  return sessionAffinityConfig?.clientIP?.timeoutSeconds ?? affinitySecondsDefault
}

interface Candidate {
  readonly endpoint: Endpoint
  readonly backend: ServiceBackend
}

function endpointsOf(
  servicePort: ServicePort,
  protocol: Protocol,
  slices: readonly EndpointSlice[],
): readonly { readonly endpoint: Endpoint; readonly address: string; readonly port: number }[] {
  return slices.flatMap(slice => {
    const port = slice.ports?.find(
      one => (one.name ?? '') === (servicePort.name ?? '') && protocolOf(one.protocol) === protocol,
    )?.port
    if (port === undefined) return []
    return (slice.endpoints ?? []).flatMap(endpoint => {
      const [address] = endpoint.addresses
      return address === undefined ? [] : { endpoint, address: canonicalAddress(address), port }
    })
  })
}

type Found = ReturnType<typeof endpointsOf>

/** Ready ones that their hints give to this node; where none is ready, those that still serve while they end. */
function clusterBackends(found: Found, place: NodePlace): readonly ServiceBackend[] {
  const all = candidates(found, place)
  const ready = all.filter(isReady)
  if (ready.length === 0) return inOrder(all.filter(isEnding))
  return inOrder(byHints(ready, place))
}

/** The same of this node alone; hints do not count. */
function localBackends(found: Found, place: NodePlace): readonly ServiceBackend[] {
  const all = candidates(found, place).filter(
    ({ endpoint }) => endpoint.nodeName === place.nodeName,
  )
  const ready = all.filter(isReady)
  return inOrder(ready.length > 0 ? ready : all.filter(isEnding))
}

const candidates = (found: Found, { nodeName }: NodePlace): readonly Candidate[] =>
  found.map(({ endpoint, address, port }) => ({
    endpoint,
    backend: {
      address,
      port,
      local: (endpoint.nodeName ?? nodeName) === nodeName,
      // Absent means yes, by the API's convention.
      ready: endpoint.conditions?.ready ?? true,
    },
  }))

/** Hints count when every ready endpoint has one, and one of them is for this node or its zone. */
function byHints(ready: readonly Candidate[], { nodeName, zone }: NodePlace): readonly Candidate[] {
  const nodesOf = ({ endpoint }: Candidate) => endpoint.hints?.forNodes ?? []
  const zonesOf = ({ endpoint }: Candidate) => endpoint.hints?.forZones ?? []
  if (ready.every(one => nodesOf(one).length > 0)) {
    const near = ready.filter(one => nodesOf(one).some(({ name }) => name === nodeName))
    if (near.length > 0) return near
  }
  if (zone === null || !ready.every(one => zonesOf(one).length > 0)) return ready
  const near = ready.filter(one => zonesOf(one).some(({ name }) => name === zone))
  return near.length > 0 ? near : ready
}

const isReady = ({ backend }: Candidate): boolean => backend.ready

const isEnding = ({ endpoint: { conditions } }: Candidate): boolean =>
  conditions?.serving === true && conditions.terminating === true

export const backendKey = ({ address, port }: Backend): string => `${address} ${port}`

function inOrder(chosen: readonly Candidate[]): readonly ServiceBackend[] {
  const byKey = new Map(chosen.map(({ backend }) => [backendKey(backend), backend]))
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, backend]) => backend)
}
