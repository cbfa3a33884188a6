// A small cluster for tests of names.

import type { Namespace } from '../../api/types/core-config.js'
import type { Service } from '../../api/types/core-service.js'
import type { Endpoint, EndpointSlice } from '../../api/types/discovery.js'
import { endpointOf, serviceOf, sliceOf } from '../../proxy/testing/objects.js'
import type { ClusterView } from '../cluster-zone.js'

export const namespaceOf = (name: string): Namespace => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name },
})

const httpAndDns = [
  { name: 'http', port: 80, protocol: 'TCP' },
  { name: 'dns', port: 53, protocol: 'UDP' },
]

export const someServices: readonly Service[] = [
  serviceOf('web', {
    clusterIP: '10.96.0.20',
    clusterIPs: ['10.96.0.20', 'fd96::20'],
    ports: httpAndDns,
  }),
  serviceOf('db', { clusterIP: 'None', ports: [{ name: 'pg', port: 5432 }] }),
  serviceOf('empty', { clusterIP: 'None' }),
  serviceOf('out', { type: 'ExternalName', clusterIP: '', externalName: 'db.example.org.' }),
  serviceOf('round', {
    type: 'ExternalName',
    clusterIP: '',
    externalName: 'round.default.svc.cluster.local',
  }),
  serviceOf('alias', {
    type: 'ExternalName',
    clusterIP: '',
    externalName: 'web.default.svc.cluster.local',
  }),
]

const dbEndpoints: readonly Endpoint[] = [
  endpointOf('10.244.1.2', { hostname: 'db-0' }),
  endpointOf('10.244.2.2', { hostname: 'db-1', nodeName: 'node-2' }),
  endpointOf('10.244.2.3', { nodeName: 'node-2' }),
  endpointOf('10.244.2.9', { hostname: 'db-9', conditions: { ready: false } }),
]

export const someSlices: readonly EndpointSlice[] = [
  sliceOf('db', dbEndpoints, { ports: [{ name: 'pg', port: 5432, protocol: 'TCP' }] }),
  sliceOf('web', [endpointOf('10.244.1.7')]),
]

export const someNamespaces: readonly Namespace[] = [namespaceOf('default'), namespaceOf('bare')]

export const someView: ClusterView = {
  zone: 'cluster.local',
  serverAddresses: ['10.96.0.10'],
  serial: 42,
  service: (namespace, name) =>
    someServices.find(({ metadata }) => metadata.namespace === namespace && metadata.name === name),
  slices: (namespace, name) =>
    someSlices.filter(
      ({ metadata }) =>
        metadata.namespace === namespace &&
        metadata.labels?.['kubernetes.io/service-name'] === name,
    ),
  hasNamespace: name => someNamespaces.some(({ metadata }) => metadata.name === name),
  servicesAt: address =>
    someServices.filter(({ spec }) =>
      [spec?.clusterIP, ...(spec?.clusterIPs ?? [])].includes(address),
    ),
  slicesAt: address =>
    someSlices.filter(({ endpoints = [] }) =>
      endpoints.some(({ addresses }) => addresses.includes(address)),
    ),
}
