// What a node does with a volume that is one of its directories. Pure. The control plane makes the volume
// (controllers/persistentvolume); here its directory comes and goes.

import { isLocalVolume, localVolumePath, nodeLabel } from '../api/local-volume.js'
import type { PersistentVolume } from '../api/types/core-persistent-volume.js'

export type LocalVolumePlan =
  | { readonly kind: 'keep' }
  /** Somebody here still has it. */
  | { readonly kind: 'wait' }
  /** The directory goes, and then the volume. */
  | { readonly kind: 'remove'; readonly path: string }
  /** The volume goes and the data stay, as was wished. */
  | { readonly kind: 'let-go' }
  | { readonly kind: 'refuse'; readonly message: string }

export interface LocalVolumeInput {
  readonly volume: PersistentVolume
  readonly nodeName: string
  /** The one that holds such volumes here, absolute. */
  readonly directory: string
  /** A pod of this node mounts it, or may. */
  readonly inUse: boolean
}

export function planLocalVolume(input: LocalVolumeInput): LocalVolumePlan {
  const { volume, nodeName, inUse } = input
  const { labels, deletionTimestamp } = volume.metadata
  if (!isLocalVolume(volume) || labels?.[nodeLabel] !== nodeName) return { kind: 'keep' }
  const phase = volume.status?.phase
  const unwanted = volume.spec?.persistentVolumeReclaimPolicy === 'Delete'
  const over = deletionTimestamp !== undefined || (unwanted && phase === 'Released')
  if (phase === 'Bound' || !over) return { kind: 'keep' }
  if (inUse) return { kind: 'wait' }
  if (!unwanted) return { kind: 'let-go' }
  const path = ownPath(input)
  if (path !== null) return { kind: 'remove', path }
  const text = `"${volume.spec?.local?.path}" is not a volume of ${input.directory}, and is left as it is`
  return { kind: 'refuse', message: text }
}

/**
 * Where the volume lies, as this node reckons it from its own directory and the volume's name: null where the volume says
 * another place. What an object says is not enough to remove a tree.
 */
export function ownPath({
  volume,
  directory,
}: Pick<LocalVolumeInput, 'volume' | 'directory'>): string | null {
  const { name = '' } = volume.metadata
  // The server lets no other names pass; a mistake there must not cost other people's data.
  if (!/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name) || name.includes('..')) return null
  const path = localVolumePath(directory, name)
  return volume.spec?.local?.path === path ? path : null
}
