// What clients want in the log. Followers forward to the leader once; a leader that cannot take a
// proposal says so, and then it certainly was not applied. Counterpart: MsgProp of etcd-io/raft.
// A message that the network repeats would propose twice: links do not repeat, and the store above
// answers by origin and sequence.

import { entryBytes } from './log.js'
import type { CoreState } from './state.js'
import {
  type Entry,
  type EntryKind,
  logIndex,
  type Message,
  type NodeId,
  noNode,
  type ProposalBatch,
  type ProposalRefusal,
} from './types.js'

type Of<K extends Message['kind']> = Extract<Message, { kind: K }>

export function propose(core: CoreState, proposals: ProposalBatch): void {
  if (core.role === 'leader') {
    takeProposals(core, proposals)
    return
  }
  if (core.leader === noNode) {
    refuse(core, core.id, proposals.sequences, 'no-leader')
    return
  }
  core.send({
    kind: 'proposalForward',
    from: core.id,
    to: core.leader,
    term: core.term,
    proposals,
  })
}

/** Never forwarded a second time: two nodes that take each other for the leader would loop. */
export function handleProposalForward(core: CoreState, message: Of<'proposalForward'>): void {
  if (core.role === 'leader') takeProposals(core, message.proposals)
  else refuse(core, message.from, message.proposals.sequences, 'no-leader')
}

/** True in any term: what was refused once is in no log. */
export function handleProposalRefused(core: CoreState, message: Of<'proposalRefused'>): void {
  if (message.origin !== core.id) return
  core.refused.push({ sequences: message.sequences, reason: message.reason })
}

function takeProposals(core: CoreState, proposals: ProposalBatch): void {
  const { origin, sequences, payloads } = proposals
  if (core.transferee !== noNode) {
    refuse(core, origin, sequences, 'transferring')
    return
  }
  if (!core.tracker.isMember(core.id)) {
    refuse(core, origin, sequences, 'removed')
    return
  }
  for (let position = 0; position < sequences.length; position++) {
    const data = payloads[position] as Uint8Array
    // One always fits, or a large payload could never be proposed.
    const bytes = core.uncommittedBytes + data.length
    if (core.uncommittedBytes > 0 && bytes > core.config.uncommittedBytesMax) {
      refuse(core, origin, sequences.slice(position), 'too-many-uncommitted')
      return
    }
    appendOwn(core, 'normal', origin, sequences[position] as number, data)
  }
}

export function appendOwn(
  core: CoreState,
  kind: EntryKind,
  origin: NodeId,
  sequence: number,
  data: Uint8Array,
): void {
  const index = logIndex(core.log.last + 1)
  const entry: Entry = { term: core.term, index, kind, origin, sequence, data }
  core.log.append(entry)
  core.uncommittedBytes += entryBytes(entry)
  core.sendDue = true
}

export function refuse(
  core: CoreState,
  origin: NodeId,
  sequences: readonly number[],
  reason: ProposalRefusal,
): void {
  if (sequences.length === 0) return
  if (origin === core.id) core.refused.push({ sequences, reason })
  else {
    core.send({
      kind: 'proposalRefused',
      from: core.id,
      to: origin,
      term: core.term,
      origin,
      sequences,
      reason,
    })
  }
}
