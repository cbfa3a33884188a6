// What a kubelet reports of a pod and its containers.
// Counterpart: core/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { resourceRequirements } from './core-container.js'
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
} from '../schema.js'

export const containerStateRunning: StructSchema = struct(
  'io.k8s.api.core.v1.ContainerStateRunning',
  {
    startedAt: field(1, time),
  },
)

export const containerStateTerminated: StructSchema = struct(
  'io.k8s.api.core.v1.ContainerStateTerminated',
  {
    exitCode: always(1, int32, { required: true }),
    signal: field(2, int32),
    reason: field(3, string),
    message: field(4, string),
    startedAt: field(5, time),
    finishedAt: field(6, time),
    containerID: field(7, string),
  },
)

export const containerStateWaiting: StructSchema = struct(
  'io.k8s.api.core.v1.ContainerStateWaiting',
  {
    reason: field(1, string),
    message: field(2, string),
  },
)

export const containerState: StructSchema = struct('io.k8s.api.core.v1.ContainerState', {
  waiting: pointer(1, containerStateWaiting),
  running: pointer(2, containerStateRunning),
  terminated: pointer(3, containerStateTerminated),
})

export const linuxContainerUser: StructSchema = struct('io.k8s.api.core.v1.LinuxContainerUser', {
  uid: always(1, int64, { required: true }),
  gid: always(2, int64, { required: true }),
  supplementalGroups: field(3, list(int64)),
})

export const containerUser: StructSchema = struct('io.k8s.api.core.v1.ContainerUser', {
  linux: pointer(1, linuxContainerUser),
})

export const resourceHealth: StructSchema = struct('io.k8s.api.core.v1.ResourceHealth', {
  resourceID: always(1, string, { required: true }),
  health: field(2, string),
  message: pointer(6, string),
})

export const resourceStatus: StructSchema = struct('io.k8s.api.core.v1.ResourceStatus', {
  name: always(1, string, { required: true }),
  resources: field(2, keyed(resourceHealth, 'resourceID')),
})

export const imageVolumeStatus: StructSchema = struct('io.k8s.api.core.v1.ImageVolumeStatus', {
  imageRef: field(1, string, { required: true }),
})

export const volumeStatus: StructSchema = struct('io.k8s.api.core.v1.VolumeStatus', {
  image: pointer(1, imageVolumeStatus),
})

export const volumeMountStatus: StructSchema = struct('io.k8s.api.core.v1.VolumeMountStatus', {
  name: always(1, string, { required: true }),
  mountPath: always(2, string, { required: true }),
  readOnly: field(3, bool),
  recursiveReadOnly: pointer(4, string),
  volumeStatus: pointer(5, volumeStatus),
})

export const containerStatus: StructSchema = struct('io.k8s.api.core.v1.ContainerStatus', {
  name: always(1, string, { required: true }),
  state: field(2, containerState),
  lastState: field(3, containerState),
  ready: always(4, bool, { required: true }),
  restartCount: always(5, int32, { required: true }),
  image: always(6, string, { required: true }),
  imageID: always(7, string, { required: true }),
  containerID: field(8, string),
  started: pointer(9, bool),
  allocatedResources: field(10, map(quantity)),
  resources: pointer(11, resourceRequirements),
  volumeMounts: field(12, keyed(volumeMountStatus, 'mountPath'), { mergeKey: 'mountPath' }),
  user: pointer(13, containerUser),
  allocatedResourcesStatus: field(14, keyed(resourceStatus, 'name'), { mergeKey: 'name' }),
  stopSignal: pointer(15, string),
})

export const hostIP: StructSchema = struct('io.k8s.api.core.v1.HostIP', {
  ip: always(1, string, { required: true }),
})

export const nodeAllocatableResourceClaimStatus: StructSchema = struct(
  'io.k8s.api.core.v1.NodeAllocatableResourceClaimStatus',
  {
    resourceClaimName: always(1, string, { required: true }),
    containers: field(2, set(string)),
    resources: field(0, map(quantity), { required: true }),
  },
)

export const podCondition: StructSchema = struct('io.k8s.api.core.v1.PodCondition', {
  type: always(1, string, { required: true }),
  status: always(2, string, { required: true }),
  lastProbeTime: field(3, time),
  lastTransitionTime: field(4, time),
  reason: field(5, string),
  message: field(6, string),
  observedGeneration: field(7, int64),
})

export const containerExtendedResourceRequest: StructSchema = struct(
  'io.k8s.api.core.v1.ContainerExtendedResourceRequest',
  {
    containerName: always(1, string, { required: true }),
    resourceName: always(2, string, { required: true }),
    requestName: always(3, string, { required: true }),
  },
)

export const podExtendedResourceClaimStatus: StructSchema = struct(
  'io.k8s.api.core.v1.PodExtendedResourceClaimStatus',
  {
    requestMappings: always(1, list(containerExtendedResourceRequest), { required: true }),
    resourceClaimName: always(2, string, { required: true }),
  },
)

export const podIP: StructSchema = struct('io.k8s.api.core.v1.PodIP', {
  ip: always(1, string, { required: true }),
})

export const podResourceClaimStatus: StructSchema = struct(
  'io.k8s.api.core.v1.PodResourceClaimStatus',
  {
    name: always(1, string, { required: true }),
    resourceClaimName: pointer(2, string),
  },
)

export const podStatus: StructSchema = struct(
  'io.k8s.api.core.v1.PodStatus',
  {
    phase: field(1, string, {
      enum: ['Failed', 'Pending', 'Running', 'Succeeded', 'Unknown'],
      description: 'Pending, Running, Succeeded, Failed or Unknown.',
    }),
    conditions: field(2, keyed(podCondition, 'type'), {
      mergeKey: 'type',
      description: 'What holds of the pod and what does not.',
    }),
    message: field(3, string),
    reason: field(4, string),
    hostIP: field(5, string, { description: 'The address of its node.' }),
    podIP: field(6, string, { description: 'The address of the pod.' }),
    startTime: pointer(7, time, { description: 'When the kubelet took the pod over.' }),
    containerStatuses: field(8, list(containerStatus), {
      description: 'What is known of each container.',
    }),
    qosClass: field(9, string, {
      enum: ['BestEffort', 'Burstable', 'Guaranteed'],
      description: 'Guaranteed, Burstable or BestEffort.',
    }),
    initContainerStatuses: field(10, list(containerStatus)),
    nominatedNodeName: field(11, string),
    podIPs: field(12, keyed(podIP, 'ip'), { mergeKey: 'ip' }),
    ephemeralContainerStatuses: field(13, list(containerStatus)),
    resize: field(14, string),
    resourceClaimStatuses: field(15, keyed(podResourceClaimStatus, 'name'), {
      mergeKey: 'name',
      retainKeys: true,
    }),
    hostIPs: field(16, list(hostIP), { mergeKey: 'ip' }),
    observedGeneration: field(17, int64),
    extendedResourceClaimStatus: pointer(18, podExtendedResourceClaimStatus),
    allocatedResources: field(19, map(quantity)),
    resources: pointer(20, resourceRequirements),
    nodeAllocatableResourceClaimStatuses: field(21, list(nodeAllocatableResourceClaimStatus)),
  },
  { description: 'What is known of a pod.' },
)
