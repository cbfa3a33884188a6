// Watches over nodes: the silent ones become Unknown and tainted. Counterpart:
// pkg/controller/nodelifecycle. Before a node is declared silent its Lease and the Node are read
// afresh: a broken watch of ours must not look like the death of every node.

import type { Node } from '../../api/types/core-node.js'
import type { Pod } from '../../api/types/core-pod.js'
import { isConflict, isNotFound } from '../../client/api-error.js'
import { nodeNameIndex } from '../../client/object-store.js'
import { leases, nodes, pods } from '../../client/resources.js'
import { formatTime } from '../../client/timestamps.js'
import { type Controller, type ControllerContext, reconcilerQueue, recorderOf } from '../context.js'
import { podCondition } from '../pod-state.js'
import {
  allDark,
  beginsEviction,
  type Eviction,
  evictionRate,
  type NodeHealth,
  observeHealth,
  isSilent,
  type NodeGrace,
  readyCondition,
  silentConditions,
  wantedTaints,
  zoneOf,
  zoneStates,
} from './reconcile.js'

export interface NodeLifecycleOptions extends NodeGrace {
  readonly periodMs: number
}

const leaseNamespace = 'kube-node-lease'

export function startNodeLifecycleController(
  context: ControllerContext,
  options: NodeLifecycleOptions,
): Controller {
  const { client, informers, clock } = context
  const nodeInformer = informers.of(nodes)
  const podInformer = informers.of(pods)
  const leaseInformer = informers.of(leases)
  podInformer.addIndex(nodeNameIndex, pod => (pod.spec.nodeName ? [pod.spec.nodeName] : []))
  const health = new Map<string, NodeHealth>()
  const evictionAllowedAtMs = new Map<string, number>()
  const recorder = recorderOf(context, 'node-controller')
  const { queue, start } = reconcilerQueue(context, {
    name: 'node-lifecycle',
    concurrency: 4,
    reconcile,
  })

  /** Looks at all clocks; everything that is to be written goes through the queue. */
  function look(): void {
    const nowMs = clock.monotonicMs()
    const all = nodeInformer.objects.list()
    const dark = allDark(zoneStates(all))
    for (const node of all) {
      const name = node.metadata.name ?? ''
      hear(name, node, nowMs)
      // Evictions that had begun when the last node fell silent are taken back, too.
      const due = dark ? wantedTaints(node, 'off', 0) !== null : beginsEviction(node)
      if (due || hasGoneSilent(name, node, nowMs)) queue.add(name)
    }
    for (const name of health.keys()) {
      if (!nodeInformer.objects.get(name)) health.delete(name)
    }
  }

  function hear(name: string, node: Node, nowMs: number): void {
    const lease = leaseInformer.objects.get(`${leaseNamespace}/${name}`)
    health.set(name, observeHealth(health.get(name), node, lease, nowMs))
  }

  function hasGoneSilent(name: string, node: Node, nowMs: number): boolean {
    return isSilent(node, health.get(name), nowMs, options)
  }

  async function reconcile(name: string): Promise<void> {
    let node = nodeInformer.objects.get(name)
    if (!node) return
    if (hasGoneSilent(name, node, clock.monotonicMs())) {
      const marked = await confirmSilence(name)
      if (!marked) return
      node = marked
    }
    const taints = wantedTaints(node, evictionOf(node), clock.wallMs())
    if (taints) {
      const { resourceVersion } = node.metadata
      const patch = { metadata: { resourceVersion }, spec: { taints: taints.map(t => ({ ...t })) } }
      await client.patch(nodes, { name }, 'merge', patch)
    }
    if (readyCondition(node)?.status !== 'True') await markPodsNotReady(name)
  }

  /** Reads what our copy may have missed; answers the node as marked, or null when it lives. */
  async function confirmSilence(name: string): Promise<Node | null> {
    const at = { namespace: leaseNamespace, name }
    const lease = await client.get(leases, at).catch(undefinedIfNotFound)
    const node = await client.get(nodes, { name }).catch(undefinedIfNotFound)
    if (!node) return null
    const nowMs = clock.monotonicMs()
    health.set(name, observeHealth(health.get(name), node, lease, nowMs))
    const conditions = hasGoneSilent(name, node, nowMs)
      ? silentConditions(node, clock.wallMs())
      : null
    if (!conditions) return null
    const status = { ...node.status, conditions }
    const marked = await client.updateStatus(nodes, { ...node, status })
    const text = `Node ${name} status is now: NodeNotReady`
    recorder.record(node, 'Normal', 'NodeNotReady', text)
    return marked
  }

  function evictionOf(node: Node): Eviction {
    const all = nodeInformer.objects.list()
    const zone = zoneOf(node)
    const inZone = all.filter(other => zoneOf(other) === zone).length
    const rate = evictionRate(zone, zoneStates(all), inZone)
    if (rate === 'off') return 'off'
    if (!beginsEviction(node)) return 'allowed'
    const nowMs = clock.monotonicMs()
    if (rate === 0 || nowMs < (evictionAllowedAtMs.get(zone) ?? 0)) return 'wait'
    evictionAllowedAtMs.set(zone, nowMs + 1000 / rate)
    return 'allowed'
  }

  /** Services must stop sending to them before they are evicted. */
  async function markPodsNotReady(name: string): Promise<void> {
    for (const pod of podInformer.objects.byIndex(nodeNameIndex, name)) {
      if (podCondition(pod, 'Ready')?.status !== 'True') continue
      const status = { ...pod.status, conditions: notReadyConditions(pod, clock.wallMs()) }
      await client.updateStatus(pods, { ...pod, status }).catch((error: unknown) => {
        if (isConflict(error)) queue.addAfter(name, 200)
        else if (!isNotFound(error)) throw error
      })
      recorder.record(pod, 'Warning', 'NodeNotReady', 'Node is not ready')
    }
  }

  const onNode = (node: Node) => queue.add(node.metadata.name ?? '')
  const unsubscribe = nodeInformer.addHandlers({
    onAdd: node => {
      const { name = '' } = node.metadata
      const text = `Node ${name} event: Registered Node ${name} in Controller`
      recorder.record(node, 'Normal', 'RegisteredNode', text)
      onNode(node)
    },
    onDelete: node => {
      const { name = '' } = node.metadata
      const text = `Node ${name} event: Removing Node ${name} from Controller`
      recorder.record(node, 'Normal', 'RemovingNode', text)
    },
    onUpdate: (node, old) => {
      hear(node.metadata.name ?? '', node, clock.monotonicMs())
      const changed =
        readyCondition(node)?.status !== readyCondition(old)?.status ||
        wantedTaints(node, 'wait', 0) !== null
      if (changed) onNode(node)
    },
  })
  const ticker = clock.setTicker(options.periodMs, () => {
    if (nodeInformer.hasSynced && leaseInformer.hasSynced) look()
  })
  void informers.whenSynced().then(start)
  return {
    stop() {
      ticker.cancel()
      unsubscribe()
      queue.stop()
    },
  }
}

function notReadyConditions(pod: Pod, wallMs: number) {
  return (pod.status?.conditions ?? []).map(condition =>
    condition.type === 'Ready'
      ? { ...condition, status: 'False', lastTransitionTime: formatTime(wallMs) }
      : condition,
  )
}

function undefinedIfNotFound(error: unknown): undefined {
  if (!isNotFound(error)) throw error
  return undefined
}
