// What a run has been through, as counted facts: who sent which message and what became of it, and
// marks of rare paths. A batch of seeds that has not been everywhere proves little, and fails.

import { unreachable } from '../../platform/errors.js'
import type { Message } from '../../raft/core/types.js'
import type { ScenarioName } from './scenario.js'

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

const raftUsual = [
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
  'log: the process of the leader has ended, electing another at once',
  'log: snapshot restored',
  'log: unfinished last write cut off',
  'process ended: disk-io',
  'log: disk stalls, handing over',
  'log: disk of the write-ahead log is full',
  'log: the log was damaged and is repaired',
  'log: this node was removed from the cluster',
  'sent snapshotResume',
  'joint change: done',
  'add learner: done',
  'leader kept',
  'checkpoint',
]

const raftRare = [
  'change in a rush: done',
  'change in a rush: change-pending',
  'damaged among the healed',
  'membership split',
  'replace member: done',
  'promote: done',
  'remove member: done',
  'given up as damaged',
  'log: what was lost is back, this member is whole again',
  'log: disk stalls and nobody takes over, stepping down',
]

const storeUsual = [
  'follower gets readIndexAnswered',
  'leader gets proposalForward',
  'leader gets readIndexRequest',
  'log: snapshot restored',
  'log: state can be made durable again',
  'log: state can be written again',
  'state lost in a power cut',
  'lease checkpoint',
  'lease checkpoint withdrawn',
  'lease expired',
  'lease revoke refused: stale or late',
  'lease revoked by a client: done',
  'lease seen through an election',
  'linearizable key: valid',
  'local read: compacted, not-applied',
  'read: compacted, not-applied',
  'read: future-revision, not-applied',
  'put: lease-not-found, not-applied',
  'put: leader-lost, unknown',
  'put: connection-lost, unknown',
  'put: timeout, unknown',
  'put: disk-full, not-applied',
  'unknown outcome: applied',
  'unknown outcome: applied later',
  'watch created again',
  'watch ended by a compaction',
  'watch of the future',
  'watch of the past',
  'watch progress',
  'watch resumed with events',
  'watches at the end',
]

const storeRare: readonly string[] = []

const controlPlaneUsual = [
  'elected',
  'log: snapshot restored',
  'kube-controller-manager writes',
  'kube-scheduler writes',
  'bound while it was quiet',
  'pod made while it was quiet',
  'job counts a pod',
  'job of a schedule',
  'evicted within a budget',
  'count written back',
  'garbage collected',
  'node given up',
]

/** What a batch of so many seeds must have seen, whatever its seeds drew. */
export const requiredFacts: Readonly<Record<ScenarioName, ReadonlyMap<number, readonly string[]>>> =
  {
    raft: new Map([
      [200, raftUsual],
      [1000, raftRare],
    ]),
    store: new Map([
      [200, storeUsual],
      [1000, storeRare],
    ]),
    'control-plane': new Map([[200, controlPlaneUsual]]),
  }
