// Networks as text, "10.9.8.0/24" or "2001:db8::/64": whether one lies in another, and how an address
// is written. Counterpart: net.IPNet and netip.Addr of Go. Takes only what validation/names.ts passes.

import { isIpv4, isIpv6 } from './validation/names.js'

interface Network {
  readonly address: bigint
  readonly width: 32 | 128
  readonly bits: number
}

/** The address as a number; null when the text is none. */
function addressNumber(text: string): bigint | null {
  if (isIpv4(text)) return text.split('.').reduce((sum, part) => (sum << 8n) + BigInt(part), 0n)
  return isIpv6(text)
    ? groupsOf(text).reduce((sum, group) => (sum << 16n) + BigInt(group), 0n)
    : null
}

/** The eight groups of an IPv6 address. */
function groupsOf(text: string): readonly number[] {
  const [head = '', tail] = text.split('::')
  const left = groups(head)
  if (tail === undefined) return left
  const right = groups(tail)
  return [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right]
}

function groups(text: string): number[] {
  if (text === '') return []
  return text.split(':').flatMap(part => {
    if (!part.includes('.')) return [Number.parseInt(part, 16)]
    const [a = 0, b = 0, c = 0, d = 0] = part.split('.').map(Number)
    return [a * 256 + b, c * 256 + d]
  })
}

function network(text: string): Network | null {
  const slash = text.lastIndexOf('/')
  const address = text.slice(0, slash)
  const number = addressNumber(address)
  if (number === null) return null
  return { address: number, width: isIpv4(address) ? 32 : 128, bits: Number(text.slice(slash + 1)) }
}

function prefix({ address, width }: Network, bits: number): bigint {
  return address >> BigInt(width - bits)
}

/** How many bits of its addresses a network fixes; -1 for text that is none. */
export function addressBits(text: string): number {
  return network(text)?.bits ?? -1
}

/** Whether the first address of `inner` lies in `outer`. */
export function rangeContains(outer: string, inner: string): boolean {
  const a = network(outer)
  const b = network(inner)
  if (a === null || b === null || a.width !== b.width) return false
  return prefix(a, a.bits) === prefix(b, a.bits)
}

export type AddressFamily = 'IPv4' | 'IPv6'

/** Of an address, or of a network. */
export function addressFamily(text: string): AddressFamily {
  return text.includes(':') ? 'IPv6' : 'IPv4'
}

/** The one way to write an address: lower case, the longest run of zeros left out. */
export function canonicalAddress(text: string): string {
  if (!isIpv6(text)) return text
  const all = groupsOf(text)
  let start = -1
  let length = 1
  for (let from = 0; from < all.length; from++) {
    let to = from
    while (to < all.length && all[to] === 0) to++
    if (to - from > length) [start, length] = [from, to - from]
  }
  const hex = (part: readonly number[]) => part.map(group => group.toString(16)).join(':')
  if (start < 0) return hex(all)
  return `${hex(all.slice(0, start))}::${hex(all.slice(start + length))}`
}

/** The network as it is written when every bit behind the prefix is 0 and the address canonical. */
export function canonicalRange(text: string): string {
  const found = network(text)
  if (found === null) return text
  const rest = BigInt(found.width - found.bits)
  return `${addressText((found.address >> rest) << rest, found.width)}/${found.bits}`
}

function addressText(address: bigint, width: 32 | 128): string {
  const part = width === 32 ? 8 : 16
  const mask = (1n << BigInt(part)) - 1n
  const parts = Array.from({ length: width / part }, (_, index) =>
    Number((address >> BigInt(width - part * (index + 1))) & mask),
  )
  if (width === 32) return parts.join('.')
  return canonicalAddress(parts.map(group => group.toString(16)).join(':'))
}

/** First and last address, both of them included. */
type Interval = readonly [first: bigint, last: bigint]

function interval(text: string): Interval | null {
  const found = network(text)
  if (found === null) return null
  const size = 1n << BigInt(found.width - found.bits)
  const first = (found.address / size) * size
  return [first, first + size - 1n]
}

/** Those of `ranges`, all of one family, that lie in no other one; in their order. */
export function mergedRanges(ranges: readonly string[]): readonly string[] {
  const known = [...new Set(ranges.map(canonicalRange))].filter(range => network(range) !== null)
  return known.filter(range => !known.some(other => other !== range && isWithin(other, range)))
}

const isWithin = (outer: string, inner: string): boolean =>
  addressBits(outer) <= addressBits(inner) && rangeContains(outer, inner)

/** What is left of a network without some others of its family, as "first-last" or single addresses. */
export function rangeWithout(range: string, except: readonly string[]): readonly string[] {
  const whole = interval(range)
  if (whole === null) return []
  const width = addressFamily(range) === 'IPv4' ? 32 : 128
  const holes = except
    .filter(hole => addressFamily(hole) === addressFamily(range))
    .flatMap(hole => {
      const found = interval(hole)
      return found === null || found[1] < whole[0] || found[0] > whole[1] ? [] : [found]
    })
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  const left: Interval[] = []
  let [from] = whole
  for (const [first, last] of holes) {
    if (first > from) left.push([from, first - 1n])
    if (last >= from) from = last + 1n
  }
  if (from <= whole[1]) left.push([from, whole[1]])
  return left.map(([first, last]) =>
    first === last
      ? addressText(first, width)
      : `${addressText(first, width)}-${addressText(last, width)}`,
  )
}
