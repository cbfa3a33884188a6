// Followers that were away for longer than the leader keeps entries in memory: they get them from its
// disk, and a snapshot only where the log itself is gone. On a virtual clock.

import { expect, test } from 'vitest'
import type { RaftNodeOptions } from './node-types.js'
import { itemsOf, VirtualCluster } from './testing/virtual-cluster.js'

const other = (id: number): number => (id % 3) + 1
const long = (prefix: string, count: number) =>
  itemsOf(prefix, count).map(item => item.padEnd(100, '.'))

/** A few kilobytes in memory, and the whole log on disk. */
const little: Partial<RaftNodeOptions> = {
  entriesKept: 100_000,
  limits: { cachedBytesMax: 4096, entriesBytesMaxPerMessage: 2048 },
}

function holdEverything(cluster: VirtualCluster, id: number, items: readonly string[]): void {
  cluster.until('it holds everything', () => cluster.items(id).length === items.length)
  expect(cluster.items(id)).toEqual(items)
}

test('a follower that was away gets old entries from the disk of the leader', () => {
  const cluster = new VirtualCluster(3, little)
  cluster.startAll()
  const leader = cluster.elect()
  const away = other(leader)
  const items = long('before', 20)
  cluster.propose(leader, items)
  cluster.kill(away)
  const missed = long('missed', 300)
  cluster.propose(leader, missed)
  cluster.start(away)
  // What is new meanwhile does not get in between.
  const late = long('late', 30)
  cluster.propose(leader, late)
  holdEverything(cluster, away, [...items, ...missed, ...late])
  expect(cluster.member(away).machine.restores).toBe(0)
})

test('also from a leader that was started anew, and holds no more than the end in memory', () => {
  const cluster = new VirtualCluster(3, little)
  cluster.startAll()
  let leader = cluster.elect()
  const away = other(leader)
  cluster.kill(away)
  const items = long('missed', 300)
  cluster.propose(leader, items)
  for (const id of [1, 2, 3]) if (id !== away) cluster.kill(id)
  for (const id of [1, 2, 3]) if (id !== away) cluster.start(id)
  leader = cluster.elect()
  cluster.start(away)
  holdEverything(cluster, away, items)
  expect(cluster.member(away).machine.restores).toBe(0)
  expect(cluster.leader).toBe(leader)
})

test('and a new leader serves from its disk what the old one no longer can', () => {
  const cluster = new VirtualCluster(3, little)
  cluster.startAll()
  const first = cluster.elect()
  const away = other(first)
  cluster.kill(away)
  const items = long('missed', 300)
  cluster.propose(first, items)
  cluster.start(away)
  for (let step = 0; step < 200; step += 1) cluster.clock.step()
  const third = other(away) === first ? other(first) : other(away)
  cluster.call(done => cluster.node(first).transferLeadership(cluster.member(third).peer.id, done))
  holdEverything(cluster, away, items)
  expect(cluster.member(away).machine.restores).toBe(0)
})

test('entries that rotted on the disk of the leader are given up for a snapshot', () => {
  const cluster = new VirtualCluster(3, little)
  cluster.startAll()
  const leader = cluster.elect()
  const away = other(leader)
  cluster.kill(away)
  const items = long('missed', 300)
  cluster.propose(leader, items)
  const { disk } = cluster.member(leader)
  for (let offset = 2000; offset < 8000; offset += 100)
    disk.flipBit('/log/0000000001.wal', offset, 3)
  cluster.start(away)
  holdEverything(cluster, away, items)
  expect(cluster.member(away).machine.restores).toBe(1)
})

test('a follower whose entries are gone from every log gets a snapshot', () => {
  const cluster = new VirtualCluster(3, { ...little, entriesKept: 50 })
  cluster.startAll()
  const leader = cluster.elect()
  const away = other(leader)
  cluster.kill(away)
  const items = long('missed', 300)
  cluster.propose(leader, items)
  cluster.start(away)
  holdEverything(cluster, away, items)
  expect(cluster.member(away).machine.restores).toBe(1)
})
