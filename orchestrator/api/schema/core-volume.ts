// Volumes and everything a volume can come from.
// Counterpart: core/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import {
  localObjectReference,
  objectFieldSelector,
  resourceFieldSelector,
  typedLocalObjectReference,
  typedObjectReference,
} from './core-reference.js'
import { labelSelector, objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import {
  always,
  bool,
  field,
  inlined,
  int32,
  int64,
  list,
  map,
  pointer,
  quantity,
  string,
  struct,
} from '../schema.js'

export const awsElasticBlockStoreVolumeSource: StructSchema = struct(
  'io.k8s.api.core.v1.AWSElasticBlockStoreVolumeSource',
  {
    volumeID: always(1, string, { required: true }),
    fsType: field(2, string),
    partition: field(3, int32),
    readOnly: field(4, bool),
  },
)

export const azureDiskVolumeSource: StructSchema = struct(
  'io.k8s.api.core.v1.AzureDiskVolumeSource',
  {
    diskName: always(1, string, { required: true }),
    diskURI: always(2, string, { required: true }),
    cachingMode: pointer(3, string),
    fsType: pointer(4, string),
    readOnly: pointer(5, bool),
    kind: pointer(6, string),
  },
)

export const azureFileVolumeSource: StructSchema = struct(
  'io.k8s.api.core.v1.AzureFileVolumeSource',
  {
    secretName: always(1, string, { required: true }),
    shareName: always(2, string, { required: true }),
    readOnly: field(3, bool),
  },
)

export const csiVolumeSource: StructSchema = struct('io.k8s.api.core.v1.CSIVolumeSource', {
  driver: always(1, string, { required: true }),
  readOnly: pointer(2, bool),
  fsType: pointer(3, string),
  volumeAttributes: field(4, map(string)),
  nodePublishSecretRef: pointer(5, localObjectReference),
})

export const cephFSVolumeSource: StructSchema = struct('io.k8s.api.core.v1.CephFSVolumeSource', {
  monitors: always(1, list(string), { required: true }),
  path: field(2, string),
  user: field(3, string),
  secretFile: field(4, string),
  secretRef: pointer(5, localObjectReference),
  readOnly: field(6, bool),
})

export const cinderVolumeSource: StructSchema = struct('io.k8s.api.core.v1.CinderVolumeSource', {
  volumeID: always(1, string, { required: true }),
  fsType: field(2, string),
  readOnly: field(3, bool),
  secretRef: pointer(4, localObjectReference),
})

export const keyToPath: StructSchema = struct('io.k8s.api.core.v1.KeyToPath', {
  key: always(1, string, { required: true }),
  path: always(2, string, { required: true }),
  mode: pointer(3, int32),
})

export const configMapVolumeSource: StructSchema = struct(
  'io.k8s.api.core.v1.ConfigMapVolumeSource',
  {
    ...inlined(1, { name: field(1, string) }),
    items: field(2, list(keyToPath)),
    defaultMode: pointer(3, int32),
    optional: pointer(4, bool),
  },
)

export const downwardAPIVolumeFile: StructSchema = struct(
  'io.k8s.api.core.v1.DownwardAPIVolumeFile',
  {
    path: always(1, string, { required: true }),
    fieldRef: pointer(2, objectFieldSelector),
    resourceFieldRef: pointer(3, resourceFieldSelector),
    mode: pointer(4, int32),
  },
)

export const downwardAPIVolumeSource: StructSchema = struct(
  'io.k8s.api.core.v1.DownwardAPIVolumeSource',
  {
    items: field(1, list(downwardAPIVolumeFile)),
    defaultMode: pointer(2, int32),
  },
)

export const emptyDirVolumeSource: StructSchema = struct(
  'io.k8s.api.core.v1.EmptyDirVolumeSource',
  {
    medium: field(1, string),
    sizeLimit: pointer(2, quantity),
  },
)

export const volumeResourceRequirements: StructSchema = struct(
  'io.k8s.api.core.v1.VolumeResourceRequirements',
  {
    limits: field(1, map(quantity)),
    requests: field(2, map(quantity)),
  },
)

export const persistentVolumeClaimSpec: StructSchema = struct(
  'io.k8s.api.core.v1.PersistentVolumeClaimSpec',
  {
    accessModes: field(1, list(string)),
    resources: field(2, volumeResourceRequirements),
    volumeName: field(3, string),
    selector: pointer(4, labelSelector),
    storageClassName: pointer(5, string),
    volumeMode: pointer(6, string, { enum: ['Block', 'Filesystem'] }),
    dataSource: pointer(7, typedLocalObjectReference),
    dataSourceRef: pointer(8, typedObjectReference),
    volumeAttributesClassName: pointer(9, string),
  },
)

export const persistentVolumeClaimTemplate: StructSchema = struct(
  'io.k8s.api.core.v1.PersistentVolumeClaimTemplate',
  {
    metadata: field(1, objectMeta),
    spec: always(2, persistentVolumeClaimSpec, { required: true }),
  },
)

export const ephemeralVolumeSource: StructSchema = struct(
  'io.k8s.api.core.v1.EphemeralVolumeSource',
  {
    volumeClaimTemplate: pointer(1, persistentVolumeClaimTemplate),
  },
)

export const fcVolumeSource: StructSchema = struct('io.k8s.api.core.v1.FCVolumeSource', {
  targetWWNs: field(1, list(string)),
  lun: pointer(2, int32),
  fsType: field(3, string),
  readOnly: field(4, bool),
  wwids: field(5, list(string)),
})

export const flexVolumeSource: StructSchema = struct('io.k8s.api.core.v1.FlexVolumeSource', {
  driver: always(1, string, { required: true }),
  fsType: field(2, string),
  secretRef: pointer(3, localObjectReference),
  readOnly: field(4, bool),
  options: field(5, map(string)),
})

export const flockerVolumeSource: StructSchema = struct('io.k8s.api.core.v1.FlockerVolumeSource', {
  datasetName: field(1, string),
  datasetUUID: field(2, string),
})

export const gcePersistentDiskVolumeSource: StructSchema = struct(
  'io.k8s.api.core.v1.GCEPersistentDiskVolumeSource',
  {
    pdName: always(1, string, { required: true }),
    fsType: field(2, string),
    partition: field(3, int32),
    readOnly: field(4, bool),
  },
)

export const gitRepoVolumeSource: StructSchema = struct('io.k8s.api.core.v1.GitRepoVolumeSource', {
  repository: always(1, string, { required: true }),
  revision: field(2, string),
  directory: field(3, string),
})

export const glusterfsVolumeSource: StructSchema = struct(
  'io.k8s.api.core.v1.GlusterfsVolumeSource',
  {
    endpoints: always(1, string, { required: true }),
    path: always(2, string, { required: true }),
    readOnly: field(3, bool),
  },
)

export const hostPathVolumeSource: StructSchema = struct(
  'io.k8s.api.core.v1.HostPathVolumeSource',
  {
    path: always(1, string, { required: true }),
    type: pointer(2, string),
  },
)

export const iscsiVolumeSource: StructSchema = struct('io.k8s.api.core.v1.ISCSIVolumeSource', {
  targetPortal: always(1, string, { required: true }),
  iqn: always(2, string, { required: true }),
  lun: always(3, int32, { required: true }),
  iscsiInterface: field(4, string),
  fsType: field(5, string),
  readOnly: field(6, bool),
  portals: field(7, list(string)),
  chapAuthDiscovery: field(8, bool),
  secretRef: pointer(10, localObjectReference),
  chapAuthSession: field(11, bool),
  initiatorName: pointer(12, string),
})

export const imageVolumeSource: StructSchema = struct('io.k8s.api.core.v1.ImageVolumeSource', {
  reference: field(1, string),
  pullPolicy: field(2, string),
})

export const nfsVolumeSource: StructSchema = struct('io.k8s.api.core.v1.NFSVolumeSource', {
  server: always(1, string, { required: true }),
  path: always(2, string, { required: true }),
  readOnly: field(3, bool),
})

export const persistentVolumeClaimVolumeSource: StructSchema = struct(
  'io.k8s.api.core.v1.PersistentVolumeClaimVolumeSource',
  {
    claimName: always(1, string, { required: true }),
    readOnly: field(2, bool),
  },
)

export const photonPersistentDiskVolumeSource: StructSchema = struct(
  'io.k8s.api.core.v1.PhotonPersistentDiskVolumeSource',
  {
    pdID: always(1, string, { required: true }),
    fsType: field(2, string),
  },
)

export const portworxVolumeSource: StructSchema = struct(
  'io.k8s.api.core.v1.PortworxVolumeSource',
  {
    volumeID: always(1, string, { required: true }),
    fsType: field(2, string),
    readOnly: field(3, bool),
  },
)

export const clusterTrustBundleProjection: StructSchema = struct(
  'io.k8s.api.core.v1.ClusterTrustBundleProjection',
  {
    name: pointer(1, string),
    signerName: pointer(2, string),
    labelSelector: pointer(3, labelSelector),
    path: always(4, string, { required: true }),
    optional: pointer(5, bool),
  },
)

export const configMapProjection: StructSchema = struct('io.k8s.api.core.v1.ConfigMapProjection', {
  ...inlined(1, { name: field(1, string) }),
  items: field(2, list(keyToPath)),
  optional: pointer(4, bool),
})

export const downwardAPIProjection: StructSchema = struct(
  'io.k8s.api.core.v1.DownwardAPIProjection',
  {
    items: field(1, list(downwardAPIVolumeFile)),
  },
)

export const podCertificateProjection: StructSchema = struct(
  'io.k8s.api.core.v1.PodCertificateProjection',
  {
    signerName: field(1, string, { required: true }),
    keyType: field(2, string, { required: true }),
    maxExpirationSeconds: pointer(3, int32),
    credentialBundlePath: field(4, string),
    keyPath: field(5, string),
    certificateChainPath: field(6, string),
    userAnnotations: field(7, map(string)),
  },
)

export const secretProjection: StructSchema = struct('io.k8s.api.core.v1.SecretProjection', {
  ...inlined(1, { name: field(1, string) }),
  items: field(2, list(keyToPath)),
  optional: pointer(4, bool),
})

export const serviceAccountTokenProjection: StructSchema = struct(
  'io.k8s.api.core.v1.ServiceAccountTokenProjection',
  {
    audience: field(1, string),
    expirationSeconds: pointer(2, int64),
    path: always(3, string, { required: true }),
  },
)

export const volumeProjection: StructSchema = struct('io.k8s.api.core.v1.VolumeProjection', {
  secret: pointer(1, secretProjection),
  downwardAPI: pointer(2, downwardAPIProjection),
  configMap: pointer(3, configMapProjection),
  serviceAccountToken: pointer(4, serviceAccountTokenProjection),
  clusterTrustBundle: pointer(5, clusterTrustBundleProjection),
  podCertificate: pointer(6, podCertificateProjection),
})

export const projectedVolumeSource: StructSchema = struct(
  'io.k8s.api.core.v1.ProjectedVolumeSource',
  {
    sources: always(1, list(volumeProjection)),
    defaultMode: pointer(2, int32),
  },
)

export const quobyteVolumeSource: StructSchema = struct('io.k8s.api.core.v1.QuobyteVolumeSource', {
  registry: always(1, string, { required: true }),
  volume: always(2, string, { required: true }),
  readOnly: field(3, bool),
  user: field(4, string),
  group: field(5, string),
  tenant: field(6, string),
})

export const rbdVolumeSource: StructSchema = struct('io.k8s.api.core.v1.RBDVolumeSource', {
  monitors: always(1, list(string), { required: true }),
  image: always(2, string, { required: true }),
  fsType: field(3, string),
  pool: field(4, string),
  user: field(5, string),
  keyring: field(6, string),
  secretRef: pointer(7, localObjectReference),
  readOnly: field(8, bool),
})

export const scaleIOVolumeSource: StructSchema = struct('io.k8s.api.core.v1.ScaleIOVolumeSource', {
  gateway: always(1, string, { required: true }),
  system: always(2, string, { required: true }),
  secretRef: pointer(3, localObjectReference, { required: true }),
  sslEnabled: field(4, bool),
  protectionDomain: field(5, string),
  storagePool: field(6, string),
  storageMode: field(7, string),
  volumeName: field(8, string),
  fsType: field(9, string),
  readOnly: field(10, bool),
})

export const secretVolumeSource: StructSchema = struct('io.k8s.api.core.v1.SecretVolumeSource', {
  secretName: field(1, string),
  items: field(2, list(keyToPath)),
  defaultMode: pointer(3, int32),
  optional: pointer(4, bool),
})

export const storageOSVolumeSource: StructSchema = struct(
  'io.k8s.api.core.v1.StorageOSVolumeSource',
  {
    volumeName: field(1, string),
    volumeNamespace: field(2, string),
    fsType: field(3, string),
    readOnly: field(4, bool),
    secretRef: pointer(5, localObjectReference),
  },
)

export const vsphereVirtualDiskVolumeSource: StructSchema = struct(
  'io.k8s.api.core.v1.VsphereVirtualDiskVolumeSource',
  {
    volumePath: always(1, string, { required: true }),
    fsType: field(2, string),
    storagePolicyName: field(3, string),
    storagePolicyID: field(4, string),
  },
)

/** Spread in JSON, a message of its own on the protobuf wire. */
const volumeSourceFields = {
  hostPath: pointer(1, hostPathVolumeSource),
  emptyDir: pointer(2, emptyDirVolumeSource),
  gcePersistentDisk: pointer(3, gcePersistentDiskVolumeSource),
  awsElasticBlockStore: pointer(4, awsElasticBlockStoreVolumeSource),
  gitRepo: pointer(5, gitRepoVolumeSource),
  secret: pointer(6, secretVolumeSource),
  nfs: pointer(7, nfsVolumeSource),
  iscsi: pointer(8, iscsiVolumeSource),
  glusterfs: pointer(9, glusterfsVolumeSource),
  persistentVolumeClaim: pointer(10, persistentVolumeClaimVolumeSource),
  rbd: pointer(11, rbdVolumeSource),
  flexVolume: pointer(12, flexVolumeSource),
  cinder: pointer(13, cinderVolumeSource),
  cephfs: pointer(14, cephFSVolumeSource),
  flocker: pointer(15, flockerVolumeSource),
  downwardAPI: pointer(16, downwardAPIVolumeSource),
  fc: pointer(17, fcVolumeSource),
  azureFile: pointer(18, azureFileVolumeSource),
  configMap: pointer(19, configMapVolumeSource),
  vsphereVolume: pointer(20, vsphereVirtualDiskVolumeSource),
  quobyte: pointer(21, quobyteVolumeSource),
  azureDisk: pointer(22, azureDiskVolumeSource),
  photonPersistentDisk: pointer(23, photonPersistentDiskVolumeSource),
  portworxVolume: pointer(24, portworxVolumeSource),
  scaleIO: pointer(25, scaleIOVolumeSource),
  projected: pointer(26, projectedVolumeSource),
  storageos: pointer(27, storageOSVolumeSource),
  csi: pointer(28, csiVolumeSource),
  ephemeral: pointer(29, ephemeralVolumeSource),
  image: pointer(30, imageVolumeSource),
}

export const volume: StructSchema = struct(
  'io.k8s.api.core.v1.Volume',
  {
    name: always(1, string, { required: true }),
    ...inlined(2, volumeSourceFields),
  },
  { description: 'A directory that the containers of a pod can mount.' },
)
