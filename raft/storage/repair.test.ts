// Repairs of damaged logs: what comes out is a log that this member once had, or the end of the one it
// has now; what may be missing is said; and a promise is never forgotten.

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Disk } from '../../platform/disk.js'
import { DiskError } from '../../platform/disk.js'
import { must } from '../../platform/errors.js'
import { logIndex } from '../core/types.js'
import type { Recovered } from './log.js'
import type { LogRecord } from './record.js'
import { readRecord, recordType } from './record.js'
import { Bench, confState, entry, hard, meta, write } from './testing/log-bench.js'
import { Model, steps } from './testing/log-model.js'
import { patientDisk } from './unreadable-pages.js'

type Damage =
  | { readonly kind: 'bit' | 'sector' | 'misdirected'; readonly at: number; readonly to: number }
  | { readonly kind: 'gone'; readonly at: number }

const damages = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constantFrom('bit' as const, 'sector' as const, 'misdirected' as const),
      at: fc.nat(),
      to: fc.nat(),
    }),
    fc.record({ kind: fc.constant('gone' as const), at: fc.nat() }),
  ),
  { minLength: 1, maxLength: 3 },
)

const segmentsOf = (bench: Bench) =>
  bench.disk.paths().filter(name => /^\/log\/\d+\.wal$/.test(name))

const usedOf = (content: Uint8Array) => content.findLastIndex(byte => byte !== 0) + 1

/** Where damage may strike: not the very last write, where it would pass for a torn one. */
function target(bench: Bench, path: string, lastWrite: LastWrite): number {
  const content = must(bench.disk.contentOf(path), 'its content')
  if (path === lastWrite.path) return lastWrite.offset
  const isLast = path === segmentsOf(bench).at(-1)
  return isLast ? Buffer.from(content).readUInt32LE(64) : usedOf(content)
}

interface LastWrite {
  readonly path: string
  readonly offset: number
}

function inflict(bench: Bench, damage: Damage, lastWrite: LastWrite): void {
  const paths = segmentsOf(bench)
  const path = must(paths[damage.at % paths.length], 'a segment')
  const content = must(bench.disk.contentOf(path), 'its content')
  const used = target(bench, path, lastWrite)
  switch (damage.kind) {
    case 'bit':
      bench.disk.flipBit(path, damage.to % used, damage.at % 8)
      return
    case 'sector': {
      const start = (damage.to % used) & ~511
      content.fill(0xa5, start, Math.min(start + 512, used))
      bench.disk.place(path, content)
      return
    }
    case 'misdirected': {
      const [from, to] = [(damage.at % used) & ~63, (damage.to % used) & ~63]
      content.copyWithin(to, from, from + Math.min(64, used - to))
      bench.disk.place(path, content)
      return
    }
    case 'gone':
      // A newest segment that is gone leaves a log that looks whole: nothing can tell.
      if (path !== paths.at(-1)) bench.disk.remove(path, () => {})
      bench.clock.advance(10)
      return
  }
}

function* recordsOf(segment: Buffer): Iterable<LogRecord> {
  let record = readRecord(segment, 0, 0)
  const salt = must(record, 'a header').payload.readUInt32LE(4)
  for (; record !== null; record = readRecord(segment, record.end, salt)) yield record
}

const promiseOf = ({ hardState: { term, vote } }: Pick<Recovered, 'hardState'>) => [term, vote]

function checkEntries(model: Model, { entries, damaged, lastIndex }: Recovered): void {
  const found = entries.map(({ index, term, sequence }) => [index, term, sequence])
  const compacted = (index: number) => {
    const { term, sequence } = model.latest.get(index) ?? { term: 0, sequence: 0 }
    return [index, term, sequence]
  }
  const matches = model.history.some(text => {
    const [, [start], all] = JSON.parse(text) as [unknown, number[], number[][]]
    const held = all.map(entry => entry.slice(0, 3))
    // What this state had compacted was committed, and the repaired log may go back further.
    const expected = found.map(([index = 0]) =>
      index <= (start ?? 0) ? compacted(index) : held[index - (start ?? 0) - 1],
    )
    return JSON.stringify(expected) === JSON.stringify(found)
  })
  expect(matches).toBe(true)
  if (damaged !== null) return
  expect(entries).toEqual(entries.map(({ index }) => model.latest.get(index)))
  expect(lastIndex).toBe(model.last)
}

describe('a repair', () => {
  test('gives a log that was once there, says what is missing, and forgets no promise', () => {
    const outcomes = new Map<string, number>()
    const count = (outcome: string) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    fc.assert(
      fc.property(
        steps,
        fc.nat(),
        damages,
        fc.nat(),
        fc.boolean(),
        (plan, seed, harms, behind, isCrashing) => {
          const bench = new Bench(seed, 2048)
          const model = new Model()
          const { log } = bench.opened()
          for (const step of plan) {
            model.run(step, log, () => {})
            if (behind % 3 > 0) bench.clock.advance(20)
          }
          bench.clock.advance(1000)
          // A compaction alone is not synced; a write behind it is, and the next one knows that.
          model.run({ kind: 'commit' }, log, () => {})
          bench.clock.advance(1000)
          const path = must(segmentsOf(bench).at(-1), 'a segment')
          const offset = usedOf(must(bench.disk.contentOf(path), 'its content')) & ~7
          model.run({ kind: 'commit' }, log, () => {})
          bench.clock.advance(1000)
          log.halt(() => {})
          bench.clock.advance(1000)
          for (const harm of harms) inflict(bench, harm, { path, offset })
          const applied = Math.max(model.start, model.commit - (behind % 4))
          const before = bench.disk.paths()
          if (isCrashing) {
            bench.begin({ repair: true, appliedIndex: logIndex(applied) })
            for (let left = behind % 60; left > 0; left -= 1) bench.clock.step()
            bench.crash()
          }
          const { error, recovered } = bench.open({
            repair: true,
            appliedIndex: logIndex(applied),
          })
          if (error !== null) {
            expect(error.code).toBe('log-corrupt')
            if (!isCrashing) expect(bench.disk.paths()).toEqual(before)
            count('refused')
            return
          }
          const result = must(recovered, 'a recovery')
          count(
            bench.disk.paths().some(path => path.includes('damaged-'))
              ? result.damaged === null
                ? 'whole again'
                : 'damaged'
              : 'not needed',
          )
          const { snapshot, lastIndex, damaged, hardState } = result
          expect(result.tornBytes).toBe(0)
          expect(promiseOf(result)).toEqual(promiseOf(model.state))
          checkEntries(model, result)
          expect(hardState.commit).toBeLessThanOrEqual(lastIndex)
          if (damaged === null) return
          expect(snapshot.index).toBeLessThanOrEqual(applied)
          expect(lastIndex).toBeGreaterThanOrEqual(applied)
          expect(damaged.floor).toBeGreaterThanOrEqual(model.last)
          if (snapshot.index > 0)
            expect(snapshot.confState).toEqual(model.members.get(snapshot.index))
          // It is still damaged at the next start, with or without leave to repair.
          const again = bench.recover({ appliedIndex: logIndex(applied) })
          expect(again).toEqual(result)
        },
      ),
      { numRuns: 600 },
    )
    for (const outcome of ['refused', 'whole again', 'damaged', 'not needed'])
      expect(outcomes.get(outcome) ?? 0).toBeGreaterThan(20)
  })
})

describe('a damaged log of one segment', () => {
  /** Twenty entries, all but the last three committed; the offsets of the records of entries. */
  function written() {
    const bench = new Bench(1, 64 * 1024)
    const { log } = bench.opened()
    log.append(write({ snapshot: meta(0, 0), hardState: hard(2, 0) }), () => {})
    bench.clock.advance(100)
    for (let index = 1; index <= 20; index += 1) {
      const hardState = hard(2, Math.min(17, index - 1))
      log.append(write({ entries: [entry(index, 2, 100)], hardState }), () => {})
      bench.clock.advance(100)
    }
    log.halt(() => {})
    bench.clock.advance(100)
    const path = '/log/0000000001.wal'
    const content = Buffer.from(must(bench.disk.contentOf(path), 'the segment'))
    const recordOf = (index: number) => content.indexOf(Buffer.alloc(100, index + 2)) - 72
    return { bench, path, recordOf }
  }

  const repairing = (applied: number) => ({ repair: true, appliedIndex: logIndex(applied) })

  test('loses nothing when what is damaged is applied already', () => {
    const { bench, path, recordOf } = written()
    bench.disk.flipBit(path, recordOf(5) + 80, 3)
    const { recovered } = bench.opened(repairing(10))
    expect(recovered).toMatchObject({ damaged: null, snapshot: { index: 6, term: 2 } })
    expect(recovered.entries.map(({ index }) => index)).toEqual([
      7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20,
    ])
    expect(recovered.hardState).toEqual(hard(2, 17))
  })

  test('changes nothing before the state that it is to begin with is durable, nor when that cannot be', () => {
    const { bench, path, recordOf } = written()
    bench.disk.flipBit(path, recordOf(5) + 80, 3)
    const before = bench.disk.paths()
    const failure = new DiskError('full', '/state', 'no space')
    const refused = bench.open({ ...repairing(10), settleState: settled => settled(failure) })
    expect(refused.error).toBe(failure)
    expect(bench.disk.paths()).toEqual(before)
    let settle: (error: null) => void = () => {}
    let opened = false
    const settleState = (settled: (error: null) => void) => {
      settle = settled
    }
    bench.begin({ ...repairing(10), settleState }, () => {
      opened = true
    })
    bench.clock.advance(1000)
    expect(opened).toBe(false)
    const lock = bench.disk.paths().filter(name => !before.includes(name))
    expect(lock.filter(name => name.endsWith('.wal'))).toEqual([])
    settle(null)
    bench.clock.advance(1000)
    expect(opened).toBe(true)
  })

  test('knows its new segment to be durable: more damage there is not taken for a torn write', () => {
    const bench = new Bench(1, 64 * 1024 * 1024)
    const { log } = bench.opened()
    log.append(write({ snapshot: meta(0, 0), hardState: hard(2, 0) }), () => {})
    bench.clock.advance(100)
    // More than one record holds, so that the repair writes several.
    for (let index = 1; index <= 6; index += 1) {
      const entries = [entry(index, 2, 500_000)]
      log.append(write({ entries, hardState: hard(2, index - 1) }), () => {})
      bench.clock.advance(100)
    }
    log.halt(() => {})
    bench.clock.advance(100)
    const flip = (path: string, index: number) => {
      const content = Buffer.from(must(bench.disk.contentOf(path), 'the segment'))
      bench.disk.flipBit(path, content.indexOf(Buffer.alloc(1000, index + 2)), 3)
    }
    flip('/log/0000000001.wal', 1)
    bench.opened(repairing(3)).log.halt(() => {})
    bench.clock.advance(100)
    flip('/log/0000000002.wal', 6)
    const { error } = bench.open()
    expect(error).toMatchObject({ code: 'log-corrupt', file: '/log/0000000002.wal' })
  })

  test('goes back to what is certain when something behind what is applied is lost', () => {
    const { bench, path, recordOf } = written()
    bench.disk.flipBit(path, recordOf(15) + 80, 3)
    const { recovered } = bench.opened(repairing(10))
    expect(recovered.damaged?.floor).toBe(20)
    expect(recovered).toMatchObject({ snapshot: { index: 0 }, lastIndex: 14 })
    expect(recovered.hardState).toMatchObject({ term: 2, vote: 1 })
  })

  test('begins at what is applied when entries on both sides of it are lost', () => {
    const { bench, path, recordOf } = written()
    for (const index of [10, 11, 12]) bench.disk.flipBit(path, recordOf(index) + 80, 3)
    const { recovered } = bench.opened(repairing(11))
    expect(recovered).toMatchObject({ snapshot: { index: 11, term: 0, confState }, entries: [] })
    expect(recovered.damaged?.floor).toBe(20)
  })

  test('survives a damaged header, for its records tell the salt', () => {
    const { bench, path } = written()
    for (let offset = 0; offset < 80; offset += 1) {
      if (offset >= 32 && offset < 48) continue
      bench.disk.flipBit(path, offset, offset % 8)
    }
    const { recovered } = bench.opened(repairing(10))
    expect(recovered).toMatchObject({ damaged: null, lastIndex: 20, hardState: hard(2, 17) })
  })

  test('stays damaged until it is whole, whatever happens, and keeps what was damaged', () => {
    const { bench, path, recordOf } = written()
    const before = bench.disk.contentOf(path)
    bench.disk.flipBit(path, recordOf(15) + 80, 3)
    const { log } = bench.opened(repairing(10))
    const kept = bench.disk.contentOf('/log/damaged-2/0000000001.wal')
    expect(kept?.length).toBe(before?.length)
    log.append(write({ entries: [entry(15, 3, 2000)], hardState: hard(3, 14) }), () => {})
    bench.clock.advance(100)
    expect(bench.recover().damaged?.floor).toBe(20)
    bench.crash()
    const again = bench.opened().log
    again.append(write({ entries: [entry(16, 3)], hardState: hard(3, 20) }), () => {})
    again.repaired()
    bench.clock.advance(100)
    expect(bench.recover()).toMatchObject({ damaged: null, lastIndex: 16 })
  })

  test('is repaired although the disk cannot read a sector', () => {
    const { bench, path, recordOf } = written()
    const sector = Math.floor((recordOf(5) + 80) / 512)
    const failing = failingSector(bench.disk, path, sector * 512)
    expect(bench.open({ disk: failing }).error).toMatchObject({ code: 'disk-io' })
    // A page of them, with entries 1 to 18.
    const { recovered } = bench.opened({ ...repairing(19), disk: failing })
    expect(recovered).toMatchObject({ damaged: null, lastIndex: 20, hardState: { term: 2 } })
  })

  test.each([
    ['without leave to repair', {}, 'replace this member or restore'],
    ['when its state is ahead of it', repairing(40), 'which the log cannot have held'],
  ])('is refused %s, and left as it is', (_when, options, sentence) => {
    const { bench, path, recordOf } = written()
    bench.disk.flipBit(path, recordOf(15) + 80, 3)
    const before = bench.disk.contentOf(path)
    const { error } = bench.open(options)
    expect(error?.code).toBe('log-corrupt')
    expect(error?.message).toContain(sentence)
    expect(bench.disk.contentOf(path)).toEqual(before)
  })

  test('loses nothing when only a hard state between entries is damaged', () => {
    const bench = new Bench(1, 64 * 1024)
    const { log } = bench.opened()
    const append = (parts: Parameters<typeof write>[0]) => {
      log.append(write(parts), () => {})
      bench.clock.advance(100)
    }
    append({ snapshot: meta(0, 0), hardState: hard(1, 0) })
    append({ entries: [1, 2, 3].map(index => entry(index, 1)), hardState: hard(1, 0) })
    append({ hardState: hard(1, 3) })
    const path = '/log/0000000001.wal'
    const end = usedOf(must(bench.disk.contentOf(path), 'the segment'))
    append({ hardState: hard(1, 3) })
    append({ entries: [entry(4, 1)], hardState: hard(1, 3) })
    append({ entries: [entry(5, 1)], hardState: hard(1, 3) })
    log.halt(() => {})
    bench.clock.advance(100)
    const damaged = Buffer.from(must(bench.disk.contentOf(path), 'the segment'))
    bench.disk.flipBit(path, damaged.indexOf('RMLG', end) + 30, 3)
    const { recovered } = bench.opened(repairing(2))
    expect(recovered).toMatchObject({ damaged: null, snapshot: { index: 0 }, lastIndex: 5 })
    expect(recovered.entries.map(({ index }) => index)).toEqual([1, 2, 3, 4, 5])
  })

  test('never keeps what the lost entries had replaced, applied or not', () => {
    const bench = new Bench(1, 64 * 1024)
    const { log } = bench.opened()
    const append = (indexes: readonly number[], entryTerm: number, commit: number) => {
      const entries = indexes.map(index => entry(index, entryTerm))
      log.append(write({ entries, hardState: hard(entryTerm, commit) }), () => {})
      bench.clock.advance(100)
    }
    log.append(write({ snapshot: meta(0, 0), hardState: hard(1, 0) }), () => {})
    append([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 1, 0)
    append([], 1, 3)
    append([6, 7, 8, 9, 10, 11], 2, 3)
    append([12, 13], 2, 11)
    append([14], 2, 11)
    log.halt(() => {})
    bench.clock.advance(100)
    const path = '/log/0000000001.wal'
    const content = Buffer.from(must(bench.disk.contentOf(path), 'the segment'))
    // The data of entry 6 of term 2.
    bench.disk.flipBit(
      path,
      content.indexOf(Buffer.alloc(10, 8), content.indexOf(Buffer.alloc(10, 11)) + 10),
      0,
    )
    const { recovered } = bench.opened(repairing(8))
    expect(recovered).toMatchObject({ snapshot: { index: 8, term: 0 }, entries: [], lastIndex: 8 })
    expect(recovered.damaged?.floor).toBe(14)
  })

  test('waits for room without having changed anything', () => {
    const { bench, path, recordOf } = written()
    bench.disk.flipBit(path, recordOf(15) + 80, 3)
    const before = bench.disk.contentOf(path)
    bench.disk.faults.capacityBytes = (before?.length ?? 0) + 2000
    expect(bench.open(repairing(10)).error).toMatchObject({ code: 'disk-full', retryable: true })
    expect(bench.disk.contentOf(path)).toEqual(before)
    bench.disk.faults.capacityBytes = 1024 * 1024
    expect(bench.opened(repairing(10)).recovered.damaged?.floor).toBe(20)
  })

  test('is refused when the last vote is among what was lost', () => {
    const { bench, path, recordOf } = written()
    // The last write is good in itself, but nothing tells a vote behind the damage before it.
    for (const index of [19, 20]) bench.disk.flipBit(path, recordOf(index) - 64 + 30, 3)
    expect(bench.open(repairing(10)).error?.message).toContain('the last term and vote are')
  })

  test.each([0, 10])('is refused when the first members are lost, applied to %i', applied => {
    const { bench, path } = written()
    const content = Buffer.from(must(bench.disk.contentOf(path), 'the segment'))
    const marker = must(
      [...recordsOf(content)].find(({ type }) => type === recordType.snapshot),
      '',
    )
    bench.disk.flipBit(path, marker.end - 20, 3)
    const { error } = bench.open(repairing(applied))
    expect(error?.message).toContain('the first members are among what was lost')
  })

  test('is refused when nothing of it is readable', () => {
    const { bench, path } = written()
    const content = must(bench.disk.contentOf(path), 'the segment')
    bench.disk.place(path, content.fill(0x5a))
    expect(bench.open(repairing(10)).error?.message).toContain('nothing in it is readable')
  })

  test('of another node is refused, damaged or not', () => {
    const { bench, path, recordOf } = written()
    bench.disk.flipBit(path, recordOf(15) + 80, 3)
    const error = bench.open({ ...repairing(10), clusterId: 8 }).error
    expect(error).toMatchObject({ code: 'log-mismatch' })
  })
})

/** Pages that hold the byte at `position` cannot be read. */
function failingSector(disk: Disk, path: string, position: number): Disk {
  const inner: Disk = patientDisk(disk)
  return {
    ...inner,
    open: (opened, options, done) =>
      disk.open(opened, options, (error, file) => {
        if (file === undefined || opened !== path) done(error, file)
        else
          done(null, {
            path: file.path,
            write: (buffers, at, end) => file.write(buffers, at, end),
            writeSynced: (buffers, at, end) => file.writeSynced(buffers, at, end),
            datasync: end => file.datasync(end),
            truncate: (size, end) => file.truncate(size, end),
            preallocate: (size, end) => file.preallocate(size, end),
            size: end => file.size(end),
            close: end => file.close(end),
            read: (at, length, end) => {
              if (at <= position && position < at + length)
                file.size(() => end(new DiskError('io', path, 'a sector is gone')))
              else file.read(at, length, end)
            },
          })
      }),
  }
}
