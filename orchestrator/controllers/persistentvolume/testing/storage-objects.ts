// Claims, volumes and classes for tests, with what a test does not care about filled in.

import type { ObjectMeta } from '../../../api/object.js'
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimStatus,
  PersistentVolumeSpec,
} from '../../../api/types/core-persistent-volume.js'
import type { PersistentVolumeClaimSpec } from '../../../api/types/core-volume.js'
import type { StorageClass } from '../../../api/types/storage-class.js'

export function claim(
  name: string,
  spec: PersistentVolumeClaimSpec & { readonly size?: string } = {},
  more: { readonly meta?: Partial<ObjectMeta>; readonly status?: PersistentVolumeClaimStatus } = {},
): PersistentVolumeClaim {
  const { size = '1Gi', ...rest } = spec
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      namespace: 'shop',
      name,
      uid: `uid-${name}`,
      resourceVersion: '1',
      ...more.meta,
    },
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName: '',
      volumeMode: 'Filesystem',
      resources: { requests: { storage: size } },
      ...rest,
    },
    status: more.status ?? { phase: 'Pending' },
  }
}

export function volume(
  name: string,
  spec: PersistentVolumeSpec & { readonly size?: string } = {},
  more: { readonly meta?: Partial<ObjectMeta>; readonly phase?: string } = {},
): PersistentVolume {
  const { size = '1Gi', ...rest } = spec
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name, uid: `uid-${name}`, resourceVersion: '1', ...more.meta },
    spec: {
      capacity: { storage: size },
      accessModes: ['ReadWriteOnce'],
      persistentVolumeReclaimPolicy: 'Retain',
      volumeMode: 'Filesystem',
      hostPath: { path: `/srv/${name}` },
      ...rest,
    },
    status: { phase: more.phase ?? 'Available' },
  }
}

export function storageClass(name: string, more: Partial<StorageClass> = {}): StorageClass {
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name },
    provisioner: 'example.com/disks',
    reclaimPolicy: 'Delete',
    volumeBindingMode: 'Immediate',
    ...more,
  }
}

/** As `volume.spec.claimRef` names it. */
export const refTo = ({ metadata }: PersistentVolumeClaim) => ({
  kind: 'PersistentVolumeClaim',
  apiVersion: 'v1',
  namespace: metadata.namespace ?? '',
  name: metadata.name ?? '',
  uid: metadata.uid ?? '',
})
