// Leaders whose disk answers no more, on a virtual clock: they hand over, or step down, and go on.

import { expect, test } from 'vitest'
import { itemsOf, VirtualCluster } from './testing/virtual-cluster.js'

function running(): { cluster: VirtualCluster; leader: number } {
  const cluster = new VirtualCluster(3)
  cluster.startAll()
  const leader = cluster.elect()
  cluster.propose(leader, itemsOf('x', 5))
  return { cluster, leader }
}

test('a leader whose disk stalls hands over, ticks on and takes part again later', () => {
  const { cluster, leader } = running()
  cluster.stall(leader)
  const stuck = cluster.call(done => cluster.node(leader).propose(Buffer.from('y'), done))
  cluster.until('another one leads', () => ![0, leader].includes(cluster.leader), 5000)
  cluster.propose(cluster.leader, ['z'])
  // What it cannot know without its disk it says within the time limit.
  const read = cluster.call(done => cluster.node(leader).readIndex(done))
  cluster.clock.advance(10_000)
  expect(read.error).toMatchObject({ code: 'timeout', outcome: 'not-applied' })
  expect(stuck.error).toMatchObject({ outcome: 'unknown' })
  expect(cluster.node(leader).status().leader).toBe(cluster.leader)
  cluster.resume(leader)
  cluster.until('it has it all', () => cluster.items(leader).includes('z'))
  expect(cluster.items(1)).toEqual(cluster.items(2))
})

test('a leader whose disk stalls and to whom nobody answers with a durable log steps down', () => {
  const { cluster, leader } = running()
  for (const id of [1, 2, 3]) cluster.stall(id)
  cluster.call(done => cluster.node(leader).propose(Buffer.from('y'), done))
  const { term } = cluster.node(leader).status()
  cluster.until('it steps down', () => cluster.node(leader).status().role !== 'leader', 8000)
  expect(cluster.node(leader).status().term).toBeGreaterThanOrEqual(term)
  for (const id of [1, 2, 3]) cluster.resume(id)
  const next = cluster.elect()
  cluster.propose(next, ['z'])
  cluster.until('all agree', () => [1, 2, 3].every(id => `${cluster.items(id).at(-1)}` === 'z'))
  expect(cluster.items(1)).toEqual(cluster.items(3))
})

test('a member that leads alone and waits for its own disk steps down, and leads on later', () => {
  const cluster = new VirtualCluster(1)
  cluster.start(1)
  cluster.elect()
  cluster.propose(1, ['x'])
  cluster.stall(1)
  const stuck = cluster.call(done => cluster.node(1).propose(Buffer.from('y'), done))
  cluster.until('it steps down', () => cluster.node(1).status().role !== 'leader', 8000)
  cluster.resume(1)
  cluster.elect()
  cluster.until('what was proposed is there', () => stuck.answered)
  cluster.propose(1, ['z'])
  expect(cluster.items(1)).toEqual(['x', 'y', 'z'])
})
