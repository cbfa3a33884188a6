// VolumeAttributesClasses: what volumes that exist can be changed to. Counterpart:
// pkg/registry/storage/volumeattributesclass.

import type { Kind } from '../../kind.js'
import { volumeAttributesClass as schema } from '../../schema/storage-class.js'
import type { VolumeAttributesClass } from '../../types/storage-class.js'
import { validateVolumeAttributesClass } from '../../validation/storage-class.js'
import { ageColumn, nameColumn, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'

export const volumeAttributesClass: Kind = {
  ...ordinary,
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'VolumeAttributesClass',
  plural: 'volumeattributesclasses',
  singular: 'volumeattributesclass',
  shortNames: ['vac'],
  namespaced: false,
  schema,
  columns: [
    nameColumn,
    text<VolumeAttributesClass>('DriverName', 'The driver of its volumes.', c => c.driverName),
    ageColumn,
  ],
  validate: (object, old) =>
    validateVolumeAttributesClass(
      object as VolumeAttributesClass,
      old as VolumeAttributesClass | null,
    ),
  writes: { deleteReturnsObject: true },
}
