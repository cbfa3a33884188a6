// What may go wrong, one function a kind. Each kind draws from a stream of its own, so that leaving
// one out changes nothing about when and where the others strike. What lasts ends by itself.

import type { Random } from '../../platform/random.js'
import type { ConfState } from '../../raft/core/types.js'
import { nodeId } from '../../raft/core/types.js'
import type { Machine } from './machine.js'
import { membershipStrikes } from './membership-faults.js'
import type { SimNetwork } from './network.js'
import type { Scheduler } from './scheduler.js'
import { besiege } from './siege.js'
import { between, chance, pick, wholeBetween } from './streams.js'
import type { FaultKind } from './swarm.js'

export interface FaultWorld {
  /** Those that are not retired. */
  readonly machines: () => readonly Machine[]
  /** The latest that some member has applied; null before the first. */
  readonly membership: () => ConfState | null
  /** A new machine, which runs and waits to be told of a cluster. */
  readonly addMachine: () => Machine
  readonly mark: (fact: string) => void
  /** Told of every new leader, in the step that made it one. */
  readonly elected: Set<(leader: Machine) => void>
  /** Told of every machine at which acknowledgements arrive, in the step that takes them in. */
  readonly acknowledged: Set<(leader: Machine) => void>
  /** Told of a membership that nobody had applied before, and who has, in the step that did. */
  readonly changed: Set<(first: Machine, before: ConfState, after: ConfState) => void>
  /** Clients ask it for so many writes at once. */
  readonly burst: (machine: Machine, count: number) => void
  /** A client asks it for a read. */
  readonly read: (machine: Machine) => void
  readonly network: SimNetwork
  readonly scheduler: Scheduler
  readonly tickMs: number
  readonly electionTicks: number
  /** A number for a fault that stands in several ways. */
  readonly nextFault: () => number
  /** False once the core of the cluster has been healed: what is broken stays as it is. */
  readonly active: () => boolean
  /** A fault of a kind that only the scenario knows. */
  readonly own: (kind: FaultKind, random: Random) => boolean
  /** Places in the network where clients live. */
  readonly clientHosts: () => readonly number[]
  /** Damages durable bytes of a machine that can bear it; false when none can. */
  readonly damage: (random: Random, how: 'rot' | 'misdirect') => boolean
}

/** One occurrence. False when there was nothing to do. */
export type Strike = (world: FaultWorld, random: Random) => boolean

const after = (world: FaultWorld, delayMs: number, run: () => void) =>
  world.scheduler.after(delayMs, 'fault', null, () => {
    if (world.active()) run()
  })

const running = (world: FaultWorld) => world.machines().filter(({ node }) => node !== null)

/** Faults that hit the leader more often than chance would find what others do not. */
function victim(world: FaultWorld, random: Random): Machine | undefined {
  const leader = world.machines().find(({ node }) => node?.status().role === 'leader')
  return leader !== undefined && chance(random, 0.4) ? leader : pick(random, running(world))
}

function pairOf(world: FaultWorld, random: Random): readonly [Machine, Machine] | null {
  const machines = world.machines()
  const a = pick(random, machines)
  const b = pick(
    random,
    machines.filter(other => other !== a),
  )
  return a === undefined || b === undefined ? null : [a, b]
}

/** Longer than an election takes, often enough. */
const outageMs = (world: FaultWorld, random: Random): number =>
  between(random, 0.2, 6) * world.electionTicks * world.tickMs + between(random, 0, 500)

const reset: Strike = (world, random) => {
  const connection = pick(random, world.network.living())
  connection?.break('connection reset')
  return connection !== undefined
}

const hang: Strike = (world, random) => {
  const connection = pick(random, world.network.living())
  if (connection === undefined) return false
  connection.hung = true
  return true
}

const clog: Strike = (world, random) => {
  const pair = pairOf(world, random)
  if (pair === null) return false
  const way = world.network.way(pair[0].id, pair[1].id)
  const extraMs = between(random, 10, 2000)
  way.extraMs += extraMs
  after(world, outageMs(world, random), () => {
    way.extraMs = Math.max(0, way.extraMs - extraMs)
  })
  return true
}

function cut(
  world: FaultWorld,
  random: Random,
  ways: readonly (readonly [number, number])[],
): boolean {
  if (ways.length === 0) return false
  const fault = world.nextFault()
  for (const [from, to] of ways) world.network.way(from, to).block(fault)
  after(world, outageMs(world, random), () => {
    for (const [from, to] of ways) world.network.way(from, to).unblock(fault)
  })
  return true
}

const oneWayCut: Strike = (world, random) => {
  const pair = pairOf(world, random)
  return pair !== null && cut(world, random, [[pair[0].id, pair[1].id]])
}

/** A client loses a member or all of them, both ways or one. */
const clientCut: Strike = (world, random) => {
  const host = pick(random, world.clientHosts())
  const one = pick(random, world.machines())
  if (host === undefined || one === undefined) return false
  const lost = chance(random, 0.6) ? [one] : world.machines()
  const shape = random.integer(3)
  return cut(
    world,
    random,
    lost.flatMap(({ id }) => [
      ...(shape === 1 ? [] : [[host, id] as const]),
      ...(shape === 2 ? [] : [[id, host] as const]),
    ]),
  )
}

/** Pairs of machines that are not of one group. */
function waysAcross(groups: ReadonlyMap<number, number>): (readonly [number, number])[] {
  const ways: [number, number][] = []
  for (const [a, groupA] of groups)
    for (const [b, groupB] of groups) if (groupA !== groupB) ways.push([a, b])
  return ways
}

const partition: Strike = (world, random) => {
  const machines = world.machines()
  if (machines.length < 2) return false
  const shape = random.integer(3)
  if (shape === 0) {
    const alone = victim(world, random)
    if (alone === undefined) return false
    return cut(
      world,
      random,
      waysAcross(new Map(machines.map(({ id }) => [id, id === alone.id ? 1 : 0]))),
    )
  }
  if (shape === 1)
    return cut(
      world,
      random,
      waysAcross(new Map(machines.map(({ id }) => [id, random.integer(2)]))),
    )
  // A ring: everybody sees a majority, and no two the same one.
  const size = machines.length
  const reach = Math.floor(size / 4) + 1
  const ways: [number, number][] = []
  for (let a = 0; a < size; a += 1) {
    for (let b = 0; b < size; b += 1) {
      const apart = Math.min((a - b + size) % size, (b - a + size) % size)
      if (apart > reach || (size <= 4 && apart > 0 && a + b === size - 1))
        ways.push([machines[a]?.id ?? 0, machines[b]?.id ?? 0])
    }
  }
  return cut(world, random, ways)
}

/** Something between a machine and others ends their connections and refuses new ones, though all live. */
const refusal: Strike = (world, random) => {
  const one = victim(world, random)
  if (one === undefined) return false
  const share = pick(random, [1, 1, 0.5]) ?? 1
  const apart = new Set<number>()
  for (const other of world.machines())
    if (other !== one && chance(random, share)) apart.add(other.id)
  const ways = [...apart].flatMap(id => [
    world.network.way(one.id, id),
    world.network.way(id, one.id),
  ])
  const fault = world.nextFault()
  for (const way of ways) way.refusers.add(fault)
  for (const connection of world.network.living()) {
    const [near, far] = [connection.near.process.machine, connection.far.process.machine]
    const isMeant = (near === one.id && apart.has(far)) || (far === one.id && apart.has(near))
    if (isMeant) connection.break('connection reset')
  }
  after(world, outageMs(world, random), () => {
    for (const way of ways) way.refusers.delete(fault)
  })
  // Clients are not cut off, and may read at one that is given up and does not know it.
  for (let at = 1; at <= 16; at += 1)
    after(world, (at / 16) * world.electionTicks * world.tickMs, () => world.read(one))
  return apart.size > 0
}

const diskStall: Strike = (world, random) => {
  const machine = victim(world, random)
  if (machine === undefined) return false
  machine.stalledUntilMs = world.scheduler.nowMs + outageMs(world, random)
  return true
}

const diskFull: Strike = (world, random) => {
  const machine = victim(world, random)
  if (machine === undefined || machine.full) return false
  machine.full = true
  after(world, outageMs(world, random) * 2, () => {
    machine.full = false
  })
  return true
}

const syncError: Strike = (world, random) => {
  const machine = victim(world, random)
  if (machine === undefined) return false
  machine.failSyncSoon(random.integer(4))
  return true
}

const kill: Strike = (world, random) => {
  const machine = victim(world, random)
  if (machine === undefined) return false
  machine.kill()
  machine.startLater(between(random, 0, 1) * outageMs(world, random))
  return true
}

const powerCut: Strike = (world, random) => {
  // Now and then the whole room goes dark at once.
  const all = chance(random, 0.15)
  const one = victim(world, random)
  const hit = all ? world.machines() : one === undefined ? [] : [one]
  for (const machine of hit) {
    if (!machine.powered) continue
    machine.powerCut()
    after(world, between(random, 0, 1) * outageMs(world, random), () => {
      machine.powered = true
      machine.start()
    })
  }
  return hit.length > 0
}

const restart: Strike = (world, random) => {
  const machine = victim(world, random)
  if (machine === undefined) return false
  const delayMs = between(random, 0, 1000)
  machine.stop(() => machine.startLater(delayMs))
  return true
}

const pause: Strike = (world, random) => {
  const machine = victim(world, random)
  const process = machine?.process
  if (machine === undefined || process === null || process === undefined) return false
  if (process.paused) return false
  machine.pause()
  after(world, outageMs(world, random), () => {
    if (machine.process === process) machine.resume()
  })
  return true
}

const wallJump: Strike = (world, random) => {
  const machine = pick(random, world.machines())
  if (machine === undefined) return false
  machine.skew.wallOffsetMs += wholeBetween(random, -3_600_000, 3_600_000)
  return true
}

const transfer: Strike = (world, random) => {
  const at = pick(random, running(world))
  const target = pick(random, world.machines())
  const node = at?.node ?? null
  if (at === undefined || node === null || target === undefined) return false
  world.scheduler.after(0, 'fault', at.process, () =>
    node.transferLeadership(nodeId(target.id), () => {}),
  )
  return true
}

export const strikes: Record<FaultKind, Strike> = {
  reset,
  hang,
  clog,
  'one-way-cut': oneWayCut,
  partition,
  refusal,
  'disk-stall': diskStall,
  'disk-full': diskFull,
  'sync-error': syncError,
  'bit-rot': (world, random) => world.damage(random, 'rot'),
  'misdirected-write': (world, random) => world.damage(random, 'misdirect'),
  kill,
  'power-cut': powerCut,
  restart,
  pause,
  // Drawn once, at the start: a rate that changed would make monotonic time jump.
  'clock-skew': () => false,
  'wall-jump': wallJump,
  transfer,
  ...membershipStrikes,
  siege: besiege,
  // Strikes when there is a restore.
  'crash-in-restore': () => false,
  'client-cut': clientCut,
  'apiserver-kill': (world, random) => world.own('apiserver-kill', random),
  'controllers-kill': (world, random) => world.own('controllers-kill', random),
  'controllers-pause': (world, random) => world.own('controllers-pause', random),
  'kubelet-kill': (world, random) => world.own('kubelet-kill', random),
  'node-power-cut': (world, random) => world.own('node-power-cut', random),
}
