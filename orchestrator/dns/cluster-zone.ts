// What the cluster's zone says of a name: the records of Services, of their backends and of pods. Counterpart:
// CoreDNS' kubernetes plug-in, after the DNS specification of Kubernetes. Pure: state comes as a view.
//
//   SERVICE.NAMESPACE.svc.ZONE            cluster IPs, or the backends of a headless one; a CNAME for ExternalName
//   _PORT._PROTOCOL.SERVICE…              SRV
//   HOST.SERVICE.NAMESPACE.svc.ZONE       one backend of a headless Service, by its host name or dashed address
//   1-2-3-4.NAMESPACE.pod.ZONE            the address itself, of any namespace that there is
//   4.3.2.1.in-addr.arpa                  PTR of cluster IPs and of backends of headless Services

import { addressFamily, canonicalAddress } from '../api/address-range.js'
import type { Service } from '../api/types/core-service.js'
import type { Endpoint, EndpointSlice } from '../api/types/discovery.js'
import { isIpv4, isIpv6 } from '../api/validation/names.js'
import { addressOfReverseName } from './reverse-name.js'

export interface ClusterView {
  /** As in "cluster.local", lower case, without a dot at its end. */
  readonly zone: string
  /** Where this zone is answered for; for its NS record. */
  readonly serverAddresses: readonly string[]
  /** Grows with every change. */
  readonly serial: number
  service(namespace: string, name: string): Service | undefined
  slices(namespace: string, name: string): readonly EndpointSlice[]
  hasNamespace(name: string): boolean
  /** That have this cluster IP. */
  servicesAt(address: string): readonly Service[]
  /** That have an endpoint of this address. */
  slicesAt(address: string): readonly EndpointSlice[]
}

export type RecordData =
  | { readonly type: 'A' | 'AAAA' | 'CNAME' | 'PTR' | 'NS' | 'TXT'; readonly data: string }
  | {
      readonly type: 'SRV'
      readonly data: {
        readonly priority: number
        readonly weight: number
        readonly port: number
        readonly target: string
      }
    }
  | {
      readonly type: 'SOA'
      readonly data: {
        readonly mname: string
        readonly rname: string
        readonly serial: number
        readonly refresh: number
        readonly retry: number
        readonly expire: number
        readonly minimum: number
      }
    }

export type DnsRecord = { readonly name: string; readonly ttl: number } & RecordData

export type ZoneAnswer =
  /** Not of this zone: somebody else must be asked. */
  | { readonly kind: 'elsewhere' }
  /** The name is there; without records it has none of this type. */
  | {
      readonly kind: 'records'
      readonly answers: readonly DnsRecord[]
      readonly additionals: readonly DnsRecord[]
    }
  /** Another name stands for it, which is to be asked for in its place. */
  | { readonly kind: 'alias'; readonly alias: DnsRecord; readonly target: string }
  | { readonly kind: 'no-such-name' }

export const recordTtlSeconds = 5
/** Of servers that copy zones, of which there are none. */
const retrySeconds = 1800
const specificationVersion = '1.1.0'

const none: ZoneAnswer = { kind: 'no-such-name' }
const elsewhere: ZoneAnswer = { kind: 'elsewhere' }

const records = (
  answers: readonly DnsRecord[],
  additionals: readonly DnsRecord[] = [],
): ZoneAnswer => ({ kind: 'records', answers, additionals })

/** `name` without a dot at its end, in any case; answers carry it as it was asked. */
export function answerFromZone(name: string, type: string, view: ClusterView): ZoneAnswer {
  const asked = name.toLowerCase()
  const address = addressOfReverseName(asked)
  if (address !== null) return reverse(name, type, address, view)
  if (asked === view.zone) return records(apex(name, type, view))
  if (!asked.endsWith(`.${view.zone}`)) return elsewhere
  const labels = asked
    .slice(0, -view.zone.length - 1)
    .split('.')
    .reverse()
  const [kind = '', namespace, second, ...rest] = labels
  switch (kind) {
    case 'svc':
      if (namespace === undefined) return records([])
      if (second === undefined) return view.hasNamespace(namespace) ? records([]) : none
      return ofService(name, type, view, namespace, second, rest)
    case 'pod':
      if (namespace === undefined) return records([])
      if (!view.hasNamespace(namespace) || rest.length > 0) return none
      return second === undefined ? records([]) : ofPod(name, type, second)
    case 'dns-version':
      if (namespace !== undefined) return none
      return records(
        type === 'TXT'
          ? [{ name, ttl: recordTtlSeconds, type: 'TXT', data: specificationVersion }]
          : [],
      )
    case 'dns':
      if (namespace === undefined) return records([])
      if (namespace !== 'ns' || second !== undefined) return none
      return records(addressRecords(name, type, view.serverAddresses))
    default:
      return none
  }
}

/** Goes with every answer that says no. */
export function startOfAuthority({ zone, serial }: ClusterView): DnsRecord {
  const data = {
    mname: `ns.dns.${zone}`,
    rname: `hostmaster.${zone}`,
    serial: serial % 2 ** 32,
    refresh: 7200,
    retry: retrySeconds,
    expire: 86_400,
    minimum: recordTtlSeconds,
  }
  return { name: zone, ttl: recordTtlSeconds, type: 'SOA', data }
}

function apex(name: string, type: string, view: ClusterView): readonly DnsRecord[] {
  if (type === 'SOA') return [{ ...startOfAuthority(view), name }]
  if (type !== 'NS') return []
  return [{ name, ttl: recordTtlSeconds, type: 'NS', data: `ns.dns.${view.zone}` }]
}

const addressType = (address: string): 'A' | 'AAAA' =>
  addressFamily(address) === 'IPv4' ? 'A' : 'AAAA'

function addressRecords(
  name: string,
  type: string,
  addresses: readonly string[],
): readonly DnsRecord[] {
  return [...new Set(addresses)].flatMap(data => {
    const own = addressType(data)
    return type === own || type === 'ANY' ? [{ name, ttl: recordTtlSeconds, type: own, data }] : []
  })
}

const isHeadless = ({ spec }: Service): boolean => spec?.clusterIP === 'None'

const clusterIps = ({ spec }: Service): readonly string[] =>
  (spec?.clusterIPs ?? [spec?.clusterIP ?? '']).filter(ip => ip !== '' && ip !== 'None')

function ofService(
  name: string,
  type: string,
  view: ClusterView,
  namespace: string,
  service: string,
  rest: readonly string[],
): ZoneAnswer {
  const found = view.service(namespace, service)
  if (found === undefined) return none
  if (found.spec?.type === 'ExternalName') {
    if (rest.length > 0) return none
    const target = (found.spec.externalName ?? '').replace(/\.$/, '')
    const alias: DnsRecord = { name, ttl: recordTtlSeconds, type: 'CNAME', data: target }
    return target === '' ? none : { kind: 'alias', alias, target }
  }
  const own = `${service}.${namespace}.svc.${view.zone}`
  const backends = isHeadless(found) ? backendsOf(view.slices(namespace, service)) : []
  const [first, second, ...more] = rest
  if (first === undefined) {
    const addresses = isHeadless(found) ? backends.map(one => one.address) : clusterIps(found)
    if (type !== 'SRV') return records(addressRecords(name, type, addresses))
    return serviceRecords(name, own, found, backends, () => true)
  }
  if (more.length > 0) return none
  if (first === '_tcp' || first === '_udp' || first === '_sctp') {
    const protocol = first.slice(1).toUpperCase()
    const port = second?.startsWith('_') === true ? second.slice(1) : null
    if (second !== undefined && port === null) return none
    const answer = serviceRecords(
      name,
      own,
      found,
      backends,
      one => one.protocol === protocol && (port === null || one.name === port),
    )
    if (answer.kind === 'records' && answer.answers.length === 0) return none
    return type === 'SRV' ? answer : records([])
  }
  const host = backends.filter(backend => backend.host === first)
  if (second !== undefined || host.length === 0) return none
  return records(
    addressRecords(
      name,
      type,
      host.map(({ address }) => address),
    ),
  )
}

interface NamedPort {
  readonly name: string
  readonly protocol: string
  readonly port: number
}

interface NamedBackend {
  readonly address: string
  /** Its label below the Service. */
  readonly host: string
  readonly ports: readonly NamedPort[]
}

/** Those who are ready; where a Service publishes others too, its slices say that they are. */
function backendsOf(slices: readonly EndpointSlice[]): readonly NamedBackend[] {
  return slices.flatMap(({ endpoints = [], ports = [] }) => {
    const named = ports.flatMap(({ name = '', protocol = 'TCP', port }) =>
      port === undefined ? [] : [{ name, protocol, port }],
    )
    return endpoints
      .filter(({ conditions }) => conditions?.ready ?? true)
      .flatMap(endpoint =>
        endpoint.addresses.map(text => {
          const address = canonicalAddress(text)
          return { address, host: hostOf(endpoint, address), ports: named }
        }),
      )
  })
}

const hostOf = ({ hostname }: Endpoint, address: string): string =>
  hostname !== undefined && hostname !== '' ? hostname.toLowerCase() : dashed(address)

/** An address as a label: no dots, no colons, and no dash at an end. */
function dashed(address: string): string {
  const label = address.replaceAll(/[.:]/g, '-')
  return `${label.startsWith('-') ? '0' : ''}${label}${label.endsWith('-') ? '0' : ''}`
}

function serviceRecords(
  name: string,
  own: string,
  service: Service,
  backends: readonly NamedBackend[],
  wanted: (port: NamedPort) => boolean,
): ZoneAnswer {
  const targets = isHeadless(service)
    ? backends.flatMap(({ host, address, ports }) =>
        ports
          .filter(wanted)
          .map(({ port }) => ({ port, target: `${host}.${own}`, addresses: [address] })),
      )
    : (service.spec?.ports ?? [])
        .map(({ name: portName = '', protocol = 'TCP', port }) => ({
          name: portName,
          protocol,
          port,
        }))
        .filter(wanted)
        .map(({ port }) => ({ port, target: own, addresses: clusterIps(service) }))
  const weight = Math.max(1, Math.floor(100 / Math.max(targets.length, 1)))
  const answers = targets.map(
    ({ port, target }): DnsRecord => ({
      name,
      ttl: recordTtlSeconds,
      type: 'SRV',
      data: { priority: 0, weight, port, target },
    }),
  )
  const byTarget = new Map(targets.map(({ target, addresses }) => [target, addresses]))
  const additionals = [...byTarget].flatMap(([target, addresses]) =>
    addressRecords(target, 'ANY', addresses),
  )
  return records(answers, additionals)
}

/** Whoever asks for it knows the address; that it is a pod's is not looked up. */
function ofPod(name: string, type: string, label: string): ZoneAnswer {
  const address = [label.replaceAll('-', '.'), label.replaceAll('-', ':')].find(
    text => isIpv4(text) || isIpv6(text),
  )
  return address === undefined
    ? none
    : records(addressRecords(name, type, [canonicalAddress(address)]))
}

function reverse(name: string, type: string, address: string, view: ClusterView): ZoneAnswer {
  const { zone } = view
  const ofServices = view
    .servicesAt(address)
    .map(({ metadata }) => `${metadata.name}.${metadata.namespace}.svc.${zone}`)
  const ofBackends = view.slicesAt(address).flatMap(slice => {
    const { namespace = '', labels } = slice.metadata
    const service = labels?.['kubernetes.io/service-name'] ?? ''
    const headless = view.service(namespace, service)
    if (headless === undefined || !isHeadless(headless)) return []
    return backendsOf([slice])
      .filter(backend => backend.address === address)
      .map(({ host }) => `${host}.${service}.${namespace}.svc.${zone}`)
  })
  const names = [...new Set([...ofServices, ...ofBackends])]
  if (names.length === 0) return elsewhere
  return records(
    type === 'PTR' || type === 'ANY'
      ? names.map(data => ({ name, ttl: recordTtlSeconds, type: 'PTR', data }))
      : [],
  )
}
