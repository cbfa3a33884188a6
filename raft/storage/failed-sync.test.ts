// What a sync is worth. A synced write makes nothing durable but itself.
// What a failed sync leaves behind: pages that count as clean, hold the new bytes, and are not on the
// disk. The process ends; what the next one reads must not be taken for durable (fsyncgate, 2018).

import { expect, it } from 'vitest'
import { Bench, entry, hard, write } from './testing/log-bench.js'

it('writes again at a start what a failed sync may have left in the cache alone', () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const bench = new Bench(seed)
    const { log } = bench.opened()
    log.append(write({ entries: [entry(1, 1)], hardState: hard(1, 0) }), () => {})
    bench.clock.advance(100)
    bench.disk.faults.syncsUntilFailure = 0
    log.append(write({ entries: [entry(2, 1)], hardState: hard(2, 1) }), () => {})
    bench.clock.advance(100)
    expect(bench.fatal.length).toBe(1)
    // The process is gone, the machine is not.
    bench.disk.kill()
    bench.clock.forget()
    const found = bench.opened().recovered
    // From here on it is answered for, so a power cut must not take it.
    const after = bench.recover()
    expect(after.hardState).toEqual(found.hardState)
    expect(after.entries.map(({ index }) => index)).toEqual(found.entries.map(e => e.index))
  }
})

it('answers when what was written before without a sync is durable as well', () => {
  for (let seed = 1; seed <= 20; seed += 1) {
    const bench = new Bench(seed)
    const { log } = bench.opened()
    log.append(write({ entries: [entry(1, 1)], hardState: hard(1, 0) }), () => {})
    bench.clock.advance(100)
    for (let bytes = 0; bytes < 2_000; bytes += 50) {
      log.append(write({ hardState: hard(1, 1), mustSync: false }), () => {})
      bench.clock.advance(100)
    }
    let answered = false
    log.append(write({ entries: [entry(2, 1, 700)] }), () => {
      answered = true
    })
    bench.clock.advance(100)
    expect(answered).toBe(true)
    expect(bench.recover().entries.map(({ index }) => index)).toEqual([1, 2])
  }
})
