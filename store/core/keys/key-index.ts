// Keys in order, each with the history of its versions, and how many of them live. Counterpart:
// etcd's treeIndex. A B+tree with linked leaves whose nodes carry the number of live keys below them,
// so that a range is counted without being walked. Values are not kept here.
//
// Keys are strings with one code unit a byte (latin1), so that string order is byte order.

import { assert, must } from '../../../platform/errors.js'
import { KeyEntry } from './key-entry.js'
import { KeyLeaf, type NewVersion } from './key-leaf.js'
import { LiveChanges } from './live-changes.js'
import type { Revision } from '../types.js'

interface Inner {
  readonly leaf: false
  children: Node[]
  /** `lows[i]` <= every key below `children[i]`, and > every key below `children[i - 1]`. */
  lows: string[]
  live: number
}

type Node = KeyLeaf | Inner

const innerMax = 64

export class KeyIndex {
  #root: Node = new KeyLeaf('')
  #size = 0
  readonly #liveChanges = new LiveChanges()

  /** Keys with any version, deletions included. */
  get size(): number {
    return this.#size
  }

  /** Keys whose newest version is not a deletion. */
  get live(): number {
    return this.#root.live
  }

  get(key: string): KeyEntry | undefined {
    const leaf = this.#leafOf(key)
    const slot = leaf.lowerBound(key)
    return leaf.holds(slot, key) ? new KeyEntry(leaf, slot, key) : undefined
  }

  /** Adds the newest version of a key. `known` is what `get` answers for it. */
  record(key: string, version: NewVersion, known: KeyEntry | undefined): void {
    if (known === undefined) {
      this.#insert(key, version)
      if (version.version > 0) this.#liveChanges.note(version.modRevision, key, 1)
      return
    }
    assert(known.key === key, 'the entry belongs to the key')
    const change = known.advance(version) ?? this.#advance(key, version)
    if (change === 0) return
    this.#addLive(key, change)
    this.#liveChanges.note(version.modRevision, key, change)
  }

  remove(key: string): void {
    const entry = must(this.get(key), 'a key that is removed is there')
    removeFrom(this.#root, key, entry.version > 0 ? 1 : 0)
    this.#size--
    if (!this.#root.leaf && this.#root.children.length === 1) {
      this.#root = must(this.#root.children[0], 'the only child')
    }
  }

  /** Entries of `start <= key < end` in order, until `visit` says false. Null: no end. */
  ascend(start: string, end: string | null, visit: (entry: KeyEntry) => boolean): void {
    let leaf: KeyLeaf | null = this.#leafOf(start)
    let slot = leaf.lowerBound(start)
    while (leaf !== null) {
      const { changes } = leaf
      // Where this leaf ends is known without looking at each key of it.
      const last: number = end === null ? leaf.count : leaf.lowerBound(end)
      for (; slot < last; slot++) {
        if (!visit(new KeyEntry(leaf, slot, null))) return
        assert(leaf.changes === changes, 'the index stays while it is walked')
      }
      if (last < leaf.count) return
      leaf = leaf.next
      slot = 0
    }
  }

  /** The same until `visit` says that it is enough for now; answers the key to go on with, null at the end. */
  ascendSlice(
    start: string,
    end: string | null,
    visit: (entry: KeyEntry) => boolean,
  ): string | null {
    let enough = false
    let next: string | null = null
    this.ascend(start, end, entry => {
      if (enough) {
        next = entry.key
        return false
      }
      enough = visit(entry)
      return true
    })
    return next
  }

  /** The same as `ascend` from the end on. */
  descend(start: string, end: string | null, visit: (entry: KeyEntry) => boolean): void {
    let leaf: KeyLeaf | null = end === null ? this.#lastLeaf() : this.#leafOf(end)
    let slot = (end === null ? leaf.count : leaf.lowerBound(end)) - 1
    while (leaf !== null) {
      const { changes } = leaf
      const first: number = leaf.lowerBound(start)
      for (; slot >= first; slot--) {
        if (!visit(new KeyEntry(leaf, slot, null))) return
        assert(leaf.changes === changes, 'the index stays while it is walked')
      }
      if (first > 0) return
      leaf = leaf.previous
      slot = (leaf?.count ?? 0) - 1
    }
  }

  /** Of an entry whose place is not known any more. */
  #advance(key: string, version: NewVersion): -1 | 0 | 1 {
    const leaf = this.#leafOf(key)
    const slot = leaf.lowerBound(key)
    assert(leaf.holds(slot, key), 'a known key is there')
    return leaf.advance(slot, version)
  }

  /** Live keys in `start <= key < end`, without walking them. */
  countLive(start: string, end: string | null): number {
    if (end !== null && end <= start) return 0
    const below = end === null ? this.#root.live : this.#liveBelow(end)
    return below - this.#liveBelow(start)
  }

  /** The same at an earlier revision that is not compacted; null when that is too long ago. */
  countLiveAt(revision: Revision, start: string, end: string | null): number | null {
    if (end !== null && end <= start) return 0
    const behind = this.#liveChanges.behind(revision, start, end)
    return behind === null ? null : this.countLive(start, end) - behind
  }

  #liveBelow(key: string): number {
    let node = this.#root
    let live = 0
    while (!node.leaf) {
      const at = childOf(node, key)
      for (let i = 0; i < at; i++) live += (node.children[i] as Node).live
      node = node.children[at] as Node
    }
    return live + node.liveBefore(node.lowerBound(key))
  }

  #leafOf(key: string): KeyLeaf {
    let node = this.#root
    while (!node.leaf) node = node.children[childOf(node, key)] as Node
    return node
  }

  #lastLeaf(): KeyLeaf {
    let node = this.#root
    while (!node.leaf) node = must(node.children.at(-1), 'an inner node has children')
    return node
  }

  /** In the leaf it has been counted already. */
  #addLive(key: string, change: 1 | -1): void {
    let node = this.#root
    while (!node.leaf) {
      node.live += change
      node = node.children[childOf(node, key)] as Node
    }
  }

  #insert(key: string, version: NewVersion): void {
    this.#size++
    const sibling = insertInto(this.#root, key, version)
    if (sibling === null) return
    const left = this.#root
    this.#root = {
      leaf: false,
      children: [left, sibling],
      lows: [lowOf(left), lowOf(sibling)],
      live: left.live + sibling.live,
    }
  }
}

function lowOf(node: Node): string {
  return node.leaf ? node.keyAt(0) : must(node.lows[0], 'an inner node has children')
}

/** Position of the child in which `key` stands or would stand. */
function childOf(node: Inner, key: string): number {
  let low = 1
  let high = node.lows.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((node.lows[middle] as string) <= key) low = middle + 1
    else high = middle
  }
  return low - 1
}

/** Answers the new right sibling when `node` was split. */
function insertInto(node: Node, key: string, version: NewVersion): Node | null {
  if (node.leaf) {
    const slot = node.lowerBound(key)
    assert(!node.holds(slot, key), 'a key stands in the index once')
    node.insert(slot, key, version)
    return node.full ? splitLeaf(node, slot) : null
  }
  if (version.version > 0) node.live++
  const at = childOf(node, key)
  const sibling = insertInto(node.children[at] as Node, key, version)
  if (sibling === null) return null
  node.children.splice(at + 1, 0, sibling)
  node.lows.splice(at + 1, 0, lowOf(sibling))
  return node.children.length > innerMax ? splitInner(node) : null
}

/** Keys that come in order fill leaves: a split at the end moves the last entry only. */
function splitLeaf(node: KeyLeaf, insertedAt: number): KeyLeaf {
  const last = node.count - 1
  return node.splitOff(insertedAt === last && node.next === null ? last : node.count >>> 1)
}

function splitInner(node: Inner): Inner {
  const middle = node.children.length >>> 1
  const children = node.children.splice(middle)
  const lows = node.lows.splice(middle)
  let live = 0
  for (const child of children) live += child.live
  node.live -= live
  return { leaf: false, children, lows, live }
}

function removeFrom(node: Node, key: string, live: number): void {
  if (node.leaf) {
    const slot = node.lowerBound(key)
    assert(node.holds(slot, key), 'the key that is removed stands in its leaf')
    node.remove(slot)
    return
  }
  node.live -= live
  const at = childOf(node, key)
  removeFrom(node.children[at] as Node, key, live)
  mergeAround(node, at)
}

/** Joins a child that has become small with a neighbour when both fit well into one node. */
function mergeAround(node: Inner, at: number): void {
  const child = node.children[at] as Node
  if (!isSmall(child) || node.children.length < 2) return
  const leftAt = at > 0 ? at - 1 : at
  const left = node.children[leftAt] as Node
  const right = node.children[leftAt + 1] as Node
  if (left.leaf && right.leaf) {
    if (!left.fitsWith(right) && child.leaf && child.count > 0) return
    left.join(right)
  } else {
    assert(!left.leaf && !right.leaf, 'siblings stand at one height')
    if (left.children.length + right.children.length > (innerMax * 3) >>> 2) return
    left.children = left.children.concat(right.children)
    // The parent's bound holds for all of `right`; its own first one may be out of date.
    left.lows = left.lows.concat(must(node.lows[leftAt + 1], 'a bound'), right.lows.slice(1))
    left.live += right.live
  }
  node.children.splice(leftAt + 1, 1)
  node.lows.splice(leftAt + 1, 1)
}

function isSmall(node: Node): boolean {
  return node.leaf ? node.small : node.children.length <= innerMax >>> 2
}
