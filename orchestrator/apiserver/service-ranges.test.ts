import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { JsonObject } from '../api/object.js'
import {
  addressAt,
  addressesIn,
  firstAddress,
  formatCidr,
  formatIpv4,
  parseCidr,
  parseIpv4,
  rangeOf,
  readyRanges,
} from './service-ranges.js'
import { encodeObject, StoredObject } from './stored-object.js'
import { otherDefaultRange } from './system-bootstrap.js'
import { objectOf } from './testing/objects.js'

const at = '2026-01-01T00:00:00Z'
const ready = (status: string) => ({ conditions: [{ type: 'Ready', status }] })

function stored(
  name: string,
  cidrs: readonly string[],
  metadata: JsonObject = {},
  status: JsonObject | null = null,
): StoredObject {
  const body = { spec: { cidrs }, ...(status === null ? {} : { status }) }
  const object = objectOf('ServiceCIDR', { name, ...metadata }, body, 'networking.k8s.io/v1')
  return new StoredObject(`/servicecidrs/${name}`, 3, encodeObject(object))
}

const textsOf = (...all: readonly StoredObject[]) =>
  readyRanges(all).map(({ cidr }) => formatCidr(cidr))

describe('ServiceCIDRs that are ready', () => {
  const cases: readonly [string, StoredObject, readonly string[]][] = [
    ['say so', stored('a', ['10.0.0.0/24'], {}, ready('True')), ['10.0.0.0/24']],
    ['or nothing yet', stored('a', ['10.0.0.0/24']), ['10.0.0.0/24']],
    ['and not that they are not', stored('a', ['10.0.0.0/24'], {}, ready('False')), []],
    [
      'are not being deleted',
      stored('a', ['10.0.0.0/24'], { deletionTimestamp: at }, ready('True')),
      [],
    ],
    ['give IPv4 only', stored('a', ['fd00::/112', '10.0.0.0/24']), ['10.0.0.0/24']],
  ]
  test.each(cases)('%s', (_, range, texts) => {
    expect(textsOf(range)).toEqual(texts)
  })
})

describe('addresses', () => {
  const ranges = (...texts: readonly string[]) =>
    readyRanges(texts.map((text, index) => stored(`r${index}`, [text])))

  test('are picked over all ranges, none of them that of a network or of all in it', () => {
    const all = ranges('10.0.0.0/30', '10.0.1.0/29', '10.0.2.0/31', '10.0.3.0/32')
    const found = Array.from({ length: addressesIn(all) }, (_, index) => addressAt(all, index))
    expect(found).toEqual([
      '10.0.0.1',
      '10.0.0.2',
      ...[1, 2, 3, 4, 5, 6].map(last => `10.0.1.${last}`),
    ])
    expect(() => addressAt(all, found.length)).toThrow('no address 8')
  })

  test('of the default range begin behind that of the kubernetes Service', () => {
    expect(addressAt(readyRanges([stored('kubernetes', ['10.0.0.0/24'])]), 0)).toBe('10.0.0.2')
  })

  test('that can be picked can be named, and nothing else that is not the first of the default', () => {
    const bits = fc.integer({ min: 20, max: 32 })
    fc.assert(
      fc.property(fc.ipV4(), bits, fc.nat(5_000), (base, length, offset) => {
        const all = ranges(`${base}/${length}`)
        const count = addressesIn(all)
        if (count > 0) expect(rangeOf(all, addressAt(all, offset % count))).not.toBeNull()
        const start = all[0]?.cidr.base ?? 0
        expect(rangeOf(all, formatIpv4(start))).toBeNull()
        expect(rangeOf(all, formatIpv4(start + count + 1))).toBeNull()
      }),
    )
  })

  test('lie in a range or in none', () => {
    const all = ranges('10.0.0.0/24', '10.0.0.0/16')
    expect(rangeOf(all, '10.0.0.7')?.key).toBe('/servicecidrs/r0')
    expect(rangeOf(all, '10.0.0.255')?.key).toBe('/servicecidrs/r1')
    for (const ip of ['10.1.0.0', '10.0.255.255', '', 'None', 'fd00::1']) {
      expect(rangeOf(all, ip)).toBeNull()
    }
  })
})

describe('IPv4 text', () => {
  test('survives the way to a number and back', () => {
    fc.assert(
      fc.property(fc.ipV4(), text => {
        expect(formatIpv4(parseIpv4(text) ?? -1)).toBe(text)
      }),
    )
  })

  test.each(['1.2.3', '1.2.3.256', '01.2.3.4', '1.2.3.4.5', 'a.b.c.d', ''])('%s is none', text => {
    expect(parseIpv4(text)).toBeNull()
  })

  test('a network is cut to its first address', () => {
    expect(firstAddress(parseCidr('127.96.1.2/16'))).toBe('127.96.0.1')
    for (const bad of ['10.0.0.0', '10.0.0.0/31', '10.0.0/16', '::/64', '10.0.0.0/x']) {
      expect(() => parseCidr(bad)).toThrow('is not an IPv4 network')
    }
  })
})

test('a master says whether the range that it was started with is the one in force', () => {
  const reader = (...found: readonly StoredObject[]) => ({ cachedAt: () => found[0] })
  const kept = stored('kubernetes', ['10.96.0.0/16', 'fd00::/112'])
  expect(otherDefaultRange(reader(kept), parseCidr('10.96.0.0/16'))).toBeNull()
  expect(otherDefaultRange(reader(), parseCidr('10.96.0.0/16'))).toBeNull()
  expect(otherDefaultRange(reader(kept), parseCidr('10.97.0.0/16'))).toBe('10.96.0.0/16,fd00::/112')
})
