// Checks of Endpoints and EndpointSlices. Counterpart: pkg/apis/core/validation and
// pkg/apis/discovery/validation.

import type { FieldError } from '../kind.js'
import type { EndpointPort, Endpoints } from '../types/core-service.js'
import type { EndpointSlice } from '../types/discovery.js'
import { duplicate, invalidFor, invalidValue, notSupported, required } from './field-errors.js'
import { immutableText, validateObjectName } from './metadata.js'
import { dns1123Label, dns1123Subdomain, ipAddress, isIpv4, isIpv6, portNumber } from './names.js'

const protocols = ['SCTP', 'TCP', 'UDP'] as const
const addressTypes = ['FQDN', 'IPv4', 'IPv6'] as const
const endpointsMax = 1000
const addressesMax = 100
const portsMax = 20_000

/**
 * Unlike the original this lets loopback addresses pass: pods and services live in 127/8 when the
 * cluster runs without root.
 */
function validateEndpointAddress(ip: string, field: string): FieldError[] {
  const wrong = invalidFor(field, ip, ipAddress(ip))
  if (wrong.length > 0) return wrong
  if (ip === '0.0.0.0' || ip === '::') {
    return [invalidValue(field, ip, 'may not be unspecified (0.0.0.0 or ::)')]
  }
  if (ip.startsWith('169.254.') || /^fe80:/i.test(ip)) {
    const text = 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'
    return [invalidValue(field, ip, text)]
  }
  return []
}

function validatePort(port: EndpointPort, field: string, named: boolean): FieldError[] {
  const { name = '', port: number, protocol = '' } = port
  const errors: FieldError[] = []
  if (named && name === '') errors.push(required(`${field}.name`))
  else if (name !== '') errors.push(...invalidFor(`${field}.name`, name, dns1123Label(name)))
  errors.push(...invalidFor(`${field}.port`, number, portNumber(number)))
  if (protocol === '') errors.push(required(`${field}.protocol`))
  else if (!protocols.some(known => known === protocol)) {
    errors.push(notSupported(`${field}.protocol`, protocol, protocols))
  }
  return errors
}

export function validateEndpoints(endpoints: Endpoints): FieldError[] {
  const errors = validateObjectName(endpoints, dns1123Subdomain)
  for (const [index, subset] of (endpoints.subsets ?? []).entries()) {
    const at = `subsets[${index}]`
    const { addresses = [], notReadyAddresses = [], ports = [] } = subset
    if (addresses.length + notReadyAddresses.length === 0) {
      errors.push(required(at, 'must specify `addresses` or `notReadyAddresses`'))
    }
    for (const [position, { ip }] of addresses.entries()) {
      errors.push(...validateEndpointAddress(ip, `${at}.addresses[${position}].ip`))
    }
    for (const [position, { ip }] of notReadyAddresses.entries()) {
      errors.push(...validateEndpointAddress(ip, `${at}.notReadyAddresses[${position}].ip`))
    }
    for (const [position, port] of ports.entries()) {
      errors.push(...validatePort(port, `${at}.ports[${position}]`, ports.length > 1))
    }
  }
  return errors
}

function validateSliceAddress(address: string, type: string, field: string): FieldError[] {
  if (type === 'IPv4' && !isIpv4(address)) {
    return [invalidValue(field, address, 'must be a valid IPv4 address')]
  }
  if (type === 'IPv6' && !isIpv6(address)) {
    return [invalidValue(field, address, 'must be a valid IPv6 address')]
  }
  if (type === 'FQDN') return invalidFor(field, address, dns1123Subdomain(address))
  return validateEndpointAddress(address, field)
}

function validateSliceEndpoints({ endpoints = [], addressType }: EndpointSlice): FieldError[] {
  if (endpoints.length > endpointsMax) {
    const text = `Too many: ${endpoints.length}: must have at most ${endpointsMax} items`
    return [{ reason: 'FieldValueTooLong', field: 'endpoints', message: text }]
  }
  return endpoints.flatMap(({ addresses }, index) => {
    const at = `endpoints[${index}].addresses`
    if (addresses.length === 0) return [required(at, 'must contain at least 1 address')]
    if (addresses.length > addressesMax) {
      const text = `Too many: ${addresses.length}: must have at most ${addressesMax} items`
      return [{ reason: 'FieldValueTooLong' as const, field: at, message: text }]
    }
    return addresses.flatMap((address, position) =>
      validateSliceAddress(address, addressType, `${at}[${position}]`),
    )
  })
}

function validateSlicePorts({ ports = [] }: EndpointSlice): FieldError[] {
  if (ports.length > portsMax) {
    const message = `Too many: ${ports.length}: must have at most ${portsMax} items`
    return [{ reason: 'FieldValueTooLong', field: 'ports', message }]
  }
  const names = new Set<string>()
  return ports.flatMap(({ name = '', port, protocol = '' }, index) => {
    const at = `ports[${index}]`
    const errors: FieldError[] = []
    if (name !== '') errors.push(...invalidFor(`${at}.name`, name, dns1123Label(name)))
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name))
    names.add(name)
    if (!protocols.some(known => known === protocol)) {
      errors.push(notSupported(`${at}.protocol`, protocol, protocols))
    }
    if (port !== undefined) errors.push(...invalidFor(`${at}.port`, port, portNumber(port)))
    return errors
  })
}

export function validateEndpointSlice(
  slice: EndpointSlice,
  old: EndpointSlice | null,
): FieldError[] {
  const { addressType } = slice
  const errors = validateObjectName(slice, dns1123Subdomain)
  if (addressType === '') errors.push(required('addressType'))
  else if (!addressTypes.some(known => known === addressType)) {
    errors.push(notSupported('addressType', addressType, addressTypes))
  }
  if (old !== null && old.addressType !== addressType) {
    errors.push(invalidValue('addressType', addressType, immutableText))
  }
  return [...errors, ...validateSliceEndpoints(slice), ...validateSlicePorts(slice)]
}
