// What a cluster has to become once nobody asks for anything and nothing is broken: what it was told to be. Each
// sentence says what is still missing.

import type { KubeObject } from '../../../orchestrator/api/object.js'
import type { DaemonSet } from '../../../orchestrator/api/types/apps-daemon-set.js'
import type { StatefulSet } from '../../../orchestrator/api/types/apps-stateful-set.js'
import type { Deployment, ReplicaSet } from '../../../orchestrator/api/types/apps.js'
import type { Job } from '../../../orchestrator/api/types/batch.js'
import type { Node } from '../../../orchestrator/api/types/core-node.js'
import type { Pod } from '../../../orchestrator/api/types/core-pod.js'
import type { PodDisruptionBudget } from '../../../orchestrator/api/types/policy-disruption-budget.js'
import type { View } from './view.js'
import { controllerOf, hasEnded, isActive, isDeleting, isReady, nameOf, podsOf } from './view.js'
import { isOver } from './workload-checks.js'

const sentencesMax = 6

/** Empty once all of it is so. */
export function missing(view: View): readonly string[] {
  const found: string[] = []
  for (const sentence of sentences(view)) {
    found.push(sentence)
    if (found.length === sentencesMax) break
  }
  return found
}

function* sentences(view: View): Iterable<string> {
  for (const object of view.history.objects.values()) {
    if (isDeleting(object)) yield `${nameOf(object)} is being deleted`
    yield* garbage(view, object)
  }
  for (const node of view.history.of('core/nodes')) {
    const ready = (node as Node).status?.conditions?.find(({ type }) => type === 'Ready')
    if (ready?.status !== 'True') yield `${nameOf(node)} is not ready`
  }
  for (const object of view.history.of('core/pods')) yield* pod(view, object as Pod)
  for (const object of view.history.of('apps/replicasets')) {
    const { spec, status, metadata } = object as ReplicaSet
    yield* replicas(view, object, spec?.replicas ?? 1, status?.replicas ?? 0)
    yield* observed(object, metadata.generation, status?.observedGeneration)
  }
  for (const object of view.history.of('apps/statefulsets')) {
    const { spec, status, metadata } = object as StatefulSet
    yield* ordinals(view, object as StatefulSet)
    yield* replicas(view, object, spec?.replicas ?? 1, status?.replicas ?? 0)
    yield* observed(object, metadata.generation, status?.observedGeneration)
  }
  for (const object of view.history.of('apps/deployments'))
    yield* rollout(view, object as Deployment)
  for (const object of view.history.of('apps/daemonsets'))
    yield* everywhere(view, object as DaemonSet)
  for (const object of view.history.of('batch/jobs')) yield* done(view, object as Job)
  for (const object of view.history.of('policy/poddisruptionbudgets')) {
    const { metadata, status } = object as PodDisruptionBudget
    yield* observed(object, metadata.generation, status?.observedGeneration)
    if (Object.keys(status?.disruptedPods ?? {}).length > 0)
      yield `${nameOf(object)} waits for pods that were evicted`
  }
}

function* observed(object: KubeObject, now = 0, seen = 0): Iterable<string> {
  if (seen < now) yield `${nameOf(object)} is at generation ${now}, its controller saw ${seen}`
}

/** An owner that is gone has nothing left. */
function* garbage(view: View, object: KubeObject): Iterable<string> {
  const { ownerReferences = [] } = object.metadata
  // Leases of nodes and what masters keep for themselves name owners as well, and follow the same rule.
  if (ownerReferences.length === 0) return
  if (ownerReferences.every(({ uid }) => !view.history.uids.has(uid)))
    yield `${nameOf(object)} is garbage: ${ownerReferences[0]?.name} is gone`
}

/** It runs, or it has ended, or there is no room for it. */
function* pod(view: View, one: Pod): Iterable<string> {
  if (hasEnded(one)) return
  if (one.spec.nodeName === undefined || one.spec.nodeName === '') {
    if (!isUnschedulable(one)) yield `${nameOf(one)} has no node and nobody says why`
    return
  }
  if (!isReady(one)) yield `${nameOf(one)} is on ${one.spec.nodeName} and not ready`
  const runs = view.nodes.some(({ machine }) => machine.containers.has(one.metadata.uid ?? ''))
  if (!runs) yield `${nameOf(one)} runs nowhere`
}

const isUnschedulable = ({ status }: Pod): boolean =>
  status?.conditions?.some(
    ({ type, reason }) => type === 'PodScheduled' && reason === 'Unschedulable',
  ) === true

function* replicas(view: View, owner: KubeObject, wanted: number, told: number): Iterable<string> {
  const active = podsOf(view, owner.metadata.uid ?? '').filter(isActive)
  // One that waits for a pod that has no room waits by right.
  const stuck = owner.kind === 'StatefulSet' && active.some(isUnschedulable)
  if (active.length !== wanted && !stuck)
    yield `${nameOf(owner)} has ${active.length} pods of ${wanted}`
  if (told !== active.length) yield `${nameOf(owner)} says it has ${told} pods of ${active.length}`
}

function* ordinals(view: View, set: StatefulSet): Iterable<string> {
  const { uid = '', name = '' } = set.metadata
  for (const { metadata } of podsOf(view, uid).filter(isActive)) {
    const ordinal = Number((metadata.name ?? '').slice(name.length + 1))
    if (ordinal >= (set.spec?.replicas ?? 1)) yield `${nameOf(set)} still has ordinal ${ordinal}`
  }
}

function* rollout(view: View, one: Deployment): Iterable<string> {
  const { spec, status, metadata } = one
  yield* observed(one, metadata.generation, status?.observedGeneration)
  const sets: ReplicaSet[] = []
  for (const object of view.history.of('apps/replicasets'))
    if (controllerOf(object)?.uid === metadata.uid) sets.push(object as ReplicaSet)
  const pods = sets.flatMap(set => podsOf(view, set.metadata.uid ?? '').filter(isActive))
  if (pods.some(isUnschedulable)) return
  const wanted = spec?.replicas ?? 1
  if (pods.length !== wanted) yield `${nameOf(one)} has ${pods.length} pods of ${wanted}`
  if ((status?.updatedReplicas ?? 0) !== wanted)
    yield `${nameOf(one)} has updated ${status?.updatedReplicas ?? 0} of ${wanted}`
  if ((status?.availableReplicas ?? 0) !== wanted)
    yield `${nameOf(one)} says ${status?.availableReplicas ?? 0} of ${wanted} are available`
}

function* everywhere(view: View, one: DaemonSet): Iterable<string> {
  const pods = podsOf(view, one.metadata.uid ?? '').filter(isActive)
  for (const { name } of view.nodes) {
    const there = pods.filter(({ spec }) => onNode(spec) === name).length
    if (there !== 1) yield `${nameOf(one)} has ${there} pods for ${name}`
  }
}

/** Bound, or meant for it. */
function onNode(spec: Pod['spec']): string {
  const terms =
    spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms
  return spec.nodeName ?? terms?.[0]?.matchFields?.[0]?.values?.[0] ?? ''
}

/** Those of CronJobs come and go. */
function* done(view: View, job: Job): Iterable<string> {
  if (controllerOf(job)?.kind === 'CronJob') return
  if (isOver(job)) {
    const { active = 0, uncountedTerminatedPods: { succeeded = [], failed = [] } = {} } =
      job.status ?? {}
    if (active > 0) yield `${nameOf(job)} is over and has ${active} active pods`
    if (succeeded.length + failed.length > 0) yield `${nameOf(job)} is over and has not counted all`
    return
  }
  const pods = podsOf(view, job.metadata.uid ?? '').filter(isActive)
  if (!pods.some(isUnschedulable)) yield `${nameOf(job)} is not done`
}
