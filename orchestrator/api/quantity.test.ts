import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  addQuantities,
  canonicalQuantity,
  compareQuantities,
  formatQuantity,
  parseQuantity,
  quantityMilliUnits,
  quantityUnits,
} from './quantity.js'
import type { Quantity } from './quantity.js'

function parsed(text: string): Quantity {
  const quantity = parseQuantity(text)
  if (quantity === null) throw new Error(`no quantity: ${text}`)
  return quantity
}

test.each([
  ['1000m', '1'],
  ['0.5', '500m'],
  ['1.5', '1500m'],
  ['100', '100'],
  ['1000', '1k'],
  ['1024Mi', '1Gi'],
  ['1536Mi', '1536Mi'],
  ['1.5Gi', '1536Mi'],
  ['1023Ki', '1023Ki'],
  ['0.5Ki', '512'],
  ['0.5Mi', '512Ki'],
  ['0', '0'],
  ['-0', '0'],
  ['0Gi', '0'],
  ['-1500m', '-1500m'],
  ['+2', '2'],
  ['1e3', '1e3'],
  ['1000e3', '1e6'],
  ['1E3', '1e3'],
  ['2E', '2E'],
  ['2Ei', '2Ei'],
  ['.5', '500m'],
  ['5.', '5'],
  ['1n', '1n'],
  ['0.1n', '1n'],
  ['1u', '1u'],
  ['12.3456', '12345600u'],
  ['99999999999999999999', '9223372036854775807'],
])('%s is written %s', (text, canonical) => {
  expect(canonicalQuantity(text)).toBe(canonical)
})

test.each([
  '',
  '.',
  '1.2.3',
  'abc',
  '1 Gi',
  '1gi',
  '1KiB',
  '1e',
  '--1',
  '0x10',
  '1e1000',
  '1'.repeat(200),
])('%j is no quantity', text => {
  expect(parseQuantity(text)).toBeNull()
})

describe('against exact arithmetic', () => {
  const suffixes = ['', 'm', 'k', 'M', 'G', 'Ki', 'Mi', 'Gi'] as const
  const factors: Readonly<Record<(typeof suffixes)[number], bigint>> = {
    '': 1_000n,
    m: 1n,
    k: 1_000_000n,
    M: 10n ** 9n,
    G: 10n ** 12n,
    Ki: 1024n * 1_000n,
    Mi: 1024n ** 2n * 1_000n,
    Gi: 1024n ** 3n * 1_000n,
  }
  /** A text, and its value in thousandths. */
  const quantity = fc
    .tuple(fc.integer({ min: -1_000_000, max: 1_000_000 }), fc.constantFrom(...suffixes))
    .map(([count, suffix]) => [`${count}${suffix}`, BigInt(count) * factors[suffix]] as const)

  test('values and sums are exact', () => {
    fc.assert(
      fc.property(quantity, quantity, ([a, aMillis], [b, bMillis]) => {
        expect(parsed(a).nanos).toBe(aMillis * 1_000_000n)
        expect(addQuantities(parsed(a), parsed(b)).nanos).toBe((aMillis + bMillis) * 1_000_000n)
        expect(Math.sign(compareQuantities(parsed(a), parsed(b)))).toBe(
          aMillis < bMillis ? -1 : aMillis > bMillis ? 1 : 0,
        )
      }),
    )
  })

  test('the canonical text keeps the value and is canonical itself', () => {
    fc.assert(
      fc.property(quantity, ([text, millis]) => {
        const canonical = formatQuantity(parsed(text))
        expect(parsed(canonical).nanos).toBe(millis * 1_000_000n)
        expect(formatQuantity(parsed(canonical))).toBe(canonical)
      }),
    )
  })
})

test('whole units and millis round up', () => {
  expect(quantityUnits(parsed('1500m'))).toBe(2n)
  expect(quantityUnits(parsed('-1500m'))).toBe(-1n)
  expect(quantityMilliUnits(parsed('1.0001'))).toBe(1001n)
  expect(quantityMilliUnits(parsed('2'))).toBe(2000n)
})
