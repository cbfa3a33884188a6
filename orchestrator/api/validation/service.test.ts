import { describe, expect, test } from 'vitest'
import type { Json, JsonObject, KubeObject } from '../object.js'
import { checked, errorLines, kindNamed } from '../testing/checked-object.js'

const made = (spec: JsonObject, status: JsonObject = {}) =>
  checked('Service', { spec: { ports: [{ port: 80 }], ...spec }, status })

const balanced = { type: 'LoadBalancer' }
const onlyBalanced = "Forbidden: may only be used when `type` is 'LoadBalancer'"

describe('on create', () => {
  test.each<readonly [string, JsonObject, readonly string[]]>([
    ['is balanced', balanced, []],
    [
      'asks a balancer for things without having one',
      {
        loadBalancerClass: 'example.com/x',
        allocateLoadBalancerNodePorts: false,
        loadBalancerSourceRanges: ['10.0.0.0/8'],
      },
      [
        `spec.loadBalancerSourceRanges: ${onlyBalanced}`,
        `spec.allocateLoadBalancerNodePorts: ${onlyBalanced}`,
        `spec.loadBalancerClass: ${onlyBalanced}`,
      ],
    ],
    [
      'lets the outside into the kubelet',
      { ...balanced, ports: [{ port: 10_250 }] },
      [
        'spec.ports[0].port: Invalid value: 10250: may not expose port 10250 externally since it is used by kubelet',
      ],
    ],
    [
      'has a port of its own for checks of nothing',
      { ...balanced, healthCheckNodePort: 30_000 },
      [
        "spec.healthCheckNodePort: Invalid value: 30000: may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
      ],
    ],
    [
      'is two of a family',
      { ipFamilies: ['IPv4', 'IPv4', 'IPv5'], ipFamilyPolicy: 'Triple' },
      [
        'spec.ipFamilies[1]: Duplicate value: "IPv4"',
        'spec.ipFamilies[2]: Unsupported value: "IPv5": supported values: "IPv4", "IPv6"',
        'spec.ipFamilyPolicy: Unsupported value: "Triple": supported values: "PreferDualStack", "RequireDualStack", "SingleStack"',
      ],
    ],
    [
      'is elsewhere, with an address here',
      { type: 'ExternalName', externalName: 'x.y', clusterIP: '10.96.0.5', ipFamilies: ['IPv4'] },
      [
        'spec.clusterIPs: Forbidden: may not be set for ExternalName services',
        'spec.ipFamilies: Forbidden: may not be set for ExternalName services',
      ],
    ],
    [
      'remembers whom it forgets',
      { sessionAffinityConfig: { clientIP: { timeoutSeconds: 5 } } },
      ['spec.sessionAffinityConfig: Forbidden: must not be set when session affinity is None'],
    ],
    [
      'prefers somebody',
      { trafficDistribution: 'PreferMine', ports: [{ port: 80, appProtocol: 'a b' }] },
      [
        expect.stringContaining('spec.ports[0].appProtocol: Invalid value: "a b": name part must'),
        'spec.trafficDistribution: Unsupported value: "PreferMine": supported values: "PreferClose", "PreferSameNode", "PreferSameZone"',
      ] as string[],
    ],
  ])('a service that %s', (_, spec, expected) => {
    expect(errorLines(made(spec))).toEqual(expected)
  })
})

test('a balancer is for those who have one, and tells how it is reached', () => {
  const ingress = [{ ip: '1.2.3.4' }, { hostname: 'lb.example.com' }]
  const told = made(balanced, { loadBalancer: { ingress } })
  expect(told).toMatchObject({
    status: {
      loadBalancer: { ingress: [{ ip: '1.2.3.4', ipMode: 'VIP' }, { hostname: 'lb.example.com' }] },
    },
  })
  expect(errorLines(told)).toEqual([])
  expect(errorLines(made({}, { loadBalancer: { ingress } }))).toEqual([
    "status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'",
  ])
  const wrong = [
    { ip: 'x', ipMode: 'Tunnel' },
    { hostname: '1.2.3.4', ipMode: 'VIP' },
  ]
  expect(errorLines(made(balanced, { loadBalancer: { ingress: wrong } }))).toEqual([
    'status.loadBalancer.ingress[0].ip: Invalid value: "x": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
    'status.loadBalancer.ingress[0].ipMode: Unsupported value: "Tunnel": supported values: "Proxy", "VIP"',
    'status.loadBalancer.ingress[1].ipMode: Forbidden: may not be specified when `ip` is not set',
    'status.loadBalancer.ingress[1].hostname: Invalid value: "1.2.3.4": must be a DNS name, not an IP address',
  ])
})

describe('on update', () => {
  test('the class of a balancer and the port of its checks stay', () => {
    const local = { ...balanced, externalTrafficPolicy: 'Local' }
    const old = made({ ...local, loadBalancerClass: 'a/b', healthCheckNodePort: 30_000 })
    const next = made({ ...local, loadBalancerClass: 'a/c', healthCheckNodePort: 30_001 })
    expect(errorLines(next, old)).toEqual([
      'spec.loadBalancerClass: Invalid value: "a/c": may not change once set',
      'spec.healthCheckNodePort: Invalid value: 30001: field is immutable',
    ])
  })

  /** As an update that changes the type, and nothing else, leaves it. */
  function changed(old: KubeObject, type: Json, more: JsonObject = {}): KubeObject {
    const { spec } = old as unknown as { readonly spec: JsonObject }
    const kind = kindNamed('Service')
    const wanted = checked('Service', { spec: { ...spec, type, ...more } })
    return kind.writes?.onUpdate?.(wanted, old) ?? wanted
  }

  test('another type gives up what only the old one could have', () => {
    const address = { clusterIP: '10.96.0.5', clusterIPs: ['10.96.0.5'], ipFamilies: ['IPv4'] }
    const old = made({
      ...balanced,
      ...address,
      externalTrafficPolicy: 'Local',
      healthCheckNodePort: 30_000,
      loadBalancerClass: 'a/b',
      ports: [{ port: 80, nodePort: 30_001 }],
    })
    const inside = changed(old, 'ClusterIP')
    expect(errorLines(inside, old)).toEqual([])
    expect(inside).toMatchObject({ spec: { ...address, ports: [{ port: 80 }] } })
    for (const name of ['healthCheckNodePort', 'loadBalancerClass', 'externalTrafficPolicy']) {
      expect(inside).not.toHaveProperty(['spec', name])
    }
    expect(inside).not.toHaveProperty(['spec', 'ports', '0', 'nodePort'])
    const away = changed(old, 'ExternalName', { externalName: 'x.y' })
    expect(errorLines(away, old)).toEqual([])
    expect(away).not.toHaveProperty(['spec', 'clusterIP'])
    const node = changed(old, 'NodePort')
    expect(node).toMatchObject({ spec: { ports: [{ nodePort: 30_001 }] } })
    expect(errorLines(node, old)).toEqual([])
  })

  test('a status outlives its type', () => {
    const status = { loadBalancer: { ingress: [{ ip: '1.2.3.4', ipMode: 'VIP' }] } }
    expect(errorLines(made({}, status), made(balanced, status))).toEqual([])
  })

  test('what the client says itself is not taken back', () => {
    const old = made({ type: 'NodePort', ports: [{ port: 80, nodePort: 30_001 }] })
    const next = changed(old, 'ClusterIP', { ports: [{ port: 80, nodePort: 30_002 }] })
    expect(errorLines(next, old)).toEqual([
      "spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
    ])
  })
})
