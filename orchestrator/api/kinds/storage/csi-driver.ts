// CSIDrivers: what the cluster must know of a storage driver. Counterpart:
// pkg/registry/storage/csidriver and printCSIDriver.

import { csiDriverDefaults } from '../../defaults/storage.js'
import type { Kind } from '../../kind.js'
import { csiDriver as schema } from '../../schema/storage-csi.js'
import type { CSIDriver } from '../../types/storage-csi.js'
import { validateCsiDriver } from '../../validation/csi.js'
import { ageColumn, boolean, joined, nameColumn, text } from '../columns.js'
import { ordinary } from '../kind-parts.js'
import { unset } from '../storage-columns.js'

export const csiDriver: Kind = {
  ...ordinary,
  group: 'storage.k8s.io',
  version: 'v1',
  kind: 'CSIDriver',
  plural: 'csidrivers',
  singular: 'csidriver',
  namespaced: false,
  schema,
  columns: [
    nameColumn,
    boolean<CSIDriver>(
      'AttachRequired',
      'Whether volumes are attached before they are mounted.',
      d => d.spec.attachRequired ?? true,
    ),
    boolean<CSIDriver>(
      'PodInfoOnMount',
      'Whether it is told which pod a mount is for.',
      d => d.spec.podInfoOnMount ?? false,
    ),
    boolean<CSIDriver>(
      'StorageCapacity',
      'Whether it says how much room there is.',
      d => d.spec.storageCapacity ?? false,
    ),
    text<CSIDriver>('TokenRequests', 'Audiences of the tokens that it is given.', d =>
      d.spec.tokenRequests === undefined
        ? unset
        : d.spec.tokenRequests.map(request => request.audience).join(','),
    ),
    boolean<CSIDriver>(
      'RequiresRepublish',
      'Whether mounts are repeated now and then.',
      d => d.spec.requiresRepublish ?? false,
    ),
    text<CSIDriver>('Modes', 'Whether volumes outlive pods.', d =>
      joined(d.spec.volumeLifecycleModes ?? []),
    ),
    ageColumn,
  ],
  withDefaults: csiDriverDefaults,
  validate: (object, old) => validateCsiDriver(object as CSIDriver, old as CSIDriver | null),
  writes: { deleteReturnsObject: true },
}
