// Volumes that are directories of a node: what one looks like that is made for a claim. The directory itself is the
// node's to make and to remove (orchestrator/kubelet/local-volumes.ts). Pure. Counterpart: the provisioners that clusters
// of one's own run beside Kubernetes, such as local-path.

import type { Node } from '../../api/types/core-node.js'
import type {
  PersistentVolume,
  PersistentVolumeClaim,
} from '../../api/types/core-persistent-volume.js'
import type { StorageClass } from '../../api/types/storage-class.js'
import {
  localProvisioner,
  localVolumeFinalizer,
  localVolumePath,
  localVolumesMark,
  nodeLabel,
} from '../../api/local-volume.js'
import { boundByController, provisionedBy } from './binding.js'

const accessModes: readonly string[] = ['ReadWriteOnce', 'ReadWriteOncePod']
const labelCharactersMax = 63

/** The same for each try of one claim, so that no claim gets two. */
export const volumeNameOf = ({ metadata }: PersistentVolumeClaim): string => `pvc-${metadata.uid}`

export type LocalVolume =
  | { readonly kind: 'volume'; readonly volume: PersistentVolume }
  /** `elsewhere`: another node may be able to. */
  | { readonly kind: 'refused'; readonly message: string; readonly elsewhere: boolean }

const refused = (message: string, elsewhere = false): LocalVolume => ({
  kind: 'refused',
  message,
  elsewhere,
})

/** `nodeName` is null where none was selected, `node` where it does not exist. */
export function localVolume(
  claim: PersistentVolumeClaim,
  storageClass: StorageClass,
  nodeName: string | null,
  node: Node | null,
): LocalVolume {
  const { spec = {} } = claim
  const modes = spec.accessModes ?? []
  if (modes.some(mode => !accessModes.includes(mode))) {
    return refused(
      `${localProvisioner} only supports the access modes ${accessModes.join(' and ')}`,
    )
  }
  if (spec.volumeMode === 'Block') {
    return refused(`${localProvisioner} makes directories, not volumes of volumeMode Block`)
  }
  if (spec.dataSource !== undefined || spec.dataSourceRef !== undefined) {
    return refused(`${localProvisioner} cannot fill a volume from a data source`)
  }
  if (nodeName === null) {
    return refused(
      `${localProvisioner} makes volumes on the node of their first consumer: its classes need ` +
        'volumeBindingMode WaitForFirstConsumer',
    )
  }
  const directory = node?.metadata.annotations?.[localVolumesMark]
  const hostname = node?.metadata.labels?.['kubernetes.io/hostname']
  if (node === null) return refused(`node "${nodeName}" not found`, true)
  if (directory === undefined || hostname === undefined || nodeName.length > labelCharactersMax) {
    return refused(`node "${nodeName}" does not offer local volumes`, true)
  }
  const { namespace, name, uid } = claim.metadata
  const volumeName = volumeNameOf(claim)
  const affinity = { key: 'kubernetes.io/hostname', operator: 'In', values: [hostname] }
  const volume: PersistentVolume = {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: {
      name: volumeName,
      labels: { [nodeLabel]: nodeName },
      annotations: { [boundByController]: 'yes', [provisionedBy]: localProvisioner },
      finalizers: [localVolumeFinalizer],
    },
    spec: {
      accessModes: modes,
      capacity: { storage: spec.resources?.requests?.['storage'] ?? '0' },
      claimRef: {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        ...(namespace === undefined ? {} : { namespace }),
        ...(name === undefined ? {} : { name }),
        ...(uid === undefined ? {} : { uid }),
      },
      local: { path: localVolumePath(directory, volumeName) },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [affinity] }] } },
      persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? 'Delete',
      storageClassName: storageClass.metadata.name ?? '',
      volumeMode: 'Filesystem',
      ...(storageClass.mountOptions === undefined
        ? {}
        : { mountOptions: storageClass.mountOptions }),
    },
  }
  return { kind: 'volume', volume }
}
