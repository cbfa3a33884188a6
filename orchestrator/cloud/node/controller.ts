// The node controllers' shell: new nodes are told of their machines, all of them now and then, and those that fall
// silent are looked after. Counterpart: controllers/node and controllers/nodelifecycle of k8s.io/cloud-provider.

import type { Node } from '../../api/types/core-node.js'
import { isNotFound } from '../../client/api-error.js'
import { nodes } from '../../client/resources.js'
import { formatTime } from '../../client/timestamps.js'
import {
  type Controller,
  type ControllerContext,
  reconcilerQueue,
  recorderOf,
  runningController,
} from '../../controllers/context.js'
import type { Instance, Instances } from '../provider.js'
import {
  asJson,
  isReady,
  isUninitialized,
  type LifePlan,
  planNode,
  planSilentNode,
  withoutShutdown,
} from './reconcile.js'

export interface CloudNodeOptions {
  /** Between two looks at what the cloud says of a node that is well. */
  readonly statusMs: number
  /** Between two looks at nodes that are not. */
  readonly monitorMs: number
}

export function startCloudNodeController(
  context: ControllerContext,
  instances: Instances,
  options: CloudNodeOptions,
): Controller {
  const { client, informers, clock } = context
  const informer = informers.of(nodes)
  const recorder = recorderOf(context, 'cloud-node-controller')
  const { queue, start } = reconcilerQueue(context, {
    name: 'cloud-node',
    concurrency: 5,
    reconcile,
  })

  async function reconcile(name: string): Promise<void> {
    const node = informer.objects.get(name)
    if (node === undefined || node.metadata.deletionTimestamp !== undefined) return
    const instance = await instances.of(node)
    try {
      // One that has just registered may be known to itself before it is known to its cloud.
      if (!isReady(node) && !isUninitialized(node)) await look(node, instance)
      else if (instance !== null) await tell(node, instance)
      else if (isUninitialized(node)) throw new Error(`no instance of node ${name} is known`)
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }

  async function tell(node: Node, instance: Instance): Promise<void> {
    const { name = '', uid = '' } = node.metadata
    const plan = planNode(node, instance)
    // Addresses first: without its taint the node gets pods.
    if (plan.status !== null) {
      const patch = { metadata: { uid }, status: plan.status }
      await client.patch(nodes, { name }, 'strategic', patch, { subresource: 'status' })
    }
    if (plan.node !== null) {
      const { metadata = {}, ...rest } = plan.node
      const patch = { ...rest, metadata: { ...(metadata as object), uid } }
      await client.patch(nodes, { name }, 'merge', patch)
    }
    if (isUninitialized(node)) {
      recorder.record(node, 'Normal', 'Synced', 'Node synced successfully')
    }
    await act(node, withoutShutdown(node))
  }

  const look = (node: Node, instance: Instance | null): Promise<void> =>
    act(node, planSilentNode(node, instance, formatTime(clock.wallMs())))

  async function act(node: Node, plan: LifePlan): Promise<void> {
    const { name = '', uid = '' } = node.metadata
    if (plan.kind === 'delete') {
      const text = `Deleting node ${name} because it does not exist in the cloud provider`
      recorder.record(node, 'Normal', 'DeletingNode', text)
      await client.delete(nodes, { name }, { uid })
    } else if (plan.kind === 'taints') {
      const patch = { metadata: { uid }, spec: { taints: asJson(plan.taints) } }
      await client.patch(nodes, { name }, 'merge', patch)
    }
  }

  const enqueue = (node: Node) => queue.add(node.metadata.name ?? '')
  const every = (ms: number, matters: (node: Node) => boolean) =>
    clock.setTicker(ms, () => {
      for (const node of informer.objects.list()) if (matters(node)) enqueue(node)
    })
  const timers = [every(options.statusMs, isReady), every(options.monitorMs, one => !isReady(one))]
  const unsubscribe = [
    informer.addHandlers({
      onAdd: enqueue,
      onUpdate: (node, old) => {
        if (isReady(node) !== isReady(old) || isUninitialized(node)) enqueue(node)
      },
    }),
    () => timers.forEach(timer => timer.cancel()),
  ]
  return runningController(context, { queue, start, unsubscribe })
}
