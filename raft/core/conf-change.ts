// Membership changes: how they are written in a confChange entry and what they make of a
// membership. Counterpart: confchange/ of etcd-io/raft and section 6 of the paper. A change of one
// member is simple; of several it goes through a joint membership, left by an entry of its own.
// A change that makes no sense changes nothing, on every node alike, for the entry is committed.

import type { ConfState, MemberAddress, NodeId } from './types.js'

export interface ConfChangeOperation {
  readonly kind: 'addVoter' | 'addLearner' | 'remove'
  readonly node: NodeId
  /** Where one that is added listens; absent when every node is told by its configuration. */
  readonly member?: Omit<MemberAddress, 'node'>
}

/** No operations: leave the joint membership. */
export type ConfChange = readonly ConfChangeOperation[]

/** Version 1 has no names and addresses; it is read, and written no more. */
const formatVersion = 2
const headerBytes = 2
const operationBytes = 9
const operationsMax = 255
/** Of a name, and of an address, in UTF-8. */
const textBytesMax = 255
const kinds = ['addVoter', 'addLearner', 'remove'] as const
const noMember: Omit<MemberAddress, 'node'> = { name: '', address: '' }
/** Beside the kind of a learner: it is to become a voter by itself. */
const promoteFlag = 0x80

/** Whether `encodeConfChange` takes it. */
export function isEncodable(change: ConfChange): boolean {
  if (change.length > operationsMax) return false
  const encoder = new TextEncoder()
  for (const { node, member = noMember } of change) {
    if (!Number.isSafeInteger(node) || node < 1) return false
    for (const text of [member.name, member.address])
      if (encoder.encode(text).length > textBytesMax) return false
  }
  return true
}

/**
 * Bytes: version, count, then per operation its kind (u8, 0x80 for a learner that is to be promoted),
 * node (big-endian float64), and name and
 * address of a member that is added, each as length (u8) and UTF-8; both are empty where none are
 * told. Throws RangeError where one does not fit.
 */
export function encodeConfChange(change: ConfChange): Uint8Array {
  if (change.length > operationsMax) throw new RangeError('too many operations in one change')
  const encoder = new TextEncoder()
  const parts = change.map(({ kind, node, member = noMember }) => ({
    code: kinds.indexOf(kind) + (kind === 'addLearner' && member.promote ? promoteFlag : 0),
    node,
    texts: [encoder.encode(member.name), encoder.encode(member.address)],
  }))
  let size = headerBytes
  for (const { texts } of parts) {
    size += operationBytes
    for (const text of texts) {
      if (text.length > textBytesMax) throw new RangeError('a name or an address is too long')
      size += 1 + text.length
    }
  }
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  view.setUint8(0, formatVersion)
  view.setUint8(1, change.length)
  let position = headerBytes
  for (const { code, node, texts } of parts) {
    view.setUint8(position, code)
    view.setFloat64(position + 1, node)
    position += operationBytes
    for (const text of texts) {
      view.setUint8(position, text.length)
      bytes.set(text, position + 1)
      position += 1 + text.length
    }
  }
  return bytes
}

/** Null for anything that `encodeConfChange` does not write, or did not in version 1. */
export function decodeConfChange(bytes: Uint8Array): ConfChange | null {
  const version = bytes[0]
  if (bytes.length < headerBytes || (version !== 1 && version !== formatVersion)) return null
  const count = bytes[1] as number
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const change: ConfChangeOperation[] = []
  let position = headerBytes
  for (let at = 0; at < count; at += 1) {
    if (position + operationBytes > bytes.length) return null
    const code = view.getUint8(position)
    const promote = version !== 1 && code === promoteFlag + kinds.indexOf('addLearner')
    const kind = kinds[promote ? code - promoteFlag : code]
    const node = view.getFloat64(position + 1)
    if (kind === undefined || !Number.isSafeInteger(node) || node < 1) return null
    position += operationBytes
    if (version === 1) {
      change.push({ kind, node: node as NodeId })
      continue
    }
    const name = textAt(bytes, position)
    const address = name === null ? null : textAt(bytes, position + 1 + name.bytes)
    if (name === null || address === null) return null
    position += 2 + name.bytes + address.bytes
    const isTold = name.bytes > 0 || address.bytes > 0
    if (promote && !isTold) return null
    const told = { name: name.text, address: address.text }
    const member = promote ? { ...told, promote } : told
    change.push(isTold ? { kind, node: node as NodeId, member } : { kind, node: node as NodeId })
  }
  return position === bytes.length ? change : null
}

function textAt(bytes: Uint8Array, at: number): { text: string; bytes: number } | null {
  const length = bytes[at]
  if (length === undefined || at + 1 + length > bytes.length) return null
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
    return { text: decoder.decode(bytes.subarray(at + 1, at + 1 + length)), bytes: length }
  } catch {
    return null
  }
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

/** True when the members, their roles and addresses would be the same once all of it is done. */
export function isWithoutEffect(conf: ConfState, change: ConfChange): boolean {
  const next = applyConfChange(conf, change)
  const settled = isJoint(next) && !isJoint(conf) ? leaveJoint(next) : next
  return next === conf || contentOf(settled) === contentOf(conf)
}

function contentOf(conf: ConfState): string {
  const { voters, votersOutgoing, learners, learnersNext, addresses = [] } = conf
  const told = addresses.map(({ node, name, address, promote }) => [node, name, address, promote])
  return JSON.stringify([voters, votersOutgoing, learners, learnersNext, told])
}

function leaveJoint(conf: ConfState): ConfState {
  return withAddresses(
    {
      voters: conf.voters,
      votersOutgoing: [],
      learners: sorted([...conf.learners, ...conf.learnersNext]),
      learnersNext: [],
    },
    conf.addresses ?? [],
  )
}

function operate(conf: ConfState, change: ConfChange): ConfState {
  const voters = new Set(conf.voters)
  const learners = new Set(conf.learners)
  const learnersNext = new Set<NodeId>()
  const outgoing = change.length > 1 ? new Set(conf.voters) : new Set<NodeId>()
  const addresses = new Map((conf.addresses ?? []).map(member => [member.node, member]))
  for (const { kind, node, member } of change) {
    voters.delete(node)
    learners.delete(node)
    learnersNext.delete(node)
    if (kind === 'addVoter') voters.add(node)
    else if (kind === 'addLearner') {
      // Still a voter of the outgoing half: a learner only once the joint membership is left.
      if (outgoing.has(node)) learnersNext.add(node)
      else learners.add(node)
    }
    const known = member ?? addresses.get(node)
    if (kind === 'remove' || known === undefined) continue
    const { name, address, promote } = known
    const plain = { node, name, address }
    addresses.set(node, kind === 'addLearner' && promote === true ? { ...plain, promote } : plain)
  }
  return withAddresses(
    {
      voters: sorted(voters),
      votersOutgoing: sorted(outgoing),
      learners: sorted(learners),
      learnersNext: sorted(learnersNext),
    },
    addresses.values(),
  )
}

/** Addresses of those that are members in one way or another, and no others. */
function withAddresses(conf: ConfState, addresses: Iterable<MemberAddress>): ConfState {
  const members = new Set([...conf.voters, ...conf.votersOutgoing, ...conf.learners])
  const kept = Array.from(addresses).filter(({ node }) => members.has(node))
  if (kept.length === 0) return conf
  return { ...conf, addresses: kept.sort((a, b) => a.node - b.node) }
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
