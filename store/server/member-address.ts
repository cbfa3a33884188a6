// Addresses of members as operators write them: host:port, or a URL as etcd's clients send it. Ours
// have no scheme, for whether a port speaks TLS is the same for all members.

import { StoreError } from '../core/errors.js'
import { memberAddressesMax, memberTextBytesMax } from '../core/limits.js'

const form = /^(?:\[[0-9a-fA-F:.]+\]|[^:/\s[\]]+):(\d{1,5})$/

export function isAddress(address: string): boolean {
  const port = Number(form.exec(address)?.[1] ?? 0)
  return port > 0 && port <= 65_535 && Buffer.byteLength(address) <= memberTextBytesMax
}

/** "http://host:2380" as "host:2380"; throws StoreError `peer-addresses-invalid` for anything else. */
export function addressOfUrl(url: string): string {
  const address = /^https?:\/\/([^/]+)\/?$/.exec(url)?.[1]
  if (address === undefined || !isAddress(address)) throw new StoreError('peer-addresses-invalid')
  return address
}

/** Throws StoreError `peer-addresses-invalid`. */
export function checkPeerAddresses(addresses: readonly string[]): void {
  const sound =
    addresses.length > 0 &&
    addresses.length <= memberAddressesMax &&
    new Set(addresses).size === addresses.length &&
    addresses.every(isAddress)
  if (!sound) throw new StoreError('peer-addresses-invalid')
}
