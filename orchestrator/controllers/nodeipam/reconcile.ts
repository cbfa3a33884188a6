// Address ranges for nodes: each gets the lowest free block of the cluster's range. Pure.
// Counterpart: pkg/controller/nodeipam/ipam/cidrset. IPv4 only.

import { RaftsmanError } from '../../../platform/errors.js'

export interface CidrRange {
  /** Network address as an unsigned integer. */
  readonly base: number
  readonly prefix: number
}

export class CidrError extends RaftsmanError {
  constructor(code: 'cidr-invalid' | 'cidr-exhausted', message: string) {
    super(message, { code, retryable: code === 'cidr-exhausted', outcome: 'not-applied' })
  }
}

/** Throws a CidrError for anything but a proper IPv4 network as in "10.244.0.0/16". */
export function parseCidr(text: string): CidrRange {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(text)
  const [a = 256, b = 256, c = 256, d = 256, prefix = 33] = (match ?? []).slice(1).map(Number)
  const proper = match !== null && [a, b, c, d].every(octet => octet < 256) && prefix <= 32
  const base = ((a * 256 + b) * 256 + c) * 256 + d
  if (!proper || base % 2 ** (32 - prefix) !== 0) {
    throw new CidrError('cidr-invalid', `"${text}" is not an IPv4 network`)
  }
  return { base, prefix }
}

export function formatCidr({ base, prefix }: CidrRange): string {
  const octets = [24, 16, 8, 0].map(shift => Math.floor(base / 2 ** shift) % 256)
  return `${octets.join('.')}/${prefix}`
}

/**
 * The lowest block of the cluster's range that overlaps none in use, wherever those lie. Throws
 * `cidr-exhausted` when there is none. `used` may hold blocks of any size and from outside.
 */
export function allocateCidr(cluster: string, nodePrefix: number, used: Iterable<string>): string {
  const range = parseCidr(cluster)
  if (nodePrefix < range.prefix || nodePrefix > 32) {
    throw new CidrError('cidr-invalid', `/${nodePrefix} blocks do not fit into ${cluster}`)
  }
  const size = 2 ** (32 - nodePrefix)
  const blocks = 2 ** (nodePrefix - range.prefix)
  const taken = new Set<number>()
  for (const text of used) {
    const { base, prefix } = parseCidr(text)
    const first = Math.max(0, Math.floor((base - range.base) / size))
    const last = Math.min(
      blocks - 1,
      Math.floor((base + 2 ** (32 - prefix) - 1 - range.base) / size),
    )
    for (let block = first; block <= last; block++) taken.add(block)
  }
  for (let block = 0; block < blocks; block++) {
    if (!taken.has(block))
      return formatCidr({ base: range.base + block * size, prefix: nodePrefix })
  }
  throw new CidrError('cidr-exhausted', `no /${nodePrefix} block is left in ${cluster}`)
}
