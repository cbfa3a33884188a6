// Entries read back while the log is written: never an overwritten one, never a damaged one.

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { seededRandom } from '../../platform/seeded-random.js'
import type { Entry } from '../core/types.js'
import { logIndex } from '../core/types.js'
import { EntryIndex } from './entry-index.js'
import { Bench, entry, hard, meta, write } from './testing/log-bench.js'
import { Model, steps } from './testing/log-model.js'

const plain = (entries: readonly Entry[]) =>
  entries.map(({ data, ...rest }) => ({ ...rest, data: Buffer.from(data).toString('hex') }))

/** Entries as `read` should answer: below `bytesMax` together, but at least one. */
function expected(model: Model, from: number, bytesMax: number): readonly Entry[] {
  const { entries, snapshot } = model.state
  const found: Entry[] = []
  let bytes = 0
  for (const candidate of entries.slice(from - snapshot.index - 1)) {
    bytes += candidate.data.length + 48
    if (bytes > bytesMax && found.length > 0) break
    found.push(candidate)
  }
  return found
}

function termBefore(model: Model, from: number): number | undefined {
  const { entries, snapshot } = model.state
  return from - 1 === snapshot.index ? snapshot.term : entries[from - snapshot.index - 2]?.term
}

describe('a read', () => {
  test('finds what a dumb model holds, whatever was written, cut and compacted before', () => {
    fc.assert(
      fc.property(steps, fc.nat(), fc.constantFrom(1, 300, 2000, 100_000), (plan, seed, bytes) => {
        const bench = new Bench(seed)
        const model = new Model()
        const { log } = bench.opened()
        for (const step of plan) model.run(step, log, () => {})
        bench.clock.advance(1000)
        const { start, last } = { start: model.state.snapshot.index, last: model.last }
        for (let from = 1; from <= last + 1; from += 1) {
          const { error, found } = bench.read(log, from, bytes)
          expect(error).toBeNull()
          if (from <= start) expect(found).toBeNull()
          else {
            expect(found?.prevTerm).toBe(termBefore(model, from))
            expect(plain(found?.entries ?? [])).toEqual(plain(expected(model, from, bytes)))
          }
        }
        expect(bench.read(log, last + 2).error).toMatchObject({ code: 'log-out-of-range' })
      }),
    )
  })

  test('never returns what was overwritten, however it overlaps with writes', () => {
    let answers = 0
    fc.assert(
      fc.property(steps, fc.nat(), (plan, seed) => {
        const bench = new Bench(seed)
        const model = new Model()
        const { log } = bench.opened()
        const random = seededRandom(seed)
        for (const step of plan) {
          model.run(step, log, () => {})
          const from = logIndex(1 + random.integer(model.last + 1))
          log.read(from, 1 + random.integer(3000), (error, found) => {
            if (error !== null) expect(error.code).toBe('log-out-of-range')
            else if (found === null || found === undefined) return
            else {
              answers += found.entries.length
              for (const [at, one] of found.entries.entries()) {
                expect(one.index).toBe(from + at)
                expect(one).toEqual(model.latest.get(one.index))
              }
            }
          })
          for (let count = random.integer(8); count > 0; count -= 1) bench.clock.step()
        }
        bench.clock.advance(1000)
      }),
      { numRuns: 300 },
    )
    expect(answers).toBeGreaterThan(300)
  })

  test('goes on where memory ends after a start that kept only the newest entries', () => {
    fc.assert(
      fc.property(
        steps,
        fc.nat(),
        fc.constantFrom(0, 500, 3000),
        fc.nat(40),
        (plan, seed, cachedBytesMax, applied) => {
          const bench = new Bench(seed)
          const model = new Model()
          const { log } = bench.opened()
          for (const step of plan) model.run(step, log, () => {})
          bench.clock.advance(1000)
          log.halt(() => {})
          bench.clock.advance(1000)
          const appliedIndex = logIndex(applied)
          const again = bench.opened({ cachedBytesMax, appliedIndex })
          const { entries, entriesAfter, snapshot, termRuns, confChanges } = again.recovered
          const all = model.state.entries
          const onDisk = all.slice(0, Math.max(0, (entriesAfter?.index ?? 0) - snapshot.index))
          expect(plain(entries)).toEqual(plain(all.slice(onDisk.length)))
          expect(onDisk.at(-1)?.index ?? 0).toBeLessThanOrEqual(applied)
          expect(entriesAfter?.term).toBe(onDisk.at(-1)?.term)
          expect(again.recovered.lastIndex).toBe(model.last)
          const term = (index: number) => termRuns.findLast(({ from }) => from <= index)?.term
          for (const one of onDisk) expect(term(one.index)).toBe(one.term)
          expect(confChanges).toEqual(onDisk.filter(({ kind }) => kind === 'confChange'))
          for (const { index } of onDisk)
            expect(bench.read(again.log, index, 1).found?.entries).toEqual([
              model.latest.get(index),
            ])
        },
      ),
    )
  })

  test('tells damage from entries: a flipped bit anywhere in a record is an error', () => {
    const bench = new Bench(1, 64 * 1024)
    const { log } = bench.opened()
    for (let index = 1; index <= 3; index += 1) {
      log.append(write({ entries: [entry(index, 1, 100)], hardState: hard(1, 0) }), () => {})
      bench.clock.advance(100)
    }
    const path = '/log/0000000001.wal'
    const content = Buffer.from(bench.disk.contentOf(path) ?? [])
    const start = content.indexOf(Buffer.alloc(100, 3)) - 72
    for (let offset = start; offset < start + 172; offset += 1) {
      bench.disk.flipBit(path, offset, offset % 8)
      expect(bench.read(log, 2).error).toMatchObject({ code: 'log-unreadable', file: path })
      bench.disk.flipBit(path, offset, offset % 8)
    }
    expect(bench.read(log, 2).found?.entries).toHaveLength(2)
  })

  test('does not take the copy of another record for the one that was there', () => {
    const bench = new Bench(1, 64 * 1024)
    const { log } = bench.opened()
    // Records of one sector each, so that a sector in the wrong place is a whole good record.
    for (let index = 1; index <= 40; index += 1)
      log.append(write({ entries: [entry(index, 1, 512 - 72)] }), () => {})
    bench.clock.advance(1000)
    const path = '/log/0000000001.wal'
    const content = Buffer.from(bench.disk.contentOf(path) ?? [])
    const second = content.indexOf(Buffer.alloc(440, 22)) - 72
    const copy = content.subarray(second, second + 512)
    for (const byte of [10, 11, 30]) {
      const at = content.indexOf(Buffer.alloc(440, byte)) - 72
      const damaged = Buffer.from(content)
      copy.copy(damaged, at)
      bench.disk.place(path, damaged)
      const { error, found } = bench.read(log, byte - 1)
      expect(found).toBeNull()
      expect(error).toMatchObject({ code: 'log-unreadable', offset: at })
      bench.disk.place(path, content)
    }
  })

  test('ends with an error that says where when the segment is gone', () => {
    const bench = new Bench()
    const { log } = bench.opened()
    for (let index = 1; index <= 10; index += 1)
      log.append(write({ entries: [entry(index, 1, 900)] }), () => {})
    bench.clock.advance(1000)
    bench.disk.remove('/log/0000000001.wal', () => {})
    expect(bench.read(log, 1).error).toMatchObject({
      code: 'log-unreadable',
      file: '/log/0000000001.wal',
    })
  })

  test('is refused beyond what may wait, and the others are answered in order', () => {
    const bench = new Bench()
    const { log } = bench.opened()
    log.append(write({ entries: [entry(1, 1)] }), () => {})
    bench.clock.advance(100)
    const answers: string[] = []
    for (let at = 0; at < 70; at += 1)
      log.read(logIndex(1), 1000, error => answers.push(error?.code ?? 'found'))
    bench.clock.advance(1000)
    expect(answers).toHaveLength(70)
    expect(answers.filter(code => code === 'log-busy')).toHaveLength(6)
  })

  test('is compacted when the log has moved on behind it', () => {
    const bench = new Bench()
    const { log } = bench.opened()
    for (let index = 1; index <= 30; index += 1)
      log.append(write({ entries: [entry(index, 1, 500)] }), () => {})
    bench.clock.advance(1000)
    log.compact(meta(20, 1))
    bench.clock.advance(1000)
    expect(bench.read(log, 20)).toEqual({ error: null, found: null })
    expect(bench.read(log, 21).found).toMatchObject({ prevTerm: 1, entries: { length: 10 } })
  })

  test('keeps a closing log open until it has ended, and is not answered', () => {
    const bench = new Bench()
    const { log } = bench.opened()
    log.append(write({ entries: [entry(1, 1)] }), () => {})
    bench.clock.advance(100)
    const answers: string[] = []
    log.read(logIndex(1), 1000, () => answers.push('read'))
    bench.clock.step()
    log.close(() => answers.push('closed'))
    bench.clock.advance(100)
    expect(answers).toEqual(['closed'])
  })
})

describe('the table of where entries stand', () => {
  test('has a point every 64 KiB, not one a record', () => {
    const index = new EntryIndex()
    const records = 100_000
    for (let at = 1; at <= records; at += 1)
      index.append({ index: at, sequence: 1, offset: at * 400, crc: at }, at)
    expect(index.size).toBeLessThan((records * 400) / (64 * 1024) + 2)
    expect(index.find(records)).toMatchObject({ sequence: 1, last: records })
    expect(index.meanBytes).toBe(400)
    index.forget(records / 2)
    expect(index.size).toBeLessThan((records * 200) / (64 * 1024) + 3)
    expect(index.find(records / 2 + 1)?.index).toBeLessThanOrEqual(records / 2 + 1)
  })

  test('knows what an entry takes on average, within segments', () => {
    const index = new EntryIndex()
    expect(index.meanBytes).toBe(0)
    for (let at = 0; at < 10; at += 1) {
      const offset = 100 + (at % 5) * 100_000
      const first = 1 + at * 50
      index.append({ index: first, sequence: at < 5 ? 1 : 2, offset, crc: at }, first + 49)
    }
    expect(index.meanBytes).toBe(2000)
  })
})
