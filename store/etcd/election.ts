// etcd's Election service: whoever holds the first place in a queue leads, and its value says who that is.

import { must } from '../../platform/errors.js'
import type { RpcCall, RpcMethod, RpcReceiver } from '../../platform/rpc.js'
import { rpcCode } from '../../platform/rpc.js'
import type { ResponseHeader, TxnRequest } from '../core/types.js'
import type { WireError } from '../protocol.js'
import { single } from './calls.js'
import type { EtcdContext } from './context.js'
import { knownLease } from './kv-requests.js'
import { LeaderObserver, leaderRange } from './leader-observer.js'
import * as messages from './messages/lock.js'
import type { LeaderKey } from './messages/lock.js'
import { QueuePlace, placeLost, putIfHeld } from './queue-place.js'
import { statusOfFacts } from './status.js'
import { step } from './step.js'

export function electionMethods(context: EtcdContext): readonly (readonly [string, RpcMethod])[] {
  return [
    [
      '/v3electionpb.Election/Campaign',
      single(context, messages.CampaignRequest, (call, request) =>
        campaign(context, call, request.name, knownLease(request.lease), request.value),
      ),
    ],
    [
      '/v3electionpb.Election/Proclaim',
      single(context, messages.ProclaimRequest, (call, { leader, value }) => {
        if (missing(call, leader)) return
        const { key, rev, lease } = leader
        const request = putIfHeld(key, rev, value, knownLease(lease))
        asLeader(context, call, request, header => messages.ProclaimResponse.encode({ header }))
      }),
    ],
    [
      '/v3electionpb.Election/Leader',
      single(context, messages.LeaderRequest, (call, { name }) => {
        const request = leaderRange(name)
        step<'range'>(context, call, { kind: 'range', id: 0, request }, (error, answer) => {
          if (error !== null) {
            fail(call, error)
            return
          }
          const { header, kvs } = must(answer, 'without error there is an answer').response
          const kv = kvs[0]
          if (kv === undefined) call.end(rpcCode.unknown, 'election: no leader')
          else finish(call, messages.LeaderResponse.encode({ header, kv }))
        })
      }),
    ],
    [
      '/v3electionpb.Election/Observe',
      single(
        context,
        messages.LeaderRequest,
        (call, { name }) => new LeaderObserver(context, call, name),
      ),
    ],
    [
      '/v3electionpb.Election/Resign',
      single(context, messages.ResignRequest, (call, { leader }) => {
        if (missing(call, leader)) return
        resign(context, call, leader)
      }),
    ],
  ]
}

function campaign(
  context: EtcdContext,
  call: RpcCall,
  name: Uint8Array,
  lease: number,
  value: Uint8Array,
): RpcReceiver {
  const place = new QueuePlace({
    context,
    call,
    name,
    lease,
    value,
    done: (error, held) => {
      if (held !== undefined) {
        const leader = { name, key: held.key, rev: held.createRevision, lease: held.lease }
        finish(call, messages.CampaignResponse.encode({ header: held.entered, leader }))
      } else if (error?.code === placeLost) {
        call.end(rpcCode.unknown, 'election: session expired')
      } else if (error !== null) fail(call, error)
    },
  })
  return { onCancel: () => place.abandon() }
}

/** It does no harm when somebody else leads by now. */
function resign(context: EtcdContext, call: RpcCall, { key, rev }: LeaderKey): void {
  const request: TxnRequest = {
    compare: [{ key, target: 'create', result: 'equal', createRevision: rev }],
    success: [{ kind: 'deleteRange', request: { key } }],
    failure: [],
  }
  step<'txn'>(context, call, { kind: 'txn', id: 0, request }, (error, answer) => {
    if (error !== null) fail(call, error)
    else if (answer !== undefined) {
      finish(call, messages.ResignResponse.encode({ header: answer.response.header }))
    }
  })
}

function asLeader(
  context: EtcdContext,
  call: RpcCall,
  request: TxnRequest,
  encode: (header: ResponseHeader) => Uint8Array,
): void {
  step<'txn'>(context, call, { kind: 'txn', id: 0, request }, (error, answer) => {
    if (error !== null) fail(call, error)
    else if (answer?.response.succeeded === true) finish(call, encode(answer.response.header))
    else call.end(rpcCode.unknown, 'election: not leader')
  })
}

function missing(call: RpcCall, leader: LeaderKey | null): leader is null {
  if (leader !== null) return false
  call.end(rpcCode.unknown, '"leader" field must be provided')
  return true
}

function finish(call: RpcCall, message: Uint8Array): void {
  call.send(message)
  call.end(rpcCode.ok, '')
}

function fail(call: RpcCall, error: WireError): void {
  const { code, message } = statusOfFacts(error)
  call.end(code, message)
}
