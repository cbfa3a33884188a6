// The public door of raft/: what the rooms above may use.

export { RaftNode } from './node.js'
export type {
  ProposalDone,
  RaftNodeOptions,
  RaftNodeStatus,
  ReadIndexDone,
  Replica,
} from './node-types.js'
export type { VersionRange } from './transport/transport-options.js'
export { raftNodeError } from './node-types.js'
