// Which addresses a node has to listen on, and where connections to each may go: computed from
// Services and EndpointSlices. Counterpart: pkg/proxy's service and endpoints maps with its
// categorisation of endpoints. Pure. Left out: UDP, SCTP, topology hints, load-balancer addresses
// (the balancer listens there), and externalIPs, which let any user take any address.

import type { Service, ServicePort } from '../api/types/core-service.js'
import type { Endpoint, EndpointSlice } from '../api/types/discovery.js'

export interface Backend {
  readonly address: string
  readonly port: number
}

/** Listens at one address and port. */
export interface ProxyRule {
  readonly address: string
  readonly port: number
  /** As in "default/hello:http", for logs. */
  readonly service: string
  /** In a fixed order, without duplicates, at least one. */
  readonly backends: readonly Backend[]
  /** How long a client stays with its backend; null where it need not. */
  readonly affinityMs: number | null
}

export const serviceNameLabel = 'kubernetes.io/service-name'

const affinitySecondsDefault = 10_800

/** "namespace/name" of the service that a slice belongs to; null for a slice of none. */
export function sliceService({ metadata }: EndpointSlice): string | null {
  const name = metadata.labels?.[serviceNameLabel]
  return name === undefined || name === '' ? null : `${metadata.namespace}/${name}`
}

export const ruleKey = ({ address, port }: { readonly address: string; readonly port: number }) =>
  `${address}:${port}`

/**
 * Rules by "address:port". `nodeAddresses` are where node ports are opened. A port without a
 * backend has no rule: nobody listens, and a connection is refused at once, as it should be.
 */
export function proxyRules(
  services: readonly Service[],
  slices: readonly EndpointSlice[],
  nodeName: string,
  nodeAddresses: readonly string[],
): ReadonlyMap<string, ProxyRule> {
  const slicesOf = new Map<string, EndpointSlice[]>()
  for (const slice of slices) {
    const name = sliceService(slice)
    if (name === null || slice.addressType !== 'IPv4') continue
    const known = slicesOf.get(name)
    if (known === undefined) slicesOf.set(name, [slice])
    else known.push(slice)
  }
  const rules = new Map<string, ProxyRule>()
  for (const service of [...services].sort(byAge)) {
    const own = slicesOf.get(serviceName(service)) ?? []
    for (const rule of serviceRules(service, own, nodeName, nodeAddresses)) {
      // Two services cannot have one address; of two that claim it the older one keeps it.
      if (!rules.has(ruleKey(rule))) rules.set(ruleKey(rule), rule)
    }
  }
  return rules
}

const serviceName = ({ metadata }: Service): string => `${metadata.namespace}/${metadata.name}`

function byAge(a: Service, b: Service): number {
  const ages = [a, b].map(({ metadata }) => metadata.creationTimestamp ?? '')
  const keys = ages[0] === ages[1] ? [serviceName(a), serviceName(b)] : ages
  return (keys[0] ?? '') < (keys[1] ?? '') ? -1 : 1
}

function serviceRules(
  service: Service,
  slices: readonly EndpointSlice[],
  nodeName: string,
  nodeAddresses: readonly string[],
): readonly ProxyRule[] {
  const { spec } = service
  if (spec === undefined || spec.type === 'ExternalName') return []
  const clusterIps = (spec.clusterIPs ?? [spec.clusterIP ?? '']).filter(isIpv4)
  if (clusterIps.length === 0) return []
  const affinityMs = affinityOf(service)
  const rules: ProxyRule[] = []
  for (const port of spec.ports ?? []) {
    if ((port.protocol ?? 'TCP') !== 'TCP') continue
    const name = `${serviceName(service)}${port.name ? `:${port.name}` : ''}`
    const add = (addresses: readonly string[], at: number, policy: string | undefined): void => {
      const backends = backendsOf(port, slices, policy === 'Local' ? nodeName : null)
      if (backends.length === 0) return
      for (const address of addresses) {
        rules.push({ address, port: at, service: name, backends, affinityMs })
      }
    }
    add(clusterIps, port.port, spec.internalTrafficPolicy)
    if (port.nodePort) add(nodeAddresses, port.nodePort, spec.externalTrafficPolicy)
  }
  return rules
}

const isIpv4 = (address: string): boolean => /^\d{1,3}(\.\d{1,3}){3}$/.test(address)

function affinityOf({ spec }: Service): number | null {
  if (spec?.sessionAffinity !== 'ClientIP') return null
  return (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? affinitySecondsDefault) * 1000
}

/** Ready ones; where there are none, those that still serve while they end. */
function backendsOf(
  servicePort: ServicePort,
  slices: readonly EndpointSlice[],
  onlyNode: string | null,
): readonly Backend[] {
  const ready = new Map<string, Backend>()
  const ending = new Map<string, Backend>()
  for (const slice of slices) {
    const port = slice.ports?.find(
      ({ name = '', protocol = 'TCP' }) => name === (servicePort.name ?? '') && protocol === 'TCP',
    )?.port
    if (port === undefined) continue
    for (const endpoint of slice.endpoints ?? []) {
      if (onlyNode !== null && endpoint.nodeName !== onlyNode) continue
      const into = isReady(endpoint) ? ready : isEnding(endpoint) ? ending : null
      const [address] = endpoint.addresses
      if (into !== null && address !== undefined) into.set(`${address}:${port}`, { address, port })
    }
  }
  const chosen = ready.size > 0 ? ready : ending
  return [...chosen].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, backend]) => backend)
}

/** Absent means yes, by the API's convention. */
const isReady = ({ conditions }: Endpoint): boolean => conditions?.ready ?? true

const isEnding = ({ conditions }: Endpoint): boolean =>
  conditions?.serving === true && conditions.terminating === true

/** Same listener, other backends: connections that stand are left alone. */
export function sameRule(a: ProxyRule, b: ProxyRule): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
