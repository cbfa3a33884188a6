import { describe, expect, it } from 'vitest'
import type { Service } from '../../api/types/core-service.js'
import type { EndpointSlice } from '../../api/types/discovery.js'
import type { NftTable } from '../../nftables/table.js'
import { KernelModel } from '../../nftables/testing/kernel-model.js'
import { transaction } from '../../nftables/transaction.js'
import { endpointOf, serviceOf, sliceOf } from '../testing/objects.js'
import type { ProxyConfig } from './proxy-names.js'
import { ProxyTableCompiler } from './proxy-table.js'

const config: ProxyConfig = {
  clusterCidrs: ['10.244.0.0/16', 'fd44::/48'],
  nodePortAddresses: ['192.168.0.0/16', '192.168.1.0/24'],
  masqueradeAll: false,
  masqueradeBit: 14,
}
const place = { nodeName: 'node-1', zone: null }

/** Without the hashes, which say nothing to people. */
const plain = (text: string): string => text.replaceAll(/-[0-9a-f]{16}\//g, ' ')

/** What the services add, one line an element or rule. */
function added(
  services: readonly Service[],
  slices: readonly EndpointSlice[],
  more: Partial<ProxyConfig> = {},
  family: 'IPv4' | 'IPv6' = 'IPv4',
): readonly string[] {
  const compiler = new ProxyTableCompiler(family, { ...config, ...more })
  const empty = compiler.compile([], [], place).table
  const { table } = compiler.compile(services, slices, place)
  return [
    ...[...table.sets].flatMap(([name, { elements }]) =>
      [...(elements ?? [])].map(([key, value]) =>
        plain(`${name}: ${key}${value === '' ? '' : ` -> ${value}`}`),
      ),
    ),
    ...[...table.chains].flatMap(([name, { rules }]) =>
      empty.chains.has(name) ? [] : rules.map(rule => plain(`${name}: ${rule}`)),
    ),
  ]
}

const a = endpointOf('10.244.0.2')
const remote = endpointOf('10.244.1.2', { nodeName: 'node-2' })
const web = serviceOf('web', { clusterIP: '10.96.0.10' })

describe('the table of the proxy', () => {
  it('picks and rewrites by one rule', () => {
    expect(added([web], [sliceOf('web', [a, remote])])).toEqual([
      'cluster-ips: 10.96.0.10',
      'hairpin-connections: 10.244.0.2 . 10.244.0.2',
      'service-ips: 10.96.0.10 . 6 . 80 -> goto service default/web/tcp/',
      'service default/web/tcp/: ip daddr 10.96.0.10 tcp dport 80 ip saddr != 10.244.0.0/16 jump mark-for-masquerade',
      'service default/web/tcp/: meta l4proto tcp dnat ip to numgen random mod 2 map { 0 : 10.244.0.2 . 8080, 1 : 10.244.1.2 . 8080 }',
    ])
  })

  it('says the same of IPv6 in its words', () => {
    const six = serviceOf('six', { clusterIP: 'FD96:0::10' })
    const slice = sliceOf('six', [endpointOf('fd44::0002')], { addressType: 'IPv6' })
    expect(added([six], [slice], {}, 'IPv6')).toEqual([
      'cluster-ips: fd96::10',
      'hairpin-connections: fd44::2 . fd44::2',
      'service-ips: fd96::10 . 6 . 80 -> goto service default/six/tcp/',
      'service default/six/tcp/: ip6 daddr fd96::10 tcp dport 80 ip6 saddr != fd44::/48 jump mark-for-masquerade',
      'service default/six/tcp/: meta l4proto tcp dnat ip6 to [fd44::2]:8080',
    ])
    expect(added([six], [slice])).toEqual([])
  })

  it('gives each backend a memory where there is affinity', () => {
    const sticky = serviceOf('web', { clusterIP: '10.96.0.10', sessionAffinity: 'ClientIP' })
    expect(added([sticky], [sliceOf('web', [remote])]).slice(2)).toEqual([
      'endpoint default/web/tcp//10.244.1.2/8080: update @affinity default/web/tcp//10.244.1.2/8080 { ip saddr }',
      'endpoint default/web/tcp//10.244.1.2/8080: meta l4proto tcp dnat ip to 10.244.1.2:8080',
      'service default/web/tcp/: ip daddr 10.96.0.10 tcp dport 80 ip saddr != 10.244.0.0/16 jump mark-for-masquerade',
      'service default/web/tcp/: ip saddr @affinity default/web/tcp//10.244.1.2/8080 goto endpoint default/web/tcp//10.244.1.2/8080',
      'service default/web/tcp/: numgen random mod 1 vmap { 0 : goto endpoint default/web/tcp//10.244.1.2/8080 }',
    ])
  })

  it('knows SCTP', () => {
    const sctp = serviceOf('web', {
      clusterIP: '10.96.0.10',
      ports: [{ port: 9, protocol: 'SCTP' }],
    })
    const slice = sliceOf('web', [remote], { ports: [{ port: 99, protocol: 'SCTP' }] })
    expect(added([sctp], [slice])).toEqual([
      'cluster-ips: 10.96.0.10',
      'service-ips: 10.96.0.10 . 132 . 9 -> goto service default/web/sctp/',
      'service default/web/sctp/: ip daddr 10.96.0.10 sctp dport 9 ip saddr != 10.244.0.0/16 jump mark-for-masquerade',
      'service default/web/sctp/: meta l4proto sctp dnat ip to 10.244.1.2:99',
    ])
  })

  it('marks everybody by masqueradeAll, and nobody where the networks of pods are not known', () => {
    const slices = [sliceOf('web', [remote])]
    const marks = (more: Partial<ProxyConfig>) =>
      added([web], slices, more).filter(line => line.includes('mark'))
    expect(marks({ masqueradeAll: true })).toEqual([
      'service default/web/tcp/: ip daddr 10.96.0.10 tcp dport 80 jump mark-for-masquerade',
    ])
    expect(marks({ clusterCidrs: [] })).toEqual([])
  })

  it('has nothing of what others serve, or nobody', () => {
    const foreign = serviceOf(
      'web',
      { clusterIP: '10.96.0.10' },
      {
        metadata: {
          name: 'web',
          namespace: 'default',
          labels: { 'service.kubernetes.io/service-proxy-name': 'x' },
        },
      },
    )
    const slices = [sliceOf('web', [a])]
    expect(added([foreign], slices)).toEqual([])
    expect(added([serviceOf('web', { clusterIP: 'None' })], slices)).toEqual([])
    expect(added([serviceOf('web', { type: 'ExternalName', clusterIP: '' })], slices)).toEqual([])
  })

  it('gives an address that two claim to the older one', () => {
    const claim = (name: string, created: string): Service =>
      serviceOf(
        name,
        { clusterIP: name === 'old' ? '10.96.0.1' : '10.96.0.2', externalIPs: ['1.2.3.4'] },
        {
          metadata: { name, namespace: 'default', creationTimestamp: created },
        },
      )
    const slices = [sliceOf('new', [a]), sliceOf('old', [a])]
    const lines = added([claim('new', '2026-01-02'), claim('old', '2026-01-01')], slices)
    expect(lines.filter(line => line.startsWith('service-ips: 1.2.3.4'))).toEqual([
      'service-ips: 1.2.3.4 . 6 . 80 -> goto external default/old/tcp/',
    ])
  })

  it('asks for node ports at the widest of the networks that were named, and nowhere without', () => {
    const rules = (more: Partial<ProxyConfig>): readonly string[] =>
      new ProxyTableCompiler('IPv4', { ...config, ...more })
        .compile([], [], place)
        .table.chains.get('find-service')?.rules ?? []
    expect(rules({})[1]).toBe(
      'fib daddr type local ip daddr 192.168.0.0/16 meta l4proto . th dport vmap @service-nodeports',
    )
    expect(rules({ nodePortAddresses: ['fd00::/8'] })).toHaveLength(1)
  })
})

describe('a change of the table', () => {
  it('costs what it changes, whatever else there is, and the kernel takes it', () => {
    const compiler = new ProxyTableCompiler('IPv4', config)
    const services = Array.from({ length: 50 }, (_, index) =>
      serviceOf(`web-${index}`, {
        clusterIP: `10.96.1.${index}`,
        sessionAffinity: index % 2 ? 'ClientIP' : 'None',
      }),
    )
    const slices = services.map(({ metadata }) => sliceOf(metadata.name ?? '', [a, remote]))
    const kernel = new KernelModel()
    let known: NftTable | null = null
    const apply = (changed: readonly EndpointSlice[]): string => {
      const { table } = compiler.compile(services, changed, place)
      const commands = transaction(known, table) ?? ''
      if (commands !== '') kernel.run(commands)
      known = table
      return plain(commands.replaceAll(/ comment "\w+"/g, ''))
    }
    apply(slices)
    expect(apply(slices)).toBe('')
    const smaller = slices.map((slice, index) => (index === 8 ? sliceOf('web-8', [a]) : slice))
    expect(apply(smaller).trim().split('\n')).toEqual([
      'flush chain ip raftsman-proxy service default/web-8/tcp/',
      'add rule ip raftsman-proxy service default/web-8/tcp/ ip daddr 10.96.1.8 tcp dport 80 ip saddr != 10.244.0.0/16 jump mark-for-masquerade',
      'add rule ip raftsman-proxy service default/web-8/tcp/ meta l4proto tcp dnat ip to 10.244.0.2:8080',
    ])
    const none = slices.map((slice, index) => (index === 9 ? sliceOf('web-9', []) : slice))
    apply(none)
    const fresh = new KernelModel()
    fresh.run(transaction(null, compiler.compile(services, none, place).table) ?? '')
    expect(kernel.contents).toBe(fresh.contents)
  })
})
