// Where the data of a claim lie on this machine. Counterpart: the desired state of the volume manager with the local and
// hostPath plugins. Left out: drivers (CSI) and block devices.

import { matchesTerm } from '../api/node-affinity.js'
import type {
  PersistentVolume,
  PersistentVolumeClaim,
} from '../api/types/core-persistent-volume.js'
import type { Pod } from '../api/types/core-pod.js'
import type { HostPathVolumeSource, Volume } from '../api/types/core-volume.js'
import { isNotFound } from '../client/api-error.js'
import { nodes, persistentVolumeClaims, persistentVolumes } from '../client/resources.js'
import type { ApiClient } from '../client/rest-client.js'
import { PodConfigError } from './pod-fields.js'

export interface ClaimVolumesOptions {
  readonly client: ApiClient
  readonly nodeName: string
  /** The directory of a volume that is one of this node's, made if need be; null for another. */
  readonly provideLocal: (volume: PersistentVolume) => Promise<string | null>
  /** Throws PodConfigError where the path is not what it should be. */
  readonly checkPath: (source: HostPathVolumeSource) => Promise<void>
}

export interface ClaimPath {
  readonly path: string
  /** Of the machine itself, rather than of a volume. */
  readonly isHostPath: boolean
}

/** The claim that a volume of the pod stands for, one that was made for the pod included; null for other kinds. */
export function claimNameOf({ metadata }: Pod, volume: Volume): string | null {
  if (volume.ephemeral !== undefined) return `${metadata.name}-${volume.name}`
  return volume.persistentVolumeClaim?.claimName ?? null
}

/** The path that stands for the volume's claim here. Throws PodConfigError for what cannot be had, or not yet. */
export async function claimPath(
  pod: Pod,
  mounted: Volume,
  claimName: string,
  options: ClaimVolumesOptions,
): Promise<ClaimPath> {
  const claim = await boundClaim(pod, claimName, options)
  if (mounted.ephemeral !== undefined && !isOwnedBy(claim, pod)) {
    const what = `ephemeral volume "${mounted.name}": persistentvolumeclaim "${claimName}"`
    throw new PodConfigError(`${what} was not created for the pod`)
  }
  const volume = await volumeOf(claim, options)
  await checkReach(volume, options)
  const { volumeMode, hostPath, local } = volume.spec ?? {}
  const { name } = volume.metadata
  if (volumeMode === 'Block') {
    throw new PodConfigError(`volume "${name}" is a block device, which this node cannot hand on`)
  }
  if (hostPath !== undefined) {
    await options.checkPath(hostPath)
    return { path: hostPath.path, isHostPath: true }
  }
  if (local === undefined) {
    throw new PodConfigError(`volume "${name}" is of a kind that this node does not know`)
  }
  const own = await options.provideLocal(volume)
  if (own !== null) return { path: own, isHostPath: false }
  await options.checkPath({ path: local.path, type: 'Directory' })
  return { path: local.path, isHostPath: false }
}

function isOwnedBy({ metadata }: PersistentVolumeClaim, pod: Pod): boolean {
  return (metadata.ownerReferences ?? []).some(
    ({ uid, controller }) => controller === true && uid === pod.metadata.uid,
  )
}

async function boundClaim(
  { metadata }: Pod,
  name: string,
  { client }: ClaimVolumesOptions,
): Promise<PersistentVolumeClaim> {
  const namespace = metadata.namespace ?? ''
  let claim: PersistentVolumeClaim
  try {
    claim = await client.get(persistentVolumeClaims, { namespace, name })
  } catch (error) {
    if (!isNotFound(error)) throw error
    throw new PodConfigError(`persistentvolumeclaim "${name}" not found`)
  }
  if (claim.metadata.deletionTimestamp !== undefined) {
    throw new PodConfigError(`persistentvolumeclaim "${name}" is being deleted`)
  }
  if (claim.status?.phase !== 'Bound' || (claim.spec?.volumeName ?? '') === '') {
    throw new PodConfigError(`persistentvolumeclaim "${name}" is not bound`)
  }
  return claim
}

async function volumeOf(
  { metadata, spec }: PersistentVolumeClaim,
  { client }: ClaimVolumesOptions,
): Promise<PersistentVolume> {
  const name = spec?.volumeName ?? ''
  let volume: PersistentVolume
  try {
    volume = await client.get(persistentVolumes, { name })
  } catch (error) {
    if (!isNotFound(error)) throw error
    throw new PodConfigError(`persistentvolume "${name}" not found`)
  }
  if (volume.spec?.claimRef?.uid === metadata.uid) return volume
  throw new PodConfigError(`volume "${name}" is bound to another claim than "${metadata.name}"`)
}

async function checkReach(
  volume: PersistentVolume,
  { client, nodeName }: ClaimVolumesOptions,
): Promise<void> {
  const required = volume.spec?.nodeAffinity?.required
  if (required === undefined) return
  const node = await client.get(nodes, { name: nodeName })
  if (required.nodeSelectorTerms.some(term => matchesTerm(term, node))) return
  throw new PodConfigError(
    `volume "${volume.metadata.name}" cannot be reached from node "${nodeName}"`,
  )
}
