// The shell of the controllers of ReplicaSets and of ReplicationControllers, which are the same but for the form of
// their selectors: informers in, pods out. Counterpart: pkg/controller/replicaset and pkg/controller/replication.

import type { KubeObject } from '../../api/object.js'
import { matchesLabels } from '../../api/selectors.js'
import type { ReplicaSet } from '../../api/types/apps.js'
import type { Pod } from '../../api/types/core-pod.js'
import type { ReplicationController } from '../../api/types/core-replication-controller.js'
import { Expectations } from '../../client/expectations.js'
import {
  byNamespace,
  byOwnerUid,
  namespaceIndex,
  ownerUidIndex,
} from '../../client/object-store.js'
import {
  objectKey,
  pods,
  replicaSets,
  replicationControllers,
  type Resource,
} from '../../client/resources.js'
import { sameJson } from '../canonical-json.js'
import { makeClaims } from '../claiming.js'
import {
  type Controller,
  type ControllerContext,
  errorText,
  reconcilerQueue,
  recorderOf,
  runningController,
} from '../context.js'
import { byOrphanNamespace, controllerOf, isDeleting, orphanIndex } from '../ownership.js'
import { isPodActive } from '../pod-state.js'
import { PodWriter } from '../pod-writes.js'
import {
  comparableStatus,
  planReplicaSet,
  podFromTemplate,
  type ReplicaFailure,
  type ReplicaSetPlan,
  replicaSetStatus,
  selectorOf,
} from './reconcile.js'

/** How far rounds of a set are apart: a millisecond for so many of its pods, up to a limit. */
const podsAMs = 20
const apartMsMax = 250

interface Replicated<T extends KubeObject> {
  readonly resource: Resource<T>
  readonly name: string
  readonly component: string
  /** As a ReplicaSet, but for apiVersion and kind. */
  readonly view: (object: T) => ReplicaSet
}

export function startReplicaSetController(context: ControllerContext): Controller {
  return startReplicaController<ReplicaSet>(context, {
    resource: replicaSets,
    name: 'replicaset',
    component: 'replicaset-controller',
    view: replicaSet => replicaSet,
  })
}

export function startReplicationController(context: ControllerContext): Controller {
  return startReplicaController<ReplicationController>(context, {
    resource: replicationControllers,
    name: 'replicationcontroller',
    component: 'replication-controller',
    view: ({ spec = {}, ...controller }) => ({
      ...controller,
      spec: { ...spec, selector: { matchLabels: spec.selector ?? {} } },
    }),
  })
}

function startReplicaController<T extends KubeObject>(
  context: ControllerContext,
  { resource, name, component, view }: Replicated<T>,
): Controller {
  const { client, informers, clock } = context
  const sets = informers.of(resource)
  const podInformer = informers.of(pods)
  sets.addIndex(ownerUidIndex, byOwnerUid)
  podInformer.addIndex(ownerUidIndex, byOwnerUid)
  podInformer.addIndex(orphanIndex, byOrphanNamespace)
  sets.addIndex(namespaceIndex, byNamespace)
  const expectations = new Expectations(clock)
  const recorder = recorderOf(context, component)
  const writer = new PodWriter(client, recorder, expectations)
  const { queue, start } = reconcilerQueue(context, {
    name,
    concurrency: 5,
    reconcile,
  })

  async function reconcile(key: string): Promise<void> {
    const found = sets.objects.get(key)
    if (!found) {
      expectations.forget(key)
      return
    }
    const replicaSet = view(found)
    const nowMs = clock.wallMs()
    const plan = planReplicaSet({
      replicaSet,
      candidates: [
        ...podInformer.objects.byIndex(ownerUidIndex, replicaSet.metadata.uid ?? ''),
        ...podInformer.objects.byIndex(orphanIndex, replicaSet.metadata.namespace ?? ''),
      ],
      related: () => relatedPods(replicaSet),
      expectationsMet: expectations.satisfied(key),
      nowMs,
    })
    const owner = { resource, object: found }
    await makeClaims(client, owner, pods, plan.claims)
    const failed = await scale(key, replicaSet, plan)
    await writeStatus(found, plan.pods, failed?.failure ?? null)
    if (plan.requeueAfterMs !== null) queue.addAfter(key, plan.requeueAfterMs)
    if (!expectations.satisfied(key)) queue.addAfter(key, expectations.expiryMs)
    if (failed) throw failed.error
  }

  async function writeStatus(
    object: T,
    counted: readonly Pod[],
    failure: ReplicaFailure | null,
  ): Promise<void> {
    const replicaSet = view(object)
    const status = replicaSetStatus(replicaSet, counted, failure, clock.wallMs())
    if (sameJson(comparableStatus(status), comparableStatus(replicaSet.status))) return
    await client.updateStatus(resource, { ...object, status })
  }

  async function scale(
    key: string,
    replicaSet: ReplicaSet,
    plan: ReplicaSetPlan,
  ): Promise<{ readonly failure: ReplicaFailure | null; readonly error: unknown } | null> {
    expectations.expect(key, plan.creations, plan.deletions.map(objectKey))
    if (plan.creations > 0) {
      const error = await writer.create(
        key,
        replicaSet,
        podFromTemplate(replicaSet),
        plan.creations,
      )
      if (error === null) return null
      return { failure: { reason: 'FailedCreate', message: errorText(error) }, error }
    }
    const errors = await Promise.all(plan.deletions.map(pod => writer.delete(key, replicaSet, pod)))
    const error = errors.find(one => one !== null)
    if (error === undefined) return null
    return { failure: { reason: 'FailedDelete', message: errorText(error) }, error }
  }

  /** Of all sets of the same Deployment: their pods crowd the same nodes. */
  function relatedPods(replicaSet: ReplicaSet): readonly Pod[] {
    const owner = controllerOf(replicaSet)
    const family: readonly KubeObject[] = owner
      ? sets.objects.byIndex(ownerUidIndex, owner.uid)
      : [replicaSet]
    return family
      .flatMap(set => podInformer.objects.byIndex(ownerUidIndex, set.metadata.uid ?? ''))
      .filter(isPodActive)
  }

  function ownerKey(pod: KubeObject): string | null {
    const owner = controllerOf(pod)
    if (owner?.kind !== resource.kind) return null
    const key = `${pod.metadata.namespace}/${owner.name}`
    return sets.objects.get(key)?.metadata.uid === owner.uid ? key : null
  }

  function addMatching(pod: KubeObject): void {
    for (const set of sets.objects.byIndex(namespaceIndex, pod.metadata.namespace ?? '')) {
      if (matchesLabels(selectorOf(view(set)), pod.metadata.labels)) queue.add(objectKey(set))
    }
  }

  /** A round looks at all pods of its set: after what pods do, those of large sets are some time apart. */
  function podsChanged(key: string): void {
    const set = sets.objects.get(key)
    if (set === undefined) return
    const { spec, status } = view(set)
    const size = Math.max(spec.replicas ?? 0, status?.replicas ?? 0)
    queue.addAfter(key, Math.min(apartMsMax, Math.floor(size / podsAMs)))
  }

  /** Shows what was expected, or some of it; with the last of it the next burst may go out. */
  function observed(key: string, note: () => void): void {
    const expected = !expectations.satisfied(key)
    note()
    if (expected && expectations.satisfied(key)) queue.add(key)
    else podsChanged(key)
  }

  function podAdded(pod: Pod): void {
    const key = ownerKey(pod)
    if (key !== null) {
      observed(key, () => expectations.creationObserved(key))
    } else if (!controllerOf(pod) && !isDeleting(pod)) {
      addMatching(pod)
    }
  }

  function podUpdated(pod: Pod, old: Pod): void {
    const key = ownerKey(pod)
    const oldKey = ownerKey(old)
    if (oldKey !== null && oldKey !== key) queue.add(oldKey)
    if (key !== null) {
      if (isDeleting(pod)) observed(key, () => expectations.deletionObserved(key, objectKey(pod)))
      else podsChanged(key)
    } else if (!controllerOf(pod)) {
      addMatching(pod)
    }
  }

  function podDeleted(pod: Pod): void {
    const key = ownerKey(pod)
    if (key !== null) observed(key, () => expectations.deletionObserved(key, objectKey(pod)))
  }

  const unsubscribe = [
    sets.addHandlers({
      onAdd: set => queue.add(objectKey(set)),
      onUpdate: set => queue.add(objectKey(set)),
      onDelete: set => {
        expectations.forget(objectKey(set))
        queue.add(objectKey(set))
      },
    }),
    podInformer.addHandlers({ onAdd: podAdded, onUpdate: podUpdated, onDelete: podDeleted }),
  ]
  return runningController(context, { queue, start, unsubscribe })
}
