import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import type { RangeCursor, RangeEnd } from '../replica.js'
import { bytes, Driver, text } from '../testing/driver.js'
import { Model, type ModelVersion } from '../testing/model.js'
import type { KeyValue, RangeRequest, SortTarget } from '../types.js'

const everything = { key: bytes('\0'), end: bytes('\0') }

function take(cursor: RangeCursor, bytesMax: number, between = () => {}) {
  const kvs: KeyValue[] = []
  let slices = 0
  let end: RangeEnd | null = null
  while (end === null) {
    const slice = cursor.next(bytesMax)
    slices += 1
    kvs.push(...slice.kvs)
    ;({ end } = slice)
    between()
  }
  return { kvs, slices, ...end }
}

const put = (driver: Driver, model: Model, key: string, value: string) => {
  driver.put(key, value)
  const request = { key: bytes(key), value: bytes(value) }
  model.txn({ compare: [], success: [{ kind: 'put', request }], failure: [] })
}

const remove = (driver: Driver, model: Model, key: string, end: string) => {
  driver.delete(key, end)
  const request = { key: bytes(key), end: bytes(end) }
  model.txn({ compare: [], success: [{ kind: 'deleteRange', request }], failure: [] })
}

const ranks: Record<SortTarget, (one: ModelVersion) => number | string> = {
  key: one => one.key,
  version: one => one.version,
  create: one => one.create,
  mod: one => one.mod,
  value: one => one.value,
}

/** What the whole range amounts to, by the plain words of etcd's documentation. */
function wanted(model: Model, request: RangeRequest, revision: number) {
  const all = model.in('\0', '\0', revision)
  const { minModRevision = 0, maxCreateRevision = 0, limit = 0 } = request
  const rank = ranks[request.sortTarget ?? 'key']
  const sign = request.sortOrder === 'descend' ? -1 : 1
  const found = all
    .filter(one => minModRevision === 0 || one.mod >= minModRevision)
    .filter(one => maxCreateRevision === 0 || one.create <= maxCreateRevision)
    .slice(0, cutsFirst(request) ? limit + 1 : undefined)
    .map((one, at) => ({ one, at }))
    .sort((a, b) => {
      const [left, right] = [rank(a.one), rank(b.one)]
      return left === right ? a.at - b.at : left < right ? -sign : sign
    })
  const kept = limit > 0 ? found.slice(0, limit) : found
  return {
    kvs: kept.map(
      ({ one }) => `${one.key}=${request.keysOnly === true ? '' : one.value}@${one.mod}`,
    ),
    more: kept.length < found.length,
    count: all.length,
  }
}

/** Without an order and a choice of revisions, etcd sorts what the limit leaves. */
function cutsFirst({ limit = 0, sortOrder, sortTarget, ...request }: RangeRequest): boolean {
  const { minModRevision = 0, maxCreateRevision = 0 } = request
  const unordered = sortOrder === 'none' && sortTarget !== 'key'
  return limit > 0 && unordered && minModRevision === 0 && maxCreateRevision === 0
}

const change = fc.record({
  kind: fc.constantFrom('put', 'put', 'put', 'delete', 'compact', 'slice', 'flush', 'replace'),
  key: fc.nat(40).map(number => `k${number}`),
  value: fc.constantFrom('', 'x', 'y', 'zz'),
  back: fc.nat(30),
})

const asked = fc.record({
  limit: fc.constantFrom(0, 0, 1, 7, 1_000),
  back: fc.constantFrom(0, 0, 3, 20),
  sortTarget: fc.constantFrom<SortTarget>('key', 'key', 'version', 'create', 'mod', 'value'),
  sortOrder: fc.constantFrom('none' as const, 'ascend' as const, 'descend' as const),
  minModRevision: fc.constantFrom(0, 0, 5),
  maxCreateRevision: fc.constantFrom(0, 0, 20),
  keysOnly: fc.boolean(),
})

test('A range in slices is one picture, whatever is written, compacted or restored between them.', () => {
  fc.assert(
    fc.property(
      fc.array(change, { minLength: 10, maxLength: 60 }),
      fc.array(change, { maxLength: 30 }),
      asked,
      fc.constantFrom(1, 300, 1_000_000),
      (before, meanwhile, { back, ...options }, bytesMax) => {
        const driver = new Driver({ cacheBytesMax: 0 })
        const model = new Model()
        const apply = ({ kind, key, value, back: by }: (typeof before)[number]) => {
          const at = Math.max(1, model.revision - by)
          if (kind === 'put') put(driver, model, key, value)
          else if (kind === 'delete') remove(driver, model, key, `${key}9`)
          else if (kind === 'slice') driver.core.compactSlice(7)
          else if (kind === 'flush') driver.core.flush()
          else if (kind === 'replace') driver.restoreFromItself()
          else if (at > model.compacted) {
            driver.compact(at)
            model.compact(at)
          }
        }
        for (const one of before) apply(one)
        const revision = Math.max(model.compacted, 1, model.revision - back)
        const request = { ...everything, ...options, revision: back === 0 ? 0 : revision }
        const pinned = back === 0 ? model.revision : revision
        const expected = wanted(model, request, pinned)
        const cursor = driver.core.openRange(request)
        expect(cursor.revision).toBe(pinned)
        expect(cursor.header.revision).toBe(model.revision)
        const rest = [...meanwhile]
        const between = () => {
          const next = rest.shift()
          if (next !== undefined) apply(next)
        }
        let got: ReturnType<typeof take>
        try {
          got = take(cursor, bytesMax, between)
        } catch (error) {
          expect(error).toMatchObject({ code: 'compacted', compactRevision: model.compacted })
          expect(model.compacted).toBeGreaterThan(pinned)
          return
        }
        const shown = got.kvs.map(kv => `${text(kv.key)}=${text(kv.value)}@${kv.modRevision}`)
        expect({ kvs: shown, more: got.more, count: got.count }).toEqual(expected)
      },
    ),
    { numRuns: 400 },
  )
})

function filled(keys: number, config = {}): Driver {
  const driver = new Driver(config)
  for (let at = 0; at < keys; at += 500) {
    driver.batch(
      Array.from({ length: Math.min(500, keys - at) }, (_, i) => {
        const key = `k${String(((at + i) * 7919) % keys).padStart(6, '0')}`
        return { kind: 'put', request: { key: bytes(key), value: bytes(`v${at + i}`) } } as const
      }),
    )
  }
  return driver
}

test('Finding little in much is cut into slices too, and each gives what it found.', () => {
  const driver = filled(20_000)
  const { kvs, slices, count } = take(
    driver.core.openRange({ ...everything, minModRevision: driver.core.revision }),
    1_000_000,
  )
  expect([kvs.length, count]).toEqual([1, 20_000])
  expect(slices).toBeGreaterThanOrEqual(5)
})

test('A slice holds what was asked for in bytes, and a value more at most.', () => {
  const driver = new Driver()
  for (let at = 0; at < 50; at++) driver.put(`k${at}`, 'x'.repeat(10_000))
  const cursor = driver.core.openRange(everything)
  for (let slice = cursor.next(40_000); slice.end === null; slice = cursor.next(40_000)) {
    expect(slice.kvs.length).toBeLessThanOrEqual(4)
  }
})

test('A limited range of the newest revision does not look behind its limit, and counts all the same.', () => {
  const driver = filled(20_000)
  const { kvs, slices, more, count } = take(
    driver.core.openRange({ ...everything, limit: 10 }),
    1_000_000,
  )
  expect([kvs.length, slices, more, count]).toEqual([10, 1, true, 20_000])
})

test('A page of a revision a while ago is counted without a look behind its limit, and right.', () => {
  const driver = filled(20_000)
  const pinned = driver.core.revision
  for (let at = 0; at < 300; at++) {
    driver.put(`k000000/${at}`, 'new')
    if (at % 3 === 0) driver.delete(`k${String(at).padStart(6, '0')}`)
  }
  const pages = { ...everything, key: bytes('k0001'), revision: pinned, limit: 10 }
  const { kvs, slices, more, count } = take(driver.core.openRange(pages), 1_000_000)
  expect([kvs.length, slices, more, count]).toEqual([10, 1, true, 19_900])
  // Longer ago than is remembered, it is counted by walking, in slices.
  for (let at = 0; at < 20_000; at++) {
    driver.put('flickering', '')
    driver.delete('flickering')
  }
  const walked = take(driver.core.openRange(pages), 1_000_000)
  expect([walked.kvs.length, walked.more, walked.count]).toEqual([10, true, 19_900])
  expect(walked.slices).toBeGreaterThan(1)
})

test('A page ends by itself when it is long, and says that there is more.', () => {
  const driver = new Driver()
  for (let at = 0; at < 30; at++) driver.put(`k${at}`, 'x'.repeat(100_000))
  const { kvs, more, count } = take(driver.core.openRange({ ...everything, paged: true }), 1e9)
  expect([kvs.length, more, count]).toEqual([11, true, 30])
})

test('Sorting holds no more than its budget: beyond it the range is refused, and gives all back.', () => {
  const driver = filled(5_000, { sortBytesMax: 100_000 })
  const sorted = { ...everything, sortTarget: 'mod', sortOrder: 'descend' } as const
  for (let round = 0; round < 3; round++) {
    expect(() => take(driver.core.openRange(sorted), 1_000)).toThrow(
      expect.objectContaining({ code: 'sort-too-large', retryable: false }),
    )
  }
  // With a limit only the best are kept.
  const few = take(driver.core.openRange({ ...sorted, limit: 20 }), 1_000)
  expect(few.kvs.map(kv => kv.modRevision)).toEqual(
    Array.from({ length: 20 }, (_, at) => driver.core.revision - at),
  )
  expect([few.more, few.count]).toEqual([true, 5_000])
})

test('Sorted ranges share their budget; one that is left early gives its part back.', () => {
  const driver = filled(1_500, { sortBytesMax: 100_000 })
  const sorted = { ...everything, sortTarget: 'create' } as const
  const first = driver.core.openRange(sorted)
  first.next(1_000)
  expect(() => take(driver.core.openRange(sorted), 1_000)).toThrow(
    expect.objectContaining({ code: 'sort-memory-taken', retryable: true }),
  )
  first.close()
  expect(take(driver.core.openRange(sorted), 1_000).kvs).toHaveLength(1_500)
})
