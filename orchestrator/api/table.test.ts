import { describe, expect, test } from 'vitest'
import { findKindByName, kinds } from './kinds.js'
import type { JsonObject, KubeObject } from './object.js'
import { includeObjectOf, toTable } from './table.js'

const nowMs = Date.UTC(2026, 0, 1, 1, 0, 0)
const created = '2026-01-01T00:00:00Z'

/** Headings and cells of one object, wide columns included, without its metadata. */
function printed(group: string, kindName: string, rest: JsonObject): Record<string, unknown> {
  const kind = findKindByName(group, 'v1', kindName)
  if (kind === null) throw new Error(`no kind ${kindName}`)
  const metadata = { name: 'x', creationTimestamp: created, ...(rest['metadata'] as object) }
  const object = { apiVersion: 'v1', kind: kindName, ...rest, metadata } as KubeObject
  const table = toTable(kind, [object], {}, nowMs, 'None') as unknown as {
    columnDefinitions: { name: string }[]
    rows: { cells: unknown[] }[]
  }
  const [row] = table.rows
  return Object.fromEntries(table.columnDefinitions.map((c, i) => [c.name, row?.cells[i]]))
}

const template = {
  metadata: { labels: { app: 'web' } },
  spec: {
    containers: [
      { name: 'a', image: 'x:1' },
      { name: 'b', image: 'y:2' },
    ],
  },
}

test.each<readonly [string, string, JsonObject, Record<string, unknown>]>([
  [
    'apps',
    'Deployment',
    {
      spec: { replicas: 3, selector: { matchLabels: { app: 'web' } }, template },
      status: { readyReplicas: 1, updatedReplicas: 2, availableReplicas: 1 },
    },
    {
      Name: 'x',
      Ready: '1/3',
      'Up-to-date': 2,
      Available: 1,
      Age: '60m',
      Containers: 'a,b',
      Images: 'x:1,y:2',
      Selector: 'app=web',
    },
  ],
  [
    'apps',
    'ReplicaSet',
    {
      spec: { replicas: 3, selector: { matchLabels: { app: 'web' } }, template },
      status: { replicas: 2 },
    },
    {
      Name: 'x',
      Desired: 3,
      Current: 2,
      Ready: 0,
      Age: '60m',
      Containers: 'a,b',
      Images: 'x:1,y:2',
      Selector: 'app=web',
    },
  ],
  [
    '',
    'Service',
    {
      spec: {
        type: 'NodePort',
        clusterIP: '10.96.0.9',
        ports: [
          { port: 80, nodePort: 30080, protocol: 'TCP' },
          { port: 53, protocol: 'UDP' },
        ],
        selector: { app: 'web' },
      },
    },
    {
      Name: 'x',
      Type: 'NodePort',
      'Cluster-IP': '10.96.0.9',
      'External-IP': '<none>',
      'Port(s)': '80:30080/TCP,53/UDP',
      Age: '60m',
      Selector: 'app=web',
    },
  ],
  [
    '',
    'Node',
    {
      metadata: { labels: { 'node-role.kubernetes.io/control-plane': '' } },
      spec: { unschedulable: true },
      status: {
        conditions: [{ type: 'Ready', status: 'True' }],
        addresses: [{ type: 'InternalIP', address: '127.64.0.1' }],
        nodeInfo: { kubeletVersion: 'v1.33.0', osImage: 'Linux' },
      },
    },
    {
      Name: 'x',
      Status: 'Ready,SchedulingDisabled',
      Roles: 'control-plane',
      Age: '60m',
      Version: 'v1.33.0',
      'Internal-IP': '127.64.0.1',
      'External-IP': '<none>',
      'OS-Image': 'Linux',
      'Kernel-Version': '<unknown>',
      'Container-Runtime': '<unknown>',
    },
  ],
  [
    '',
    'Event',
    {
      involvedObject: { kind: 'Pod', name: 'p' },
      type: 'Normal',
      reason: 'Scheduled',
      message: ' ok\n',
      count: 2,
      firstTimestamp: created,
      lastTimestamp: '2026-01-01T00:59:00Z',
      source: { component: 'kubelet', host: 'n' },
    },
    {
      'Last Seen': '60s',
      Type: 'Normal',
      Reason: 'Scheduled',
      Object: 'pod/p',
      Subobject: '',
      Source: 'kubelet, n',
      Message: 'ok',
      'First Seen': '60m',
      Count: '2',
      Name: 'x',
    },
  ],
  [
    '',
    'Endpoints',
    {
      subsets: [
        {
          addresses: [
            { ip: '10.0.0.1' },
            { ip: '10.0.0.2' },
            { ip: 'fd00::1' },
            { ip: '10.0.0.4' },
          ],
          ports: [{ port: 80 }],
        },
      ],
    },
    {
      Name: 'x',
      Endpoints: '10.0.0.1:80,10.0.0.2:80,[fd00::1]:80 + 1 more...',
      Age: '60m',
    },
  ],
  [
    'discovery.k8s.io',
    'EndpointSlice',
    { addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.1'] }], ports: [{ port: 80 }] },
    { Name: 'x', AddressType: 'IPv4', Ports: '80', Endpoints: '10.0.0.1', Age: '60m' },
  ],
  ['', 'ConfigMap', { data: { a: '' }, binaryData: { b: '' } }, { Name: 'x', Data: 2, Age: '60m' }],
  [
    '',
    'Secret',
    { type: 'Opaque', data: { a: '' } },
    { Name: 'x', Type: 'Opaque', Data: 1, Age: '60m' },
  ],
  ['', 'Namespace', { status: { phase: 'Active' } }, { Name: 'x', Status: 'Active', Age: '60m' }],
  ['', 'ServiceAccount', {}, { Name: 'x', Secrets: 0, Age: '60m' }],
  [
    'coordination.k8s.io',
    'Lease',
    { spec: { holderIdentity: 'me' } },
    { Name: 'x', Holder: 'me', Age: '60m' },
  ],
])('%s %s prints as kubectl users know it', (group, kind, rest, expected) => {
  expect(printed(group, kind, rest)).toEqual(expected)
})

test.each<readonly [JsonObject, JsonObject, string]>([
  [{ type: 'ClusterIP', externalIPs: ['1.2.3.4'] }, {}, '1.2.3.4'],
  [{ type: 'LoadBalancer' }, {}, '<pending>'],
  [{ type: 'LoadBalancer' }, { loadBalancer: { ingress: [{ ip: '5.6.7.8' }] } }, '5.6.7.8'],
  [{ type: 'ExternalName', externalName: 'example.com' }, {}, 'example.com'],
])('a service %j %j is outside at %s', (spec, status, address) => {
  expect(printed('', 'Service', { spec, status })['External-IP']).toBe(address)
})

describe('rows', () => {
  const kind = findKindByName('', 'v1', 'ConfigMap') ?? kinds[0]
  const object: KubeObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' } }

  test.each([
    ['None', undefined],
    [
      'Metadata',
      { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: { name: 'x' } },
    ],
    ['Object', object],
  ] as const)('carry %s of the object', (include, expected) => {
    if (kind === undefined) throw new Error('no kinds')
    const table = toTable(kind, [object], { resourceVersion: '7' }, nowMs, include)
    expect(table).toMatchObject({ kind: 'Table', metadata: { resourceVersion: '7' } })
    expect((table['rows'] as JsonObject[])[0]?.['object']).toEqual(expected)
  })

  test('includeObject of a query is one of three, Metadata by default', () => {
    expect(['', 'None', 'Object', 'x'].map(includeObjectOf)).toEqual([
      'Metadata',
      'None',
      'Object',
      null,
    ])
  })
})
