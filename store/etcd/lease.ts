// etcd's Lease service.

import { RaftsmanError } from '../../platform/errors.js'
import type { RpcCall, RpcMethod, RpcReceiver } from '../../platform/rpc.js'
import { rpcCode } from '../../platform/rpc.js'
import type { Answer } from '../protocol.js'
import { CallRequester, unary } from './calls.js'
import type { EtcdContext } from './context.js'
import { knownLease } from './kv-requests.js'
import * as messages from './messages/lease.js'

export function leaseMethods(context: EtcdContext): readonly (readonly [string, RpcMethod])[] {
  return [
    [
      '/etcdserverpb.Lease/LeaseGrant',
      unary(
        context,
        messages.LeaseGrantRequest,
        ({ TTL, ID }) => ({ kind: 'leaseGrant', id: 0, request: { ttlSeconds: TTL, id: ID } }),
        ({ response: { header, id, ttlSeconds } }) =>
          messages.LeaseGrantResponse.encode({ header, ID: id, TTL: ttlSeconds }),
      ),
    ],
    [
      '/etcdserverpb.Lease/LeaseRevoke',
      unary(
        context,
        messages.LeaseRevokeRequest,
        ({ ID }) => ({ kind: 'leaseRevoke', id: 0, lease: knownLease(ID) }),
        ({ response }) => messages.LeaseRevokeResponse.encode(response),
      ),
    ],
    [
      '/etcdserverpb.Lease/LeaseTimeToLive',
      unary(
        context,
        messages.LeaseTimeToLiveRequest,
        ({ ID, keys }) => {
          const lease = knownLease(ID)
          return { kind: 'leaseTimeToLive', id: 0, lease, withKeys: keys, forwarded: false }
        },
        // The id as it was asked for, also where nobody can have it.
        ({ response: { header, ttlSeconds, grantedTtlSeconds, keys } }, { ID }) =>
          messages.LeaseTimeToLiveResponse.encode({
            header,
            ID,
            TTL: ttlSeconds,
            grantedTTL: grantedTtlSeconds,
            keys,
          }),
      ),
    ],
    [
      '/etcdserverpb.Lease/LeaseLeases',
      unary(
        context,
        messages.LeaseLeasesRequest,
        () => ({ kind: 'leaseLeases', id: 0 }),
        ({ response: { header, leases } }) =>
          messages.LeaseLeasesResponse.encode({ header, leases: leases.map(ID => ({ ID })) }),
      ),
    ],
    [
      '/etcdserverpb.Lease/LeaseKeepAlive',
      { requests: 'many', start: call => new KeepAliveCall(context, call) },
    ],
  ]
}

/** Renewals in the order in which they were asked for, one at a time: a stream of them is no flood. */
class KeepAliveCall extends CallRequester implements RpcReceiver {
  readonly #context: EtcdContext
  #busy = false
  /** As the client wrote it. */
  #asked = 0
  #halfClosed = false

  constructor(context: EtcdContext, call: RpcCall) {
    super(context, call)
    this.#context = context
    context.leaderGuard.refused(call, ({ code, message }) => call.end(code, message))
  }

  onMessage(message: Uint8Array): void {
    this.#busy = true
    this.call.pauseReading()
    try {
      const { ID } = messages.LeaseKeepAliveRequest.decode(message)
      const lease = knownLease(ID)
      this.#asked = ID
      this.#context.service.handle(this, { kind: 'leaseKeepAlive', id: 0, lease, forwarded: false })
    } catch (error) {
      if (!(error instanceof RaftsmanError)) throw error
      this.fail(0, error)
    }
  }

  onHalfClose(): void {
    this.#halfClosed = true
    if (!this.#busy) this.call.end(rpcCode.ok, '')
  }

  override answer(answer: Answer): void {
    if (answer.kind !== 'leaseKeepAlive') return
    const { header, ttlSeconds } = answer.response
    this.#busy = false
    const response = { header, ID: this.#asked, TTL: ttlSeconds }
    this.reply(messages.LeaseKeepAliveResponse.encode(response))
    if (this.#halfClosed) this.call.end(rpcCode.ok, '')
    else this.call.resumeReading()
  }

  override rangePart(): void {}
}
