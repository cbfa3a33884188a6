// What control plane and nodes agree on about volumes that are directories of a node. Names of our own, there is no
// counterpart.

import type { KubeObject } from './object.js'

/** As the provisioner of a StorageClass. */
export const localProvisioner = 'raftsman.dev/local'

/** On a volume: its directory has not been given up by the node yet. */
export const localVolumeFinalizer = 'raftsman.dev/local-volume'

/** On a volume: the node whose directory it is, which looks for its own by this. */
export const nodeLabel = 'raftsman.dev/node'

/** On a Node: the directory under which it keeps such volumes, an absolute path. */
export const localVolumesMark = 'raftsman.dev/local-volumes'

/** Where the volume of that name lies. */
export const localVolumePath = (directory: string, volumeName: string): string =>
  `${directory}/${volumeName}`

export const isLocalVolume = ({ metadata }: KubeObject): boolean =>
  metadata.finalizers?.includes(localVolumeFinalizer) ?? false
