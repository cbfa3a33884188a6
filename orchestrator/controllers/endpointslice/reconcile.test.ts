import { describe, expect, test } from 'vitest'
import type { Pod } from '../../api/types/core-pod.js'
import type { Service } from '../../api/types/core-service.js'
import type { EndpointSlice } from '../../api/types/discovery.js'
import { pod, service } from '../testing/objects.js'
import { classicEndpoints } from './classic-endpoints.js'
import { planEndpointSlices } from './reconcile.js'

const ready = (name: string, ip: string, shape = {}) =>
  pod(name, { ip, readySeconds: 60, node: 'n1', ...shape })

function plan(pods: readonly Pod[], slices: readonly EndpointSlice[] = [], of = service()) {
  return planEndpointSlices({ service: of, pods, slices, zoneOfNode: new Map([['n1', 'z1']]) })
}

/** What the slices would be after the plan, with names as the server would give them. */
function applied(
  pods: readonly Pod[],
  slices: readonly EndpointSlice[],
  of: Service = service(),
): readonly EndpointSlice[] {
  const { create, update, delete: gone } = plan(pods, slices, of)
  const kept = slices
    .filter(slice => !gone.includes(slice))
    .map(slice => update.find(one => one.metadata.name === slice.metadata.name) ?? slice)
  const made = create.map((slice, index) => ({
    ...slice,
    metadata: { ...slice.metadata, name: `web-${slices.length + index}` },
  }))
  return [...kept, ...made]
}

const many = (count: number) =>
  Array.from({ length: count }, (_, index) =>
    ready(`p${index}`, `127.64.${index >> 8}.${index & 255}`),
  )
const sizes = (slices: readonly EndpointSlice[]) => slices.map(one => one.endpoints?.length ?? 0)

describe('EndpointSlice: ready, serving, terminating', () => {
  const cases: readonly [string, Pod, Partial<NonNullable<Service['spec']>>, object][] = [
    ['a ready pod', ready('p', '1.1.1.1'), {}, { ready: true, serving: true, terminating: false }],
    [
      'an unready pod',
      pod('p', { ip: '1.1.1.1' }),
      {},
      { ready: false, serving: false, terminating: false },
    ],
    [
      'a ready pod that is being deleted still serves and is not ready',
      ready('p', '1.1.1.1', { deleting: true }),
      {},
      { ready: false, serving: true, terminating: true },
    ],
    [
      'an unready pod with publishNotReadyAddresses',
      pod('p', { ip: '1.1.1.1' }),
      { publishNotReadyAddresses: true },
      { ready: true, serving: false, terminating: false },
    ],
  ]
  for (const [name, one, spec, conditions] of cases) {
    test(name, () => {
      const [slice] = plan([one], [], service(spec)).create
      expect(slice?.endpoints?.[0]?.conditions).toEqual(conditions)
    })
  }
  test('finished pods and pods without an address are not listed', () => {
    const pods = [ready('a', '1.1.1.1', { phase: 'Succeeded' }), pod('b', { readySeconds: 5 })]
    expect(sizes(plan(pods).create)).toEqual([0])
  })
})

test('EndpointSlice: an endpoint names its pod, node and zone', () => {
  const [slice] = plan([ready('p', '1.1.1.1')]).create
  expect(slice).toEqual({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      generateName: 'web-',
      namespace: 'shop',
      labels: {
        team: 'a',
        'kubernetes.io/service-name': 'web',
        'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
      },
      ownerReferences: [
        {
          apiVersion: 'v1',
          kind: 'Service',
          name: 'web',
          uid: 'uid-service',
          controller: true,
          blockOwnerDeletion: true,
        },
      ],
    },
    addressType: 'IPv4',
    ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
    endpoints: [
      {
        addresses: ['1.1.1.1'],
        conditions: { ready: true, serving: true, terminating: false },
        targetRef: { kind: 'Pod', namespace: 'shop', name: 'p', uid: 'uid-p' },
        nodeName: 'n1',
        zone: 'z1',
      },
    ],
  })
})

describe('EndpointSlice: 100 a slice', () => {
  test('the 101st endpoint opens a second slice', () => {
    expect(sizes(applied(many(100), []))).toEqual([100])
    expect(sizes(applied(many(101), []))).toEqual([100, 1])
  })
  test('a change of one pod rewrites one slice', () => {
    const slices = applied(many(250), [])
    const changed = many(250).map((one, index) =>
      index === 120 ? pod('p120', { ip: '127.64.0.120', node: 'n1' }) : one,
    )
    const { create, update, delete: gone } = plan(changed, slices)
    expect([create.length, update.length, gone.length]).toEqual([0, 1, 0])
  })
  test('slices that run empty go, but the last one stays', () => {
    const slices = applied(many(250), [])
    const fewer = applied(many(100), slices)
    expect(sizes(fewer)).toEqual([100])
    expect(sizes(applied([], fewer))).toEqual([0])
  })
  test('a Service without pods has one empty slice', () => {
    expect(sizes(applied([], []))).toEqual([0])
  })
  test('at rest nothing is written', () => {
    const slices = applied(many(150), [])
    expect(plan(many(150), slices)).toEqual({ create: [], update: [], delete: [] })
  })
})

describe('EndpointSlice: ports', () => {
  const named = service({ ports: [{ port: 80, targetPort: 'web' }] })
  const listening = (name: string, ip: string, containerPort: number) =>
    ready(name, ip, {
      spec: { containers: [{ name: 'c', ports: [{ name: 'web', containerPort }] }] },
    })
  test('pods that name the same port differently numbered get slices of their own', () => {
    const pods = [listening('a', '1.1.1.1', 8080), listening('b', '1.1.1.2', 9090)]
    const ports = applied(pods, [], named).map(slice => slice.ports?.[0]?.port)
    expect(ports).toEqual([8080, 9090])
  })
  test('a pod without the named port is not listed', () => {
    expect(sizes(applied([ready('a', '1.1.1.1')], [], named))).toEqual([0])
  })
  test('a headless Service without ports lists its pods, and is marked', () => {
    const headless = service({ clusterIP: 'None', ports: [] })
    const [slice] = applied([ready('a', '1.1.1.1')], [], headless)
    expect(slice?.endpoints).toHaveLength(1)
    expect(slice?.metadata.labels).toHaveProperty(['service.kubernetes.io/headless'], '')
  })
  test('a changed port moves all endpoints to new slices', () => {
    const slices = applied(many(3), [])
    const moved = service({ ports: [{ name: 'http', port: 80, targetPort: 9999 }] })
    const after = applied(many(3), slices, moved)
    expect(after.map(slice => [slice.ports?.[0]?.port, slice.endpoints?.length])).toEqual([
      [9999, 3],
    ])
  })
})

test('Endpoints: ready and unready addresses apart, those being deleted nowhere', () => {
  const pods = [
    ready('b', '1.1.1.2'),
    ready('a', '1.1.1.1'),
    pod('c', { ip: '1.1.1.3' }),
    ready('d', '1.1.1.4', { deleting: true }),
  ]
  const { subsets } = classicEndpoints(service(), pods)
  expect(subsets?.[0]?.addresses?.map(one => one.ip)).toEqual(['1.1.1.1', '1.1.1.2'])
  expect(subsets?.[0]?.notReadyAddresses?.map(one => one.ip)).toEqual(['1.1.1.3'])
  expect(subsets?.[0]?.ports).toEqual([{ name: 'http', port: 8080, protocol: 'TCP' }])
})
