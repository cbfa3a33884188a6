// The public door of raft/: what the rooms above may use.

export { RaftNode } from './node.js'
export type {
  ProposalDone,
  RaftNodeErrorCode,
  RaftNodeOptions,
  RaftNodeStatus,
  RaftPeer,
  ReadIndexDone,
  Replica,
} from './node-types.js'
export { RaftNodeError, raftNodeError } from './node-types.js'
