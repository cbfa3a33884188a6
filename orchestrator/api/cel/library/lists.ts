// Functions on lists, and sets as lists. Counterpart: k8s.io/apiserver/pkg/cel/library lists, and
// ext.Sets of cel-go.

import type { Environment } from '@marcbachmann/cel-js'
import { sameValue } from '../same-value.js'
import { sizeOf, spend } from '../metering.js'

type List = readonly unknown[]

/** Ascending by the order of numbers or of texts. */
function before(a: unknown, b: unknown): boolean {
  if (typeof a === 'string' && typeof b === 'string') return a < b
  if (isNumber(a) && isNumber(b)) return a < b
  if (a instanceof Date && b instanceof Date) return a.getTime() < b.getTime()
  if (typeof a === 'boolean' && typeof b === 'boolean') return !a && b
  throw new Error('no such overload')
}

function isNumber(value: unknown): value is number | bigint {
  return typeof value === 'number' || typeof value === 'bigint'
}

function extreme(list: List, name: string, goesFirst: typeof before): unknown {
  const [first, ...others] = list
  if (first === undefined) throw new Error(`${name} called on empty list`)
  return others.reduce((best, one) => (goesFirst(one, best) ? one : best), first)
}

function sum(list: List): number | bigint {
  if (list.every(one => typeof one === 'bigint')) {
    return list.reduce((total, one) => total + one, 0n)
  }
  return list.reduce<number>((total, one) => total + Number(one), 0)
}

/** Whether every element of `inner` is in `outer`. */
function containsAll(outer: List, inner: List): boolean {
  spend(outer.length + inner.length * (1 + sizeOf(outer)))
  return inner.every(one => outer.some(other => sameValue(one, other)))
}

function intersects(a: List, b: List): boolean {
  spend(a.length + b.length * (1 + sizeOf(a)))
  return a.some(one => b.some(other => sameValue(one, other)))
}

class SetsNamespace {
  readonly name = 'sets'
}

export function withLists(environment: Environment): Environment {
  return environment
    .registerFunction('list.isSorted(): bool', (list: List) =>
      list.every((one, at) => at === 0 || !before(one, list[at - 1])),
    )
    .registerFunction('list.sum(): dyn', sum)
    .registerFunction('list.min(): dyn', (list: List) => extreme(list, 'min', before))
    .registerFunction('list.max(): dyn', (list: List) =>
      extreme(list, 'max', (a, b) => before(b, a)),
    )
    .registerFunction('list.indexOfOwn(dyn): int', (list: List, one: unknown) =>
      BigInt(list.findIndex(other => sameValue(one, other))),
    )
    .registerFunction('list.lastIndexOfOwn(dyn): int', (list: List, one: unknown) =>
      BigInt(list.findLastIndex(other => sameValue(one, other))),
    )
    .registerType('SetsNamespace', { ctor: SetsNamespace })
    .registerConstant('sets', 'SetsNamespace', new SetsNamespace())
    .registerFunction(
      'SetsNamespace.contains(list, list): bool',
      (_: SetsNamespace, a: List, b: List) => containsAll(a, b),
    )
    .registerFunction(
      'SetsNamespace.equivalent(list, list): bool',
      (_: SetsNamespace, a: List, b: List) => containsAll(a, b) && containsAll(b, a),
    )
    .registerFunction(
      'SetsNamespace.intersects(list, list): bool',
      (_: SetsNamespace, a: List, b: List) => intersects(a, b),
    )
}
