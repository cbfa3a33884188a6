// Keeps EndpointSlices and classic Endpoints of every Service with a selector.
// Counterpart: pkg/controller/endpointslice and pkg/controller/endpoint, as one.

import { labelSelectorFromMap, matchesLabels } from '../../api/selectors.js'
import type { Pod } from '../../api/types/core-pod.js'
import type { Endpoints, Service } from '../../api/types/core-service.js'
import type { EndpointSlice } from '../../api/types/discovery.js'
import { isAlreadyExists, isNamespaceTerminating, isNotFound } from '../../client/api-error.js'
import { byLabel, byNamespace, labelIndex, namespaceIndex } from '../../client/object-store.js'
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
import { WrittenVersions } from '../written-versions.js'
import { podAddresses } from './backends.js'
import { classicEndpoints } from './classic-endpoints.js'
import { managedByLabel, managedByUs, planEndpointSlices, serviceNameLabel } from './reconcile.js'

const zoneLabel = 'topology.kubernetes.io/zone'

export function startEndpointSliceController(context: ControllerContext): Controller {
  const { client, informers } = context
  const serviceInformer = informers.of(services)
  const podInformer = informers.of(pods)
  const sliceInformer = informers.of(endpointSlices)
  const endpointsInformer = informers.of(endpoints)
  const nodeInformer = informers.of(nodes)
  serviceInformer.addIndex(namespaceIndex, byNamespace)
  podInformer.addIndex(namespaceIndex, byNamespace)
  const serviceIndex = labelIndex(serviceNameLabel)
  sliceInformer.addIndex(serviceIndex, byLabel(serviceNameLabel))
  const written = new WrittenVersions()
  const { queue, start } = reconcilerQueue(context, {
    name: 'endpointslice',
    concurrency: 5,
    reconcile,
  })

  async function reconcile(key: string): Promise<void> {
    const service = serviceInformer.objects.get(key)
    const slices = managedSlices(key)
    if (!service || isDeleting(service)) {
      await cleanUp(key, slices)
      return
    }
    const selector = service.spec?.selector
    const external = service.spec?.type === 'ExternalName'
    if (!selector || Object.keys(selector).length === 0 || external) return
    if (!written.shownBy(sliceInformer, key)) {
      queue.addAfter(key, 100)
      return
    }
    const matching = podInformer.objects
      .byIndex(namespaceIndex, service.metadata.namespace ?? '')
      .filter(pod => matchesLabels(labelSelectorFromMap(selector), pod.metadata.labels))
    const zoneOfNode = zones()
    const plan = planEndpointSlices({ service, pods: matching, slices, zoneOfNode })
    try {
      for (const slice of plan.create) {
        written.note(key, await client.create(endpointSlices, slice))
      }
      for (const slice of plan.update) {
        written.note(key, await client.update(endpointSlices, slice))
      }
      for (const slice of plan.delete) await deleteSlice(slice)
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

  async function cleanUp(key: string, slices: readonly EndpointSlice[]): Promise<void> {
    written.forget(key)
    for (const slice of slices) await deleteSlice(slice)
    const classic = endpointsInformer.objects.get(key)
    const ours = classic?.metadata.labels?.['endpoints.kubernetes.io/managed-by']
    if (!classic || ours !== 'endpoint-controller') return
    const { uid = '' } = classic.metadata
    await client.delete(endpoints, splitKey(key), { uid }).catch(ignoreNotFound)
  }

  async function deleteSlice(slice: EndpointSlice): Promise<void> {
    const { namespace = '', name = '', uid = '' } = slice.metadata
    await client.delete(endpointSlices, { namespace, name }, { uid }).catch(ignoreNotFound)
  }

  function managedSlices(key: string): readonly EndpointSlice[] {
    return sliceInformer.objects
      .byIndex(serviceIndex, key)
      .filter(slice => slice.metadata.labels?.[managedByLabel] === managedByUs)
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

  const onSlice = (slice: EndpointSlice) => {
    const name = slice.metadata.labels?.[serviceNameLabel]
    if (name !== undefined) queue.add(`${slice.metadata.namespace}/${name}`)
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
    sliceInformer.addHandlers({ onUpdate: onSlice, onDelete: onSlice }),
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

function ignoreNotFound(error: unknown): void {
  if (!isNotFound(error)) throw error
}
