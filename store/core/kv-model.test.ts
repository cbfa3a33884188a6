import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { StoreError } from './errors.js'
import { keyBytes } from './key-range.js'
import { ranged, type Step, step } from './testing/arbitraries.js'
import { bytes, Driver, show, showEvent, text } from './testing/driver.js'
import { Model, ModelRefusal } from './testing/model.js'
import type { TxnResponse } from './types.js'

/** What the operations of a transaction saw, in the model's words. */
function seenBy(response: TxnResponse): string[] {
  const seen = [`branch ${response.succeeded}`]
  for (const op of response.responses) {
    if (op.kind === 'txn') seen.push(...seenBy(op.response))
    else if (op.kind === 'put') seen.push(`put ${op.response.prevKv?.modRevision ?? 0}`)
    else if (op.kind === 'deleteRange') {
      seen.push(`delete ${op.response.prevKvs.map(kv => text(kv.key)).join()}`)
    } else {
      const kvs = op.response.kvs.map(kv => `${text(kv.key)}=${text(kv.value)}@${kv.modRevision}`)
      seen.push(`range ${kvs.join()}`)
    }
  }
  return seen
}

function outcome(work: () => unknown): unknown {
  try {
    return work()
  } catch (error) {
    if (error instanceof StoreError) return error.code
    if (error instanceof ModelRefusal) return error.message
    throw error
  }
}

function take(driver: Driver, model: Model, one: Step): void {
  switch (one.kind) {
    case 'txn': {
      const got = outcome(() => seenBy(driver.txn(one.request)))
      // Which operations clash within a transaction is a table of its own.
      if (got !== 'duplicate-key') expect(got).toEqual(outcome(() => model.txn(one.request)))
      return
    }
    case 'compact': {
      const revision = Math.max(0, model.revision - one.back)
      const got = outcome(() => driver.compact(revision).header.revision)
      const wanted = outcome(() => {
        model.compact(revision)
        return model.revision
      })
      expect(got).toEqual(wanted)
      return
    }
    case 'slice':
      driver.core.compactSlice(one.keys)
      return
    case 'flush':
      driver.core.flush()
  }
}

function compareReads(driver: Driver, model: Model): void {
  expect(driver.core.revision).toBe(model.revision)
  for (let revision = 0; revision <= model.revision + 1; revision++) {
    for (const [key, end] of [
      ['a', '\0'],
      ['b', undefined],
      ['b', 'e'],
    ] as const) {
      const request = { ...ranged(key, end), revision }
      const wanted = outcome(() =>
        model
          .read(key, end, revision, model.revision)
          .map(one => `${one.key}=${one.value} c${one.create} m${one.mod} v${one.version}`),
      )
      expect(outcome(() => driver.core.range(request).kvs.map(show))).toEqual(wanted)
      const count = Array.isArray(wanted) ? wanted.length : wanted
      expect(outcome(() => driver.core.range({ ...request, countOnly: true }).count)).toEqual(count)
      const limited = outcome(() => {
        const { kvs, more, count } = driver.core.range({ ...request, limit: 2 })
        return [kvs.length, more, count]
      })
      const all = Array.isArray(wanted) ? wanted.length : 0
      expect(limited).toEqual(Array.isArray(wanted) ? [Math.min(2, all), all > 2, all] : wanted)
    }
  }
}

test('Keys, transactions and compactions agree with an array of all versions.', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), steps => {
      // A cache of nothing and a flush in between: rows come from everywhere they can be.
      const driver = new Driver({ cacheBytesMax: 0 })
      const model = new Model()
      for (const one of steps) take(driver, model, one)
      compareReads(driver, model)
      while (!driver.core.compactSlice(2)) compareReads(driver, model)
      compareReads(driver, model)
    }),
    { numRuns: 300 },
  )
})

test('A watch from any revision that is kept replays exactly what happened, however it is read.', () => {
  const watched = fc.record({
    from: fc.integer({ min: 0, max: 12 }),
    key: fc.constantFrom('a', 'b'),
    end: fc.constantFrom(undefined, '\0', 'd'),
    bytesMax: fc.constantFrom(1, 400, 100_000),
  })
  const limits = fc.record({
    logEventsMax: fc.constantFrom(1, 4, 1000),
    historyRowsMax: fc.constantFrom(1, 5, 1000),
  })
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 40 }),
      watched,
      limits,
      fc.nat(40),
      (steps, w, watch, at) => {
        const driver = new Driver({ cacheBytesMax: 0, watch })
        const model = new Model()
        const events: string[] = []
        let woken = false
        let watcher: ReturnType<typeof driver.core.openWatch> | null = null
        let from = 0
        let ended = false
        const drain = (): void => {
          for (let batch = watcher?.next(w.bytesMax); batch; batch = watcher?.next(w.bytesMax)) {
            const revisions = batch.events.map(event => event.kv.modRevision)
            // Atomic: a revision's events stand in one batch, which is never behind what it says.
            expect(Math.max(0, ...revisions)).toBeLessThanOrEqual(batch.revision)
            expect(watcher?.nextRevision).toBe(batch.revision + 1)
            events.push(...batch.events.map(showEvent))
          }
        }
        const attempt = (): void => {
          if (watcher === null || ended) return
          const got = outcome(drain)
          if (got === undefined) return
          expect(got).toBe('compacted')
          ended = true
        }
        for (const [number, one] of steps.entries()) {
          if (number === at) {
            from = w.from === 0 ? model.revision + 1 : w.from
            watcher = driver.core.openWatch(
              { ...ranged(w.key, w.end), startRevision: w.from },
              () => {
                expect(woken).toBe(false)
                woken = true
              },
            )
            attempt()
          }
          take(driver, model, one)
          if (woken) {
            woken = false
            attempt()
          }
        }
        attempt()
        if (watcher === null) return
        const wanted = model.events(w.key, w.end, from)
        if (ended) expect(events).toEqual(wanted.slice(0, events.length))
        else expect(events).toEqual(wanted)
      },
    ),
    { numRuns: 400 },
  )
})

test('Equal logs give equal states, whatever is flushed and compacted where.', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), steps => {
      const driver = new Driver()
      const model = new Model()
      for (const one of steps) take(driver, model, one)
      const other = new Driver({ cacheBytesMax: 0, watch: { logEventsMax: 1 } })
      for (const [number, entry] of driver.entries.entries()) {
        other.core.apply(entry)
        if (number % 3 === 0) other.core.compactSlice(1)
      }
      expect(other.core.stateHash).toBe(driver.core.stateHash)
      const { revision } = driver.core
      const hash = (core: typeof driver.core) => core.hashKv(revision).step(1000)?.hash
      expect(hash(other.core)).toBe(hash(driver.core))
      while (!other.core.compactSlice(10));
      expect(hash(other.core)).toBe(hash(driver.core))
    }),
    { numRuns: 100 },
  )
})

test('One changed byte changes both hashes.', () => {
  const build = (value: string): Driver => {
    const driver = new Driver()
    driver.put('a', 'same')
    driver.run({ kind: 'put', request: { key: keyBytes('b'), value: bytes(value) } })
    return driver
  }
  const [one, two] = [build('x'), build('y')]
  expect(one.core.stateHash).not.toBe(two.core.stateHash)
  expect(one.core.hashKv(0).step(10)?.hash).not.toBe(two.core.hashKv(0).step(10)?.hash)
})
