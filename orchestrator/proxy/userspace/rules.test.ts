import { describe, expect, it } from 'vitest'
import type { Service } from '../../api/types/core-service.js'
import type { Endpoint, EndpointSlice } from '../../api/types/discovery.js'
import { proxyRules } from './rules.js'

const place = { nodeName: 'node-1', zone: null }

function serviceOf(
  spec: Partial<NonNullable<Service['spec']>>,
  name = 'web',
  created = '',
): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default', creationTimestamp: created },
    spec: {
      type: 'ClusterIP',
      clusterIP: '127.96.0.10',
      ports: [{ name: 'http', port: 80, protocol: 'TCP' }],
      ...spec,
    },
  }
}

const endpoint = (address: string, more: Partial<Endpoint> = {}): Endpoint => ({
  addresses: [address],
  conditions: { ready: true, serving: true, terminating: false },
  nodeName: 'node-1',
  ...more,
})

function sliceOf(endpoints: readonly Endpoint[], more: Partial<EndpointSlice> = {}): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: 'web-1',
      namespace: 'default',
      labels: { 'kubernetes.io/service-name': 'web' },
    },
    addressType: 'IPv4',
    endpoints,
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    ...more,
  }
}

/** "127.96.0.10:80 -> a:1 b:2", one line a rule. */
function lines(services: readonly Service[], slices: readonly EndpointSlice[]): readonly string[] {
  return [...proxyRules(services, slices, place, ['127.0.0.1'])].map(
    ([key, { backends }]) =>
      `${key} -> ${backends.map(({ address, port }) => `${address}:${port}`).join(' ')}`,
  )
}

const two = [endpoint('127.64.0.2'), endpoint('127.64.1.2', { nodeName: 'node-2' })]
const ending = { ready: false, serving: true, terminating: true }
const dead = { ready: false, serving: false, terminating: true }
const ports = [{ name: 'http', port: 80, nodePort: 30_080, protocol: 'TCP' }]

describe('the rules of a proxy', () => {
  const cases: readonly [
    string,
    readonly Service[],
    readonly EndpointSlice[],
    readonly string[],
  ][] = [
    [
      'lead from the cluster address to ready endpoints in a fixed order',
      [serviceOf({})],
      [sliceOf([...two].reverse())],
      ['127.96.0.10:80 -> 127.64.0.2:8080 127.64.1.2:8080'],
    ],
    [
      'bring the slices of a service together',
      [serviceOf({})],
      [
        sliceOf([two[0] ?? endpoint('')]),
        sliceOf([endpoint('127.64.2.2'), endpoint('127.64.0.2')]),
      ],
      ['127.96.0.10:80 -> 127.64.0.2:8080 127.64.2.2:8080'],
    ],
    ['are none without endpoints', [serviceOf({})], [sliceOf([])], []],
    ['are none without slices', [serviceOf({})], [], []],
    [
      'leave out what is not ready',
      [serviceOf({})],
      [sliceOf([endpoint('127.64.0.2'), endpoint('127.64.0.3', { conditions: { ready: false } })])],
      ['127.96.0.10:80 -> 127.64.0.2:8080'],
    ],
    [
      'take absent conditions for ready',
      [serviceOf({})],
      [sliceOf([{ addresses: ['127.64.0.2'] }])],
      ['127.96.0.10:80 -> 127.64.0.2:8080'],
    ],
    [
      'fall back to endpoints that still serve while they end, not to dead ones',
      [serviceOf({})],
      [
        sliceOf([
          endpoint('127.64.0.2', { conditions: ending }),
          endpoint('127.64.0.3', { conditions: dead }),
        ]),
      ],
      ['127.96.0.10:80 -> 127.64.0.2:8080'],
    ],
    [
      'open node ports too',
      [serviceOf({ type: 'NodePort', ports })],
      [sliceOf(two)],
      [
        '127.96.0.10:80 -> 127.64.0.2:8080 127.64.1.2:8080',
        '127.0.0.1:30080 -> 127.64.0.2:8080 127.64.1.2:8080',
      ],
    ],
    [
      'keep to this node where the policy says so, inside and outside apart',
      [serviceOf({ type: 'NodePort', ports, externalTrafficPolicy: 'Local' })],
      [sliceOf(two)],
      ['127.96.0.10:80 -> 127.64.0.2:8080 127.64.1.2:8080', '127.0.0.1:30080 -> 127.64.0.2:8080'],
    ],
    [
      'leave an address to others when this node has nobody for it',
      [serviceOf({ internalTrafficPolicy: 'Local' })],
      [sliceOf([endpoint('127.64.1.2', { nodeName: 'node-2' })])],
      [],
    ],
    ['leave out headless services', [serviceOf({ clusterIP: 'None' })], [sliceOf(two)], []],
    ['leave out services without an address', [serviceOf({ clusterIP: '' })], [sliceOf(two)], []],
    ['leave out external names', [serviceOf({ type: 'ExternalName' })], [sliceOf(two)], []],
    [
      'leave out UDP and ports of other names',
      [
        serviceOf({
          ports: [
            { name: 'dns', port: 53, protocol: 'UDP' },
            { name: 'other', port: 81 },
          ],
        }),
      ],
      [sliceOf(two, { ports: [{ name: 'dns', port: 53, protocol: 'UDP' }] })],
      [],
    ],
    [
      'match a port without a name to one without a name',
      [serviceOf({ ports: [{ port: 80 }] })],
      [sliceOf([endpoint('127.64.0.2')], { ports: [{ port: 8080 }] })],
      ['127.96.0.10:80 -> 127.64.0.2:8080'],
    ],
    [
      'leave out IPv6 slices and slices of no service',
      [serviceOf({})],
      [sliceOf(two, { addressType: 'IPv6' }), sliceOf(two, { metadata: { namespace: 'default' } })],
      [],
    ],
    [
      'never follow external addresses, which any user could claim',
      [serviceOf({ externalIPs: ['127.0.0.1'] })],
      [sliceOf([endpoint('127.64.0.2')])],
      ['127.96.0.10:80 -> 127.64.0.2:8080'],
    ],
  ]
  it.each(cases)('%s', (_title, services, slices, wanted) => {
    expect(lines(services, slices)).toEqual(wanted)
  })

  it('give an address that two services claim to the older one', () => {
    const services = [serviceOf({}, 'web', '2026-01-02'), serviceOf({}, 'old', '2026-01-01')]
    const labels = { 'kubernetes.io/service-name': 'old' }
    const slices = [
      sliceOf([endpoint('127.64.0.2')]),
      sliceOf([endpoint('127.64.0.9')], { metadata: { namespace: 'default', labels } }),
    ]
    expect(lines(services, slices)).toEqual(['127.96.0.10:80 -> 127.64.0.9:8080'])
  })

  it('carry the time of affinity', () => {
    const affinity = (spec: Partial<NonNullable<Service['spec']>>) =>
      [...proxyRules([serviceOf(spec)], [sliceOf(two)], place, []).values()][0]?.affinityMs
    const sessionAffinityConfig = { clientIP: { timeoutSeconds: 5 } }
    expect(affinity({})).toBeNull()
    expect(affinity({ sessionAffinity: 'ClientIP' })).toBe(10_800_000)
    expect(affinity({ sessionAffinity: 'ClientIP', sessionAffinityConfig })).toBe(5000)
  })
})
