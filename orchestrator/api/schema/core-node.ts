// Nodes: capacity, conditions, addresses, taints.
// Counterpart: core/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { taint } from './core-scheduling.js'
import { objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import {
  always,
  bool,
  field,
  int32,
  int64,
  keyed,
  list,
  map,
  pointer,
  quantity,
  set,
  string,
  struct,
  time,
  typeMeta,
} from '../schema.js'

export const configMapNodeConfigSource: StructSchema = struct(
  'io.k8s.api.core.v1.ConfigMapNodeConfigSource',
  {
    namespace: always(1, string, { required: true }),
    name: always(2, string, { required: true }),
    uid: field(3, string),
    resourceVersion: field(4, string),
    kubeletConfigKey: always(5, string, { required: true }),
  },
)

export const nodeConfigSource: StructSchema = struct('io.k8s.api.core.v1.NodeConfigSource', {
  configMap: pointer(2, configMapNodeConfigSource),
})

export const nodeSpec: StructSchema = struct(
  'io.k8s.api.core.v1.NodeSpec',
  {
    podCIDR: field(1, string, { description: 'The addresses of its pods.' }),
    externalID: field(2, string),
    providerID: field(3, string),
    unschedulable: field(4, bool, { description: 'The node takes no new pods.' }),
    taints: field(5, list(taint), { description: 'What pods must put up with to run here.' }),
    configSource: pointer(6, nodeConfigSource),
    podCIDRs: field(7, set(string), { merge: true }),
  },
  { description: 'What a node is to be.' },
)

export const attachedVolume: StructSchema = struct('io.k8s.api.core.v1.AttachedVolume', {
  name: always(1, string, { required: true }),
  devicePath: always(2, string, { required: true }),
})

export const containerImage: StructSchema = struct('io.k8s.api.core.v1.ContainerImage', {
  names: always(1, list(string)),
  sizeBytes: field(2, int64),
})

export const nodeAddress: StructSchema = struct('io.k8s.api.core.v1.NodeAddress', {
  type: always(1, string, { required: true }),
  address: always(2, string, { required: true }),
})

export const nodeCondition: StructSchema = struct('io.k8s.api.core.v1.NodeCondition', {
  type: always(1, string, { required: true }),
  status: always(2, string, { required: true }),
  lastHeartbeatTime: field(3, time),
  lastTransitionTime: field(4, time),
  reason: field(5, string),
  message: field(6, string),
})

export const nodeConfigStatus: StructSchema = struct('io.k8s.api.core.v1.NodeConfigStatus', {
  assigned: pointer(1, nodeConfigSource),
  active: pointer(2, nodeConfigSource),
  lastKnownGood: pointer(3, nodeConfigSource),
  error: field(4, string),
})

export const daemonEndpoint: StructSchema = struct('io.k8s.api.core.v1.DaemonEndpoint', {
  Port: always(1, int32, { required: true }),
})

export const nodeDaemonEndpoints: StructSchema = struct('io.k8s.api.core.v1.NodeDaemonEndpoints', {
  kubeletEndpoint: field(1, daemonEndpoint),
})

export const nodeFeatures: StructSchema = struct('io.k8s.api.core.v1.NodeFeatures', {
  supplementalGroupsPolicy: pointer(1, bool),
})

export const nodeRuntimeHandlerFeatures: StructSchema = struct(
  'io.k8s.api.core.v1.NodeRuntimeHandlerFeatures',
  {
    recursiveReadOnlyMounts: pointer(1, bool),
    userNamespaces: pointer(2, bool),
  },
)

export const nodeRuntimeHandler: StructSchema = struct('io.k8s.api.core.v1.NodeRuntimeHandler', {
  name: always(1, string),
  features: pointer(2, nodeRuntimeHandlerFeatures),
})

export const nodeSwapStatus: StructSchema = struct('io.k8s.api.core.v1.NodeSwapStatus', {
  capacity: pointer(1, int64),
})

export const nodeSystemInfo: StructSchema = struct('io.k8s.api.core.v1.NodeSystemInfo', {
  machineID: always(1, string, { required: true }),
  systemUUID: always(2, string, { required: true }),
  bootID: always(3, string, { required: true }),
  kernelVersion: always(4, string, { required: true }),
  osImage: always(5, string, { required: true }),
  containerRuntimeVersion: always(6, string, { required: true }),
  kubeletVersion: always(7, string, { required: true }),
  kubeProxyVersion: always(8, string, { required: true }),
  operatingSystem: always(9, string, { required: true }),
  architecture: always(10, string, { required: true }),
  swap: pointer(11, nodeSwapStatus),
})

export const nodeStatus: StructSchema = struct(
  'io.k8s.api.core.v1.NodeStatus',
  {
    capacity: field(1, map(quantity)),
    allocatable: field(2, map(quantity)),
    phase: field(3, string),
    conditions: field(4, keyed(nodeCondition, 'type'), { mergeKey: 'type' }),
    addresses: field(5, keyed(nodeAddress, 'type'), { mergeKey: 'type' }),
    daemonEndpoints: field(6, nodeDaemonEndpoints),
    nodeInfo: field(7, nodeSystemInfo),
    images: field(8, list(containerImage)),
    volumesInUse: field(9, list(string)),
    volumesAttached: field(10, list(attachedVolume)),
    config: pointer(11, nodeConfigStatus),
    runtimeHandlers: field(12, list(nodeRuntimeHandler)),
    features: pointer(13, nodeFeatures),
    declaredFeatures: field(14, list(string)),
  },
  { description: 'What is known of a node.' },
)

export const node: StructSchema = struct(
  'io.k8s.api.core.v1.Node',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    spec: field(2, nodeSpec),
    status: field(3, nodeStatus),
  },
  { description: 'A machine that pods run on.' },
)
