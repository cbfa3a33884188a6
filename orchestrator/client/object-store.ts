// What an informer knows: objects by key, with indexes that follow every change.
// Counterpart: client-go's ThreadSafeStore. Objects are never changed in place.

import { must } from '../../platform/errors.js'
import type { KubeObject } from '../api/object.js'
import { objectKey } from './resources.js'

/** The values under which an object is found; none leaves it out. */
export type IndexFunction<T extends KubeObject> = (object: T) => readonly string[]

interface Index<T extends KubeObject> {
  readonly valuesOf: IndexFunction<T>
  /** By value and then by key. */
  readonly found: Map<string, Map<string, T>>
}

/** The read side, which reconcilers get. */
export interface ObjectReader<T extends KubeObject> {
  readonly size: number
  get(key: string): T | undefined
  list(): readonly T[]
  /** Keys of all objects. */
  keys(): readonly string[]
  /** Throws an InvariantViolation for an index that was never added. */
  byIndex(name: string, value: string): readonly T[]
}

export class ObjectStore<T extends KubeObject> implements ObjectReader<T> {
  private readonly objects = new Map<string, T>()
  private readonly indexes = new Map<string, Index<T>>()

  get size(): number {
    return this.objects.size
  }

  /** Idempotent by name; the first function stays. */
  addIndex(name: string, valuesOf: IndexFunction<T>): void {
    if (this.indexes.has(name)) return
    const index: Index<T> = { valuesOf, found: new Map() }
    this.indexes.set(name, index)
    for (const [key, object] of this.objects) insert(index, key, object)
  }

  get(key: string): T | undefined {
    return this.objects.get(key)
  }

  list(): readonly T[] {
    return [...this.objects.values()]
  }

  keys(): readonly string[] {
    return [...this.objects.keys()]
  }

  byIndex(name: string, value: string): readonly T[] {
    const found = must(this.indexes.get(name), `no index ${name}`).found.get(value)
    return found === undefined ? [] : [...found.values()]
  }

  set(object: T): void {
    const key = objectKey(object)
    const old = this.objects.get(key)
    this.objects.set(key, object)
    for (const index of this.indexes.values()) {
      if (old) remove(index, key, old)
      insert(index, key, object)
    }
  }

  delete(key: string): T | undefined {
    const old = this.objects.get(key)
    if (!old) return undefined
    this.objects.delete(key)
    for (const index of this.indexes.values()) remove(index, key, old)
    return old
  }
}

function insert<T extends KubeObject>(index: Index<T>, key: string, object: T): void {
  for (const value of index.valuesOf(object)) {
    const found = index.found.get(value)
    if (found) found.set(key, object)
    else index.found.set(value, new Map([[key, object]]))
  }
}

function remove<T extends KubeObject>(index: Index<T>, key: string, object: T): void {
  for (const value of index.valuesOf(object)) {
    const found = index.found.get(value)
    found?.delete(key)
    if (found?.size === 0) index.found.delete(value)
  }
}

export const namespaceIndex = 'namespace'
export const byNamespace: IndexFunction<KubeObject> = object => [object.metadata.namespace ?? '']

export const ownerUidIndex = 'ownerUid'
/** By the uid of every owner, controlling or not. */
export const byOwnerUid: IndexFunction<KubeObject> = object =>
  (object.metadata.ownerReferences ?? []).map(owner => owner.uid)

export const labelIndex = (label: string): string => `label:${label}`
/** By the value of one label, within its namespace: "namespace/value". */
export const byLabel =
  (label: string): IndexFunction<KubeObject> =>
  object => {
    const value = object.metadata.labels?.[label]
    return value === undefined ? [] : [`${object.metadata.namespace ?? ''}/${value}`]
  }

export const nodeNameIndex = 'nodeName'
