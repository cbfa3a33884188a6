// Which watches a key concerns, without looking at the others: a map for single keys, and for ranges
// a treap of intervals ordered by start, each node knowing the furthest end below it. Counterpart:
// etcd's adt.IntervalTree. Watches of equal range share a node.

import { assert, must } from '../../../platform/errors.js'
import type { Bounds } from '../key-range.js'

interface IntervalNode<T> {
  readonly start: string
  /** Exclusive; null: no end. */
  readonly end: string | null
  readonly items: Set<T>
  readonly priority: number
  furthestEnd: string | null
  left: IntervalNode<T> | null
  right: IntervalNode<T> | null
}

export class WatchIndex<T> {
  readonly #exact = new Map<string, Set<T>>()
  #root: IntervalNode<T> | null = null
  /** Nodes by start and end, to find the one of equal range. */
  readonly #nodes = new Map<string, Map<string | null, IntervalNode<T>>>()
  #nodesMade = 0
  #looks = 0

  /** Ranges looked at by all visits so far. Tests hold it to what a tree should cost. */
  get looks(): number {
    return this.#looks
  }

  add(bounds: Bounds, item: T): void {
    if (bounds.single) {
      const items = this.#exact.get(bounds.start)
      if (items === undefined) this.#exact.set(bounds.start, new Set([item]))
      else items.add(item)
      return
    }
    let ends = this.#nodes.get(bounds.start)
    if (ends === undefined) {
      ends = new Map()
      this.#nodes.set(bounds.start, ends)
    }
    const known = ends.get(bounds.end)
    if (known !== undefined) {
      known.items.add(item)
      return
    }
    const node: IntervalNode<T> = {
      start: bounds.start,
      end: bounds.end,
      items: new Set([item]),
      priority: scatter(++this.#nodesMade),
      furthestEnd: bounds.end,
      left: null,
      right: null,
    }
    ends.set(bounds.end, node)
    this.#root = insert(this.#root, node)
  }

  remove(bounds: Bounds, item: T): void {
    if (bounds.single) {
      const items = must(this.#exact.get(bounds.start), 'watches of the key')
      assert(items.delete(item), 'a watch is removed once')
      if (items.size === 0) this.#exact.delete(bounds.start)
      return
    }
    const ends = must(this.#nodes.get(bounds.start), 'watches of the start')
    const node = must(ends.get(bounds.end), 'watches of the range')
    assert(node.items.delete(item), 'a watch is removed once')
    if (node.items.size > 0) return
    ends.delete(bounds.end)
    if (ends.size === 0) this.#nodes.delete(bounds.start)
    this.#root = remove(this.#root, node)
  }

  /** Every item whose range holds `key`, once. */
  visit(key: string, each: (item: T) => void): void {
    const exact = this.#exact.get(key)
    if (exact !== undefined) for (const item of exact) each(item)
    if (this.#root !== null) this.#stab(this.#root, key, each)
  }

  #stab(node: IntervalNode<T>, key: string, each: (item: T) => void): void {
    this.#looks++
    if (node.furthestEnd !== null && node.furthestEnd <= key) return
    if (node.left !== null) this.#stab(node.left, key, each)
    if (node.start > key) return
    if (node.end === null || node.end > key) for (const item of node.items) each(item)
    if (node.right !== null) this.#stab(node.right, key, each)
  }
}

/** Null is beyond every string. */
function compareEnds(a: string | null, b: string | null): number {
  if (a === b) return 0
  if (a === null) return 1
  if (b === null) return -1
  return a < b ? -1 : 1
}

function order<T>(a: IntervalNode<T>, b: IntervalNode<T>): number {
  if (a.start !== b.start) return a.start < b.start ? -1 : 1
  return compareEnds(a.end, b.end)
}

function measure<T>(node: IntervalNode<T>): IntervalNode<T> {
  let furthest = node.end
  for (const child of [node.left, node.right]) {
    if (child !== null && compareEnds(child.furthestEnd, furthest) > 0) {
      furthest = child.furthestEnd
    }
  }
  node.furthestEnd = furthest
  return node
}

function insert<T>(root: IntervalNode<T> | null, node: IntervalNode<T>): IntervalNode<T> {
  if (root === null) return measure(node)
  if (node.priority > root.priority) {
    const [left, right] = split(root, node)
    node.left = left
    node.right = right
    return measure(node)
  }
  if (order(node, root) < 0) root.left = insert(root.left, node)
  else root.right = insert(root.right, node)
  return measure(root)
}

type Halves<T> = [IntervalNode<T> | null, IntervalNode<T> | null]

/** What stands before and behind `at`. */
function split<T>(root: IntervalNode<T> | null, at: IntervalNode<T>): Halves<T> {
  if (root === null) return [null, null]
  if (order(root, at) < 0) {
    const [left, right] = split(root.right, at)
    root.right = left
    return [measure(root), right]
  }
  const [left, right] = split(root.left, at)
  root.left = right
  return [left, measure(root)]
}

function join<T>(
  left: IntervalNode<T> | null,
  right: IntervalNode<T> | null,
): IntervalNode<T> | null {
  if (left === null) return right
  if (right === null) return left
  if (left.priority > right.priority) {
    left.right = join(left.right, right)
    return measure(left)
  }
  right.left = join(left, right.left)
  return measure(right)
}

function remove<T>(root: IntervalNode<T> | null, node: IntervalNode<T>): IntervalNode<T> | null {
  const at = must(root, 'a range that is removed is in the tree')
  if (at === node) return join(at.left, at.right)
  if (order(node, at) < 0) at.left = remove(at.left, node)
  else at.right = remove(at.right, node)
  return measure(at)
}

/** Spreads consecutive numbers, so that the tree is balanced and yet the same in every run. */
function scatter(value: number): number {
  let mixed = Math.imul(value, 0x9e3779b1)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x85ebca77)
  return (mixed ^ (mixed >>> 13)) >>> 0
}
