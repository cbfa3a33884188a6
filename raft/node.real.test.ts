// Three nodes over real sockets and files: what the cluster promises when nodes come and go.

import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { nodeDisk } from '../platform/node/disk.js'
import { testAuthority } from '../platform/testing/certificates.js'
import { nodeId } from './core/types.js'
import { propose, readIndex, RealCluster, until } from './testing/real-cluster.js'
import { unruly, UnrulyDisk } from './testing/unruly-disk.js'

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

/** Proposes until one attempt certainly took effect; refused ones are tried again. */
async function insist(id: number, payload: string): Promise<unknown> {
  for (;;) {
    try {
      return await propose(cluster.node(id), payload)
    } catch (error) {
      const { outcome, retryable } = error as { outcome?: string; retryable?: boolean }
      if (outcome !== 'not-applied' || retryable !== true) throw error
      await new Promise(done => setTimeout(done, 20))
    }
  }
}

async function insistAll(id: number, prefix: string, count: number): Promise<string[]> {
  const payloads = Array.from({ length: count }, (_, at) => `${prefix}${at}`)
  await Promise.all(payloads.map(async payload => insist(id, payload)))
  return payloads
}

const other = (id: number): number => (id % 3) + 1

describe('three nodes', () => {
  test('elect a leader and take proposals at any of them, with the result of their own state', async () => {
    await cluster.startAll()
    await cluster.leader()
    expect(await insist(1, 'a')).toBe(1)
    expect(await insist(2, 'b')).toBe(2)
    expect(await insist(3, 'c')).toBe(3)
    await cluster.converge(['a', 'b', 'c'])
  })

  test('keep the order of proposals of one turn', async () => {
    await cluster.startAll()
    const leader = await cluster.leader()
    const payloads = await insistAll(other(leader), 'x', 300)
    await cluster.converge(payloads)
  })

  test('go on without a killed leader and lose nothing that was answered', async () => {
    await cluster.startAll()
    const first = await cluster.leader()
    const before = await insistAll(first, 'before', 50)
    await cluster.kill(first)
    const second = await cluster.leader()
    expect(second).not.toBe(first)
    const after = await insistAll(second, 'after', 50)
    await cluster.start(first)
    await cluster.converge([...before, ...after])
  })

  test('refuse proposals without a quorum as not applied or unknown, never as done', async () => {
    await cluster.startAll()
    const leader = await cluster.leader()
    await insist(leader, 'a')
    const lonely = other(leader)
    await cluster.kill(leader)
    await cluster.kill(other(lonely) === leader ? other(leader) : other(lonely))
    for (const id of [1, 2, 3])
      if (id !== lonely && cluster.member(id).node !== null) await cluster.kill(id)
    await until('the last node sees no leader', () => cluster.node(lonely).status().leader === 0)
    await expect(propose(cluster.node(lonely), 'b')).rejects.toMatchObject({
      code: 'no-leader',
      outcome: 'not-applied',
      retryable: true,
    })
    await expect(readIndex(cluster.node(lonely))).rejects.toMatchObject({ code: 'no-leader' })
  })

  test('have it all again after every node was killed', async () => {
    await cluster.startAll()
    const items = await insistAll(await cluster.leader(), 'x', 200)
    await cluster.killAll()
    await cluster.startAll()
    await cluster.leader()
    await cluster.converge(items)
    expect(await insist(1, 'more')).toBe(201)
  })

  test('have it all again after the machines lost what they had not flushed', async () => {
    await cluster.startAll()
    const items = await insistAll(await cluster.leader(), 'x', 30)
    await cluster.killAll()
    for (const { listDisk } of cluster.members) expect(listDisk.items).toHaveLength(0)
    await cluster.startAll()
    await cluster.leader()
    await cluster.converge(items)
  })

  test('bring a node that lags behind the compacted log up by a snapshot', async () => {
    await cluster.startAll()
    const leader = await cluster.leader()
    const items = await insistAll(leader, 'early', 10)
    const lagging = other(leader)
    await cluster.kill(lagging)
    for (let round = 0; round < 10; round += 1)
      items.push(...(await insistAll(leader, `round ${round} ${'x'.repeat(500)} `, 100)))
    const files = () => readdirSync(cluster.member(leader).directory)
    await until('the first segment is gone', () => !files().includes('0000000001.wal'))
    await cluster.start(lagging)
    await cluster.converge(items)
    await insist(lagging, 'last')
    items.push('last')
    await cluster.converge(items)
    // What came by snapshot and what came after it is there again after a restart.
    await cluster.kill(lagging)
    await cluster.start(lagging)
    await cluster.converge(items)
  })

  test('hand leadership over when asked, and when the leader stops', async () => {
    await cluster.startAll()
    const first = await cluster.leader()
    const target = other(first)
    await new Promise<void>((resolve, reject) => {
      cluster
        .node(first)
        .transferLeadership(nodeId(target), error => (error === null ? resolve() : reject(error)))
    })
    expect(await cluster.leader()).toBe(target)
    const changes: number[] = []
    const watcher = other(target)
    cluster.node(watcher).onSoftState(({ leader }) => changes.push(leader))
    await cluster.stop(target)
    const third = await cluster.leader()
    expect(third).not.toBe(target)
    expect(changes.at(-1)).toBe(third)
  })

  test('read nothing older than what was answered before, at any of them', async () => {
    await cluster.startAll()
    const leader = await cluster.leader()
    for (let round = 1; round <= 20; round += 1) {
      await insist(leader, `item ${round}`)
      await readIndex(cluster.node(other(leader)))
      expect(cluster.member(other(leader)).machine.items).toHaveLength(round)
    }
  })

  test('refuse a second owner of a directory, and a directory of another node', async () => {
    await cluster.startAll()
    await expect(cluster.start(1)).rejects.toMatchObject({ code: 'directory-locked' })
    await cluster.kill(1)
    await expect(
      cluster.start(1, { directory: cluster.member(2).directory }),
    ).rejects.toMatchObject({ code: 'directory-locked' })
    await cluster.kill(2)
    await expect(
      cluster.start(1, { directory: cluster.member(2).directory }),
    ).rejects.toMatchObject({ code: 'log-mismatch' })
    await expect(cluster.start(1, { clusterId: 78 })).rejects.toMatchObject({
      code: 'log-mismatch',
    })
  })

  test('answer what is under way as unknown when the node stops', async () => {
    await cluster.startAll()
    const leader = await cluster.leader()
    await cluster.kill(other(leader))
    await cluster.kill(other(other(leader)))
    const outcome = propose(cluster.node(leader), 'x').catch((error: unknown) => error)
    await new Promise(done => setTimeout(done, 50))
    await cluster.kill(leader)
    expect(await outcome).toMatchObject({ code: 'stopped', outcome: 'unknown' })
  })

  test('refuse what is too large, and say when they are stopped', async () => {
    await cluster.startAll()
    const node = cluster.node(await cluster.leader())
    const large = new Promise(done => node.propose(Buffer.alloc(9 * 1024 * 1024), done))
    expect(await large).toMatchObject({ code: 'request-too-large', retryable: false })
    await cluster.stop(node.status().id)
    await expect(propose(node, 'late')).rejects.toMatchObject({
      code: 'stopped',
      outcome: 'not-applied',
    })
  })
})

describe('a leader whose disk', () => {
  let disks: Map<number, UnrulyDisk>

  beforeEach(async () => {
    disks = new Map([1, 2, 3].map(id => [id, new UnrulyDisk(nodeDisk())]))
    await Promise.all([...disks].map(async ([id, { disk }]) => cluster.start(id, { disk })))
  })

  test('stalls hands over, and its followers go on', async () => {
    const first = await cluster.leader()
    await insist(first, 'a')
    unruly(disks, first).stall()
    const stuck = propose(cluster.node(first), 'b')
    await until('another leads', () => cluster.node(other(first)).status().leader !== first)
    await insist(other(first), 'c')
    expect(cluster.node(first).status().leader).not.toBe(first)
    // It was committed by the others' disks; what the old leader applies must be on its own too.
    unruly(disks, first).heal()
    expect(await stuck).toBe(2)
    await cluster.converge(['a', 'b', 'c'])
  })

  test('answers nothing any more does not keep the node from stopping', async () => {
    const leader = await cluster.leader()
    unruly(disks, leader).stall()
    void propose(cluster.node(leader), 'a').catch(() => {})
    await until('it is written', () => cluster.node(leader).status().pendingProposals > 0)
    await cluster.kill(leader)
    unruly(disks, leader).heal()
  })

  test('is full refuses proposals as not applied, until there is room', async () => {
    const leader = await cluster.leader()
    await insist(leader, 'a')
    for (const { peer } of cluster.members) unruly(disks, peer.id).fill()
    const stuck = propose(cluster.node(leader), 'b').catch((error: unknown) => error)
    await until('it says so', () => cluster.node(leader).status().diskFull)
    await expect(propose(cluster.node(leader), 'c')).rejects.toMatchObject({
      code: 'disk-full',
      outcome: 'not-applied',
      retryable: true,
    })
    for (const { peer } of cluster.members) unruly(disks, peer.id).heal()
    expect(await stuck).toBe(2)
    await insist(await cluster.leader(), 'd')
    await cluster.converge(['a', 'b', 'd'])
  })

  test('fails to sync ends at once, and its followers go on', async () => {
    const first = await cluster.leader()
    await insist(first, 'a')
    unruly(disks, first).break()
    const lost = propose(cluster.node(first), 'b').catch((error: unknown) => error)
    await until('it has ended', () => cluster.member(first).fatal.length > 0)
    expect(cluster.member(first).fatal).toMatchObject([{ code: 'disk-io' }])
    cluster.member(first).fatal.length = 0
    expect(await lost).toMatchObject({ code: 'stopped', outcome: 'unknown' })
    await cluster.kill(first)
    await insist(await cluster.leader(), 'c')
    unruly(disks, first).heal()
    await cluster.start(first)
    const items = cluster.member(await cluster.leader()).machine.items
    expect(items.at(-1)).toBe('c')
    await cluster.converge([...items])
  })
})

describe('three nodes with certificates', () => {
  test('are told apart by their certificates', async () => {
    const authority = await testAuthority(directory)
    const identities = []
    for (const name of ['n1', 'n2', 'n3']) identities.push(await authority.issue(name))
    cluster = await RealCluster.plan(directory, 3, {}, identities)
    await cluster.startAll()
    await cluster.leader()
    expect(await insist(2, 'secret')).toBe(1)
    // n3 comes back with the certificate of a stranger: nobody listens to it.
    await cluster.kill(3)
    await cluster.start(3, { tls: await authority.issue('n4') })
    expect(await insist(1, 'more')).toBe(2)
    expect(cluster.node(3).status().leader).toBe(0)
    await cluster.kill(3)
    await cluster.start(3)
    await cluster.converge(['secret', 'more'])
  })
})
