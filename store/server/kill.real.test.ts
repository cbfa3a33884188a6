// Three members as real processes that are killed and paused under load, and the promises that must
// hold whatever happens: nothing acknowledged is lost, and everybody sees the same order. The failures
// are drawn from a seed, which is printed; RAFTSMAN_KILL_SEED and RAFTSMAN_KILL_SECONDS repeat or
// lengthen a run.

import { afterEach, expect, test } from 'vitest'

import { must } from '../../platform/errors.js'
import type { Random } from '../../platform/random.js'
import { seededRandom } from '../../platform/seeded-random.js'
import { SqliteBackend } from '../backend/sqlite.js'
import { StoreCore } from '../core/store-core.js'
import { Seen, everyKey, text, utf8 } from './testing/clients.js'
import { History, changesOf, firstDifference } from './testing/history-check.js'
import { StoreProcesses, memberIds, pause } from './testing/store-processes.js'
import { Workload } from './testing/workload.js'

const registers = ['r/a', 'r/b', 'r/c']
const flags = [
  '--heartbeat-interval=50',
  '--election-timeout=500',
  // So little that a member that was away for some seconds needs a snapshot.
  '--entries-kept=20',
  '--segment-mib=1',
]

const say = (line: string): void => void process.stderr.write(`${line}\n`)

let processes: StoreProcesses | null = null

afterEach(async () => {
  await processes?.end()
  processes = null
})

type Shot = (cluster: StoreProcesses, random: Random, workload: Workload) => Promise<void>

const between = (random: Random, lowMs: number, highMs: number): Promise<void> =>
  pause(lowMs + random.integer(highMs - lowMs))

const anyMember = (random: Random): number =>
  must(memberIds[random.integer(memberIds.length)], 'a member')

async function follower(cluster: StoreProcesses, random: Random): Promise<number> {
  const leader = await cluster.leader()
  const others = memberIds.filter(id => id !== leader)
  return must(others[random.integer(others.length)], 'a follower')
}

async function killAndStart(cluster: StoreProcesses, id: number, awayMs: number): Promise<void> {
  await cluster.kill(id)
  await pause(awayMs)
  cluster.startMember(id)
}

async function suspendFor(cluster: StoreProcesses, id: number, ms: number): Promise<void> {
  cluster.suspend(id)
  await pause(ms)
  cluster.resume(id)
}

const shots: Readonly<Record<string, Shot>> = {
  'the leader is killed': async (cluster, random) =>
    killAndStart(cluster, await cluster.leader(), random.integer(600)),
  'a follower is killed': async (cluster, random) =>
    killAndStart(cluster, await follower(cluster, random), random.integer(600)),
  'a follower is away until it needs a snapshot': async (cluster, random, workload) => {
    const id = await follower(cluster, random)
    await cluster.kill(id)
    const enough = workload.floor + 300
    while (workload.floor < enough) await pause()
    // The others make their state durable every two seconds, and cut their logs behind that.
    await pause(2_300)
    cluster.startMember(id)
  },
  'all are killed': async (cluster, random) => {
    await Promise.all(memberIds.map(id => cluster.kill(id)))
    await pause(random.integer(200))
    for (const id of memberIds) {
      cluster.startMember(id)
      await pause(random.integer(300))
    }
  },
  'the leader is paused': async (cluster, random) =>
    suspendFor(cluster, await cluster.leader(), 300 + random.integer(2_500)),
  'a follower is paused': async (cluster, random) =>
    suspendFor(cluster, await follower(cluster, random), 300 + random.integer(2_500)),
  'all are paused': async (cluster, random) => {
    for (const id of memberIds) cluster.suspend(id)
    await pause(300 + random.integer(1_500))
    for (const id of memberIds) {
      cluster.resume(id)
      await pause(random.integer(400))
    }
  },
  'a paused leader is killed while another one leads': async (cluster, random) => {
    const id = await cluster.leader()
    cluster.suspend(id)
    await between(random, 800, 1_600)
    await killAndStart(cluster, id, random.integer(300))
  },
  'a member is killed while it catches up': async (cluster, random) => {
    const id = anyMember(random)
    await killAndStart(cluster, id, 1_500)
    await between(random, 150, 500)
    await killAndStart(cluster, id, 0)
    await between(random, 150, 500)
    await killAndStart(cluster, id, 0)
  },
}

interface Load {
  readonly workload: Workload
  readonly watchers: readonly Seen[]
}

/** Clients that prefer every member in turn, and watchers that know one, or all. */
function startLoad(cluster: StoreProcesses, random: Random): Load {
  const workload = new Workload(random, 3_000)
  const at = (first: number) =>
    cluster.client(cluster.endpoints(first), { requestTimeoutMs: 6_000 })
  for (const id of memberIds) {
    for (const writer of ['a', 'b']) workload.startWriter(at(id), `u/${id}${writer}/`)
    workload.startSwapper(at(id), registers)
    workload.startReader(cluster.client([cluster.endpoint(id)]), registers, 5)
  }
  const fromFirst = { ...everyKey, startRevision: 1 }
  const watchers = [
    new Seen(cluster.client(cluster.endpoints(1)), fromFirst),
    new Seen(cluster.client(cluster.endpoints(2), { preferFirst: false }), fromFirst),
    new Seen(cluster.client([cluster.endpoint(3)]), fromFirst),
  ]
  return { workload, watchers }
}

async function settle(cluster: StoreProcesses): Promise<void> {
  for (const id of memberIds) {
    cluster.resume(id)
    cluster.startMember(id)
  }
  await Promise.all(memberIds.map(id => cluster.serves(id)))
  await cluster.leader()
}

/** Every member's own telling of its state, read from its files when it has stopped. */
function storedState(cluster: StoreProcesses, id: number) {
  const backend = new SqliteBackend({ path: `${cluster.dataDirectory(id)}/state.db` })
  const core = new StoreCore(backend, { clusterId: 1, memberId: id })
  const job = core.hashKv(0)
  let hash = job.step(1_000)
  while (hash === null) hash = job.step(1_000)
  const { revision, stateHash } = core
  backend.close()
  return { revision, stateHash, hashKv: hash.hash }
}

async function judge(cluster: StoreProcesses, { workload, watchers }: Load): Promise<void> {
  const last = cluster.client(cluster.endpoints(1))
  const { header } = await last.put({ key: utf8('the end'), value: utf8('the end') })
  const everything = new Seen(last, { ...everyKey, startRevision: 1 })
  const seesEnd = (seen: Seen) => seen.until(() => seen.revisions.at(-1) === header.revision)
  await Promise.all([everything, ...watchers].map(seesEnd))
  const changes = changesOf(everything.events)
  const history = new History(changes)
  expect(history.judge(workload).slice(0, 5)).toEqual([])
  for (const watcher of watchers) {
    expect(watcher.end).toBeNull()
    expect(firstDifference(changesOf(watcher.events), changes)).toBeNull()
  }
  const final = [...history.final()].map(([key, change]) => `${key}@${change.revision}`).sort()
  for (const id of memberIds) {
    const store = cluster.client([cluster.endpoint(id)])
    const { kvs } = await store.range({ ...everyKey })
    expect(kvs.map(kv => `${text(kv.key)}@${kv.modRevision}`).sort()).toEqual(final)
  }
  for (const id of memberIds) await cluster.stop(id)
  const states = memberIds.map(id => storedState(cluster, id))
  expect(states[1]).toEqual(states[0])
  expect(states[2]).toEqual(states[0])
  expect(states[0]?.revision).toBe(header.revision)
  expect(cluster.surprises).toEqual([])
}

function report({ workload }: Load): void {
  const { acknowledged, swaps, reads } = workload
  const errors = [...workload.errors].map(([name, count]) => `${name} ${count}`).join(', ')
  say(`${acknowledged} writes, ${swaps.length} swaps, ${reads.length} reads; errors: ${errors}`)
}

const snapshotsTaken = (cluster: StoreProcesses): number =>
  memberIds.filter(id => cluster.log(id).includes('snapshot restored')).length

test('nothing acknowledged is lost and all see one order while members are killed and paused', async () => {
  const seconds = Number(process.env.RAFTSMAN_KILL_SECONDS ?? 18)
  const seed = Number(process.env.RAFTSMAN_KILL_SEED ?? Math.floor(Math.random() * 2 ** 32))
  say(`seed ${seed}, ${seconds} s`)
  const random = seededRandom(seed)
  const cluster = await StoreProcesses.start({ flags })
  processes = cluster
  await cluster.leader()
  const load = startLoad(cluster, random)
  const endMs = performance.now() + seconds * 1_000
  const names = Object.keys(shots)
  let name = 'a follower is away until it needs a snapshot'
  while (performance.now() < endMs) {
    await between(random, 200, 900)
    say(`at revision ${load.workload.floor}: ${name}`)
    await must(shots[name], 'a known shot')(cluster, random, load.workload)
    expect(cluster.surprises).toEqual([])
    name = must(names[random.integer(names.length)], 'a shot')
  }
  await settle(cluster)
  await load.workload.stop()
  report(load)
  expect(snapshotsTaken(cluster)).toBeGreaterThan(0)
  await judge(cluster, load)
}, 900_000)

test('a leader that was paused for three seconds answers nothing old, and follows', async () => {
  const cluster = await StoreProcesses.start({ flags })
  processes = cluster
  const paused = await cluster.leader()
  const key = utf8('k')
  const own = cluster.client([cluster.endpoint(paused)])
  const others = cluster.client(cluster.endpoints((paused % 3) + 1), { repeatsWrites: false })
  await own.put({ key, value: utf8('old') })
  await others.range({ key })
  cluster.suspend(paused)
  const sinceMs = performance.now()
  // Handed to a leader that is gone; what became of it is as clear as it gets when another leads.
  await expect(others.put({ key, value: utf8('lost') })).rejects.toMatchObject({
    code: 'leader-lost',
    outcome: 'unknown',
    retryable: true,
  })
  const { header } = await others.put({ key, value: utf8('new') })
  // They wait in its sockets, and are the first thing that it finds.
  const reads = Array.from({ length: 20 }, () => own.range({ key }))
  await pause(3_000 - (performance.now() - sinceMs))
  cluster.resume(paused)
  for (const { kvs, header: read } of await Promise.all(reads)) {
    expect(read.revision).toBeGreaterThanOrEqual(header.revision)
    expect(kvs.map(({ value }) => text(value))).toEqual(['new'])
  }
  const status = await own.status()
  expect([status.role, status.raftTerm]).toEqual(['follower', header.raftTerm])
  expect(status.leader).not.toBe(paused)
  expect(cluster.surprises).toEqual([])
}, 60_000)
