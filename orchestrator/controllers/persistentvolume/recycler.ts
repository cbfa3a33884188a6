// The pod that empties a volume whose policy is Recycle, which is deprecated. Pure. Counterpart:
// pkg/volume/util/recyclerclient and the templates of the controller manager.

import type { PersistentVolume } from '../../api/types/core-persistent-volume.js'
import type { Pod } from '../../api/types/core-pod.js'

export const recyclerNamespace = 'default'
const prefix = 'recycler-for-'
const deadlineSeconds = 60
/** Whose data a pod removes: one that ended for an earlier claim says nothing of this one. */
const claimMark = 'raftsman.dev/recycled-claim'

export const recyclerNameOf = ({ metadata }: PersistentVolume): string =>
  `${prefix}${metadata.name}`

/** The name of the volume that a pod empties, or null. */
export function recycledBy({ metadata }: Pod): string | null {
  const { namespace, name = '' } = metadata
  return namespace === recyclerNamespace && name.startsWith(prefix)
    ? name.slice(prefix.length)
    : null
}

/** The uid of the claim whose data the pod removes. */
export const recycledClaim = ({ metadata }: Pod): string | undefined =>
  metadata.annotations?.[claimMark]

/** In a directory that is there the leading dots of names count too; what is left over is a failure. */
const script =
  'cd "$RAFTSMAN_ROOT/scrub" && find . -mindepth 1 -delete && test -z "$(ls -A .)" || exit 1'

/** Null for a kind of volume that cannot be mounted by any pod for that. */
export function recyclerPod(volume: PersistentVolume): Pod | null {
  const { hostPath, nfs, nodeAffinity, claimRef } = volume.spec ?? {}
  const source = hostPath === undefined ? (nfs === undefined ? null : { nfs }) : { hostPath }
  if (source === null) return null
  const required = nodeAffinity?.required
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      namespace: recyclerNamespace,
      name: recyclerNameOf(volume),
      annotations: { [claimMark]: claimRef?.uid ?? '' },
    },
    spec: {
      restartPolicy: 'Never',
      activeDeadlineSeconds: deadlineSeconds,
      volumes: [{ name: 'vol', ...source }],
      containers: [
        {
          name: 'pv-recycler',
          image: 'host',
          command: ['sh', '-c', script],
          volumeMounts: [{ name: 'vol', mountPath: '/scrub' }],
        },
      ],
      ...(required === undefined
        ? {}
        : {
            affinity: {
              nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required },
            },
          }),
    },
  }
}
