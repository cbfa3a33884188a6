// Keeps EndpointSlices and classic Endpoints of every Service with a selector.
// Counterpart: pkg/controller/endpointslice and pkg/controller/endpoint, as one.

import { labelSelectorFromMap, matchesLabels } from '../../api/selectors.js'
import type { Pod } from '../../api/types/core-pod.js'
import type { Endpoints, Service } from '../../api/types/core-service.js'
import { isAlreadyExists, isNamespaceTerminating, isNotFound } from '../../client/api-error.js'
import { byNamespace, namespaceIndex } from '../../client/object-store.js'
import {
  endpointSlices,
  endpoints,
  nodes,
  objectKey,
  pods,
  services,
  splitKey,
} from '../../client/resources.js'
import { sameJson } from '../canonical-json.js'
import {
  type Controller,
  type ControllerContext,
  reconcilerQueue,
  runningController,
} from '../context.js'
import { isDeleting } from '../ownership.js'
import { isPodReady } from '../pod-state.js'
import { podAddresses } from './backends.js'
import { classicEndpoints } from './classic-endpoints.js'
import { managedByUs, planEndpointSlices } from './reconcile.js'
import { SliceWriter } from './slice-writer.js'

const zoneLabel = 'topology.kubernetes.io/zone'

export function startEndpointSliceController(context: ControllerContext): Controller {
  const { client, informers } = context
  const serviceInformer = informers.of(services)
  const podInformer = informers.of(pods)
  const endpointsInformer = informers.of(endpoints)
  const nodeInformer = informers.of(nodes)
  serviceInformer.addIndex(namespaceIndex, byNamespace)
  podInformer.addIndex(namespaceIndex, byNamespace)
  const writer = new SliceWriter(client, informers.of(endpointSlices), managedByUs)
  const { queue, start } = reconcilerQueue(context, {
    name: 'endpointslice',
    concurrency: 5,
    reconcile,
  })

  async function reconcile(key: string): Promise<void> {
    const service = serviceInformer.objects.get(key)
    if (!service || isDeleting(service)) {
      await cleanUp(key)
      return
    }
    const selector = service.spec?.selector
    const external = service.spec?.type === 'ExternalName'
    if (!selector || Object.keys(selector).length === 0 || external) return
    if (!writer.shown(key)) {
      queue.addAfter(key, 100)
      return
    }
    const matching = podInformer.objects
      .byIndex(namespaceIndex, service.metadata.namespace ?? '')
      .filter(pod => matchesLabels(labelSelectorFromMap(selector), pod.metadata.labels))
    const zoneOfNode = zones()
    const slices = writer.slicesOf(key)
    const plan = planEndpointSlices({ service, pods: matching, slices, zoneOfNode })
    try {
      await writer.apply(key, plan)
      await writeEndpoints(key, classicEndpoints(service, matching))
    } catch (error) {
      if (!isNamespaceTerminating(error)) throw error
    }
  }

  async function writeEndpoints(key: string, wanted: Endpoints): Promise<void> {
    const current = endpointsInformer.objects.get(key)
    if (!current) {
      await client.create(endpoints, wanted).catch((error: unknown) => {
        // Made a moment ago; the informer will show it and bring us back.
        if (!isAlreadyExists(error)) throw error
        queue.addAfter(key, 100)
      })
      return
    }
    const content = (object: Endpoints) => [object.subsets, object.metadata.labels]
    if (sameJson(content(current), content(wanted))) return
    const metadata = { ...current.metadata, labels: wanted.metadata.labels ?? {} }
    await client.update(endpoints, { ...current, ...wanted, metadata })
  }

  async function cleanUp(key: string): Promise<void> {
    await writer.remove(key)
    const classic = endpointsInformer.objects.get(key)
    const ours = classic?.metadata.labels?.['endpoints.kubernetes.io/managed-by']
    if (!classic || ours !== 'endpoint-controller') return
    const { uid = '' } = classic.metadata
    await client.delete(endpoints, splitKey(key), { uid }).catch((error: unknown) => {
      if (!isNotFound(error)) throw error
    })
  }

  function zones(): ReadonlyMap<string, string> {
    const result = new Map<string, string>()
    for (const node of nodeInformer.objects.list()) {
      const zone = node.metadata.labels?.[zoneLabel]
      if (zone !== undefined) result.set(node.metadata.name ?? '', zone)
    }
    return result
  }

  function addServicesOf(pod: Pod): void {
    const inNamespace = serviceInformer.objects.byIndex(
      namespaceIndex,
      pod.metadata.namespace ?? '',
    )
    for (const service of inNamespace) {
      const selector = Object.entries(service.spec?.selector ?? {})
      const labels = pod.metadata.labels ?? {}
      const matches = selector.every(([name, value]) => labels[name] === value)
      if (selector.length > 0 && matches) queue.add(objectKey(service))
    }
  }

  const onService = (service: Service) => queue.add(objectKey(service))
  const unsubscribe = [
    serviceInformer.addHandlers({ onAdd: onService, onUpdate: onService, onDelete: onService }),
    podInformer.addHandlers({
      onAdd: addServicesOf,
      onUpdate: (pod, old) => {
        if (sameBackend(pod, old)) return
        addServicesOf(old)
        addServicesOf(pod)
      },
      onDelete: addServicesOf,
    }),
    writer.onChange(key => queue.add(key)),
    endpointsInformer.addHandlers({
      onUpdate: object => queue.add(objectKey(object)),
      onDelete: object => queue.add(objectKey(object)),
    }),
  ]
  return runningController(context, { queue, start, unsubscribe })
}

/** Nothing changed that a slice shows. */
function sameBackend(a: Pod, b: Pod): boolean {
  const shown = (pod: Pod) => [
    pod.metadata.labels,
    isDeleting(pod),
    pod.status?.phase,
    isPodReady(pod),
    podAddresses(pod),
    pod.spec.nodeName,
    pod.spec.hostname,
  ]
  return sameJson(shown(a), shown(b))
}
