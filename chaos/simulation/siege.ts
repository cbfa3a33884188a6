// A siege of leaders: one after another is cut off, killed or unplugged soon after its election, and the
// one before it comes back. What figure 8 of the paper and most lost writes of young implementations are
// made of: entries on a minority in several terms at once, and logs that are longer and older.

import type { Random } from '../../platform/random.js'
import type { FaultWorld } from './faults.js'
import type { Machine } from './machine.js'
import { between, chance, pick, wholeBetween } from './streams.js'

interface Siege {
  readonly world: FaultWorld
  readonly random: Random
  /** Elections that are awaited. */
  roundsLeft: number
  /** Looks for a new leader until it gives up. */
  looksLeft: number
  /** Who led last, and how it comes back. */
  fallen: Machine | null
  release: () => void
}

export function besiege(world: FaultWorld, random: Random): boolean {
  if (world.machines().length < 3) return false
  look({
    world,
    random,
    roundsLeft: wholeBetween(random, 2, 6),
    looksLeft: 400,
    fallen: null,
    release: () => {},
  })
  return true
}

function look(siege: Siege): void {
  const { world, random, fallen } = siege
  // What is broken when the cluster is healed stays broken, if it is not of the core.
  if (!world.active()) return
  siege.looksLeft -= 1
  const electionMs = world.electionTicks * world.tickMs
  if (siege.roundsLeft === 0 || siege.looksLeft === 0) {
    siege.release()
    return
  }
  const leader = leaderOf(world)
  if (leader === null || leader === fallen) {
    world.scheduler.after(electionMs / 8, 'fault', null, () => look(siege))
    return
  }
  siege.roundsLeft -= 1
  // At once, or when it has had time to tell some of the others.
  const delayMs = chance(random, 0.4) ? 0 : between(random, 0, electionMs / 2)
  world.scheduler.after(delayMs, 'fault', null, () => {
    if (!world.active()) return
    const release = fell(world, random, leader)
    if (chance(random, 0.8)) siege.release()
    else world.scheduler.after(electionMs, 'fault', null, siege.release)
    siege.release = () => {
      if (world.active()) release()
    }
    siege.fallen = leader
    look(siege)
  })
}

/** Of the newest term: one that was cut off may take itself for the leader still. */
function leaderOf(world: FaultWorld): Machine | null {
  let newest: Machine | null = null
  let newestTerm = 0
  for (const machine of world.machines()) {
    const status = machine.node?.status()
    if (status?.role !== 'leader' || status.term <= newestTerm) continue
    newest = machine
    newestTerm = status.term
  }
  return newest
}

/** What it returns brings the machine back. */
function fell(world: FaultWorld, random: Random, leader: Machine): () => void {
  const how = random.integer(4)
  if (how === 0) {
    leader.kill()
    leader.keptDown = true
    return () => {
      leader.keptDown = false
      leader.start()
    }
  }
  if (how === 1) {
    leader.powerCut()
    return () => {
      leader.powered = true
      leader.start()
    }
  }
  return cutOff(world, random, leader)
}

/** From all, or from all but a minority with it. */
function cutOff(world: FaultWorld, random: Random, leader: Machine): () => void {
  const { network } = world
  const machines = world.machines()
  const others = machines.filter(machine => machine !== leader)
  const companionsMax = Math.ceil(machines.length / 2) - 2
  const companion = companionsMax > 0 ? pick(random, others) : undefined
  const fault = world.nextFault()
  const ways = others
    .filter(other => other !== companion)
    .flatMap(other => [network.way(leader.id, other.id), network.way(other.id, leader.id)])
  for (const way of ways) way.block(fault)
  return () => {
    for (const way of ways) way.unblock(fault)
  }
}
