// What a pod template was at each of its changes: ControllerRevisions, by which StatefulSets and DaemonSets tell
// old pods from new ones and to which they can be rolled back. Pure. Counterpart: pkg/controller/history.

import type { JsonObject, KubeObject } from '../api/object.js'
import type { ControllerRevision } from '../api/types/apps-daemon-set.js'
import type { PodTemplateSpec } from '../api/types/core-pod.js'
import { canonicalJson } from './canonical-json.js'
import { templateHash } from './deployment/template-hash.js'
import { controllerReference } from './ownership.js'

/** On revisions and on pods: which revision it is, or comes from. */
export const revisionLabel = 'controller-revision-hash'
const usualHistory = 10

/** An owner whose pods all come from one template. */
export interface RevisedOwner extends KubeObject {
  readonly spec: {
    readonly template: PodTemplateSpec
    readonly selector: { readonly matchLabels?: Readonly<Record<string, string>> }
    readonly revisionHistoryLimit?: number
  }
  readonly status?: { readonly collisionCount?: number }
}

/**
 * The revision that the template is: one that is there (`known`), there under an older number (`returned`: it is to
 * be given `revision`), or none yet (`new`: it is to be made; its name may be taken by another of the same hash).
 */
interface RevisionPlan {
  readonly kind: 'known' | 'returned' | 'new'
  readonly revision: ControllerRevision
}

/** Oldest first. */
export function inOrder(revisions: readonly ControllerRevision[]): readonly ControllerRevision[] {
  const created = ({ metadata }: ControllerRevision) => metadata.creationTimestamp ?? ''
  return revisions.toSorted(
    (a, b) =>
      a.revision - b.revision ||
      compareText(created(a), created(b)) ||
      compareText(a.metadata.name ?? '', b.metadata.name ?? ''),
  )
}

/** `revisions` are all of the owner's, oldest first. */
export function planRevision(
  owner: RevisedOwner,
  revisions: readonly ControllerRevision[],
  collisionCount: number,
): RevisionPlan {
  const data = revisionData(owner.spec.template)
  const newest = revisions.at(-1)
  const next = (newest?.revision ?? 0) + 1
  const same = revisions.findLast(revision => sameData(revision.data, data))
  if (same === undefined) {
    return { kind: 'new', revision: revisionOf(owner, data, next, collisionCount) }
  }
  if (same === newest) return { kind: 'known', revision: same }
  return { kind: 'returned', revision: { ...same, revision: next } }
}

export function sameData(a: JsonObject | undefined, b: JsonObject | undefined): boolean {
  return canonicalJson(a) === canonicalJson(b)
}

/** Those beyond the limit of the owner's history, oldest first; what is in use stays. */
export function surplusRevisions(
  owner: RevisedOwner,
  revisions: readonly ControllerRevision[],
  inUse: ReadonlySet<string>,
): readonly ControllerRevision[] {
  const unused = revisions.filter(({ metadata }) => !inUse.has(metadata.name ?? ''))
  const limit = owner.spec.revisionHistoryLimit ?? usualHistory
  return unused.slice(0, Math.max(0, unused.length - limit))
}

/** The template that a revision holds. */
export function templateOf(revision: ControllerRevision): PodTemplateSpec {
  const spec = (revision.data?.['spec'] ?? {}) as JsonObject
  const { $patch: _patch, ...template } = (spec['template'] ?? {}) as JsonObject
  return template
}

/** As a strategic merge patch of the owner, by which `kubectl rollout undo` goes back to it. */
function revisionData(template: PodTemplateSpec): JsonObject {
  return { spec: { template: { ...(template as JsonObject), $patch: 'replace' } } }
}

function revisionOf(
  owner: RevisedOwner,
  data: JsonObject,
  revision: number,
  collisionCount: number,
): ControllerRevision {
  const hash = templateHash(owner.spec.template, collisionCount)
  const { name = '', namespace = '', annotations } = owner.metadata
  const labels = { ...owner.spec.template.metadata?.labels, [revisionLabel]: hash }
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      // Names of objects are longer than what may stand in a label, which carries this one on pods.
      name: `${name.slice(0, 63 - 1 - hash.length)}-${hash}`,
      namespace,
      labels,
      // Why it was made is noted there by kubectl.
      ...(annotations === undefined ? {} : { annotations }),
      ownerReferences: [controllerReference(owner)],
    },
    data,
    revision,
  }
}

function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1
}
