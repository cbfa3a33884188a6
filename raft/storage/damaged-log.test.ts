// Damage to the log is never passed over, and its format is the documented one, byte by byte.

import { describe, expect, test } from 'vitest'
import { must } from '../../platform/errors.js'
import type { Entry } from '../core/types.js'
import { logIndex, nodeId, term } from '../core/types.js'
import { LogCorrupt } from './log-errors.js'
import { writeSegmentHeader } from './payload.js'
import { RecordBuffer } from './record.js'
import { Bench, entry, hard, write } from './testing/log-bench.js'

describe('a damaged log', () => {
  /** Five writes of their own syncs, in one segment; the offsets at which each ended. */
  function written() {
    const bench = new Bench(1, 64 * 1024)
    const { log } = bench.opened()
    const path = '/log/0000000001.wal'
    const used = () => {
      const content = must(bench.disk.contentOf(path), 'the segment')
      let end = content.length
      while (end > 0 && content[end - 1] === 0) end -= 1
      return Math.ceil(end / 8) * 8
    }
    const ends = [used()]
    for (let index = 1; index <= 5; index += 1) {
      log.append(write({ entries: [entry(index, 1, 40)], hardState: hard(1, index - 1) }), () => {})
      bench.clock.advance(100)
      ends.push(used())
    }
    return { content: must(bench.disk.contentOf(path), 'the segment'), path, ends }
  }

  function openOver(path: string, content: Uint8Array) {
    const bench = new Bench(2, 64 * 1024)
    bench.disk.place(path, content)
    return bench.open()
  }

  test('is cut at any byte: everything before the cut is there, or the header is missed', () => {
    const { content, path, ends } = written()
    const end = must(ends.at(-1), 'an end')
    for (let cut = 0; cut <= end; cut += 1) {
      const torn = content.slice()
      torn.fill(0, cut)
      const { error, recovered } = openOver(path, torn)
      if (error !== null) {
        expect(error).toBeInstanceOf(LogCorrupt)
        expect(cut).toBeLessThan(must(ends[0], 'an end'))
        continue
      }
      const whole = ends.filter(at => at <= cut).length - 1
      const count = recovered?.entries.length ?? -1
      // A record may end in zeros, which are there when they were cut off.
      expect(count === whole || count === whole + 1).toBe(true)
      for (const [at, { index }] of (recovered?.entries ?? []).entries()) expect(index).toBe(at + 1)
    }
  })

  test('is refused for any flipped bit below the last write, with file and offset', () => {
    const { content, path, ends } = written()
    const last = must(ends.at(-2), 'an end')
    for (let offset = 0; offset < last; offset += 1) {
      const damaged = content.slice()
      damaged[offset] = (damaged[offset] as number) ^ (1 << (offset % 8))
      const { error } = openOver(path, damaged)
      expect(error).toBeInstanceOf(LogCorrupt)
      if (error instanceof LogCorrupt) {
        expect(error.file).toBe(path)
        expect(error.offset).toBeLessThanOrEqual(offset)
      }
    }
  })

  test('loses at most the last write to a flipped bit in it, and nothing to one behind it', () => {
    const { content, path, ends } = written()
    const [before, end] = [must(ends.at(-2), 'an end'), must(ends.at(-1), 'an end')]
    for (let offset = before; offset < end + 64; offset += 1) {
      const damaged = content.slice()
      damaged[offset] = (damaged[offset] as number) ^ (1 << (offset % 8))
      const { error, recovered } = openOver(path, damaged)
      expect(error).toBeNull()
      expect(recovered?.entries).toHaveLength(offset < end ? 4 : 5)
      expect(recovered?.tornBytes).toBeGreaterThan(0)
    }
  })

  test('is clean again after an unfinished write was cut off', () => {
    const { content, path, ends } = written()
    const damaged = content.slice()
    damaged.fill(0, must(ends.at(-2), 'an end'), must(ends.at(-2), 'an end') + 24)
    const bench = new Bench(2, 64 * 1024)
    bench.disk.place(path, damaged)
    expect(bench.opened().recovered).toMatchObject({ entries: { length: 4 } })
    expect(bench.recover()).toMatchObject({ entries: { length: 4 }, tornBytes: 0 })
  })

  test('is refused when a segment in the middle is gone', () => {
    const bench = new Bench()
    const { log } = bench.opened()
    for (let index = 1; index <= 20; index += 1)
      log.append(write({ entries: [entry(index, 1, 900)] }), () => {})
    bench.clock.advance(1000)
    bench.crash()
    bench.disk.remove('/log/0000000003.wal', () => {})
    bench.clock.advance(100)
    expect(bench.open().error).toMatchObject({ code: 'log-corrupt' })
  })

  test('is refused when its beginning is gone and nothing says that it may be', () => {
    const bench = new Bench()
    const { log } = bench.opened()
    for (let index = 1; index <= 20; index += 1)
      log.append(write({ entries: [entry(index, 1, 900)] }), () => {})
    bench.clock.advance(1000)
    bench.crash()
    bench.disk.remove('/log/0000000001.wal', () => {})
    bench.clock.advance(100)
    expect(bench.open().error).toMatchObject({ code: 'log-corrupt' })
  })

  test('cannot be feigned by a value that looks like a record', () => {
    // A whole log as the data of an entry: its records have good checksums, but another salt.
    const { content, path } = written()
    const bench = new Bench(5, 64 * 1024)
    const { log } = bench.opened()
    const planted = { ...entry(1, 1), data: content.slice(0, 1000) }
    log.append(write({ entries: [planted] }), () => {})
    bench.clock.advance(100)
    const inner = must(bench.disk.contentOf(path), 'the segment')
    // The write was torn: its first sector was lost.
    inner.fill(0, 200, 300)
    expect(openOver(path, inner)).toMatchObject({ error: null, recovered: { entries: [] } })
  })

  test('of another cluster is refused', () => {
    const bench = new Bench()
    bench.opened()
    bench.crash()
    expect(bench.open({ clusterId: 8 }).error).toMatchObject({ code: 'log-mismatch' })
  })
})

describe('the format', () => {
  test('is the one that docs/wal.md describes, byte by byte', () => {
    const bench = new Bench(1, 64 * 1024)
    const { log } = bench.opened()
    const one: Entry = {
      term: term(2),
      index: logIndex(1),
      kind: 'confChange',
      origin: nodeId(3),
      sequence: 2 ** 40 + 5,
      data: Uint8Array.of(1, 2, 3),
    }
    log.append(write({ hardState: hard(2, 1), entries: [one] }), () => {})
    bench.clock.advance(100)
    const content = must(bench.disk.contentOf('/log/0000000001.wal'), 'the segment')
    const lines: string[] = []
    for (let at = 0; at < 352; at += 16)
      lines.push(Buffer.from(content.subarray(at, at + 16)).toString('hex'))
    expect(lines.join('\n')).toMatchInlineSnapshot(`
      "524d4c47380000000100000000000000
      00000000b5dc7fa002000000dd399b06
      07000000000000000100000000000000
      01000000000000000100000000000000
      c8000000000000000000000000000000
      524d4c47280000000300000000000000
      b5dc7fa0ee8d7c2c0000000000000000
      00000000000000000000000000000000
      00000000000000000000000000000000
      524d4c47200000000500000000000000
      ee8d7c2c3a72e9f70000000000000000
      00000000000000000000000000000000
      0000000000000000524d4c4728000000
      03000000c80000003a72e9f7128503be
      02000000000000000100000000000000
      01000000000000000000000000000000
      0000000000000000524d4c4733000000
      02000000c8000000128503be2cc2c8d1
      01000000000000000100000000000000
      02000000000000000300000000000000
      05000000000100000300000002000000
      0102030000000000524d4c47980f0000"
    `)
  })

  test('of version 1 is still read, and nothing of version 2 is written into it', () => {
    // The example of that version, as it was documented.
    const bytes = Buffer.from(
      `524d4c47300000000100000000000000
      00000000174ece1001000000dd399b06
      07000000000000000100000000000000
      01000000000000000100000000000000
      b000000000000000524d4c4718000000
      0300000000000000174ece1027730663
      00000000000000000000000000000000
      0000000000000000524d4c4720000000
      050000000000000027730663e1bce448
      00000000000000000000000000000000
      00000000000000000000000000000000
      524d4c471800000003000000b0000000
      e1bce448f02163c90200000000000000
      01000000000000000100000000000000
      524d4c473300000002000000b0000000
      f02163c9517b01770100000000000000
      01000000000000000200000000000000
      03000000000000000500000000010000
      03000000020000000102030000000000`.replaceAll(/\s/g, ''),
      'hex',
    )
    const path = '/log/0000000001.wal'
    const bench = new Bench(1, 64 * 1024)
    bench.disk.place(path, Buffer.concat([bytes, Buffer.alloc(4096)]))
    const { log, recovered } = bench.opened()
    expect(recovered).toMatchObject({
      hardState: hard(2, 1),
      snapshot: { index: 0, term: 0 },
      lastIndex: 1,
      damaged: null,
      tornBytes: 0,
    })
    expect(recovered.entries).toMatchObject([
      { index: 1, term: 2, kind: 'confChange', origin: 3, sequence: 2 ** 40 + 5 },
    ])
    log.append(write({ entries: [entry(2, 2)], hardState: hard(2, 1) }), () => {})
    bench.clock.advance(100)
    expect(bench.disk.contentOf(path)?.subarray(0, bytes.length)).toEqual(new Uint8Array(bytes))
    expect(usedOf(must(bench.disk.contentOf(path), 'the segment'))).toBeLessThanOrEqual(
      bytes.length,
    )
    expect(bench.disk.paths()).toContain('/log/0000000002.wal')
    expect(bench.recover()).toMatchObject({ lastIndex: 2, hardState: hard(2, 1) })
  })

  test('newer than this program is refused as such, not as damage', () => {
    const buffer = new RecordBuffer()
    writeSegmentHeader(buffer, {
      salt: 1,
      clusterId: 7,
      nodeId: nodeId(1),
      sequence: 1,
      nextIndex: 1,
      initialBytes: 80,
      beginsAnew: false,
    })
    buffer.bytes.writeUInt32LE(9, 24)
    buffer.seal(0, 0, 0)
    const bench = new Bench()
    bench.disk.place('/log/0000000001.wal', buffer.content())
    for (const repair of [false, true]) {
      const { error } = bench.open({ repair })
      expect(error).toMatchObject({ code: 'log-mismatch' })
      expect(error?.message).toContain('version 9')
    }
  })
})

const usedOf = (content: Uint8Array) => content.findLastIndex(byte => byte !== 0) + 1
