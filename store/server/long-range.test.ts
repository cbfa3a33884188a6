// Long ranges to many readers: in turns, within the budget, and none at another's cost.

import { describe, expect, it } from 'vitest'
import type { RaftsmanError } from '../../platform/errors.js'
import { VirtualClock } from '../../platform/testing/virtual-clock.js'
import { bytes, Driver, text } from '../core/testing/driver.js'
import type { KeyValue, RangeRequest, RangeResponse } from '../core/types.js'
import { LongRanges } from './long-range.js'
import { UnreadBudget } from './unread-budget.js'

const everything = { key: bytes('\0'), end: bytes('\0') }
const mebibyte = 1024 * 1024

class Reader {
  open = true
  bufferedBytes = 0
  bufferedBytesMost = 0
  parts = 0
  readonly kvs: KeyValue[] = []
  readonly #unread: UnreadBudget
  error: RaftsmanError | null = null
  response: RangeResponse | null = null

  constructor(unread: UnreadBudget) {
    this.#unread = unread
  }

  readonly sink = {
    part: (kvs: readonly KeyValue[]) => {
      this.parts += 1
      this.#take(kvs)
    },
    done: (error: RaftsmanError | null, response?: RangeResponse) => {
      this.error = error
      this.response = response ?? null
      this.#take(response?.kvs ?? [])
    },
  }

  read(bytesMax: number): void {
    this.bufferedBytes = Math.max(0, this.bufferedBytes - bytesMax)
  }

  #take(kvs: readonly KeyValue[]): void {
    this.kvs.push(...kvs)
    let bytes = 0
    for (const { key, value } of kvs) bytes += key.length + value.length
    this.#unread.sent(bytes)
    this.bufferedBytes += bytes
    this.bufferedBytesMost = Math.max(this.bufferedBytesMost, this.bufferedBytes)
  }
}

/** A store of `mebibytes` in values of 16 KiB. */
function setUp(mebibytes: number) {
  const driver = new Driver()
  const value = 'x'.repeat(16 * 1024)
  for (let at = 0; at < mebibytes * 64; at++) driver.put(`k${String(at).padStart(6, '0')}`, value)
  const clock = new VirtualClock()
  const unread = new UnreadBudget()
  const ranges = new LongRanges({ machine: driver.core, clock, unread })
  const readers: Reader[] = []
  unread.addSource(() => readers)
  const start = (request: RangeRequest = everything) => {
    const reader = new Reader(unread)
    readers.push(reader)
    ranges.answer(request, reader, reader.sink)
    return reader
  }
  return { driver, clock, unread, ranges, readers, start }
}

describe('a long range', () => {
  it('is given in slices, and what has not been read stays within the share', () => {
    const { driver, clock, ranges, start, unread } = setUp(16)
    const reader = start()
    for (let steps = 0; reader.response === null && steps < 10_000; steps++) {
      clock.step()
      if (steps % 7 === 0) reader.read(mebibyte)
      if (steps === 20) driver.put('k000000', 'changed meanwhile')
    }
    expect(reader.kvs).toHaveLength(16 * 64)
    expect(reader.response).toMatchObject({
      more: false,
      count: 16 * 64,
      header: { revision: 1025 },
    })
    expect(reader.kvs.every(kv => kv.value.length === 16 * 1024)).toBe(true)
    expect(reader.bufferedBytesMost).toBeLessThanOrEqual(unread.share + 300 * 1024)
    expect([ranges.size, clock.pending]).toEqual([0, 0])
  })

  it('waits for a reader that does not read, and holds up no other one', () => {
    const { clock, start, unread } = setUp(16)
    const deaf = start()
    const other = start()
    while (other.response === null) {
      clock.step()
      other.read(mebibyte)
    }
    expect(other.kvs).toHaveLength(16 * 64)
    expect([deaf.response, deaf.error]).toEqual([null, null])
    expect(deaf.bufferedBytes).toBeLessThanOrEqual(unread.share + 300 * 1024)
  })

  it('of a thousand readers that never read leaves no more than the budget in memory', () => {
    const { clock, start, readers, unread } = setUp(16)
    for (let at = 0; at < 1_000; at++) start()
    for (let steps = 0; steps < 5_000; steps++) clock.step()
    const total = () => readers.reduce((sum, { bufferedBytes }) => sum + bufferedBytes, 0)
    expect(total()).toBeLessThan(256 * mebibyte)
    // When they read after all, each gets the rest.
    for (let steps = 0; readers.some(({ response }) => response === null); steps++) {
      clock.step()
      if (steps % 1_000 === 0) for (const reader of readers) reader.read(4 * mebibyte)
      expect(steps).toBeLessThan(1_000_000)
    }
    expect(unread.share).toBeGreaterThan(mebibyte)
  })

  it('ends with its reader', () => {
    const { clock, ranges, start } = setUp(2)
    const reader = start()
    reader.open = false
    clock.step()
    expect([ranges.size, clock.pending, reader.response]).toEqual([0, 0, null])
  })

  it('that a compaction overtakes says so, by what was asked for', () => {
    const { driver, clock, start } = setUp(2)
    const newest = start()
    const pinned = start({ ...everything, revision: 100 })
    driver.put('k', 'later')
    driver.compact(driver.core.revision)
    while (clock.pending > 0) clock.step()
    expect(newest.error).toMatchObject({ code: 'range-interrupted', retryable: true })
    expect(pinned.error).toMatchObject({ code: 'compacted', retryable: false })
  })

  it('in another order, filtered or limited comes in slices as well', () => {
    const { clock, start } = setUp(2)
    const orders: readonly Partial<RangeRequest>[] = [
      { sortTarget: 'mod', sortOrder: 'descend' },
      { sortOrder: 'descend' },
      { minModRevision: 30 },
      { limit: 100 },
    ]
    for (const order of orders) {
      const reader = start({ ...everything, ...order })
      while (clock.pending > 0) {
        clock.step()
        reader.read(mebibyte)
      }
      expect(reader.parts).toBeGreaterThan(3)
      const first = text(reader.kvs[0]?.key ?? bytes(''))
      expect(first).toBe(
        order.sortOrder === 'descend' ? 'k000127' : order.limit ? 'k000000' : 'k000028',
      )
      expect(reader.response?.count).toBe(128)
    }
  })
})
