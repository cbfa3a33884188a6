// Whether a claim may ask for more than it did: it has a volume, of a class that lets volumes grow.
// Counterpart: the plugin PersistentVolumeClaimResize. Pure.

import type { KubeObject } from '../../api/object.js'
import { parseQuantity } from '../../api/quantity.js'
import { fieldAt, textAt } from '../object-fields.js'

const classAnnotation = 'volume.beta.kubernetes.io/storage-class'

/** Null when nothing is wrong with it. `classNamed` gives null for a class that is not there. */
export function growthProblem(
  claim: KubeObject,
  old: KubeObject,
  classNamed: (name: string) => KubeObject | null,
): string | null {
  if (requestedNanos(claim) <= requestedNanos(old)) return null
  if (textAt(old, 'status.phase') !== 'Bound') {
    return 'Only bound persistent volume claims can be expanded'
  }
  const name = old.metadata.annotations?.[classAnnotation] ?? textAt(old, 'spec.storageClassName')
  const storageClass = name === '' ? null : classNamed(name)
  if (storageClass !== null && fieldAt(storageClass, 'allowVolumeExpansion') === true) return null
  return (
    'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc ' +
    'must support resize'
  )
}

function requestedNanos(claim: KubeObject): bigint {
  return parseQuantity(textAt(claim, 'spec.resources.requests.storage'))?.nanos ?? 0n
}
