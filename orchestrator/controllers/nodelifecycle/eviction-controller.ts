// Deletes pods from nodes with NoExecute taints once their toleration has run out.
// Counterpart: pkg/controller/tainteviction.

import type { Pod } from '../../api/types/core-pod.js'
import { isNotFound } from '../../client/api-error.js'
import { nodeNameIndex } from '../../client/object-store.js'
import { nodes, objectKey, pods, splitKey } from '../../client/resources.js'
import { sameJson } from '../canonical-json.js'
import {
  type Controller,
  type ControllerContext,
  reconcilerQueue,
  recorderOf,
  runningController,
} from '../context.js'
import { isDeleting } from '../ownership.js'
import { disruptedConditions, isPodTerminal } from '../pod-state.js'
import { evictionTimeMs } from './eviction.js'

export function startTaintEvictionController(context: ControllerContext): Controller {
  const { client, informers, clock } = context
  const nodeInformer = informers.of(nodes)
  const podInformer = informers.of(pods)
  podInformer.addIndex(nodeNameIndex, pod => (pod.spec.nodeName ? [pod.spec.nodeName] : []))
  const recorder = recorderOf(context, 'taint-eviction-controller')
  const { queue, start } = reconcilerQueue(context, {
    name: 'taint-eviction',
    concurrency: 8,
    reconcile,
  })

  async function reconcile(key: string): Promise<void> {
    const pod = podInformer.objects.get(key)
    if (!pod?.spec.nodeName || isDeleting(pod) || isPodTerminal(pod)) return
    const node = nodeInformer.objects.get(pod.spec.nodeName)
    const nowMs = clock.wallMs()
    const atMs = evictionTimeMs(pod.spec.tolerations ?? [], node?.spec?.taints ?? [], nowMs)
    if (atMs === null) return
    if (atMs > nowMs) {
      queue.addAfter(key, atMs - nowMs)
      return
    }
    const text = `Marking for deletion Pod ${key}`
    recorder.record(pod, 'Normal', 'TaintManagerEviction', text)
    try {
      await client.updateStatus(pods, disrupted(pod, nowMs))
      await client.delete(pods, splitKey(key), { uid: pod.metadata.uid ?? '' })
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }

  const addPod = (pod: Pod) => {
    const taints = nodeInformer.objects.get(pod.spec.nodeName ?? '')?.spec?.taints ?? []
    if (taints.some(taint => taint.effect === 'NoExecute')) queue.add(objectKey(pod))
  }
  const unsubscribe = [
    nodeInformer.addHandlers({
      onAdd: node => {
        for (const pod of podInformer.objects.byIndex(nodeNameIndex, node.metadata.name ?? '')) {
          addPod(pod)
        }
      },
      onUpdate: (node, old) => {
        if (sameJson(node.spec?.taints, old.spec?.taints)) return
        for (const pod of podInformer.objects.byIndex(nodeNameIndex, node.metadata.name ?? '')) {
          addPod(pod)
        }
      },
    }),
    podInformer.addHandlers({
      onAdd: addPod,
      onUpdate: (pod, old) => {
        const moved = pod.spec.nodeName !== old.spec.nodeName
        if (moved || !sameJson(pod.spec.tolerations, old.spec.tolerations)) addPod(pod)
      },
    }),
  ]
  return runningController(context, { queue, start, unsubscribe })
}

function disrupted(pod: Pod, wallMs: number): Pod {
  const message = 'Taint manager: deleting due to NoExecute taint'
  const conditions = disruptedConditions(pod, 'DeletionByTaintManager', message, wallMs)
  return { ...pod, status: { ...pod.status, conditions } }
}
