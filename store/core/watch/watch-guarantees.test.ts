// What etcd promises of a watch (ordered, unique, reliable, atomic, resumable, bookmarkable), held
// against an array of all versions: watchers of all kinds, read slowly and in pieces, while keys are
// written, compacted and replaced by a snapshot.

import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { CompactedError } from '../errors.js'
import type { Watcher } from '../replica.js'
import { bytes, Driver, text } from '../testing/driver.js'
import { Model, type ModelVersion } from '../testing/model.js'
import type { WatchBatch, WatchEvent, WatchRequest } from '../types.js'

const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']

interface Span {
  readonly key: string
  readonly end: string | undefined
}

const span = fc
  .record({ from: fc.nat(6), width: fc.constantFrom(0, 1, 2, 99) })
  .map(({ from, width }): Span => {
    const end = width === 0 ? undefined : width === 99 ? '\0' : (keys[from + width] ?? '\0')
    return { key: keys[from] ?? 'a', end }
  })

const plan = fc.record({
  spans: fc.array(span, { minLength: 1, maxLength: 4 }),
  back: fc.constantFrom(0, 0, -3, 5, 40),
  prevKv: fc.boolean(),
  filter: fc.constantFrom('none' as const, 'none' as const, 'noPut' as const, 'noDelete' as const),
  fragments: fc.boolean(),
  bytesMax: fc.constantFrom(1, 500, 100_000),
})

type Plan = typeof plan extends fc.Arbitrary<infer T> ? T : never

const change = fc.record({
  kind: fc.constantFrom(
    ...(['put', 'put', 'put', 'many', 'delete', 'compact', 'slice', 'flush', 'replace'] as const),
    ...(['read', 'read', 'resume'] as const),
  ),
  key: fc.constantFrom(...keys),
  number: fc.nat(200),
})

const isIn = (key: string, spans: readonly Span[]): boolean =>
  spans.some(({ key: from, end }) =>
    end === undefined ? key === from : key >= from && (end === '\0' || key < end),
  )

const show = ({ kind, kv }: WatchEvent): string =>
  `${kind} ${text(kv.key)}=${text(kv.value)} @${kv.modRevision}`

const showVersion = (one: ModelVersion): string =>
  `${one.version > 0 ? 'put' : 'delete'} ${one.key}=${one.value} @${one.mod}`

/** A client that keeps what a watcher gave and judges it. */
class Observer {
  readonly #driver: Driver
  readonly #model: Model
  readonly #plan: Plan
  #watcher: Watcher
  readonly #start: number
  readonly #got: string[] = []
  /** Everything up to here was promised to have been delivered. */
  #promised: number
  #partOf: number | null = null
  readonly #state = { readable: true }
  ended = false

  constructor(driver: Driver, model: Model, one: Plan) {
    this.#driver = driver
    this.#model = model
    this.#plan = one
    const start = one.back === 0 ? 0 : Math.max(1, model.revision - one.back)
    this.#start = start === 0 ? model.revision + 1 : start
    this.#promised = this.#start - 1
    this.#watcher = this.#watch(start)
  }

  #watch(startRevision: number): Watcher {
    const [first, ...others] = this.#plan.spans.map(({ key, end }) =>
      end === undefined ? { key: bytes(key) } : { key: bytes(key), end: bytes(end) },
    )
    const request: WatchRequest = {
      key: bytes('a'),
      ...first,
      moreRanges: others,
      startRevision,
      prevKv: this.#plan.prevKv,
      noPut: this.#plan.filter === 'noPut',
      noDelete: this.#plan.filter === 'noDelete',
    }
    this.#state.readable = true
    return this.#driver.core.openWatch(request, () => {
      this.#state.readable = true
    })
  }

  #wanted(upTo: number): string[] {
    return this.#model.versions
      .filter(one => one.mod >= this.#start && one.mod <= upTo && isIn(one.key, this.#plan.spans))
      .filter(one => this.#plan.filter !== (one.version > 0 ? 'noPut' : 'noDelete'))
      .map(showVersion)
  }

  /** A few batches; all of them with `all`. */
  read(batches: number): void {
    for (let taken = 0; taken < batches && this.#state.readable && !this.ended; taken++) {
      let batch: WatchBatch | null
      try {
        batch = this.#watcher.next(this.#plan.bytesMax, this.#plan.fragments)
      } catch (error) {
        if (!(error instanceof CompactedError)) throw error
        this.#endedBy(error)
        return
      }
      if (batch === null) this.#state.readable = false
      else this.#take(batch)
      this.#askProgress()
    }
  }

  #endedBy(error: CompactedError): void {
    this.ended = true
    expect(error.compactRevision).toBe(this.#model.compacted)
    // It may not end for want of what it has or has no need of.
    expect(Math.max(this.#promised, this.#start - 1) + 1).toBeLessThan(this.#model.compacted)
    this.#watcher.close()
  }

  #take({ revision, events, more = false }: WatchBatch): void {
    for (const event of events) {
      expect(event.kv.modRevision).toBeLessThanOrEqual(revision)
      if (this.#partOf !== null) expect(event.kv.modRevision).toBeGreaterThanOrEqual(this.#partOf)
      this.#got.push(show(event))
      this.#judgePrevious(event)
    }
    if (more) {
      expect(this.#plan.fragments).toBe(true)
      expect(events.at(-1)?.kv.modRevision).toBe(revision)
      this.#partOf = revision
      return
    }
    // Atomic and reliable: whole revisions, with nothing missing up to what is promised.
    this.#partOf = null
    expect(revision).toBeGreaterThanOrEqual(this.#promised)
    expect(this.#watcher.nextRevision).toBe(Math.max(revision + 1, this.#start))
    this.#promised = revision
    this.#judge()
  }

  /** Ordered, unique, reliable: exactly what happened up to the promise. */
  #judge(): void {
    expect(this.#got).toEqual(this.#wanted(this.#promised))
  }

  #judgePrevious({ kv, prevKv }: WatchEvent): void {
    const before = this.#model.versions
      .filter(one => one.key === text(kv.key) && one.mod < kv.modRevision)
      .at(-1)
    const lived = before !== undefined && before.version > 0
    if (!this.#plan.prevKv || !lived) expect(prevKv).toBeNull()
    else if (kv.modRevision > this.#model.compacted) {
      expect(prevKv && text(prevKv.value)).toBe(before.value)
    }
  }

  /** Bookmarkable: what progress promises holds. */
  #askProgress(): void {
    const { revision } = this.#model
    const reached = this.#watcher.progress(0)
    expect(this.#watcher.progress(revision + 1)).toBeNull()
    if (reached === null) {
      expect(this.#start).toBeGreaterThan(revision + 1)
      return
    }
    expect(reached).toBeLessThanOrEqual(revision)
    if (this.#partOf !== null) expect(reached).toBe(this.#partOf - 1)
    else {
      this.#promised = Math.max(this.#promised, reached)
      this.#judge()
    }
  }

  /** Resumable: another watch from behind the promise continues it. */
  resume(): void {
    if (this.ended || this.#partOf !== null) return
    this.#watcher.close()
    expect(this.#watcher.next(1_000)).toBeNull()
    this.#watcher = this.#watch(Math.max(this.#start, this.#promised + 1))
  }

  finish(): void {
    this.read(Number.POSITIVE_INFINITY)
    if (this.ended) {
      const upTo = this.#wanted(this.#model.revision)
      expect(this.#got).toEqual(upTo.slice(0, this.#got.length))
    } else expect(this.#got).toEqual(this.#wanted(this.#model.revision))
  }
}

function put(driver: Driver, model: Model, key: string, value: string): void {
  driver.put(key, value)
  const request = { key: bytes(key), value: bytes(value) }
  model.txn({ compare: [], success: [{ kind: 'put', request }], failure: [] })
}

function apply(
  driver: Driver,
  model: Model,
  { kind, key, number }: { readonly kind: string; readonly key: string; readonly number: number },
): void {
  if (kind === 'put') put(driver, model, key, String(number))
  else if (kind === 'many') {
    for (let at = 0; at < number; at++) put(driver, model, keys[at % 8] ?? 'a', `m${at}`)
  } else if (kind === 'delete') {
    driver.delete(key, '\0')
    const request = { key: bytes(key), end: bytes('\0') }
    model.txn({ compare: [], success: [{ kind: 'deleteRange', request }], failure: [] })
  } else if (kind === 'compact') {
    const revision = model.revision - (number % 20)
    if (revision <= Math.max(0, model.compacted)) return
    driver.compact(revision)
    model.compact(revision)
  } else if (kind === 'slice') driver.core.compactSlice(3)
  else if (kind === 'flush') driver.core.flush()
  else if (kind === 'replace') driver.restoreFromItself()
}

test('Every watch is ordered, unique, reliable, atomic, resumable and bookmarkable, however it is read.', () => {
  fc.assert(
    fc.property(
      fc.array(change, { minLength: 5, maxLength: 60 }),
      fc.array(fc.record({ plan, at: fc.nat(40) }), { minLength: 1, maxLength: 5 }),
      fc.record({
        logEventsMax: fc.constantFrom(1, 20, 100_000),
        historyRowsMax: fc.constantFrom(1, 10, 2_000),
      }),
      (changes, watches, watch) => {
        const driver = new Driver({ cacheBytesMax: 0, watch })
        const model = new Model()
        const observers: Observer[] = []
        for (const [at, one] of changes.entries()) {
          for (const opened of watches) {
            if (opened.at === at) observers.push(new Observer(driver, model, opened.plan))
          }
          if (one.kind === 'read') {
            for (const [number, observer] of observers.entries()) {
              if ((one.number + number) % 2 === 0) observer.read(1 + (one.number % 7))
            }
          } else if (one.kind === 'resume') observers[one.number % 5]?.resume()
          else apply(driver, model, one)
        }
        for (const observer of observers) observer.finish()
      },
    ),
    { numRuns: 250 },
  )
})
