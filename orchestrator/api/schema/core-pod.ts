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
  fsGroupChangePolicy: pointer(9, string),
  seccompProfile: pointer(10, seccompProfile),
  appArmorProfile: pointer(11, appArmorProfile),
  supplementalGroupsPolicy: pointer(12, string),
  seLinuxChangePolicy: pointer(13, string),
})

export const podSpec: StructSchema = struct('io.k8s.api.core.v1.PodSpec', {
  volumes: field(1, keyed(volume, 'name'), { mergeKey: 'name', retainKeys: true }),
  containers: always(2, keyed(container, 'name'), { required: true, mergeKey: 'name' }),
  restartPolicy: field(3, string),
  terminationGracePeriodSeconds: pointer(4, int64),
  activeDeadlineSeconds: pointer(5, int64),
  dnsPolicy: field(6, string),
  nodeSelector: field(7, atomicMap(string)),
  serviceAccountName: field(8, string),
  serviceAccount: field(9, string),
  nodeName: field(10, string),
  hostNetwork: field(11, bool),
  hostPID: field(12, bool),
  hostIPC: field(13, bool),
  securityContext: pointer(14, podSecurityContext),
  imagePullSecrets: field(15, keyed(localObjectReference, 'name'), { mergeKey: 'name' }),
  hostname: field(16, string),
  subdomain: field(17, string),
  affinity: pointer(18, affinity),
  schedulerName: field(19, string),
  initContainers: field(20, keyed(container, 'name'), { mergeKey: 'name' }),
  automountServiceAccountToken: pointer(21, bool),
  tolerations: field(22, list(toleration)),
  hostAliases: field(23, keyed(hostAlias, 'ip'), { mergeKey: 'ip' }),
  priorityClassName: field(24, string),
  priority: pointer(25, int32),
  dnsConfig: pointer(26, podDNSConfig),
  shareProcessNamespace: pointer(27, bool),
  readinessGates: field(28, list(podReadinessGate)),
  runtimeClassName: pointer(29, string),
  enableServiceLinks: pointer(30, bool),
  preemptionPolicy: pointer(31, string),
  overhead: field(32, map(quantity)),
  topologySpreadConstraints: field(
    33,
    keyed(topologySpreadConstraint, 'topologyKey', 'whenUnsatisfiable'),
    { mergeKey: 'topologyKey' },
  ),
  ephemeralContainers: field(34, keyed(ephemeralContainer, 'name'), { mergeKey: 'name' }),
  setHostnameAsFQDN: pointer(35, bool),
  os: pointer(36, podOS),
  hostUsers: pointer(37, bool),
  schedulingGates: field(38, keyed(podSchedulingGate, 'name'), { mergeKey: 'name' }),
  resourceClaims: field(39, keyed(podResourceClaim, 'name'), {
    mergeKey: 'name',
    retainKeys: true,
  }),
  resources: pointer(40, resourceRequirements),
  hostnameOverride: pointer(41, string),
  schedulingGroup: pointer(43, podSchedulingGroup),
})

export const pod: StructSchema = struct('io.k8s.api.core.v1.Pod', {
  ...typeMeta,
  metadata: field(1, objectMeta),
  spec: field(2, podSpec),
  status: field(3, podStatus),
})

export const binding: StructSchema = struct('io.k8s.api.core.v1.Binding', {
  ...typeMeta,
  metadata: field(1, objectMeta),
  target: always(2, objectReference, { required: true }),
})

export const podTemplateSpec: StructSchema = struct('io.k8s.api.core.v1.PodTemplateSpec', {
  metadata: field(1, objectMeta),
  spec: field(2, podSpec),
})
