// What a container means when it does not say: pull policy by tag, probe timings, port protocol.
// Counterpart: SetDefaults_Container and its neighbours in pkg/apis/core/v1/defaults.go.
// Every function fills in what is missing and never changes what is set.

import type {
  Container,
  ContainerPort,
  EnvVar,
  EphemeralContainer,
  HTTPGetAction,
  Lifecycle,
  LifecycleHandler,
  Probe,
  ResourceRequirements,
} from '../types/core-container.js'

export function containerDefaults<T extends Container | EphemeralContainer>(container: T): T {
  const { livenessProbe, readinessProbe, startupProbe, lifecycle, ports, env } = container
  return {
    ...container,
    resources: container.resources ?? {},
    terminationMessagePath: container.terminationMessagePath || '/dev/termination-log',
    terminationMessagePolicy: container.terminationMessagePolicy || 'File',
    imagePullPolicy: container.imagePullPolicy || pullPolicyOf(container.image ?? ''),
    ...(ports === undefined ? {} : { ports: ports.map(portDefaults) }),
    ...(env === undefined ? {} : { env: env.map(envDefaults) }),
    ...(livenessProbe === undefined ? {} : { livenessProbe: probeDefaults(livenessProbe) }),
    ...(readinessProbe === undefined ? {} : { readinessProbe: probeDefaults(readinessProbe) }),
    ...(startupProbe === undefined ? {} : { startupProbe: probeDefaults(startupProbe) }),
    ...(lifecycle === undefined ? {} : { lifecycle: lifecycleDefaults(lifecycle) }),
  }
}

/** Images that are pinned to a tag or digest are pulled once; `latest`, said or implied, always. */
export function pullPolicyOf(image: string): 'Always' | 'IfNotPresent' {
  const digest = image.indexOf('@')
  const reference = digest === -1 ? image : image.slice(0, digest)
  const name = reference.slice(reference.lastIndexOf('/') + 1)
  const colon = name.indexOf(':')
  const tag = colon === -1 ? '' : name.slice(colon + 1)
  if (tag === 'latest') return 'Always'
  return tag === '' && digest === -1 ? 'Always' : 'IfNotPresent'
}

function portDefaults(port: ContainerPort): ContainerPort {
  return { ...port, protocol: port.protocol || 'TCP' }
}

function envDefaults(variable: EnvVar): EnvVar {
  const fieldRef = variable.valueFrom?.fieldRef
  if (fieldRef === undefined) return variable
  const apiVersion = fieldRef.apiVersion || 'v1'
  return {
    ...variable,
    valueFrom: { ...variable.valueFrom, fieldRef: { ...fieldRef, apiVersion } },
  }
}

function httpGetDefaults(action: HTTPGetAction): HTTPGetAction {
  return { ...action, path: action.path || '/', scheme: action.scheme || 'HTTP' }
}

function probeDefaults(probe: Probe): Probe {
  return {
    ...probe,
    ...(probe.httpGet === undefined ? {} : { httpGet: httpGetDefaults(probe.httpGet) }),
    ...(probe.grpc === undefined
      ? {}
      : { grpc: { ...probe.grpc, service: probe.grpc.service ?? '' } }),
    timeoutSeconds: probe.timeoutSeconds || 1,
    periodSeconds: probe.periodSeconds || 10,
    successThreshold: probe.successThreshold || 1,
    failureThreshold: probe.failureThreshold || 3,
  }
}

function handlerDefaults(handler: LifecycleHandler): LifecycleHandler {
  if (handler.httpGet === undefined) return handler
  return { ...handler, httpGet: httpGetDefaults(handler.httpGet) }
}

function lifecycleDefaults(lifecycle: Lifecycle): Lifecycle {
  const { postStart, preStop } = lifecycle
  return {
    ...lifecycle,
    ...(postStart === undefined ? {} : { postStart: handlerDefaults(postStart) }),
    ...(preStop === undefined ? {} : { preStop: handlerDefaults(preStop) }),
  }
}

/** A limit is also the request of whoever names none. Holds for pods, not for templates. */
export function requestsFromLimits(container: Container): Container {
  const { limits, requests } = container.resources ?? {}
  if (limits === undefined || Object.keys(limits).length === 0) return container
  const resources: ResourceRequirements = {
    ...container.resources,
    requests: { ...limits, ...requests },
  }
  return { ...container, resources }
}

/** A container of a host-network pod listens on the host's port of the same number. */
export function hostNetworkPorts<T extends Container | EphemeralContainer>(container: T): T {
  if (container.ports === undefined) return container
  const ports = container.ports.map(port => ({
    ...port,
    hostPort: port.hostPort || port.containerPort,
  }))
  return { ...container, ports }
}
