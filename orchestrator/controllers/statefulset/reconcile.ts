// What a StatefulSet does next: which of its pods are made, which go, and what its status says. Pure. Counterpart:
// stateful_set_control.go of pkg/controller/statefulset.
//
// Two pods of one name can never be, for a name is only given again when the pod that had it is gone from the API.
// With OrderedReady one thing happens at a time: pods come in ascending order, each when those before it are
// available, and go in descending order.

import { labelSelectorFromObject, type LabelSelector } from '../../api/selectors.js'
import { scaledValue } from '../../api/int-or-string.js'
import type { ControllerRevision } from '../../api/types/apps-daemon-set.js'
import type { StatefulSet, StatefulSetStatus } from '../../api/types/apps-stateful-set.js'
import type { PersistentVolumeClaim } from '../../api/types/core-persistent-volume.js'
import type { Pod } from '../../api/types/core-pod.js'
import { isDeleting } from '../ownership.js'
import { availableInMs, isPodReady, isPodTerminal } from '../pod-state.js'
import { templateOf } from '../revisions.js'
import { type ClaimOwners, isGoing, ownersOf } from './claim-retention.js'
import {
  claimsOf,
  firstOrdinal,
  missingLabels,
  ordinalOf,
  podName,
  podOf,
  replicasOf,
  revisionOf,
} from './identity.js'

export interface StatefulSetInputs {
  readonly set: StatefulSet
  /** Its own, those it adopts included. */
  readonly pods: readonly Pod[]
  /** Of its namespace, by name. */
  readonly claim: (name: string) => PersistentVolumeClaim | undefined
  /** What the pods were made of before an update, and what they are to become. */
  readonly current: ControllerRevision
  readonly update: ControllerRevision
  readonly collisionCount: number
  readonly nowMs: number
}

export interface Creation {
  readonly pod: Pod
  /** To be made before it. */
  readonly claims: readonly PersistentVolumeClaim[]
}

export interface Deletion {
  readonly pod: Pod
  readonly why: 'failed' | 'succeeded' | 'surplus' | 'outdated'
}

export interface StatefulSetPlan {
  readonly creations: readonly Creation[]
  readonly deletions: readonly Deletion[]
  /** To be written before anything is deleted. */
  readonly owners: readonly ClaimOwners[]
  /** Claims of pods that are there, which somebody has deleted before they were used. */
  readonly claims: readonly PersistentVolumeClaim[]
  readonly relabels: readonly {
    readonly pod: Pod
    readonly labels: Readonly<Record<string, string>>
  }[]
  readonly status: StatefulSetStatus
  /** When a pod becomes available without any event. */
  readonly requeueAfterMs: number | null
}

/** Pods made or removed in one round where the order does not matter; the rest follows in the next. */
const burstMax = 250

/** An empty selector is refused by validation; here it would own every pod, so it owns none. */
export function selectorOf(set: StatefulSet): LabelSelector {
  const selector = labelSelectorFromObject(set.spec.selector) ?? []
  return selector.length > 0 ? selector : [{ key: 'x', operator: 'In', values: [] }]
}

export function planStatefulSet(inputs: StatefulSetInputs): StatefulSetPlan {
  const { set, nowMs } = inputs
  const steps = new Steps(inputs)
  if (!isDeleting(set)) {
    steps.keepClaims()
    if (steps.fill() && steps.shrink()) steps.update()
  }
  return {
    creations: steps.creations,
    deletions: steps.deletions,
    owners: steps.owners,
    claims: steps.claims,
    relabels: steps.relabels,
    status: statusOf(inputs),
    requeueAfterMs: nextAvailableMs(set, inputs.pods, nowMs),
  }
}

class Steps {
  readonly creations: Creation[] = []
  readonly deletions: Deletion[] = []
  readonly owners: ClaimOwners[] = []
  readonly claims: PersistentVolumeClaim[] = []
  readonly relabels: { readonly pod: Pod; readonly labels: Readonly<Record<string, string>> }[] = []
  readonly #inputs: StatefulSetInputs
  /** One thing at a time, in order. */
  readonly #ordered: boolean
  readonly #byOrdinal = new Map<number, Pod>()
  /** Ascending. */
  readonly #wanted: readonly number[]
  /** Pods beyond the wanted ones, the highest first. */
  readonly #condemned: readonly Pod[]

  constructor(inputs: StatefulSetInputs) {
    const { set, pods } = inputs
    this.#inputs = inputs
    this.#ordered = (set.spec.podManagementPolicy ?? 'OrderedReady') === 'OrderedReady'
    for (const pod of pods) {
      const ordinal = ordinalOf(set, pod)
      if (ordinal !== null) this.#byOrdinal.set(ordinal, pod)
    }
    const start = firstOrdinal(set)
    this.#wanted = Array.from({ length: replicasOf(set) }, (_, at) => start + at)
    this.#condemned = [...this.#byOrdinal]
      .filter(([ordinal]) => ordinal < start || ordinal >= start + replicasOf(set))
      .toSorted(([a], [b]) => b - a)
      .map(([, pod]) => pod)
  }

  /** Whose the claims are, and what pods are called by. */
  keepClaims(): void {
    const { set, claim } = this.#inputs
    const condemned = new Set(this.#condemned)
    for (const [ordinal, pod] of this.#byOrdinal) {
      const labels = missingLabels(set, pod)
      if (labels !== null && !isDeleting(pod)) this.relabels.push({ pod, labels })
      for (const wanted of claimsOf(set, ordinal)) {
        const found = claim(wanted.metadata.name ?? '')
        if (found !== undefined) {
          const owners = ownersOf(set, pod, condemned.has(pod), found)
          if (owners !== null) this.owners.push(owners)
        } else if (isWaiting(pod) && !condemned.has(pod)) this.claims.push(wanted)
      }
    }
  }

  /** True once nothing among the wanted ones is to be waited for. */
  fill(): boolean {
    for (const ordinal of this.#wanted) {
      const pod = this.#byOrdinal.get(ordinal)
      if (pod === undefined) {
        const made = this.#make(ordinal)
        if (this.#ordered || (made && this.creations.length >= burstMax)) return false
        continue
      }
      if (isPodTerminal(pod) && !isDeleting(pod)) {
        this.deletions.push({ pod, why: pod.status?.phase === 'Failed' ? 'failed' : 'succeeded' })
        if (this.#ordered) return false
        continue
      }
      // A pod that is going, or not there yet, holds up all behind it.
      if (this.#ordered && !this.#isAvailable(pod)) return false
    }
    return true
  }

  /** True once nothing is left that should not be there. */
  shrink(): boolean {
    const first = this.#firstUnhealthy()
    for (const pod of this.#condemned) {
      if (isDeleting(pod)) {
        if (this.#ordered) return false
        continue
      }
      // One that may become well is waited for, unless it is what all wait for.
      const hopeful = !this.#isAvailable(pod) && !isPodTerminal(pod)
      if (this.#ordered && hopeful && pod !== first) return false
      this.deletions.push({ pod, why: 'surplus' })
      if (this.#ordered || this.deletions.length >= burstMax) return false
    }
    return true
  }

  /** From the last ordinal down to the partition, as many at a time as may be missing. */
  update(): void {
    const { set, update } = this.#inputs
    const { type, rollingUpdate } = set.spec.updateStrategy ?? {}
    if (type === 'OnDelete') return
    const gone = new Set(this.deletions.map(({ pod }) => pod))
    const isOutdated = (pod: Pod) =>
      !isDeleting(pod) && !gone.has(pod) && revisionOf(pod) !== update.metadata.name
    const above = this.#wanted
      .slice(rollingUpdate?.partition ?? 0)
      .map(ordinal => this.#byOrdinal.get(ordinal))
    // What is missing already. An outdated pod counts when its turn comes, well or not.
    let unavailable = above.filter(
      pod => pod === undefined || (!isOutdated(pod) && !this.#isAvailable(pod)),
    ).length
    const most = maxUnavailable(set)
    for (const pod of above.toReversed()) {
      if (unavailable >= most) return
      if (pod === undefined || !isOutdated(pod)) continue
      this.deletions.push({ pod, why: 'outdated' })
      unavailable += 1
    }
  }

  /** Of all its pods the one with the lowest ordinal: what the set waits for. */
  #firstUnhealthy(): Pod | undefined {
    const ordinals = [...this.#byOrdinal.keys()].toSorted((a, b) => a - b)
    const first = ordinals.find(ordinal => {
      const pod = this.#byOrdinal.get(ordinal)
      return pod !== undefined && !this.#isAvailable(pod)
    })
    return first === undefined ? undefined : this.#byOrdinal.get(first)
  }

  /** False where a claim of the pod before is still on its way out. */
  #make(ordinal: number): boolean {
    const { set, claim } = this.#inputs
    const claims = claimsOf(set, ordinal)
    const found = claims.map(({ metadata }) => claim(metadata.name ?? ''))
    const name = podName(set, ordinal)
    if (found.some(one => one !== undefined && isGoing(one, name))) return false
    const revision = this.#revisionFor(ordinal)
    const pod = podOf(set, templateOf(revision), revision.metadata.name ?? '', ordinal)
    this.creations.push({ pod, claims: claims.filter((_, at) => found[at] === undefined) })
    return true
  }

  /** Below the partition, and where there is none below what is not updated yet, pods come back as they were. */
  #revisionFor(ordinal: number): ControllerRevision {
    const { set, current, update } = this.#inputs
    const { type, rollingUpdate } = set.spec.updateStrategy ?? {}
    if (type === 'OnDelete') return update
    const kept =
      rollingUpdate === undefined
        ? (set.status?.currentReplicas ?? 0)
        : (rollingUpdate.partition ?? 0)
    return ordinal - firstOrdinal(set) < kept ? current : update
  }

  #isAvailable(pod: Pod): boolean {
    return isAvailable(this.#inputs.set, pod, this.#inputs.nowMs) && !isDeleting(pod)
  }
}

function statusOf(inputs: StatefulSetInputs): StatefulSetStatus {
  const { set, pods, update, collisionCount, nowMs } = inputs
  const updateName = update.metadata.name ?? ''
  const currentName = inputs.current.metadata.name ?? ''
  const count = (holds: (pod: Pod) => boolean) => pods.filter(holds).length
  const ofRevision = (name: string) =>
    count(pod => !isDeleting(pod) && !isPodTerminal(pod) && revisionOf(pod) === name)
  const updatedReplicas = ofRevision(updateName)
  const readyReplicas = count(isPodReady)
  const wanted = replicasOf(set)
  const rolling = set.spec.updateStrategy?.type !== 'OnDelete'
  // From here on what was the update is what there is.
  const complete =
    rolling && updatedReplicas === wanted && readyReplicas === wanted && pods.length === wanted
  const { conditions } = set.status ?? {}
  return {
    observedGeneration: set.metadata.generation ?? 0,
    replicas: pods.length,
    readyReplicas,
    availableReplicas: count(pod => isAvailable(set, pod, nowMs)),
    currentReplicas: complete ? updatedReplicas : ofRevision(currentName),
    updatedReplicas,
    currentRevision: complete ? updateName : currentName,
    updateRevision: updateName,
    collisionCount,
    ...(conditions === undefined ? {} : { conditions }),
  }
}

function isAvailable(set: StatefulSet, pod: Pod, nowMs: number): boolean {
  return availableInMs(pod, set.spec.minReadySeconds ?? 0, nowMs) === 0 && !isPodTerminal(pod)
}

/** Not started: a claim that it is to have may still be made. */
const isWaiting = (pod: Pod): boolean =>
  (pod.status?.phase ?? 'Pending') === 'Pending' && !isDeleting(pod)

function maxUnavailable(set: StatefulSet): number {
  const asked = set.spec.updateStrategy?.rollingUpdate?.maxUnavailable
  if (asked === undefined) return 1
  return Math.max(1, scaledValue(asked, replicasOf(set), 'up') ?? 1)
}

function nextAvailableMs(set: StatefulSet, pods: readonly Pod[], nowMs: number): number | null {
  const waits = pods.flatMap(pod => availableInMs(pod, set.spec.minReadySeconds ?? 0, nowMs) ?? [])
  const later = waits.filter(wait => wait > 0)
  return later.length === 0 ? null : Math.min(...later)
}
