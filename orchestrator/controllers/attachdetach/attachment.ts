// How attachments and the volumes in a node's status are called. Pure. Counterpart: getAttachmentName of pkg/volume/csi and
// GetUniqueVolumeName of pkg/volume/util: kubelets and drivers reckon the same names.

import type { PersistentVolume } from '../../api/types/core-persistent-volume.js'
import type { VolumeAttachment } from '../../api/types/storage-attachment.js'

/** Gives the SHA-256 of a text in hexadecimal digits. */
export type HashText = (text: string) => string

export function attachmentName(volume: PersistentVolume, nodeName: string, hash: HashText): string {
  const { driver = '', volumeHandle = '' } = volume.spec?.csi ?? {}
  return `csi-${hash(`${volumeHandle}${driver}${nodeName}`)}`
}

/** Only what is called as we call it is ours to take away. */
export const isOurs = ({ metadata }: VolumeAttachment): boolean =>
  /^csi-[0-9a-f]{64}$/.test(metadata.name ?? '')

/** As in node.status.volumesAttached and volumesInUse. */
export function uniqueName({ spec }: PersistentVolume): string {
  return `kubernetes.io/csi/${spec?.csi?.driver ?? ''}^${spec?.csi?.volumeHandle ?? ''}`
}

export function newAttachment(
  volume: PersistentVolume,
  nodeName: string,
  hash: HashText,
): VolumeAttachment {
  return {
    apiVersion: 'storage.k8s.io/v1',
    kind: 'VolumeAttachment',
    metadata: { name: attachmentName(volume, nodeName, hash) },
    spec: {
      attacher: volume.spec?.csi?.driver ?? '',
      nodeName,
      source: { persistentVolumeName: volume.metadata.name ?? '' },
    },
  }
}
