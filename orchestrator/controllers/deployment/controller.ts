// The Deployment controller's shell. Counterpart: pkg/controller/deployment.

import { unreachable } from '../../../platform/errors.js'
import type { KubeObject } from '../../api/object.js'
import { labelSelectorFromObject } from '../../api/selectors.js'
import type { Deployment, ReplicaSet } from '../../api/types/apps.js'
import { isAlreadyExists, isNamespaceTerminating, isNotFound } from '../../client/api-error.js'
import {
  byNamespace,
  byOwnerUid,
  namespaceIndex,
  ownerUidIndex,
} from '../../client/object-store.js'
import { deployments, objectKey, pods, replicaSets } from '../../client/resources.js'
import { makeClaims } from '../claiming.js'
import {
  type Controller,
  type ControllerContext,
  errorText,
  reconcilerQueue,
  recorderOf,
  runningController,
} from '../context.js'
import { byOrphanNamespace, claim, controllerOf, orphanIndex } from '../ownership.js'
import { revisionAnnotation } from './annotations.js'
import { type DeploymentAction, planDeployment } from './reconcile.js'
import { sameTemplate } from './template-hash.js'

export function startDeploymentController(context: ControllerContext): Controller {
  const { client, informers, clock } = context
  const owners = informers.of(deployments)
  const sets = informers.of(replicaSets)
  const podInformer = informers.of(pods)
  owners.addIndex(namespaceIndex, byNamespace)
  sets.addIndex(ownerUidIndex, byOwnerUid)
  sets.addIndex(orphanIndex, byOrphanNamespace)
  podInformer.addIndex(ownerUidIndex, byOwnerUid)
  const recorder = recorderOf(context, 'deployment-controller')
  const { queue, start } = reconcilerQueue(context, {
    name: 'deployment',
    concurrency: 5,
    reconcile,
  })

  async function reconcile(key: string): Promise<void> {
    const deployment = owners.objects.get(key)
    const selector = labelSelectorFromObject(deployment?.spec.selector)
    if (!deployment || !selector) return
    if (selector.length === 0) {
      recorder.record(
        deployment,
        'Warning',
        'SelectingAll',
        'This deployment is selecting all pods. A non-empty selector is required.',
      )
      return
    }
    const { uid = '', namespace = '' } = deployment.metadata
    const candidates = [
      ...sets.objects.byIndex(ownerUidIndex, uid),
      ...sets.objects.byIndex(orphanIndex, namespace),
    ]
    const claims = claim(deployment, selector, candidates)
    await makeClaims(client, { resource: deployments, object: deployment }, replicaSets, claims)
    if (claims.adopt.length > 0) {
      // Their versions have changed: go on with what the informer will show.
      queue.addAfter(key, 50)
      return
    }
    const plan = planDeployment({
      deployment,
      replicaSets: claims.owned,
      pods: () =>
        claims.owned.flatMap(set =>
          podInformer.objects.byIndex(ownerUidIndex, set.metadata.uid ?? ''),
        ),
      nowMs: clock.wallMs(),
    })
    let current = deployment
    for (const action of plan.actions) current = await perform(current, action)
    if (plan.requeueAfterMs !== null) queue.addAfter(key, plan.requeueAfterMs)
  }

  /** Answers the Deployment as it is after the action. */
  async function perform(deployment: Deployment, action: DeploymentAction): Promise<Deployment> {
    const { namespace = '', name = '' } = deployment.metadata
    switch (action.kind) {
      case 'create-replica-set':
        await createReplicaSet(deployment, action.replicaSet)
        return deployment
      case 'update-replica-set':
        await client.update(replicaSets, action.replicaSet)
        return deployment
      case 'delete-replica-set':
        await deleteReplicaSet(action.replicaSet)
        return deployment
      case 'set-revision': {
        const metadata = { annotations: { [revisionAnnotation]: action.revision } }
        // Through the status: there, a note of ours is no new intent and raises no generation.
        const patch = { metadata }
        return await client.patch(deployments, { namespace, name }, 'merge', patch, {
          subresource: 'status',
        })
      }
      case 'event':
        recorder.record(deployment, 'Normal', action.reason, action.message)
        return deployment
      case 'update-status':
        return await client.updateStatus(deployments, { ...deployment, status: action.status })
      default:
        return unreachable(action)
    }
  }

  async function createReplicaSet(deployment: Deployment, replicaSet: ReplicaSet): Promise<void> {
    try {
      await client.create(replicaSets, replicaSet)
    } catch (error) {
      if (isNamespaceTerminating(error)) throw error
      if (!isAlreadyExists(error)) {
        const message = `Failed to create new replica set "${replicaSet.metadata.name}": `
        const text = message + errorText(error)
        recorder.record(deployment, 'Warning', 'ReplicaSetCreateError', text)
        throw error
      }
      await resolveCollision(deployment, replicaSet)
    }
  }

  /** Our own set, which the informer has yet to show, or another of the same hash. */
  async function resolveCollision(deployment: Deployment, wanted: ReplicaSet): Promise<void> {
    const { namespace = '', name = '' } = wanted.metadata
    const found = await client.get(replicaSets, { namespace, name })
    const ours = controllerOf(found)?.uid === deployment.metadata.uid
    if (ours && sameTemplate(found.spec.template, wanted.spec.template)) return
    const { metadata } = deployment
    const count = (deployment.status?.collisionCount ?? 0) + 1
    await client.patch(
      deployments,
      { namespace, name: metadata.name ?? '' },
      'merge',
      {
        metadata: { resourceVersion: metadata.resourceVersion },
        status: { collisionCount: count },
      },
      { subresource: 'status' },
    )
    throw new Error(`the name ${name} is taken: the next hash avoids it`)
  }

  async function deleteReplicaSet(replicaSet: ReplicaSet): Promise<void> {
    const { namespace = '', name = '', uid = '' } = replicaSet.metadata
    await client
      .delete(replicaSets, { namespace, name }, { uid, propagationPolicy: 'Background' })
      .catch((error: unknown) => {
        if (!isNotFound(error)) throw error
      })
  }

  function enqueueOwner(set: ReplicaSet): void {
    const owner = controllerOf(set)
    if (owner) {
      if (owner.kind === 'Deployment') queue.add(`${set.metadata.namespace}/${owner.name}`)
      return
    }
    for (const deployment of owners.objects.byIndex(namespaceIndex, set.metadata.namespace ?? '')) {
      const selector = labelSelectorFromObject(deployment.spec.selector)
      if (selector && claim(deployment, selector, [set]).adopt.length > 0) {
        queue.add(objectKey(deployment))
      }
    }
  }

  /** Recreate waits for the last pod of the older revisions. */
  function podGone(pod: KubeObject): void {
    const owner = controllerOf(pod)
    if (owner?.kind !== 'ReplicaSet') return
    const set = sets.objects.get(`${pod.metadata.namespace}/${owner.name}`)
    if (set) enqueueOwner(set)
  }

  const unsubscribe = [
    owners.addHandlers({
      onAdd: object => queue.add(objectKey(object)),
      onUpdate: object => queue.add(objectKey(object)),
    }),
    sets.addHandlers({
      onAdd: enqueueOwner,
      onUpdate: (set, old) => {
        if (controllerOf(old)?.uid !== controllerOf(set)?.uid) enqueueOwner(old)
        enqueueOwner(set)
      },
      onDelete: enqueueOwner,
    }),
    podInformer.addHandlers({ onDelete: podGone }),
  ]
  return runningController(context, { queue, start, unsubscribe })
}
