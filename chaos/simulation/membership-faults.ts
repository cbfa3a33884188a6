// What operators do to the membership while everything else goes wrong: machines join as learners, are
// promoted, replace others, and are removed. The calls are those of RaftNode; what they answer is
// counted and not judged, for most of them are made at the wrong node or the wrong time.

import type { Random } from '../../platform/random.js'
import type { RaftsmanError } from '../../platform/errors.js'
import type { ConfChange } from '../../raft/core/conf-change.js'
import type { ConfState } from '../../raft/core/types.js'
import { nodeId } from '../../raft/core/types.js'
import type { RaftNode } from '../../raft/node.js'
import type { FaultWorld, Strike } from './faults.js'
import type { Machine } from './machine.js'
import { splitAtChange } from './membership-split.js'
import { between, chance, pick, wholeBetween } from './streams.js'

/** More members than this are never asked for. */
const membersMax = 7
/** Below it a removal could leave a quorum that nobody alive knows of. */
const votersMin = 3
/** Of those that wait for a cluster, most wait in vain, and every one of them keeps time. */
const machinesMax = 12
const catchUpMsMax = 10_000

/** The leader, mostly; now and then somebody who cannot do it. */
function asked(world: FaultWorld, random: Random): { machine: Machine; node: RaftNode } | null {
  const running = world.machines().filter(({ node }) => node !== null)
  const leader = running.find(({ node }) => node?.status().role === 'leader')
  const machine = leader === undefined || chance(random, 0.1) ? pick(random, running) : leader
  const node = machine?.node ?? null
  return machine === undefined || node === null ? null : { machine, node }
}

function answered(world: FaultWorld, what: string): (error: RaftsmanError | null) => void {
  return error => world.mark(`${what}: ${error === null ? 'done' : error.code}`)
}

function ask(world: FaultWorld, random: Random, call: (node: RaftNode) => void): boolean {
  const at = asked(world, random)
  if (at === null) return false
  world.scheduler.after(0, 'fault', at.machine.process, () => call(at.node))
  return true
}

const addressOf = ({ id, name, address }: Machine) => ({ node: nodeId(id), name, address })

const sizeOf = ({ voters, learners }: ConfState): number => voters.length + learners.length

const grow: Strike = (world, random) => {
  const confState = world.membership()
  if (confState === null || sizeOf(confState) >= membersMax) return false
  const promote = chance(random, 0.7)
  if (asked(world, random) === null) return false
  const machine = world.addMachine()
  return ask(world, random, node =>
    node.addLearner(addressOf(machine), { promote }, answered(world, 'add learner')),
  )
}

const promote: Strike = (world, random) => {
  const learner = pick(random, world.membership()?.learners ?? [])
  if (learner === undefined) return false
  return ask(world, random, node =>
    node.promote(learner, { waits: true }, answered(world, 'promote')),
  )
}

const replace: Strike = (world, random) => {
  const confState = world.membership()
  const remove = pick(random, confState?.voters ?? [])
  if (confState === null || remove === undefined || sizeOf(confState) > membersMax) return false
  if (asked(world, random) === null) return false
  const add = world.addMachine()
  return ask(world, random, node =>
    node.replaceMember(
      { remove, add: addressOf(add), catchUpMsMax },
      answered(world, 'replace member'),
    ),
  )
}

const remove: Strike = (world, random) => {
  const confState = world.membership()
  if (confState === null) return false
  const learnersOnly = confState.voters.length <= votersMin
  const victim = pick(random, learnersOnly ? confState.learners : confState.voters)
  if (victim === undefined) return false
  return ask(world, random, node =>
    node.changeMembership([{ kind: 'remove', node: victim }], answered(world, 'remove member')),
  )
}

/** Several at once, through a joint membership. */
const swap: Strike = (world, random) => {
  const confState = world.membership()
  const victim = pick(random, confState?.voters ?? [])
  if (confState === null || victim === undefined || sizeOf(confState) > membersMax) return false
  if (asked(world, random) === null) return false
  const { id, name, address } = world.addMachine()
  return ask(world, random, node =>
    node.changeMembership(
      [
        { kind: 'addVoter', node: nodeId(id), member: { name, address } },
        { kind: 'remove', node: victim },
      ],
      answered(world, 'joint change'),
    ),
  )
}

/**
 * Several, asked for at the same time, or each as soon as the one before it is answered: at most one may be
 * on its way, and members restart with more than one of them in their logs.
 */
const rush: Strike = (world, random) => {
  const confState = world.membership()
  if (confState === null || asked(world, random) === null) return false
  const changes = severalChanges(world, random, confState)
  if (chance(random, 0.7)) splitAtChange(world, random)
  const atOnce = chance(random, 0.5)
  // Machines that join have to start first, or nobody would count on them.
  world.scheduler.after(between(random, 0, 1500), 'fault', null, () => {
    if (world.active()) ask(world, random, node => askInARush(world, node, changes, atOnce))
  })
  return changes.length > 0
}

function severalChanges(
  world: FaultWorld,
  random: Random,
  confState: ConfState,
): readonly ConfChange[] {
  const leader = world.machines().find(({ node }) => node?.status().role === 'leader')
  const leaving = confState.voters.filter(id => id !== leader?.id)
  let voters = confState.voters.length
  let size = sizeOf(confState)
  const changes: ConfChange[] = []
  for (let left = wholeBetween(random, 2, 3); left > 0; left -= 1) {
    const victim = pick(random, leaving)
    if (voters > votersMin && victim !== undefined && chance(random, 0.6)) {
      leaving.splice(leaving.indexOf(victim), 1)
      voters -= 1
      size -= 1
      changes.push([{ kind: 'remove', node: victim }])
    } else if (size < membersMax && world.machines().length < machinesMax) {
      const { id, name, address } = world.addMachine()
      voters += 1
      size += 1
      changes.push([{ kind: 'addVoter', node: nodeId(id), member: { name, address } }])
    }
  }
  return changes
}

function askInARush(
  world: FaultWorld,
  node: RaftNode,
  changes: readonly ConfChange[],
  atOnce: boolean,
): void {
  const [first, ...others] = changes
  if (first === undefined) return
  const { voters } = node.status().confState
  if (voters.length <= votersMin && first.some(({ kind }) => kind === 'remove')) return
  node.changeMembership(first, error => {
    answered(world, 'change in a rush')(error)
    if (!atOnce && error === null) askInARush(world, node, others, atOnce)
  })
  if (atOnce) askInARush(world, node, others, atOnce)
}

export const membershipStrikes = {
  grow,
  promote,
  replace,
  remove,
  swap,
  rush,
  'membership-split': splitAtChange,
}
