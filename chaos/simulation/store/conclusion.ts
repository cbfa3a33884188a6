// The end of a simulated store, when everybody is healed and agrees: watches get to the end, leases come to
// theirs, elections leave leases the time they had, members are equal to the last row, and the histories of
// single keys have an order that needs no revision.

import { must } from '../../../platform/errors.js'
import type { StoreCore } from '../../../store/core/store-core.js'
import { holds } from '../failure.js'
import type { Machine } from '../machine.js'
import type { Asker } from './asker.js'
import type { MemberProgram } from './member-program.js'
import type { StoreWorld } from './store-world.js'

/** Virtual time for what must come to an end. */
const idleMsMax = 60_000
const watchMsMax = 60_000
const leaseSlackMs = 60_000
const transferMsMax = 30_000

export interface ConclusionOptions {
  readonly world: StoreWorld
  /** Clients of one machine each, in the order of machines. */
  readonly companions: readonly Asker[]
  /** No client waits for anything. */
  readonly idle: () => boolean
  readonly look: (machine: Machine, core: StoreCore) => void
}

export async function conclude(options: ConclusionOptions): Promise<void> {
  const { world, idle } = options
  const { scheduler, runUntil } = world
  const rested = await runUntil(scheduler.nowMs + idleMsMax, idle)
  holds(rested, 'liveness', () => `a client was not answered within ${idleMsMax} ms`)
  await watchesEnd(world)
  await leasesSurvive(options)
  await leasesEnd(world)
  await membersAgree(options)
  world.registers.judge(world.mark)
}

/** Every watch that is still open sees all there is, or says that it has. */
async function watchesEnd(world: StoreWorld): Promise<void> {
  const { watches, record, scheduler, runUntil } = world
  const { revision } = record.reference
  const behind = () => [...watches].filter(({ check }) => check.nextRevision <= revision)
  const ask = () => {
    for (const watch of behind()) watch.requestProgress()
    if (behind().length > 0) scheduler.after(1000, 'client', null, ask)
  }
  ask()
  if (watches.size > 0) world.mark('watches at the end')
  const arrived = await runUntil(scheduler.nowMs + watchMsMax, () => behind().length === 0)
  holds(
    arrived,
    'watch-progress',
    () =>
      `${behind().length} watches are at revision ${behind()[0]?.check.nextRevision} and get no further; ${revision} is reached`,
  )
}

/** A lease that nobody renews does not live longer for elections (etcd gave it its whole time again). */
async function leasesSurvive({ world, companions }: ConclusionOptions): Promise<void> {
  const { store, scheduler, runUntil, swarm } = world
  const checkpointMs = store.leaseCheckpointMs
  if (swarm.members < 2 || !store.habits.has('leases') || checkpointMs > 3000) return
  const asker = must(companions[0], 'a client')
  const seconds = 10 + Math.ceil((6 * checkpointMs) / 1000)
  let lease: Awaited<ReturnType<Asker['grant']>> = null
  for (let tries = 0; lease === null && tries < 20; tries += 1) {
    lease = await settled(world, asker.grant(seconds))
  }
  if (lease === null) return
  const { id, ttl } = lease
  await runUntil(scheduler.nowMs + (ttl * 1000) / 2)
  const before = await settled(world, asker.timeToLive(id))
  if (before === null || before < 0) return
  if (!(await anotherLeader(world))) return
  const after = await settled(world, asker.timeToLive(id))
  if (after === null || after < 0) return
  world.mark('lease seen through an election')
  // What the members were told last is no older than one round and the half of one.
  const lagMs = 1.5 * checkpointMs + 1000
  holds(
    after * 1000 <= before * 1000 + lagMs + 1000,
    'lease-survives-elections',
    () =>
      `lease ${id} had ${before} of ${ttl} s left before an election, and ${after} s behind it; checkpoints come every ${checkpointMs} ms`,
  )
}

/** Hands leadership over; false when nobody would take it. */
async function anotherLeader(world: StoreWorld): Promise<boolean> {
  const { scheduler, runUntil } = world
  const leaderOf = () => world.members().find(({ node }) => node?.status().role === 'leader')
  const before = leaderOf()
  const target = world.members().find(machine => machine !== before)
  const node = before?.node ?? null
  const targetId = target?.node?.status().id
  if (before === undefined || node === null || targetId === undefined) return false
  const { term } = node.status()
  scheduler.after(0, 'fault', before.process, () => node.transferLeadership(targetId, () => {}))
  return runUntil(scheduler.nowMs + transferMsMax, () => {
    const leader = leaderOf()
    return leader !== undefined && (leader.node?.status().term ?? 0) > term
  })
}

/** Lets the simulation go on until somebody has been answered. */
async function settled<T>(world: StoreWorld, answer: Promise<T>): Promise<T> {
  let done = false
  void answer.then(
    () => {
      done = true
    },
    () => {
      done = true
    },
  )
  await world.runUntil(world.scheduler.nowMs + 2 * idleMsMax, () => done)
  return answer
}

/** Nobody renews any more: every lease comes to its end. */
async function leasesEnd(world: StoreWorld): Promise<void> {
  const { record, scheduler, runUntil } = world
  const living = () => record.reference.livingLeases()
  const longestMs = Math.max(0, ...living().map(({ ttlSeconds }) => ttlSeconds * 1000))
  const slowest = Math.min(...world.machines().map(({ skew }) => skew.rate))
  const withinMs = (2 * longestMs) / slowest + leaseSlackMs
  const gone = await runUntil(scheduler.nowMs + withinMs, () => living().length === 0)
  holds(
    gone,
    'lease-gone',
    () => `lease ${living()[0]?.id} of ${living()[0]?.ttlSeconds} s lives on after ${withinMs} ms`,
  )
}

/** All have applied the same, and say the same of all of it. */
async function membersAgree({ world, look }: ConclusionOptions): Promise<void> {
  const { record, scheduler, runUntil } = world
  const members = world.members()
  const agreed = await runUntil(scheduler.nowMs + idleMsMax, () =>
    members.every(({ program }) => program.appliedIndex === record.lastIndex),
  )
  holds(agreed, 'convergence', () => `not all members have applied ${record.lastIndex}`)
  const hashes = members.map(machine => {
    const core = must((machine.program as MemberProgram).core, 'a member that runs has a state')
    look(machine, core)
    const job = core.hashKv(0)
    for (;;) {
      const found = job.step(100)
      if (found !== null) return found.hash
    }
  })
  holds(
    new Set(hashes).size === 1,
    'equal-states',
    () => `at index ${record.lastIndex} the members hash to ${hashes.join(', ')}`,
  )
}
