// VolumeAttachments.
// Counterpart: storage/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { persistentVolumeSpec } from './core-persistent-volume.js'
import { objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import {
  always,
  bool,
  field,
  int32,
  map,
  pointer,
  string,
  struct,
  time,
  typeMeta,
} from '../schema.js'

export const volumeAttachmentSource: StructSchema = struct(
  'io.k8s.api.storage.v1.VolumeAttachmentSource',
  {
    persistentVolumeName: pointer(1, string),
    inlineVolumeSpec: pointer(2, persistentVolumeSpec),
  },
)

export const volumeAttachmentSpec: StructSchema = struct(
  'io.k8s.api.storage.v1.VolumeAttachmentSpec',
  {
    attacher: always(1, string, { required: true }),
    source: always(2, volumeAttachmentSource, { required: true }),
    nodeName: always(3, string, { required: true }),
  },
)

export const volumeError: StructSchema = struct('io.k8s.api.storage.v1.VolumeError', {
  time: field(1, time),
  message: field(2, string),
  errorCode: pointer(3, int32),
})

export const volumeAttachmentStatus: StructSchema = struct(
  'io.k8s.api.storage.v1.VolumeAttachmentStatus',
  {
    attached: always(1, bool, { required: true }),
    attachmentMetadata: field(2, map(string)),
    attachError: pointer(3, volumeError),
    detachError: pointer(4, volumeError),
  },
)

export const volumeAttachment: StructSchema = struct(
  'io.k8s.api.storage.v1.VolumeAttachment',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: always(2, volumeAttachmentSpec, { required: true }),
    status: field(3, volumeAttachmentStatus),
  },
  { description: 'The wish that a volume be attached to a node, and whether it is.' },
)
