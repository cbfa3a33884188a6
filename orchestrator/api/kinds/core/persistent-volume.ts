// PersistentVolumes: storage that outlives pods. Counterpart: pkg/registry/core/persistentvolume and
// printPersistentVolume.

import { persistentVolumeDefaults } from '../../defaults/storage.js'
import type { Kind } from '../../kind.js'
import type { KubeObject } from '../../object.js'
import { canonicalQuantity } from '../../quantity.js'
import { persistentVolume as schema } from '../../schema/core-persistent-volume.js'
import type { PersistentVolume } from '../../types/core-persistent-volume.js'
import { validatePersistentVolume } from '../../validation/persistent-volume.js'
import { ageColumn, nameColumn, text, wide } from '../columns.js'
import { ordinary } from '../kind-parts.js'
import { withProtection } from '../storage-protection.js'
import { accessModesText, phaseText, storageClassText, unset } from '../storage-columns.js'

function capacityText({ spec }: PersistentVolume): string {
  return canonicalQuantity(spec?.capacity?.['storage'] ?? '0') ?? ''
}

function claimText({ spec }: PersistentVolume): string {
  const claim = spec?.claimRef
  return claim === undefined ? '' : `${claim.namespace ?? ''}/${claim.name ?? ''}`
}

/** A volume is as old as its phase. */
function withFirstPhase(object: KubeObject): PersistentVolume {
  const { creationTimestamp } = object.metadata
  const since =
    creationTimestamp === undefined ? {} : { lastPhaseTransitionTime: creationTimestamp }
  return { ...object, status: { phase: 'Pending', ...since } }
}

export const persistentVolume: Kind = {
  ...ordinary,
  group: '',
  version: 'v1',
  kind: 'PersistentVolume',
  plural: 'persistentvolumes',
  singular: 'persistentvolume',
  shortNames: ['pv'],
  namespaced: false,
  schema,
  hasStatus: true,
  columns: [
    nameColumn,
    text<PersistentVolume>('Capacity', 'How much it holds.', capacityText),
    text<PersistentVolume>('Access Modes', 'How it can be mounted.', v =>
      accessModesText(v.spec?.accessModes),
    ),
    text<PersistentVolume>(
      'Reclaim Policy',
      'What becomes of it without its claim.',
      v => v.spec?.persistentVolumeReclaimPolicy ?? '',
    ),
    text<PersistentVolume>('Status', 'Whether a claim has it.', phaseText),
    text<PersistentVolume>('Claim', 'Namespace and name of its claim.', claimText),
    text<PersistentVolume>('StorageClass', 'Its class.', storageClassText),
    text<PersistentVolume>(
      'VolumeAttributesClass',
      'The class of what can be changed of it.',
      v => v.spec?.volumeAttributesClassName ?? unset,
    ),
    text<PersistentVolume>('Reason', 'Why it is so.', v => v.status?.reason ?? ''),
    ageColumn,
    wide<PersistentVolume>(
      'VolumeMode',
      'A file system, or a block device.',
      v => v.spec?.volumeMode ?? unset,
    ),
  ],
  withDefaults: persistentVolumeDefaults,
  validate: (object, old) => validatePersistentVolume(object, old),
  writes: {
    deleteReturnsObject: true,
    onCreate: object => withFirstPhase(withProtection(object, 'pv-protection')),
  },
}
