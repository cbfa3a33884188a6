// The ranges that cluster IPs come from: those of the ServiceCIDRs that are ready and not being deleted.
// Addresses are picked over all of them, the larger a range the more often. Counterpart:
// registry/core/service/ipallocator/cidrallocator.go. Pure. IPv4 only.

import { InvariantViolation, RaftsmanError } from '../../platform/errors.js'
import type { ServiceCIDR } from '../api/types/networking-address.js'
import type { StoredObject } from './stored-object.js'

/** The one that comes from the command line. */
export const defaultRangeName = 'kubernetes'

export interface Cidr {
  /** First address as a number. */
  readonly base: number
  readonly size: number
}

/** Null for text that is no IPv4 network. */
function cidrOf(text: string): Cidr | null {
  const [address = '', length = ''] = text.split('/')
  const base = parseIpv4(address)
  const bits = Number(length)
  if (base === null || !/^\d{1,2}$/.test(length) || bits > 32) return null
  const size = 2 ** (32 - bits)
  return { base: base - (base % size), size }
}

/** Throws RaftsmanError for text that is no IPv4 network of at least four addresses. */
export function parseCidr(text: string): Cidr {
  const cidr = cidrOf(text)
  if (cidr === null || cidr.size < cidrSizeMin || cidr.size > cidrSizeMax) {
    throw new RaftsmanError(`${text} is not an IPv4 network such as 10.96.0.0/16`, {
      code: 'apiserver-bad-cidr',
      retryable: false,
      outcome: 'not-applied',
    })
  }
  return cidr
}

const cidrSizeMin = 4
const cidrSizeMax = 2 ** 31

export function parseIpv4(text: string): number | null {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every(part => /^(0|[1-9]\d{0,2})$/.test(part))) return null
  const numbers = parts.map(Number)
  if (numbers.some(number => number > 255)) return null
  return numbers.reduce((sum, number) => sum * 256 + number, 0)
}

export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map(shift => Math.floor(address / 2 ** shift) % 256).join('.')
}

export function formatCidr({ base, size }: Cidr): string {
  return `${formatIpv4(base)}/${32 - Math.log2(size)}`
}

/** The address of the `kubernetes` Service: the first usable one. */
export function firstAddress(cidr: Cidr): string {
  return formatIpv4(cidr.base + 1)
}

/** A range that new addresses may come from. */
export interface ServiceRange {
  readonly cidr: Cidr
  /** Of the ServiceCIDR that says so, and when it was read: it must still say so when an address is taken. */
  readonly key: string
  readonly revision: number
  /** How many of the first addresses are never picked: that of the network, and of the default range the next. */
  readonly skipped: number
}

/** `stored`: all ServiceCIDRs. */
export function readyRanges(stored: readonly StoredObject[]): readonly ServiceRange[] {
  return stored.flatMap(({ object, key, revision }) => {
    const range: ServiceCIDR = object
    if (!isReady(range)) return []
    const skipped = range.metadata.name === defaultRangeName ? 2 : 1
    return (range.spec?.cidrs ?? []).flatMap(text => {
      const cidr = cidrOf(text)
      return cidr === null ? [] : [{ cidr, key, revision, skipped }]
    })
  })
}

/** One of which nothing is said yet is ready: it is held from its first moment. */
function isReady({ metadata, status }: ServiceCIDR): boolean {
  if (metadata.deletionTimestamp !== undefined) return false
  const said = status?.conditions?.find(({ type }) => type === 'Ready')
  return said === undefined || said.status === 'True'
}

/** A range in which an address can be used: not as that of the network, nor as that of all in it. */
export function rangeOf(ranges: readonly ServiceRange[], ip: string): ServiceRange | null {
  const address = parseIpv4(ip)
  if (address === null) return null
  const usable = ({ cidr }: ServiceRange) =>
    address > cidr.base && address < cidr.base + cidr.size - 1
  return ranges.find(usable) ?? null
}

function pickable({ cidr, skipped }: ServiceRange): number {
  return Math.max(0, cidr.size - 1 - skipped)
}

/** How many there are to pick from; what lies in two ranges counts twice. */
export function addressesIn(ranges: readonly ServiceRange[]): number {
  return ranges.reduce((sum, range) => sum + pickable(range), 0)
}

/** `index`: below `addressesIn`. */
export function addressAt(ranges: readonly ServiceRange[], index: number): string {
  let rest = index
  for (const range of ranges) {
    const count = pickable(range)
    if (rest < count) return formatIpv4(range.cidr.base + range.skipped + rest)
    rest -= count
  }
  throw new InvariantViolation(`there is no address ${index} in the ranges of services`)
}

export function rangesText(ranges: readonly ServiceRange[]): string {
  return ranges.map(({ cidr }) => formatCidr(cidr)).join(',')
}
