// Which name servers a pod asks, and under which names it is known. Counterpart: pkg/kubelet/network/dns and
// GeneratePodHostNameAndDomain. Pure.

import type { Pod, PodDNSConfig } from '../api/types/core-pod.js'

/** As in resolv.conf. */
export interface PodDns {
  readonly servers: readonly string[]
  readonly searches: readonly string[]
  readonly options: readonly string[]
}

export interface DnsSettings {
  /** Of the cluster's own name service; empty where there is none. */
  readonly clusterServers: readonly string[]
  /** As in "cluster.local"; '' where names of Services have no end. */
  readonly clusterDomain: string
  /** What the machine itself asks. */
  readonly machine: PodDns
}

/** More are ignored by resolvers. */
const serversMax = 3
const searchesMax = 32

export function parseResolvConf(text: string): PodDns {
  const servers: string[] = []
  let searches: readonly string[] = []
  let options: readonly string[] = []
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line.trim().split(/\s+/)
    if (keyword === 'nameserver' && values[0] !== undefined) servers.push(values[0])
    // Of several such lines the last one counts.
    if (keyword === 'search') searches = values
    if (keyword === 'options') options = values
  }
  return { servers, searches, options }
}

/** Whether the pod asks for the cluster's name service, and there is none. */
export function missesClusterDns(pod: Pod, settings: DnsSettings): boolean {
  return wantsCluster(pod) && settings.clusterServers.length === 0
}

export function podDns(pod: Pod, settings: DnsSettings): PodDns {
  const { dnsPolicy, dnsConfig } = pod.spec
  const base =
    dnsPolicy === 'None'
      ? { servers: [], searches: [], options: [] }
      : wantsCluster(pod) && settings.clusterServers.length > 0
        ? clusterDns(pod, settings)
        : settings.machine
  return withConfig(base, dnsConfig)
}

function wantsCluster({ spec }: Pod): boolean {
  const { dnsPolicy = 'ClusterFirst', hostNetwork = false } = spec
  if (dnsPolicy === 'ClusterFirstWithHostNet') return true
  return dnsPolicy === 'ClusterFirst' && !hostNetwork
}

function clusterDns({ metadata }: Pod, settings: DnsSettings): PodDns {
  const { clusterServers, clusterDomain, machine } = settings
  const ends =
    clusterDomain === ''
      ? []
      : [`${metadata.namespace}.svc.${clusterDomain}`, `svc.${clusterDomain}`, clusterDomain]
  // A name of the cluster has up to four dots before its end.
  return { servers: clusterServers, searches: [...ends, ...machine.searches], options: ['ndots:5'] }
}

function withConfig(base: PodDns, config: PodDNSConfig = {}): PodDns {
  const { nameservers = [], searches = [], options = [] } = config
  const named = new Map(base.options.map(option => [option.split(':')[0] ?? '', option]))
  for (const { name = '', value } of options) {
    named.set(name, value === undefined || value === '' ? name : `${name}:${value}`)
  }
  return {
    servers: distinct([...base.servers, ...nameservers]).slice(0, serversMax),
    searches: distinct([...base.searches, ...searches]).slice(0, searchesMax),
    options: [...named.values()],
  }
}

const distinct = (texts: readonly string[]): readonly string[] => [...new Set(texts)]

export interface PodNames {
  /** What `hostname` says in it. */
  readonly hostname: string
  /** With the domain of its subdomain; null where it has none. */
  readonly qualified: string | null
}

const labelMax = 63
const nodeNameMax = 64

export function podNames({ metadata, spec }: Pod, clusterDomain: string): PodNames {
  const wanted = spec.hostname || (metadata.name ?? '')
  const short = wanted.slice(0, labelMax).replace(/[-.]+$/, '')
  const { subdomain = '' } = spec
  if (subdomain === '') return { hostname: short, qualified: null }
  const end = clusterDomain === '' ? '' : `.${clusterDomain}`
  const qualified = `${short}.${subdomain}.${metadata.namespace}.svc${end}`
  const asWhole = spec.setHostnameAsFQDN === true && qualified.length <= nodeNameMax
  return { hostname: asWhole ? qualified : short, qualified }
}

/** /etc/hosts of a pod. `machine`: that of the node, for pods on its own network. */
export function hostsFile(
  pod: Pod,
  { hostname, qualified }: PodNames,
  address: string | null,
  machine: string,
): string {
  const own = [
    '# Written for this pod by its node.',
    '127.0.0.1\tlocalhost',
    '::1\tlocalhost ip6-localhost ip6-loopback',
    'fe00::0\tip6-localnet',
    'fe00::0\tip6-mcastprefix',
    'fe00::1\tip6-allnodes',
    'fe00::2\tip6-allrouters',
    `${address}\t${qualified === null || qualified === hostname ? hostname : `${qualified}\t${hostname}`}`,
  ]
  const first = address === null ? machine.replace(/\n*$/, '').split('\n') : own
  const aliases = (pod.spec.hostAliases ?? []).map(({ ip, hostnames = [] }) =>
    [ip, ...hostnames].join('\t'),
  )
  const more = aliases.length === 0 ? [] : ['', '# Aliases of the pod.', ...aliases]
  return `${[...first, ...more].join('\n')}\n`
}
