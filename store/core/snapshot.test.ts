import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { MemoryBackend } from '../backend/memory.js'
import { SqliteBackend } from '../backend/sqlite.js'
import type { RaftsmanError } from '../../platform/errors.js'
import { logIndex } from '../../raft/core/types.js'
import type { SnapshotSink, SnapshotSource } from '../../raft/state-machine.js'
import type { Backend } from './backend.js'
import { CompactedError } from './errors.js'
import { systemRecordBytesMax } from './limits.js'
import { emptyMeta } from './state.js'
import type { StoreCore } from './store-core.js'
import type { SystemRecord } from './system-records.js'
import { bytes, Driver, showEvent } from './testing/driver.js'

const backends: [string, () => Backend][] = [
  ['memory', () => new MemoryBackend()],
  ['sqlite', () => new SqliteBackend({ path: ':memory:' })],
]

function openSnapshot(core: StoreCore): SnapshotSource {
  let opened: SnapshotSource | undefined
  core.openSnapshot((error, source) => {
    if (error !== null) throw error
    opened = source
  })
  if (opened === undefined) throw new Error('no snapshot')
  return opened
}

function readChunk(source: SnapshotSource, bytesMax: number): Uint8Array | null {
  let read: Uint8Array | null = null
  source.read(bytesMax, (error, chunk) => {
    if (error !== null) throw error
    read = chunk ?? null
  })
  return read
}

function readAll(source: SnapshotSource, bytesMax = 10_000, between = () => {}): Uint8Array[] {
  const chunks: Uint8Array[] = []
  for (
    let chunk = readChunk(source, bytesMax);
    chunk !== null;
    chunk = readChunk(source, bytesMax)
  ) {
    expect(chunk.length).toBeLessThanOrEqual(bytesMax)
    chunks.push(chunk)
    between()
  }
  source.close()
  return chunks
}

function beginRestore(core: StoreCore, index: number): SnapshotSink {
  let begun: SnapshotSink | undefined
  core.beginRestore(logIndex(index), (error, sink) => {
    if (error !== null) throw error
    begun = sink
  })
  if (begun === undefined) throw new Error('no sink')
  return begun
}

function restore(
  core: StoreCore,
  index: number,
  chunks: readonly Uint8Array[],
): RaftsmanError | null {
  const sink = beginRestore(core, index)
  let failed: RaftsmanError | null = null
  const done = (error: RaftsmanError | null): void => {
    failed ??= error
  }
  for (const chunk of chunks) sink.write(chunk, done)
  sink.commit(done)
  return failed
}

/** Something of everything: history, deletions, leases, a compaction half done. */
function fill(driver: Driver, keys = 50): void {
  driver.grant(5, 100)
  driver.grant(6, 200)
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < keys; i++)
      driver.put(`key${i}`, `value ${round} `.repeat(20), { lease: i % 5 === 0 ? 5 : 0 })
  }
  driver.delete('key1', 'key2')
  driver.run({
    kind: 'leaseCheckpoint',
    leaderTerm: 1,
    checkpoints: [{ id: 6, remainingSeconds: 50 }],
  })
  driver.compact(driver.core.revision - keys)
  driver.core.compactSlice(keys / 2)
}

function pictureOf({ core }: Driver): unknown {
  const { kvs } = core.range({ key: bytes('\0'), end: bytes('\0') })
  return {
    applied: core.appliedIndex,
    header: core.header(),
    compacted: core.compactRevision,
    stateHash: core.stateHash,
    hashKv: core.hashKv(0).step(100_000)?.hash,
    old: core.hashKv(core.compactRevision).step(100_000)?.hash,
    leases: core.leaseLeases().leases.map(id => core.leaseTimeToLive(id, true, 0)),
    keys: kvs.map(kv => [Buffer.from(kv.key).toString(), kv.lease]),
  }
}

for (const [name, makeBackend] of backends) {
  test.each(backends)(
    'What a compaction has dropped is in no snapshot, written or not (%s).',
    (_, make) => {
      const driver = new Driver({}, make())
      driver.put('a', 'old')
      driver.core.flush()
      // Its version is with the backend, its deletion not yet: what goes of the two goes together.
      driver.delete('a')
      driver.put('b', 'v')
      driver.compact(driver.core.revision)
      expect(driver.core.compactSlice(100)).toBe(true)
      const { appliedIndex, revision } = driver.core
      const chunks = readAll(openSnapshot(driver.core))
      const other = new Driver({}, make())
      expect(restore(other.core, appliedIndex, chunks)).toBeNull()
      expect(other.range('a')).toEqual([])
      expect(other.range('\0', '\0')).toEqual(driver.range('\0', '\0'))
      expect(other.core.revision).toBe(revision)
    },
  )

  test(`A snapshot restored into ${name} gives the same state, also after the next entries.`, () => {
    const from = new Driver({}, makeBackend())
    fill(from)
    const chunks = readAll(openSnapshot(from.core))
    const to = new Driver({ cacheBytesMax: 0 }, makeBackend())
    to.put('old', 'state')
    to.core.flush()
    expect(restore(to.core, from.core.appliedIndex, chunks)).toBeNull()
    expect(pictureOf(to)).toEqual(pictureOf(from))
    for (const driver of [from, to]) {
      driver.put('more', 'x', { lease: 6 })
      driver.run({ kind: 'leaseRevoke', id: 5, leaderTerm: 0 })
      while (!driver.core.compactSlice(7));
      driver.core.flush()
    }
    expect(pictureOf(to)).toEqual(pictureOf(from))
  })

  test(`A snapshot read from ${name} is of one index, while entries and compactions go on.`, () => {
    const driver = new Driver({}, makeBackend())
    fill(driver)
    const wanted = pictureOf(driver)
    const source = openSnapshot(driver.core)
    const { index } = source
    const chunks = readAll(source, 500, () => {
      driver.put('meanwhile', 'x')
      driver.delete('key2')
      if (driver.core.revision % 5 === 0) driver.compact(driver.core.revision)
      driver.core.compactSlice(10)
      if (driver.core.revision % 3 === 0) driver.core.flush()
    })
    const other = new Driver({}, makeBackend())
    expect(restore(other.core, index, chunks)).toBeNull()
    expect(pictureOf(other)).toEqual(wanted)
    expect(driver.core.compacting).toBe(true)
    while (!driver.core.compactSlice(10));
  })

  test(`A restore into ${name} that is aborted or refused leaves the state as it was.`, () => {
    const from = new Driver()
    fill(from)
    const chunks = readAll(openSnapshot(from.core))
    const to = new Driver({}, makeBackend())
    to.put('mine', 'stays')
    const before = pictureOf(to)
    const sink = beginRestore(to.core, from.core.appliedIndex)
    sink.write(chunks[0] as Uint8Array, error => expect(error).toBeNull())
    sink.abort()
    expect(restore(to.core, 9999, chunks)?.code).toBe('snapshot-corrupt')
    expect(restore(to.core, from.core.appliedIndex, chunks.slice(0, -1))?.code).toBe(
      'snapshot-corrupt',
    )
    expect(pictureOf(to)).toEqual(before)
    to.put('mine', 'goes on')
    to.core.flush()
    expect(restore(to.core, from.core.appliedIndex, chunks)).toBeNull()
    expect(pictureOf(to)).toEqual(pictureOf(from))
  })
}

/** A store that was found with these system records. */
function withRecords(backend: Backend, records: readonly SystemRecord[]): Driver {
  const nothing = { rows: [], deletedOrdinals: [], leases: [], deletedLeases: [] }
  backend.commit({ ...nothing, meta: emptyMeta, records, deletedRecords: [] })
  return new Driver({}, backend)
}

for (const [name, makeBackend] of backends) {
  test(`System records go with a snapshot into ${name}, in place of those that were there.`, () => {
    const many = Array.from({ length: 5_000 }, (_, i) => ({
      name: `some/user/${i}`,
      value: bytes('x'.repeat(i % 100)),
    }))
    const large = { name: 'large', value: new Uint8Array(systemRecordBytesMax) }
    const from = withRecords(makeBackend(), [...many, large])
    fill(from, 10)
    const backend = makeBackend()
    const to = withRecords(backend, [{ name: 'old', value: bytes('goes') }])
    const chunks = readAll(openSnapshot(from.core), 100_000)
    expect(restore(to.core, from.core.appliedIndex, chunks)).toBeNull()
    expect(pictureOf(to)).toEqual(pictureOf(from))
    const sorted = (records: readonly SystemRecord[]) =>
      records
        .map(record => [record.name, Buffer.from(record.value).toString()])
        .sort(([a = ''], [b = '']) => (a < b ? -1 : 1))
    expect(sorted(backend.records())).toEqual(sorted([...many, large]))
    const again = Buffer.concat(readAll(openSnapshot(to.core), 100_000))
    expect(again.equals(Buffer.concat(chunks))).toBe(true)
  })
}

test('A snapshot without system records has the first format, which older members can read.', () => {
  const format = (driver: Driver): number => {
    const first = Buffer.concat(readAll(openSnapshot(driver.core)))
    // Behind the frame's header: an array of nine, and fourteen characters of text.
    return first[12 + 1 + 15] as number
  }
  expect(format(new Driver())).toBe(1)
  const record = { name: 'a', value: bytes('1') }
  expect(format(withRecords(new MemoryBackend(), [record]))).toBe(2)
})

test('A snapshot with any byte changed is refused and never half taken in.', () => {
  const from = withRecords(new MemoryBackend(), [{ name: 'alarm', value: bytes('on') }])
  fill(from, 10)
  const whole = Buffer.concat(readAll(openSnapshot(from.core)))
  fc.assert(
    fc.property(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const damaged = Buffer.from(whole)
      damaged[at] = (damaged[at] ?? 0) ^ change
      const to = new Driver()
      expect(restore(to.core, from.core.appliedIndex, [damaged])?.code).toBe('snapshot-corrupt')
      expect(to.core.appliedIndex).toBe(0)
    }),
    { numRuns: 300 },
  )
})

test('A snapshot may come in chunks of any size.', () => {
  const from = new Driver()
  fill(from, 10)
  const whole = Buffer.concat(readAll(openSnapshot(from.core)))
  for (const size of [1, 7, 1000, whole.length]) {
    const to = new Driver()
    const chunks: Uint8Array[] = []
    for (let at = 0; at < whole.length; at += size) chunks.push(whole.subarray(at, at + size))
    expect(restore(to.core, from.core.appliedIndex, chunks)).toBeNull()
    expect(to.core.stateHash).toBe(from.core.stateHash)
  }
})

test('Watchers go on through a restore, or are told what was compacted.', () => {
  const ahead = new Driver()
  const behind = new Driver()
  for (const driver of [ahead, behind]) driver.put('a', '1')
  const seen: string[] = []
  const watcher = behind.core.openWatch({ key: bytes('a') }, () => {
    try {
      for (let batch = watcher.next(1); batch !== null; batch = watcher.next(1)) {
        seen.push(...batch.events.map(showEvent))
      }
    } catch (error) {
      expect(error).toBeInstanceOf(CompactedError)
      seen.push(`compacted ${(error as CompactedError).compactRevision}`)
    }
  })
  expect(watcher.next(1)).toBeNull()
  for (const value of ['2', '3', '4']) ahead.put('a', value)
  const take = (): void => {
    const chunks = readAll(openSnapshot(ahead.core))
    expect(restore(behind.core, ahead.core.appliedIndex, chunks)).toBeNull()
  }
  take()
  expect(seen).toEqual(['put a=2 @3', 'put a=3 @4', 'put a=4 @5'])
  for (const value of ['5', '6', '7']) ahead.put('a', value)
  ahead.compact(8)
  take()
  expect(seen.slice(3)).toEqual(['compacted 8'])
})

test('Only so many snapshots are read at once, and a closed one gives its place back.', () => {
  const { core } = new Driver({ snapshotsMax: 1 })
  const first = openSnapshot(core)
  expect(() => openSnapshot(core)).toThrow('too many snapshots')
  first.close()
  first.close()
  openSnapshot(core)
  expect(() => openSnapshot(core)).toThrow('too many snapshots')
})

test('A snapshot that is being read when its state is replaced ends with an error.', () => {
  const from = new Driver()
  fill(from)
  const chunks = readAll(openSnapshot(from.core))
  const to = new Driver()
  fill(to, 20)
  const source = openSnapshot(to.core)
  expect(readChunk(source, 100)).not.toBeNull()
  expect(restore(to.core, from.core.appliedIndex, chunks)).toBeNull()
  expect(() => readChunk(source, 100)).toThrow(expect.objectContaining({ code: 'backend-closed' }))
})
