// Protocol messages as positional arrays and back. Counterpart: the protobuf encoding of raftpb.
// Decoding is strict about shape and range; what the fields mean together is the core's to judge.

import { unreachable } from '../../platform/errors.js'
import type { FieldReader, PackedValue } from '../../platform/msgpack.js'
import { MalformedFrame } from '../../platform/msgpack.js'
import type {
  ConfState,
  Entry,
  EntryKind,
  MemberAddress,
  Message,
  NodeId,
  ProposalBatch,
  ProposalRefusal,
  SnapshotMeta,
} from '../core/types.js'
import { logIndex, nodeId, term } from '../core/types.js'

/** Position is the code on the wire: append only. */
const kinds: readonly Message['kind'][] = [
  'voteRequest',
  'voteResponse',
  'appendRequest',
  'appendResponse',
  'heartbeatRequest',
  'heartbeatResponse',
  'snapshotRequest',
  'readIndexRequest',
  'readIndexResponse',
  'proposalForward',
  'proposalRefused',
  'transferLeaderRequest',
  'timeoutNow',
]
const kindCodes: ReadonlyMap<Message['kind'], number> = new Map(
  kinds.map((kind, code) => [kind, code]),
)
const entryKinds: readonly EntryKind[] = ['normal', 'noop', 'confChange']
const refusals: readonly ProposalRefusal[] = [
  'no-leader',
  'transferring',
  'too-many-uncommitted',
  'removed',
  'not-leader',
  'change-pending',
  'change-invalid',
]

/** Fields of an entry in the flat list of an append; its index follows from its place. */
const entryFields = 5
/** Of a member's name and address. */
const nameMax = 256

export function packMessage(message: Message): PackedValue[] {
  const code = kindCodes.get(message.kind) ?? -1
  const packed: PackedValue[] = [code, message.from, message.to, message.term]
  switch (message.kind) {
    case 'voteRequest':
      packed.push(message.preVote, message.lastIndex, message.lastTerm, message.force)
      packed.push(message.commit, message.commitTerm)
      break
    case 'voteResponse':
      packed.push(message.preVote, message.granted, message.commit, message.commitTerm)
      break
    case 'appendRequest':
      packed.push(message.prevIndex, message.prevTerm, message.commit, packEntries(message.entries))
      break
    case 'appendResponse':
      packed.push(message.rejected, message.index, message.hintIndex, message.hintTerm)
      packed.push(message.lost === true)
      break
    case 'heartbeatRequest':
      packed.push(message.commit, message.readRound)
      break
    case 'heartbeatResponse':
      packed.push(message.readRound)
      break
    case 'snapshotRequest':
      packed.push(packSnapshot(message.snapshot))
      break
    case 'readIndexRequest':
      packed.push(message.context)
      break
    case 'readIndexResponse':
      packed.push(message.context, message.index)
      break
    case 'proposalForward':
      packed.push(packProposals(message.proposals))
      break
    case 'proposalRefused':
      packed.push(message.origin, refusals.indexOf(message.reason), [...message.sequences])
      break
    case 'transferLeaderRequest':
      packed.push(message.transferee)
      break
    case 'timeoutNow':
      break
    default:
      return unreachable(message)
  }
  return packed
}

function packEntries(entries: readonly Entry[]): PackedValue[] {
  const flat: PackedValue[] = []
  for (const { term: entryTerm, kind, origin, sequence, data } of entries)
    flat.push(entryTerm, entryKinds.indexOf(kind), origin, sequence, data)
  return flat
}

function packSnapshot({ index, term: metaTerm, confState }: SnapshotMeta): PackedValue[] {
  const { voters, votersOutgoing, learners, learnersNext, addresses } = confState
  return [
    index,
    metaTerm,
    [...voters],
    [...votersOutgoing],
    [...learners],
    [...learnersNext],
    (addresses ?? []).map(({ node, name, address, promote }) => [
      node,
      name,
      address,
      promote === true,
    ]),
  ]
}

function packProposals({ origin, sequences, payloads }: ProposalBatch): PackedValue[] {
  return [origin, [...sequences], [...payloads]]
}

/** Throws MalformedFrame. Entry data and payloads are views on the frame. */
export function readMessage(fields: FieldReader): Message {
  const kind = kinds[fields.natural()]
  if (kind === undefined) throw new MalformedFrame('unknown kind of message')
  const message = readBody(kind, fields)
  fields.end()
  return message
}

/** Object literals throughout: two objects spread into one were a tenth of what a frame costs. */
function readBody(kind: Message['kind'], fields: FieldReader): Message {
  const index = () => logIndex(fields.natural())
  const from = nodeId(fields.natural())
  const to = nodeId(fields.natural())
  const inTerm = term(fields.natural())
  switch (kind) {
    case 'voteRequest': {
      const preVote = fields.boolean()
      const lastIndex = index()
      const lastTerm = term(fields.natural())
      const force = fields.boolean()
      const commit = index()
      return {
        kind,
        from,
        to,
        term: inTerm,
        preVote,
        lastIndex,
        lastTerm,
        force,
        commit,
        commitTerm: term(fields.natural()),
      }
    }
    case 'voteResponse': {
      const preVote = fields.boolean()
      const granted = fields.boolean()
      const commit = index()
      return {
        kind,
        from,
        to,
        term: inTerm,
        preVote,
        granted,
        commit,
        commitTerm: term(fields.natural()),
      }
    }
    case 'appendRequest': {
      const prevIndex = index()
      const prevTerm = term(fields.natural())
      const commit = index()
      const entries = readEntries(fields.array('entries'), prevIndex)
      return { kind, from, to, term: inTerm, prevIndex, prevTerm, commit, entries }
    }
    case 'appendResponse': {
      const rejected = fields.boolean()
      const at = index()
      const hintIndex = index()
      const hintTerm = term(fields.natural())
      const response = {
        kind,
        from,
        to,
        term: inTerm,
        rejected,
        index: at,
        hintIndex,
        hintTerm,
      } as const
      return fields.boolean() ? { ...response, lost: true } : response
    }
    case 'heartbeatRequest':
      return { kind, from, to, term: inTerm, commit: index(), readRound: fields.natural() }
    case 'heartbeatResponse':
      return { kind, from, to, term: inTerm, readRound: fields.natural() }
    case 'snapshotRequest':
      return { kind, from, to, term: inTerm, snapshot: readSnapshot(fields.array('snapshot')) }
    case 'readIndexRequest':
      return { kind, from, to, term: inTerm, context: fields.natural() }
    case 'readIndexResponse':
      return { kind, from, to, term: inTerm, context: fields.natural(), index: index() }
    case 'proposalForward':
      return { kind, from, to, term: inTerm, proposals: readProposals(fields.array('proposals')) }
    case 'proposalRefused': {
      const origin = nodeId(fields.natural())
      const reason = refusals[fields.natural()]
      if (reason === undefined) throw new MalformedFrame('unknown reason of refusal')
      return {
        kind,
        from,
        to,
        term: inTerm,
        origin,
        reason,
        sequences: readNaturals(fields.array('sequences')),
      }
    }
    case 'transferLeaderRequest':
      return { kind, from, to, term: inTerm, transferee: nodeId(fields.natural()) }
    case 'timeoutNow':
      return { kind, from, to, term: inTerm }
    default:
      return unreachable(kind)
  }
}

function readEntries(fields: FieldReader, prevIndex: number): readonly Entry[] {
  const count = fields.left / entryFields
  const entries: Entry[] = []
  for (let at = 0; at < count; at += 1) {
    const entryTerm = term(fields.natural())
    const kind = entryKinds[fields.natural()]
    if (kind === undefined) throw new MalformedFrame('unknown kind of entry')
    const origin = nodeId(fields.natural())
    const sequence = fields.natural()
    const data = fields.bytes()
    entries.push({
      term: entryTerm,
      index: logIndex(prevIndex + 1 + at),
      kind,
      origin,
      sequence,
      data,
    })
  }
  return entries
}

function readSnapshot(fields: FieldReader): SnapshotMeta {
  const index = logIndex(fields.natural())
  const metaTerm = term(fields.natural())
  const members = () => readNaturals(fields.array('members')).map(nodeId)
  const confState: ConfState = {
    voters: members(),
    votersOutgoing: members(),
    learners: members(),
    learnersNext: members(),
  }
  const addresses = readAddresses(fields.array('addresses'))
  fields.end()
  return {
    index,
    term: metaTerm,
    confState: addresses.length === 0 ? confState : { ...confState, addresses },
  }
}

function readAddresses(fields: FieldReader): MemberAddress[] {
  const addresses: MemberAddress[] = []
  while (fields.left > 0) {
    const member = fields.array('address')
    const node = nodeId(member.natural())
    const name = member.text(nameMax)
    const told = { node, name, address: member.text(nameMax) }
    addresses.push(member.boolean() ? { ...told, promote: true } : told)
    member.end()
  }
  return addresses
}

function readProposals(fields: FieldReader): ProposalBatch {
  const origin = nodeId(fields.natural())
  const sequences = readNaturals(fields.array('sequences'))
  const list = fields.array('payloads')
  const payloads: Uint8Array[] = []
  while (list.left > 0) payloads.push(list.bytes())
  fields.end()
  if (payloads.length !== sequences.length)
    throw new MalformedFrame('every payload needs a sequence')
  return { origin, sequences, payloads }
}

function readNaturals(fields: FieldReader): number[] {
  const values: number[] = []
  while (fields.left > 0) values.push(fields.natural())
  return values
}

/** About what it takes on the wire, for cutting frames. */
export function messageBytes(message: Message): number {
  let bytes = 64
  if (message.kind === 'appendRequest')
    for (const entry of message.entries) bytes += 32 + entry.data.length
  else if (message.kind === 'proposalForward')
    for (const payload of message.proposals.payloads) bytes += 16 + payload.length
  return bytes
}

/** Who sent it, unless it was somebody else than the link says. */
export function sentBy(message: Message, from: NodeId, to: NodeId): boolean {
  return message.from === from && message.to === to
}
