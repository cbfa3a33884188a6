// What Services and their endpoints mean when they do not say. Counterpart: SetDefaults_Service and
// SetDefaults_Endpoints in pkg/apis/core/v1/defaults.go, and pkg/apis/discovery/v1/defaults.go.
// Addresses and node ports are allocated by the apiserver, not here.

import type { KubeObject } from '../object.js'
import type {
  Endpoints,
  LoadBalancerStatus,
  Service,
  ServicePort,
  ServiceSpec,
} from '../types/core-service.js'
import type { EndpointSlice } from '../types/discovery.js'

/** Three hours, in seconds. */
const clientIpAffinitySeconds = 10_800

function servicePortDefaults(port: ServicePort): ServicePort {
  const unset = port.targetPort === undefined || port.targetPort === 0 || port.targetPort === ''
  return {
    ...port,
    protocol: port.protocol || 'TCP',
    targetPort: unset ? port.port : (port.targetPort ?? port.port),
  }
}

function affinityDefaults(spec: ServiceSpec): Partial<ServiceSpec> {
  const sessionAffinity = spec.sessionAffinity || 'None'
  if (sessionAffinity !== 'ClientIP') return { sessionAffinity }
  const timeoutSeconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds
  const clientIP = { timeoutSeconds: timeoutSeconds ?? clientIpAffinitySeconds }
  return { sessionAffinity, sessionAffinityConfig: { clientIP } }
}

/** Traffic to an address of a balancer is taken to reach the Service unchanged. */
function balancerDefaults({ spec, status }: Service): LoadBalancerStatus {
  const balancer = status?.loadBalancer ?? {}
  if (spec?.type !== 'LoadBalancer' || balancer.ingress === undefined) return balancer
  const ingress = balancer.ingress.map(point =>
    (point.ip ?? '') === '' ? point : { ...point, ipMode: point.ipMode ?? 'VIP' },
  )
  return { ...balancer, ingress }
}

export function serviceDefaults(object: KubeObject): Service {
  const service = object as Service
  const spec = service.spec ?? {}
  const type = spec.type || 'ClusterIP'
  const outside =
    type === 'NodePort' ||
    type === 'LoadBalancer' ||
    (type === 'ClusterIP' && (spec.externalIPs ?? []).length > 0)
  return {
    ...service,
    spec: {
      ...spec,
      type,
      ...(spec.ports === undefined ? {} : { ports: spec.ports.map(servicePortDefaults) }),
      ...affinityDefaults(spec),
      ...(outside ? { externalTrafficPolicy: spec.externalTrafficPolicy || 'Cluster' } : {}),
      ...(type === 'ExternalName'
        ? {}
        : { internalTrafficPolicy: spec.internalTrafficPolicy ?? 'Cluster' }),
      ...(type === 'LoadBalancer'
        ? { allocateLoadBalancerNodePorts: spec.allocateLoadBalancerNodePorts ?? true }
        : {}),
    },
    status: { ...service.status, loadBalancer: balancerDefaults(service) },
  }
}

export function endpointsDefaults(object: KubeObject): Endpoints {
  const endpoints = object as Endpoints
  if (endpoints.subsets === undefined) return endpoints
  const subsets = endpoints.subsets.map(subset => {
    if (subset.ports === undefined) return subset
    return { ...subset, ports: subset.ports.map(p => ({ ...p, protocol: p.protocol || 'TCP' })) }
  })
  return { ...endpoints, subsets }
}

export function endpointSliceDefaults(object: KubeObject): EndpointSlice {
  const slice = object as EndpointSlice
  if (slice.ports === undefined) return slice
  const ports = slice.ports.map(port => ({
    ...port,
    name: port.name ?? '',
    protocol: port.protocol || 'TCP',
  }))
  return { ...slice, ports }
}
