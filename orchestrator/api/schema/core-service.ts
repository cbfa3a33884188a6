// Services and the Endpoints behind them.
// Counterpart: core/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { objectReference } from './core-reference.js'
import { condition, objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import {
  always,
  atomicMap,
  bool,
  field,
  int32,
  intOrString,
  keyed,
  list,
  pointer,
  string,
  struct,
  typeMeta,
} from '../schema.js'

export const servicePort: StructSchema = struct('io.k8s.api.core.v1.ServicePort', {
  name: field(1, string, { description: 'A name; needed where there are several ports.' }),
  protocol: field(2, string, {
    enum: ['SCTP', 'TCP', 'UDP'],
    default: 'TCP',
    description: 'TCP, UDP or SCTP.',
  }),
  port: always(3, int32, { required: true, description: 'The port of the service.' }),
  targetPort: field(4, intOrString, { description: 'The port of the pods, by number or name.' }),
  nodePort: field(5, int32, { description: 'The port of every node.' }),
  appProtocol: pointer(6, string),
})

export const clientIPConfig: StructSchema = struct('io.k8s.api.core.v1.ClientIPConfig', {
  timeoutSeconds: pointer(1, int32),
})

export const sessionAffinityConfig: StructSchema = struct(
  'io.k8s.api.core.v1.SessionAffinityConfig',
  {
    clientIP: pointer(1, clientIPConfig),
  },
)

export const serviceSpec: StructSchema = struct(
  'io.k8s.api.core.v1.ServiceSpec',
  {
    ports: field(1, keyed(servicePort, 'port', 'protocol'), {
      mergeKey: 'port',
      description: 'The ports of the service.',
    }),
    selector: field(2, atomicMap(string), { description: 'The labels of the pods behind it.' }),
    clusterIP: field(3, string, {
      description: 'Its address in the cluster; None for a headless service.',
    }),
    type: field(4, string, {
      enum: ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'],
      description: 'ClusterIP, NodePort, LoadBalancer or ExternalName.',
    }),
    externalIPs: field(5, list(string), { description: 'Further addresses that lead to it.' }),
    sessionAffinity: field(7, string, {
      enum: ['ClientIP', 'None'],
      description: 'ClientIP sends a client to the same pod each time.',
    }),
    loadBalancerIP: field(8, string),
    loadBalancerSourceRanges: field(9, list(string)),
    externalName: field(10, string, { description: 'The name that it stands for.' }),
    externalTrafficPolicy: field(11, string, {
      enum: ['Cluster', 'Local'],
      description: 'Cluster, or Local: only pods of the node that the traffic reached.',
    }),
    healthCheckNodePort: field(12, int32),
    publishNotReadyAddresses: field(13, bool, { description: 'Count pods that are not ready.' }),
    sessionAffinityConfig: pointer(14, sessionAffinityConfig),
    ipFamilyPolicy: pointer(17, string, {
      enum: ['PreferDualStack', 'RequireDualStack', 'SingleStack'],
    }),
    clusterIPs: field(18, list(string)),
    ipFamilies: field(19, list(string)),
    allocateLoadBalancerNodePorts: pointer(20, bool),
    loadBalancerClass: pointer(21, string),
    internalTrafficPolicy: pointer(22, string, {
      enum: ['Cluster', 'Local'],
      description: 'Cluster, or Local: only pods of the same node.',
    }),
    trafficDistribution: pointer(23, string),
  },
  { description: 'How a service is reached.' },
)

export const portStatus: StructSchema = struct('io.k8s.api.core.v1.PortStatus', {
  port: always(1, int32, { required: true }),
  protocol: always(2, string, { enum: ['SCTP', 'TCP', 'UDP'], required: true }),
  error: pointer(3, string),
})

export const loadBalancerIngress: StructSchema = struct('io.k8s.api.core.v1.LoadBalancerIngress', {
  ip: field(1, string),
  hostname: field(2, string),
  ipMode: pointer(3, string),
  ports: field(4, list(portStatus)),
})

export const loadBalancerStatus: StructSchema = struct('io.k8s.api.core.v1.LoadBalancerStatus', {
  ingress: field(1, list(loadBalancerIngress)),
})

export const serviceStatus: StructSchema = struct('io.k8s.api.core.v1.ServiceStatus', {
  loadBalancer: field(1, loadBalancerStatus),
  conditions: field(2, keyed(condition, 'type'), { mergeKey: 'type' }),
})

export const service: StructSchema = struct(
  'io.k8s.api.core.v1.Service',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: field(2, serviceSpec, { description: 'How the service is reached.' }),
    status: field(3, serviceStatus, { description: 'What is known of it; written by the system.' }),
  },
  { description: 'One stable address and name for the pods that a selector finds.' },
)

export const endpointAddress: StructSchema = struct(
  'io.k8s.api.core.v1.EndpointAddress',
  {
    ip: always(1, string, { required: true }),
    targetRef: pointer(2, objectReference),
    hostname: field(3, string),
    nodeName: pointer(4, string),
  },
  { atomic: true },
)

export const endpointPort: StructSchema = struct(
  'io.k8s.api.core.v1.EndpointPort',
  {
    name: field(1, string),
    port: always(2, int32, { required: true }),
    protocol: field(3, string, { enum: ['SCTP', 'TCP', 'UDP'] }),
    appProtocol: pointer(4, string),
  },
  { atomic: true },
)

export const endpointSubset: StructSchema = struct('io.k8s.api.core.v1.EndpointSubset', {
  addresses: field(1, list(endpointAddress)),
  notReadyAddresses: field(2, list(endpointAddress)),
  ports: field(3, list(endpointPort)),
})

export const endpoints: StructSchema = struct(
  'io.k8s.api.core.v1.Endpoints',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    subsets: field(2, list(endpointSubset)),
  },
  { description: 'The addresses behind a Service, as older clients read them.' },
)
