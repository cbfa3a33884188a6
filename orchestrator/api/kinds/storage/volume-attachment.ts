// VolumeAttachments: the wish that a volume be at a node. Counterpart:
// pkg/registry/storage/volumeattachment.

import { volumeAttachmentDefaults } from '../../defaults/storage.js'
import type { Kind } from '../../kind.js'
import { volumeAttachment as schema } from '../../schema/storage-attachment.js'
import type { VolumeAttachment } from '../../types/storage-attachment.js'
import { validateVolumeAttachment } from '../../validation/csi.js'
import { ageColumn, boolean, nameColumn, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'

export const volumeAttachment: Kind = {
  ...ordinary,
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'VolumeAttachment',
  plural: 'volumeattachments',
  singular: 'volumeattachment',
  namespaced: false,
  schema,
  hasStatus: true,
  columns: [
    nameColumn,
    text<VolumeAttachment>('Attacher', 'The driver that attaches it.', a => a.spec.attacher),
    text<VolumeAttachment>('PV', 'The volume.', a => a.spec.source.persistentVolumeName ?? ''),
    text<VolumeAttachment>('Node', 'The node.', a => a.spec.nodeName),
    boolean<VolumeAttachment>('Attached', 'Whether it is there.', a => a.status?.attached ?? false),
    ageColumn,
  ],
  withDefaults: volumeAttachmentDefaults,
  validate: (object, old) =>
    validateVolumeAttachment(object as VolumeAttachment, old as VolumeAttachment | null),
  writes: { deleteReturnsObject: true },
}
