// The state of the cluster as informers have it, for the zone.

import { canonicalAddress } from '../api/address-range.js'
import type { Namespace } from '../api/types/core-config.js'
import type { Service } from '../api/types/core-service.js'
import type { EndpointSlice } from '../api/types/discovery.js'
import type { Informer } from '../client/informer.js'
import { keyOf } from '../client/resources.js'
import type { ClusterView } from './cluster-zone.js'

export interface InformerViewOptions {
  readonly zone: string
  readonly serverAddresses: readonly string[]
  readonly services: Informer<Service>
  readonly endpointSlices: Informer<EndpointSlice>
  readonly namespaces: Informer<Namespace>
}

const serviceNameLabel = 'kubernetes.io/service-name'
const serviceIndex = 'dns-service'
const addressIndex = 'dns-address'

/** Answers null until all is known. */
export function informerView(options: InformerViewOptions): () => ClusterView | null {
  const { zone, serverAddresses, services, endpointSlices, namespaces } = options
  services.addIndex(addressIndex, ({ spec }) =>
    (spec?.clusterIPs ?? [spec?.clusterIP ?? '']).map(canonicalAddress),
  )
  endpointSlices.addIndex(serviceIndex, ({ metadata }) => [
    keyOf(metadata.namespace, metadata.labels?.[serviceNameLabel] ?? ''),
  ])
  endpointSlices.addIndex(addressIndex, ({ endpoints = [] }) =>
    endpoints.flatMap(({ addresses }) => addresses.map(canonicalAddress)),
  )
  const view: Omit<ClusterView, 'serial'> = {
    zone: zone.toLowerCase(),
    serverAddresses,
    service: (namespace, name) => services.objects.get(keyOf(namespace, name)),
    slices: (namespace, name) =>
      endpointSlices.objects.byIndex(serviceIndex, keyOf(namespace, name)),
    hasNamespace: name => namespaces.objects.get(name) !== undefined,
    servicesAt: address => services.objects.byIndex(addressIndex, address),
    slicesAt: address => endpointSlices.objects.byIndex(addressIndex, address),
  }
  return () => {
    if (!services.hasSynced || !endpointSlices.hasSynced || !namespaces.hasSynced) return null
    const versions = [services, endpointSlices].map(({ resourceVersion }) =>
      Number(resourceVersion),
    )
    return { ...view, serial: Math.max(0, ...versions.filter(Number.isSafeInteger)) }
  }
}
