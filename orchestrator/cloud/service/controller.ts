// The service controller's shell: has balancers made and deleted, and says where they are reached.
// Counterpart: controller/service of k8s.io/cloud-provider.

import type { Node } from '../../api/types/core-node.js'
import type { LoadBalancerStatus, Service } from '../../api/types/core-service.js'
import { isNotFound } from '../../client/api-error.js'
import { nodes, objectKey, services } from '../../client/resources.js'
import {
  type Controller,
  type ControllerContext,
  errorText,
  reconcilerQueue,
  recorderOf,
  runningController,
} from '../../controllers/context.js'
import type { LoadBalancers } from '../provider.js'
import {
  balancedNodes,
  balancerFinalizer,
  type Ensured,
  planService,
  sameStatus,
  type ServicePlan,
} from './reconcile.js'

export function startServiceController(
  context: ControllerContext,
  balancers: LoadBalancers,
): Controller {
  const { client, informers } = context
  const serviceInformer = informers.of(services)
  const nodeInformer = informers.of(nodes)
  const recorder = recorderOf(context, 'service-controller')
  /** By key; what is not here is ensured again, which changes nothing where nothing is to be changed. */
  const ensured = new Map<string, Ensured>()
  const { queue, start } = reconcilerQueue(context, {
    name: 'cloud-service',
    concurrency: 5,
    reconcile,
  })

  async function reconcile(key: string): Promise<void> {
    const service = serviceInformer.objects.get(key)
    if (service === undefined) {
      ensured.delete(key)
      return
    }
    const known = { nodes: nodeInformer.objects.list(), ensured: ensured.get(key) ?? null }
    const plan = planService({ service, ...known })
    try {
      if (plan.kind === 'hold') await hold(service)
      else if (plan.kind === 'ensure') await ensure(key, service, plan)
      else if (plan.kind === 'release') await release(key, service)
    } catch (error) {
      if (!isNotFound(error)) throw error
    }
  }

  async function hold(service: Service): Promise<void> {
    const finalizers = [...(service.metadata.finalizers ?? []), balancerFinalizer]
    await patch(service, { metadata: { finalizers } })
  }

  async function ensure(
    key: string,
    service: Service,
    { nodes: chosen, next, nodesOnly }: Extract<ServicePlan, { kind: 'ensure' }>,
  ): Promise<void> {
    if (!nodesOnly) {
      recorder.record(service, 'Normal', 'EnsuringLoadBalancer', 'Ensuring load balancer')
    }
    if (chosen.length === 0) {
      const text = 'There are no available nodes for LoadBalancer'
      recorder.record(service, 'Warning', 'UnAvailableLoadBalancer', text)
    }
    const loadBalancer = await asked(service, 'SyncLoadBalancerFailed', 'syncing', () =>
      balancers.ensure(service, chosen),
    )
    await writeStatus(service, loadBalancer)
    ensured.set(key, next)
    const [reason, text] = nodesOnly
      ? ['UpdatedLoadBalancer', 'Updated load balancer with new hosts']
      : ['EnsuredLoadBalancer', 'Ensured load balancer']
    recorder.record(service, 'Normal', reason, text)
  }

  async function release(key: string, service: Service): Promise<void> {
    recorder.record(service, 'Normal', 'DeletingLoadBalancer', 'Deleting load balancer')
    ensured.delete(key)
    await asked(service, 'DeleteLoadBalancerFailed', 'deleting', () => balancers.delete(service))
    await writeStatus(service, {})
    const finalizers = (service.metadata.finalizers ?? []).filter(one => one !== balancerFinalizer)
    await patch(service, { metadata: { finalizers } })
    recorder.record(service, 'Normal', 'DeletedLoadBalancer', 'Deleted load balancer')
  }

  /** What the cloud refuses is told on the Service, and tried again. */
  async function asked<T>(
    service: Service,
    reason: string,
    doing: string,
    work: () => Promise<T>,
  ): Promise<T> {
    try {
      return await work()
    } catch (error) {
      recorder.record(
        service,
        'Warning',
        reason,
        `Error ${doing} load balancer: ${errorText(error)}`,
      )
      throw error
    }
  }

  async function writeStatus(service: Service, loadBalancer: LoadBalancerStatus): Promise<void> {
    if (sameStatus(service.status?.loadBalancer, loadBalancer)) return
    const ingress = loadBalancer.ingress?.map(one => ({ ...one })) ?? null
    await patch(service, { status: { loadBalancer: { ingress } } }, { subresource: 'status' })
  }

  async function patch(
    { metadata: { namespace = '', name = '', uid = '' } }: Service,
    change: object,
    options: { readonly subresource?: 'status' } = {},
  ): Promise<void> {
    const body = JSON.parse(JSON.stringify(change)) as { metadata?: object }
    const patched = { ...body, metadata: { ...body.metadata, uid } }
    await client.patch(services, { namespace, name }, 'merge', patched, options)
  }

  const changed = (service: Service) => queue.add(objectKey(service))
  const all = () => {
    for (const service of serviceInformer.objects.list()) changed(service)
  }
  const probe: Service = { apiVersion: 'v1', kind: 'Service', metadata: {} }
  const serves = (node: Node) => balancedNodes(probe, [node]).length > 0
  const unsubscribe = [
    serviceInformer.addHandlers({ onAdd: changed, onUpdate: changed, onDelete: changed }),
    nodeInformer.addHandlers({
      onAdd: all,
      onUpdate: (node, old) => {
        // Heartbeats come all the time.
        if (serves(node) !== serves(old)) all()
      },
      onDelete: all,
    }),
  ]
  return runningController(context, { queue, start, unsubscribe })
}
