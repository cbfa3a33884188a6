// Addresses and networks: ip("10.0.0.1").family(), cidr("10.0.0.0/8").containsIP("10.0.0.1").
// Counterpart: k8s.io/apiserver/pkg/cel/library ip and cidr, over netip of Go.

import type { Environment } from '@marcbachmann/cel-js'
import {
  addressBits,
  addressFamily,
  canonicalAddress,
  canonicalRange,
  rangeContains,
} from '../../address-range.js'
import { cidr, isIpv4, isIpv6 } from '../../validation/names.js'

class AddressValue {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

class NetworkValue {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

const isAddress = (text: string) => isIpv4(text) || (isIpv6(text) && !isMapped(text))
/** IPv4 inside of IPv6 has two ways to be written, and is refused. */
const isMapped = (text: string) => rangeContains('::ffff:0:0/96', `${text}/128`)
const isNetwork = (text: string) => cidr(text).length === 0 && !isMapped(text.split('/')[0] ?? '')

function addressOf(text: string): AddressValue {
  if (!isAddress(text)) {
    throw new Error(
      `IP Address ${JSON.stringify(text)} parse error during conversion from string: ParseAddr(${JSON.stringify(text)}): unable to parse IP`,
    )
  }
  return new AddressValue(canonicalAddress(text))
}

function networkOf(text: string): NetworkValue {
  if (!isNetwork(text)) {
    throw new Error(
      `network address parse error during conversion from string: netip.ParsePrefix(${JSON.stringify(text)}): no '/'`,
    )
  }
  return new NetworkValue(text)
}

function within(...ranges: readonly string[]): (address: AddressValue) => boolean {
  return ({ text }) => {
    const one = `${text}/${addressFamily(text) === 'IPv4' ? 32 : 128}`
    return ranges.some(range => rangeContains(range, one))
  }
}

const isUnspecified = within('0.0.0.0/32', '::/128')
const isLoopback = within('127.0.0.0/8', '::1/128')
const isMulticast = within('224.0.0.0/4', 'ff00::/8')
const isLinkLocalMulticast = within('224.0.0.0/24', 'ff02::/16')
const isLinkLocalUnicast = within('169.254.0.0/16', 'fe80::/10')
const isBroadcast = within('255.255.255.255/32')

function isGlobalUnicast(address: AddressValue): boolean {
  const others = [isUnspecified, isLoopback, isMulticast, isLinkLocalUnicast, isBroadcast]
  return !others.some(is => is(address))
}

function contains(network: NetworkValue, range: string): boolean {
  return addressBits(network.text) <= addressBits(range) && rangeContains(network.text, range)
}

const asRange = ({ text }: AddressValue) => `${text}/${addressFamily(text) === 'IPv4' ? 32 : 128}`

const familyOf = ({ text }: AddressValue) => (addressFamily(text) === 'IPv4' ? 4n : 6n)

class AddressNamespace {
  readonly name = 'ip'
}

export function withAddresses(environment: Environment): Environment {
  return environment
    .registerType('net.IP', { ctor: AddressValue })
    .registerType('net.CIDR', { ctor: NetworkValue })
    .registerType('AddressNamespace', { ctor: AddressNamespace })
    .registerFunction('ip(string): net.IP', addressOf)
    .registerFunction('isIP(string): bool', isAddress)
    .registerConstant('ip', 'AddressNamespace', new AddressNamespace())
    .registerFunction(
      'AddressNamespace.isCanonical(string): bool',
      (_: AddressNamespace, text: string) => addressOf(text).text === text,
    )
    .registerFunction('string(net.IP): string', ({ text }: AddressValue) => text)
    .registerFunction('net.IP.family(): int', familyOf)
    .registerFunction('net.IP.isUnspecified(): bool', isUnspecified)
    .registerFunction('net.IP.isLoopback(): bool', isLoopback)
    .registerFunction('net.IP.isLinkLocalMulticast(): bool', isLinkLocalMulticast)
    .registerFunction('net.IP.isLinkLocalUnicast(): bool', isLinkLocalUnicast)
    .registerFunction('net.IP.isGlobalUnicast(): bool', isGlobalUnicast)
    .registerOperator('net.IP == net.IP', (a: AddressValue, b: AddressValue) => a.text === b.text)
    .registerFunction('cidr(string): net.CIDR', networkOf)
    .registerFunction('isCIDR(string): bool', isNetwork)
    .registerFunction('string(net.CIDR): string', ({ text }: NetworkValue) => text)
    .registerFunction('net.CIDR.containsIP(string): bool', (a: NetworkValue, text: string) =>
      contains(a, asRange(addressOf(text))),
    )
    .registerFunction('net.CIDR.containsIP(net.IP): bool', (a: NetworkValue, b: AddressValue) =>
      contains(a, asRange(b)),
    )
    .registerFunction('net.CIDR.containsCIDR(string): bool', (a: NetworkValue, text: string) =>
      contains(a, networkOf(text).text),
    )
    .registerFunction('net.CIDR.containsCIDR(net.CIDR): bool', (a: NetworkValue, b: NetworkValue) =>
      contains(a, b.text),
    )
    .registerFunction('net.CIDR.ip(): net.IP', ({ text }: NetworkValue) =>
      addressOf(text.split('/')[0] ?? ''),
    )
    .registerFunction(
      'net.CIDR.masked(): net.CIDR',
      ({ text }: NetworkValue) => new NetworkValue(canonicalRange(text)),
    )
    .registerFunction('net.CIDR.prefixLength(): int', ({ text }: NetworkValue) =>
      BigInt(addressBits(text)),
    )
    .registerOperator(
      'net.CIDR == net.CIDR',
      (a: NetworkValue, b: NetworkValue) => a.text === b.text,
    )
}
