// etcd's Cluster service: who the members are, and who comes and goes. A member that has never started
// has no name here, as clients of etcd expect. Ours that etcd lacks (replacing in one call, promotion
// by itself) are in the native protocol alone.

import type { RpcMethod } from '../../platform/rpc.js'
import type { Member, ResponseHeader } from '../core/types.js'
import { addressOfUrl } from '../server/member-address.js'
import { unary } from './calls.js'
import type { EtcdContext } from './context.js'
import * as messages from './messages/cluster.js'

export function clusterMethods(context: EtcdContext): readonly (readonly [string, RpcMethod])[] {
  const one = (member: Member) => memberMessage(context, member)
  const listed = ({ header, members }: Listed) => ({ header, members: members.map(one) })
  return [
    [
      '/etcdserverpb.Cluster/MemberList',
      unary(
        context,
        messages.MemberListRequest,
        ({ linearizable }) => ({ kind: 'memberList', id: 0, linearizable }),
        ({ response }) => messages.MemberListResponse.encode(listed(response)),
      ),
    ],
    [
      '/etcdserverpb.Cluster/MemberAdd',
      unary(
        context,
        messages.MemberAddRequest,
        ({ peerURLs, isLearner }) => ({
          kind: 'memberAdd',
          id: 0,
          // etcd's clients keep the name to themselves; the member says it when it starts.
          name: '',
          peerAddresses: peerURLs.map(addressOfUrl),
          mode: isLearner ? 'learner' : 'voter',
          forwarded: false,
        }),
        ({ response }) =>
          messages.MemberAddResponse.encode({
            ...listed(response),
            member: one(response.member),
          }),
      ),
    ],
    [
      '/etcdserverpb.Cluster/MemberPromote',
      unary(
        context,
        messages.MemberPromoteRequest,
        ({ ID }) => ({ kind: 'memberPromote', id: 0, member: ID, forwarded: false }),
        ({ response }) => messages.MemberPromoteResponse.encode(listed(response)),
      ),
    ],
    [
      '/etcdserverpb.Cluster/MemberUpdate',
      unary(
        context,
        messages.MemberUpdateRequest,
        ({ ID, peerURLs }) => ({
          kind: 'memberUpdate',
          id: 0,
          member: ID,
          name: '',
          peerAddresses: peerURLs.map(addressOfUrl),
          forwarded: false,
        }),
        ({ response }) => messages.MemberUpdateResponse.encode(listed(response)),
      ),
    ],
    [
      '/etcdserverpb.Cluster/MemberRemove',
      unary(
        context,
        messages.MemberRemoveRequest,
        ({ ID }) => ({ kind: 'memberRemove', id: 0, member: ID, forwarded: false }),
        ({ response }) => messages.MemberRemoveResponse.encode(listed(response)),
      ),
    ],
  ]
}

interface Listed {
  readonly header: ResponseHeader
  readonly members: readonly Member[]
}

function memberMessage({ options }: EtcdContext, member: Member) {
  const urls = (secure: boolean, addresses: readonly string[]) =>
    addresses.map(address => `http${secure ? 's' : ''}://${address}`)
  return {
    ID: member.id,
    name: member.clientAddresses.length === 0 ? '' : member.name,
    peerURLs: urls(options.peerTls !== null, member.peerAddresses),
    clientURLs: urls(options.clientTls !== null, member.clientAddresses),
    isLearner: member.learner,
  }
}
