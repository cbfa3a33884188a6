// What storage means when it does not say. Counterpart: SetDefaults_PersistentVolume and
// SetDefaults_PersistentVolumeClaim in pkg/apis/core/v1/defaults.go, and pkg/apis/storage/v1/defaults.go.

import type { KubeObject } from '../object.js'
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeSpec,
} from '../types/core-persistent-volume.js'
import type { TypedLocalObjectReference } from '../types/core-reference.js'
import type { PersistentVolumeClaimSpec } from '../types/core-volume.js'
import type { VolumeAttachment } from '../types/storage-attachment.js'
import type { StorageClass } from '../types/storage-class.js'
import type { CSIDriver } from '../types/storage-csi.js'
import { claimSpecDefaults, sharedSourceDefaults } from './volume.js'

export function persistentVolumeDefaults(object: KubeObject): PersistentVolume {
  const volume = object as PersistentVolume
  return {
    ...volume,
    spec: volumeSpecDefaults(volume.spec ?? {}),
    status: { ...volume.status, phase: volume.status?.phase || 'Pending' },
  }
}

function volumeSpecDefaults(spec: PersistentVolumeSpec): PersistentVolumeSpec {
  return {
    ...sharedSourceDefaults(spec),
    persistentVolumeReclaimPolicy: spec.persistentVolumeReclaimPolicy || 'Retain',
    volumeMode: spec.volumeMode ?? 'Filesystem',
  }
}

export function persistentVolumeClaimDefaults(object: KubeObject): PersistentVolumeClaim {
  const claim = object as PersistentVolumeClaim
  return {
    ...claim,
    spec: withBothDataSources(claimSpecDefaults(claim.spec ?? {})),
    status: { ...claim.status, phase: claim.status?.phase || 'Pending' },
  }
}

/**
 * dataSource is the older of two names for one wish: whichever a client knows, both are stored. It
 * cannot say another namespace, and by itself only a claim or a snapshot; other kinds were dropped.
 */
function withBothDataSources(spec: PersistentVolumeClaimSpec): PersistentVolumeClaimSpec {
  const { dataSource, dataSourceRef, ...rest } = spec
  if (dataSource !== undefined && dataSourceRef === undefined) {
    return isClassicSource(dataSource) ? { ...spec, dataSourceRef: dataSource } : rest
  }
  if (dataSourceRef === undefined || dataSource !== undefined) return spec
  const { namespace = '', ...local } = dataSourceRef
  return namespace === '' ? { ...spec, dataSource: local } : spec
}

function isClassicSource({ apiGroup = '', kind }: TypedLocalObjectReference): boolean {
  return (
    (kind === 'PersistentVolumeClaim' && apiGroup === '') ||
    (kind === 'VolumeSnapshot' && apiGroup === 'snapshot.storage.k8s.io')
  )
}

export function storageClassDefaults(object: KubeObject): StorageClass {
  const storageClass = object as StorageClass
  return {
    ...storageClass,
    reclaimPolicy: storageClass.reclaimPolicy ?? 'Delete',
    volumeBindingMode: storageClass.volumeBindingMode ?? 'Immediate',
  }
}

export function csiDriverDefaults(object: KubeObject): CSIDriver {
  const { spec = {}, ...driver } = object as KubeObject & Partial<CSIDriver>
  const modes = spec.volumeLifecycleModes ?? []
  return {
    ...driver,
    spec: {
      ...spec,
      attachRequired: spec.attachRequired ?? true,
      podInfoOnMount: spec.podInfoOnMount ?? false,
      storageCapacity: spec.storageCapacity ?? false,
      fsGroupPolicy: spec.fsGroupPolicy ?? 'ReadWriteOnceWithFSType',
      volumeLifecycleModes: modes.length === 0 ? ['Persistent'] : modes,
      requiresRepublish: spec.requiresRepublish ?? false,
      seLinuxMount: spec.seLinuxMount ?? false,
    },
  }
}

export function volumeAttachmentDefaults(object: KubeObject): VolumeAttachment {
  const attachment = object as VolumeAttachment
  const inline = attachment.spec?.source.inlineVolumeSpec
  if (inline === undefined) return attachment
  const source = { ...attachment.spec.source, inlineVolumeSpec: sharedSourceDefaults(inline) }
  return { ...attachment, spec: { ...attachment.spec, source } }
}
