// Sets of field paths, and their algebra. A set is the JSON that FieldsV1 has for it: what is stored
// is what is computed with, and nothing is converted on the way of a write. Below the root, a node
// without children is a path of the set; one with children is a path only if "." is among them.
// Counterpart: fieldpath.Set of structured-merge-diff. Pure: results share parts with arguments.

import type { Json } from '../object.js'
import { isJsonObject } from '../record.js'
import type { TypeSchema } from '../schema.js'
import { typeBelow } from './granularity.js'
import { canonicalElement } from './path-element.js'
import type { PathElement } from './path-element.js'

export interface FieldSet {
  readonly [element: PathElement]: FieldSet
}

/** A set, or a node of one, while it is made. */
export interface BuildingSet {
  [element: PathElement]: FieldSet
}

/** The empty set; as a node, a path without any below it. */
export const leaf: FieldSet = Object.freeze({})

const self = '.'

export function isEmpty(set: FieldSet): boolean {
  for (const _ in set) return false
  return true
}

/** Whether the path that leads to a node is in the set. */
function isMember(node: FieldSet): boolean {
  return Object.hasOwn(node, self) || isEmpty(node)
}

/** A node from its children; undefined where nothing is left of it. */
export function nodeOf(member: boolean, children: BuildingSet): FieldSet | undefined {
  if (isEmpty(children)) return member ? leaf : undefined
  if (member) children[self] = leaf
  return children
}

type Operation = 'union' | 'intersection' | 'difference'

function combined(
  a: FieldSet | undefined,
  b: FieldSet | undefined,
  operation: Operation,
): FieldSet | undefined {
  if (a === undefined) return operation === 'union' ? b : undefined
  if (b === undefined) return operation === 'intersection' ? undefined : a
  if (a === b && operation !== 'difference') return a
  const inA = isMember(a)
  const inB = isMember(b)
  const member =
    operation === 'union' ? inA || inB : operation === 'intersection' ? inA && inB : inA && !inB
  return nodeOf(member, children(a, b, operation))
}

function children(a: FieldSet, b: FieldSet, operation: Operation): BuildingSet {
  const result: BuildingSet = {}
  for (const element in a) {
    if (element === self) continue
    const node = combined(a[element], b[element], operation)
    if (node !== undefined) result[element] = node
  }
  if (operation !== 'union') return result
  for (const element in b) {
    const node = b[element]
    if (element !== self && node !== undefined && !(element in a)) result[element] = node
  }
  return result
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  if (isEmpty(a)) return b
  return isEmpty(b) ? a : children(a, b, 'union')
}

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  return isEmpty(a) || isEmpty(b) ? leaf : children(a, b, 'intersection')
}

/** The paths of `a` that are not in `b`; those below a path of `b` stay. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  return isEmpty(a) || isEmpty(b) ? a : children(a, b, 'difference')
}

/** The paths of `set` that are neither in `taken` nor below a path of it. */
export function without(set: FieldSet, taken: FieldSet): BuildingSet {
  const result: BuildingSet = {}
  for (const element in set) {
    const node = set[element]
    if (node === undefined || element === self) continue
    const hidden = taken[element]
    if (hidden === undefined) {
      result[element] = node
    } else if (!isMember(hidden)) {
      const rest = nodeOf(isMember(node), without(node, hidden))
      if (rest !== undefined) result[element] = rest
    }
  }
  return result
}

export function has(set: FieldSet, path: readonly PathElement[]): boolean {
  let node: FieldSet | undefined = set
  for (const element of path) {
    node = node[element]
    if (node === undefined) return false
  }
  return path.length > 0 && isMember(node)
}

/** What `set` has below a step; undefined for nothing. */
export function below(set: FieldSet, element: PathElement): FieldSet | undefined {
  const node = set[element]
  return node === undefined || isEmpty(node) ? undefined : node
}

export function setOf(...paths: readonly (readonly PathElement[])[]): FieldSet {
  const single = (path: readonly PathElement[]): FieldSet =>
    path.toReversed().reduce<FieldSet>((node, step) => ({ [step]: node }), leaf)
  return paths.map(single).reduce(union, leaf)
}

const ranks = 'fkvi'

/** Fields come before keys, keys before values, values before places. */
function compareElements(a: PathElement, b: PathElement): number {
  const rank = ranks.indexOf(a[0] ?? '') - ranks.indexOf(b[0] ?? '')
  if (rank !== 0) return rank
  return a < b ? -1 : a > b ? 1 : 0
}

/** All paths, in the order in which messages name them: of a node first what is in the set itself. */
export function pathsOf(set: FieldSet): readonly (readonly PathElement[])[] {
  const elements = Object.keys(set)
    .filter(element => element !== self)
    .toSorted(compareElements)
  const node = (element: PathElement): FieldSet => set[element] ?? leaf
  return [
    ...elements.filter(element => isMember(node(element))).map(element => [element]),
    ...elements.flatMap(element => pathsOf(node(element)).map(path => [element, ...path])),
  ]
}

/**
 * With every field of a struct that paths lead through: such a field is there because of what is in
 * it, so whoever gives that up gives the field up as well.
 */
export function withNamedFields(set: FieldSet, type: TypeSchema | null): BuildingSet {
  const result: BuildingSet = {}
  for (const element in set) {
    const node = set[element]
    if (node === undefined || element === self) continue
    const inner = typeBelow(type, element)
    const named = type?.type === 'struct' && inner !== null
    result[element] = nodeOf(named || isMember(node), withNamedFields(node, inner)) ?? leaf
  }
  return result
}

/** A set that a client sent, in the one form that sets are compared in; null for what is none. */
export function fieldSetFromClient(value: Json | undefined): FieldSet | null {
  if (!isJsonObject(value)) return null
  const result: BuildingSet = {}
  for (const [key, inner] of Object.entries(value)) {
    const node = fieldSetFromClient(inner)
    if (node === null) return null
    const element = key === self ? self : canonicalElement(key)
    if (element === null) return null
    if (element === self && !isEmpty(node)) return null
    result[element] = node
  }
  return result
}
