// Membership changes: how they are written in a confChange entry and what they make of a
// membership. Counterpart: confchange/ of etcd-io/raft and section 6 of the paper. A change of one
// member is simple; of several it goes through a joint membership, left by an entry of its own.
// A change that makes no sense changes nothing, on every node alike, for the entry is committed.

import type { ConfState, NodeId } from './types.js'

export interface ConfChangeOperation {
  readonly kind: 'addVoter' | 'addLearner' | 'remove'
  readonly node: NodeId
}

/** No operations: leave the joint membership. */
export type ConfChange = readonly ConfChangeOperation[]

const formatVersion = 1
const headerBytes = 2
const operationBytes = 9
const operationsMax = 255
const kinds = ['addVoter', 'addLearner', 'remove'] as const

/** Bytes: version, count, then per operation its kind (u8) and node (big-endian float64). */
export function encodeConfChange(change: ConfChange): Uint8Array {
  if (change.length > operationsMax) throw new RangeError('too many operations in one change')
  const bytes = new Uint8Array(headerBytes + change.length * operationBytes)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, formatVersion)
  view.setUint8(1, change.length)
  let position = headerBytes
  for (const operation of change) {
    view.setUint8(position, kinds.indexOf(operation.kind))
    view.setFloat64(position + 1, operation.node)
    position += operationBytes
  }
  return bytes
}

/** Null for anything that `encodeConfChange` does not write. */
export function decodeConfChange(bytes: Uint8Array): ConfChange | null {
  if (bytes.length < headerBytes || bytes[0] !== formatVersion) return null
  const count = bytes[1] as number
  if (bytes.length !== headerBytes + count * operationBytes) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const change: ConfChangeOperation[] = []
  for (let position = headerBytes; position < bytes.length; position += operationBytes) {
    const kind = kinds[view.getUint8(position)]
    const node = view.getFloat64(position + 1)
    if (kind === undefined || !Number.isSafeInteger(node) || node < 1) return null
    change.push({ kind, node: node as NodeId })
  }
  return change
}

export function isJoint(conf: ConfState): boolean {
  return conf.votersOutgoing.length > 0
}

/** The membership after `change`; the very same object when the change makes no sense. */
export function applyConfChange(conf: ConfState, change: ConfChange | null): ConfState {
  if (change === null) return conf
  if (change.length === 0) return isJoint(conf) ? leaveJoint(conf) : conf
  if (isJoint(conf)) return conf
  const next = operate(conf, change)
  if (next.voters.length === 0) return conf
  return next
}

function leaveJoint(conf: ConfState): ConfState {
  return {
    voters: conf.voters,
    votersOutgoing: [],
    learners: sorted([...conf.learners, ...conf.learnersNext]),
    learnersNext: [],
  }
}

function operate(conf: ConfState, change: ConfChange): ConfState {
  const voters = new Set(conf.voters)
  const learners = new Set(conf.learners)
  const learnersNext = new Set<NodeId>()
  const outgoing = change.length > 1 ? new Set(conf.voters) : new Set<NodeId>()
  for (const { kind, node } of change) {
    voters.delete(node)
    learners.delete(node)
    learnersNext.delete(node)
    if (kind === 'addVoter') voters.add(node)
    else if (kind === 'addLearner') {
      // Still a voter of the outgoing half: a learner only once the joint membership is left.
      if (outgoing.has(node)) learnersNext.add(node)
      else learners.add(node)
    }
  }
  return {
    voters: sorted(voters),
    votersOutgoing: sorted(outgoing),
    learners: sorted(learners),
    learnersNext: sorted(learnersNext),
  }
}

function sorted(nodes: Iterable<NodeId>): NodeId[] {
  return Array.from(nodes).sort((a, b) => a - b)
}

/** True when every list is duplicate-free, and nobody is voter and learner at once. */
export function isSoundConfState(conf: ConfState): boolean {
  const voters = new Set(conf.voters)
  const outgoing = new Set(conf.votersOutgoing)
  const learners = new Set(conf.learners)
  const learnersNext = new Set(conf.learnersNext)
  if (voters.size !== conf.voters.length || outgoing.size !== conf.votersOutgoing.length)
    return false
  if (learners.size !== conf.learners.length || learnersNext.size !== conf.learnersNext.length)
    return false
  if (outgoing.size > 0 && voters.size === 0) return false
  for (const id of learners) if (voters.has(id) || outgoing.has(id)) return false
  for (const id of learnersNext) if (!outgoing.has(id) || voters.has(id)) return false
  for (const list of [voters, outgoing, learners]) {
    for (const id of list) if (!Number.isSafeInteger(id) || id < 1) return false
  }
  return true
}
