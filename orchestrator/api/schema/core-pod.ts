// Pods, their templates and the Binding of a pod to a node.
// Counterpart: core/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import {
  appArmorProfile,
  container,
  ephemeralContainer,
  resourceRequirements,
  seLinuxOptions,
  seccompProfile,
  windowsSecurityContextOptions,
} from './core-container.js'
import { podStatus } from './core-pod-status.js'
import { localObjectReference, objectReference } from './core-reference.js'
import { affinity, toleration, topologySpreadConstraint } from './core-scheduling.js'
import { volume } from './core-volume.js'
import { objectMeta } from './meta.js'
import type { StructSchema } from '../schema.js'
import {
  always,
  atomicMap,
  bool,
  field,
  int32,
  int64,
  keyed,
  list,
  map,
  pointer,
  quantity,
  string,
  struct,
  typeMeta,
} from '../schema.js'

export const hostAlias: StructSchema = struct('io.k8s.api.core.v1.HostAlias', {
  ip: always(1, string, { required: true }),
  hostnames: field(2, list(string)),
})

export const podDNSConfigOption: StructSchema = struct('io.k8s.api.core.v1.PodDNSConfigOption', {
  name: field(1, string),
  value: pointer(2, string),
})

export const podDNSConfig: StructSchema = struct('io.k8s.api.core.v1.PodDNSConfig', {
  nameservers: field(1, list(string)),
  searches: field(2, list(string)),
  options: field(3, list(podDNSConfigOption)),
})

export const podOS: StructSchema = struct('io.k8s.api.core.v1.PodOS', {
  name: always(1, string, { required: true }),
})

export const podReadinessGate: StructSchema = struct('io.k8s.api.core.v1.PodReadinessGate', {
  conditionType: always(1, string, { required: true }),
})

export const podResourceClaim: StructSchema = struct('io.k8s.api.core.v1.PodResourceClaim', {
  name: always(1, string, { required: true }),
  resourceClaimName: pointer(3, string),
  resourceClaimTemplateName: pointer(4, string),
})

export const podSchedulingGate: StructSchema = struct('io.k8s.api.core.v1.PodSchedulingGate', {
  name: always(1, string, { required: true }),
})

export const podSchedulingGroup: StructSchema = struct('io.k8s.api.core.v1.PodSchedulingGroup', {
  podGroupName: pointer(1, string),
})

export const sysctl: StructSchema = struct('io.k8s.api.core.v1.Sysctl', {
  name: always(1, string, { required: true }),
  value: always(2, string, { required: true }),
})

export const podSecurityContext: StructSchema = struct('io.k8s.api.core.v1.PodSecurityContext', {
  seLinuxOptions: pointer(1, seLinuxOptions),
  runAsUser: pointer(2, int64),
  runAsNonRoot: pointer(3, bool),
  supplementalGroups: field(4, list(int64)),
  fsGroup: pointer(5, int64),
  runAsGroup: pointer(6, int64),
  sysctls: field(7, list(sysctl)),
  windowsOptions: pointer(8, windowsSecurityContextOptions),
  fsGroupChangePolicy: pointer(9, string, { enum: ['Always', 'OnRootMismatch'] }),
  seccompProfile: pointer(10, seccompProfile),
  appArmorProfile: pointer(11, appArmorProfile),
  supplementalGroupsPolicy: pointer(12, string, { enum: ['Merge', 'Strict'] }),
  seLinuxChangePolicy: pointer(13, string),
})

export const podSpec: StructSchema = struct(
  'io.k8s.api.core.v1.PodSpec',
  {
    volumes: field(1, keyed(volume, 'name'), {
      mergeKey: 'name',
      retainKeys: true,
      description: 'Directories that the containers can mount.',
    }),
    containers: always(2, keyed(container, 'name'), {
      required: true,
      mergeKey: 'name',
      description: 'The containers of the pod; at least one.',
    }),
    restartPolicy: field(3, string, {
      enum: ['Always', 'Never', 'OnFailure'],
      description: 'Always, OnFailure or Never: when containers are started again.',
    }),
    terminationGracePeriodSeconds: pointer(4, int64, {
      description: 'How long the containers have to stop before they are killed.',
    }),
    activeDeadlineSeconds: pointer(5, int64, { description: 'How long the pod may run at all.' }),
    dnsPolicy: field(6, string, {
      enum: ['ClusterFirst', 'ClusterFirstWithHostNet', 'Default', 'None'],
      description: 'Where the containers look names up.',
    }),
    nodeSelector: field(7, atomicMap(string), { description: 'Labels that the node must have.' }),
    serviceAccountName: field(8, string, { description: 'The identity that the pod acts under.' }),
    serviceAccount: field(9, string, { description: 'An old name of serviceAccountName.' }),
    nodeName: field(10, string, {
      description: 'The node that the pod runs on; the scheduler sets it.',
    }),
    hostNetwork: field(11, bool, { description: 'Use the network of the node.' }),
    hostPID: field(12, bool, { description: 'Use the process ids of the node.' }),
    hostIPC: field(13, bool, { description: 'Use the interprocess communication of the node.' }),
    securityContext: pointer(14, podSecurityContext, {
      description: 'Rights that hold for all containers.',
    }),
    imagePullSecrets: field(15, keyed(localObjectReference, 'name'), {
      mergeKey: 'name',
      description: 'Secrets to fetch images with.',
    }),
    hostname: field(16, string, { description: 'The host name that the containers see.' }),
    subdomain: field(17, string, {
      description: 'With it the pod has the name <hostname>.<subdomain>.<namespace>.svc.',
    }),
    affinity: pointer(18, affinity, {
      description: 'Which nodes and which neighbours the pod wants or avoids.',
    }),
    schedulerName: field(19, string, { description: 'Which scheduler places the pod.' }),
    initContainers: field(20, keyed(container, 'name'), {
      mergeKey: 'name',
      description: 'Containers that run one after the other before the others start.',
    }),
    automountServiceAccountToken: pointer(21, bool),
    tolerations: field(22, list(toleration), {
      description: 'Taints of nodes that the pod puts up with.',
    }),
    hostAliases: field(23, keyed(hostAlias, 'ip'), {
      mergeKey: 'ip',
      description: 'Additional lines of /etc/hosts.',
    }),
    priorityClassName: field(24, string, {
      description: 'The class that the priority comes from.',
    }),
    priority: pointer(25, int32, {
      description: 'Pods of higher priority are placed first, and may displace others.',
    }),
    dnsConfig: pointer(26, podDNSConfig),
    shareProcessNamespace: pointer(27, bool),
    readinessGates: field(28, list(podReadinessGate), {
      description: 'Conditions that must hold as well before the pod is ready.',
    }),
    runtimeClassName: pointer(29, string),
    enableServiceLinks: pointer(30, bool, {
      description: 'Tell the containers of services by environment variables.',
    }),
    preemptionPolicy: pointer(31, string, { enum: ['Never', 'PreemptLowerPriority'] }),
    overhead: field(32, map(quantity), {
      description: 'Resources that running the pod costs by itself.',
    }),
    topologySpreadConstraints: field(
      33,
      keyed(topologySpreadConstraint, 'topologyKey', 'whenUnsatisfiable'),
      { mergeKey: 'topologyKey', description: 'How pods are spread over zones and nodes.' },
    ),
    ephemeralContainers: field(34, keyed(ephemeralContainer, 'name'), {
      mergeKey: 'name',
      description: 'Containers added to a running pod, to look into it.',
    }),
    setHostnameAsFQDN: pointer(35, bool),
    os: pointer(36, podOS),
    hostUsers: pointer(37, bool),
    schedulingGates: field(38, keyed(podSchedulingGate, 'name'), {
      mergeKey: 'name',
      description: 'While there is one, the scheduler leaves the pod alone.',
    }),
    resourceClaims: field(39, keyed(podResourceClaim, 'name'), {
      mergeKey: 'name',
      retainKeys: true,
    }),
    resources: pointer(40, resourceRequirements),
    hostnameOverride: pointer(41, string),
    schedulingGroup: pointer(43, podSchedulingGroup),
  },
  { description: 'What a pod is to be.' },
)

export const pod: StructSchema = struct(
  'io.k8s.api.core.v1.Pod',
  {
    ...typeMeta,
    metadata: field(1, objectMeta, { description: 'Identity, labels and owners.' }),
    spec: field(2, podSpec, { description: 'What the pod is to be.' }),
    status: field(3, podStatus, {
      description: 'What is known of the pod; written by the system.',
    }),
  },
  { description: 'Containers that run together on one node, share a network address and volumes.' },
)

export const binding: StructSchema = struct(
  'io.k8s.api.core.v1.Binding',
  {
    ...typeMeta,
    metadata: field(1, objectMeta),
    target: always(2, objectReference, { required: true }),
  },
  { description: 'Ties a pod to a node.' },
)

export const podTemplateSpec: StructSchema = struct(
  'io.k8s.api.core.v1.PodTemplateSpec',
  {
    metadata: field(1, objectMeta),
    spec: field(2, podSpec),
  },
  { description: 'What the pods that are made from it look like.' },
)
