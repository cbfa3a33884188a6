// Judges a run against the one history that the store tells afterwards: nothing acknowledged is
// lost, nothing refused has happened, comparisons compared with what was there, no answer is older
// than what had been answered before it was asked. Counterpart: the robustness tests of etcd. Every
// sentence it returns is a broken promise.

import type { Revision, WatchEvent } from '../../core/types.js'
import { text } from './clients.js'
import type { ReadRecord, SwapRecord, WriteRecord } from './workload.js'

/** What the clients of a run remember. */
export interface Memory {
  readonly writes: readonly WriteRecord[]
  readonly swaps: readonly SwapRecord[]
  readonly reads: readonly ReadRecord[]
}

export interface Change {
  readonly revision: Revision
  readonly kind: 'put' | 'delete'
  readonly key: string
  readonly value: string
  readonly version: number
  readonly createRevision: Revision
}

export function changesOf(events: readonly WatchEvent[]): readonly Change[] {
  return events.map(({ kind, kv }) => ({
    revision: kv.modRevision,
    kind,
    key: text(kv.key),
    value: kind === 'put' ? text(kv.value) : '',
    version: kv.version,
    createRevision: kv.createRevision,
  }))
}

const lineOf = ({ revision, kind, key, version }: Change): string =>
  `${revision} ${kind} ${key} v${version}`

/** The first place where two tellings of the history differ, or null. */
export function firstDifference(
  told: readonly Change[],
  history: readonly Change[],
): string | null {
  const length = Math.max(told.length, history.length)
  for (let at = 0; at < length; at++) {
    const [a, b] = [told[at], history[at]]
    if (a === undefined || b === undefined || lineOf(a) !== lineOf(b) || a.value !== b.value) {
      const show = (change: Change | undefined) =>
        change === undefined ? 'the end' : lineOf(change)
      return `event ${at} is ${show(a)} where the history has ${show(b)}`
    }
  }
  return null
}

export class History {
  readonly #byKey = new Map<string, Change[]>()
  readonly #byValue = new Map<string, Change>()
  readonly broken: string[] = []

  constructor(changes: readonly Change[]) {
    let last: Revision = 0
    for (const change of changes) {
      if (change.revision <= last) this.broken.push(`revision ${change.revision} after ${last}`)
      last = change.revision
      this.#add(change)
    }
  }

  judge({ writes, swaps, reads }: Memory): readonly string[] {
    for (const write of writes) this.#write(write)
    for (const swap of swaps) this.#swap(swap)
    for (const read of reads) this.#read(read)
    return this.broken
  }

  /** What stands at the end, by key. */
  final(): ReadonlyMap<string, Change> {
    const final = new Map<string, Change>()
    for (const [key, changes] of this.#byKey) {
      const last = changes.at(-1)
      if (last !== undefined && last.kind === 'put') final.set(key, last)
    }
    return final
  }

  #add(change: Change): void {
    const { key, kind, value, version, createRevision, revision } = change
    const changes = this.#byKey.get(key) ?? []
    const before = changes.at(-1)
    const lives = before !== undefined && before.kind === 'put'
    if (kind === 'put') {
      const expectedVersion = lives ? before.version + 1 : 1
      const expectedCreate = lives ? before.createRevision : revision
      if (version !== expectedVersion || createRevision !== expectedCreate)
        this.broken.push(`${lineOf(change)} follows ${before ? lineOf(before) : 'nothing'}`)
      if (this.#byValue.has(value)) this.broken.push(`${lineOf(change)} was written twice`)
      this.#byValue.set(value, change)
    } else if (!lives) this.broken.push(`${lineOf(change)} deletes nothing`)
    this.#byKey.set(key, [...changes, change])
  }

  /** The last change of the key at or before the revision. */
  #at(key: string, revision: Revision): Change | null {
    return this.#byKey.get(key)?.findLast(change => change.revision <= revision) ?? null
  }

  #write(write: WriteRecord): void {
    const { kind, key, value, floor, fate } = write
    const change =
      kind === 'put'
        ? this.#byValue.get(value)
        : this.#byKey.get(key)?.find(other => other.kind === 'delete')
    const name = `${kind} of ${key}`
    if (fate.kind === 'not-applied' && change !== undefined)
      this.broken.push(`${name}, refused, has happened at ${change.revision}`)
    if (change !== undefined && change.revision <= floor)
      this.broken.push(`${name} happened at ${change.revision}, before it was asked (${floor})`)
    if (fate.kind !== 'done') return
    if (fate.revision <= floor && kind === 'put')
      this.broken.push(`${name} was answered ${fate.revision}, below ${floor}`)
    // An earlier write of the key with unknown fate may be missing, and then nothing is deleted.
    if (kind === 'delete' && this.#at(key, fate.revision)?.kind !== 'put' && change === undefined)
      return
    if (change?.revision !== fate.revision)
      this.broken.push(
        `${name}, acknowledged at ${fate.revision}, is at ${change?.revision ?? 'none'}`,
      )
  }

  #swap({ key, value, expected, floor, fate, succeeded }: SwapRecord): void {
    const change = this.#byValue.get(value)
    const name = `swap of ${key} from ${expected}`
    if (change !== undefined) {
      if (fate.kind === 'not-applied' || (fate.kind === 'done' && !succeeded))
        this.broken.push(`${name}, refused or failed, has happened at ${change.revision}`)
      if (change.revision <= floor)
        this.broken.push(`${name} happened at ${change.revision}, before it was asked (${floor})`)
      const before = this.#at(key, change.revision - 1)
      if ((before?.revision ?? 0) !== expected)
        this.broken.push(`${name} replaced ${before?.revision ?? 0}`)
    }
    if (fate.kind !== 'done') return
    if (fate.revision < floor) this.broken.push(`${name} was answered below ${floor}`)
    if (succeeded && change?.revision !== fate.revision)
      this.broken.push(`${name}, acknowledged at ${fate.revision}, is lost`)
    if (!succeeded && (this.#at(key, fate.revision)?.revision ?? 0) === expected)
      this.broken.push(`${name} failed at ${fate.revision} although it compared equal`)
  }

  #read({ key, floor, revision, member, found }: ReadRecord): void {
    const name = `read of ${key} by member ${member} at ${revision}`
    if (revision < floor) this.broken.push(`${name} is older than ${floor}, answered before`)
    const change = this.#at(key, revision)
    const expected = change?.kind === 'put' ? change.revision : 0
    if ((found?.modRevision ?? 0) !== expected || (found !== null && found.value !== change?.value))
      this.broken.push(`${name} saw ${found?.modRevision ?? 0}, the history has ${expected}`)
  }
}
