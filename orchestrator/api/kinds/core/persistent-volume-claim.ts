// PersistentVolumeClaims: what pods ask of storage. Counterpart:
// pkg/registry/core/persistentvolumeclaim and printPersistentVolumeClaim.

import { persistentVolumeClaimDefaults } from '../../defaults/storage.js'
import type { Kind } from '../../kind.js'
import { canonicalQuantity } from '../../quantity.js'
import { persistentVolumeClaim as schema } from '../../schema/core-persistent-volume.js'
import type { PersistentVolumeClaim } from '../../types/core-persistent-volume.js'
import { validatePersistentVolumeClaim } from '../../validation/persistent-volume-claim.js'
import { ageColumn, nameColumn, text, wide } from '../columns.js'
import { ordinary } from '../kind-parts.js'
import { withProtection } from '../storage-protection.js'
import { accessModesText, phaseText, storageClassText, unset } from '../storage-columns.js'

function isBound({ spec }: PersistentVolumeClaim): boolean {
  return (spec?.volumeName ?? '') !== ''
}

/** What a claim has, which is not what it asked for. */
function capacityText(claim: PersistentVolumeClaim): string {
  if (!isBound(claim)) return ''
  return canonicalQuantity(claim.status?.capacity?.['storage'] ?? '0') ?? ''
}

export const persistentVolumeClaim: Kind = {
  ...ordinary,
  group: '',
  version: 'v1',
  kind: 'PersistentVolumeClaim',
  plural: 'persistentvolumeclaims',
  singular: 'persistentvolumeclaim',
  shortNames: ['pvc'],
  schema,
  hasStatus: true,
  columns: [
    nameColumn,
    text<PersistentVolumeClaim>('Status', 'Whether it has a volume.', phaseText),
    text<PersistentVolumeClaim>('Volume', 'The name of its volume.', c => c.spec?.volumeName ?? ''),
    text<PersistentVolumeClaim>('Capacity', 'How much its volume holds.', capacityText),
    text<PersistentVolumeClaim>('Access Modes', 'How its volume can be mounted.', c =>
      isBound(c) ? accessModesText(c.status?.accessModes) : '',
    ),
    text<PersistentVolumeClaim>('StorageClass', 'Its class.', storageClassText),
    text<PersistentVolumeClaim>(
      'VolumeAttributesClass',
      'The class of what can be changed of its volume.',
      c => c.spec?.volumeAttributesClassName ?? unset,
    ),
    ageColumn,
    wide<PersistentVolumeClaim>(
      'VolumeMode',
      'A file system, or a block device.',
      c => c.spec?.volumeMode ?? unset,
    ),
  ],
  withDefaults: persistentVolumeClaimDefaults,
  validate: (object, old) => validatePersistentVolumeClaim(object, old),
  writes: {
    deleteReturnsObject: true,
    initialStatus: { phase: 'Pending' },
    onCreate: object => withProtection(object, 'pvc-protection'),
  },
}
