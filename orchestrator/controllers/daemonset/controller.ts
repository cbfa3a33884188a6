// The DaemonSet controller's shell: informers in, pods, revisions and status out. Counterpart: pkg/controller/daemon.
// Nodes speak up every few seconds; sets are only looked at again when one gets or loses what makes it fit.

import type { KubeObject } from '../../api/object.js'
import { matchesLabels } from '../../api/selectors.js'
import type { DaemonSet } from '../../api/types/apps-daemon-set.js'
import type { Node } from '../../api/types/core-node.js'
import type { Pod } from '../../api/types/core-pod.js'
import { Expectations } from '../../client/expectations.js'
import {
  byNamespace,
  byOwnerUid,
  namespaceIndex,
  ownerUidIndex,
} from '../../client/object-store.js'
import { controllerRevisions, daemonSets, nodes, objectKey, pods } from '../../client/resources.js'
import { sameJson } from '../canonical-json.js'
import { makeClaims } from '../claiming.js'
import {
  type Controller,
  type ControllerContext,
  reconcilerQueue,
  recorderOf,
  runningController,
} from '../context.js'
import { byOrphanNamespace, controllerOf, isDeleting, orphanIndex } from '../ownership.js'
import { PodWriter } from '../pod-writes.js'
import { RevisionHistory } from '../revision-history.js'
import { daemonPod } from './daemon-pod.js'
import { FailedPods } from './failed-pods.js'
import { currentHashes, namesInUse, revisionHash } from './history.js'
import { nodeFit } from './node-fit.js'
import { type DaemonSetPlan, planDaemonSet, selectorOf } from './reconcile.js'
import { comparableStatus } from './status.js'

export function startDaemonSetController(context: ControllerContext): Controller {
  const { client, informers, clock } = context
  const sets = informers.of(daemonSets)
  const revisions = informers.of(controllerRevisions)
  const podInformer = informers.of(pods)
  const nodeInformer = informers.of(nodes)
  sets.addIndex(namespaceIndex, byNamespace)
  revisions.addIndex(ownerUidIndex, byOwnerUid)
  revisions.addIndex(orphanIndex, byOrphanNamespace)
  podInformer.addIndex(ownerUidIndex, byOwnerUid)
  podInformer.addIndex(orphanIndex, byOrphanNamespace)
  const expectations = new Expectations(clock)
  const history = new RevisionHistory(client, daemonSets, selectorOf)
  const failedPods = new FailedPods()
  const recorder = recorderOf(context, 'daemonset-controller')
  const writer = new PodWriter(client, recorder, expectations)
  const { queue, start } = reconcilerQueue(context, {
    name: 'daemonset',
    concurrency: 2,
    reconcile,
  })

  async function reconcile(key: string): Promise<void> {
    const set = sets.objects.get(key)
    if (!set) {
      expectations.forget(key)
      return
    }
    // Of one that is being deleted the history may be gone before the pods: what they come from is unknown.
    if (isDeleting(set)) return
    if (selectorOf(set).length === 0) {
      const text = 'This daemon set is selecting all pods. A non-empty selector is required.'
      recorder.record(set, 'Warning', 'SelectingAll', text)
      return
    }
    const candidates = ownedOrOrphaned(revisions.objects, set)
    const { update: current, ...known } = await history.update(set, candidates)
    const expectationsMet = expectations.satisfied(key)
    const plan = planDaemonSet({
      daemonSet: set,
      nodes: nodeInformer.objects.list(),
      candidates: ownedOrOrphaned(podInformer.objects, set),
      currentHashes: currentHashes(current, known.revisions),
      collisionCount: known.collisionCount,
      expectationsMet,
      failedWaitMs: node => failedPods.waitMs(set, node, clock.monotonicMs()),
      nowMs: clock.wallMs(),
    })
    await makeClaims(client, { resource: daemonSets, object: set }, pods, plan.claims)
    const error = await scale(key, set, plan, revisionHash(current))
    if (expectationsMet) {
      const inUse = namesInUse(current, known.revisions, plan.pods)
      await history.truncate(set, known.revisions, inUse)
    }
    if (!sameJson(comparableStatus(plan.status), comparableStatus(set.status))) {
      await client.updateStatus(daemonSets, { ...set, status: plan.status })
    }
    if (plan.requeueAfterMs !== null) queue.addAfter(key, plan.requeueAfterMs)
    if (!expectations.satisfied(key)) queue.addAfter(key, expectations.expiryMs)
    if (error !== null) throw error
  }

  function ownedOrOrphaned<T extends KubeObject>(
    objects: { byIndex(name: string, value: string): readonly T[] },
    { metadata }: DaemonSet,
  ): readonly T[] {
    return [
      ...objects.byIndex(ownerUidIndex, metadata.uid ?? ''),
      ...objects.byIndex(orphanIndex, metadata.namespace ?? ''),
    ]
  }

  async function scale(
    key: string,
    set: DaemonSet,
    plan: DaemonSetPlan,
    hash: string,
  ): Promise<unknown> {
    const { creations, deletions } = plan
    expectations.expect(key, creations.length, deletions.map(objectKey))
    for (const node of plan.failedOn) failedPods.note(set, node, clock.monotonicMs())
    for (const { type, reason, message } of plan.events) {
      recorder.record(set, type, reason, message)
    }
    const made = creations.map(node => daemonPod(set, hash, node))
    const error = await writer.createEach(key, set, made)
    const errors = await Promise.all(deletions.map(pod => writer.delete(key, set, pod)))
    return error ?? errors.find(one => one !== null) ?? null
  }

  function ownerKey(object: KubeObject): string | null {
    const owner = controllerOf(object)
    if (owner?.kind !== 'DaemonSet') return null
    const key = `${object.metadata.namespace}/${owner.name}`
    return sets.objects.get(key)?.metadata.uid === owner.uid ? key : null
  }

  /** For its owner, or for whoever may adopt it. */
  function enqueueOwner(object: KubeObject): void {
    const key = ownerKey(object)
    if (key !== null) queue.add(key)
    if (controllerOf(object)) return
    for (const set of sets.objects.byIndex(namespaceIndex, object.metadata.namespace ?? '')) {
      if (matchesLabels(selectorOf(set), object.metadata.labels)) queue.add(objectKey(set))
    }
  }

  function changed(object: KubeObject, old: KubeObject): void {
    const oldKey = ownerKey(old)
    if (oldKey !== null && oldKey !== ownerKey(object)) queue.add(oldKey)
    enqueueOwner(object)
  }

  function podAdded(pod: Pod): void {
    const key = ownerKey(pod)
    if (key !== null) expectations.creationObserved(key)
    enqueueOwner(pod)
  }

  function podChanged(pod: Pod, old: Pod): void {
    const key = ownerKey(pod)
    if (key !== null && isDeleting(pod)) expectations.deletionObserved(key, objectKey(pod))
    changed(pod, old)
  }

  function podDeleted(pod: Pod): void {
    const key = ownerKey(pod)
    if (key === null) return
    expectations.deletionObserved(key, objectKey(pod))
    queue.add(key)
  }

  /** One that comes or goes matters to those that have, or may have, a pod there. */
  function nodeCameOrWent(node: Node): void {
    for (const set of sets.objects.list()) {
      if (nodeFit(set)(node) !== 'unfit') queue.add(objectKey(set))
    }
  }

  function nodeChanged(node: Node, old: Node): void {
    const same =
      sameJson(node.metadata.labels, old.metadata.labels) &&
      sameJson(node.spec?.taints, old.spec?.taints)
    if (same) return
    for (const set of sets.objects.list()) {
      const fit = nodeFit(set)
      if (fit(node) !== fit(old)) queue.add(objectKey(set))
    }
  }

  const unsubscribe = [
    sets.addHandlers({
      onAdd: set => queue.add(objectKey(set)),
      onUpdate: set => queue.add(objectKey(set)),
      onDelete: set => {
        expectations.forget(objectKey(set))
        failedPods.forget(set)
      },
    }),
    revisions.addHandlers({ onAdd: enqueueOwner, onUpdate: changed, onDelete: enqueueOwner }),
    podInformer.addHandlers({ onAdd: podAdded, onUpdate: podChanged, onDelete: podDeleted }),
    nodeInformer.addHandlers({
      onAdd: nodeCameOrWent,
      onUpdate: nodeChanged,
      onDelete: nodeCameOrWent,
    }),
  ]
  return runningController(context, { queue, start, unsubscribe })
}
