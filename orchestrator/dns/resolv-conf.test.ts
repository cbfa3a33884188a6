import { describe, expect, it } from 'vitest'
import { parseResolvConf, podResolvConf, type ResolvConfInput } from './resolv-conf.js'

const host =
  '# by hand\nnameserver 192.0.2.1\nnameserver 192.0.2.2\nsearch example.org. corp\noptions timeout:1\n'

const input = (
  spec: ResolvConfInput['spec'],
  more: Partial<ResolvConfInput> = {},
): ResolvConfInput => ({
  namespace: 'shop',
  spec,
  clusterDomain: 'cluster.local',
  clusterDns: ['10.96.0.10'],
  host,
  ...more,
})

const cluster = [
  'search shop.svc.cluster.local svc.cluster.local cluster.local example.org corp',
  'nameserver 10.96.0.10',
  'options ndots:5',
]
const ofHost = [
  'search example.org corp',
  'nameserver 192.0.2.1',
  'nameserver 192.0.2.2',
  'options timeout:1',
]

describe('the resolv.conf of a pod', () => {
  const cases: readonly [string, ResolvConfInput, readonly string[]][] = [
    ['asks the cluster by default', input({}), cluster],
    ['asks the cluster by ClusterFirst', input({ dnsPolicy: 'ClusterFirst' }), cluster],
    ['asks whom the node asks by Default', input({ dnsPolicy: 'Default' }), ofHost],
    ['asks whom the node asks in its network', input({ hostNetwork: true }), ofHost],
    [
      'asks the cluster in the network of the node by ClusterFirstWithHostNet',
      input({ hostNetwork: true, dnsPolicy: 'ClusterFirstWithHostNet' }),
      cluster,
    ],
    ['asks whom the node asks where the cluster has no DNS', input({}, { clusterDns: [] }), ofHost],
    [
      'holds by None what the pod says, and that alone',
      input({
        dnsPolicy: 'None',
        dnsConfig: {
          nameservers: ['198.51.100.1'],
          searches: ['a.example.'],
          options: [{ name: 'ndots', value: '2' }, { name: 'edns0' }],
        },
      }),
      ['search a.example', 'nameserver 198.51.100.1', 'options ndots:2 edns0'],
    ],
    [
      'holds what the pod adds behind what its policy says, each once',
      input({
        dnsConfig: {
          nameservers: ['10.96.0.10', '198.51.100.1'],
          searches: ['corp', 'more'],
          options: [{ name: 'ndots', value: '2' }],
        },
      }),
      [
        'search shop.svc.cluster.local svc.cluster.local cluster.local example.org corp more',
        'nameserver 10.96.0.10',
        'nameserver 198.51.100.1',
        'options ndots:2',
      ],
    ],
    ['is empty where nobody says anything', input({ dnsPolicy: 'Default' }, { host: '' }), []],
  ]
  it.each(cases)('%s', (_title, given, lines) => {
    expect(podResolvConf(given).content).toBe(lines.map(line => `${line}\n`).join(''))
  })

  it('says when the cluster has no DNS', () => {
    expect(podResolvConf(input({}, { clusterDns: [] })).warnings).toMatchObject([
      { reason: 'MissingClusterDNS' },
    ])
    expect(podResolvConf(input({})).warnings).toEqual([])
  })

  it('keeps to what resolvers read, and says so', () => {
    const searches = Array.from({ length: 40 }, (_, index) => `s${index}`)
    const nameservers = ['1.0.0.1', '1.0.0.2', '1.0.0.3', '1.0.0.4']
    const { content, warnings } = podResolvConf(
      input({ dnsPolicy: 'None', dnsConfig: { searches, nameservers } }),
    )
    const read = parseResolvConf(content)
    expect([read.nameservers.length, read.searches.length]).toEqual([3, 32])
    expect(warnings.map(({ reason }) => reason)).toEqual(['DNSConfigForming', 'DNSConfigForming'])
    const long = Array.from({ length: 20 }, (_, index) => `${'x'.repeat(200)}${index}`)
    const cut = podResolvConf(input({ dnsPolicy: 'None', dnsConfig: { searches: long } }))
    expect(parseResolvConf(cut.content).searches.join(' ').length).toBeLessThanOrEqual(2048)
  })

  it('is read as resolvers read it', () => {
    expect(
      parseResolvConf('search a\nsearch b c\n;nameserver 1.1.1.1\nnameserver 2.2.2.2 # x\n'),
    ).toEqual({
      nameservers: ['2.2.2.2'],
      searches: ['b', 'c'],
      options: [],
    })
  })
})
