import { describe, expect, it } from 'vitest'
import type { Namespace } from '../api/types/core-config.js'
import type { Pod } from '../api/types/core-pod.js'
import type { NetworkPolicy } from '../api/types/networking-policy.js'
import { KernelModel } from '../nftables/testing/kernel-model.js'
import { transaction } from '../nftables/transaction.js'
import { type PolicyWorld, policyTable } from './policy-table.js'

const podOf = (
  name: string,
  address: string,
  labels: Readonly<Record<string, string>> = {},
  more: Partial<Pod> & { readonly namespace?: string; readonly node?: string } = {},
): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace: more.namespace ?? 'default', labels },
  spec: { nodeName: more.node ?? 'node-1', containers: [], ...more.spec },
  status: { phase: 'Running', podIP: address, podIPs: [{ ip: address }], ...more.status },
})

const namespaceOf = (name: string, labels: Readonly<Record<string, string>> = {}): Namespace => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels },
})

const policyOf = (spec: NonNullable<NetworkPolicy['spec']>, name = 'p'): NetworkPolicy => ({
  apiVersion: 'networking.k8s.io/v1',
  kind: 'NetworkPolicy',
  metadata: { name, namespace: 'default' },
  spec,
})

const web = podOf(
  'web',
  '10.0.0.2',
  { app: 'web' },
  {
    spec: {
      nodeName: 'node-1',
      containers: [{ name: 'c', ports: [{ name: 'http', containerPort: 8080 }] }],
    },
  },
)
const db = podOf('db', '10.0.0.3', { app: 'db' })
const far = podOf('far', '10.0.1.2', { app: 'far' }, { node: 'node-2' })
const foreign = podOf('foreign', '10.0.1.3', { app: 'db' }, { node: 'node-2', namespace: 'other' })

const world = (
  policies: readonly NetworkPolicy[],
  more: Partial<PolicyWorld> = {},
): PolicyWorld => ({
  policies,
  pods: [web, db, far, foreign],
  namespaces: [namespaceOf('default', { team: 'a' }), namespaceOf('other', { team: 'b' })],
  nodeName: 'node-1',
  ...more,
})

/** What there is beyond the hooks, without hashes, in order. */
function lines(
  policies: readonly NetworkPolicy[],
  more: Partial<PolicyWorld> = {},
): readonly string[] {
  const { sets, chains } = policyTable('IPv4', world(policies, more))
  const plain = (text: string): string =>
    text.replaceAll(/-[0-9a-f]{16}\//g, ' ').replaceAll(/(peers|named)-[0-9a-f]{16}/g, '$1')
  return [
    ...[...sets].flatMap(([name, { elements }]) =>
      name === 'pod-to-itself'
        ? []
        : [...(elements ?? [])].map(([key, value]) =>
            plain(`${name}: ${key}${value === '' ? '' : ` -> ${value}`}`),
          ),
    ),
    ...[...chains].flatMap(([name, { base, rules }]) =>
      base === null ? rules.map(rule => plain(`${name}: ${rule}`)) : [],
    ),
  ].sort()
}

const isolatedWeb = [
  'ingress default/web: drop',
  'ingress default/web: jump policy-ingress default/p',
  'ingress-pods: 10.0.0.2 -> goto ingress default/web',
]
const podSelector = { matchLabels: { app: 'web' } }

describe('the table of policies', () => {
  it('is open where there are none', () => {
    expect(lines([])).toEqual([])
  })

  it('lets nobody in where a policy names nobody, and holds back none who goes out', () => {
    expect(lines([policyOf({ podSelector, policyTypes: ['Ingress'] })])).toEqual(isolatedWeb)
  })

  it('has nothing of pods of other nodes, in the network of their node, or at their end', () => {
    const pods = [
      podOf('a', '10.0.1.9', { app: 'web' }, { node: 'node-2' }),
      podOf(
        'b',
        '10.0.0.9',
        { app: 'web' },
        { spec: { nodeName: 'node-1', hostNetwork: true, containers: [] } },
      ),
      podOf('c', '10.0.0.8', { app: 'web' }, { status: { phase: 'Succeeded', podIP: '10.0.0.8' } }),
      podOf('d', '10.0.0.7', { app: 'web' }, { namespace: 'other' }),
    ]
    expect(lines([policyOf({ podSelector, policyTypes: ['Ingress'] })], { pods })).toEqual([])
  })

  const ingress = (rule: object): NetworkPolicy =>
    policyOf({ podSelector, policyTypes: ['Ingress'], ingress: [rule] })
  const egress = (rule: object): NetworkPolicy =>
    policyOf({ podSelector, policyTypes: ['Egress'], egress: [rule] })

  const cases: readonly [string, NetworkPolicy, readonly string[]][] = [
    ['everybody', ingress({}), ['policy-ingress default/p: accept']],
    [
      'pods of the same namespace',
      ingress({ from: [{ podSelector: { matchLabels: { app: 'db' } } }] }),
      ['peers: 10.0.0.3', 'policy-ingress default/p: ip saddr @peers accept'],
    ],
    [
      'all pods of some namespaces',
      ingress({ from: [{ namespaceSelector: { matchLabels: { team: 'b' } } }] }),
      ['peers: 10.0.1.3', 'policy-ingress default/p: ip saddr @peers accept'],
    ],
    [
      'some pods of all namespaces',
      ingress({ from: [{ namespaceSelector: {}, podSelector: { matchLabels: { app: 'db' } } }] }),
      ['peers: 10.0.0.3', 'peers: 10.0.1.3', 'policy-ingress default/p: ip saddr @peers accept'],
    ],
    [
      'pods that no label speaks against',
      ingress({
        from: [
          {
            podSelector: {
              matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['db', 'far'] }],
            },
          },
        ],
      }),
      ['peers: 10.0.0.2', 'policy-ingress default/p: ip saddr @peers accept'],
    ],
    [
      'a network without a part',
      ingress({ from: [{ ipBlock: { cidr: '10.0.0.0/30', except: ['10.0.0.1/32'] } }] }),
      ['policy-ingress default/p: ip saddr { 10.0.0.0, 10.0.0.2-10.0.0.3 } accept'],
    ],
    [
      'nobody of a network of which nothing is left',
      ingress({ from: [{ ipBlock: { cidr: '10.0.0.0/30', except: ['10.0.0.0/8'] } }] }),
      [],
    ],
    ['nobody of another family', ingress({ from: [{ ipBlock: { cidr: 'fd00::/8' } }] }), []],
    [
      'everybody to some ports',
      ingress({
        ports: [
          { port: 80 },
          { port: 70, endPort: 90 },
          { port: 53, protocol: 'UDP' },
          { protocol: 'SCTP' },
        ],
      }),
      [
        'policy-ingress default/p: meta l4proto sctp accept',
        'policy-ingress default/p: tcp dport { 70-90 } accept',
        'policy-ingress default/p: udp dport { 53 } accept',
      ],
    ],
    [
      'everybody to a port that its pods name',
      ingress({ ports: [{ port: 'http' }] }),
      [
        'named: 10.0.0.2 . 6 . 8080',
        'policy-ingress default/p: ip daddr . meta l4proto . th dport @named accept',
      ],
    ],
    [
      'somebody to some ports',
      ingress({ from: [{ podSelector: { matchLabels: { app: 'db' } } }], ports: [{ port: 80 }] }),
      ['peers: 10.0.0.3', 'policy-ingress default/p: ip saddr @peers tcp dport { 80 } accept'],
    ],
  ]
  it.each(cases)('lets in %s', (_who, policy, wanted) => {
    expect(lines([policy])).toEqual([...isolatedWeb, ...wanted].sort())
  })

  it('lets out to whom it names, by the names that they give to ports', () => {
    const to = [{ namespaceSelector: {}, podSelector }, { ipBlock: { cidr: '10.9.0.0/16' } }]
    expect(lines([egress({ to, ports: [{ port: 'http' }] })])).toEqual([
      'egress default/web: drop',
      'egress default/web: jump policy-egress default/p',
      'egress-pods: 10.0.0.2 -> goto egress default/web',
      'named: 10.0.0.2 . 6 . 8080',
      'peers: 10.0.0.2',
      'policy-egress default/p: ip daddr @peers ip daddr . meta l4proto . th dport @named accept',
    ])
  })

  it('lets in whom any of several policies lets in', () => {
    const both = [policyOf({ podSelector, ingress: [{}] }, 'a'), policyOf({ podSelector: {} }, 'b')]
    expect(lines(both)).toEqual([
      'ingress default/db: drop',
      'ingress default/db: jump policy-ingress default/b',
      'ingress default/web: drop',
      'ingress default/web: jump policy-ingress default/a',
      'ingress default/web: jump policy-ingress default/b',
      'ingress-pods: 10.0.0.2 -> goto ingress default/web',
      'ingress-pods: 10.0.0.3 -> goto ingress default/db',
      'policy-ingress default/a: accept',
    ])
  })

  it('sends a pod that comes or goes as elements, and leaves the rules of policies alone', () => {
    const policy = ingress({ from: [{ podSelector: { matchLabels: { app: 'db' } } }] })
    const before = policyTable('IPv4', world([policy]))
    const pods = [
      web,
      db,
      far,
      foreign,
      podOf('db-2', '10.0.1.77', { app: 'db' }, { node: 'node-2' }),
    ]
    const after = policyTable('IPv4', world([policy], { pods }))
    const commands = transaction(before, after) ?? ''
    expect(commands.replace(/peers-[0-9a-f]{16}/, 'peers')).toBe(
      'add element ip raftsman-network-policy peers { 10.0.1.77 }\n',
    )
    const kernel = new KernelModel()
    kernel.run(transaction(null, before) ?? '')
    kernel.run(commands)
    kernel.run(transaction(after, policyTable('IPv4', world([]))) ?? '')
    const fresh = new KernelModel()
    fresh.run(transaction(null, policyTable('IPv4', world([]))) ?? '')
    expect(kernel.contents).toBe(fresh.contents)
  })
})
