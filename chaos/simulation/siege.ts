// A siege of leaders: one after another is cut off, killed or unplugged soon after its election, and the
// one before it comes back. What figure 8 of the paper and most lost writes of young implementations are
// made of: entries on a minority in several terms at once, and logs that are longer and older.

import type { Random } from '../../platform/random.js'
import type { FaultWorld } from './faults.js'
import type { Machine } from './machine.js'
import { between, chance, pick, wholeBetween } from './streams.js'

export function besiege(world: FaultWorld, random: Random): boolean {
  if (world.machines().length < 3) return false
  const electionMs = world.electionTicks * world.tickMs
  let roundsLeft = wholeBetween(random, 2, 8)
  // Of the leader that fell last. What is broken when the cluster is healed stays broken outside the core.
  let release = () => {}
  const strike = (leader: Machine) => {
    const before = release
    if (chance(random, 0.8)) before()
    else world.scheduler.after(electionMs, 'fault', null, before)
    // What it takes now stands on a minority, or nowhere else.
    if (chance(random, 0.5)) world.burst(leader, wholeBetween(random, 1, 30))
    const bringBack = fell(world, random, leader)
    // Some clients have not heard of its fall, nor has it.
    for (let at = 1; at <= 16; at += 1)
      world.scheduler.after((at / 8) * electionMs, 'fault', null, () => {
        if (world.active()) world.read(leader)
      })
    release = () => {
      if (world.active()) bringBack()
    }
  }
  const fallen = (leader: Machine) => {
    roundsLeft -= 1
    if (roundsLeft === 0) lift()
    const now = () => {
      if (world.active()) strike(leader)
    }
    // Before it has told anybody, or when some have acknowledged some of what it has.
    const when = random.integer(3)
    if (when === 0) world.scheduler.after(0, 'fault', null, now)
    else if (when === 1)
      world.scheduler.after(between(random, 0, electionMs / 2), 'fault', null, now)
    else afterAcknowledgements(world, leader, pick(random, [1, 1, 2, 3]), electionMs, now)
  }
  const lift = () => {
    if (world.elected.delete(fallen))
      world.scheduler.after(2 * electionMs, 'fault', null, () => release())
  }
  world.elected.add(fallen)
  const first = world.machines().find(({ node }) => node?.status().role === 'leader')
  if (first !== undefined) strike(first)
  // With too many down or apart nobody may ever be elected.
  world.scheduler.after(roundsLeft * 10 * electionMs, 'fault', null, lift)
  return true
}

/** Right behind the step in which the last of them arrives; or when time is up. */
function afterAcknowledgements(
  world: FaultWorld,
  leader: Machine,
  count: number,
  withinMs: number,
  strike: () => void,
): void {
  let left = count
  const end = () => {
    if (!world.acknowledged.delete(arrived)) return
    world.scheduler.after(0, 'fault', null, strike)
  }
  const arrived = (machine: Machine) => {
    if (machine !== leader) return
    left -= 1
    if (left === 0) end()
  }
  world.acknowledged.add(arrived)
  world.scheduler.after(withinMs, 'fault', null, end)
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
