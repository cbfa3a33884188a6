// Members that come back with less than the others have, over real sockets and files: from the disk of
// the leader, by a snapshot over links that break, and after their own disk has rotted.

import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { silentLogger } from '../platform/logger.js'
import type { Network } from '../platform/network.js'
import { nodeNetwork } from '../platform/node/network.js'
import { RealCluster, until } from './testing/real-cluster.js'
import { decodeFrame } from './transport/frame-codec.js'

let directory: string
let cluster: RealCluster

beforeEach(() => {
  directory = mkdtempSync(`${tmpdir()}/raft-`)
})

afterEach(async () => {
  await cluster.killAll()
  for (const { fatal } of cluster.members) expect(fatal).toEqual([])
  rmSync(directory, { recursive: true })
})

const other = (id: number): number => (id % 3) + 1

/** Those that certainly took effect. */
async function proposeAll(id: number, prefix: string, count: number): Promise<string[]> {
  const items = Array.from({ length: count }, (_, at) => `${prefix}${at}`.padEnd(200, '.'))
  const certain = await Promise.all(items.map(async item => cluster.insist(id, item)))
  return items.filter((_, at) => certain[at])
}

test('a follower that was down for longer than the leader keeps entries in memory reads its disk', async () => {
  const limits = { cachedBytesMax: 16 * 1024, entriesBytesMaxPerMessage: 8 * 1024 }
  cluster = await RealCluster.plan(directory, 3, { entriesKept: 1_000_000, limits })
  await cluster.startAll()
  const leader = await cluster.leader()
  const away = other(leader)
  const before = await proposeAll(leader, 'before', 20)
  await cluster.kill(away)
  const missed = await proposeAll(leader, 'missed', 3000)
  await cluster.start(away)
  const late = await proposeAll(leader, 'late', 200)
  await cluster.agree([...before, ...missed, ...late])
  expect(cluster.member(away).machine.restores).toBe(0)
})

/** The real network, but links to peers break behind every few chunks of a snapshot. */
function brittle(): { network: Network; chunks: number[]; breaks: number } {
  const inner = nodeNetwork(silentLogger)
  const seen = { network: inner, chunks: [] as number[], breaks: 0 }
  seen.network = {
    ...inner,
    connect: (options, handlers) => {
      const link = inner.connect(options, handlers)
      const send = link.send.bind(link)
      let here = 0
      link.send = frame => {
        const decoded = decodeFrame(frame)
        send(frame)
        if (decoded.kind !== 'snapshotChunk') return
        seen.chunks.push(decoded.sequence)
        here += 1
        if (here < 7) return
        seen.breaks += 1
        link.close('cut')
      }
      return link
    },
  }
  return seen
}

test('a snapshot arrives over links that break, each chunk read from the state once', async () => {
  const networks = [1, 2, 3].map(brittle)
  cluster = await RealCluster.plan(directory, 3)
  const start = async (id: number) =>
    cluster.start(id, { network: networks[id - 1]?.network ?? brittle().network })
  await Promise.all([1, 2, 3].map(start))
  const leader = await cluster.leader()
  const away = other(leader)
  await cluster.kill(away)
  const items = await proposeAll(leader, 'x', 200)
  await start(away)
  await cluster.agree(items)
  expect(cluster.member(away).machine.restores).toBe(1)
  const sent = networks.flatMap(({ chunks }) => chunks)
  const breaks = networks.reduce((sum, network) => sum + network.breaks, 0)
  expect(breaks).toBeGreaterThan(3)
  // It went on each time: the chunks that were on their way came twice, and no others.
  expect(sent.length - new Set(sent).size).toBeLessThanOrEqual(breaks * 7)
  expect(sent.filter(sequence => sequence === 1)).toHaveLength(1)
})

test('a member whose log rotted is repaired by the others, and elects a leader with them again', async () => {
  cluster = await RealCluster.plan(directory, 3, { entriesKept: 1_000_000 })
  await cluster.startAll()
  const leader = await cluster.leader()
  const hurt = other(leader)
  const items: string[] = []
  for (let at = 0; at < 50; at += 1) items.push(...(await proposeAll(leader, `x${at}-`, 10)))
  await cluster.agree(items)
  await cluster.kill(hurt)
  // What the state machine holds of it would need no log.
  cluster.member(hurt).listDisk.items = []
  cluster.member(hurt).listDisk.appliedIndex = 0
  const folder = cluster.member(hurt).directory
  const name = readdirSync(folder).find(file => file.endsWith('.wal')) ?? ''
  const content = readFileSync(`${folder}/${name}`)
  for (let at = 20_000; at < 40_000; at += 1000) content[at] = (content[at] ?? 0) ^ 0x10
  writeFileSync(`${folder}/${name}`, content)
  await cluster.start(hurt)
  expect(cluster.node(hurt).status().damaged).toBe(true)
  await until('it is whole', () => !cluster.node(hurt).status().damaged)
  // Nobody could lead without its vote now.
  await cluster.kill(leader)
  const next = await cluster.leader()
  const more = await proposeAll(next, 'y', 10)
  await cluster.start(leader)
  await cluster.agree([...items, ...more])
})
