// The claims that are made for a pod and go with it: one for each of its volumes with a template. Pure. Counterpart:
// pkg/controller/volume/ephemeral. Whoever has the name already and is not the pod's is left alone, and said so.

import type { PersistentVolumeClaim } from '../../api/types/core-persistent-volume.js'
import type { Pod } from '../../api/types/core-pod.js'
import { controllerOf, controllerReference, isDeleting } from '../ownership.js'

export interface EphemeralVolumePlan {
  readonly creations: readonly { readonly volume: string; readonly claim: PersistentVolumeClaim }[]
  /** Volumes whose name somebody else's claim has, each with a sentence for the pod's events. */
  readonly refusals: readonly { readonly volume: string; readonly message: string }[]
}

/** `claimOf` knows the claims of the pod's namespace by name. */
export function planEphemeralVolumes(
  pod: Pod,
  claimOf: (name: string) => PersistentVolumeClaim | undefined,
): EphemeralVolumePlan {
  const creations: { readonly volume: string; readonly claim: PersistentVolumeClaim }[] = []
  const refusals: { readonly volume: string; readonly message: string }[] = []
  const { namespace = '', name = '' } = pod.metadata
  if (isDeleting(pod)) return { creations, refusals }
  for (const { name: volume, ephemeral } of pod.spec.volumes ?? []) {
    const template = ephemeral?.volumeClaimTemplate
    if (template === undefined) continue
    const claimName = `${name}-${volume}`
    const known = claimOf(claimName)
    if (known === undefined) {
      const { labels, annotations } = template.metadata ?? {}
      const metadata = {
        namespace,
        name: claimName,
        ...(labels === undefined ? {} : { labels }),
        ...(annotations === undefined ? {} : { annotations }),
        ownerReferences: [controllerReference(pod)],
      }
      const claim = {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata,
        spec: template.spec,
      }
      creations.push({ volume, claim })
    } else if (controllerOf(known)?.uid !== pod.metadata.uid) {
      const what = `PVC ${namespace}/${claimName} was not created for pod ${namespace}/${name}`
      refusals.push({ volume, message: `${what} (pod is not owner)` })
    }
  }
  return { creations, refusals }
}

export function hasEphemeralVolumes({ spec }: Pod): boolean {
  return (spec.volumes ?? []).some(({ ephemeral }) => ephemeral !== undefined)
}
