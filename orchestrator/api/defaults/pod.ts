// What a pod means when it does not say. Counterpart: SetDefaults_Pod and SetDefaults_PodSpec in
// pkg/apis/core/v1/defaults.go. Templates get the defaults of the spec only: what depends on the
// single pod (requests from limits, service links) waits until one is made.

import type { KubeObject } from '../object.js'
import type { Pod, PodSpec, PodTemplateSpec } from '../types/core-pod.js'
import { podQosClass } from '../pod-resources.js'
import { containerDefaults, hostNetworkPorts, requestsFromLimits } from './container.js'
import { volumeDefaults } from './volume.js'

const terminationGracePeriodSeconds = 30

export function podSpecDefaults(spec: PodSpec): PodSpec {
  const account = spec.serviceAccountName || spec.serviceAccount
  const ports = <T extends PodSpec['containers'][number]>(container: T): T =>
    spec.hostNetwork === true ? hostNetworkPorts(container) : container
  const containers = spec.containers as PodSpec['containers'] | undefined
  return {
    ...spec,
    ...(containers === undefined
      ? {}
      : { containers: containers.map(c => ports(containerDefaults(c))) }),
    ...(spec.initContainers === undefined
      ? {}
      : { initContainers: spec.initContainers.map(c => ports(containerDefaults(c))) }),
    ...(spec.ephemeralContainers === undefined
      ? {}
      : { ephemeralContainers: spec.ephemeralContainers.map(c => containerDefaults(c)) }),
    ...(spec.volumes === undefined ? {} : { volumes: spec.volumes.map(volumeDefaults) }),
    // The old name of the field is kept in step, as clients still read it.
    ...(account === undefined || account === ''
      ? {}
      : { serviceAccountName: account, serviceAccount: account }),
    restartPolicy: spec.restartPolicy || 'Always',
    terminationGracePeriodSeconds:
      spec.terminationGracePeriodSeconds ?? terminationGracePeriodSeconds,
    dnsPolicy: spec.dnsPolicy || 'ClusterFirst',
    securityContext: spec.securityContext ?? {},
    schedulerName: spec.schedulerName || 'default-scheduler',
  }
}

/** The original writes an empty template's metadata; here it stays as the user wrote it. */
export function podTemplateDefaults(template: PodTemplateSpec): PodTemplateSpec {
  return { ...template, spec: podSpecDefaults(template.spec ?? { containers: [] }) }
}

export function podDefaults(object: KubeObject): Pod {
  const pod = object as Pod
  const given = pod.spec as PodSpec | undefined
  if (given?.containers === undefined) return pod
  const defaulted = podSpecDefaults(given)
  const spec: PodSpec = {
    ...defaulted,
    containers: defaulted.containers.map(requestsFromLimits),
    ...(defaulted.initContainers === undefined
      ? {}
      : { initContainers: defaulted.initContainers.map(requestsFromLimits) }),
    enableServiceLinks: defaulted.enableServiceLinks ?? true,
  }
  const status = {
    ...pod.status,
    phase: pod.status?.phase || 'Pending',
    qosClass: pod.status?.qosClass || podQosClass(spec),
  }
  return { ...pod, spec, status }
}
