// A snapshot on its way into a node while everything else goes on there.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Clock } from '../platform/clock.js'
import type { Logger } from '../platform/logger.js'
import { silentLogger } from '../platform/logger.js'
import { nodeClock } from '../platform/node/clock.js'
import { logIndex } from './core/types.js'
import { raftNodeError } from './node-types.js'
import { propose, RealCluster, until } from './testing/real-cluster.js'
import type { StateMachine } from './state-machine.js'

let directory: string
let cluster: RealCluster

beforeEach(async () => {
  directory = mkdtempSync(`${tmpdir()}/raft-`)
  cluster = await RealCluster.plan(directory, 3)
})

afterEach(async () => {
  await cluster.killAll()
  for (const { fatal } of cluster.members) expect(fatal).toEqual([])
  rmSync(directory, { recursive: true })
})

/** A clock whose tickers tick before everything that was put off to the end of a turn. */
function overzealous(): Clock {
  const clock = nodeClock()
  const tickers: (() => void)[] = []
  return {
    ...clock,
    setTicker(periodMs, callback) {
      tickers.push(callback)
      return clock.setTicker(periodMs, callback)
    },
    defer(callback) {
      clock.defer(() => {
        for (const tick of tickers) tick()
        callback()
      })
    },
  }
}

/** The machine, which says that something is durable from the moment that `from` holds. */
function durableFrom(machine: StateMachine, from: () => boolean): StateMachine {
  return {
    get appliedIndex() {
      return machine.appliedIndex
    },
    get durableIndex() {
      return from() ? machine.durableIndex : logIndex(0)
    },
    apply: entry => machine.apply(entry),
    applied: () => machine.applied(),
    makeDurable: done => machine.makeDurable(done),
    openSnapshot: done => machine.openSnapshot(done),
    beginRestore: (index, done) => machine.beginRestore(index, done),
  }
}

test('a node that cannot take snapshots is asked ever less often, and served when it can', async () => {
  const retries: number[] = []
  const logger: Logger = {
    ...silentLogger,
    warn: fields => {
      const { retryMs } = fields as { retryMs?: number }
      if (retryMs !== undefined) retries.push(retryMs)
    },
    child: () => logger,
  }
  for (const id of [1, 2, 3]) await cluster.start(id, { entriesKept: 20, logger })
  const leader = await cluster.leader()
  const lagging = (leader % 3) + 1
  await cluster.kill(lagging)
  const items = Array.from({ length: 200 }, (_, at) => `item ${at}`)
  for (const item of items) await propose(cluster.node(leader), item)
  const { machine } = cluster.member(lagging)
  let full = true
  const stateMachine: StateMachine = {
    ...durableFrom(machine, () => true),
    get appliedIndex() {
      return machine.appliedIndex
    },
    get durableIndex() {
      return machine.durableIndex
    },
    beginRestore: (index, done) => {
      if (full) done(raftNodeError('disk-full'))
      else machine.beginRestore(index, done)
    },
  }
  await cluster.start(lagging, { stateMachine })
  await until('three were refused', () => retries.length >= 3)
  expect(retries.slice(0, 3)).toEqual([100, 200, 400])
  full = false
  await until('it has caught up', () => machine.items.length === items.length)
}, 60_000)

test('a tick between the arrival of a snapshot and its installation cuts nothing', async () => {
  const lagging = 3
  for (const id of [1, 2, lagging])
    await cluster.start(id, {
      electionTicks: id === lagging ? 100 : 10,
      entriesKept: id === lagging ? 1000 : 20,
    })
  const leader = await cluster.leader()
  const items: string[] = []
  const add = async (count: number) => {
    for (let at = 0; at < count; at += 1) {
      items.push(`item ${items.length}`)
      await propose(cluster.node(leader), items.at(-1) ?? '')
    }
  }
  // Enough that the lagging node has something to cut when its snapshot arrives.
  await add(120)
  await until('all have it', () => cluster.member(lagging).machine.items.length === items.length)
  await cluster.kill(lagging)
  await add(200)
  const { machine } = cluster.member(lagging)
  const behind = machine.appliedIndex
  // The protocol has taken the snapshot, and the machine has not.
  const between = () => {
    const { node } = cluster.member(lagging)
    return node !== null && node.status().lastIndex > behind + 100
  }
  await cluster.start(lagging, {
    clock: overzealous(),
    electionTicks: 100_000,
    entriesKept: 20,
    stateMachine: durableFrom(machine, between),
  })
  await until('it has caught up', () => machine.items.length === items.length)
  expect(machine.items).toEqual(items)
}, 60_000)
