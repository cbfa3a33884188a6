// The first look at a message from outside. What no correct node can have sent is ignored and
// counted; it never reaches the rules. What is well formed and yet contradicts a promise of the
// protocol (a second leader in a term, a cut below the commit index) is an InvariantViolation
// further in: then safety is lost already, and this node must not spread it.

import { unreachable } from '../../platform/errors.js'
import { isSoundConfState } from './conf-change.js'
import { type Message, type NodeId, noNode } from './types.js'

type Of<K extends Message['kind']> = Extract<Message, { kind: K }>

export function isWellFormed(message: Message, self: NodeId): boolean {
  if (message.to !== self || message.from === self || !isNatural(message.from)) return false
  if (message.from === noNode || !isNatural(message.term)) return false
  switch (message.kind) {
    case 'voteRequest':
      return (
        isNatural(message.lastIndex) &&
        message.lastTerm < message.term &&
        message.term > 0 &&
        isCommitSound(message)
      )
    case 'appendRequest':
      return message.term > 0 && areEntriesSound(message)
    case 'appendResponse':
      return isNatural(message.index) && isNatural(message.hintIndex) && isNatural(message.hintTerm)
    case 'heartbeatRequest':
      return message.term > 0 && isNatural(message.commit) && isNatural(message.readRound)
    case 'heartbeatResponse':
      return isNatural(message.readRound)
    case 'snapshotRequest':
      return isSnapshotSound(message)
    case 'readIndexResponse':
      return isNatural(message.index)
    case 'proposalForward':
      return (
        message.proposals.origin === message.from &&
        message.proposals.sequences.length === message.proposals.payloads.length
      )
    case 'transferLeaderRequest':
      return isNatural(message.transferee)
    case 'voteResponse':
      return isCommitSound(message)
    case 'readIndexRequest':
    case 'proposalRefused':
    case 'timeoutNow':
      return true
    default:
      return unreachable(message)
  }
}

function isNatural(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

function isCommitSound({ commit, commitTerm }: Of<'voteRequest' | 'voteResponse'>): boolean {
  return isNatural(commit) && isNatural(commitTerm)
}

/** Without gaps from prevIndex on, in terms that never decrease and never pass the sender's. */
function areEntriesSound(message: Of<'appendRequest'>): boolean {
  if (!isNatural(message.prevIndex) || !isNatural(message.prevTerm)) return false
  if (!isNatural(message.commit) || message.prevTerm > message.term) return false
  let index: number = message.prevIndex
  let term: number = message.prevTerm
  for (const entry of message.entries) {
    index++
    if (entry.index !== index || !isNatural(entry.term)) return false
    if (entry.term < term || entry.term > message.term) return false
    term = entry.term
  }
  return true
}

function isSnapshotSound(message: Of<'snapshotRequest'>): boolean {
  const { index, term, confState } = message.snapshot
  return (
    isNatural(index) &&
    index > 0 &&
    isNatural(term) &&
    term > 0 &&
    term <= message.term &&
    confState.voters.length > 0 &&
    isSoundConfState(confState)
  )
}
