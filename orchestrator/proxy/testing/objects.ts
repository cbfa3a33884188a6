// Services and EndpointSlices for tests, with as little said as possible.

import type { Service } from '../../api/types/core-service.js'
import type { Endpoint, EndpointSlice } from '../../api/types/discovery.js'

type ServiceSpec = NonNullable<Service['spec']>

export const serviceOf = (
  name: string,
  spec: Partial<ServiceSpec>,
  more: Partial<Service> = {},
): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  ...more,
  metadata: { name, namespace: 'default', ...more.metadata },
  spec: { type: 'ClusterIP', ports: [{ port: 80, protocol: 'TCP' }], ...spec },
})

export const endpointOf = (address: string, more: Partial<Endpoint> = {}): Endpoint => ({
  addresses: [address],
  conditions: { ready: true, serving: true, terminating: false },
  nodeName: 'node-1',
  ...more,
})

/** Of the service of that name. */
export const sliceOf = (
  service: string,
  endpoints: readonly Endpoint[],
  more: Partial<EndpointSlice> = {},
): EndpointSlice => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  addressType: 'IPv4',
  endpoints,
  ports: [{ port: 8080, protocol: 'TCP' }],
  ...more,
  metadata: {
    name: `${service}-1`,
    namespace: 'default',
    labels: { 'kubernetes.io/service-name': service },
    ...more.metadata,
  },
})
