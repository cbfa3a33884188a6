// The disruption controller's shell: keeps the status of PodDisruptionBudgets, by which evictions are let through.
// Counterpart: pkg/controller/disruption.

import type { KubeObject, OwnerReference } from '../../api/object.js'
import type { Pod } from '../../api/types/core-pod.js'
import { isNotFound } from '../../client/api-error.js'
import { byNamespace, namespaceIndex } from '../../client/object-store.js'
import {
  deployments,
  objectKey,
  podDisruptionBudgets,
  pods,
  replicaSets,
  replicationControllers,
  type Resource,
  statefulSets,
} from '../../client/resources.js'
import { sameJson } from '../canonical-json.js'
import {
  type Controller,
  type ControllerContext,
  reconcilerQueue,
  recorderOf,
  runningController,
} from '../context.js'
import { KindNames } from '../kind-names.js'
import { controllerOf } from '../ownership.js'
import { WrittenVersions } from '../written-versions.js'
import type { ExpectedScale } from './reconcile.js'
import { isRelative, planBudget, selects } from './reconcile.js'

const notShownYetMs = 100

export function startDisruptionController(context: ControllerContext): Controller {
  const { client, informers, clock } = context
  const budgets = informers.of(podDisruptionBudgets)
  const podInformer = informers.of(pods)
  budgets.addIndex(namespaceIndex, byNamespace)
  podInformer.addIndex(namespaceIndex, byNamespace)
  const known: readonly Resource[] = [
    deployments,
    replicaSets,
    replicationControllers,
    statefulSets,
  ]
  const workloads = new Map(known.map(resource => [resource.kind, informers.of(resource)]))
  const recorder = recorderOf(context, 'controllermanager')
  const written = new WrittenVersions()
  const kinds = new KindNames(client)
  const { queue, start } = reconcilerQueue(context, {
    name: 'disruption',
    concurrency: 2,
    reconcile,
  })

  async function reconcile(key: string): Promise<void> {
    const budget = budgets.objects.get(key)
    if (!budget) {
      written.forget(key)
      return
    }
    if (!written.shownBy(budgets, key)) {
      queue.addAfter(key, notShownYetMs)
      return
    }
    const namespace = budget.metadata.namespace ?? ''
    const selected = podInformer.objects
      .byIndex(namespaceIndex, namespace)
      .filter(pod => selects(budget, pod))
    const scales = isRelative(budget)
      ? await scalesOf(namespace, selected)
      : new Map<string, ExpectedScale>()
    const plan = planBudget({
      budget,
      pods: selected,
      scaleOf: ({ uid }) => scales.get(uid) ?? null,
      nowMs: clock.wallMs(),
    })
    if (!sameJson(plan.status, budget.status)) {
      const next = { ...budget, status: plan.status }
      written.note(key, await client.updateStatus(podDisruptionBudgets, next))
      for (const { type, reason, message, pod } of plan.events) {
        recorder.record(pod ?? budget, type, reason, message)
      }
    }
    if (plan.requeueAfterMs !== null) queue.addAfter(key, plan.requeueAfterMs)
  }

  /** By the uid of what controls the pods. */
  async function scalesOf(
    namespace: string,
    selected: readonly Pod[],
  ): Promise<ReadonlyMap<string, ExpectedScale>> {
    const scales = new Map<string, ExpectedScale>()
    const seen = new Set<string>()
    for (const pod of selected) {
      const controller = controllerOf(pod)
      if (controller === undefined || seen.has(controller.uid)) continue
      seen.add(controller.uid)
      const scale = ownScale(namespace, controller) ?? (await askedScale(namespace, controller))
      if (scale !== null) scales.set(controller.uid, scale)
    }
    return scales
  }

  /** Of the kinds that are built in. A Deployment speaks for its ReplicaSets. */
  function ownScale(namespace: string, { kind, name, uid }: OwnerReference): ExpectedScale | null {
    const found = workloads.get(kind)?.objects.get(`${namespace}/${name}`)
    if (found === undefined || found.metadata.uid !== uid) return null
    const above = kind === 'ReplicaSet' ? controllerOf(found) : undefined
    if (above?.kind === 'Deployment') return ownScale(namespace, above)
    const { replicas = 1 } = (found as KubeObject & { spec?: { replicas?: number } }).spec ?? {}
    return { uid, replicas }
  }

  /** Of any other kind, by its scale subresource. */
  async function askedScale(
    namespace: string,
    { apiVersion, kind, name, uid }: OwnerReference,
  ): Promise<ExpectedScale | null> {
    const resource = await kinds.find(apiVersion, kind)
    if (resource?.scalable !== true) return null
    try {
      const { metadata, spec } = await client.getScale(resource, { namespace, name })
      return metadata.uid === uid ? { uid, replicas: spec?.replicas ?? 0 } : null
    } catch (error) {
      if (isNotFound(error)) return null
      throw error
    }
  }

  function podChanged(pod: Pod): void {
    for (const budget of budgets.objects.byIndex(namespaceIndex, pod.metadata.namespace ?? '')) {
      if (selects(budget, pod)) queue.add(objectKey(budget))
    }
  }

  const unsubscribe = [
    budgets.addHandlers({
      onAdd: budget => queue.add(objectKey(budget)),
      onUpdate: budget => queue.add(objectKey(budget)),
      onDelete: budget => queue.add(objectKey(budget)),
    }),
    podInformer.addHandlers({
      onAdd: podChanged,
      onUpdate: (pod, old) => {
        podChanged(pod)
        podChanged(old)
      },
      onDelete: podChanged,
    }),
  ]
  return runningController(context, { queue, start, unsubscribe })
}
