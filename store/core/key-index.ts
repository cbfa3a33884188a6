// Keys in order, each with the history of its versions, and how many of them live. Counterpart:
// etcd's treeIndex and keyIndex. A B+tree with linked leaves whose nodes carry the number of live
// keys below them, so that a range is counted without being walked. Values are not kept here.
//
// Keys are strings with one code unit a byte (latin1), so that string order is byte order.

import { assert, must } from '../../platform/errors.js'
import type { Ordinal } from './backend.js'
import type { LeaseId, Revision } from './types.js'

/** What is known of one version without reading its value. Version 0 is a deletion. */
export interface KeyVersion {
  readonly modRevision: Revision
  readonly ordinal: Ordinal
  readonly createRevision: Revision
  readonly version: number
  readonly lease: LeaseId
}

/** A version when it is made, which is when it becomes the newest. */
export interface NewVersion extends KeyVersion {
  /** Of key and value. */
  readonly bytes: number
  /** Of the row. */
  readonly checksum: number
}

const olderWidth = 5

/** A key and its newest version; older ones in `olderVersion`. */
export class KeyEntry implements NewVersion {
  readonly key: string
  modRevision: Revision
  ordinal: Ordinal
  createRevision: Revision
  version: number
  lease: LeaseId
  bytes: number
  /** With a sign, which spares memory. */
  #checksum: number
  /** Flat, oldest first, `olderWidth` numbers each; null saves memory for keys written once. */
  #older: number[] | null = null

  constructor(key: string, version: NewVersion) {
    this.key = key
    this.modRevision = version.modRevision
    this.ordinal = version.ordinal
    this.createRevision = version.createRevision
    this.version = version.version
    this.lease = version.lease
    this.bytes = version.bytes
    this.#checksum = version.checksum | 0
  }

  get checksum(): number {
    return this.#checksum >>> 0
  }

  get olderCount(): number {
    return this.#older === null ? 0 : this.#older.length / olderWidth
  }

  /** 0 is the oldest. */
  olderVersion(position: number): KeyVersion {
    const older = must(this.#older, 'older versions')
    const at = position * olderWidth
    assert(at >= 0 && at < older.length, 'an older version within the history')
    return {
      modRevision: older[at] as number,
      ordinal: older[at + 1] as number,
      createRevision: older[at + 2] as number,
      version: older[at + 3] as number,
      lease: older[at + 4] as number,
    }
  }

  /** Of the first version in row `ordinal` or a later one; the newest version stands at `olderCount`. */
  positionOf(ordinal: Ordinal): number {
    const older = this.#older ?? []
    let low = 0
    let high = this.olderCount
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((older[middle * olderWidth + 1] as number) < ordinal) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The newest version at `revision`, a deletion included; null when there was none yet. */
  at(revision: Revision): KeyVersion | null {
    if (this.modRevision <= revision) return this
    const position = this.#newestOlderAt(revision)
    return position < 0 ? null : this.olderVersion(position)
  }

  /** Position of the newest older version at or below `revision`; -1 when there is none. */
  #newestOlderAt(revision: Revision): number {
    const older = this.#older
    if (older === null) return -1
    let low = 0
    let high = older.length / olderWidth
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((older[middle * olderWidth] as number) <= revision) low = middle + 1
      else high = middle
    }
    return low - 1
  }

  /** The present version becomes an older one. Only for KeyIndex, which counts. */
  advance(next: NewVersion): void {
    assert(next.modRevision > this.modRevision, 'versions of a key follow in revision order')
    this.#older ??= []
    this.#older.push(this.modRevision, this.ordinal, this.createRevision, this.version, this.lease)
    this.modRevision = next.modRevision
    this.ordinal = next.ordinal
    this.createRevision = next.createRevision
    this.version = next.version
    this.lease = next.lease
    this.bytes = next.bytes
    this.#checksum = next.checksum | 0
  }

  /**
   * Drops what no read at or above `revision` can see, and adds the ordinals dropped to `dropped`.
   * A deletion made at `revision` itself stays, for a watch may start there. True: nothing is left.
   */
  compact(revision: Revision, dropped: Ordinal[]): boolean {
    const newestDropped = this.modRevision <= revision ? this.#dropOlder(dropped) : false
    if (newestDropped) {
      if (this.version > 0 || this.modRevision === revision) return false
      dropped.push(this.ordinal)
      return true
    }
    const older = this.#older
    const kept = this.#newestOlderAt(revision)
    if (older === null || kept < 0) return false
    const keptRow = this.olderVersion(kept)
    const keep = keptRow.version > 0 || keptRow.modRevision === revision
    const drop = keep ? kept : kept + 1
    for (let i = 0; i < drop; i++) dropped.push(older[i * olderWidth + 1] as number)
    if (drop > 0)
      this.#older = drop * olderWidth === older.length ? null : older.slice(drop * olderWidth)
    return false
  }

  /** Always true: all that is older than the newest version is gone. */
  #dropOlder(dropped: Ordinal[]): true {
    const older = this.#older ?? []
    for (let at = 1; at < older.length; at += olderWidth) dropped.push(older[at] as number)
    this.#older = null
    return true
  }
}

interface Leaf {
  readonly leaf: true
  entries: KeyEntry[]
  live: number
  next: Leaf | null
  previous: Leaf | null
}

interface Inner {
  readonly leaf: false
  children: Node[]
  /** `lows[i]` <= every key below `children[i]`, and > every key below `children[i - 1]`. */
  lows: string[]
  live: number
}

type Node = Leaf | Inner

const leafMax = 128
const innerMax = 64

export class KeyIndex {
  #root: Node = newLeaf([])
  #size = 0

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
    const at = lowerBound(leaf.entries, key)
    const entry = leaf.entries[at]
    return entry !== undefined && entry.key === key ? entry : undefined
  }

  /** Adds the newest version of a key. `known` is what `get` answers for it. */
  record(key: string, version: NewVersion, known: KeyEntry | undefined): KeyEntry {
    if (known === undefined) {
      const entry = new KeyEntry(key, version)
      this.#insert(entry)
      return entry
    }
    assert(known.key === key, 'the entry belongs to the key')
    const wasLive = known.version > 0
    known.advance(version)
    const isLive = version.version > 0
    if (wasLive !== isLive) this.#addLive(key, isLive ? 1 : -1)
    return known
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
    let leaf: Leaf | null = this.#leafOf(start)
    let at = lowerBound(leaf.entries, start)
    while (leaf !== null) {
      const entries: KeyEntry[] = leaf.entries
      for (; at < entries.length; at++) {
        const entry = entries[at] as KeyEntry
        if (end !== null && entry.key >= end) return
        if (!visit(entry)) return
      }
      leaf = leaf.next
      at = 0
    }
  }

  /** The same from the end on. */
  descend(start: string, end: string | null, visit: (entry: KeyEntry) => boolean): void {
    let leaf: Leaf | null = end === null ? this.#lastLeaf() : this.#leafOf(end)
    let at = (end === null ? leaf.entries.length : lowerBound(leaf.entries, end)) - 1
    while (leaf !== null) {
      const entries: KeyEntry[] = leaf.entries
      for (; at >= 0; at--) {
        const entry = entries[at] as KeyEntry
        if (entry.key < start || !visit(entry)) return
      }
      leaf = leaf.previous
      at = (leaf?.entries.length ?? 0) - 1
    }
  }

  /** Live keys in `start <= key < end`, without walking them. */
  countLive(start: string, end: string | null): number {
    if (end !== null && end <= start) return 0
    const below = end === null ? this.#root.live : this.#liveBelow(end)
    return below - this.#liveBelow(start)
  }

  #liveBelow(key: string): number {
    let node = this.#root
    let live = 0
    while (!node.leaf) {
      const at = childOf(node, key)
      for (let i = 0; i < at; i++) live += (node.children[i] as Node).live
      node = node.children[at] as Node
    }
    const end = lowerBound(node.entries, key)
    for (let i = 0; i < end; i++) if ((node.entries[i] as KeyEntry).version > 0) live++
    return live
  }

  #leafOf(key: string): Leaf {
    let node = this.#root
    while (!node.leaf) node = node.children[childOf(node, key)] as Node
    return node
  }

  #lastLeaf(): Leaf {
    let node = this.#root
    while (!node.leaf) node = must(node.children.at(-1), 'an inner node has children')
    return node
  }

  #addLive(key: string, change: 1 | -1): void {
    let node = this.#root
    while (!node.leaf) {
      node.live += change
      node = node.children[childOf(node, key)] as Node
    }
    node.live += change
  }

  #insert(entry: KeyEntry): void {
    this.#size++
    const sibling = insertInto(this.#root, entry)
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

function newLeaf(entries: KeyEntry[]): Leaf {
  return { leaf: true, entries, live: liveOf(entries), next: null, previous: null }
}

function liveOf(entries: readonly KeyEntry[]): number {
  let live = 0
  for (const entry of entries) if (entry.version > 0) live++
  return live
}

function lowOf(node: Node): string {
  if (!node.leaf) return must(node.lows[0], 'an inner node has children')
  return must(node.entries[0], 'a leaf that was split has entries').key
}

/** First position whose key is not below `key`. */
function lowerBound(entries: readonly KeyEntry[], key: string): number {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((entries[middle] as KeyEntry).key < key) low = middle + 1
    else high = middle
  }
  return low
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
function insertInto(node: Node, entry: KeyEntry): Node | null {
  if (entry.version > 0) node.live++
  if (node.leaf) {
    const at = lowerBound(node.entries, entry.key)
    assert(node.entries[at]?.key !== entry.key, 'a key stands in the index once')
    if (at === node.entries.length) node.entries.push(entry)
    else node.entries.splice(at, 0, entry)
    return node.entries.length > leafMax ? splitLeaf(node, at) : null
  }
  const at = childOf(node, entry.key)
  const sibling = insertInto(node.children[at] as Node, entry)
  if (sibling === null) return null
  node.children.splice(at + 1, 0, sibling)
  node.lows.splice(at + 1, 0, lowOf(sibling))
  return node.children.length > innerMax ? splitInner(node) : null
}

/** Keys that come in order fill leaves: a split at the end moves the last entry only. */
function splitLeaf(node: Leaf, insertedAt: number): Leaf {
  const last = node.entries.length - 1
  const middle = insertedAt === last && node.next === null ? last : node.entries.length >>> 1
  const right = newLeaf(node.entries.splice(middle))
  node.live -= right.live
  right.next = node.next
  right.previous = node
  if (node.next !== null) node.next.previous = right
  node.next = right
  return right
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
  node.live -= live
  if (node.leaf) {
    const at = lowerBound(node.entries, key)
    assert(node.entries[at]?.key === key, 'the key that is removed stands in its leaf')
    node.entries.splice(at, 1)
    return
  }
  const at = childOf(node, key)
  removeFrom(node.children[at] as Node, key, live)
  mergeAround(node, at)
}

/** Joins a child that has become small with a neighbour when both fit well into one node. */
function mergeAround(node: Inner, at: number): void {
  const child = node.children[at] as Node
  const max = child.leaf ? leafMax : innerMax
  if (widthOf(child) > max >>> 2 || node.children.length < 2) return
  const leftAt = at > 0 ? at - 1 : at
  const left = node.children[leftAt] as Node
  const right = node.children[leftAt + 1] as Node
  if (widthOf(left) + widthOf(right) > (max * 3) >>> 2 && widthOf(child) > 0) return
  if (left.leaf && right.leaf) {
    left.entries = left.entries.concat(right.entries)
    left.next = right.next
    if (right.next !== null) right.next.previous = left
  } else {
    assert(!left.leaf && !right.leaf, 'siblings stand at one height')
    left.children = left.children.concat(right.children)
    // The parent's bound holds for all of `right`; its own first one may be out of date.
    left.lows = left.lows.concat(must(node.lows[leftAt + 1], 'a bound'), right.lows.slice(1))
  }
  left.live += right.live
  node.children.splice(leftAt + 1, 1)
  node.lows.splice(leftAt + 1, 1)
}

function widthOf(node: Node): number {
  return node.leaf ? node.entries.length : node.children.length
}
