// The route controller's shell: looks at all nodes and all routes at a time, now and then and when nodes change.
// Counterpart: controllers/route of k8s.io/cloud-provider.

import type { Node } from '../../api/types/core-node.js'
import { isNotFound } from '../../client/api-error.js'
import { nodes } from '../../client/resources.js'
import { formatTime } from '../../client/timestamps.js'
import {
  type Controller,
  type ControllerContext,
  errorText,
  reconcilerQueue,
  recorderOf,
  runningController,
} from '../../controllers/context.js'
import { asJson } from '../node/reconcile.js'
import type { Route, Routes } from '../provider.js'
import { networkCondition, planRoutes, podCidrsOf } from './reconcile.js'

const allOfThem = 'routes'

export interface RouteOptions {
  readonly syncMs: number
}

export function startRouteController(
  context: ControllerContext,
  routes: Routes,
  { syncMs }: RouteOptions,
): Controller {
  const { client, informers, clock, logger } = context
  const informer = informers.of(nodes)
  const recorder = recorderOf(context, 'route-controller')
  const { queue, start } = reconcilerQueue(context, {
    name: 'cloud-route',
    concurrency: 1,
    reconcile,
  })

  async function reconcile(): Promise<void> {
    const known = informer.objects.list()
    const plan = planRoutes(known, await routes.list())
    for (const route of plan.remove) await routes.delete(route)
    const failed = new Map<string, unknown>()
    for (const route of plan.create) {
      try {
        await routes.create(route)
        logger.info({ ...route }, 'route created')
      } catch (error) {
        failed.set(route.nodeName, error)
        tell(known, route, error)
      }
    }
    for (const node of known) await mark(node, failed.has(node.metadata.name ?? ''))
    if (failed.size > 0) throw new Error(`${failed.size} routes could not be created`)
  }

  function tell(known: readonly Node[], { nodeName, podCidr }: Route, error: unknown): void {
    const node = known.find(({ metadata }) => metadata.name === nodeName)
    if (node === undefined) return
    const text = `Could not create route for ${podCidr}: ${errorText(error)}`
    recorder.record(node, 'Warning', 'FailedToCreateRoute', text)
  }

  async function mark(node: Node, failed: boolean): Promise<void> {
    if (podCidrsOf(node).length === 0) return
    const condition = networkCondition(node, !failed, formatTime(clock.wallMs()))
    if (condition === null) return
    const { name = '', uid = '' } = node.metadata
    const patch = { metadata: { uid }, status: { conditions: [asJson(condition)] } }
    try {
      await client.patch(nodes, { name }, 'strategic', patch, { subresource: 'status' })
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }

  const look = () => queue.add(allOfThem)
  const timer = clock.setTicker(syncMs, look)
  const unsubscribe = [
    informer.addHandlers({
      onAdd: look,
      onUpdate: (node, old) => {
        if (podCidrsOf(node).join() !== podCidrsOf(old).join()) look()
      },
      onDelete: look,
    }),
    () => timer.cancel(),
  ]
  return runningController(context, { queue, start, unsubscribe })
}
