// Entries that take several turns: nobody sees half of one, and whatever happens meanwhile it ends as if it
// had been applied in one go.

import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { must } from '../../platform/errors.js'
import { type SnapshotSource, unfinished } from '../../raft/state-machine.js'
import type { Entry } from '../../raft/core/types.js'
import { MemoryBackend } from '../backend/memory.js'
import type { Command, CommandResult } from './command.js'
import { applyWhole, localEntry } from './local-entry.js'
import { atOnce } from './sliced.js'
import { StoreCore } from './store-core.js'
import type { StoreCoreConfig } from './store-core-config.js'
import { txn } from './testing/arbitraries.js'
import { bytes, show, showEvent, text } from './testing/driver.js'
import type { Compare, RequestOp, TxnRequest } from './types.js'

const config: StoreCoreConfig = { clusterId: 7, memberId: 1, cacheBytesMax: 0, sliceWorkMax: 1 }
const all = { key: bytes('\0'), end: bytes('\0') }
const deletion: Command = { kind: 'deleteRange', request: all }

const put = (key: string, value = 'v', lease = 0): Command => ({
  kind: 'put',
  request: { key: bytes(key), value: bytes(value), lease },
})

/** A state with keys `k0`, `k1` …, applied up to index 1. */
function filled(keys: number, backend = new MemoryBackend(), more: Partial<StoreCoreConfig> = {}) {
  const core = new StoreCore(backend, { ...config, ...more })
  const commands = Array.from({ length: keys }, (_, at) => put(`k${at}`))
  applyWhole(core, localEntry(1, 1, commands))
  core.applied()
  return core
}

/** All that can be asked of a state from outside. */
function pictureOf(core: StoreCore) {
  const condition: Compare = { ...all, target: 'mod', result: 'greater', modRevision: 0 }
  const one: Compare = { key: bytes('a'), target: 'version', result: 'greater', version: 0 }
  const range: RequestOp = { kind: 'range', request: all }
  const request = (compare: Compare): TxnRequest => ({
    compare: [compare],
    success: [range],
    failure: [],
  })
  return {
    revision: core.revision,
    header: core.header(),
    kvs: core.range(all).kvs.map(show),
    count: core.range({ ...all, countOnly: true }).count,
    newest: core.range({ ...all, sortTarget: 'mod', sortOrder: 'descend' }).kvs.map(show),
    before:
      core.revision > Math.max(1, core.compactRevision)
        ? core.range({ ...all, revision: core.revision - 1 }).count
        : null,
    ranged: atOnce(core.readTxn(request(condition))),
    single: atOnce(core.readTxn(request(one))),
    leased: core.leaseTimeToLive(5, true, 0).keys.map(text),
    hash: core.hashKv(0).step(1_000)?.hash,
    appliedIndex: core.appliedIndex,
  }
}

function watching(core: StoreCore) {
  const seen: string[] = []
  let told = 0
  const watcher = core.openWatch(all, () => {
    told++
  })
  return {
    watcher,
    seen,
    get told() {
      return told
    },
    read() {
      for (let batch = watcher.next(1e9); batch !== null; batch = watcher.next(1e9)) {
        seen.push(...batch.events.map(showEvent))
      }
      return seen
    },
  }
}

describe('an entry that takes several turns', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f').map(key => put(key)) },
    { weight: 1, arbitrary: fc.constantFrom('a', 'c', 'e').map(key => put(key, 'leased', 5)) },
    { weight: 3, arbitrary: txn.map(request => ({ kind: 'txn' as const, request })) },
    { weight: 1, arbitrary: fc.constant(deletion) },
    { weight: 1, arbitrary: fc.constant({ kind: 'leaseRevoke' as const, id: 5, leaderTerm: 0 }) },
    {
      weight: 1,
      arbitrary: fc.constant({ kind: 'leaseGrant' as const, id: 5, ttlSeconds: 60 }),
    },
    {
      weight: 1,
      arbitrary: fc.nat(9).map(revision => ({ kind: 'compact' as const, request: { revision } })),
    },
  )
  const meanwhile = fc.constantFrom(
    'nothing' as const,
    'nothing' as const,
    'flush' as const,
    'checkpoint' as const,
    'compactSlice' as const,
    'scrub' as const,
    'killed' as const,
    'power' as const,
    'closed' as const,
  )

  test('shows nothing of itself before it is whole, and ends like one that was applied at once', () => {
    let pauses = 0
    fc.assert(
      fc.property(
        fc.array(fc.array(step, { minLength: 1, maxLength: 3 }), { maxLength: 20 }),
        fc.infiniteStream(meanwhile),
        (batches, chances) => {
          let backend = new MemoryBackend({ tracksPowerCuts: true })
          let core = new StoreCore(backend, config)
          const plain = new StoreCore(new MemoryBackend(), { ...config, sliceWorkMax: 1e9 })
          const entries: Entry[] = []
          const reopen = (survivor: MemoryBackend) => {
            backend = survivor
            core = new StoreCore(backend, config)
            for (const entry of entries.slice(core.appliedIndex, -1)) applyWhole(core, entry)
            core.applied()
          }
          for (const commands of batches) {
            const entry = localEntry(plain.appliedIndex + 1, 1, commands)
            entries.push(entry)
            const single = commands.length === 1
            const before = single ? pictureOf(core) : null
            let watch = watching(core)
            watch.read()
            const plainWatch = watching(plain)
            plainWatch.read()
            let results: readonly CommandResult[] | typeof unfinished
            for (;;) {
              results = core.apply(entry)
              core.applied()
              if (results !== unfinished) break
              pauses++
              if (before !== null) expect(pictureOf(core)).toEqual(before)
              expect(watch.told).toBe(0)
              expect(watch.watcher.next(1e9)).toBeNull()
              const what = must(chances.next().value, 'a chance')
              if (what === 'flush') core.flush()
              else if (what === 'checkpoint') core.checkpoint()
              else if (what === 'compactSlice') core.compactSlice(2)
              else if (what === 'scrub') core.scrubSlice(100, 1e9)
              else if (what !== 'nothing') {
                if (what === 'closed') core.close()
                const kept = backend.volatileCommits
                reopen(
                  what === 'power'
                    ? backend.survivor('power', Math.floor(kept / 2))
                    : backend.survivor('process'),
                )
                watch = watching(core)
                watch.read()
              }
            }
            expect(results).toEqual(applyWhole(plain, entry))
            expect(core.stateHash).toBe(plain.stateHash)
            expect(core.contentDigest).toBe(plain.contentDigest)
            expect(pictureOf(core)).toEqual(pictureOf(plain))
            plain.applied()
            expect(watch.read()).toEqual(plainWatch.read())
            watch.watcher.close()
            plainWatch.watcher.close()
          }
        },
      ),
      { numRuns: 300 },
    )
    expect(pauses).toBeGreaterThan(100)
  })

  test('leaves so much in memory as is flushed at a time, however much it makes', () => {
    const core = filled(5_000, undefined, { flushRows: 100, sliceWorkMax: 80 })
    core.flush()
    let most = 0
    for (;;) {
      const results = core.apply(localEntry(2, 1, [deletion]))
      most = Math.max(most, core.pendingRows)
      if (core.needsFlush) core.flush()
      if (results !== unfinished) break
    }
    expect(most).toBeLessThan(120)
    expect(core.keyCount).toBe(0)
  })

  test('waits for room, and goes on where it was', () => {
    const faults = { full: false, writesUntilFailure: null }
    const core = filled(200, new MemoryBackend({ faults }), { pendingBytesMax: 10_000 })
    core.flush()
    faults.full = true
    const entry = localEntry(2, 1, [deletion])
    const go = () => {
      for (;;) if (core.apply(entry) !== unfinished) return
    }
    expect(go).toThrow(expect.objectContaining({ code: 'back-pressure', outcome: 'not-applied' }))
    expect(core.range({ ...all, countOnly: true }).count).toBe(200)
    faults.full = false
    go()
    expect(core.keyCount).toBe(0)
    expect(core.flush().appliedIndex).toBe(2)
  })

  test('has a snapshot that is asked for meanwhile wait for it, and no more of them than there may be', () => {
    const core = filled(3, undefined, { snapshotsMax: 2 })
    core.apply(localEntry(2, 1, [deletion]))
    const answers: string[] = []
    const ask = () =>
      core.openSnapshot((error, source?: SnapshotSource) => {
        answers.push(error?.message ?? `of ${source?.index}`)
        source?.close()
      })
    ask()
    ask()
    ask()
    expect(answers).toEqual([expect.stringContaining('too many snapshots')])
    applyWhole(core, localEntry(2, 1, [deletion]))
    expect(answers.slice(1)).toEqual(['of 2', 'of 2'])
  })

  test('is gone when a snapshot takes the place of the state', () => {
    const other = filled(2)
    applyWhole(other, localEntry(2, 1, [deletion, put('new')]))
    applyWhole(other, localEntry(3, 1, [put('newer')]))
    const core = filled(2)
    const watch = watching(core)
    watch.read()
    expect(core.apply(localEntry(2, 1, [deletion, put('new')]))).toBe(unfinished)
    other.openSnapshot((_error, source) => {
      core.beginRestore(must(source, 'a snapshot').index, (_refused, sink) => {
        must(source, 'a snapshot').read(1e9, (_failed, chunk) => {
          must(sink, 'a sink').write(must(chunk, 'all of it'), () => {
            must(sink, 'a sink').commit(error => expect(error).toBeNull())
          })
        })
      })
    })
    expect(core.stateHash).toBe(other.stateHash)
    const entry = localEntry(4, 1, [put('last')])
    expect(applyWhole(core, entry)).toEqual(applyWhole(other, entry))
    core.applied()
    expect(watch.read().at(-1)).toBe('put last=v @7')
  })
})

test('A lease that holds many keys goes in slices, in the order in which it would go at once.', () => {
  const revoke: Command = { kind: 'leaseRevoke', id: 5, leaderTerm: 0 }
  const commands = [
    { kind: 'leaseGrant', id: 5, ttlSeconds: 60 } satisfies Command,
    ...Array.from({ length: 3_000 }, (_, at) => put(`k${(at * 7_919) % 3_000}`, 'v', 5)),
  ]
  const cores = [10, 1e9].map(sliceWorkMax => {
    const core = new StoreCore(new MemoryBackend(), { ...config, sliceWorkMax })
    applyWhole(core, localEntry(1, 1, commands))
    return core
  })
  const [sliced, whole] = [must(cores[0], 'one'), must(cores[1], 'another')]
  expect(sliced.apply(localEntry(2, 1, [revoke]))).toBe(unfinished)
  expect(sliced.range({ ...all, countOnly: true }).count).toBe(3_000)
  applyWhole(sliced, localEntry(2, 1, [revoke]))
  applyWhole(whole, localEntry(2, 1, [revoke]))
  expect(sliced.keyCount).toBe(0)
  expect(sliced.stateHash).toBe(whole.stateHash)
})

test('A transaction that is read in slices reads one revision, or says that a compaction overtook it.', () => {
  const core = filled(50)
  const request: TxnRequest = {
    compare: [{ ...all, target: 'mod', result: 'greater', modRevision: 0 }],
    success: [{ kind: 'range', request: all }],
    failure: [],
  }
  const undisturbed = core.readTxn(request)
  const overtaken = core.readTxn(request)
  undisturbed.next()
  overtaken.next()
  applyWhole(core, localEntry(2, 1, [deletion]))
  const read = atOnce(undisturbed)
  expect(read.succeeded).toBe(true)
  expect(read.responses).toMatchObject([{ response: { count: 50 } }])
  expect(read.header.revision).toBe(51)
  applyWhole(core, localEntry(3, 1, [{ kind: 'compact', request: { revision: 52 } }]))
  expect(() => atOnce(overtaken)).toThrow(
    expect.objectContaining({ code: 'range-interrupted', retryable: true }),
  )
})

test('A compaction of very many versions goes in slices, and hides nothing before it is whole.', () => {
  const core = new StoreCore(new MemoryBackend(), config)
  const versions = Array.from({ length: 3_000 }, () => put('k'))
  applyWhole(core, localEntry(1, 1, versions))
  core.flush()
  const before = core.usedBytes
  const compaction = localEntry(2, 1, [{ kind: 'compact', request: { revision: core.revision } }])
  expect(core.apply(compaction)).toBe(unfinished)
  expect(core.range({ ...all, revision: 5 }).count).toBe(1)
  applyWhole(core, compaction)
  expect(() => core.range({ ...all, revision: 5 })).toThrow('compacted')
  expect(core.usedBytes).toBeLessThan(before / 1_000)
})

test('One key of very many versions is compacted a few at a time.', () => {
  const core = new StoreCore(new MemoryBackend(), config)
  applyWhole(
    core,
    localEntry(1, 1, [...Array.from({ length: 100 }, () => put('k')), put('l'), deletion]),
  )
  core.flush()
  const { revision } = core
  applyWhole(core, localEntry(2, 1, [{ kind: 'compact', request: { revision } }]))
  let slices = 0
  let dropped = 0
  for (let done = false; !done; slices++) {
    done = core.compactSlice(10)
    expect(core.pendingRows - dropped).toBeLessThanOrEqual(10)
    dropped = core.pendingRows
  }
  expect(slices).toBeGreaterThanOrEqual(10)
  // The deletions at the revision itself stay.
  expect(dropped).toBe(101)
})
