import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  addressBits,
  canonicalAddress,
  canonicalRange,
  mergedRanges,
  rangeContains,
  rangeWithout,
} from './address-range.js'
import { isIpv6 } from './validation/names.js'

/** The platform writes addresses in the canonical way, too. */
function written(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1)
}

describe('IPv6 addresses', () => {
  test('have one way to be written', () => {
    fc.assert(
      fc.property(fc.ipV6(), address => {
        fc.pre(isIpv6(address))
        expect(canonicalAddress(address)).toBe(written(address))
      }),
      { numRuns: 500 },
    )
  })

  test.each([
    ['::', '::'],
    ['0:0:1:0:0:0:0:1', '0:0:1::1'],
    ['1:0:2:3:4:5:6:7', '1:0:2:3:4:5:6:7'],
    ['::ffff:10.0.0.1', '::ffff:a00:1'],
    ['10.0.0.1', '10.0.0.1'],
  ])('%s is %s', (address, canonical) => {
    expect(canonicalAddress(address)).toBe(canonical)
  })
})

describe('networks', () => {
  test.each([
    ['10.1.2.3/8', '10.0.0.0/8'],
    ['10.1.2.3/32', '10.1.2.3/32'],
    ['10.1.2.3/0', '0.0.0.0/0'],
    ['2001:DB8::1/64', '2001:db8::/64'],
    ['nothing', 'nothing'],
  ])('%s is written as %s', (range, canonical) => {
    expect(canonicalRange(range)).toBe(canonical)
  })

  test.each([
    ['10.0.0.0/8', '10.255.0.0/16', true],
    ['10.0.0.0/8', '11.0.0.0/16', false],
    ['0.0.0.0/0', '11.0.0.0/16', true],
    ['2001:db8::/32', '2001:db8:1::/48', true],
    ['10.0.0.0/8', '2001:db8::/32', false],
    ['x', '10.0.0.0/8', false],
  ])('%s with %s inside: %s', (outer, inner, inside) => {
    expect(rangeContains(outer, inner)).toBe(inside)
  })

  test('fix some bits', () => {
    expect(['10.0.0.0/8', '::/128', 'x'].map(addressBits)).toEqual([8, 128, -1])
  })

  test.each([
    ['10.0.0.0/30', [], ['10.0.0.0-10.0.0.3']],
    ['10.0.0.0/30', ['10.0.0.1/32'], ['10.0.0.0', '10.0.0.2-10.0.0.3']],
    ['10.0.0.0/30', ['10.0.0.3/32', '10.0.0.0/31'], ['10.0.0.2']],
    ['10.0.0.0/30', ['10.0.0.0/30'], []],
    ['10.0.0.0/30', ['10.0.0.0/8'], []],
    ['10.0.0.0/30', ['10.0.0.0/31', '10.0.0.0/32'], ['10.0.0.2-10.0.0.3']],
    ['10.0.0.0/30', ['9.0.0.0/8', '11.0.0.0/8', 'fd00::/8'], ['10.0.0.0-10.0.0.3']],
    ['0.0.0.0/0', ['10.0.0.0/8'], ['0.0.0.0-9.255.255.255', '11.0.0.0-255.255.255.255']],
    ['fd00::/126', ['fd00::2/128'], ['fd00::-fd00::1', 'fd00::3']],
    ['x', [], []],
  ])('%s without %j is %j', (range, except, left) => {
    expect(rangeWithout(range, except)).toEqual(left)
  })

  test('of which some lie in others are the outer ones', () => {
    const ranges = ['10.1.0.0/16', '10.0.0.0/8', '10.0.0.5/8', '11.0.0.0/8', 'x']
    expect(mergedRanges(ranges)).toEqual(['10.0.0.0/8', '11.0.0.0/8'])
  })
})
