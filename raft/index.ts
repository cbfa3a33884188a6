// The public door of raft/: what the rooms above may use.

export { foundedAt, foundLog } from './founding.js'
export type { FoundingOptions } from './founding.js'
export { RaftNode } from './node.js'
export type {
  MembershipDone,
  ProposalDone,
  RaftNodeOptions,
  RaftNodeStatus,
  ReadIndexDone,
  Reconfiguration,
  Replica,
} from './node-types.js'
export type { VersionRange } from './transport/transport-options.js'
export { raftNodeError } from './node-types.js'
