// Hands out the addresses of a node's pod CIDR, one a pod. Counterpart: the host-local IPAM plugin.
// Pure. Addresses are given round robin, so that one is not reused while clients still know it as
// another pod's; what is taken stands with the sandboxes, which survive a restart.

import { assert, RaftsmanError } from '../../../../platform/errors.js'

export class AddressError extends RaftsmanError {
  constructor(message: string) {
    super(message, { code: 'pod-addresses', retryable: true, outcome: 'not-applied' })
  }
}

function toNumber(address: string): number | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(address)
  if (match === null) return null
  const bytes = match.slice(1).map(Number)
  if (bytes.some(byte => byte > 255)) return null
  return bytes.reduce((number, byte) => number * 256 + byte, 0)
}

const toText = (address: number): string =>
  [24, 16, 8, 0].map(shift => (address >>> shift) & 255).join('.')

export class PodAddresses {
  private readonly first: number
  private readonly count: number
  private readonly taken = new Set<number>()
  private next = 0

  /** `cidr` as in "127.64.3.0/24". The network, gateway and broadcast addresses are not given. */
  constructor(cidr: string) {
    const [base = '', bitsText = ''] = cidr.split('/')
    const bits = Number(bitsText)
    const address = toNumber(base)
    if (address === null || !/^\d{1,2}$/.test(bitsText) || bits < 8 || bits > 29) {
      throw new AddressError(`"${cidr}" is no IPv4 pod CIDR between /8 and /29`)
    }
    const size = 2 ** (32 - bits)
    this.first = address - (address % size) + 2
    this.count = size - 3
  }

  /** True when the address is of this CIDR and was free. */
  take(address: string): boolean {
    const number = toNumber(address)
    const offset = (number ?? -1) - this.first
    if (number === null || offset < 0 || offset >= this.count) return false
    if (this.taken.has(number)) return false
    this.taken.add(number)
    this.next = Math.max(this.next, (offset + 1) % this.count)
    return true
  }

  /** Throws AddressError when all are taken. */
  allocate(): string {
    for (let tried = 0; tried < this.count; tried += 1) {
      const address = this.first + ((this.next + tried) % this.count)
      if (this.taken.has(address)) continue
      this.taken.add(address)
      this.next = (address - this.first + 1) % this.count
      return toText(address)
    }
    throw new AddressError(`all ${this.count} pod addresses of this node are taken`)
  }

  release(address: string): void {
    const number = toNumber(address)
    assert(number !== null, 'only an address can be released')
    this.taken.delete(number)
  }
}
