// Which objects belong to a controlling owner, which it should adopt and which it must let go.
// Pure. Counterpart: pkg/controller/controller_ref_manager.go. Matching is by uid, never by name:
// an owner that was deleted and created again owns nothing of its predecessor.

import type { KubeObject, OwnerReference } from '../api/object.js'
import { type LabelSelector, matchesLabels } from '../api/selectors.js'

export interface Claims<T extends KubeObject> {
  /** Owned and matching. */
  readonly owned: readonly T[]
  /** Without a controller, matching: to be owned. */
  readonly adopt: readonly T[]
  /** Owned, but matching no longer. */
  readonly release: readonly T[]
}

export function controllerOf(object: KubeObject): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find(owner => owner.controller === true)
}

export function isDeleting(object: KubeObject): boolean {
  return object.metadata.deletionTimestamp !== undefined
}

/** An owner that is being deleted neither adopts nor releases. */
export function claim<T extends KubeObject>(
  owner: KubeObject,
  selector: LabelSelector,
  candidates: readonly T[],
): Claims<T> {
  const owned: T[] = []
  const adopt: T[] = []
  const release: T[] = []
  for (const candidate of candidates) {
    const controller = controllerOf(candidate)
    const matches = matchesLabels(selector, candidate.metadata.labels)
    if (controller) {
      if (controller.uid !== owner.metadata.uid) continue
      if (matches) owned.push(candidate)
      else if (!isDeleting(owner)) release.push(candidate)
    } else if (matches && !isDeleting(owner) && !isDeleting(candidate)) {
      adopt.push(candidate)
    }
  }
  return { owned, adopt, release }
}

/** The reference by which `owner` controls its dependents. */
export function controllerReference(owner: KubeObject): OwnerReference {
  return {
    apiVersion: owner.apiVersion,
    kind: owner.kind,
    name: owner.metadata.name ?? '',
    uid: owner.metadata.uid ?? '',
    controller: true,
    blockOwnerDeletion: true,
  }
}

/** By namespace, of objects that no controller owns: the candidates for adoption. */
export const orphanIndex = 'orphan'
export const byOrphanNamespace = (object: KubeObject): readonly string[] =>
  controllerOf(object) ? [] : [object.metadata.namespace ?? '']
