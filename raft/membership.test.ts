// Changes of membership on a virtual clock: what is refused, what waits, and what comes of a leader
// that is lost in the middle.

import { describe, expect, test } from 'vitest'
import { nodeId } from './core/types.js'
import type { ConfState } from './core/types.js'
import { itemsOf, VirtualCluster } from './testing/virtual-cluster.js'

const other = (id: number): number => (id % 3) + 1

function running(): { cluster: VirtualCluster; leader: number } {
  const cluster = new VirtualCluster(3)
  cluster.startAll()
  const leader = cluster.elect()
  cluster.propose(leader, itemsOf('x', 50))
  return { cluster, leader }
}

const votersOf = (cluster: VirtualCluster, id: number): readonly number[] =>
  cluster.node(id).status().confState.voters

describe('a quorum that does not answer', () => {
  test('is not made smaller by the removal of one that does, until it is back', () => {
    const { cluster, leader } = running()
    const [dead, living] = [other(leader), other(other(leader))]
    const remove = (id: number) =>
      cluster.settled(done =>
        cluster.node(leader).changeMembership([{ kind: 'remove', node: nodeId(id) }], done),
      )
    cluster.kill(dead)
    cluster.clock.advance(1100)
    const { error } = remove(living)
    expect(error).toMatchObject({ code: 'change-unsafe', outcome: 'not-applied', retryable: true })
    expect(error?.message).toContain(`${dead} does not answer, and 2 have to`)
    cluster.start(dead)
    cluster.until('it is back', () => cluster.node(dead).status().leader === leader)
    // And the leader has heard of it.
    cluster.clock.advance(1)
    expect(remove(living).result).toMatchObject({
      voters: [leader, dead].sort((a, b) => a - b),
    })
  })

  test('is made whole by the removal of the dead one', () => {
    const { cluster, leader } = running()
    const dead = nodeId(other(leader))
    cluster.kill(dead)
    cluster.clock.advance(1100)
    const { error } = cluster.settled(done =>
      cluster.node(leader).changeMembership([{ kind: 'remove', node: dead }], done),
    )
    expect(error).toBeNull()
    cluster.propose(leader, ['y'])
  })
})

describe('a learner', () => {
  test('that is to be promoted becomes a voter when it comes, however late that is', () => {
    const { cluster, leader } = running()
    cluster.grow(4)
    const added = cluster.settled(done =>
      cluster.node(leader).addLearner(cluster.address(4), { promote: true }, done),
    )
    expect(added.result).toMatchObject({ learners: [4] })
    cluster.clock.advance(60_000)
    expect(votersOf(cluster, leader)).toEqual([1, 2, 3])
    cluster.start(4)
    cluster.until('it votes', () => votersOf(cluster, leader).includes(4))
    cluster.until('it has all of it', () => cluster.items(4).length === 50)
  })

  test('that is to be promoted is so by the next leader when the one that was asked is gone', () => {
    const { cluster, leader } = running()
    cluster.grow(4)
    const added = cluster.settled(done =>
      cluster.node(leader).addLearner(cluster.address(4), { promote: true }, done),
    )
    expect(added.result).toMatchObject({ addresses: [{ node: 4, promote: true }] })
    // So much that the entry itself is gone from every log.
    cluster.propose(leader, itemsOf('y', 100))
    for (const id of [1, 2, 3]) cluster.kill(id)
    for (const id of [1, 2, 3]) if (id !== leader) cluster.start(id)
    cluster.start(4)
    cluster.until('it votes', () => votersOf(cluster, 4).includes(4))
    expect(cluster.node(4).status().confState.addresses).toEqual([cluster.address(4)])
  })

  test('stays one when nothing else was asked for, and holds what the others hold', () => {
    const { cluster, leader } = running()
    cluster.grow(4)
    cluster.settled(done =>
      cluster.node(leader).addLearner(cluster.address(4), { promote: false }, done),
    )
    cluster.start(4)
    cluster.until('it has all of it', () => cluster.items(4).length === 50)
    cluster.clock.advance(30_000)
    expect(votersOf(cluster, 4)).toEqual([1, 2, 3])
    const { result } = cluster.settled(done =>
      cluster.node(leader).promote(nodeId(4), { waits: true }, done),
    )
    expect(result).toMatchObject({ voters: [1, 2, 3, 4], learners: [] })
  })

  test('that was removed before it ever came is refused, and can come under another id', () => {
    const { cluster, leader } = running()
    cluster.grow(4)
    cluster.settled(done =>
      cluster.node(leader).addLearner(cluster.address(4), { promote: true }, done),
    )
    cluster.settled(done =>
      cluster.node(leader).changeMembership([{ kind: 'remove', node: nodeId(4) }], done),
    )
    cluster.start(4)
    cluster.until('it is told', () => cluster.node(4).status().removed)
    expect(cluster.node(4).status().confState.voters).toEqual([])
  })
})

test('a member that was away while all the others were replaced finds them through one that it knows', () => {
  const { cluster, leader } = running()
  const away = other(leader)
  cluster.kill(away)
  cluster.clock.advance(1100)
  cluster.grow(4)
  cluster.start(4)
  const third = other(away)
  const replaced = cluster.settled(done =>
    cluster.node(leader).replaceMember({ remove: nodeId(third), add: cluster.address(4) }, done),
  )
  expect(replaced.error).toBeNull()
  cluster.kill(third)
  // The new member leads, which the one that was away has never heard of.
  cluster.until('it leads', () => {
    if (cluster.leader !== 4) cluster.node(cluster.elect()).transferLeadership(nodeId(4), () => {})
    cluster.clock.advance(1000)
    return cluster.leader === 4
  })
  cluster.propose(4, ['y'])
  cluster.start(away)
  cluster.until('it has heard', () => cluster.items(away).at(-1) === 'y')
  expect(cluster.node(away).status().leader).toBe(4)
})

test('a member that has not applied yet who was added elects it, when the one that told of it is dead', () => {
  const cluster = new VirtualCluster(2)
  cluster.startAll()
  const leader = cluster.elect()
  const behind = 3 - leader
  cluster.propose(leader, itemsOf('x', 5))
  cluster.grow(3)
  cluster.start(3)
  const { node, ...member } = cluster.address(3)
  cluster.node(leader).changeMembership([{ kind: 'addVoter', node, member }], () => {})
  cluster.until('it votes, as one of the two knows', () => votersOf(cluster, leader).includes(3))
  expect(votersOf(cluster, behind)).toEqual([1, 2])
  cluster.kill(behind)
  cluster.until('it knows itself', () => votersOf(cluster, 3).includes(3))
  cluster.kill(leader)
  cluster.start(behind)
  cluster.until('it leads', () => cluster.node(3).status().role === 'leader')
  cluster.propose(3, ['y'])
  expect(votersOf(cluster, behind)).toEqual([1, 2, 3])
})

test('a replacement whose leader dies at any step is gone on with by the next one', () => {
  for (let steps = 0; steps < 400; steps += 13) {
    const cluster = new VirtualCluster(3, {}, steps + 1)
    cluster.startAll()
    const leader = cluster.elect()
    cluster.propose(leader, itemsOf('x', 5))
    cluster.grow(4)
    cluster.start(4)
    const remove = nodeId(other(leader))
    const replacement = { remove, add: cluster.address(4) }
    const first = cluster.call(done => cluster.node(leader).replaceMember(replacement, done))
    for (let step = 0; step < steps && !first.answered; step += 1) cluster.clock.step()
    cluster.kill(leader)
    cluster.clock.advance(1100)
    let confState: ConfState | null = null
    cluster.until('the replacement', () => {
      const next = cluster.leader
      if (next === 0) return false
      const again = cluster.settled(done => cluster.node(next).replaceMember(replacement, done))
      if (again.error === null) confState = again.result as ConfState
      return again.error === null
    })
    expect(confState).toMatchObject({
      voters: [1, 2, 3, 4].filter(id => id !== remove),
      learners: [],
    })
    cluster.propose(cluster.elect(), ['y'])
  }
})

test('a member that moves to another address is found there, by those that were away too', () => {
  const { cluster, leader } = running()
  const moving = nodeId(other(leader))
  const away = other(moving)
  cluster.kill(moving)
  const { name } = cluster.member(moving).peer
  const moved = { node: moving, name, address: 'elsewhere:1' }
  const { result } = cluster.settled(done => cluster.node(leader).updateMember(moved, done))
  expect(result).toMatchObject({ voters: [1, 2, 3], addresses: [moved] })
  cluster.start(moving, { listen: moved.address, network: cluster.network.at(moved.address) })
  cluster.until('it follows', () => cluster.node(moving).status().leader === leader)
  cluster.kill(away)
  cluster.propose(leader, ['y'])
  cluster.start(away)
  cluster.until('all have it', () => cluster.items(moving).at(-1) === 'y')
  expect(cluster.settled(done => cluster.node(leader).updateMember(moved, done)).error).toBeNull()
})
