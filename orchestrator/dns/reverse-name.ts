// Names under which addresses are asked for backwards. Pure.

import { canonicalAddress } from '../api/address-range.js'
import { isIpv4 } from '../api/validation/names.js'

/** Of "4.3.2.1.in-addr.arpa" the address 1.2.3.4, and so for ip6.arpa; null for any other name. */
export function addressOfReverseName(name: string): string | null {
  if (name.endsWith('.in-addr.arpa')) {
    const labels = name.slice(0, -'.in-addr.arpa'.length).split('.').reverse()
    const address = labels.join('.')
    return labels.length === 4 && isIpv4(address) ? address : null
  }
  if (!name.endsWith('.ip6.arpa')) return null
  const digits = name.slice(0, -'.ip6.arpa'.length).split('.').reverse()
  if (digits.length !== 32 || !digits.every(digit => /^[0-9a-f]$/.test(digit))) return null
  return canonicalAddress(digits.join('').replaceAll(/(.{4})(?=.)/g, '$1:'))
}
