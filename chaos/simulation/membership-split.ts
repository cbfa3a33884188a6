// A cluster splits at the very moment in which one member acts by a new membership and the others do not
// know of it: on this side a quorum of the new one, on that side all the rest, which is often a
// quorum of the old one. What joint consensus and one change at a time are for (6; thesis 4.1): two
// sides that both could elect and commit, if any rule of it were missing.

import type { Random } from '../../platform/random.js'
import type { ConfState } from '../../raft/core/types.js'
import type { FaultWorld } from './faults.js'
import type { Machine } from './machine.js'
import { between, chance, pick, wholeBetween } from './streams.js'

/** How long it lies in wait for a change, in election timeouts. */
const patience = 40

export function splitAtChange(world: FaultWorld, random: Random): boolean {
  const electionMs = world.electionTicks * world.tickMs
  const changed = (first: Machine, before: ConfState, after: ConfState) => {
    world.changed.delete(changed)
    world.scheduler.after(0, 'fault', null, () => {
      if (world.active()) split(world, random, first, before, after)
    })
  }
  world.changed.add(changed)
  world.scheduler.after(patience * electionMs, 'fault', null, () => world.changed.delete(changed))
  return true
}

function split(
  world: FaultWorld,
  random: Random,
  first: Machine,
  before: ConfState,
  after: ConfState,
): void {
  world.mark('membership split')
  const machines = world.machines()
  const here = new Set([first.id, ...quorumAround(random, first.id, before, after)])
  const there = machines.filter(({ id }) => !here.has(id))
  const fault = world.nextFault()
  const ways = there.flatMap(({ id }) =>
    [...here].flatMap(other => [world.network.way(id, other), world.network.way(other, id)]),
  )
  for (const way of ways) way.block(fault)
  world.burst(first, wholeBetween(random, 1, 10))
  // What it knew to be committed is forgotten, where it was not written down.
  if (chance(random, 0.4))
    for (const machine of there) {
      machine.kill()
      machine.startLater(between(random, 0, 300))
    }
  const electionMs = world.electionTicks * world.tickMs
  world.scheduler.after(between(random, 2, 8) * electionMs, 'fault', null, () => {
    if (!world.active()) return
    for (const way of ways) way.unblock(fault)
  })
}

/** A quorum of the new membership, of as few as can be who were in the old one. */
function quorumAround(
  random: Random,
  first: number,
  before: ConfState,
  after: ConfState,
): readonly number[] {
  const chosen = after.voters.filter(id => id === first)
  const others = after.voters.filter(id => id !== first)
  const quorum = Math.floor(after.voters.length / 2) + 1
  while (chosen.length < quorum) {
    const newcomers = others.filter(id => !before.voters.includes(id))
    const next = pick(random, newcomers.length > 0 ? newcomers : others)
    if (next === undefined) break
    others.splice(others.indexOf(next), 1)
    chosen.push(next)
  }
  return chosen
}
