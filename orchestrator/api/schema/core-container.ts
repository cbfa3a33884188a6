// Containers: environment, ports, probes, hooks, resources and security.
// Counterpart: core/v1 of k8s.io/api. Data only; what it means is in ../schema.ts.

import { objectFieldSelector, resourceFieldSelector } from './core-reference.js'
import type { StructSchema } from '../schema.js'
import {
  always,
  bool,
  field,
  inlined,
  int32,
  int64,
  intOrString,
  keyed,
  list,
  map,
  pointer,
  quantity,
  set,
  string,
  struct,
} from '../schema.js'

export const containerPort: StructSchema = struct('io.k8s.api.core.v1.ContainerPort', {
  name: field(1, string),
  hostPort: field(2, int32),
  containerPort: always(3, int32, { required: true }),
  protocol: field(4, string, { enum: ['SCTP', 'TCP', 'UDP'], default: 'TCP' }),
  hostIP: field(5, string),
})

export const containerResizePolicy: StructSchema = struct(
  'io.k8s.api.core.v1.ContainerResizePolicy',
  {
    resourceName: always(1, string, { required: true }),
    restartPolicy: always(2, string, { required: true }),
  },
)

export const containerRestartRuleOnExitCodes: StructSchema = struct(
  'io.k8s.api.core.v1.ContainerRestartRuleOnExitCodes',
  {
    operator: field(1, string, { required: true }),
    values: field(2, set(int32)),
  },
)

export const containerRestartRule: StructSchema = struct(
  'io.k8s.api.core.v1.ContainerRestartRule',
  {
    action: field(1, string, { required: true }),
    exitCodes: pointer(2, containerRestartRuleOnExitCodes),
  },
)

export const configMapEnvSource: StructSchema = struct('io.k8s.api.core.v1.ConfigMapEnvSource', {
  ...inlined(1, { name: field(1, string) }),
  optional: pointer(2, bool),
})

export const secretEnvSource: StructSchema = struct('io.k8s.api.core.v1.SecretEnvSource', {
  ...inlined(1, { name: field(1, string) }),
  optional: pointer(2, bool),
})

export const envFromSource: StructSchema = struct('io.k8s.api.core.v1.EnvFromSource', {
  prefix: field(1, string),
  configMapRef: pointer(2, configMapEnvSource),
  secretRef: pointer(3, secretEnvSource),
})

export const configMapKeySelector: StructSchema = struct(
  'io.k8s.api.core.v1.ConfigMapKeySelector',
  {
    ...inlined(1, { name: field(1, string) }),
    key: always(2, string, { required: true }),
    optional: pointer(3, bool),
  },
  { atomic: true },
)

export const fileKeySelector: StructSchema = struct(
  'io.k8s.api.core.v1.FileKeySelector',
  {
    volumeName: always(1, string, { required: true }),
    path: always(2, string, { required: true }),
    key: always(3, string, { required: true }),
    optional: pointer(4, bool),
  },
  { atomic: true },
)

export const secretKeySelector: StructSchema = struct(
  'io.k8s.api.core.v1.SecretKeySelector',
  {
    ...inlined(1, { name: field(1, string) }),
    key: always(2, string, { required: true }),
    optional: pointer(3, bool),
  },
  { atomic: true },
)

export const envVarSource: StructSchema = struct('io.k8s.api.core.v1.EnvVarSource', {
  fieldRef: pointer(1, objectFieldSelector),
  resourceFieldRef: pointer(2, resourceFieldSelector),
  configMapKeyRef: pointer(3, configMapKeySelector),
  secretKeyRef: pointer(4, secretKeySelector),
  fileKeyRef: pointer(5, fileKeySelector),
})

export const envVar: StructSchema = struct('io.k8s.api.core.v1.EnvVar', {
  name: always(1, string, { required: true }),
  value: field(2, string),
  valueFrom: pointer(3, envVarSource),
})

export const execAction: StructSchema = struct('io.k8s.api.core.v1.ExecAction', {
  command: field(1, list(string)),
})

export const httpHeader: StructSchema = struct('io.k8s.api.core.v1.HTTPHeader', {
  name: always(1, string, { required: true }),
  value: always(2, string, { required: true }),
})

export const httpGetAction: StructSchema = struct('io.k8s.api.core.v1.HTTPGetAction', {
  path: field(1, string),
  port: always(2, intOrString, { required: true }),
  host: field(3, string),
  scheme: field(4, string, { enum: ['HTTP', 'HTTPS'] }),
  httpHeaders: field(5, list(httpHeader)),
})

export const sleepAction: StructSchema = struct('io.k8s.api.core.v1.SleepAction', {
  seconds: always(1, int64, { required: true }),
})

export const tcpSocketAction: StructSchema = struct('io.k8s.api.core.v1.TCPSocketAction', {
  port: always(1, intOrString, { required: true }),
  host: field(2, string),
})

export const lifecycleHandler: StructSchema = struct('io.k8s.api.core.v1.LifecycleHandler', {
  exec: pointer(1, execAction),
  httpGet: pointer(2, httpGetAction),
  tcpSocket: pointer(3, tcpSocketAction),
  sleep: pointer(4, sleepAction),
})

export const lifecycle: StructSchema = struct('io.k8s.api.core.v1.Lifecycle', {
  postStart: pointer(1, lifecycleHandler),
  preStop: pointer(2, lifecycleHandler),
  stopSignal: pointer(3, string),
})

export const grpcAction: StructSchema = struct('io.k8s.api.core.v1.GRPCAction', {
  port: always(1, int32, { required: true }),
  service: pointer(2, string),
})

/** Spread in JSON, a message of its own on the protobuf wire. */
const handlerFields = {
  exec: pointer(1, execAction, { description: 'Succeeds when the command exits with 0.' }),
  httpGet: pointer(2, httpGetAction, { description: 'Succeeds when the answer is below 400.' }),
  tcpSocket: pointer(3, tcpSocketAction, {
    description: 'Succeeds when the port can be connected to.',
  }),
  grpc: pointer(4, grpcAction, { description: 'Asks the gRPC health service.' }),
}

export const probe: StructSchema = struct(
  'io.k8s.api.core.v1.Probe',
  {
    ...inlined(1, handlerFields),
    initialDelaySeconds: field(2, int32, {
      description: 'How long after the start the first check is made.',
    }),
    timeoutSeconds: field(3, int32, { description: 'How long a check may take.' }),
    periodSeconds: field(4, int32, { description: 'How often a check is made.' }),
    successThreshold: field(5, int32, { description: 'How many successes in a row count as one.' }),
    failureThreshold: field(6, int32, { description: 'How many failures in a row count as one.' }),
    terminationGracePeriodSeconds: pointer(7, int64),
  },
  { description: 'A check that is made again and again.' },
)

export const resourceClaim: StructSchema = struct('io.k8s.api.core.v1.ResourceClaim', {
  name: always(1, string, { required: true }),
  request: field(2, string),
})

export const resourceRequirements: StructSchema = struct(
  'io.k8s.api.core.v1.ResourceRequirements',
  {
    limits: field(1, map(quantity), { description: 'What may be used at most.' }),
    requests: field(2, map(quantity), { description: 'What is kept free for it.' }),
    claims: field(3, keyed(resourceClaim, 'name')),
  },
)

export const appArmorProfile: StructSchema = struct('io.k8s.api.core.v1.AppArmorProfile', {
  type: always(1, string, { enum: ['Localhost', 'RuntimeDefault', 'Unconfined'], required: true }),
  localhostProfile: pointer(2, string),
})

export const capabilities: StructSchema = struct('io.k8s.api.core.v1.Capabilities', {
  add: field(1, list(string)),
  drop: field(2, list(string)),
})

export const seLinuxOptions: StructSchema = struct('io.k8s.api.core.v1.SELinuxOptions', {
  user: field(1, string),
  role: field(2, string),
  type: field(3, string),
  level: field(4, string),
})

export const seccompProfile: StructSchema = struct('io.k8s.api.core.v1.SeccompProfile', {
  type: always(1, string, { enum: ['Localhost', 'RuntimeDefault', 'Unconfined'], required: true }),
  localhostProfile: pointer(2, string),
})

export const windowsSecurityContextOptions: StructSchema = struct(
  'io.k8s.api.core.v1.WindowsSecurityContextOptions',
  {
    gmsaCredentialSpecName: pointer(1, string),
    gmsaCredentialSpec: pointer(2, string),
    runAsUserName: pointer(3, string),
    hostProcess: pointer(4, bool),
  },
)

export const securityContext: StructSchema = struct('io.k8s.api.core.v1.SecurityContext', {
  capabilities: pointer(1, capabilities),
  privileged: pointer(2, bool),
  seLinuxOptions: pointer(3, seLinuxOptions),
  runAsUser: pointer(4, int64),
  runAsNonRoot: pointer(5, bool),
  readOnlyRootFilesystem: pointer(6, bool),
  allowPrivilegeEscalation: pointer(7, bool),
  runAsGroup: pointer(8, int64),
  procMount: pointer(9, string, { enum: ['Default', 'Unmasked'] }),
  windowsOptions: pointer(10, windowsSecurityContextOptions),
  seccompProfile: pointer(11, seccompProfile),
  appArmorProfile: pointer(12, appArmorProfile),
})

export const volumeDevice: StructSchema = struct('io.k8s.api.core.v1.VolumeDevice', {
  name: always(1, string, { required: true }),
  devicePath: always(2, string, { required: true }),
})

export const volumeMount: StructSchema = struct('io.k8s.api.core.v1.VolumeMount', {
  name: always(1, string, { required: true }),
  readOnly: field(2, bool),
  mountPath: always(3, string, { required: true }),
  subPath: field(4, string),
  mountPropagation: pointer(5, string, { enum: ['Bidirectional', 'HostToContainer', 'None'] }),
  subPathExpr: field(6, string),
  recursiveReadOnly: pointer(7, string),
})

export const container: StructSchema = struct(
  'io.k8s.api.core.v1.Container',
  {
    name: always(1, string, {
      required: true,
      description: 'Unique among the containers of the pod.',
    }),
    image: field(2, string, { description: 'The image to run.' }),
    command: field(3, list(string), {
      description: 'The program to run in place of the entry point of the image.',
    }),
    args: field(4, list(string), { description: 'The arguments, in place of those of the image.' }),
    workingDir: field(5, string, { description: 'The directory to start in.' }),
    ports: field(6, keyed(containerPort, 'containerPort', 'protocol'), {
      mergeKey: 'containerPort',
      description: 'Ports that the container listens on.',
    }),
    env: field(7, keyed(envVar, 'name'), {
      mergeKey: 'name',
      description: 'Environment variables.',
    }),
    resources: field(8, resourceRequirements, {
      description: 'How much of the node the container asks for, and may use at most.',
    }),
    volumeMounts: field(9, keyed(volumeMount, 'mountPath'), {
      mergeKey: 'mountPath',
      description: 'Which volumes appear where.',
    }),
    livenessProbe: pointer(10, probe, {
      description: 'A container that fails it is started again.',
    }),
    readinessProbe: pointer(11, probe, {
      description: 'A container that fails it gets no traffic.',
    }),
    lifecycle: pointer(12, lifecycle, {
      description: 'What to do after the start and before the stop.',
    }),
    terminationMessagePath: field(13, string, {
      description: 'The file that holds the last words of the container.',
    }),
    imagePullPolicy: field(14, string, {
      enum: ['Always', 'IfNotPresent', 'Never'],
      description: 'Always, IfNotPresent or Never: when the image is fetched.',
    }),
    securityContext: pointer(15, securityContext, { description: 'Rights of the container.' }),
    stdin: field(16, bool, { description: 'Keep the standard input open.' }),
    stdinOnce: field(17, bool),
    tty: field(18, bool, { description: 'Give the container a terminal.' }),
    envFrom: field(19, list(envFromSource), {
      description: 'Where more environment variables come from.',
    }),
    terminationMessagePolicy: field(20, string, { enum: ['FallbackToLogsOnError', 'File'] }),
    volumeDevices: field(21, keyed(volumeDevice, 'devicePath'), { mergeKey: 'devicePath' }),
    startupProbe: pointer(22, probe, { description: 'Until it succeeds, the other probes wait.' }),
    resizePolicy: field(23, list(containerResizePolicy)),
    restartPolicy: pointer(24, string, {
      description: 'Always makes an init container a sidecar.',
    }),
    restartPolicyRules: field(25, list(containerRestartRule)),
  },
  { description: 'One program in a pod, from an image.' },
)

/** Spread in JSON, a message of its own on the protobuf wire. */
const ephemeralContainerCommonFields = {
  name: always(1, string, { required: true }),
  image: field(2, string),
  command: field(3, list(string)),
  args: field(4, list(string)),
  workingDir: field(5, string),
  ports: field(6, keyed(containerPort, 'containerPort', 'protocol'), { mergeKey: 'containerPort' }),
  env: field(7, keyed(envVar, 'name'), { mergeKey: 'name' }),
  resources: field(8, resourceRequirements),
  volumeMounts: field(9, keyed(volumeMount, 'mountPath'), { mergeKey: 'mountPath' }),
  livenessProbe: pointer(10, probe),
  readinessProbe: pointer(11, probe),
  lifecycle: pointer(12, lifecycle),
  terminationMessagePath: field(13, string),
  imagePullPolicy: field(14, string, { enum: ['Always', 'IfNotPresent', 'Never'] }),
  securityContext: pointer(15, securityContext),
  stdin: field(16, bool),
  stdinOnce: field(17, bool),
  tty: field(18, bool),
  envFrom: field(19, list(envFromSource)),
  terminationMessagePolicy: field(20, string, { enum: ['FallbackToLogsOnError', 'File'] }),
  volumeDevices: field(21, keyed(volumeDevice, 'devicePath'), { mergeKey: 'devicePath' }),
  startupProbe: pointer(22, probe),
  resizePolicy: field(23, list(containerResizePolicy)),
  restartPolicy: pointer(24, string),
  restartPolicyRules: field(25, list(containerRestartRule)),
}

export const ephemeralContainer: StructSchema = struct('io.k8s.api.core.v1.EphemeralContainer', {
  ...inlined(1, ephemeralContainerCommonFields),
  targetContainerName: field(2, string),
})
