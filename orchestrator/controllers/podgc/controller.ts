// Looks every 20 s, in memory, for pods that nobody will finish. Counterpart: pkg/controller/podgc.

import type { Pod } from '../../api/types/core-pod.js'
import { isNotFound } from '../../client/api-error.js'
import { nodes, pods } from '../../client/resources.js'
import { type Controller, type ControllerContext, errorText } from '../context.js'
import { disruptedConditions, isPodTerminal } from '../pod-state.js'
import { planPodGc } from './reconcile.js'

export interface PodGcOptions {
  readonly periodMs: number
  readonly quarantineMs: number
  readonly terminatedMax: number
}

export function startPodGcController(
  context: ControllerContext,
  options: PodGcOptions,
): Controller {
  const { client, informers, clock, logger } = context
  const nodeInformer = informers.of(nodes)
  const podInformer = informers.of(pods)
  const missingSinceMs = new Map<string, number>()
  let busy = false

  async function round(): Promise<void> {
    const nowMs = clock.monotonicMs()
    const known = new Map(nodeInformer.objects.list().map(n => [n.metadata.name ?? '', n] as const))
    const all = podInformer.objects.list()
    const needed = new Set(all.map(pod => pod.spec.nodeName ?? '').filter(name => name !== ''))
    for (const name of needed) {
      if (!known.has(name) && !missingSinceMs.has(name)) missingSinceMs.set(name, nowMs)
    }
    for (const name of missingSinceMs.keys()) {
      if (known.has(name) || !needed.has(name)) missingSinceMs.delete(name)
    }
    const plan = planPodGc({ ...options, pods: all, nodes: known, missingSinceMs, nowMs })
    const gone = new Map<string, boolean>()
    for (const pod of plan.orphaned) {
      const name = pod.spec.nodeName ?? ''
      const missing = gone.get(name) ?? (await isMissing(name))
      gone.set(name, missing)
      if (missing) await forceDelete(pod, `Pod's node ${name} no longer exists`)
    }
    for (const pod of plan.force) await forceDelete(pod, null)
    for (const pod of plan.finished) await forceDelete(pod, null)
  }

  async function isMissing(name: string): Promise<boolean> {
    try {
      await client.get(nodes, { name })
      return false
    } catch (error) {
      if (isNotFound(error)) return true
      throw error
    }
  }

  async function forceDelete(pod: Pod, disruption: string | null): Promise<void> {
    const { namespace = '', name = '', uid = '' } = pod.metadata
    try {
      if (!isPodTerminal(pod)) await client.updateStatus(pods, failed(pod, disruption))
      await client.delete(pods, { namespace, name }, { uid, gracePeriodSeconds: 0 })
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }

  /** A pod that vanishes while "Running" would confuse those who count its end. */
  function failed(pod: Pod, disruption: string | null): Pod {
    const conditions =
      disruption === null
        ? (pod.status?.conditions ?? [])
        : disruptedConditions(pod, 'DeletionByPodGC', disruption, clock.wallMs())
    return { ...pod, status: { ...pod.status, phase: 'Failed', conditions } }
  }

  const ticker = clock.setTicker(options.periodMs, () => {
    if (busy || !nodeInformer.hasSynced || !podInformer.hasSynced) return
    busy = true
    round()
      .catch((error: unknown) => logger.warn({ error: errorText(error) }, 'pod GC round failed'))
      .finally(() => {
        busy = false
      })
  })
  return { stop: () => ticker.cancel() }
}
