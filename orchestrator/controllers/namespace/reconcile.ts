// How the deletion of a namespace stands, from what was found in it. Pure.
// Counterpart: pkg/controller/namespace/deletion.

import type { Namespace, NamespaceCondition } from '../../api/types/core-config.js'
import { formatTime } from '../../client/timestamps.js'

/** What is left of one kind after everything in it was told to go. */
export interface Remaining {
  /** As in "pods" or "deployments.apps". */
  readonly resource: string
  readonly count: number
  /** Finalizers that hold objects back, with how many objects each. */
  readonly finalizers: ReadonlyMap<string, number>
}

export interface DeletionFindings {
  readonly discoveryError: string | null
  readonly contentErrors: readonly string[]
  readonly remaining: readonly Remaining[]
}

export interface NamespacePlan {
  readonly conditions: readonly NamespaceCondition[]
  /** Nothing is left: the finalizer `kubernetes` may go, and the namespace with it. */
  readonly finalize: boolean
}

export const namespaceFinalizer = 'kubernetes'

export function planNamespaceDeletion(
  namespace: Namespace,
  findings: DeletionFindings,
  nowMs: number,
): NamespacePlan {
  const { discoveryError, contentErrors } = findings
  const remaining = findings.remaining.filter(one => one.count > 0)
  const counts = remaining.map(one => `${one.resource} has ${one.count} resource instances`)
  const held = new Map<string, number>()
  for (const { finalizers } of remaining) {
    for (const [name, count] of finalizers) held.set(name, (held.get(name) ?? 0) + count)
  }
  const holders = [...held].map(([name, count]) => `${name} in ${count} resource instances`)
  const table: readonly [string, boolean, string, string, string, string][] = [
    [
      'NamespaceDeletionDiscoveryFailure',
      discoveryError !== null,
      'DiscoveryFailed',
      `Discovery failed for some groups: ${discoveryError}`,
      'ResourcesDiscovered',
      'All resources successfully discovered',
    ],
    [
      'NamespaceDeletionGroupVersionParsingFailure',
      false,
      '',
      '',
      'ParsedGroupVersions',
      'All legacy kube types successfully parsed',
    ],
    [
      'NamespaceDeletionContentFailure',
      contentErrors.length > 0,
      'ContentDeletionFailed',
      `Failed to delete all resource types, ${contentErrors.length} remaining: ${contentErrors.join(', ')}`,
      'ContentDeleted',
      'All content successfully deleted, may be waiting on finalization',
    ],
    [
      'NamespaceContentRemaining',
      remaining.length > 0,
      'SomeResourcesRemain',
      `Some resources are remaining: ${counts.join(', ')}`,
      'ContentRemoved',
      'All content successfully removed',
    ],
    [
      'NamespaceFinalizersRemaining',
      held.size > 0,
      'SomeFinalizersRemain',
      `Some content in the namespace has finalizers remaining: ${holders.join(', ')}`,
      'ContentHasNoFinalizers',
      'All content-preserving finalizers finished',
    ],
  ]
  const old = namespace.status?.conditions ?? []
  const conditions = table.map(([type, bad, badReason, badText, goodReason, goodText]) => {
    const status = bad ? 'True' : 'False'
    const reason = bad ? badReason : goodReason
    const message = bad ? badText : goodText
    const known = old.find(condition => condition.type === type)
    const since = known?.status === status ? known.lastTransitionTime : undefined
    return { type, status, lastTransitionTime: since ?? formatTime(nowMs), reason, message }
  })
  const finalize = discoveryError === null && contentErrors.length === 0 && remaining.length === 0
  return { conditions, finalize }
}
