// Gives every node a pod CIDR. Counterpart: pkg/controller/nodeipam. One worker, which counts what
// it has just given as used before its informer shows it, so no two nodes get the same.

import { nodes } from '../../client/resources.js'
import {
  type Controller,
  type ControllerContext,
  reconcilerQueue,
  recorderOf,
  runningController,
} from '../context.js'
import { allocateCidr, CidrError } from './reconcile.js'

export interface NodeIpamOptions {
  readonly clusterCidr: string
  /** Size of a node's block, as in 24. */
  readonly nodePrefix: number
}

export function startNodeIpamController(
  context: ControllerContext,
  options: NodeIpamOptions,
): Controller {
  const { client, informers } = context
  const nodeInformer = informers.of(nodes)
  const recorder = recorderOf(context, 'node-ipam-controller')
  /** Given in this term, by node; outcome-unknown writes included. */
  const given = new Map<string, string>()
  const { queue, start } = reconcilerQueue(context, {
    name: 'node-ipam',
    concurrency: 1,
    reconcile,
  })

  async function reconcile(name: string): Promise<void> {
    const node = nodeInformer.objects.get(name)
    if (!node) {
      given.delete(name)
      return
    }
    if (node.spec?.podCIDR) return
    const used = nodeInformer.objects
      .list()
      .flatMap(other => other.spec?.podCIDRs ?? (other.spec?.podCIDR ? [other.spec.podCIDR] : []))
    try {
      const { clusterCidr, nodePrefix } = options
      const own = given.get(name)
      const others = [...given].filter(([other]) => other !== name).map(([, cidr]) => cidr)
      const cidr = own ?? allocateCidr(clusterCidr, nodePrefix, [...used, ...others])
      given.set(name, cidr)
      const { uid = '' } = node.metadata
      const patch = { metadata: { uid }, spec: { podCIDR: cidr, podCIDRs: [cidr] } }
      await client.patch(nodes, { name }, 'merge', patch)
    } catch (error) {
      if (error instanceof CidrError) {
        recorder.record(
          node,
          'Warning',
          'CIDRNotAvailable',
          `Node ${name} status is now: CIDRNotAvailable`,
        )
      }
      throw error
    }
  }

  const unsubscribe = nodeInformer.addHandlers({
    onAdd: node => queue.add(node.metadata.name ?? ''),
    onUpdate: node => {
      if (!node.spec?.podCIDR) queue.add(node.metadata.name ?? '')
    },
    onDelete: node => queue.add(node.metadata.name ?? ''),
  })
  return runningController(context, { queue, start, unsubscribe: [unsubscribe] })
}
