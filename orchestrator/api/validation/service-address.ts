// Checks of ServiceCIDRs and of the IPAddresses that Services hold in them.
// Counterpart: pkg/apis/networking/validation.

import { addressFamily, canonicalAddress, canonicalRange } from '../address-range.js'
import { sameJson } from '../equality.js'
import type { FieldError } from '../kind.js'
import type { JsonObject } from '../object.js'
import type { IPAddress, ParentReference, ServiceCIDR } from '../types/networking-address.js'
import { invalidFor, invalidValue, required } from './field-errors.js'
import { immutableText, validateObjectName } from './metadata.js'
import { cidr, dns1123Subdomain, ipAddress, pathSegment } from './names.js'

const rangesMax = 2

/** Two ways to write one address would be two names for it. */
function canonicalIpAddress(name: string): string[] {
  const wrong = ipAddress(name)
  if (wrong.length > 0) return wrong
  const canonical = canonicalAddress(name)
  return name === canonical ? [] : [`must be in canonical form ("${canonical}")`]
}

function validateParent(parent: ParentReference, field: string): FieldError[] {
  const { group = '', resource, namespace = '', name } = parent
  const errors = group === '' ? [] : invalidFor(`${field}.group`, group, dns1123Subdomain(group))
  for (const [key, value] of Object.entries({ resource, name, namespace })) {
    const at = `${field}.${key}`
    if (value !== '') errors.push(...invalidFor(at, value, pathSegment(value)))
    else if (key !== 'namespace') errors.push(required(at))
  }
  return errors
}

export function validateIpAddress(address: IPAddress, old: IPAddress | null): FieldError[] {
  const { parentRef } = address.spec
  const errors = validateObjectName(address, canonicalIpAddress)
  if (parentRef === undefined) errors.push(required('spec.parentRef'))
  else errors.push(...validateParent(parentRef, 'spec.parentRef'))
  if (old !== null && !sameJson(parentRef, old.spec.parentRef)) {
    const value = parentRef as unknown as JsonObject | undefined
    errors.push(invalidValue('spec.parentRef', value, immutableText))
  }
  return errors
}

function canonicalCidr(range: string): string[] {
  const wrong = cidr(range)
  if (wrong.length > 0) return wrong
  const canonical = canonicalRange(range)
  if (range === canonical) return []
  const [address = '', bits = ''] = range.split('/')
  return canonical === `${canonicalAddress(address)}/${bits}`
    ? [`must be in canonical form ("${canonical}")`]
    : ['must not have bits set beyond the prefix length']
}

function validateRanges(ranges: readonly string[]): FieldError[] {
  const at = 'spec.cidrs'
  if (ranges.length === 0) return [required(at, 'at least one CIDR required')]
  if (ranges.length > rangesMax) {
    return [invalidValue(at, { cidrs: [...ranges] }, `may only hold up to ${rangesMax} values`)]
  }
  const errors = ranges.flatMap((range, index) =>
    invalidFor(`${at}[${index}]`, range, canonicalCidr(range)),
  )
  const families = new Set(ranges.map(addressFamily))
  if (errors.length === 0 && families.size < ranges.length) {
    const text =
      'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64'
    errors.push(invalidValue(at, [...ranges], text))
  }
  return errors
}

/** A range stays; one of the other family may join it. */
function validateRangesUpdate(ranges: readonly string[], old: readonly string[]): FieldError[] {
  const kept = old.flatMap((range, index) => {
    const now = ranges[index]
    return now === undefined || now === range
      ? []
      : [invalidValue(`spec.cidrs[${index}]`, now, immutableText)]
  })
  if (ranges.length === old.length) return kept
  if (old.length === 1 && ranges.length === 2) return [...kept, ...validateRanges(ranges)]
  return [invalidValue('spec.cidrs', [...ranges], immutableText)]
}

export function validateServiceCidr(range: ServiceCIDR, old: ServiceCIDR | null): FieldError[] {
  const ranges = range.spec?.cidrs ?? []
  return [
    ...validateObjectName(range, dns1123Subdomain),
    ...(old === null
      ? validateRanges(ranges)
      : validateRangesUpdate(ranges, old.spec?.cidrs ?? [])),
  ]
}
