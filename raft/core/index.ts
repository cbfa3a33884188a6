// The public door of raft/core: the protocol, what it is made from and what it tells.

export type {
  PeerStatus,
  ProgressState,
  RaftConfig,
  RaftState,
  RaftStatus,
} from './config.js'
export { Raft } from './raft.js'
