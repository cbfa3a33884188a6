// Members that lost a part of their log, or their state, and are brought back by the others: until then
// they help nobody to be elected, and afterwards they do. On a virtual clock.

import { describe, expect, test } from 'vitest'
import { must } from '../platform/errors.js'
import { nodeId } from './core/types.js'
import type { RaftNodeOptions } from './node-types.js'
import { itemsOf, VirtualCluster } from './testing/virtual-cluster.js'

const other = (id: number): number => (id % 3) + 1

function running(
  overrides: Partial<RaftNodeOptions> = {},
  seed = 1,
): { cluster: VirtualCluster; leader: number; hurt: number; third: number } {
  const cluster = new VirtualCluster(3, overrides, seed)
  cluster.startAll()
  const leader = cluster.elect()
  cluster.propose(leader, itemsOf('x', 100))
  const hurt = other(leader)
  const third = other(hurt) === leader ? other(leader) : other(hurt)
  cluster.until('all have it', () => [1, 2, 3].every(id => cluster.items(id).length === 100))
  return { cluster, leader, hurt, third }
}

const status = (cluster: VirtualCluster, id: number) => cluster.node(id).status()

/** The state is gone, and the log begins later. */
function loseState(cluster: VirtualCluster, id: number): void {
  const { listDisk } = cluster.member(id)
  listDisk.items = []
  listDisk.appliedIndex = 0
}

/** Somewhere in the middle of what is written of the log, and not at its end, which may be torn. */
function rot(cluster: VirtualCluster, id: number): void {
  const { disk } = cluster.member(id)
  const path = must(
    disk.paths().find(name => name.endsWith('.wal')),
    'a segment',
  )
  const content = must(disk.contentOf(path), 'its content')
  let end = content.length
  while (end > 0 && content[end - 1] === 0) end -= 1
  disk.flipBit(path, Math.floor(end / 2), 3)
}

const kept: Partial<RaftNodeOptions> = { entriesKept: 100_000, segmentBytes: 1024 * 1024 }

describe('a member whose state is lost while its log begins later', () => {
  test('is given a snapshot, even when nobody proposes anything, and votes again', () => {
    const { cluster, leader, hurt, third } = running()
    cluster.kill(hurt)
    loseState(cluster, hurt)
    expect(cluster.start(hurt)).not.toBeNull()
    expect(status(cluster, hurt).damaged).toBe(true)
    cluster.until('it is whole', () => !status(cluster, hurt).damaged)
    expect(cluster.items(hurt)).toEqual(itemsOf('x', 100))
    // Without its vote nobody could lead now.
    cluster.kill(leader)
    cluster.elect()
    cluster.propose(third, ['y'])
    cluster.until('it goes on', () => cluster.items(hurt).at(-1) === 'y')
  })

  test('helps nobody to be elected before', () => {
    const { cluster, leader, hurt, third } = running()
    cluster.kill(hurt)
    loseState(cluster, hurt)
    cluster.kill(leader)
    cluster.start(hurt)
    cluster.clock.advance(30_000)
    expect(cluster.leader).toBe(0)
    expect(status(cluster, hurt)).toMatchObject({ damaged: true, role: 'follower' })
    expect(cluster.items(third)).toHaveLength(100)
    cluster.start(leader)
    cluster.elect()
    cluster.until('it is whole', () => !status(cluster, hurt).damaged)
    expect(cluster.items(hurt)).toEqual(itemsOf('x', 100))
  })

  test('starts over when it crashes in the middle, wherever that is', () => {
    for (let steps = 0; steps < 240; steps += 8) {
      const { cluster, leader, hurt } = running({}, steps + 1)
      cluster.kill(hurt)
      loseState(cluster, hurt)
      cluster.start(hurt)
      for (let step = 0; step < steps; step += 1) cluster.clock.step()
      cluster.kill(hurt)
      cluster.member(hurt).disk.crash()
      cluster.propose(leader, ['y'])
      expect(cluster.start(hurt)).not.toBeNull()
      cluster.until('it is whole', () => !status(cluster, hurt).damaged)
      cluster.until('it has it all', () => cluster.items(hurt).length === 101)
      cluster.kill(leader)
      cluster.propose(cluster.elect(), ['z'])
    }
  })

  test('does not forget that it lost something, even when it comes back by itself', () => {
    const { cluster, hurt } = running()
    cluster.kill(hurt)
    const { listDisk } = cluster.member(hurt)
    const before = { ...listDisk }
    const { lastIndex } = status(cluster, cluster.leader)
    expect(before.appliedIndex).toBeLessThan(lastIndex)
    loseState(cluster, hurt)
    // Whatever was told meanwhile may rest on a part of the log that a snapshot has replaced.
    cluster.start(hurt)
    cluster.kill(hurt)
    listDisk.items = before.items
    listDisk.appliedIndex = before.appliedIndex
    cluster.start(hurt)
    expect(status(cluster, hurt).damaged).toBe(true)
    cluster.until('it is whole', () => !status(cluster, hurt).damaged)
    // That it is whole again is on its disk.
    cluster.clock.advance(100)
    cluster.kill(hurt)
    cluster.start(hurt)
    expect(status(cluster, hurt).damaged).toBe(false)
  })

  test('is refused where it is alone', () => {
    const cluster = new VirtualCluster(1)
    cluster.start(1)
    cluster.elect()
    cluster.propose(1, itemsOf('x', 100))
    cluster.kill(1)
    loseState(cluster, 1)
    expect(cluster.start(1)).toBeNull()
    expect(cluster.member(1).refusal?.message).toContain('no peer that could bring it back')
  })
})

describe('a member whose log rotted', () => {
  test('starts, is repaired by the others, and votes again', () => {
    const { cluster, leader, hurt, third } = running(kept)
    cluster.kill(hurt)
    rot(cluster, hurt)
    expect(cluster.start(hurt)).not.toBeNull()
    cluster.until('it is whole', () => !status(cluster, hurt).damaged)
    cluster.propose(leader, ['y'])
    cluster.kill(leader)
    cluster.elect()
    cluster.propose(third, ['z'])
    cluster.until('it has it all', () => cluster.items(hurt).length === 102)
    // Nothing of it is left at the next start.
    cluster.kill(hurt)
    cluster.start(hurt)
    expect(status(cluster, hurt).damaged).toBe(false)
  })

  test('does not vote for anybody before it is repaired', () => {
    const { cluster, leader, hurt, third } = running(kept)
    cluster.kill(hurt)
    loseState(cluster, hurt)
    rot(cluster, hurt)
    cluster.kill(leader)
    cluster.start(hurt)
    expect(status(cluster, hurt).damaged).toBe(true)
    cluster.clock.advance(30_000)
    expect(cluster.leader).toBe(0)
    cluster.start(leader)
    cluster.elect()
    cluster.until('it is whole', () => !status(cluster, hurt).damaged)
    expect(cluster.items(hurt)).toEqual(cluster.items(third))
  })

  test('is refused where it is alone', () => {
    const cluster = new VirtualCluster(1, kept)
    cluster.start(1)
    cluster.elect()
    cluster.propose(1, itemsOf('x', 100))
    cluster.kill(1)
    rot(cluster, 1)
    expect(cluster.start(1)).toBeNull()
    expect(cluster.member(1).refusal).toMatchObject({ code: 'log-corrupt' })
  })
})

test('a member that lost log and state is replaced under another id', () => {
  const { cluster, leader, hurt } = running()
  cluster.kill(hurt)
  cluster.grow(4)
  cluster.start(4)
  cluster.clock.advance(1100)
  const replaced = cluster.settled(done =>
    cluster.node(leader).replaceMember({ remove: nodeId(hurt), add: cluster.address(4) }, done),
  )
  expect(replaced.error).toBeNull()
  cluster.until('it has it all', () => cluster.items(4).length === 100)
})
