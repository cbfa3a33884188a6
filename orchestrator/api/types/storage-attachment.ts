// The types of ../schema/storage-attachment.ts, written by source.ts: change the schema, then run the
// tests of this folder with -u.

import type { KubeObject } from '../object.js'
import type { PersistentVolumeSpec } from './core-persistent-volume.js'

export interface VolumeAttachmentSource {
  readonly persistentVolumeName?: string
  readonly inlineVolumeSpec?: PersistentVolumeSpec
}

export interface VolumeAttachmentSpec {
  readonly attacher: string
  readonly source: VolumeAttachmentSource
  readonly nodeName: string
}

export interface VolumeError {
  readonly time?: string
  readonly message?: string
  readonly errorCode?: number
}

export interface VolumeAttachmentStatus {
  readonly attached: boolean
  readonly attachmentMetadata?: { readonly [key: string]: string }
  readonly attachError?: VolumeError
  readonly detachError?: VolumeError
}

export interface VolumeAttachment extends KubeObject {
  readonly spec: VolumeAttachmentSpec
  readonly status?: VolumeAttachmentStatus
}
