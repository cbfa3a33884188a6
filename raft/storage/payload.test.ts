// Everything that stands in a record comes back as it was written, and anything else is refused.

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { ConfState, Entry, NodeId, SnapshotMeta } from '../core/types.js'
import { logIndex, nodeId, term } from '../core/types.js'
import { EntryCursor, readEntries, writeEntries } from './entries-payload.js'
import type { SegmentHeader } from './payload.js'
import {
  formatVersion,
  readDamage,
  readHardState,
  readMarker,
  readSegmentHeader,
  writeDamage,
  writeFiller,
  writeHardState,
  writeMarker,
  writeSegmentHeader,
} from './payload.js'
import { BadPayload } from './payload-reader.js'
import type { LogRecord } from './record.js'
import { findSalt, readRecord, RecordBuffer, recordType } from './record.js'

const integer = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })
const u32 = fc.integer({ min: 0, max: 0xffff_ffff })
const ids: fc.Arbitrary<readonly NodeId[]> = fc.array(integer.map(nodeId), { maxLength: 4 })

const confStates: fc.Arbitrary<ConfState> = fc
  .record({
    voters: ids,
    votersOutgoing: ids,
    learners: ids,
    learnersNext: ids,
    addresses: fc.array(
      fc.record({ node: integer.map(nodeId), name: fc.string(), address: fc.string() }),
      { maxLength: 3 },
    ),
  })
  .map(({ addresses, ...groups }) => (addresses.length === 0 ? groups : { ...groups, addresses }))

const markers: fc.Arbitrary<SnapshotMeta> = fc.record({
  index: integer.map(logIndex),
  term: integer.map(term),
  confState: confStates,
})

const batches: fc.Arbitrary<readonly Entry[]> = fc
  .tuple(
    fc.integer({ min: 1, max: 2 ** 50 }),
    fc.array(
      fc.record({
        term: integer.map(term),
        kind: fc.constantFrom('normal' as const, 'noop' as const, 'confChange' as const),
        origin: integer.map(nodeId),
        sequence: integer,
        data: fc.uint8Array({ maxLength: 40 }),
      }),
      { minLength: 1, maxLength: 5 },
    ),
  )
  .map(([first, entries]) =>
    entries.map((entry, at) => ({ ...entry, index: logIndex(first + at) })),
  )

/** The records of a buffer, through their bytes. */
function through(fill: (out: RecordBuffer) => void, salt = 5): readonly LogRecord[] {
  const out = new RecordBuffer()
  fill(out)
  out.seal(0, 0, salt)
  const bytes = Buffer.from(out.content())
  const records: LogRecord[] = []
  for (let at = 0; at < bytes.length; ) {
    const record = readRecord(bytes, at, salt)
    if (record === null) throw new Error(`no record at ${at}`)
    records.push(record)
    at = record.end
  }
  return records
}

const only = (fill: (out: RecordBuffer) => void): Buffer => {
  const [record, ...others] = through(fill)
  expect(others).toEqual([])
  return record?.payload ?? Buffer.alloc(0)
}

describe('a payload comes back as it was written:', () => {
  test('markers, with and without addresses', () => {
    fc.assert(
      fc.property(markers, meta => {
        expect(readMarker(only(out => writeMarker(out, recordType.snapshot, meta)))).toEqual(meta)
      }),
    )
  })

  test('hard states', () => {
    fc.assert(
      fc.property(integer, integer, integer, integer, integer, (a, b, c, index, markTerm) => {
        const state = { term: term(a), vote: nodeId(b), commit: logIndex(c) }
        const mark = { index, term: markTerm }
        expect(readHardState(only(out => writeHardState(out, state, mark)))).toEqual({
          state,
          mark,
        })
      }),
    )
  })

  test('headers of segments', () => {
    const headers: fc.Arbitrary<Omit<SegmentHeader, 'version'>> = fc.record({
      clusterId: integer,
      nodeId: integer.map(nodeId),
      sequence: integer,
      nextIndex: integer,
      initialBytes: integer,
      salt: u32,
      beginsAnew: fc.boolean(),
    })
    fc.assert(
      fc.property(headers, header => {
        const read = readSegmentHeader(only(out => writeSegmentHeader(out, header)))
        expect(read).toEqual({ ...header, version: formatVersion })
      }),
    )
  })

  test('damage', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1 }), fc.string({ maxLength: 300 }), (floor, reason) => {
        const damage = { floor: logIndex(floor), reason }
        expect(readDamage(only(out => writeDamage(out, damage)))).toEqual(damage)
      }),
    )
    expect(readDamage(only(out => writeDamage(out, null)))).toBeNull()
  })

  test('entries', () => {
    fc.assert(
      fc.property(batches, entries => {
        expect(readEntries(only(out => writeEntries(out, entries)))).toEqual(entries)
      }),
    )
  })

  test('entries of more than a record holds, in several', () => {
    const entries = Array.from({ length: 40 }, (_, at) => ({
      term: term(1),
      index: logIndex(at + 1),
      kind: 'normal' as const,
      origin: nodeId(1),
      sequence: at,
      data: new Uint8Array(100_000).fill(at),
    }))
    const records = through(out => writeEntries(out, entries))
    expect(records.length).toBe(4)
    const read = records.flatMap(({ payload }) => readEntries(payload))
    expect(read.map(({ index }) => index)).toEqual(entries.map(({ index }) => index))
    for (const [at, { data }] of read.entries())
      expect(Buffer.compare(data, entries[at]?.data ?? data.subarray(1))).toBe(0)
  })
})

describe('a payload that was never written', () => {
  test('is refused when it is cut or longer, whatever it is', () => {
    fc.assert(
      fc.property(markers, batches, fc.nat(), (meta, entries, cut) => {
        const marker = only(out => writeMarker(out, recordType.snapshot, meta))
        const batch = only(out => writeEntries(out, entries))
        for (const [payload, read] of [
          [marker, readMarker],
          [batch, readEntries],
        ] as const) {
          const shorter = payload.subarray(0, cut % payload.length)
          const longer = Buffer.concat([payload, Buffer.alloc(1)])
          expect(() => read(longer)).toThrow(BadPayload)
          // A marker without its addresses is one of version 1.
          if (read === readEntries) expect(() => read(shorter)).toThrow(BadPayload)
        }
      }),
    )
  })

  test('never does worse than to be refused', () => {
    const readers = [readMarker, readEntries, readHardState, readDamage] as const
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), bytes => {
        for (const read of readers) {
          try {
            read(Buffer.from(bytes))
          } catch (error) {
            expect(error).toBeInstanceOf(BadPayload)
          }
        }
      }),
      { numRuns: 2000 },
    )
  })

  test('is refused without an entry, an index or a known kind', () => {
    const payload = Buffer.alloc(48)
    expect(() => new EntryCursor(payload)).toThrow('without an index')
    payload.writeUInt32LE(1, 0)
    expect(() => new EntryCursor(payload)).toThrow('without entries')
    payload.writeUInt32LE(1, 8)
    payload.writeUInt32LE(7, 44)
    expect(() => readEntries(payload)).toThrow('entry kind 7')
  })
})

describe('the salt of a segment', () => {
  test('follows from any two of its records, and from nothing else', () => {
    fc.assert(
      fc.property(u32, fc.integer({ min: 8, max: 200 }), (salt, bytes) => {
        const out = new RecordBuffer()
        writeFiller(out, 16)
        writeFiller(out, bytes)
        writeFiller(out, 24)
        out.seal(0, 0, salt)
        const content = Buffer.from(out.content())
        content.fill(0xee, 0, 40)
        expect(findSalt(content)).toBe(salt)
        content.fill(0xee, content.length - 48)
        expect(findSalt(content)).toBeNull()
      }),
    )
  })
})
