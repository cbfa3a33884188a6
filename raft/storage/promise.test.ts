// A term or a vote that was told is never forgotten: not by a torn write, not by one bad page, not by
// a crash of the start that cuts the torn write off.

import { describe, expect, test } from 'vitest'
import { must } from '../../platform/errors.js'
import type { HardState } from '../core/types.js'
import { logIndex, nodeId, term } from '../core/types.js'
import { Bench, entry, hard, write } from './testing/log-bench.js'

const path = '/log/0000000001.wal'
const pageBytes = 4096
const promise: HardState = { term: term(4), vote: nodeId(3), commit: logIndex(1) }

/** Two entries, then the vote; where its write begins and ends. */
function voted(entries = 0) {
  const bench = new Bench(1, 256 * 1024)
  const { log } = bench.opened()
  log.append(write({ entries: [entry(1, 1), entry(2, 1)], hardState: hard(1, 1) }), () => {})
  bench.clock.advance(100)
  const used = () =>
    Buffer.from(must(bench.disk.contentOf(path), 'the segment')).findLastIndex(b => b !== 0) + 1
  const before = used()
  const added = Array.from({ length: entries }, (_, at) => entry(3 + at, 4, 1000))
  log.append(write({ hardState: promise, entries: added }), () => {})
  bench.clock.advance(100)
  const content = must(bench.disk.contentOf(path), 'the segment')
  // The last record before may end in zeros.
  const begin = Buffer.from(content).indexOf('RMLG', before)
  return { content, begin, end: Math.ceil(used() / 8) * 8 }
}

describe('a promise', () => {
  test('stands twice in the write that makes it, more than a page apart', () => {
    const { begin, end } = voted()
    expect(end - begin).toBeGreaterThan(pageBytes + 64)
    expect(end - begin).toBeLessThan(pageBytes + 200)
    const long = voted(20)
    expect(long.end - long.begin).toBeLessThan(20 * 1100 + 200)
  })

  test.each([0, 20])('survives any one bad page under the last write (with %d entries)', count => {
    const { content, begin, end } = voted(count)
    for (let from = begin - pageBytes + 8; from < end; from += 24) {
      const damaged = content.slice()
      const start = Math.max(from, begin)
      damaged.fill(0xa5, start, Math.min(from + pageBytes, end))
      const bench = new Bench(2, 256 * 1024)
      bench.disk.place(path, damaged)
      const { recovered } = bench.opened()
      expect(recovered.hardState).toMatchObject({ term: 4, vote: 3 })
      expect(recovered.lastIndex).toBeLessThanOrEqual(2 + count)
      expect(recovered.lastIndex).toBeGreaterThanOrEqual(2)
    }
  })

  test('survives a crash at any moment of the start that finds it in a torn write', () => {
    const { content, begin } = voted()
    const damaged = content.slice()
    damaged[begin + 30] = 0xff
    let steps = 0
    for (let isDone = false; !isDone; steps += 1)
      for (let seed = 1; seed <= 8; seed += 1) {
        const bench = new Bench(seed, 256 * 1024)
        bench.disk.place(path, damaged)
        let opened = false
        bench.begin({}, () => {
          opened = true
        })
        for (let left = steps; left > 0; left -= 1) bench.clock.step()
        isDone = opened
        expect(bench.recover().hardState).toMatchObject({ term: 4, vote: 3 })
        expect(bench.recover()).toMatchObject({ hardState: { term: 4, vote: 3 }, tornBytes: 0 })
      }
    expect(steps).toBeGreaterThan(8)
  })

  test('is never taken back by an older one that stands behind it', () => {
    const bench = new Bench(1, 256 * 1024)
    const { log } = bench.opened()
    log.append(write({ hardState: promise }), () => {})
    bench.clock.advance(100)
    log.append(write({ entries: [entry(1, 4)], hardState: null }), () => {})
    bench.clock.advance(100)
    expect(bench.recover().hardState).toMatchObject({ term: 4, vote: 3 })
  })
})
