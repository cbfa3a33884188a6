// Who owns whom, over all kinds, by uid. Pure and synchronous: events in, uids to look at out.
// Counterpart: pkg/controller/garbagecollector/graph_builder.go. A node may be virtual: named as
// an owner by somebody, but never seen; whether it exists only a live read can say.

import { must } from '../../../platform/errors.js'
import type { KubeObject, OwnerReference } from '../../api/object.js'

export const foregroundFinalizer = 'foregroundDeletion'
export const orphanFinalizer = 'orphan'

export interface GraphNode {
  readonly uid: string
  readonly apiVersion: string
  readonly kind: string
  readonly namespace: string
  readonly name: string
  readonly owners: readonly OwnerReference[]
  /** Seen through an informer, not only named by a dependent. */
  readonly observed: boolean
  /** Waits for its dependents, which are to be deleted first. */
  readonly deletingDependents: boolean
  /** Waits until it has been taken off its dependents, which stay. */
  readonly orphaning: boolean
  readonly deleting: boolean
}

/** What is to be looked at after an event. */
export interface GraphChanges {
  readonly check: readonly string[]
  readonly orphan: readonly string[]
}

export class OwnerGraph {
  private readonly nodes = new Map<string, GraphNode>()
  private readonly dependents = new Map<string, Set<string>>()

  get size(): number {
    return this.nodes.size
  }

  get(uid: string): GraphNode | undefined {
    return this.nodes.get(uid)
  }

  dependentsOf(uid: string): readonly GraphNode[] {
    const uids = this.dependents.get(uid) ?? []
    return [...uids].map(one => must(this.nodes.get(one), 'a dependent is a node'))
  }

  /** Dependents that a foreground deletion of `uid` has to wait for. Nobody waits for themselves. */
  blockingDependentsOf(uid: string): readonly GraphNode[] {
    return this.dependentsOf(uid).filter(
      dependent =>
        dependent.uid !== uid &&
        dependent.owners.some(owner => owner.uid === uid && owner.blockOwnerDeletion === true),
    )
  }

  /** The owner as the reference describes it was seen and does not wait for its dependents. */
  ownerStands(dependent: GraphNode, reference: OwnerReference): boolean {
    const owner = this.nodes.get(reference.uid)
    if (!owner?.observed || owner.deletingDependents) return false
    const sameKind = owner.kind === reference.kind && groupOf(owner) === groupOf(reference)
    const inReach = owner.namespace === '' || owner.namespace === dependent.namespace
    return sameKind && owner.name === reference.name && inReach
  }

  /** An object was added or changed. */
  upsert(object: KubeObject): GraphChanges {
    const node = nodeOf(object)
    const old = this.nodes.get(node.uid)
    this.nodes.set(node.uid, node)
    const check: string[] = []
    check.push(...this.relink(node, old))
    const orphan = node.orphaning && !old?.orphaning ? [node.uid] : []
    if (node.deletingDependents && !(old?.deletingDependents ?? false)) {
      check.push(node.uid, ...this.dependentsOf(node.uid).map(dependent => dependent.uid))
    }
    return { check, orphan }
  }

  /** An object is gone, or was found by a live read never to have been. */
  remove(uid: string): GraphChanges {
    const node = this.nodes.get(uid)
    if (!node) return { check: [], orphan: [] }
    const check = this.dependentsOf(uid).map(dependent => dependent.uid)
    for (const owner of node.owners) {
      this.unlink(owner.uid, uid)
      if (this.nodes.get(owner.uid)?.deletingDependents) check.push(owner.uid)
    }
    this.nodes.delete(uid)
    // Dependents keep their edge until they change or go; a new owner node is not made for it.
    if (this.dependents.get(uid)?.size === 0) this.dependents.delete(uid)
    return { check, orphan: [] }
  }

  private relink(node: GraphNode, old: GraphNode | undefined): readonly string[] {
    const check: string[] = []
    const now = new Map(node.owners.map(owner => [owner.uid, owner] as const))
    for (const owner of old?.owners ?? []) {
      const kept = now.get(owner.uid)
      if (!kept) this.unlink(owner.uid, node.uid)
      const unblocked = owner.blockOwnerDeletion && !kept?.blockOwnerDeletion
      const waiting = this.nodes.get(owner.uid)?.deletingDependents
      if (waiting && (!kept || unblocked)) check.push(owner.uid)
    }
    const before = new Set((old?.owners ?? []).map(owner => owner.uid))
    for (const owner of node.owners) {
      const dependents = this.dependents.get(owner.uid) ?? new Set()
      dependents.add(node.uid)
      this.dependents.set(owner.uid, dependents)
      const known = this.nodes.get(owner.uid)
      if (!known) {
        this.nodes.set(owner.uid, virtualNode(owner, node.namespace))
        check.push(owner.uid)
      } else if (known.deletingDependents && !before.has(owner.uid)) {
        check.push(node.uid)
      }
      // A reference that names its owner wrongly must be settled by a live read.
      if (known?.observed && !known.deletingDependents && !this.ownerStands(node, owner)) {
        check.push(node.uid)
      }
    }
    return check
  }

  private unlink(ownerUid: string, dependentUid: string): void {
    const dependents = this.dependents.get(ownerUid)
    dependents?.delete(dependentUid)
    if (dependents?.size !== 0) return
    this.dependents.delete(ownerUid)
    // Nobody names it any more, and it was only ever a name.
    if (this.nodes.get(ownerUid)?.observed === false) this.nodes.delete(ownerUid)
  }
}

function nodeOf(object: KubeObject): GraphNode {
  const { uid = '', namespace = '', name = '', ownerReferences = [] } = object.metadata
  const { deletionTimestamp, finalizers = [] } = object.metadata
  const deleting = deletionTimestamp !== undefined
  return {
    uid,
    apiVersion: object.apiVersion,
    kind: object.kind,
    namespace,
    name,
    owners: ownerReferences,
    observed: true,
    deleting,
    deletingDependents: deleting && finalizers.includes(foregroundFinalizer),
    orphaning: deleting && finalizers.includes(orphanFinalizer),
  }
}

function virtualNode(owner: OwnerReference, namespace: string): GraphNode {
  const { uid, apiVersion, kind, name } = owner
  const waits = { deleting: false, deletingDependents: false, orphaning: false }
  return { uid, apiVersion, kind, namespace, name, owners: [], observed: false, ...waits }
}

export function groupOf({ apiVersion }: { readonly apiVersion: string }): string {
  const slash = apiVersion.indexOf('/')
  return slash < 0 ? '' : apiVersion.slice(0, slash)
}
