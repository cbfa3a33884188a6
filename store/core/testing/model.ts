// A second, dumb implementation of the key-value semantics: an array of every version ever made, read
// from the front each time. Written from etcd's documented rules, not from the state machine.

import type { Compare, RequestOp, TxnRequest } from '../types.js'
import { text } from './driver.js'

export interface ModelVersion {
  readonly key: string
  readonly value: string
  readonly create: number
  readonly mod: number
  readonly version: number
}

export class ModelRefusal extends Error {}

export class Model {
  versions: ModelVersion[] = []
  revision = 1
  compacted = -1

  /** The live version of each key at a revision, in key order. */
  at(revision: number): ModelVersion[] {
    const newest = new Map<string, ModelVersion>()
    for (const version of this.versions) {
      if (version.mod <= revision) newest.set(version.key, version)
    }
    return [...newest.values()]
      .filter(version => version.version > 0)
      .sort((a, b) => (a.key < b.key ? -1 : 1))
  }

  in(key: string, end: string | undefined, revision: number): ModelVersion[] {
    return this.at(revision).filter(version =>
      end === undefined
        ? version.key === key
        : version.key >= key && (end === '\0' || version.key < end),
    )
  }

  read(key: string, end: string | undefined, revision: number, newest: number): ModelVersion[] {
    if (revision > newest) throw new ModelRefusal('future-revision')
    if (revision > 0 && revision < this.compacted) throw new ModelRefusal('compacted')
    return this.in(key, end, revision > 0 ? revision : Infinity)
  }

  compact(revision: number): void {
    if (revision <= this.compacted) throw new ModelRefusal('compacted')
    if (revision > this.revision) throw new ModelRefusal('future-revision')
    this.compacted = revision
  }

  /** Answers what the transaction's operations saw, flat. */
  txn(txn: TxnRequest): string[] {
    const before = this.versions.length
    const path: boolean[] = []
    this.#choose(txn, path)
    this.#check(txn, [...path], 'put')
    this.#check(txn, [...path], 'range')
    const seen: string[] = []
    this.#run(txn, path, this.revision + 1, seen)
    if (this.versions.length > before) this.revision++
    return seen
  }

  #choose(txn: TxnRequest, path: boolean[]): void {
    const succeeded = txn.compare.every(compare => this.#holds(compare))
    path.push(succeeded)
    for (const op of succeeded ? txn.success : txn.failure) {
      if (op.kind === 'txn') this.#choose(op.request, path)
    }
  }

  #check(txn: TxnRequest, path: boolean[], kind: 'put' | 'range'): void {
    for (const op of path.shift() ? txn.success : txn.failure) {
      if (op.kind === 'txn') this.#check(op.request, path, kind)
      if (op.kind !== kind) continue
      if (op.kind === 'range') this.read('', undefined, op.request.revision ?? 0, this.revision)
      if (op.kind === 'put' && op.request.ignoreValue === true) {
        if (this.in(text(op.request.key), undefined, Infinity).length === 0) {
          throw new ModelRefusal('key-not-found')
        }
      }
    }
  }

  #run(txn: TxnRequest, path: boolean[], revision: number, seen: string[]): void {
    const succeeded = path.shift() === true
    seen.push(`branch ${succeeded}`)
    for (const op of succeeded ? txn.success : txn.failure)
      this.#operation(op, path, revision, seen)
  }

  #operation(op: RequestOp, path: boolean[], revision: number, seen: string[]): void {
    if (op.kind === 'txn') {
      this.#run(op.request, path, revision, seen)
      return
    }
    const key = text(op.request.key)
    if (op.kind === 'put') {
      const [before] = this.in(key, undefined, Infinity)
      const value = op.request.ignoreValue === true ? before?.value : text(op.request.value)
      seen.push(`put ${before?.mod ?? 0}`)
      this.versions.push({
        key,
        value: value ?? '',
        create: before?.create ?? revision,
        mod: revision,
        version: (before?.version ?? 0) + 1,
      })
      return
    }
    const end = op.request.end === undefined ? undefined : text(op.request.end)
    if (op.kind === 'range') {
      const asked = op.request.revision ?? 0
      const found = this.in(key, end, asked > 0 ? asked : Infinity)
      seen.push(`range ${found.map(one => `${one.key}=${one.value}@${one.mod}`).join()}`)
      return
    }
    const found = this.in(key, end, Infinity)
    seen.push(`delete ${found.map(one => one.key).join()}`)
    for (const one of found) {
      this.versions.push({ key: one.key, value: '', create: 0, mod: revision, version: 0 })
    }
  }

  #holds(compare: Compare): boolean {
    const end = compare.end === undefined ? undefined : text(compare.end)
    const found = this.in(text(compare.key), end, Infinity)
    if (found.length === 0) return this.#passes(compare, undefined)
    return found.every(version => this.#passes(compare, version))
  }

  #passes(compare: Compare, version: ModelVersion | undefined): boolean {
    const test = (a: number | string, b: number | string): boolean =>
      compare.result === 'equal'
        ? a === b
        : compare.result === 'notEqual'
          ? a !== b
          : compare.result === 'greater'
            ? a > b
            : a < b
    if (compare.target === 'value') {
      return version !== undefined && test(version.value, text(compare.value))
    }
    if (compare.target === 'version') return test(version?.version ?? 0, compare.version)
    if (compare.target === 'create') return test(version?.create ?? 0, compare.createRevision)
    if (compare.target === 'mod') return test(version?.mod ?? 0, compare.modRevision)
    return test(0, compare.lease)
  }

  /** Put and delete events from a revision on, as a watch of a range has to deliver them. */
  events(key: string, end: string | undefined, from: number): string[] {
    return this.versions
      .filter(one => one.mod >= from)
      .filter(one =>
        end === undefined ? one.key === key : one.key >= key && (end === '\0' || one.key < end),
      )
      .map(one =>
        one.version > 0
          ? `put ${one.key}=${one.value} @${one.mod}`
          : `delete ${one.key} @${one.mod}`,
      )
  }
}
