import { describe, expect, test } from 'vitest'
import type { JsonObject, KubeObject } from '../object.js'
import { toTable } from '../table.js'
import { checked, kindNamed } from '../testing/checked-object.js'
import { defaultClass, isDefaultStorageClass } from './default-class.js'

const nowMs = Date.UTC(2026, 0, 1, 1, 0, 0)
const created = '2026-01-01T00:00:00Z'

/** Headings and cells of one object, wide columns included. */
function printed(kindName: string, rest: JsonObject): Record<string, unknown> {
  const metadata = { name: 'x', creationTimestamp: created, ...(rest['metadata'] as object) }
  const object = checked(kindName, { ...rest, metadata })
  const table = toTable(kindNamed(kindName), [object], {}, nowMs, 'None') as unknown as {
    columnDefinitions: { name: string }[]
    rows: { cells: unknown[] }[]
  }
  return Object.fromEntries(
    table.columnDefinitions.map((column, index) => [column.name, table.rows[0]?.cells[index]]),
  )
}

const volume = {
  spec: {
    capacity: { storage: '1024Mi' },
    accessModes: ['ReadOnlyMany', 'ReadWriteOncePod', 'ReadWriteOnce', 'ReadOnlyMany'],
    claimRef: { namespace: 'n', name: 'c' },
    storageClassName: 'fast',
  },
}

test.each<readonly [string, JsonObject, JsonObject]>([
  [
    'PersistentVolume',
    { ...volume, status: { phase: 'Failed', reason: 'Gone' } },
    {
      Name: 'x',
      Capacity: '1Gi',
      'Access Modes': 'RWO,ROX,RWOP',
      'Reclaim Policy': 'Retain',
      Status: 'Failed',
      Claim: 'n/c',
      StorageClass: 'fast',
      VolumeAttributesClass: '<unset>',
      Reason: 'Gone',
      Age: '60m',
      VolumeMode: 'Filesystem',
    },
  ],
  [
    'PersistentVolumeClaim',
    {
      spec: { volumeName: 'v', storageClassName: 'fast', volumeAttributesClassName: 'gold' },
      status: { phase: 'Bound', capacity: { storage: '5Gi' }, accessModes: ['ReadWriteMany'] },
    },
    {
      Name: 'x',
      Status: 'Bound',
      Volume: 'v',
      Capacity: '5Gi',
      'Access Modes': 'RWX',
      StorageClass: 'fast',
      VolumeAttributesClass: 'gold',
      Age: '60m',
      VolumeMode: 'Filesystem',
    },
  ],
  [
    'PersistentVolumeClaim',
    {
      metadata: {
        deletionTimestamp: created,
        annotations: { 'volume.beta.kubernetes.io/storage-class': 'old' },
      },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    },
    {
      Name: 'x',
      Status: 'Terminating',
      Volume: '',
      Capacity: '',
      'Access Modes': '',
      StorageClass: 'old',
      VolumeAttributesClass: '<unset>',
      Age: '60m',
      VolumeMode: 'Filesystem',
    },
  ],
  [
    'StorageClass',
    {
      metadata: { annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
      provisioner: 'p',
      allowVolumeExpansion: true,
    },
    {
      Name: 'x (default)',
      Provisioner: 'p',
      ReclaimPolicy: 'Delete',
      VolumeBindingMode: 'Immediate',
      AllowVolumeExpansion: true,
      Age: '60m',
    },
  ],
  ['VolumeAttributesClass', { driverName: 'd' }, { Name: 'x', DriverName: 'd', Age: '60m' }],
  [
    'CSIDriver',
    { spec: { tokenRequests: [{ audience: 'a' }, { audience: 'b' }] } },
    {
      Name: 'x',
      AttachRequired: true,
      PodInfoOnMount: false,
      StorageCapacity: false,
      TokenRequests: 'a,b',
      RequiresRepublish: false,
      Modes: 'Persistent',
      Age: '60m',
    },
  ],
  [
    'CSINode',
    { spec: { drivers: [{ name: 'd', nodeID: 'n' }] } },
    { Name: 'x', Drivers: 1, Age: '60m' },
  ],
  [
    'CSIStorageCapacity',
    { storageClassName: 'fast' },
    { Name: 'x', StorageClassName: 'fast', Capacity: '<unset>' },
  ],
  [
    'VolumeAttachment',
    {
      spec: { attacher: 'd', nodeName: 'n', source: { persistentVolumeName: 'v' } },
      status: { attached: true },
    },
    { Name: 'x', Attacher: 'd', PV: 'v', Node: 'n', Attached: true, Age: '60m' },
  ],
  [
    'Ingress',
    {
      spec: {
        ingressClassName: 'nginx',
        rules: ['a', 'b', 'c', 'd'].map(host => ({ host })),
        tls: [{}],
      },
      status: { loadBalancer: { ingress: [{ hostname: 'lb' }, { ip: '10.0.0.1' }] } },
    },
    {
      Name: 'x',
      Class: 'nginx',
      Hosts: 'a,b,c + 1 more...',
      Address: '10.0.0.1,lb',
      Ports: '80, 443',
      Age: '60m',
    },
  ],
  [
    'Ingress',
    { spec: { defaultBackend: { service: { name: 'a' } } } },
    { Name: 'x', Class: '<none>', Hosts: '*', Address: '', Ports: '80', Age: '60m' },
  ],
  [
    'IngressClass',
    {
      spec: {
        controller: 'example.com/ingress',
        parameters: { apiGroup: 'example.com', kind: 'Config', name: 'c' },
      },
    },
    {
      Name: 'x',
      Controller: 'example.com/ingress',
      Parameters: 'Config.example.com/c',
      Age: '60m',
    },
  ],
  [
    'NetworkPolicy',
    { spec: { podSelector: { matchLabels: { app: 'web' } } } },
    { Name: 'x', 'Pod-Selector': 'app=web', Age: '60m' },
  ],
  ['NetworkPolicy', {}, { Name: 'x', 'Pod-Selector': '<none>', Age: '60m' }],
  [
    'IPAddress',
    { spec: { parentRef: { resource: 'services', namespace: 'default', name: 'kubernetes' } } },
    { Name: 'x', ParentRef: 'services/default/kubernetes' },
  ],
  [
    'ServiceCIDR',
    { spec: { cidrs: ['10.96.0.0/16', '2001:db8::/64'] } },
    { Name: 'x', CIDRs: '10.96.0.0/16,2001:db8::/64', Age: '60m' },
  ],
])('a %s %j prints as kubectl users know it', (kind, rest, expected) => {
  expect(printed(kind, rest)).toEqual(expected)
})

describe('the default class', () => {
  const named = (name: string, at: string, isDefault: string): KubeObject => ({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: {
      name,
      creationTimestamp: `2026-01-0${at}T00:00:00Z`,
      annotations: { 'storageclass.kubernetes.io/is-default-class': isDefault },
    },
  })

  test('is the newest of those that say so, then the first by name', () => {
    const classes = [
      named('a', '1', 'true'),
      named('c', '2', 'true'),
      named('b', '2', 'true'),
      named('d', '3', 'false'),
    ]
    expect(defaultClass(classes, isDefaultStorageClass)?.metadata.name).toBe('b')
    expect(defaultClass(classes.slice(3), isDefaultStorageClass)).toBeNull()
  })
})
