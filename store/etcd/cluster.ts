// etcd's Cluster service: who the members are.

import type { RpcMethod } from '../../platform/rpc.js'
import type { Member } from '../core/types.js'
import { unary } from './calls.js'
import type { EtcdContext } from './context.js'
import * as messages from './messages/cluster.js'

export function clusterMethods(context: EtcdContext): readonly (readonly [string, RpcMethod])[] {
  return [
    [
      '/etcdserverpb.Cluster/MemberList',
      unary(
        context,
        messages.MemberListRequest,
        () => ({ kind: 'memberList', id: 0 }),
        ({ response: { header, members } }) =>
          messages.MemberListResponse.encode({
            header,
            members: members.map(member => memberMessage(context, member)),
          }),
      ),
    ],
  ]
}

function memberMessage({ options }: EtcdContext, member: Member) {
  const url = (secure: boolean, address: string) => `http${secure ? 's' : ''}://${address}`
  return {
    ID: member.id,
    name: member.name,
    peerURLs: [url(options.peerTls !== null, member.peerAddress)],
    clientURLs: [url(options.clientTls !== null, member.clientAddress)],
    isLearner: member.learner,
  }
}
