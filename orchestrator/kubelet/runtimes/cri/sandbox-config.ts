// A pod as the CRI wants to hear of it. Counterpart: kuberuntime's generatePodSandboxConfig. Pure.

import type { Pod } from '../../../api/types/core-pod.js'
import type { SandboxSpec } from '../../runtime.js'
import { sandboxLabels } from './labels.js'
import { type PodSandboxConfig, type PortMapping, protocol } from './messages.js'
import { sandboxSecurity, sysctlsOf } from './security.js'

export interface SandboxPlace {
  readonly attempt: number
  /** Absolute; logs of the containers lie in it. */
  readonly logDirectory: string
  readonly owner: string
  readonly seccompDefault: boolean
}

/** Throws PodConfigError for what the pod must not ask for. */
export function sandboxConfig(spec: SandboxSpec, place: SandboxPlace): PodSandboxConfig {
  const { pod, names, dns } = spec
  const { name = '', namespace = '', uid = '', annotations = {} } = pod.metadata
  return {
    metadata: { name, namespace, uid, attempt: place.attempt },
    // On the machine's network it has the machine's name.
    hostname: pod.spec.hostNetwork === true ? '' : names.hostname,
    logDirectory: place.logDirectory,
    dnsConfig: dns,
    portMappings: portMappings(pod),
    labels: sandboxLabels(pod, place.owner),
    annotations,
    linux: {
      securityContext: sandboxSecurity(pod, place.seccompDefault),
      sysctls: sysctlsOf(pod),
    },
  }
}

function portMappings({ spec }: Pod): readonly PortMapping[] {
  // On the machine's network its ports are the machine's already.
  if (spec.hostNetwork === true) return []
  return spec.containers.flatMap(({ ports = [] }) =>
    ports.map(({ containerPort, hostPort = 0, hostIP = '', protocol: name = 'TCP' }) => ({
      protocol: protocol[name as keyof typeof protocol] ?? protocol.TCP,
      containerPort,
      hostPort,
      hostIp: hostIP,
    })),
  )
}
