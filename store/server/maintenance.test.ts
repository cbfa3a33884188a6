// What a member does about its state in the background, by a clock of the test's own.

import { expect, test } from 'vitest'
import type { Clock } from '../../platform/clock.js'
import { deafMetrics } from '../../platform/testing/deaf-metrics.js'
import { silentLogger } from '../../platform/logger.js'
import { BackendError } from '../core/backend.js'
import { StoreCore } from '../core/store-core.js'
import { MemoryBackend } from '../backend/memory.js'
import { encodeCommands } from '../core/command.js'
import { logIndex, nodeId, term } from '../../raft/core/types.js'
import { Maintenance } from './maintenance.js'

/** Timers fire in the order of their times when time is let go. */
class Hand {
  nowMs = 0
  #timers: { readonly atMs: number; readonly run: () => void }[] = []
  readonly clock: Clock = {
    monotonicMs: () => this.nowMs,
    wallMs: () => this.nowMs,
    setTimer: (delayMs, run) => {
      const timer = { atMs: this.nowMs + delayMs, run }
      this.#timers.push(timer)
      return {
        cancel: () => {
          this.#timers = this.#timers.filter(other => other !== timer)
        },
      }
    },
    setTicker: (periodMs, run) => {
      const tick = () => {
        run()
        this.clock.setTimer(periodMs, tick)
      }
      return this.clock.setTimer(periodMs, tick)
    },
    defer: run => void this.clock.setTimer(0, run),
  }

  pass(ms: number): void {
    const endMs = this.nowMs + ms
    for (;;) {
      const next = this.#timers.toSorted((a, b) => a.atMs - b.atMs)[0]
      if (next === undefined || next.atMs > endMs) break
      this.#timers = this.#timers.filter(timer => timer !== next)
      this.nowMs = Math.max(this.nowMs, next.atMs)
      next.run()
    }
    this.nowMs = endMs
  }
}

function setUp() {
  const hand = new Hand()
  const backend = new MemoryBackend()
  const disk = { full: false, commits: 0, checkpoints: 0, freeSlices: 0 }
  const commit = backend.commit.bind(backend)
  backend.commit = batch => {
    disk.commits += 1
    if (disk.full) throw new BackendError('backend-full', 'no room, for a test')
    commit(batch)
  }
  const checkpoint = backend.checkpoint.bind(backend)
  backend.checkpoint = () => {
    disk.checkpoints += 1
    if (disk.full) throw new BackendError('backend-full', 'no room, for a test')
    checkpoint()
  }
  backend.reclaim = () => {
    if (disk.freeSlices > 0) disk.freeSlices -= 1
    return disk.freeSlices > 0
  }
  const core = new StoreCore(backend, { clusterId: 1, memberId: 1 })
  const maintenance = new Maintenance({
    machine: core,
    clock: hand.clock,
    logger: silentLogger,
    autoCompaction: { mode: 'off' },
    metrics: deafMetrics,
  })
  maintenance.start(() => {})
  const put = (value: Uint8Array = Buffer.from('v')) => {
    const request = { key: Buffer.from('k'), value }
    const index = logIndex(core.appliedIndex + 1)
    const data = encodeCommands([{ kind: 'put', request }])
    const envelope = { term: term(1), kind: 'normal', origin: nodeId(1), sequence: 1 } as const
    core.apply({ ...envelope, index, data })
    core.applied()
  }
  return { hand, core, maintenance, disk, put }
}

test('state is written within a fifth of a second, also after a long rest', () => {
  const { hand, core, put } = setUp()
  hand.pass(60_000)
  put()
  hand.pass(200)
  expect(core.pendingRows).toBe(0)
})

test('a state is read back from its first row to its last once an hour, and not again and again', () => {
  const { hand, core, maintenance, put } = setUp()
  for (let row = 0; row < 2_500; row += 1) put()
  core.flush()
  const looks: boolean[] = []
  const scrub = core.scrubSlice.bind(core)
  core.scrubSlice = (rowsMax, bytesMax) => {
    const ended = scrub(rowsMax, bytesMax)
    looks.push(ended)
    return ended
  }
  hand.pass(60_000)
  const round = [false, false, false, true]
  expect(looks).toEqual(round)
  hand.pass(3_600_000)
  expect(looks).toEqual([...round, ...round])
  maintenance.stop()
})

test('what is written under load is made durable in portions, not all of two seconds at once', () => {
  const { hand, maintenance, disk, put } = setUp()
  const value = Buffer.alloc(1_000_000)
  for (let turn = 0; turn < 60; turn += 1) {
    put(value)
    hand.pass(25)
  }
  expect(hand.nowMs).toBeLessThan(2_000)
  expect(disk.checkpoints).toBeGreaterThanOrEqual(3)
  // Where there is no room it is not tried behind every write.
  disk.full = true
  hand.pass(2_000)
  const { checkpoints } = disk
  for (let turn = 0; turn < 60; turn += 1) {
    put(value)
    hand.pass(25)
  }
  expect(disk.checkpoints).toBeLessThanOrEqual(checkpoints + 2)
  maintenance.stop()
})

test('what a defragmentation moves is made durable in portions, unless the disk is full', () => {
  const { hand, maintenance, disk } = setUp()
  disk.freeSlices = 60
  maintenance.defragmentation.start()
  hand.pass(1_000)
  expect(maintenance.defragmentation.running).toBe(false)
  expect(disk.checkpoints).toBeGreaterThanOrEqual(10)
  disk.full = true
  hand.pass(2_000)
  const { checkpoints } = disk
  disk.freeSlices = 60
  maintenance.defragmentation.start()
  hand.pass(1_000)
  expect(disk.checkpoints).toBeLessThanOrEqual(checkpoints + 1)
  maintenance.stop()
})

test('a full disk is tried once a second, told, and nothing of what waits is lost', () => {
  const { hand, core, maintenance, disk, put } = setUp()
  disk.full = true
  hand.pass(1_000)
  put()
  for (let turn = 0; turn < 100; turn += 1) {
    hand.pass(100)
    put()
  }
  expect(disk.commits).toBeGreaterThan(5)
  expect(disk.commits).toBeLessThan(15)
  expect([maintenance.full, core.pendingRows]).toEqual([true, 101])
  disk.full = false
  hand.pass(1_200)
  expect([maintenance.full, core.pendingRows]).toEqual([false, 0])
  maintenance.stop()
})
