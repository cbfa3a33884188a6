// Every answer against the one history that the store tells afterwards, by revision: what was acknowledged
// is where its answer says, what was refused has not happened, comparisons compared with what was there, and
// no answer is older than what anybody had been told before it was asked. Counterpart: the model of etcd's
// robustness tests. Linear in the history, and enough: the revisions are a linear order.

import type { Operation, Sighting } from '../run/operation.js'

/** One event of the history. */
export interface Change {
  readonly revision: number
  readonly kind: 'put' | 'delete'
  readonly key: string
  readonly value: string
  readonly version: number
  readonly createRevision: number
}

export interface Finding {
  readonly check: 'acknowledged-writes' | 'not-applied' | 'revision-witness' | 'history'
  readonly detail: string
}

const findingsMax = 100

export class RevisionOrder {
  readonly findings: Finding[] = []
  /** In the order of revisions. */
  private readonly byKey = new Map<string, Change[]>()
  /** Of values, and of items of lists: where they were written first. */
  private readonly written = new Map<string, Change[]>()
  private readonly byRevision = new Map<number, Change[]>()
  readonly lastRevision: number

  /** `changes`: every event there ever was, in order. An empty store has revision 1. */
  constructor(changes: readonly Change[]) {
    let last = 1
    for (const change of changes) {
      const { revision } = change
      // Nothing but the operations writes, and each writes something: there are no gaps.
      if (revision !== last && revision !== last + 1)
        this.found('history', `revision ${revision} follows ${last}`)
      last = revision
      this.take(change)
    }
    this.lastRevision = last
  }

  private found(check: Finding['check'], detail: string): void {
    if (this.findings.length < findingsMax) this.findings.push({ check, detail })
  }

  private take(change: Change): void {
    const { key, kind, value, version, createRevision, revision } = change
    const changes = this.byKey.get(key) ?? []
    this.byKey.set(key, changes)
    const before = changes.at(-1)
    const lives = before !== undefined && before.kind === 'put'
    const what = `${kind} of ${key} at ${revision}`
    if (before?.revision === revision) this.found('history', `${what} is there twice`)
    if (kind === 'delete' && !lives) this.found('history', `${what} deletes nothing`)
    if (kind === 'put') {
      const expected = lives ? before.version + 1 : 1
      if (version !== expected || createRevision !== (lives ? before.createRevision : revision))
        this.found('history', `${what} has version ${version}, it should be ${expected}`)
      const name = nameOf(value)
      const others = this.written.get(name) ?? []
      this.written.set(name, others)
      if (others.some(other => other.key === key || other.revision !== revision))
        this.found('acknowledged-writes', `${name} is written at ${revision} and before`)
      others.push(change)
    }
    changes.push(change)
    const together = this.byRevision.get(revision) ?? []
    this.byRevision.set(revision, together)
    together.push(change)
  }

  /** The last change of a key at or before a revision. */
  at(key: string, revision: number): Change | null {
    const changes = this.byKey.get(key) ?? []
    let low = 0
    let high = changes.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((changes[middle]?.revision ?? 0) <= revision) low = middle + 1
      else high = middle
    }
    return changes[low - 1] ?? null
  }

  private sighting(key: string, revision: number): Sighting {
    const change = this.at(key, revision)
    return change === null || change.kind === 'delete'
      ? { revision: 0, value: null }
      : { revision: change.revision, value: change.value }
  }

  judge(operations: readonly Operation[]): readonly Finding[] {
    for (const operation of operations) {
      const { answer, floor, call } = operation
      const name = nameOfCall(operation)
      if (answer !== null && answer.revision < floor)
        this.found('revision-witness', `${name} is answered at ${answer.revision}, below ${floor}`)
      switch (call.kind) {
        case 'read':
          this.read(operation, name)
          break
        case 'delete':
          this.deleted(operation, name)
          break
        case 'put':
          this.wrote(operation, name, call.value, [{ key: call.key, seen: null }])
          break
        case 'swap':
          this.wrote(operation, name, call.value, [call])
          break
        case 'append':
          this.wrote(operation, name, call.item, call.lists)
          break
      }
    }
    return this.findings
  }

  private read({ call, answer }: Operation, name: string): void {
    if (call.kind !== 'read' || answer?.found === undefined) return
    const { found, revision, member } = answer
    const expected = this.sighting(call.key, revision)
    if (found.revision !== expected.revision || found.value !== expected.value)
      this.found(
        'revision-witness',
        `${name} by member ${member} at ${revision} sees ${found.revision}, there was ${expected.revision}`,
      )
  }

  /** Whose deletion an event is, the history does not tell; an answer names its revision. */
  private deleted({ call, answer }: Operation, name: string): void {
    if (call.kind !== 'delete' || answer === null) return
    const { revision, succeeded } = answer
    const change = this.at(call.key, revision)
    if (succeeded === true && (change?.kind !== 'delete' || change.revision !== revision))
      this.found('acknowledged-writes', `${name}, acknowledged at ${revision}, is lost`)
    if (succeeded === false && change?.kind === 'put')
      this.found('revision-witness', `${name} found nothing at ${revision}, there is a value`)
  }

  private wrote(
    { answer, outcome, floor }: Operation,
    name: string,
    value: string,
    places: readonly { readonly key: string; readonly seen: Sighting | null }[],
  ): void {
    const changes = this.written.get(value) ?? []
    const [first] = changes
    const done = answer !== null && answer.succeeded !== false
    if (first !== undefined) {
      const { revision } = first
      if (outcome === 'not-applied' || answer?.succeeded === false)
        this.found('not-applied', `${name}, refused, has happened at ${revision}`)
      if (revision <= floor)
        this.found('revision-witness', `${name} is at ${revision}, ${floor} was known before`)
      if (changes.length !== places.length)
        this.found('revision-witness', `${name} is half there, at ${revision}`)
      for (const { key, seen } of places) this.followed(name, key, seen, first, value)
    }
    if (done && first?.revision !== answer.revision)
      this.found(
        'acknowledged-writes',
        `${name}, acknowledged at ${answer.revision}, is ${first === undefined ? 'lost' : `at ${first.revision}`}`,
      )
    if (answer?.succeeded === false && this.allAsSeen(places, answer.revision))
      this.found('revision-witness', `${name} failed at ${answer.revision}, nothing had changed`)
  }

  private allAsSeen(
    places: readonly { readonly key: string; readonly seen: Sighting | null }[],
    revision: number,
  ): boolean {
    return places.every(
      ({ key, seen }) => seen === null || this.sighting(key, revision).revision === seen.revision,
    )
  }

  /** What was written replaced what had been seen, and is what had been seen with something more. */
  private followed(
    name: string,
    key: string,
    seen: Sighting | null,
    { revision }: Change,
    value: string,
  ): void {
    const change = this.byRevision.get(revision)?.find(other => other.key === key)
    if (change === undefined || change.kind !== 'put' || nameOf(change.value) !== value) {
      this.found('revision-witness', `${name} is at ${revision}, and not in ${key}`)
      return
    }
    if (seen === null) return
    const before = this.sighting(key, revision - 1)
    if (before.revision !== seen.revision)
      this.found('revision-witness', `${name} replaced ${before.revision} of ${key}`)
  }
}

/** What a value is known by: of a list, its newest item. */
export function nameOf(value: string): string {
  const end = value.search(/[ ,]/)
  return end === -1 ? value : value.slice(0, end)
}

function nameOfCall({ client, call, calledMs }: Operation): string {
  const of = call.kind === 'append' ? call.lists.map(({ key }) => key).join(', ') : call.key
  return `${call.kind} of ${of} by client ${client} at ${Math.round(calledMs)} ms`
}
