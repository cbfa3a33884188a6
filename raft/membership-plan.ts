// What is to be done next about the membership, given what is wanted and how things stand. Pure, and
// a matter of levels, not of events: whoever asks again, here or on another leader, goes on from where
// the last one stopped. Counterpart: the strict reconfiguration checks of etcd's server, and section 6
// of the paper for what a joint membership is.

import { unreachable } from '../platform/errors.js'
import type { ConfChange } from './core/conf-change.js'
import { applyConfChange, isJoint } from './core/conf-change.js'
import type { ConfState, MemberAddress, NodeId } from './core/types.js'

export type Goal =
  | { readonly kind: 'change'; readonly change: ConfChange }
  /** Here and below: without `waits` a learner that does not keep up yet is refused. */
  | { readonly kind: 'promote'; readonly node: NodeId; readonly waits: boolean }
  /** Another name, or another place to listen at, for one that is a member already. */
  | { readonly kind: 'update'; readonly member: MemberAddress }
  | {
      readonly kind: 'replace'
      readonly remove: NodeId
      readonly add: MemberAddress
      readonly waits: boolean
    }

/** How things stand on the leader. */
export interface Situation {
  readonly confState: ConfState
  /** This node itself, and those that it has heard of within the last election timeout. */
  readonly isAlive: (id: NodeId) => boolean
  /** Whether a learner is as far as a voter has to be. */
  readonly keepsUp: (id: NodeId) => boolean
  /** Whether peers would find a new member without being told where. */
  readonly hasAddress: (id: NodeId) => boolean
}

export type Step =
  | { readonly kind: 'propose'; readonly change: ConfChange }
  /** `what` begins the sentence "… has not come to pass within …". */
  | { readonly kind: 'wait'; readonly what: string }
  | { readonly kind: 'done' }
  | {
      readonly kind: 'refuse'
      readonly code: 'change-invalid' | 'change-unsafe' | 'learner-not-ready'
      readonly why: string
    }

const done: Step = { kind: 'done' }

export function nextStep(goal: Goal, situation: Situation): Step {
  const { confState } = situation
  if (isJoint(confState)) return { kind: 'wait', what: 'an earlier change coming to its end' }
  switch (goal.kind) {
    case 'change':
      return proposeIfSound(goal.change, situation)
    case 'promote':
      return promote(goal.node, goal.waits, situation)
    case 'update':
      return update(goal.member, situation)
    case 'replace':
      return replace(goal, situation)
    default:
      return unreachable(goal)
  }
}

function promote(node: NodeId, waits: boolean, situation: Situation): Step {
  const { voters, learners } = situation.confState
  if (voters.includes(node)) return done
  if (!learners.includes(node)) return invalid(`node ${node} is not a learner; add it as one first`)
  if (!isReady(node, situation)) return waits ? catchingUp(node) : notReady(node)
  return proposeIfSound([{ kind: 'addVoter', node }], situation)
}

function replace(goal: Extract<Goal, { kind: 'replace' }>, situation: Situation): Step {
  const { remove, add, waits } = goal
  const { voters, learners } = situation.confState
  const { node, name, address } = add
  const isThere = voters.includes(remove) || learners.includes(remove)
  if (node === remove) return invalid('a node cannot replace itself; give the new one another id')
  if (voters.includes(node))
    return isThere ? proposeIfSound([{ kind: 'remove', node: remove }], situation) : done
  if (!learners.includes(node)) {
    if (!isThere) return invalid(`node ${remove} is not a member, and cannot be replaced`)
    const member = { name, address }
    return proposeIfSound([{ kind: 'addLearner', node, member }], situation)
  }
  if (!isReady(node, situation)) return waits ? catchingUp(node) : notReady(node)
  const addVoter = { kind: 'addVoter', node } as const
  return proposeIfSound(
    isThere ? [addVoter, { kind: 'remove', node: remove }] : [addVoter],
    situation,
  )
}

/** Not asked who answers: where a member listens says nothing about who is a quorum. */
function update({ node, name, address }: MemberAddress, { confState }: Situation): Step {
  const isVoter = confState.voters.includes(node)
  if (!isVoter && !confState.learners.includes(node)) return invalid(`node ${node} is not a member`)
  const known = confState.addresses?.find(member => member.node === node)
  if (known?.name === name && known.address === address) return done
  const promote = known?.promote === true && !isVoter
  const member = promote ? { name, address, promote } : { name, address }
  const kind = isVoter ? 'addVoter' : 'addLearner'
  return { kind: 'propose', change: [{ kind, node, member }] }
}

function isReady(node: NodeId, { keepsUp, isAlive }: Situation): boolean {
  return keepsUp(node) && isAlive(node)
}

function catchingUp(node: NodeId): Step {
  return { kind: 'wait', what: `node ${node} catching up with the log` }
}

function notReady(node: NodeId): Step {
  const why = `node ${node} does not keep up with the log yet`
  return { kind: 'refuse', code: 'learner-not-ready', why }
}

function proposeIfSound(change: ConfChange, situation: Situation): Step {
  const { confState, hasAddress } = situation
  if (change.length === 0)
    return invalid('a change names at least one member; a joint membership is left by itself')
  if (new Set(change.map(({ node }) => node)).size < change.length)
    return invalid('a change names every member once')
  for (const operation of change) {
    const { kind, node } = operation
    const isMember = confState.voters.includes(node) || confState.learners.includes(node)
    if (kind === 'remove') {
      if (!isMember) return invalid(`node ${node} is not a member`)
    } else if (confState[kind === 'addVoter' ? 'voters' : 'learners'].includes(node))
      return invalid(`node ${node} is a ${kind === 'addVoter' ? 'voter' : 'learner'} already`)
    else if (!isMember && operation.member === undefined && !hasAddress(node))
      return invalid(`nobody knows where node ${node} listens; say its name and address with it`)
  }
  const next = applyConfChange(confState, change)
  if (next === confState) return invalid('a cluster keeps at least one voter')
  return unsafe(next, situation) ?? { kind: 'propose', change }
}

/** What would leave too few living voters for a quorum could never be undone. */
function unsafe({ voters }: ConfState, { isAlive }: Situation): Step | null {
  const dead = voters.filter(id => !isAlive(id))
  const alive = voters.length - dead.length
  const quorum = Math.floor(voters.length / 2) + 1
  if (alive >= quorum) return null
  return {
    kind: 'refuse',
    code: 'change-unsafe',
    why:
      `of the voters ${voters.join(', ')} that it leads to, ${dead.join(', ')} ` +
      `${dead.length === 1 ? 'does' : 'do'} not answer, and ${quorum} have to; ` +
      'add new members as learners, and remove dead ones first',
  }
}

function invalid(why: string): Step {
  return { kind: 'refuse', code: 'change-invalid', why }
}
