// Which volume a claim gets. Pure. Counterpart: FindMatchingVolume of k8s.io/component-helpers and the index of
// volumes in pkg/controller/volume/persistentvolume.

import { matchesTerm } from '../../api/node-affinity.js'
import { labelSelectorFromObject, matchesLabels } from '../../api/selectors.js'
import type { Node } from '../../api/types/core-node.js'
import type {
  PersistentVolume,
  PersistentVolumeClaim,
} from '../../api/types/core-persistent-volume.js'
import { isDeleting } from '../ownership.js'
import { capacityOf, classOf, isMeantFor, requestOf } from './binding.js'

/**
 * A volume that was made for the claim if it suits; else the smallest that is free and suits, and of equals the one with
 * the fewest access modes beyond those asked for, then the first by name. Null for none.
 *
 * `node`: where the consumer is, if that matters. `reservedOnly`: the scheduler chooses among the free ones.
 */
export function bestVolume(
  claim: PersistentVolumeClaim,
  volumes: readonly PersistentVolume[],
  options: { readonly node: Node | null; readonly reservedOnly: boolean },
): PersistentVolume | null {
  const asked = requestOf(claim)
  // Names are compared before amounts are read: of thousands of volumes most are others'.
  const own = volumes.find(
    volume =>
      volume.spec?.claimRef !== undefined &&
      isMeantFor(volume, claim) &&
      holdsWhatIsAsked(volume, claim, asked),
  )
  if (own !== undefined) return own
  let best: PersistentVolume | null = null
  for (const volume of options.reservedOnly ? [] : volumes) {
    if (volume.spec?.claimRef !== undefined || !isFreeFor(volume, claim)) continue
    if (!holdsWhatIsAsked(volume, claim, asked)) continue
    if (options.node !== null && !isReachableFrom(volume, options.node)) continue
    if (best === null || goesBefore(volume, best)) best = volume
  }
  return best
}

function holdsWhatIsAsked(
  volume: PersistentVolume,
  claim: PersistentVolumeClaim,
  asked: bigint,
): boolean {
  return (
    !isDeleting(volume) &&
    capacityOf(volume) >= asked &&
    hasModes(volume, claim) &&
    modeOf(volume) === modeOf(claim) &&
    attributesOf(volume) === attributesOf(claim)
  )
}

function isFreeFor(volume: PersistentVolume, claim: PersistentVolumeClaim): boolean {
  if (volume.status?.phase !== 'Available' || classOf(volume) !== classOf(claim)) return false
  const selector = labelSelectorFromObject(claim.spec?.selector ?? {})
  return selector !== null && matchesLabels(selector, volume.metadata.labels)
}

export function isReachableFrom(volume: PersistentVolume, node: Node): boolean {
  const required = volume.spec?.nodeAffinity?.required
  return required === undefined || required.nodeSelectorTerms.some(term => matchesTerm(term, node))
}

function goesBefore(a: PersistentVolume, b: PersistentVolume): boolean {
  const [sizeA, sizeB] = [capacityOf(a), capacityOf(b)]
  if (sizeA !== sizeB) return sizeA < sizeB
  const [modesA, modesB] = [modesOf(a).length, modesOf(b).length]
  if (modesA !== modesB) return modesA < modesB
  return (a.metadata.name ?? '') < (b.metadata.name ?? '')
}

/** Why a volume that the claim names cannot be its own; null when it can. */
export function mismatch(volume: PersistentVolume, claim: PersistentVolumeClaim): string | null {
  if (capacityOf(volume) < requestOf(claim)) return 'requested PV is too small'
  if (classOf(volume) !== classOf(claim)) return 'storageClassName does not match'
  if (modeOf(volume) !== modeOf(claim)) return 'incompatible volumeMode'
  if (attributesOf(volume) !== attributesOf(claim))
    return 'volumeAttributesClassName does not match'
  if (!hasModes(volume, claim)) return 'incompatible accessMode'
  return null
}

export const modeOf = ({ spec }: PersistentVolume | PersistentVolumeClaim): string =>
  spec?.volumeMode ?? 'Filesystem'

const attributesOf = ({ spec }: PersistentVolume | PersistentVolumeClaim): string =>
  spec?.volumeAttributesClassName ?? ''

const modesOf = ({ spec }: PersistentVolume | PersistentVolumeClaim): readonly string[] =>
  spec?.accessModes ?? []

const hasModes = (volume: PersistentVolume, claim: PersistentVolumeClaim): boolean =>
  modesOf(claim).every(mode => modesOf(volume).includes(mode))
