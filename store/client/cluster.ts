// What operators ask of a cluster beside its data: who is a member, who leads, whether members hold the
// same. Apart from `Store`, for whoever keeps data has no use for it. Counterpart: Cluster and
// Maintenance of etcd's client.

import type { HashKvResponse, Member, MemberStatus, Revision } from '../core/types.js'
import type { MemberAddedResponse, MemberListResponse } from '../protocol.js'

export interface NewMember {
  /** Empty when it is not known yet. */
  readonly name: string
  /** host:port; peers use the first. */
  readonly peerAddresses: readonly string[]
}

export interface MemberListOptions {
  /** False: what the member knows that this client talks to, be there a quorum or not. True when absent. */
  readonly linearizable?: boolean
}

export interface Cluster {
  /** Of the member that this client talks to. */
  status(): Promise<MemberStatus>
  memberList(options?: MemberListOptions): Promise<readonly Member[]>
  /** A learner that becomes a voter by itself (`promoted`), one that waits for it, or a voter at once. */
  memberAdd(member: NewMember, mode: 'promoted' | 'learner' | 'voter'): Promise<MemberAddedResponse>
  memberPromote(member: number): Promise<MemberListResponse>
  /** An empty name leaves the name as it is. */
  memberUpdate(member: number, told: NewMember): Promise<MemberListResponse>
  memberRemove(member: number): Promise<MemberListResponse>
  /** Answers once the new one is a learner; it takes the other's place as soon as it keeps up. */
  memberReplace(member: number, by: NewMember): Promise<MemberAddedResponse>
  /** Hands leadership to another member, by id. */
  moveLeader(target: number): Promise<void>
  /** Of the member that this client talks to. Revision 0: its newest. */
  hashKv(revision: Revision): Promise<HashKvResponse>
}
