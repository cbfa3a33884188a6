// Checks of Services. Counterpart: ValidateService and ValidateServiceUpdate of
// pkg/apis/core/validation. Whether an address is free is the allocator's to say.

import { sameJson } from '../equality.js'
import type { FieldError } from '../kind.js'
import type { Service, ServicePort, ServiceSpec } from '../types/core-service.js'
import {
  duplicate,
  forbiddenField,
  invalidFor,
  invalidValue,
  notSupported,
  required,
} from './field-errors.js'
import { immutableText, validateLabels, validateObjectName } from './metadata.js'
import {
  cidr,
  dns1035,
  dns1123Label,
  dns1123Subdomain,
  ipAddress,
  isIpv4,
  isIpv6,
  portNumber,
  qualifiedName,
} from './names.js'
import { validatePortReference } from './probe.js'

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'] as const
const affinities = ['ClientIP', 'None'] as const
const policies = ['Cluster', 'Local'] as const
const protocols = ['SCTP', 'TCP', 'UDP'] as const
const families = ['IPv4', 'IPv6'] as const
const familyPolicies = ['PreferDualStack', 'RequireDualStack', 'SingleStack'] as const
const distributions = ['PreferClose', 'PreferSameNode', 'PreferSameZone'] as const
const modes = ['Proxy', 'VIP'] as const
const kubeletPort = 10_250
const onlyBalanced = "may only be used when `type` is 'LoadBalancer'"
const affinitySecondsMax = 86_400

function oneOf(value: string, known: readonly string[], field: string): FieldError[] {
  if (value === '') return [required(field)]
  return known.includes(value) ? [] : [notSupported(field, value, known)]
}

function isHeadless({ clusterIP }: ServiceSpec): boolean {
  return clusterIP === 'None'
}

function validatePort(
  port: ServicePort,
  field: string,
  spec: ServiceSpec,
  named: boolean,
): FieldError[] {
  const { name = '', port: number, protocol = '', targetPort, nodePort = 0, appProtocol } = port
  const errors: FieldError[] = []
  if (name !== '') errors.push(...invalidFor(`${field}.name`, name, dns1123Label(name)))
  else if (named) errors.push(required(`${field}.name`))
  errors.push(...invalidFor(`${field}.port`, number, portNumber(number)))
  errors.push(...oneOf(protocol, protocols, `${field}.protocol`))
  if (appProtocol !== undefined) {
    errors.push(...invalidFor(`${field}.appProtocol`, appProtocol, qualifiedName(appProtocol)))
  }
  if (spec.type === 'LoadBalancer' && number === kubeletPort) {
    const text = `may not expose port ${kubeletPort} externally since it is used by kubelet`
    errors.push(invalidValue(`${field}.port`, number, text))
  }
  if (targetPort !== undefined) {
    errors.push(...validatePortReference(targetPort, `${field}.targetPort`))
  }
  if (nodePort !== 0) {
    if (spec.type === 'ClusterIP') {
      const text = "may not be used when `type` is 'ClusterIP'"
      errors.push(forbiddenField(`${field}.nodePort`, text))
    } else {
      errors.push(...invalidFor(`${field}.nodePort`, nodePort, portNumber(nodePort)))
    }
  }
  return errors
}

function validatePorts(spec: ServiceSpec): FieldError[] {
  const ports = spec.ports ?? []
  const errors: FieldError[] = []
  if (ports.length === 0 && !isHeadless(spec) && spec.type !== 'ExternalName') {
    errors.push(required('spec.ports'))
  }
  const names = new Set<string>()
  const numbers = new Set<string>()
  const nodePorts = new Set<string>()
  for (const [index, port] of ports.entries()) {
    const at = `spec.ports[${index}]`
    errors.push(...validatePort(port, at, spec, ports.length > 1))
    const { name = '', protocol = 'TCP', nodePort = 0 } = port
    if (name !== '' && names.has(name)) errors.push(duplicate(`${at}.name`, name))
    names.add(name)
    const number = `${protocol}/${port.port}`
    if (numbers.has(number)) errors.push(duplicate(at, { port: port.port, protocol }))
    numbers.add(number)
    const taken = `${protocol}/${nodePort}`
    if (nodePort !== 0 && nodePorts.has(taken)) errors.push(duplicate(`${at}.nodePort`, nodePort))
    nodePorts.add(taken)
  }
  return errors
}

function validateAddresses(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = []
  const { type, clusterIP = '', clusterIPs = [], externalName = '' } = spec
  if (type === 'ExternalName') {
    if (externalName === '') errors.push(required('spec.externalName'))
    else {
      const name = externalName.endsWith('.') ? externalName.slice(0, -1) : externalName
      errors.push(...invalidFor('spec.externalName', externalName, dns1123Subdomain(name)))
    }
    const unused = {
      clusterIPs: clusterIP !== '' || clusterIPs.length > 0,
      ipFamilies: (spec.ipFamilies ?? []).length > 0,
      ipFamilyPolicy: spec.ipFamilyPolicy !== undefined,
    }
    for (const [name, isSet] of Object.entries(unused)) {
      if (isSet)
        errors.push(forbiddenField(`spec.${name}`, 'may not be set for ExternalName services'))
    }
    return errors
  }
  if (isHeadless(spec)) {
    if (type !== 'ClusterIP') {
      const text = `may not be set to 'None' for ${type ?? ''} services`
      errors.push(invalidValue('spec.clusterIPs[0]', clusterIP, text))
    }
    return errors
  }
  for (const [index, address] of (clusterIPs.length > 0 ? clusterIPs : [clusterIP]).entries()) {
    if (address !== '') {
      errors.push(...invalidFor(`spec.clusterIPs[${index}]`, address, ipAddress(address)))
    }
  }
  const first = clusterIPs[0]
  if (first !== undefined && first !== clusterIP) {
    const text = 'first value must match `clusterIP`'
    errors.push(invalidValue('spec.clusterIPs', [...clusterIPs], text))
  }
  return errors
}

function validateTraffic(spec: ServiceSpec): FieldError[] {
  const { sessionAffinity = '', externalTrafficPolicy, internalTrafficPolicy } = spec
  const errors = oneOf(sessionAffinity, affinities, 'spec.sessionAffinity')
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds
  if (seconds !== undefined && (seconds <= 0 || seconds > affinitySecondsMax)) {
    const at = 'spec.sessionAffinityConfig.clientIP.timeoutSeconds'
    const text = `must be greater than 0 and less than ${affinitySecondsMax}`
    errors.push(invalidValue(at, seconds, text))
  }
  if (sessionAffinity === 'None' && spec.sessionAffinityConfig !== undefined) {
    const text = 'must not be set when session affinity is None'
    errors.push(forbiddenField('spec.sessionAffinityConfig', text))
  }
  if (spec.trafficDistribution !== undefined) {
    errors.push(...oneOf(spec.trafficDistribution, distributions, 'spec.trafficDistribution'))
  }
  if (externalTrafficPolicy !== undefined && externalTrafficPolicy !== '') {
    errors.push(...oneOf(externalTrafficPolicy, policies, 'spec.externalTrafficPolicy'))
    const outside =
      spec.type === 'NodePort' ||
      spec.type === 'LoadBalancer' ||
      (spec.externalIPs ?? []).length > 0
    if (!outside) {
      const text = 'may only be set for externally-accessible services'
      errors.push(invalidValue('spec.externalTrafficPolicy', externalTrafficPolicy, text))
    }
  }
  if (internalTrafficPolicy !== undefined) {
    errors.push(...oneOf(internalTrafficPolicy, policies, 'spec.internalTrafficPolicy'))
  }
  for (const [index, address] of (spec.externalIPs ?? []).entries()) {
    errors.push(...invalidFor(`spec.externalIPs[${index}]`, address, ipAddress(address)))
  }
  for (const [index, range] of (spec.loadBalancerSourceRanges ?? []).entries()) {
    errors.push(...invalidFor(`spec.loadBalancerSourceRanges[${index}]`, range, cidr(range)))
  }
  return errors
}

/** Which of the two sorts of addresses; whether the cluster has them is the allocator's to say. */
function validateFamilies({ type, ipFamilies = [], ipFamilyPolicy }: ServiceSpec): FieldError[] {
  if (type === 'ExternalName') return []
  const errors = ipFamilies.flatMap((family, index) => {
    const at = `spec.ipFamilies[${index}]`
    return [
      ...(families.some(known => known === family) ? [] : [notSupported(at, family, families)]),
      ...(ipFamilies.indexOf(family) < index ? [duplicate(at, family)] : []),
    ]
  })
  if (ipFamilyPolicy === undefined) return errors
  return [...errors, ...oneOf(ipFamilyPolicy, familyPolicies, 'spec.ipFamilyPolicy')]
}

/** What only a balancer in front of the cluster can do. */
function validateBalancing(spec: ServiceSpec, old: ServiceSpec | null): FieldError[] {
  const { loadBalancerClass, allocateLoadBalancerNodePorts, healthCheckNodePort = 0 } = spec
  const balanced = spec.type === 'LoadBalancer'
  const errors: FieldError[] = []
  if (!balanced) {
    const ranges = spec.loadBalancerSourceRanges ?? []
    const given = {
      loadBalancerSourceRanges: ranges.length === 0 ? undefined : ranges,
      allocateLoadBalancerNodePorts,
      loadBalancerClass,
    }
    for (const [name, value] of Object.entries(given)) {
      if (value !== undefined) errors.push(forbiddenField(`spec.${name}`, onlyBalanced))
    }
  } else if (loadBalancerClass !== undefined) {
    const wrong = qualifiedName(loadBalancerClass)
    errors.push(...invalidFor('spec.loadBalancerClass', loadBalancerClass, wrong))
  }
  if (balanced && old?.type === 'LoadBalancer' && old.loadBalancerClass !== loadBalancerClass) {
    const text = 'may not change once set'
    errors.push(invalidValue('spec.loadBalancerClass', loadBalancerClass, text))
  }
  const checked = balanced && spec.externalTrafficPolicy === 'Local'
  const at = 'spec.healthCheckNodePort'
  if (!checked && healthCheckNodePort !== 0) {
    const text =
      "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
    errors.push(invalidValue(at, healthCheckNodePort, text))
  }
  const before = old?.healthCheckNodePort ?? 0
  if (checked && before !== 0 && healthCheckNodePort !== 0 && before !== healthCheckNodePort) {
    errors.push(invalidValue(at, healthCheckNodePort, immutableText))
  }
  return errors
}

function validateStatus({ spec, status }: Service): FieldError[] {
  const at = 'status.loadBalancer.ingress'
  const points = status?.loadBalancer?.ingress ?? []
  if (points.length > 0 && spec?.type !== 'LoadBalancer') {
    return [forbiddenField(at, "may only be used when `spec.type` is 'LoadBalancer'")]
  }
  return points.flatMap(({ ip = '', hostname = '', ipMode }, index) => {
    const field = `${at}[${index}]`
    const errors: FieldError[] = []
    if (ip !== '') errors.push(...invalidFor(`${field}.ip`, ip, ipAddress(ip)))
    if (ip === '' && ipMode !== undefined) {
      errors.push(forbiddenField(`${field}.ipMode`, 'may not be specified when `ip` is not set'))
    } else if (ipMode !== undefined) errors.push(...oneOf(ipMode, modes, `${field}.ipMode`))
    if (hostname !== '') {
      errors.push(...invalidFor(`${field}.hostname`, hostname, dns1123Subdomain(hostname)))
      if (isIpv4(hostname) || isIpv6(hostname)) {
        const text = 'must be a DNS name, not an IP address'
        errors.push(invalidValue(`${field}.hostname`, hostname, text))
      }
    }
    return errors
  })
}

/** An address stays for the life of the service, unless its type gives addresses up. */
function validateUpdate(spec: ServiceSpec, old: ServiceSpec): FieldError[] {
  if (spec.type === 'ExternalName' || old.type === 'ExternalName') return []
  const before = old.clusterIPs?.[0] ?? old.clusterIP ?? ''
  const after = spec.clusterIPs?.[0] ?? spec.clusterIP ?? ''
  if (before === '' || before === after) return []
  const list = spec.clusterIPs ?? [after]
  return [invalidValue('spec.clusterIPs[0]', [...list], 'may not change once set')]
}

export function validateService(service: Service, old: Service | null): FieldError[] {
  const spec = service.spec ?? {}
  return [
    ...validateObjectName(service, dns1035),
    ...(old === null ? [] : validateUpdate(spec, old.spec ?? {})),
    ...oneOf(spec.type ?? '', types, 'spec.type'),
    ...validatePorts(spec),
    ...validateAddresses(spec),
    ...validateTraffic(spec),
    ...validateFamilies(spec),
    ...validateBalancing(spec, old?.spec ?? null),
    // A status outlives its type until whoever balances takes it away.
    ...(sameJson(service.status, old?.status) ? [] : validateStatus(service)),
    ...validateLabels(spec.selector, 'spec.selector'),
  ]
}
