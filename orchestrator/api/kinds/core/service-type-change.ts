// A Service that becomes another type gives up what only its old type could have, as long as the
// client has not touched it. Counterpart: dropTypeDependentFields of pkg/registry/core/service.

import { sameJson } from '../../equality.js'
import type { KubeObject } from '../../object.js'
import type { Service, ServicePort, ServiceSpec } from '../../types/core-service.js'

const hasAddress = ({ type }: ServiceSpec): boolean => type !== 'ExternalName'
const isBalanced = ({ type }: ServiceSpec): boolean => type === 'LoadBalancer'
const hasNodePorts = (spec: ServiceSpec): boolean => spec.type === 'NodePort' || isBalanced(spec)
const isChecked = (spec: ServiceSpec): boolean =>
  isBalanced(spec) && spec.externalTrafficPolicy === 'Local'
const isOutside = (spec: ServiceSpec): boolean =>
  hasNodePorts(spec) || (spec.type === 'ClusterIP' && (spec.externalIPs ?? []).length > 0)

/** Fields, and the Services that may have them. */
const bound: readonly (readonly [keyof ServiceSpec, (spec: ServiceSpec) => boolean])[] = [
  ['clusterIP', hasAddress],
  ['clusterIPs', hasAddress],
  ['ipFamilies', hasAddress],
  ['ipFamilyPolicy', hasAddress],
  ['healthCheckNodePort', isChecked],
  ['allocateLoadBalancerNodePorts', isBalanced],
  ['loadBalancerClass', isBalanced],
  ['externalTrafficPolicy', isOutside],
]

export function withoutLeftovers(object: KubeObject, before: KubeObject): Service {
  const service = object as Service
  const spec = service.spec ?? {}
  const old = (before as Service).spec ?? {}
  const dropped = new Set<string>(
    bound
      .filter(([name, may]) => may(old) && !may(spec) && sameJson(spec[name], old[name]))
      .map(([name]) => name),
  )
  const kept: ServiceSpec = Object.fromEntries(
    Object.entries(spec).filter(([name]) => !dropped.has(name)),
  )
  const ports = hasNodePorts(old) && !hasNodePorts(spec) ? withoutNodePorts(spec, old) : spec.ports
  return { ...service, spec: ports === undefined ? kept : { ...kept, ports } }
}

/** Numbers that were there before go; one that is new is the client's, and its mistake. */
function withoutNodePorts(spec: ServiceSpec, old: ServiceSpec): ServiceSpec['ports'] {
  const known = new Set((old.ports ?? []).map(port => port.nodePort))
  if (!(spec.ports ?? []).every(port => port.nodePort === undefined || known.has(port.nodePort))) {
    return spec.ports
  }
  return spec.ports?.map(withoutNodePort)
}

function withoutNodePort(port: ServicePort): ServicePort {
  const { nodePort: _, ...rest } = port
  return rest
}
