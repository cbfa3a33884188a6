import { expect, test } from 'vitest'
import type { JsonObject } from '../object.js'
import { checked, kindNamed } from '../testing/checked-object.js'

const reference = { kind: 'PersistentVolumeClaim', name: 'a' }
const custom = { apiGroup: 'example.com', kind: 'Backup', name: 'b' }

test.each<readonly [string, JsonObject, JsonObject]>([
  [
    'PersistentVolume',
    { spec: { hostPath: { path: '/' } } },
    {
      spec: {
        hostPath: { path: '/', type: '' },
        persistentVolumeReclaimPolicy: 'Retain',
        volumeMode: 'Filesystem',
      },
      status: { phase: 'Pending' },
    },
  ],
  [
    'PersistentVolume',
    {
      spec: {
        rbd: { monitors: ['m'], image: 'i' },
        iscsi: { targetPortal: 'p', iqn: 'q', lun: 0 },
        azureDisk: { diskName: 'n', diskURI: 'u' },
        scaleIO: { gateway: 'g', system: 's', secretRef: { name: 'x' } },
      },
    },
    {
      spec: {
        rbd: {
          monitors: ['m'],
          image: 'i',
          pool: 'rbd',
          user: 'admin',
          keyring: '/etc/ceph/keyring',
        },
        iscsi: { targetPortal: 'p', iqn: 'q', lun: 0, iscsiInterface: 'default' },
        azureDisk: {
          diskName: 'n',
          diskURI: 'u',
          cachingMode: 'ReadWrite',
          kind: 'Shared',
          fsType: 'ext4',
          readOnly: false,
        },
        scaleIO: { storageMode: 'ThinProvisioned', fsType: 'xfs' },
      },
    },
  ],
  [
    'PersistentVolumeClaim',
    { spec: { volumeMode: 'Block', dataSource: reference } },
    {
      spec: { volumeMode: 'Block', dataSource: reference, dataSourceRef: reference },
      status: { phase: 'Pending' },
    },
  ],
  [
    'PersistentVolumeClaim',
    { spec: { dataSourceRef: custom } },
    { spec: { volumeMode: 'Filesystem', dataSource: custom, dataSourceRef: custom } },
  ],
  ['StorageClass', {}, { reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate' }],
  [
    'CSIDriver',
    { spec: { podInfoOnMount: true } },
    {
      spec: {
        attachRequired: true,
        podInfoOnMount: true,
        storageCapacity: false,
        fsGroupPolicy: 'ReadWriteOnceWithFSType',
        volumeLifecycleModes: ['Persistent'],
        requiresRepublish: false,
        seLinuxMount: false,
      },
    },
  ],
  [
    'NetworkPolicy',
    { spec: { ingress: [{ ports: [{ port: 80 }] }] } },
    {
      spec: {
        podSelector: {},
        ingress: [{ ports: [{ port: 80, protocol: 'TCP' }] }],
        policyTypes: ['Ingress'],
      },
    },
  ],
  [
    'NetworkPolicy',
    { spec: { egress: [{ ports: [{ port: 53, protocol: 'UDP' }] }] } },
    {
      spec: {
        egress: [{ ports: [{ port: 53, protocol: 'UDP' }] }],
        policyTypes: ['Ingress', 'Egress'],
      },
    },
  ],
  ['NetworkPolicy', { spec: { egress: [] } }, { spec: { policyTypes: ['Ingress'] } }],
  [
    'IngressClass',
    { spec: { controller: 'a/b', parameters: { kind: 'C', name: 'c' } } },
    { spec: { controller: 'a/b', parameters: { kind: 'C', name: 'c', scope: 'Cluster' } } },
  ],
])('a %s %j', (kind, given, expected) => {
  const object = checked(kind, given)
  expect(object).toMatchObject(expected)
  expect(kindNamed(kind).withDefaults(object)).toEqual(object)
})

test('a claim copies from what it does not know only by the newer name', () => {
  const foreign = { ...reference, namespace: 'other' }
  const away = checked('PersistentVolumeClaim', { spec: { dataSourceRef: foreign } })
  expect(away).not.toHaveProperty('spec.dataSource')
  const unknown = checked('PersistentVolumeClaim', { spec: { dataSource: custom } })
  expect(unknown).not.toHaveProperty('spec.dataSource')
})

test('an Ingress is left as it is', () => {
  const object = checked('Ingress', { spec: { rules: [{ host: 'a' }] } })
  expect(object).toMatchObject({ spec: { rules: [{ host: 'a' }] } })
  expect(Object.keys(object).sort()).toEqual(['apiVersion', 'kind', 'metadata', 'spec'])
})
