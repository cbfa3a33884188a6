// Which pods back a Service, and how each is listed. Pure. Counterpart: pkg/controller/util/endpoint
// and staging/.../endpointslice/utils.go.

import type { Pod } from '../../api/types/core-pod.js'
import { referenceTo } from '../../client/event-recorder.js'
import type { Service, ServicePort } from '../../api/types/core-service.js'
import type { Endpoint, EndpointPort } from '../../api/types/discovery.js'
import { isDeleting } from '../ownership.js'
import { isPodReady, isPodTerminal } from '../pod-state.js'

export const isHeadless = (service: Service): boolean => service.spec?.clusterIP === 'None'

/** Pods that run, or did until their deletion began, and have an address. */
export function backsServices(pod: Pod): boolean {
  return !isPodTerminal(pod) && podAddresses(pod).length > 0
}

export function podAddresses(pod: Pod): readonly string[] {
  const many = (pod.status?.podIPs ?? []).map(one => one.ip).filter(ip => ip !== '')
  if (many.length > 0) return many
  return pod.status?.podIP ? [pod.status.podIP] : []
}

export function endpointOf(
  service: Service,
  pod: Pod,
  address: string,
  zone: string | undefined,
): Endpoint {
  const terminating = isDeleting(pod)
  const serving = isPodReady(pod)
  const published = service.spec?.publishNotReadyAddresses ?? false
  const { hostname, subdomain, nodeName } = pod.spec
  const named = hostname && subdomain === service.metadata.name ? { hostname } : {}
  const { resourceVersion: _changing, apiVersion: _implied, ...targetRef } = referenceTo(pod)
  return {
    addresses: [address],
    conditions: { ready: published || (serving && !terminating), serving, terminating },
    targetRef: { ...targetRef, kind: 'Pod' },
    ...named,
    ...(nodeName ? { nodeName } : {}),
    ...(zone === undefined ? {} : { zone }),
  }
}

/** The Service's ports as this pod serves them; a named port it does not have is left out. */
export function portsOf(service: Service, pod: Pod): readonly EndpointPort[] {
  return (service.spec?.ports ?? []).flatMap(servicePort => {
    const port = targetPortOf(servicePort, pod)
    if (port === null) return []
    const { name = '', protocol = 'TCP', appProtocol } = servicePort
    return [{ name, protocol, port, ...(appProtocol === undefined ? {} : { appProtocol }) }]
  })
}

function targetPortOf(servicePort: ServicePort, pod: Pod): number | null {
  const target = servicePort.targetPort
  if (target === undefined || target === 0 || target === '') return servicePort.port
  if (typeof target === 'number') return target
  const sidecars = (pod.spec.initContainers ?? []).filter(c => c.restartPolicy === 'Always')
  for (const container of [...pod.spec.containers, ...sidecars]) {
    for (const port of container.ports ?? []) {
      const sameProtocol = (port.protocol ?? 'TCP') === (servicePort.protocol ?? 'TCP')
      if (port.name === target && sameProtocol) return port.containerPort
    }
  }
  return null
}
