// The functions that Kubernetes adds to CEL and the library lacks: regular expressions, lists,
// quantities, addresses, sets. Counterpart: apiserver/pkg/cel/library.

import type { Environment } from '@marcbachmann/cel-js'
import { addQuantities, compareQuantities, formatQuantity, parseQuantity } from '../../quantity.js'
import type { Quantity } from '../../quantity.js'
import { cidr, isIpv4, isIpv6 } from '../../validation/names.js'
import { compilePattern, matchesPattern } from '../pattern.js'

/** What `matches` is called by here: the library's own backtracks. */
export const linearMatches = 'matchesInLinearTime'

class QuantityValue {
  readonly quantity: Quantity

  constructor(quantity: Quantity) {
    this.quantity = quantity
  }
}

function quantityOf(text: string): QuantityValue {
  const parsed = parseQuantity(text)
  if (parsed === null) throw new Error(`quantity(${text}): not a quantity`)
  return new QuantityValue(parsed)
}

/** Ascending by the order of numbers or of texts. */
function before(a: unknown, b: unknown): boolean {
  if (typeof a === 'string' && typeof b === 'string') return a < b
  if (isNumber(a) && isNumber(b)) return a < b
  if (a instanceof Date && b instanceof Date) return a.getTime() < b.getTime()
  if (typeof a === 'boolean' && typeof b === 'boolean') return !a && b
  throw new Error('the elements cannot be compared')
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint'
}

function extreme(list: readonly unknown[], name: string, goesFirst: typeof before): unknown {
  const [first, ...others] = list
  if (first === undefined) throw new Error(`${name} called on empty list`)
  return others.reduce((best, one) => (goesFirst(one, best) ? one : best), first)
}

function sum(list: readonly unknown[]): number | bigint {
  if (list.every(one => typeof one === 'bigint'))
    return list.reduce((total, one) => total + one, 0n)
  return list.reduce<number>((total, one) => total + Number(one), 0)
}

function found(text: string, pattern: string, most: number): string[] {
  const expression = compilePattern(pattern)
  if (expression === null) throw new Error(`Illegal regex: ${pattern}`)
  const matcher = expression.matcher(text)
  const all: string[] = []
  while (all.length < most && matcher.find()) all.push(matcher.group() ?? '')
  return all
}

function urlOf(text: string): URL {
  if (!URL.canParse(text)) throw new Error(`URL parse error during conversion from string: ${text}`)
  return new URL(text)
}

function isCidr(text: string): boolean {
  return cidr(text).length === 0
}

const findAllMost = 1_000

/** The same environment, with the functions. */
export function withExtensions(environment: Environment): Environment {
  return environment
    .registerFunction(`string.${linearMatches}(string): bool`, (text: string, pattern: string) => {
      if (compilePattern(pattern) === null) throw new Error(`Illegal regex: ${pattern}`)
      return matchesPattern(pattern, text)
    })
    .registerFunction('string.find(string): string', (text: string, pattern: string) => {
      return found(text, pattern, 1)[0] ?? ''
    })
    .registerFunction('string.findAll(string): list<string>', (text: string, pattern: string) =>
      found(text, pattern, findAllMost),
    )
    .registerFunction(
      'string.findAll(string, int): list<string>',
      (text: string, pattern: string, most: bigint) =>
        found(text, pattern, most < 0n ? findAllMost : Number(most)),
    )
    .registerFunction('list.isSorted(): bool', (list: readonly unknown[]) =>
      list.every((one, at) => at === 0 || !before(one, list[at - 1])),
    )
    .registerFunction('list.sum(): dyn', sum)
    .registerFunction('list.min(): dyn', (list: readonly unknown[]) => extreme(list, 'min', before))
    .registerFunction('list.max(): dyn', (list: readonly unknown[]) =>
      extreme(list, 'max', (a, b) => before(b, a)),
    )
    .registerFunction('list.indexOf(dyn): int', (list: readonly unknown[], one: unknown) =>
      BigInt(list.indexOf(one)),
    )
    .registerFunction('list.lastIndexOf(dyn): int', (list: readonly unknown[], one: unknown) =>
      BigInt(list.lastIndexOf(one)),
    )
    .registerType('Quantity', { ctor: QuantityValue })
    .registerFunction('quantity(string): Quantity', quantityOf)
    .registerFunction('isQuantity(string): bool', (text: string) => parseQuantity(text) !== null)
    .registerFunction('Quantity.compareTo(Quantity): int', (a: QuantityValue, b: QuantityValue) =>
      BigInt(Math.sign(compareQuantities(a.quantity, b.quantity))),
    )
    .registerFunction(
      'Quantity.isGreaterThan(Quantity): bool',
      (a: QuantityValue, b: QuantityValue) => compareQuantities(a.quantity, b.quantity) > 0,
    )
    .registerFunction(
      'Quantity.isLessThan(Quantity): bool',
      (a: QuantityValue, b: QuantityValue) => compareQuantities(a.quantity, b.quantity) < 0,
    )
    .registerFunction(
      'Quantity.add(Quantity): Quantity',
      (a: QuantityValue, b: QuantityValue) =>
        new QuantityValue(addQuantities(a.quantity, b.quantity)),
    )
    .registerFunction(
      'Quantity.asApproximateFloat(): double',
      (a: QuantityValue) => Number(a.quantity.nanos) / 1e9,
    )
    .registerFunction('string(Quantity): string', (a: QuantityValue) => formatQuantity(a.quantity))
    .registerFunction('isIP(string): bool', (text: string) => isIpv4(text) || isIpv6(text))
    .registerFunction('isCIDR(string): bool', isCidr)
    .registerFunction('isURL(string): bool', (text: string) => URL.canParse(text))
    .registerType('URL', { ctor: URL })
    .registerFunction('url(string): URL', urlOf)
    .registerFunction('URL.getScheme(): string', (url: URL) => url.protocol.replace(/:$/, ''))
    .registerFunction('URL.getHost(): string', (url: URL) => url.host)
    .registerFunction('URL.getHostname(): string', (url: URL) => url.hostname)
    .registerFunction('URL.getPort(): string', (url: URL) => url.port)
    .registerFunction('URL.getEscapedPath(): string', (url: URL) => url.pathname)
}
