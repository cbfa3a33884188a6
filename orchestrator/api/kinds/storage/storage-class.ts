// StorageClasses: kinds of storage that claims can name. Counterpart:
// pkg/registry/storage/storageclass and printStorageClass.

import { storageClassDefaults } from '../../defaults/storage.js'
import type { Kind } from '../../kind.js'
import { storageClass as schema } from '../../schema/storage-class.js'
import type { StorageClass } from '../../types/storage-class.js'
import { validateStorageClass } from '../../validation/storage-class.js'
import { ageColumn, nameColumn, text } from '../columns.js'
import { isDefaultStorageClass } from '../default-class.js'
import { ordinary } from '../kind-parts.js'

export const storageClass: Kind = {
  ...ordinary,
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'StorageClass',
  plural: 'storageclasses',
  singular: 'storageclass',
  shortNames: ['sc'],
  namespaced: false,
  schema,
  columns: [
    {
      ...nameColumn,
      cell: object => {
        const { name = '' } = object.metadata
        return isDefaultStorageClass(object) ? `${name} (default)` : name
      },
    },
    text<StorageClass>('Provisioner', 'Who makes its volumes.', c => c.provisioner),
    text<StorageClass>(
      'ReclaimPolicy',
      'What becomes of its volumes without their claims.',
      c => c.reclaimPolicy ?? 'Delete',
    ),
    text<StorageClass>(
      'VolumeBindingMode',
      'Whether volumes are made at once, or when a pod needs them.',
      c => c.volumeBindingMode ?? 'Immediate',
    ),
    text<StorageClass>(
      'AllowVolumeExpansion',
      'Whether its volumes can grow.',
      c => c.allowVolumeExpansion ?? false,
    ),
    ageColumn,
  ],
  withDefaults: storageClassDefaults,
  validate: (object, old) =>
    validateStorageClass(object as StorageClass, old as StorageClass | null),
  writes: { deleteReturnsObject: true },
}
