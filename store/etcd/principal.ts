// Who a call says it comes from: by the token in its metadata, else by its client's certificate.

import type { RpcCall } from '../../platform/rpc.js'
import type { Principal } from '../server/requester.js'

export function principalOf(call: RpcCall): Principal {
  const token = call.metadata('token') ?? call.metadata('authorization')
  return {
    commonName: call.connection.peerName,
    token: token === null ? null : token.replace(/^Bearer /, ''),
  }
}
