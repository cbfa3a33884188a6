// The messages of the CRI, version v1, as far as a kubelet on Linux needs them. Counterpart: api.proto of
// k8s.io/cri-api. Left out: Windows, checkpoints, metrics, SELinux. What a runtime says beyond this is skipped.

import {
  bool,
  bytes,
  type Decoded,
  type Encodable,
  enumeration,
  int64,
  manyInt64,
  manyNested,
  manyStrings,
  message,
  nested,
  string,
  stringMap,
  uint64,
  uint32,
} from '../../../../platform/protobuf-message.js'

export const protocol = { TCP: 0, UDP: 1, SCTP: 2 } as const
export const mountPropagation = { private: 0, hostToContainer: 1, bidirectional: 2 } as const
export const namespaceMode = { pod: 0, container: 1, node: 2 } as const
export const profileType = { runtimeDefault: 0, unconfined: 1, localhost: 2 } as const
export const sandboxState = { ready: 0, notReady: 1 } as const
export const containerState = { created: 0, running: 1, exited: 2, unknown: 3 } as const

/** For what has no fields that anybody here reads. */
const empty = (name: string) => message(`runtime.v1.${name}`, {})

/** A number that may be absent. */
const Int64Value = message('runtime.v1.Int64Value', { value: int64(1) })
const UInt64Value = message('runtime.v1.UInt64Value', { value: uint64(1) })
const int64Value = (number: number) => nested(number, () => Int64Value)
const uint64Value = (number: number) => nested(number, () => UInt64Value)

export const VersionRequest = message('runtime.v1.VersionRequest', { version: string(1) })
export const VersionResponse = message('runtime.v1.VersionResponse', {
  version: string(1),
  runtimeName: string(2),
  runtimeVersion: string(3),
  runtimeApiVersion: string(4),
})

const RuntimeCondition = message('runtime.v1.RuntimeCondition', {
  type: string(1),
  status: bool(2),
  reason: string(3),
  message: string(4),
})
const RuntimeStatus = message('runtime.v1.RuntimeStatus', {
  conditions: manyNested(1, () => RuntimeCondition),
})
export type RuntimeStatus = Decoded<typeof RuntimeStatus>
export const StatusRequest = message('runtime.v1.StatusRequest', { verbose: bool(1) })
export const StatusResponse = message('runtime.v1.StatusResponse', {
  status: nested(1, () => RuntimeStatus),
})

const NetworkConfig = message('runtime.v1.NetworkConfig', { podCidr: string(1) })
const RuntimeConfig = message('runtime.v1.RuntimeConfig', {
  networkConfig: nested(1, () => NetworkConfig),
})
export const UpdateRuntimeConfigRequest = message('runtime.v1.UpdateRuntimeConfigRequest', {
  runtimeConfig: nested(1, () => RuntimeConfig),
})
export const UpdateRuntimeConfigResponse = empty('UpdateRuntimeConfigResponse')

// Sandboxes

const NamespaceOption = message('runtime.v1.NamespaceOption', {
  network: enumeration(1, 'NamespaceMode'),
  pid: enumeration(2, 'NamespaceMode'),
  ipc: enumeration(3, 'NamespaceMode'),
})
export type NamespaceOption = Encodable<typeof NamespaceOption>

const SecurityProfile = message('runtime.v1.SecurityProfile', {
  profileType: enumeration(1, 'ProfileType'),
  localhostRef: string(2),
})
export type SecurityProfile = Encodable<typeof SecurityProfile>

const SandboxSecurityContext = message('runtime.v1.LinuxSandboxSecurityContext', {
  namespaceOptions: nested(1, () => NamespaceOption),
  runAsUser: int64Value(3),
  readonlyRootfs: bool(4),
  supplementalGroups: manyInt64(5),
  privileged: bool(6),
  runAsGroup: int64Value(8),
  seccomp: nested(9, () => SecurityProfile),
  apparmor: nested(10, () => SecurityProfile),
})
export type SandboxSecurityContext = Encodable<typeof SandboxSecurityContext>

const LinuxPodSandboxConfig = message('runtime.v1.LinuxPodSandboxConfig', {
  cgroupParent: string(1),
  securityContext: nested(2, () => SandboxSecurityContext),
  sysctls: stringMap(3),
})

const PodSandboxMetadata = message('runtime.v1.PodSandboxMetadata', {
  name: string(1),
  uid: string(2),
  namespace: string(3),
  attempt: uint32(4),
})
const DnsConfig = message('runtime.v1.DNSConfig', {
  servers: manyStrings(1),
  searches: manyStrings(2),
  options: manyStrings(3),
})
const PortMapping = message('runtime.v1.PortMapping', {
  protocol: enumeration(1, 'Protocol'),
  containerPort: int64(2),
  hostPort: int64(3),
  hostIp: string(4),
})
export type PortMapping = Encodable<typeof PortMapping>

const PodSandboxConfig = message('runtime.v1.PodSandboxConfig', {
  metadata: nested(1, () => PodSandboxMetadata),
  hostname: string(2),
  logDirectory: string(3),
  dnsConfig: nested(4, () => DnsConfig),
  portMappings: manyNested(5, () => PortMapping),
  labels: stringMap(6),
  annotations: stringMap(7),
  linux: nested(8, () => LinuxPodSandboxConfig),
})
export type PodSandboxConfig = Encodable<typeof PodSandboxConfig>

export const RunPodSandboxRequest = message('runtime.v1.RunPodSandboxRequest', {
  config: nested(1, () => PodSandboxConfig),
  runtimeHandler: string(2),
})
export const RunPodSandboxResponse = message('runtime.v1.RunPodSandboxResponse', {
  podSandboxId: string(1),
})

const sandboxId = { podSandboxId: string(1) }
export const StopPodSandboxRequest = message('runtime.v1.StopPodSandboxRequest', sandboxId)
export const StopPodSandboxResponse = empty('StopPodSandboxResponse')
export const RemovePodSandboxRequest = message('runtime.v1.RemovePodSandboxRequest', sandboxId)
export const RemovePodSandboxResponse = empty('RemovePodSandboxResponse')

const PodSandboxFilter = message('runtime.v1.PodSandboxFilter', { labelSelector: stringMap(3) })
export const ListPodSandboxRequest = message('runtime.v1.ListPodSandboxRequest', {
  filter: nested(1, () => PodSandboxFilter),
})
const PodSandbox = message('runtime.v1.PodSandbox', {
  id: string(1),
  metadata: nested(2, () => PodSandboxMetadata),
  state: enumeration(3, 'PodSandboxState'),
  createdAt: int64(4),
  labels: stringMap(5),
})
export type PodSandbox = Decoded<typeof PodSandbox>
export const ListPodSandboxResponse = message('runtime.v1.ListPodSandboxResponse', {
  items: manyNested(1, () => PodSandbox),
})

const SandboxNetworkStatus = message('runtime.v1.PodSandboxNetworkStatus', { ip: string(1) })
const PodSandboxStatus = message('runtime.v1.PodSandboxStatus', {
  id: string(1),
  metadata: nested(2, () => PodSandboxMetadata),
  state: enumeration(3, 'PodSandboxState'),
  createdAt: int64(4),
  network: nested(5, () => SandboxNetworkStatus),
  labels: stringMap(7),
})
export type PodSandboxStatus = Decoded<typeof PodSandboxStatus>
export const PodSandboxStatusRequest = message('runtime.v1.PodSandboxStatusRequest', sandboxId)
export const PodSandboxStatusResponse = message('runtime.v1.PodSandboxStatusResponse', {
  status: nested(1, () => PodSandboxStatus),
})

// Containers

const ImageSpec = message('runtime.v1.ImageSpec', {
  image: string(1),
  annotations: stringMap(2),
  userSpecifiedImage: string(18),
})
const KeyValue = message('runtime.v1.KeyValue', { key: string(1), value: bytes(2) })
const MountMessage = message('runtime.v1.Mount', {
  containerPath: string(1),
  hostPath: string(2),
  readonly: bool(3),
  selinuxRelabel: bool(4),
  propagation: enumeration(5, 'MountPropagation'),
})
export type CriMount = Encodable<typeof MountMessage>

const LinuxContainerResources = message('runtime.v1.LinuxContainerResources', {
  cpuPeriod: int64(1),
  cpuQuota: int64(2),
  cpuShares: int64(3),
  memoryLimitInBytes: int64(4),
  oomScoreAdj: int64(5),
  cpusetCpus: string(6),
})
export type LinuxContainerResources = Encodable<typeof LinuxContainerResources>

const Capability = message('runtime.v1.Capability', {
  addCapabilities: manyStrings(1),
  dropCapabilities: manyStrings(2),
})
const ContainerSecurityContext = message('runtime.v1.LinuxContainerSecurityContext', {
  capabilities: nested(1, () => Capability),
  privileged: bool(2),
  namespaceOptions: nested(3, () => NamespaceOption),
  runAsUser: int64Value(5),
  runAsUsername: string(6),
  readonlyRootfs: bool(7),
  supplementalGroups: manyInt64(8),
  noNewPrivs: bool(11),
  runAsGroup: int64Value(12),
  maskedPaths: manyStrings(13),
  readonlyPaths: manyStrings(14),
  seccomp: nested(15, () => SecurityProfile),
  apparmor: nested(16, () => SecurityProfile),
})
export type ContainerSecurityContext = Encodable<typeof ContainerSecurityContext>

const LinuxContainerConfig = message('runtime.v1.LinuxContainerConfig', {
  resources: nested(1, () => LinuxContainerResources),
  securityContext: nested(2, () => ContainerSecurityContext),
})
const ContainerMetadata = message('runtime.v1.ContainerMetadata', {
  name: string(1),
  attempt: uint32(2),
})
const ContainerConfig = message('runtime.v1.ContainerConfig', {
  metadata: nested(1, () => ContainerMetadata),
  image: nested(2, () => ImageSpec),
  command: manyStrings(3),
  args: manyStrings(4),
  workingDir: string(5),
  envs: manyNested(6, () => KeyValue),
  mounts: manyNested(7, () => MountMessage),
  labels: stringMap(9),
  annotations: stringMap(10),
  logPath: string(11),
  stdin: bool(12),
  stdinOnce: bool(13),
  tty: bool(14),
  linux: nested(15, () => LinuxContainerConfig),
})
export type ContainerConfig = Encodable<typeof ContainerConfig>

export const CreateContainerRequest = message('runtime.v1.CreateContainerRequest', {
  podSandboxId: string(1),
  config: nested(2, () => ContainerConfig),
  sandboxConfig: nested(3, () => PodSandboxConfig),
})
const containerId = { containerId: string(1) }
export const CreateContainerResponse = message('runtime.v1.CreateContainerResponse', containerId)
export const StartContainerRequest = message('runtime.v1.StartContainerRequest', containerId)
export const StartContainerResponse = empty('StartContainerResponse')
export const StopContainerRequest = message('runtime.v1.StopContainerRequest', {
  containerId: string(1),
  /** Seconds. */
  timeout: int64(2),
})
export const StopContainerResponse = empty('StopContainerResponse')
export const RemoveContainerRequest = message('runtime.v1.RemoveContainerRequest', containerId)
export const RemoveContainerResponse = empty('RemoveContainerResponse')
export const ReopenContainerLogRequest = message(
  'runtime.v1.ReopenContainerLogRequest',
  containerId,
)
export const ReopenContainerLogResponse = empty('ReopenContainerLogResponse')

const ContainerFilter = message('runtime.v1.ContainerFilter', { labelSelector: stringMap(4) })
export const ListContainersRequest = message('runtime.v1.ListContainersRequest', {
  filter: nested(1, () => ContainerFilter),
})
const Container = message('runtime.v1.Container', {
  id: string(1),
  podSandboxId: string(2),
  metadata: nested(3, () => ContainerMetadata),
  state: enumeration(6, 'ContainerState'),
  createdAt: int64(7),
  labels: stringMap(8),
})
export type ListedContainer = Decoded<typeof Container>
export const ListContainersResponse = message('runtime.v1.ListContainersResponse', {
  containers: manyNested(1, () => Container),
})

const ContainerStatus = message('runtime.v1.ContainerStatus', {
  id: string(1),
  metadata: nested(2, () => ContainerMetadata),
  state: enumeration(3, 'ContainerState'),
  createdAt: int64(4),
  startedAt: int64(5),
  finishedAt: int64(6),
  exitCode: int64(7),
  image: nested(8, () => ImageSpec),
  imageRef: string(9),
  reason: string(10),
  message: string(11),
  labels: stringMap(12),
  annotations: stringMap(13),
  logPath: string(15),
})
export type ContainerStatus = Decoded<typeof ContainerStatus>
export const ContainerStatusRequest = message('runtime.v1.ContainerStatusRequest', containerId)
export const ContainerStatusResponse = message('runtime.v1.ContainerStatusResponse', {
  status: nested(1, () => ContainerStatus),
})

// Streams

export const ExecSyncRequest = message('runtime.v1.ExecSyncRequest', {
  containerId: string(1),
  cmd: manyStrings(2),
  /** Seconds. */
  timeout: int64(3),
})
export const ExecSyncResponse = message('runtime.v1.ExecSyncResponse', {
  stdout: bytes(1),
  stderr: bytes(2),
  exitCode: int64(3),
})
export const ExecRequest = message('runtime.v1.ExecRequest', {
  containerId: string(1),
  cmd: manyStrings(2),
  tty: bool(3),
  stdin: bool(4),
  stdout: bool(5),
  stderr: bool(6),
})
const url = { url: string(1) }
export const ExecResponse = message('runtime.v1.ExecResponse', url)
export const AttachRequest = message('runtime.v1.AttachRequest', {
  containerId: string(1),
  stdin: bool(2),
  tty: bool(3),
  stdout: bool(4),
  stderr: bool(5),
})
export const AttachResponse = message('runtime.v1.AttachResponse', url)

// Usage

const CpuUsage = message('runtime.v1.CpuUsage', { usageCoreNanoSeconds: uint64Value(2) })
const MemoryUsage = message('runtime.v1.MemoryUsage', { workingSetBytes: uint64Value(2) })
const ContainerAttributes = message('runtime.v1.ContainerAttributes', { id: string(1) })
const ContainerStats = message('runtime.v1.ContainerStats', {
  attributes: nested(1, () => ContainerAttributes),
  cpu: nested(2, () => CpuUsage),
  memory: nested(3, () => MemoryUsage),
})
const ContainerStatsFilter = message('runtime.v1.ContainerStatsFilter', {
  labelSelector: stringMap(3),
})
export const ListContainerStatsRequest = message('runtime.v1.ListContainerStatsRequest', {
  filter: nested(1, () => ContainerStatsFilter),
})
export const ListContainerStatsResponse = message('runtime.v1.ListContainerStatsResponse', {
  stats: manyNested(1, () => ContainerStats),
})

// Images

const Image = message('runtime.v1.Image', {
  id: string(1),
  repoTags: manyStrings(2),
  repoDigests: manyStrings(3),
  size: uint64(4),
  uid: int64Value(5),
  username: string(6),
})
export const ImageStatusRequest = message('runtime.v1.ImageStatusRequest', {
  image: nested(1, () => ImageSpec),
})
export const ImageStatusResponse = message('runtime.v1.ImageStatusResponse', {
  image: nested(1, () => Image),
})
const AuthConfig = message('runtime.v1.AuthConfig', {
  username: string(1),
  password: string(2),
  auth: string(3),
  serverAddress: string(4),
  identityToken: string(5),
  registryToken: string(6),
})
export const PullImageRequest = message('runtime.v1.PullImageRequest', {
  image: nested(1, () => ImageSpec),
  auth: nested(2, () => AuthConfig),
  sandboxConfig: nested(3, () => PodSandboxConfig),
})
export const PullImageResponse = message('runtime.v1.PullImageResponse', { imageRef: string(1) })

// Events

export const GetEventsRequest = message('runtime.v1.GetEventsRequest', {})
