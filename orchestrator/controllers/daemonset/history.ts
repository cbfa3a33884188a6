// Which revision of a DaemonSet a pod comes from, and which revisions are kept. Pure. Counterpart: constructHistory and
// cleanupHistory in update.go of pkg/controller/daemon. Two revisions of the same template are left side by side, and
// pods of either are current: the original relabels pods to be rid of one.

import type { ControllerRevision } from '../../api/types/apps-daemon-set.js'
import type { Pod } from '../../api/types/core-pod.js'
import { revisionLabel, sameData } from '../revisions.js'

/** What pods of it carry as a label. */
export function revisionHash({ metadata }: ControllerRevision): string {
  return metadata.labels?.[revisionLabel] ?? metadata.name ?? ''
}

/** Of all revisions that say what the current one does. */
export function currentHashes(
  current: ControllerRevision,
  revisions: readonly ControllerRevision[],
): ReadonlySet<string> {
  const same = revisions.filter(({ data }) => sameData(data, current.data))
  return new Set([current, ...same].map(revisionHash))
}

/** Of the revisions that stay whatever the limit is: the current one, and each that a pod comes from. */
export function namesInUse(
  current: ControllerRevision,
  revisions: readonly ControllerRevision[],
  pods: readonly Pod[],
): ReadonlySet<string> {
  const hashes = new Set(pods.map(({ metadata }) => metadata.labels?.[revisionLabel]))
  const inUse = revisions.filter(revision => hashes.has(revisionHash(revision)))
  return new Set([current, ...inUse].map(({ metadata }) => metadata.name ?? ''))
}
