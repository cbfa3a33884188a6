// The public door of raft/: what the rooms above may use.

export type { RaftNodeOptions, RaftNodeStatus, RaftPeer, Replica } from './node-types.js'
export { RaftNodeError } from './node-types.js'
