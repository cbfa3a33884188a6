// A leader whose process ends, on a virtual clock: who is elected in its place before silence alone
// would have told anything, and when nobody may be. An election timeout here is ten seconds.

import { describe, expect, test } from 'vitest'
import type { RaftNodeOptions } from './node-types.js'
import { itemsOf, VirtualCluster } from './testing/virtual-cluster.js'

const electionTicks = 100
/** Far below an election timeout. */
const earlyMs = 1000

function led(size: number, overrides: Partial<RaftNodeOptions> = {}, seed = 1): VirtualCluster {
  const cluster = new VirtualCluster(size, { electionTicks, ...overrides }, seed)
  cluster.startAll()
  const leader = cluster.elect()
  cluster.propose(leader, itemsOf('before', 5))
  // Links are a few seconds old when they break.
  cluster.clock.advance(3000)
  return cluster
}

const statusOf = (cluster: VirtualCluster, id: number) => cluster.node(id).status()
const others = (cluster: VirtualCluster, id: number): number[] =>
  [...cluster.members.keys()].filter(other => other !== id)
const hostOf = (id: number): string => `host${id}:1`

/** Nobody else has campaigned, though the time for it has come. */
function expectPatience(cluster: VirtualCluster, leader: number): void {
  const { term } = statusOf(cluster, others(cluster, leader)[0] as number)
  cluster.clock.advance(5 * earlyMs)
  for (const id of others(cluster, leader))
    expect(statusOf(cluster, id)).toMatchObject({ role: 'follower', leader, term })
}

describe('when the process of a leader ends', () => {
  test.each([3, 4, 5])('one of %i voters takes its place at once, in the next term', size => {
    for (let seed = 1; seed <= 30; seed += 1) {
      const cluster = led(size, {}, seed)
      const first = cluster.leader
      const { term } = statusOf(cluster, first)
      cluster.kill(first)
      cluster.until('another leader', () => cluster.leader !== 0, earlyMs)
      expect(statusOf(cluster, cluster.leader).term, `seed ${seed}`).toBe(term + 1)
      cluster.propose(cluster.leader, ['after'])
    }
  })

  test('the one that has what is committed does, though others try first', () => {
    const cluster = led(3)
    const first = cluster.leader
    const [behind, ahead] = others(cluster, first) as [number, number]
    cluster.network.severed = (_from, to) => to === hostOf(behind)
    cluster.propose(first, ['kept'])
    cluster.network.severed = () => false
    cluster.kill(first)
    cluster.until('another leader', () => cluster.leader !== 0, earlyMs)
    expect(cluster.leader).toBe(ahead)
    cluster.propose(ahead, ['after'])
    expect(cluster.items(ahead)).toEqual([...itemsOf('before', 5), 'kept', 'after'])
  })

  test('and is started again at once, it follows whoever was elected meanwhile', () => {
    const cluster = led(3)
    const first = cluster.leader
    cluster.kill(first)
    cluster.clock.advance(3)
    cluster.start(first)
    cluster.until('another leader', () => ![0, first].includes(cluster.leader), earlyMs)
    const second = cluster.leader
    cluster.until('the first follows', () => statusOf(cluster, first).leader === second, earlyMs)
    cluster.propose(first, ['after'])
  })

  test('with two more of five, nobody can be elected, and all goes on when one is back', () => {
    const cluster = led(5)
    const first = cluster.leader
    const [second, third] = others(cluster, first) as [number, number]
    for (const id of [second, third, first]) cluster.kill(id)
    cluster.clock.advance(60_000)
    expect(cluster.leader).toBe(0)
    cluster.start(second)
    cluster.propose(cluster.elect(), ['after'])
  })

  test('nobody is elected before the leases have ended, where there are leases', () => {
    const leases = { limits: { leaseReads: { driftTicks: 10 } } }
    const cluster = led(3, leases)
    const first = cluster.leader
    cluster.kill(first)
    expectPatience(cluster, first)
    cluster.propose(cluster.elect(), ['after'])
  })

  test('after it has handed leadership over, nobody campaigns for it', () => {
    const cluster = led(3)
    const first = cluster.leader
    const { term } = statusOf(cluster, first)
    cluster.settled(done => cluster.node(first).stop(() => done(null)))
    cluster.member(first).node = null
    cluster.clock.advance(5 * earlyMs)
    expect(statusOf(cluster, cluster.leader).term).toBe(term + 1)
  })
})

describe('a leader that lives keeps leading', () => {
  test('when another member ends', () => {
    const cluster = led(3)
    const { leader } = cluster
    const { term } = statusOf(cluster, leader)
    cluster.kill(others(cluster, leader)[0] as number)
    cluster.clock.advance(5 * earlyMs)
    expect(statusOf(cluster, leader)).toMatchObject({ role: 'leader', term })
  })

  test('when it falls silent for a while, and when links break', () => {
    const cluster = led(3)
    const { leader } = cluster
    cluster.network.severed = (from, to) => from === hostOf(leader) || to === hostOf(leader)
    cluster.network.cutAll()
    expectPatience(cluster, leader)
    cluster.network.severed = () => false
    for (let round = 0; round < 20; round += 1) {
      cluster.network.cutAll()
      cluster.clock.advance(100)
    }
    expectPatience(cluster, leader)
  })

  test('when one member alone is refused at its address', () => {
    const cluster = led(3)
    const { leader } = cluster
    const [lonely, other] = others(cluster, leader) as [number, number]
    const apart = (from: string, to: string) =>
      [from, to].includes(hostOf(lonely)) && [from, to].includes(hostOf(leader))
    cluster.network.refusing = apart
    cluster.network.cutAll(apart)
    const { term } = statusOf(cluster, leader)
    cluster.clock.advance(5 * earlyMs)
    expect(statusOf(cluster, leader)).toMatchObject({ role: 'leader', term })
    expect(statusOf(cluster, other)).toMatchObject({ leader, term })
    expect(statusOf(cluster, lonely)).toMatchObject({ role: 'preCandidate', term })
    cluster.network.refusing = () => false
    cluster.until('it follows again', () => statusOf(cluster, lonely).leader === leader, 2000)
    expect(statusOf(cluster, leader).term).toBe(term)
  })

  test('until a majority is refused there: then another does, and nothing is lost', () => {
    const cluster = led(3)
    const first = cluster.leader
    const apart = (from: string, to: string) => from === hostOf(first) || to === hostOf(first)
    cluster.network.refusing = apart
    cluster.network.cutAll(apart)
    cluster.until('another leader', () => cluster.leader !== first, earlyMs)
    const second = cluster.leader
    cluster.propose(second, ['after'])
    cluster.network.refusing = () => false
    cluster.until('the first follows', () => statusOf(cluster, first).leader === second)
    cluster.until('it has all', () => cluster.items(first).length === 6)
    expect(cluster.items(first)).toEqual([...itemsOf('before', 5), 'after'])
  })
})
