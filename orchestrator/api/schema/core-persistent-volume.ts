// PersistentVolumes and the claims on them.
// Counterpart: core/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { objectReference } from './core-reference.js'
import { nodeSelector } from './core-scheduling.js'
import {
  awsElasticBlockStoreVolumeSource,
  azureDiskVolumeSource,
  fcVolumeSource,
  flockerVolumeSource,
  gcePersistentDiskVolumeSource,
  hostPathVolumeSource,
  nfsVolumeSource,
  persistentVolumeClaimSpec,
  photonPersistentDiskVolumeSource,
  portworxVolumeSource,
  quobyteVolumeSource,
  vsphereVirtualDiskVolumeSource,
} from './core-volume.js'
import { objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import {
  always,
  bool,
  field,
  inlined,
  int32,
  keyed,
  list,
  map,
  pointer,
  quantity,
  string,
  struct,
  time,
  typeMeta,
} from '../schema.js'

export const secretReference: StructSchema = struct(
  'io.k8s.api.core.v1.SecretReference',
  {
    name: field(1, string),
    namespace: field(2, string),
  },
  { atomic: true },
)

export const azureFilePersistentVolumeSource: StructSchema = struct(
  'io.k8s.api.core.v1.AzureFilePersistentVolumeSource',
  {
    secretName: always(1, string, { required: true }),
    shareName: always(2, string, { required: true }),
    readOnly: field(3, bool),
    secretNamespace: pointer(4, string),
  },
)

export const csiPersistentVolumeSource: StructSchema = struct(
  'io.k8s.api.core.v1.CSIPersistentVolumeSource',
  {
    driver: always(1, string, { required: true }),
    volumeHandle: always(2, string, { required: true }),
    readOnly: field(3, bool),
    fsType: field(4, string),
    volumeAttributes: field(5, map(string)),
    controllerPublishSecretRef: pointer(6, secretReference),
    nodeStageSecretRef: pointer(7, secretReference),
    nodePublishSecretRef: pointer(8, secretReference),
    controllerExpandSecretRef: pointer(9, secretReference),
    nodeExpandSecretRef: pointer(10, secretReference),
  },
)

export const cephFSPersistentVolumeSource: StructSchema = struct(
  'io.k8s.api.core.v1.CephFSPersistentVolumeSource',
  {
    monitors: always(1, list(string), { required: true }),
    path: field(2, string),
    user: field(3, string),
    secretFile: field(4, string),
    secretRef: pointer(5, secretReference),
    readOnly: field(6, bool),
  },
)

export const cinderPersistentVolumeSource: StructSchema = struct(
  'io.k8s.api.core.v1.CinderPersistentVolumeSource',
  {
    volumeID: always(1, string, { required: true }),
    fsType: field(2, string),
    readOnly: field(3, bool),
    secretRef: pointer(4, secretReference),
  },
)

export const flexPersistentVolumeSource: StructSchema = struct(
  'io.k8s.api.core.v1.FlexPersistentVolumeSource',
  {
    driver: always(1, string, { required: true }),
    fsType: field(2, string),
    secretRef: pointer(3, secretReference),
    readOnly: field(4, bool),
    options: field(5, map(string)),
  },
)

export const glusterfsPersistentVolumeSource: StructSchema = struct(
  'io.k8s.api.core.v1.GlusterfsPersistentVolumeSource',
  {
    endpoints: always(1, string, { required: true }),
    path: always(2, string, { required: true }),
    readOnly: field(3, bool),
    endpointsNamespace: pointer(4, string),
  },
)

export const iscsiPersistentVolumeSource: StructSchema = struct(
  'io.k8s.api.core.v1.ISCSIPersistentVolumeSource',
  {
    targetPortal: always(1, string, { required: true }),
    iqn: always(2, string, { required: true }),
    lun: always(3, int32, { required: true }),
    iscsiInterface: field(4, string),
    fsType: field(5, string),
    readOnly: field(6, bool),
    portals: field(7, list(string)),
    chapAuthDiscovery: field(8, bool),
    secretRef: pointer(10, secretReference),
    chapAuthSession: field(11, bool),
    initiatorName: pointer(12, string),
  },
)

export const localVolumeSource: StructSchema = struct('io.k8s.api.core.v1.LocalVolumeSource', {
  path: always(1, string, { required: true }),
  fsType: pointer(2, string),
})

export const rbdPersistentVolumeSource: StructSchema = struct(
  'io.k8s.api.core.v1.RBDPersistentVolumeSource',
  {
    monitors: always(1, list(string), { required: true }),
    image: always(2, string, { required: true }),
    fsType: field(3, string),
    pool: field(4, string),
    user: field(5, string),
    keyring: field(6, string),
    secretRef: pointer(7, secretReference),
    readOnly: field(8, bool),
  },
)

export const scaleIOPersistentVolumeSource: StructSchema = struct(
  'io.k8s.api.core.v1.ScaleIOPersistentVolumeSource',
  {
    gateway: always(1, string, { required: true }),
    system: always(2, string, { required: true }),
    secretRef: pointer(3, secretReference, { required: true }),
    sslEnabled: field(4, bool),
    protectionDomain: field(5, string),
    storagePool: field(6, string),
    storageMode: field(7, string),
    volumeName: field(8, string),
    fsType: field(9, string),
    readOnly: field(10, bool),
  },
)

export const storageOSPersistentVolumeSource: StructSchema = struct(
  'io.k8s.api.core.v1.StorageOSPersistentVolumeSource',
  {
    volumeName: field(1, string),
    volumeNamespace: field(2, string),
    fsType: field(3, string),
    readOnly: field(4, bool),
    secretRef: pointer(5, objectReference),
  },
)

export const volumeNodeAffinity: StructSchema = struct('io.k8s.api.core.v1.VolumeNodeAffinity', {
  required: pointer(1, nodeSelector),
})

export const persistentVolumeSpec: StructSchema = struct(
  'io.k8s.api.core.v1.PersistentVolumeSpec',
  {
    capacity: field(1, map(quantity)),
    ...inlined(2, {
      gcePersistentDisk: pointer(1, gcePersistentDiskVolumeSource),
      awsElasticBlockStore: pointer(2, awsElasticBlockStoreVolumeSource),
      hostPath: pointer(3, hostPathVolumeSource),
      glusterfs: pointer(4, glusterfsPersistentVolumeSource),
      nfs: pointer(5, nfsVolumeSource),
      rbd: pointer(6, rbdPersistentVolumeSource),
      iscsi: pointer(7, iscsiPersistentVolumeSource),
      cinder: pointer(8, cinderPersistentVolumeSource),
      cephfs: pointer(9, cephFSPersistentVolumeSource),
      fc: pointer(10, fcVolumeSource),
      flocker: pointer(11, flockerVolumeSource),
      flexVolume: pointer(12, flexPersistentVolumeSource),
      azureFile: pointer(13, azureFilePersistentVolumeSource),
      vsphereVolume: pointer(14, vsphereVirtualDiskVolumeSource),
      quobyte: pointer(15, quobyteVolumeSource),
      azureDisk: pointer(16, azureDiskVolumeSource),
      photonPersistentDisk: pointer(17, photonPersistentDiskVolumeSource),
      portworxVolume: pointer(18, portworxVolumeSource),
      scaleIO: pointer(19, scaleIOPersistentVolumeSource),
      local: pointer(20, localVolumeSource),
      storageos: pointer(21, storageOSPersistentVolumeSource),
      csi: pointer(22, csiPersistentVolumeSource),
    }),
    accessModes: field(3, list(string)),
    claimRef: pointer(4, objectReference),
    persistentVolumeReclaimPolicy: field(5, string, { enum: ['Delete', 'Recycle', 'Retain'] }),
    storageClassName: field(6, string),
    mountOptions: field(7, list(string)),
    volumeMode: pointer(8, string, { enum: ['Block', 'Filesystem'] }),
    nodeAffinity: pointer(9, volumeNodeAffinity),
    volumeAttributesClassName: pointer(10, string),
  },
)

export const persistentVolumeStatus: StructSchema = struct(
  'io.k8s.api.core.v1.PersistentVolumeStatus',
  {
    phase: field(1, string, { enum: ['Available', 'Bound', 'Failed', 'Pending', 'Released'] }),
    message: field(2, string),
    reason: field(3, string),
    lastPhaseTransitionTime: pointer(4, time),
  },
)

export const persistentVolume: StructSchema = struct(
  'io.k8s.api.core.v1.PersistentVolume',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: field(2, persistentVolumeSpec),
    status: field(3, persistentVolumeStatus),
  },
  { description: 'A piece of storage that outlives pods.' },
)

export const modifyVolumeStatus: StructSchema = struct('io.k8s.api.core.v1.ModifyVolumeStatus', {
  targetVolumeAttributesClassName: field(1, string),
  status: always(2, string, { required: true }),
})

export const persistentVolumeClaimCondition: StructSchema = struct(
  'io.k8s.api.core.v1.PersistentVolumeClaimCondition',
  {
    type: always(1, string, { required: true }),
    status: always(2, string, { required: true }),
    lastProbeTime: field(3, time),
    lastTransitionTime: field(4, time),
    reason: field(5, string),
    message: field(6, string),
  },
)

export const persistentVolumeClaimStatus: StructSchema = struct(
  'io.k8s.api.core.v1.PersistentVolumeClaimStatus',
  {
    phase: field(1, string, { enum: ['Bound', 'Lost', 'Pending'] }),
    accessModes: field(2, list(string)),
    capacity: field(3, map(quantity)),
    conditions: field(4, keyed(persistentVolumeClaimCondition, 'type'), { mergeKey: 'type' }),
    allocatedResources: field(5, map(quantity)),
    allocatedResourceStatuses: field(7, map(string)),
    currentVolumeAttributesClassName: pointer(8, string),
    modifyVolumeStatus: pointer(9, modifyVolumeStatus),
  },
)

export const persistentVolumeClaim: StructSchema = struct(
  'io.k8s.api.core.v1.PersistentVolumeClaim',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: field(2, persistentVolumeClaimSpec),
    status: field(3, persistentVolumeClaimStatus),
  },
  { description: 'A wish for storage, and what it was given.' },
)
