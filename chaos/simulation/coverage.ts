// What a run has been through, as counted facts: who sent which message and what became of it, and
// marks of rare paths. A batch of seeds that has not been everywhere proves little, and fails.

import { unreachable } from '../../platform/errors.js'
import type { Message } from '../../raft/core/types.js'

export class Coverage {
  readonly counts = new Map<string, number>()

  mark(fact: string): void {
    this.counts.set(fact, (this.counts.get(fact) ?? 0) + 1)
  }
}

/** Kind of a message with what matters of its content. */
export function describe(message: Message): string {
  switch (message.kind) {
    case 'voteRequest':
      return message.preVote ? 'preVoteRequest' : message.force ? 'forcedVote' : 'voteRequest'
    case 'voteResponse':
      return `${message.preVote ? 'preVote' : 'vote'}${message.granted ? 'Granted' : 'Refused'}`
    case 'appendRequest':
      return message.entries.length === 0 ? 'appendProbe' : 'appendRequest'
    case 'appendResponse':
      return message.rejected ? 'appendRejected' : 'appendAccepted'
    case 'readIndexResponse':
      return message.index === 0 ? 'readIndexRefused' : 'readIndexAnswered'
    case 'heartbeatRequest':
    case 'heartbeatResponse':
    case 'snapshotRequest':
    case 'readIndexRequest':
    case 'proposalForward':
    case 'proposalRefused':
    case 'transferLeaderRequest':
    case 'timeoutNow':
      return message.kind
    default:
      return unreachable(message)
  }
}

/** Facts that every larger batch must have seen, whatever its seeds drew. */
export const requiredFacts: readonly string[] = [
  'follower gets appendRequest',
  'follower gets appendProbe',
  'follower gets heartbeatRequest',
  'follower gets preVoteRequest',
  'follower gets voteRequest',
  'follower gets forcedVote',
  'follower gets timeoutNow',
  'follower gets readIndexAnswered',
  'follower gets readIndexRefused',
  'follower gets proposalRefused',
  'preCandidate gets preVoteGranted',
  'preCandidate gets preVoteRefused',
  'candidate gets voteGranted',
  'candidate gets voteRefused',
  'leader gets appendAccepted',
  'leader gets appendRejected',
  'leader gets heartbeatResponse',
  'leader gets proposalForward',
  'leader gets readIndexRequest',
  'leader gets transferLeaderRequest',
  'elected',
  'log: snapshot restored',
  'log: unfinished last write cut off',
  'process ended: disk-io',
]
