// CSIStorageCapacities: how much room a class has in a part of the cluster. Counterpart:
// pkg/registry/storage/csistoragecapacity.

import type { Kind } from '../../kind.js'
import { csiStorageCapacity as schema } from '../../schema/storage-csi.js'
import type { CSIStorageCapacity } from '../../types/storage-csi.js'
import { validateCsiStorageCapacity } from '../../validation/csi.js'
import { nameColumn, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'
import { unset } from '../storage-columns.js'

export const csiStorageCapacity: Kind = {
  ...ordinary,
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIStorageCapacity',
  plural: 'csistoragecapacities',
  singular: 'csistoragecapacity',
  schema,
  columns: [
    nameColumn,
    text<CSIStorageCapacity>('StorageClassName', 'The class of the room.', c => c.storageClassName),
    text<CSIStorageCapacity>('Capacity', 'How much room there is.', c => c.capacity ?? unset),
  ],
  validate: (object, old) =>
    validateCsiStorageCapacity(object as CSIStorageCapacity, old as CSIStorageCapacity | null),
  writes: { deleteReturnsObject: true },
}
