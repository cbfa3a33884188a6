// Cells that volumes and claims share. Counterpart: the storage helpers of pkg/apis/core/v1/helper
// and pkg/apis/storage/util.

import type { PersistentVolume, PersistentVolumeClaim } from '../types/core-persistent-volume.js'

export const unset = '<unset>'

const classAnnotation = 'volume.beta.kubernetes.io/storage-class'

/** In the order in which they are printed. */
const shortModes: ReadonlyMap<string, string> = new Map([
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
])

export function accessModesText(modes: readonly string[] = []): string {
  return [...shortModes].flatMap(([mode, short]) => (modes.includes(mode) ? [short] : [])).join(',')
}

export function phaseText({ metadata, status }: PersistentVolume | PersistentVolumeClaim): string {
  return metadata.deletionTimestamp === undefined ? (status?.phase ?? '') : 'Terminating'
}

/** The annotation is older than the field, and goes before it. */
export function storageClassText({
  metadata,
  spec,
}: PersistentVolume | PersistentVolumeClaim): string {
  return metadata.annotations?.[classAnnotation] ?? spec?.storageClassName ?? ''
}
