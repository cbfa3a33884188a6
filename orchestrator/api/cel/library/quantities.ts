// Quantities: quantity("1Gi").isGreaterThan(quantity("1G")).
// Counterpart: k8s.io/apiserver/pkg/cel/library quantity.

import type { Environment } from '@marcbachmann/cel-js'
import { addQuantities, compareQuantities, formatQuantity, parseQuantity } from '../../quantity.js'
import type { Quantity } from '../../quantity.js'

class QuantityValue {
  readonly quantity: Quantity

  constructor(quantity: Quantity) {
    this.quantity = quantity
  }
}

const nano = 1_000_000_000n

function quantityOf(text: string): QuantityValue {
  const parsed = parseQuantity(text)
  if (parsed === null) {
    throw new Error(
      "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
    )
  }
  return new QuantityValue(parsed)
}

const compared = (a: QuantityValue, b: QuantityValue) => compareQuantities(a.quantity, b.quantity)

const added = (a: QuantityValue, nanos: bigint) =>
  new QuantityValue(addQuantities(a.quantity, { nanos, format: a.quantity.format }))

const int64Max = 2n ** 63n - 1n

function isInteger({ quantity }: QuantityValue): boolean {
  return quantity.nanos % nano === 0n && quantity.nanos / nano <= int64Max
}

function integer(value: QuantityValue): bigint {
  if (!isInteger(value)) throw new Error('cannot convert value to integer')
  return value.quantity.nanos / nano
}

export function withQuantities(environment: Environment): Environment {
  return environment
    .registerType('kubernetes.Quantity', { ctor: QuantityValue })
    .registerFunction('quantity(string): kubernetes.Quantity', quantityOf)
    .registerFunction('isQuantity(string): bool', (text: string) => parseQuantity(text) !== null)
    .registerFunction(
      'kubernetes.Quantity.compareTo(kubernetes.Quantity): int',
      (a: QuantityValue, b: QuantityValue) => BigInt(Math.sign(compared(a, b))),
    )
    .registerFunction(
      'kubernetes.Quantity.isGreaterThan(kubernetes.Quantity): bool',
      (a: QuantityValue, b: QuantityValue) => compared(a, b) > 0,
    )
    .registerFunction(
      'kubernetes.Quantity.isLessThan(kubernetes.Quantity): bool',
      (a: QuantityValue, b: QuantityValue) => compared(a, b) < 0,
    )
    .registerFunction(
      'kubernetes.Quantity.add(kubernetes.Quantity): kubernetes.Quantity',
      (a: QuantityValue, b: QuantityValue) => added(a, b.quantity.nanos),
    )
    .registerFunction(
      'kubernetes.Quantity.add(int): kubernetes.Quantity',
      (a: QuantityValue, b: bigint) => added(a, b * nano),
    )
    .registerFunction(
      'kubernetes.Quantity.sub(kubernetes.Quantity): kubernetes.Quantity',
      (a: QuantityValue, b: QuantityValue) => added(a, -b.quantity.nanos),
    )
    .registerFunction(
      'kubernetes.Quantity.sub(int): kubernetes.Quantity',
      (a: QuantityValue, b: bigint) => added(a, -b * nano),
    )
    .registerFunction('kubernetes.Quantity.isInteger(): bool', isInteger)
    .registerFunction('kubernetes.Quantity.asInteger(): int', integer)
    .registerFunction(
      'kubernetes.Quantity.sign(): int',
      ({ quantity: { nanos } }: QuantityValue) => (nanos > 0n ? 1n : nanos < 0n ? -1n : 0n),
    )
    .registerFunction(
      'kubernetes.Quantity.asApproximateFloat(): double',
      ({ quantity }: QuantityValue) => Number(quantity.nanos) / 1e9,
    )
    .registerFunction('string(kubernetes.Quantity): string', ({ quantity }: QuantityValue) =>
      formatQuantity(quantity),
    )
    .registerOperator(
      'kubernetes.Quantity == kubernetes.Quantity',
      (a: QuantityValue, b: QuantityValue) => compared(a, b) === 0,
    )
}
