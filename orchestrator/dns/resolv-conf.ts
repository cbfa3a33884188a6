// /etc/resolv.conf of a pod, by its dnsPolicy and dnsConfig. Counterpart: pkg/kubelet/network/dns. Pure.

import type { PodSpec } from '../api/types/core-pod.js'

export interface ResolvConf {
  readonly nameservers: readonly string[]
  readonly searches: readonly string[]
  /** As in "ndots:5". */
  readonly options: readonly string[]
}

export interface ResolvConfInput {
  readonly namespace: string
  readonly spec: Pick<PodSpec, 'dnsPolicy' | 'dnsConfig' | 'hostNetwork'>
  /** As in "cluster.local". */
  readonly clusterDomain: string
  /** Addresses that answer for it; none where the cluster has no DNS. */
  readonly clusterDns: readonly string[]
  /** The text of the node's own file; '' where it has none. */
  readonly host: string
}

export interface ResolvConfAnswer {
  readonly content: string
  /** What a user should know of, as the kubelet's events say it. */
  readonly warnings: readonly ResolvConfWarning[]
}

export interface ResolvConfWarning {
  readonly reason: 'MissingClusterDNS' | 'DNSConfigForming'
  readonly message: string
}

const nameserversMax = 3
const searchesMax = 32
const searchCharactersMax = 2048
const defaultOptions = ['ndots:5']

/** What of a resolv.conf counts; the last of several search lines does. */
export function parseResolvConf(text: string): ResolvConf {
  const nameservers: string[] = []
  const options: string[] = []
  let searches: readonly string[] = []
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/)
    if (keyword === 'nameserver' && values[0] !== undefined) nameservers.push(values[0])
    else if (keyword === 'search') searches = values.map(withoutDot)
    else if (keyword === 'options') options.push(...values)
  }
  return { nameservers, searches: unique(searches), options: unique(options) }
}

export function podResolvConf(input: ResolvConfInput): ResolvConfAnswer {
  const { namespace, spec, clusterDomain, clusterDns, host } = input
  const warnings: ResolvConfWarning[] = []
  const ofHost = parseResolvConf(host)
  let base: ResolvConf
  switch (policyOf(input, warnings)) {
    case 'None':
      base = { nameservers: [], searches: [], options: [] }
      break
    case 'Default':
      base = ofHost
      break
    case 'ClusterFirst':
      base = {
        nameservers: clusterDns,
        searches: unique([
          `${namespace}.svc.${clusterDomain}`,
          `svc.${clusterDomain}`,
          clusterDomain,
          ...ofHost.searches,
        ]),
        options: defaultOptions,
      }
  }
  const { nameservers = [], searches = [], options = [] } = spec.dnsConfig ?? {}
  const whole: ResolvConf = {
    nameservers: unique([...base.nameservers, ...nameservers]),
    searches: unique([...base.searches, ...searches.map(withoutDot)]),
    options: withOptions(base.options, options),
  }
  return { content: textOf(withinLimits(whole, warnings)), warnings }
}

type Policy = 'None' | 'Default' | 'ClusterFirst'

/** In the network of its node a pod asks whom the node asks, unless it says otherwise. */
function policyOf({ spec, clusterDns }: ResolvConfInput, warnings: ResolvConfWarning[]): Policy {
  const { dnsPolicy = 'ClusterFirst', hostNetwork } = spec
  if (dnsPolicy === 'None') return 'None'
  if (dnsPolicy === 'Default') return 'Default'
  if (dnsPolicy === 'ClusterFirst' && hostNetwork === true) return 'Default'
  if (clusterDns.length > 0) return 'ClusterFirst'
  warnings.push({
    reason: 'MissingClusterDNS',
    message: `kubelet does not have ClusterDNS IP configured and cannot create Pod using "${dnsPolicy}" policy. Falling back to "Default" policy.`,
  })
  return 'Default'
}

function withOptions(
  base: readonly string[],
  added: readonly { readonly name?: string; readonly value?: string }[],
): readonly string[] {
  const byName = new Map(base.map(option => [option.split(':')[0] ?? '', option]))
  for (const { name = '', value } of added) {
    byName.set(name, value === undefined || value === '' ? name : `${name}:${value}`)
  }
  return [...byName.values()]
}

/** What resolvers read of a file; the rest is left out, and said. */
function withinLimits(
  { nameservers, searches, options }: ResolvConf,
  warnings: ResolvConfWarning[],
): ResolvConf {
  if (nameservers.length > nameserversMax) {
    const applied = nameservers.slice(0, nameserversMax).join(' ')
    warnings.push({
      reason: 'DNSConfigForming',
      message: `Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: ${applied}`,
    })
  }
  const kept: string[] = []
  for (const search of searches) {
    const length = [...kept, search].join(' ').length
    if (kept.length === searchesMax || length > searchCharactersMax) break
    kept.push(search)
  }
  if (kept.length < searches.length) {
    warnings.push({
      reason: 'DNSConfigForming',
      message: `Search Line limits were exceeded, some search paths have been omitted, the applied search line is: ${kept.join(' ')}`,
    })
  }
  return { nameservers: nameservers.slice(0, nameserversMax), searches: kept, options }
}

function textOf({ nameservers, searches, options }: ResolvConf): string {
  const lines = [
    ...(searches.length === 0 ? [] : [`search ${searches.join(' ')}`]),
    ...nameservers.map(address => `nameserver ${address}`),
    ...(options.length === 0 ? [] : [`options ${options.join(' ')}`]),
  ]
  return lines.map(line => `${line}\n`).join('')
}

const withoutDot = (domain: string): string =>
  domain.length > 1 && domain.endsWith('.') ? domain.slice(0, -1) : domain

const unique = (values: readonly string[]): readonly string[] => [...new Set(values)]
