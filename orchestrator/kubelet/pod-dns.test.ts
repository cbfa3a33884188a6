import { describe, expect, it } from 'vitest'
import type { Pod } from '../api/types/core-pod.js'
import {
  type DnsSettings,
  hostsFile,
  missesClusterDns,
  parseResolvConf,
  podDns,
  podNames,
} from './pod-dns.js'
import { podOf } from './testing/observation.js'

const machine = { servers: ['192.0.2.1'], searches: ['example.com'], options: ['edns0'] }
const settings: DnsSettings = {
  clusterServers: ['10.96.0.10'],
  clusterDomain: 'cluster.local',
  machine,
}
const clusterSearches = [
  'default.svc.cluster.local',
  'svc.cluster.local',
  'cluster.local',
  'example.com',
]
const ofCluster = { servers: ['10.96.0.10'], searches: clusterSearches, options: ['ndots:5'] }

describe('the name servers of a pod', () => {
  it.each<[string, Partial<Pod['spec']>, Partial<DnsSettings>, object]>([
    ['are those of the cluster', {}, {}, ofCluster],
    ['are those of the machine on its network', { hostNetwork: true }, {}, machine],
    [
      'are those of the cluster on the network of the machine, where it says so',
      { hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' },
      {},
      ofCluster,
    ],
    ['are those of the machine where it says so', { dnsPolicy: 'Default' }, {}, machine],
    ['are those of the machine where the cluster has none', {}, { clusterServers: [] }, machine],
    [
      'are asked for no names of the cluster where these have no end',
      {},
      { clusterDomain: '' },
      { servers: ['10.96.0.10'], searches: ['example.com'], options: ['ndots:5'] },
    ],
    [
      'are its own alone',
      { dnsPolicy: 'None', dnsConfig: { nameservers: ['1.1.1.1'], options: [{ name: 'rotate' }] } },
      {},
      { servers: ['1.1.1.1'], searches: [], options: ['rotate'] },
    ],
    [
      'come with its own, each once and three at most, and its options win',
      {
        dnsConfig: {
          nameservers: ['10.96.0.10', '1.1.1.1', '1.1.1.2', '1.1.1.3'],
          searches: ['example.com', 'example.org'],
          options: [{ name: 'ndots', value: '2' }],
        },
      },
      {},
      {
        servers: ['10.96.0.10', '1.1.1.1', '1.1.1.2'],
        searches: [...clusterSearches, 'example.org'],
        options: ['ndots:2'],
      },
    ],
  ])('%s', (_, spec, changes, expected) => {
    expect(podDns(podOf({ spec }), { ...settings, ...changes })).toEqual(expected)
  })

  it('are missed by those alone who ask for the ones of a cluster that has none', () => {
    const none = { ...settings, clusterServers: [] }
    expect(missesClusterDns(podOf({}), none)).toBe(true)
    expect(missesClusterDns(podOf({}), settings)).toBe(false)
    expect(missesClusterDns(podOf({ spec: { dnsPolicy: 'Default' } }), none)).toBe(false)
  })
})

it('resolv.conf is read as resolvers do: of several searches the last one counts', () => {
  const text = [
    '# written by hand',
    'nameserver 192.0.2.1',
    'search a.example',
    'nameserver 192.0.2.2',
    'search b.example c.example',
    'options edns0 trust-ad',
    '',
  ].join('\n')
  expect(parseResolvConf(text)).toEqual({
    servers: ['192.0.2.1', '192.0.2.2'],
    searches: ['b.example', 'c.example'],
    options: ['edns0', 'trust-ad'],
  })
})

describe('the names of a pod', () => {
  it.each<[string, Partial<Pod['spec']>, string, string, string | null]>([
    ['web', {}, 'cluster.local', 'web', null],
    ['web', { hostname: 'desk' }, 'cluster.local', 'desk', null],
    [
      'web',
      { subdomain: 'office' },
      'cluster.local',
      'web',
      'web.office.default.svc.cluster.local',
    ],
    ['web', { subdomain: 'office' }, '', 'web', 'web.office.default.svc'],
    [
      'web',
      { subdomain: 'office', setHostnameAsFQDN: true },
      'cluster.local',
      'web.office.default.svc.cluster.local',
      'web.office.default.svc.cluster.local',
    ],
    [`${'x'.repeat(62)}-tail`, {}, '', 'x'.repeat(62), null],
  ])('%s with %j', (name, spec, domain, hostname, qualified) => {
    const pod = podOf({ metadata: { name }, spec })
    expect(podNames(pod, domain)).toEqual({ hostname, qualified })
  })
})

describe('the hosts file of a pod', () => {
  const aliased = podOf({ spec: { hostAliases: [{ ip: '10.1.1.1', hostnames: ['a', 'b'] }] } })

  it('names it by its address, with its aliases', () => {
    const names = { hostname: 'web', qualified: 'web.office.default.svc' }
    const text = hostsFile(aliased, names, '10.244.0.7', 'unused')
    expect(text).toMatch(/^127\.0\.0\.1\tlocalhost$/m)
    expect(text).toMatch(/^10\.244\.0\.7\tweb\.office\.default\.svc\tweb$/m)
    expect(text).toMatch(/^10\.1\.1\.1\ta\tb\n$/m)
  })

  it('is that of the machine on its network', () => {
    const names = { hostname: 'web', qualified: null }
    const text = hostsFile(aliased, names, null, '192.0.2.9 machine\n\n')
    expect(text).toBe('192.0.2.9 machine\n\n# Aliases of the pod.\n10.1.1.1\ta\tb\n')
  })
})
