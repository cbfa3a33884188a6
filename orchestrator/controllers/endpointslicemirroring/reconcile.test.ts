import { describe, expect, test } from 'vitest'
import type { ObjectMeta } from '../../api/object.js'
import type { Endpoints, EndpointSubset } from '../../api/types/core-service.js'
import { secondsAgo, service } from '../testing/objects.js'
import { isMirrored, planMirroring } from './reconcile.js'

function endpoints(subsets: readonly EndpointSubset[], meta: Partial<ObjectMeta> = {}): Endpoints {
  const metadata = { namespace: 'shop', name: 'web', uid: 'uid-endpoints', ...meta }
  return { apiVersion: 'v1', kind: 'Endpoints', metadata, subsets }
}

const ports = [{ name: 'http', port: 80, protocol: 'TCP' }]
const ips = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => ({
    ip: `10.0.${from + (index >> 8)}.${index & 255}`,
  }))
const sizes = (of: Endpoints) =>
  planMirroring(of, []).slices.create.map(slice => slice.endpoints?.length)

describe('Endpoints are mirrored', () => {
  const bare = service({ selector: {} })
  test.each([
    ['of a Service without a selector', {}, bare, true],
    ['not of one whose pods are known', {}, service(), false],
    ['not of no Service', {}, undefined, false],
    [
      'not where they say so',
      { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } },
      bare,
      false,
    ],
    [
      'but where that label says no',
      { labels: { 'endpointslice.kubernetes.io/skip-mirror': 'false' } },
      bare,
      true,
    ],
    [
      'not where leaders are elected by them',
      { annotations: { 'control-plane.alpha.kubernetes.io/leader': '{}' } },
      bare,
      false,
    ],
    ['not while they are being deleted', { deletionTimestamp: secondsAgo(1) }, bare, false],
  ])('%s', (_, meta, of, expected) => {
    expect(isMirrored(endpoints([], meta), of)).toBe(expected)
  })
})

describe('the slices of Endpoints', () => {
  test('say what the Endpoints say, and whose they are', () => {
    const targetRef = { kind: 'Pod', name: 'p', namespace: 'shop', uid: 'uid-p' }
    const of = endpoints(
      [
        {
          addresses: [{ ip: '10.0.0.1', hostname: 'one', nodeName: 'n1', targetRef }],
          notReadyAddresses: [{ ip: '10.0.0.2' }],
          ports,
        },
      ],
      {
        labels: { team: 'a' },
        annotations: {
          note: 'x',
          'endpoints.kubernetes.io/last-change-trigger-time': 'y',
          'kubectl.kubernetes.io/last-applied-configuration': '{}',
        },
      },
    )
    expect(planMirroring(of, [])).toEqual({
      events: [],
      slices: {
        update: [],
        delete: [],
        create: [
          {
            apiVersion: 'discovery.k8s.io/v1',
            kind: 'EndpointSlice',
            metadata: {
              generateName: 'web-',
              namespace: 'shop',
              labels: {
                team: 'a',
                'kubernetes.io/service-name': 'web',
                'endpointslice.kubernetes.io/managed-by':
                  'endpointslicemirroring-controller.k8s.io',
              },
              annotations: { note: 'x' },
              ownerReferences: [
                {
                  apiVersion: 'v1',
                  kind: 'Endpoints',
                  name: 'web',
                  uid: 'uid-endpoints',
                  controller: true,
                  blockOwnerDeletion: true,
                },
              ],
            },
            addressType: 'IPv4',
            ports,
            endpoints: [
              {
                addresses: ['10.0.0.1'],
                conditions: { ready: true },
                hostname: 'one',
                nodeName: 'n1',
                targetRef,
              },
              { addresses: ['10.0.0.2'], conditions: { ready: false } },
            ],
          },
        ],
      },
    })
  })

  test('are one for each kind of address and each set of ports, and none for nothing', () => {
    const both = [{ ip: '10.0.0.1' }, { ip: 'fd00::1' }]
    const other = [{ port: 443, protocol: 'TCP' }]
    const { create } = planMirroring(
      endpoints([
        { addresses: both, ports },
        { addresses: ips(1), ports: other },
        { addresses: ips(2, 1), ports },
      ]),
      [],
    ).slices
    expect(
      create.map(slice => [slice.addressType, slice.ports?.[0]?.port, slice.endpoints?.length]),
    ).toEqual([
      ['IPv4', 80, 3],
      ['IPv6', 80, 1],
      ['IPv4', 443, 1],
    ])
    expect(sizes(endpoints([]))).toEqual([])
  })

  test('take a thousand addresses of a subset, and an event tells of the rest', () => {
    const of = endpoints([
      { addresses: ips(700), notReadyAddresses: ips(400, 100), ports },
      { addresses: ips(900, 200), ports },
    ])
    expect(sizes(of)).toEqual([1000, 900])
    expect(planMirroring(of, []).events).toEqual([
      {
        reason: 'TooManyAddressesToMirror',
        message:
          'A max of 1000 addresses can be mirrored to EndpointSlices per Endpoints subset. 100 addresses were skipped',
      },
    ])
  })

  test('leave out what is no address, and an event says how many', () => {
    const of = endpoints([{ addresses: [{ ip: 'localhost' }, { ip: '10.0.0.1' }], ports }])
    expect(sizes(of)).toEqual([1])
    expect(planMirroring(of, []).events).toEqual([
      {
        reason: 'InvalidIPAddress',
        message: 'Skipped 1 invalid IP addresses when mirroring to EndpointSlices',
      },
    ])
  })

  test('change in place, stay where nothing has changed, and go with the last address', () => {
    const before = endpoints([{ addresses: ips(2), ports }])
    const made = planMirroring(before, []).slices.create.map(slice => ({
      ...slice,
      metadata: { ...slice.metadata, name: 'web-1' },
    }))
    const nothing = { create: [], update: [], delete: [] }
    expect(planMirroring(before, made).slices).toEqual(nothing)
    const { create, update } = planMirroring(endpoints([{ addresses: ips(3), ports }]), made).slices
    expect(create).toEqual([])
    expect(update.map(({ metadata, endpoints: of }) => [metadata.name, of?.length])).toEqual([
      ['web-1', 3],
    ])
    expect(planMirroring(endpoints([]), made).slices).toEqual({ ...nothing, delete: made })
  })
})
