// Claims, volumes and classes for tests, and readers of them as informers are.

import type {
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimStatus,
  PersistentVolumeSpec,
} from '../../api/types/core-persistent-volume.js'
import type { PersistentVolumeClaimSpec } from '../../api/types/core-volume.js'
import type { StorageClass } from '../../api/types/storage-class.js'
import type { CSIDriver, CSINode, CSIStorageCapacity } from '../../api/types/storage-csi.js'
import type { VolumeObjects } from '../core/state/snapshot.js'

export interface ClaimShape extends PersistentVolumeClaimSpec {
  readonly storage?: string
  readonly annotations?: Readonly<Record<string, string>>
  readonly status?: PersistentVolumeClaimStatus
}

/** Bound where it has a volumeName. */
export function claim(name: string, shape: ClaimShape = {}): PersistentVolumeClaim {
  const { storage = '1Gi', annotations, status, ...spec } = shape
  const completed = spec.volumeName ? { 'pv.kubernetes.io/bind-completed': 'yes' } : {}
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      namespace: 'shop',
      name,
      uid: `uid-${name}`,
      annotations: { ...completed, ...annotations },
    },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } }, ...spec },
    ...(status ? { status } : {}),
  }
}

export interface VolumeShape extends PersistentVolumeSpec {
  readonly storage?: string
  readonly labels?: Readonly<Record<string, string>>
  /** Value of the node label `host` that it can be reached from. */
  readonly host?: string
}

export function volume(name: string, shape: VolumeShape = {}): PersistentVolume {
  const { storage = '1Gi', labels = {}, host, ...spec } = shape
  const matchExpressions = [{ key: 'host', operator: 'In', values: [host ?? ''] }]
  const nodeAffinity = { required: { nodeSelectorTerms: [{ matchExpressions }] } }
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name, labels },
    spec: {
      capacity: { storage },
      accessModes: ['ReadWriteOnce'],
      ...(host === undefined ? {} : { nodeAffinity }),
      ...spec,
    },
    status: { phase: spec.claimRef ? 'Bound' : 'Available' },
  }
}

export function storageClass(name: string, more: Partial<StorageClass> = {}): StorageClass {
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name },
    provisioner: 'kubernetes.io/no-provisioner',
    volumeBindingMode: 'WaitForFirstConsumer',
    ...more,
  }
}

export interface VolumeSet {
  readonly claims?: readonly PersistentVolumeClaim[]
  readonly volumes?: readonly PersistentVolume[]
  readonly classes?: readonly StorageClass[]
  readonly csiNodes?: readonly CSINode[]
  readonly drivers?: readonly CSIDriver[]
  readonly capacities?: readonly CSIStorageCapacity[]
  readonly promised?: Readonly<Record<string, string>>
}

export function volumeObjects(set: VolumeSet): VolumeObjects {
  const { claims = [], volumes = [], classes = [], csiNodes = [], promised = {} } = set
  const { drivers = [], capacities = [] } = set
  return {
    claim: key => claims.find(({ metadata }) => `shop/${metadata.name}` === key),
    volume: name => volumes.find(({ metadata }) => metadata.name === name),
    volumesOfClass: name => volumes.filter(({ spec }) => (spec?.storageClassName ?? '') === name),
    all: () => volumes,
    storageClass: name => classes.find(({ metadata }) => metadata.name === name),
    csiNode: name => csiNodes.find(({ metadata }) => metadata.name === name),
    driver: name => drivers.find(({ metadata }) => metadata.name === name),
    capacities: () => capacities,
    promisedTo: name => promised[name],
  }
}
