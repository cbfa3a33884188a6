// What to do with one object, given its owners as live reads found them. Pure.
// Counterpart: attemptToDeleteItem in pkg/controller/garbagecollector/garbagecollector.go.

import type { KubeObject, OwnerReference } from '../../api/object.js'
import { foregroundFinalizer, orphanFinalizer } from './graph.js'

/** alive; waiting for its dependents to go first; absent (404, or another uid); unknown kind. */
export type OwnerState = 'alive' | 'waiting' | 'absent' | 'unknown'

export interface GarbageInputs {
  /** As a live read answered. */
  readonly object: KubeObject
  readonly owners: readonly { readonly reference: OwnerReference; readonly state: OwnerState }[]
  readonly hasDependents: boolean
  /** A dependent itself waits for its dependents: a circle, unless the wait is broken. */
  readonly dependentWaits: boolean
}

export type GarbageDecision =
  | { readonly action: 'keep' }
  /** Set these owner references in place of the present ones. */
  | { readonly action: 'set-owners'; readonly owners: readonly OwnerReference[] }
  | {
      readonly action: 'delete'
      readonly policy: 'Background' | 'Foreground' | 'Orphan'
      /** To be set first, so that a circle of waiting owners comes apart. */
      readonly unblock: readonly OwnerReference[] | null
    }

export function decideGarbage(inputs: GarbageInputs): GarbageDecision {
  const { object, owners, hasDependents, dependentWaits } = inputs
  if (owners.length === 0) return { action: 'keep' }
  const inState = (state: OwnerState) => owners.filter(owner => owner.state === state)
  // What cannot be read may be alive.
  const standing = [...inState('alive'), ...inState('unknown')]
  if (standing.length > 0) {
    if (standing.length === owners.length) return { action: 'keep' }
    return { action: 'set-owners', owners: standing.map(owner => owner.reference) }
  }
  if (inState('waiting').length > 0 && hasDependents) {
    const unblocked = owners.map(({ reference }) => ({ ...reference, blockOwnerDeletion: false }))
    const unblock = dependentWaits ? unblocked : null
    return { action: 'delete', policy: 'Foreground', unblock }
  }
  const finalizers = object.metadata.finalizers ?? []
  if (finalizers.includes(orphanFinalizer)) {
    return { action: 'delete', policy: 'Orphan', unblock: null }
  }
  const foreground = finalizers.includes(foregroundFinalizer)
  return { action: 'delete', policy: foreground ? 'Foreground' : 'Background', unblock: null }
}
