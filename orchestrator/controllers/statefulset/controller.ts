// The StatefulSet controller's shell: informers in; revisions, claims and pods out. Counterpart:
// pkg/controller/statefulset. Names are given, so that there is nothing to expect: a pod that our copy does not show yet
// is refused by the server.

import type { KubeObject } from '../../api/object.js'
import type { ControllerRevision } from '../../api/types/apps-daemon-set.js'
import type { StatefulSet } from '../../api/types/apps-stateful-set.js'
import type { PersistentVolumeClaim } from '../../api/types/core-persistent-volume.js'
import type { Pod } from '../../api/types/core-pod.js'
import { matchesLabels } from '../../api/selectors.js'
import { isAlreadyExists, isNamespaceTerminating, isNotFound } from '../../client/api-error.js'
import {
  byNamespace,
  byOwnerUid,
  namespaceIndex,
  ownerUidIndex,
} from '../../client/object-store.js'
import {
  controllerRevisions,
  objectKey,
  persistentVolumeClaims,
  pods,
  statefulSets,
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
import { byOrphanNamespace, claim, controllerOf, isDeleting, orphanIndex } from '../ownership.js'
import { RevisionHistory } from '../revision-history.js'
import { WrittenVersions } from '../written-versions.js'
import type { ClaimOwners } from './claim-retention.js'
import { ordinalOf, revisionOf } from './identity.js'
import type { Creation, Deletion, StatefulSetPlan } from './reconcile.js'
import { planStatefulSet, selectorOf } from './reconcile.js'

const notShownYetMs = 100

export function startStatefulSetController(context: ControllerContext): Controller {
  const { client, informers, clock } = context
  const sets = informers.of(statefulSets)
  const podInformer = informers.of(pods)
  const claimInformer = informers.of(persistentVolumeClaims)
  const revisionInformer = informers.of(controllerRevisions)
  sets.addIndex(namespaceIndex, byNamespace)
  podInformer.addIndex(ownerUidIndex, byOwnerUid)
  podInformer.addIndex(orphanIndex, byOrphanNamespace)
  revisionInformer.addIndex(ownerUidIndex, byOwnerUid)
  revisionInformer.addIndex(orphanIndex, byOrphanNamespace)
  const written = new WrittenVersions()
  const recorder = recorderOf(context, 'statefulset-controller')
  const history = new RevisionHistory(client, statefulSets, selectorOf)
  const { queue, start } = reconcilerQueue(context, {
    name: 'statefulset',
    concurrency: 5,
    reconcile,
  })

  async function reconcile(key: string): Promise<void> {
    const set = sets.objects.get(key)
    if (!set) {
      written.forget(key)
      return
    }
    // Its last status says what the update has come from.
    if (!written.shownBy(sets, key)) {
      queue.addAfter(key, notShownYetMs)
      return
    }
    const own = await claimed(set)
    const { update, revisions, collisionCount } = await history.update(set, [
      ...revisionInformer.objects.byIndex(ownerUidIndex, set.metadata.uid ?? ''),
      ...revisionInformer.objects.byIndex(orphanIndex, set.metadata.namespace ?? ''),
    ])
    const currentName = set.status?.currentRevision
    const current = revisions.find(({ metadata }) => metadata.name === currentName) ?? update
    const plan = planStatefulSet({
      set,
      pods: own,
      claim: name => claimInformer.objects.get(`${set.metadata.namespace}/${name}`),
      current,
      update,
      collisionCount,
      nowMs: clock.wallMs(),
    })
    const error = await carryOut(set, plan)
    if (!sameJson(plan.status, set.status)) {
      written.note(key, await client.updateStatus(statefulSets, { ...set, status: plan.status }))
    }
    const inUse = new Set([...own.map(revisionOf), nameOf(current), nameOf(update)])
    await history.truncate(set, revisions, inUse)
    if (plan.requeueAfterMs !== null) queue.addAfter(key, plan.requeueAfterMs)
    if (error !== null) throw error
  }

  /** What is and will be its own, by selector and by name. */
  async function claimed(set: StatefulSet): Promise<readonly Pod[]> {
    const candidates = [
      ...podInformer.objects.byIndex(ownerUidIndex, set.metadata.uid ?? ''),
      ...podInformer.objects.byIndex(orphanIndex, set.metadata.namespace ?? ''),
    ].filter(pod => ordinalOf(set, pod) !== null)
    const claims = claim(set, selectorOf(set), candidates)
    await makeClaims(client, { resource: statefulSets, object: set }, pods, claims)
    return [...claims.owned, ...claims.adopt]
  }

  /** The first error, or null; what comes after it in order is not done. */
  async function carryOut(set: StatefulSet, plan: StatefulSetPlan): Promise<unknown> {
    try {
      for (const { pod, labels } of plan.relabels) await relabel(pod, labels)
      for (const owners of plan.owners) await writeOwners(owners)
      for (const missing of plan.claims) await makeClaim(set, missing, null)
    } catch (error) {
      return error
    }
    // 1, 2, 4, ...: when the first one is refused the rest of hundreds is never sent.
    const work = [
      ...plan.creations.map(creation => () => make(set, creation)),
      ...plan.deletions.map(deletion => () => remove(set, deletion)),
    ]
    for (let [from, size] = [0, 1]; from < work.length; [from, size] = [from + size, size * 2]) {
      const outcomes = await Promise.all(work.slice(from, from + size).map(step => step()))
      const error = outcomes.find(outcome => outcome !== null)
      if (error !== undefined) return isNamespaceTerminating(error) ? null : error
    }
    return null
  }

  async function make(set: StatefulSet, { pod, claims }: Creation): Promise<unknown> {
    const what = `Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`
    try {
      for (const one of claims) await makeClaim(set, one, pod)
      await client.create(pods, pod)
      recorder.record(set, 'Normal', 'SuccessfulCreate', `create ${what} successful`)
      return null
    } catch (error) {
      // Our copy is behind, or somebody else has the name: what is there will show.
      if (!isNamespaceTerminating(error) && !isAlreadyExists(error)) {
        const text = `create ${what} failed error: ${errorText(error)}`
        recorder.record(set, 'Warning', 'FailedCreate', text)
      }
      return error
    }
  }

  async function makeClaim(
    set: StatefulSet,
    wanted: PersistentVolumeClaim,
    pod: Pod | null,
  ): Promise<void> {
    try {
      await client.create(persistentVolumeClaims, wanted)
    } catch (error) {
      // That is all that it is for.
      if (isAlreadyExists(error)) return
      throw error
    }
    const owner = pod === null ? '' : ` Pod ${pod.metadata.name}`
    const text = `create Claim ${wanted.metadata.name}${owner} in StatefulSet ${set.metadata.name} success`
    recorder.record(set, 'Normal', 'SuccessfulCreate', text)
  }

  async function remove(set: StatefulSet, { pod, why }: Deletion): Promise<unknown> {
    const { namespace = '', name = '', uid = '' } = pod.metadata
    const what = `Pod ${name} in StatefulSet ${set.metadata.name}`
    if (why === 'failed' || why === 'succeeded') {
      const [reason, state] =
        why === 'failed' ? ['RecreatingFailedPod', 'failed'] : ['RecreatingTerminatedPod', 'ended']
      const text = `StatefulSet ${namespace}/${set.metadata.name} is recreating ${state} Pod ${name}`
      recorder.record(set, why === 'failed' ? 'Warning' : 'Normal', reason, text)
    }
    try {
      await client.delete(pods, { namespace, name }, { uid })
      recorder.record(set, 'Normal', 'SuccessfulDelete', `delete ${what} successful`)
      return null
    } catch (error) {
      if (isNotFound(error)) return null
      const text = `delete ${what} failed error: ${errorText(error)}`
      recorder.record(set, 'Warning', 'FailedDelete', text)
      return error
    }
  }

  async function relabel(pod: Pod, labels: Readonly<Record<string, string>>): Promise<void> {
    const { namespace = '', name = '', uid = '' } = pod.metadata
    await client.patch(pods, { namespace, name }, 'merge', { metadata: { uid, labels } })
  }

  /** Refused where somebody has changed the claim meanwhile: the next round looks again. */
  async function writeOwners({ claim: of, ownerReferences }: ClaimOwners): Promise<void> {
    const changed = { ...of, metadata: { ...of.metadata, ownerReferences } }
    await client.update(persistentVolumeClaims, changed).catch((error: unknown) => {
      if (!isNotFound(error)) throw error
    })
  }

  function ownerKey(object: KubeObject): string | null {
    const owner = controllerOf(object)
    if (owner?.kind !== 'StatefulSet') return null
    const key = `${object.metadata.namespace}/${owner.name}`
    return sets.objects.get(key)?.metadata.uid === owner.uid ? key : null
  }

  function podChanged(pod: Pod, old: Pod | null): void {
    const key = ownerKey(pod)
    const oldKey = old === null ? null : ownerKey(old)
    if (oldKey !== null && oldKey !== key) queue.add(oldKey)
    if (key !== null) queue.add(key)
    else if (!controllerOf(pod) && !isDeleting(pod)) {
      for (const set of sets.objects.byIndex(namespaceIndex, pod.metadata.namespace ?? '')) {
        if (matchesLabels(selectorOf(set), pod.metadata.labels)) queue.add(objectKey(set))
      }
    }
  }

  function dependentChanged(object: KubeObject): void {
    const key = ownerKey(object)
    if (key !== null) queue.add(key)
  }

  /** A pod may wait for it: claims are called like what they are made from, and the pod. */
  function claimGone({ metadata }: PersistentVolumeClaim): void {
    for (const set of sets.objects.byIndex(namespaceIndex, metadata.namespace ?? '')) {
      const ours = (set.spec.volumeClaimTemplates ?? []).some(template =>
        metadata.name?.startsWith(`${template.metadata.name}-${set.metadata.name}-`),
      )
      if (ours) queue.add(objectKey(set))
    }
  }

  const unsubscribe = [
    sets.addHandlers({
      onAdd: set => queue.add(objectKey(set)),
      onUpdate: set => queue.add(objectKey(set)),
      onDelete: set => queue.add(objectKey(set)),
    }),
    podInformer.addHandlers({
      onAdd: pod => podChanged(pod, null),
      onUpdate: (pod, old) => podChanged(pod, old),
      onDelete: dependentChanged,
    }),
    revisionInformer.addHandlers({ onUpdate: dependentChanged, onDelete: dependentChanged }),
    claimInformer.addHandlers({ onDelete: claimGone }),
  ]
  return runningController(context, { queue, start, unsubscribe })
}

const nameOf = ({ metadata }: ControllerRevision): string => metadata.name ?? ''
