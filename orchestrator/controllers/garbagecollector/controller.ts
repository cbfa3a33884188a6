// Deletes what lost its owner, in all three ways of deletion. Counterpart:
// pkg/controller/garbagecollector. Its graph only says where to look: before anything is deleted
// the object and its owners are read live, and the delete carries uid and version.

import type { Timer } from '../../../platform/clock.js'
import type { KubeObject, OwnerReference } from '../../api/object.js'
import { isNotFound } from '../../client/api-error.js'
import { type DiscoveredResource, discover } from '../../client/discovery.js'
import { apiVersionOf, type Resource, resourceKey } from '../../client/resources.js'
import { type Controller, type ControllerContext, errorText, reconcilerQueue } from '../context.js'
import {
  foregroundFinalizer,
  type GraphChanges,
  type GraphNode,
  groupOf,
  OwnerGraph,
  orphanFinalizer,
} from './graph.js'
import { decideGarbage, type OwnerState } from './reconcile.js'

export interface GarbageCollectorOptions {
  /** How often new kinds are looked for. */
  readonly discoveryPeriodMs: number
}

/** From the change of a definition to a look at the kinds: of several changes in a row one look. */
const definitionsSettleMs = 300
/** Uids of objects that were seen to go, the latest; it spares reads, and outlives their kinds. */
const absentMax = 5_000
/** A kind that cannot be listed, as with a broken conversion, must not hold up all others. */
const syncMsMax = 30_000
const definitions = 'apiextensions.k8s.io/v1/customresourcedefinitions'

/** Events are many, short-lived and owned by nobody. */
const ignored: ReadonlySet<string> = new Set(['v1/events', 'events.k8s.io/v1/events'])

export function startGarbageCollector(
  context: ControllerContext,
  options: GarbageCollectorOptions,
): Controller {
  const { client, informers, logger } = context
  const graph = new OwnerGraph()
  const monitored = new Map<string, { readonly resource: Resource; readonly off: () => void }>()
  let resources: readonly DiscoveredResource[] = []
  /** To be looked at again when kinds come: theirs or their owners' were not served. */
  const unresolved = new Set<string>()
  const absent = new Set<string>()
  let soon: Timer | null = null
  /**
   * Nothing is decided on half a list: an owner is told of before what it owns, and to orphan those that are
   * known so far would have the rest deleted. To wait for it also lets a list that is being taken in end.
   */
  let synced = Promise.resolve()
  let stopped = false
  let started = false
  const checks = reconcilerQueue(context, { name: 'garbage', concurrency: 8, reconcile: check })
  const orphans = reconcilerQueue(context, { name: 'orphaning', concurrency: 4, reconcile: orphan })

  // Kinds to watch

  async function refresh(): Promise<void> {
    resources = await discover(client)
    if (stopped) return
    const wanted = resources.filter(
      ({ verbs, ...resource }) =>
        ['delete', 'list', 'watch'].every(verb => verbs.includes(verb)) &&
        !ignored.has(resourceKey(resource)),
    )
    const keys = new Set(wanted.map(resourceKey))
    for (const [key, { resource, off }] of monitored) {
      if (keys.has(key)) continue
      off()
      informers.drop(resource)
      monitored.delete(key)
    }
    for (const resource of wanted) {
      if (!monitored.has(resourceKey(resource))) monitor(resource)
    }
    synced = withinMs(context, syncMsMax, informers.whenSynced())
    await informers.whenSynced()
    if (stopped) return
    for (const uid of unresolved) checks.queue.add(uid)
    unresolved.clear()
    if (started) return
    // Only a whole graph can tell an orphan from a child whose parent is still being listed.
    started = true
    checks.start()
    orphans.start()
  }

  function monitor(resource: DiscoveredResource): void {
    const identified = (object: KubeObject): KubeObject => ({
      ...object,
      apiVersion: apiVersionOf(resource),
      kind: resource.kind,
    })
    const changed = resourceKey(resource) === definitions ? refreshSoon : () => {}
    const upsert = (object: KubeObject) => {
      take(graph.upsert(identified(object)))
      changed()
    }
    const off = informers.metadataOf(resource).addHandlers({
      onAdd: upsert,
      onUpdate: upsert,
      onDelete: object => {
        noteAbsent(object.metadata.uid ?? '')
        take(graph.remove(object.metadata.uid ?? ''))
        changed()
      },
    })
    monitored.set(resourceKey(resource), { resource, off })
  }

  function refreshSoon(): void {
    if (!started || stopped || soon !== null) return
    soon = context.clock.setTimer(definitionsSettleMs, () => {
      soon = null
      again()
    })
  }

  function noteAbsent(uid: string): void {
    absent.add(uid)
    for (const oldest of absent) {
      if (absent.size <= absentMax) return
      absent.delete(oldest)
    }
  }

  function take(changes: GraphChanges): void {
    for (const uid of changes.check) checks.queue.add(uid)
    for (const uid of changes.orphan) orphans.queue.add(uid)
  }

  // One object

  async function check(uid: string): Promise<void> {
    await synced
    const node = graph.get(uid)
    if (!node) return
    if (node.deleting && !node.deletingDependents) return
    const suspect = node.owners.some(owner => !graph.ownerStands(node, owner))
    if (node.observed && !node.deletingDependents && !suspect) return
    const resource = resourceOf(node)
    if (!resource) {
      unresolved.add(uid)
      return
    }
    const object = await read(resource, node)
    if (object?.metadata.uid !== uid || !object) {
      take(graph.remove(uid))
      return
    }
    if (!node.observed) return
    if (node.deletingDependents) await finishForeground(node, resource, object)
    else await decide(node, resource, object)
  }

  async function decide(node: GraphNode, resource: Resource, object: KubeObject): Promise<void> {
    const references = object.metadata.ownerReferences ?? []
    const owners: { reference: OwnerReference; state: OwnerState }[] = []
    for (const reference of references) {
      owners.push({ reference, state: await ownerState(node, reference) })
    }
    const dependents = graph.dependentsOf(node.uid)
    const decision = decideGarbage({
      object,
      owners,
      hasDependents: dependents.length > 0,
      dependentWaits: dependents.some(dependent => dependent.deletingDependents),
    })
    switch (decision.action) {
      case 'keep':
        return
      case 'set-owners':
        await setOwners(resource, object, decision.owners)
        return
      case 'delete': {
        if (decision.unblock) await setOwners(resource, object, decision.unblock)
        const { uid = '', resourceVersion = '' } = object.metadata
        // Unblocking raised the version; else it guards against an adoption in between.
        const version = decision.unblock ? {} : { resourceVersion }
        await client
          .delete(resource, at(resource, node), {
            uid,
            ...version,
            propagationPolicy: decision.policy,
          })
          .catch(ignoreNotFound)
      }
    }
  }

  async function ownerState(node: GraphNode, reference: OwnerReference): Promise<OwnerState> {
    if (absent.has(reference.uid)) return 'absent'
    const resource = resourceOf(reference)
    if (!resource) {
      unresolved.add(node.uid)
      return 'unknown'
    }
    // A cluster-wide object cannot be owned from inside a namespace: nobody can look it up.
    if (resource.namespaced && node.namespace === '') return 'unknown'
    const owner = await read(resource, { namespace: node.namespace, name: reference.name })
    if (owner?.metadata.uid !== reference.uid || !owner) return 'absent'
    const { deletionTimestamp, finalizers = [] } = owner.metadata
    const waits = deletionTimestamp !== undefined && finalizers.includes(foregroundFinalizer)
    return waits ? 'waiting' : 'alive'
  }

  async function finishForeground(
    node: GraphNode,
    resource: Resource,
    object: KubeObject,
  ): Promise<void> {
    const blocking = graph.blockingDependentsOf(node.uid)
    if (blocking.length === 0) {
      await removeFinalizer(resource, object, foregroundFinalizer)
      return
    }
    for (const dependent of blocking) {
      if (!dependent.deletingDependents) checks.queue.add(dependent.uid)
    }
  }

  /** Takes the owner off all dependents, then lets the owner go. */
  async function orphan(uid: string): Promise<void> {
    await synced
    const node = graph.get(uid)
    const resource = node?.orphaning ? resourceOf(node) : null
    if (!node || !resource) return
    for (const dependent of graph.dependentsOf(uid)) {
      const kind = resourceOf(dependent)
      const object = kind ? await read(kind, dependent) : null
      if (!kind || !object) continue
      const owners = object.metadata.ownerReferences ?? []
      const kept = owners.filter(owner => owner.uid !== uid)
      if (kept.length < owners.length) await setOwners(kind, object, kept)
    }
    const object = await read(resource, node)
    if (object?.metadata.uid === uid && object) {
      await removeFinalizer(resource, object, orphanFinalizer)
    }
  }

  // Calls

  async function read(
    resource: Resource,
    where: { readonly namespace: string; readonly name: string },
  ): Promise<KubeObject | null> {
    try {
      return await client.get(resource, at(resource, where))
    } catch (error) {
      if (isNotFound(error)) return null
      throw error
    }
  }

  async function setOwners(
    resource: Resource,
    object: KubeObject,
    owners: readonly OwnerReference[],
  ): Promise<void> {
    const { uid = '', resourceVersion = '' } = object.metadata
    const ownerReferences = owners.length === 0 ? null : owners.map(owner => ({ ...owner }))
    const metadata = { uid, resourceVersion, ownerReferences }
    await client.patch(resource, named(resource, object), 'merge', { metadata })
  }

  async function removeFinalizer(
    resource: Resource,
    object: KubeObject,
    finalizer: string,
  ): Promise<void> {
    const { uid = '', resourceVersion = '', finalizers = [] } = object.metadata
    const kept = finalizers.filter(other => other !== finalizer)
    if (kept.length === finalizers.length) return
    const metadata = { uid, resourceVersion, finalizers: kept.length === 0 ? null : kept }
    await client
      .patch(resource, named(resource, object), 'merge', { metadata })
      .catch(ignoreNotFound)
  }

  /** By group and kind; null when no such kind is served, which is no reason to delete anything. */
  function resourceOf(object: { apiVersion: string; kind: string }): DiscoveredResource | null {
    const group = groupOf(object)
    return resources.find(one => one.group === group && one.kind === object.kind) ?? null
  }

  function again(): void {
    refresh().catch((error: unknown) => {
      if (!stopped) logger.warn({ error: errorText(error) }, 'discovery failed')
    })
  }
  const ticker = context.clock.setTicker(options.discoveryPeriodMs, again)
  // The controllers that need whole objects have asked for theirs by now.
  again()
  const retry = context.clock.setTicker(2000, () => {
    if (started) retry.cancel()
    else if (resources.length === 0) again()
  })
  return {
    stop() {
      stopped = true
      ticker.cancel()
      soon?.cancel()
      retry.cancel()
      for (const { off } of monitored.values()) off()
      checks.queue.stop()
      orphans.queue.stop()
    },
  }
}

function at(
  resource: Resource,
  { namespace, name }: { readonly namespace: string; readonly name: string },
) {
  return resource.namespaced ? { namespace, name } : { name }
}

function named(resource: Resource, object: KubeObject) {
  const { namespace = '', name = '' } = object.metadata
  return at(resource, { namespace, name })
}

function ignoreNotFound(error: unknown): void {
  if (!isNotFound(error)) throw error
}

/** Resolves with `work`, or when it takes longer. */
function withinMs({ clock }: ControllerContext, ms: number, work: Promise<void>): Promise<void> {
  return new Promise(resolve => {
    const timer = clock.setTimer(ms, resolve)
    void work.finally(() => {
      timer.cancel()
      resolve()
    })
  })
}
