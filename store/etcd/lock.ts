// etcd's Lock service: a lock is a place in a queue. It is no fence: who held it may not know yet that
// its lease has run out, so what is guarded must go by the revision.

import type { RpcCall, RpcMethod, RpcReceiver } from '../../platform/rpc.js'
import { rpcCode } from '../../platform/rpc.js'
import { single, unary } from './calls.js'
import type { EtcdContext } from './context.js'
import { knownLease } from './kv-requests.js'
import * as messages from './messages/lock.js'
import { QueuePlace, placeLost } from './queue-place.js'
import { statusOfFacts } from './status.js'

export function lockMethods(context: EtcdContext): readonly (readonly [string, RpcMethod])[] {
  return [
    [
      '/v3lockpb.Lock/Lock',
      single(context, messages.LockRequest, (call, { name, lease }) =>
        lock(context, call, name, knownLease(lease)),
      ),
    ],
    [
      '/v3lockpb.Lock/Unlock',
      unary(
        context,
        messages.UnlockRequest,
        ({ key }) => ({ kind: 'deleteRange', id: 0, request: { key } }),
        ({ response: { header } }) => messages.UnlockResponse.encode({ header }),
      ),
    ],
  ]
}

function lock(context: EtcdContext, call: RpcCall, name: Uint8Array, lease: number): RpcReceiver {
  const place = new QueuePlace({
    context,
    call,
    name,
    lease,
    value: new Uint8Array(0),
    done: (error, held) => {
      if (held !== undefined) {
        const { header, key } = held
        call.send(messages.LockResponse.encode({ header, key }))
        call.end(rpcCode.ok, '')
      } else if (error?.code === placeLost) {
        call.end(rpcCode.unknown, 'mutex: session is expired')
      } else if (error !== null) {
        const { code, message } = statusOfFacts(error)
        call.end(code, message)
      }
    },
  })
  return { onCancel: () => place.abandon() }
}
