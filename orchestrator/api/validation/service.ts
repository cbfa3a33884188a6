// Checks of Services. Counterpart: ValidateService and ValidateServiceUpdate of
// pkg/apis/core/validation. Whether an address is free is the allocator's to say.

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
import { validateLabels, validateObjectName } from './metadata.js'
import { cidr, dns1035, dns1123Label, dns1123Subdomain, ipAddress, portNumber } from './names.js'
import { validatePortReference } from './probe.js'

const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'] as const
const affinities = ['ClientIP', 'None'] as const
const policies = ['Cluster', 'Local'] as const
const protocols = ['SCTP', 'TCP', 'UDP'] as const
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
  const { name = '', port: number, protocol = '', targetPort, nodePort = 0 } = port
  const errors: FieldError[] = []
  if (name !== '') errors.push(...invalidFor(`${field}.name`, name, dns1123Label(name)))
  else if (named) errors.push(required(`${field}.name`))
  errors.push(...invalidFor(`${field}.port`, number, portNumber(number)))
  errors.push(...oneOf(protocol, protocols, `${field}.protocol`))
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
    if (clusterIP !== '') {
      errors.push(
        forbiddenField('spec.clusterIPs[0]', "may not be set when `type` is 'ExternalName'"),
      )
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
    ...validateLabels(spec.selector, 'spec.selector'),
  ]
}
