// etcd's Maintenance service: how a member is, hashes to compare members by, snapshots, and leadership
// handed over. A snapshot is a stream of ours: `etcdctl snapshot save` takes it, and `snapshot status`
// and `restore`, which read a bbolt file, do not; raftsman's do.

import { rpcCode } from '../../platform/rpc.js'
import type { RpcCall, RpcMethod } from '../../platform/rpc.js'
import type { Answer } from '../protocol.js'
import { alarmText } from './alarm.js'
import { CallRequester, single, unary } from './calls.js'
import { etcdVersion, headerNow } from './context.js'
import type { EtcdContext } from './context.js'
import * as messages from './messages/maintenance.js'
import { principalOf } from './principal.js'
import { statusOf } from './status.js'

export function maintenanceMethods(
  context: EtcdContext,
): readonly (readonly [string, RpcMethod])[] {
  return [
    [
      '/etcdserverpb.Maintenance/Status',
      unary(
        context,
        messages.StatusRequest,
        () => ({ kind: 'status', id: 0 }),
        ({ response }) =>
          messages.StatusResponse.encode({
            header: response.header,
            version: etcdVersion,
            storageVersion: etcdVersion,
            dbSize: context.machine.dbFileBytes,
            dbSizeInUse: response.dbSizeBytes,
            leader: response.leader,
            raftIndex: response.commitIndex,
            raftTerm: response.raftTerm,
            raftAppliedIndex: response.appliedIndex,
            dbSizeQuota: context.machine.quotaBytes,
            isLearner: response.learner,
            errors: [
              ...(response.leader === 0 ? ['etcdserver: no leader'] : []),
              ...context.machine.alarms.list().map(alarmText),
            ],
          }),
      ),
    ],
    [
      '/etcdserverpb.Maintenance/Defragment',
      unary(
        context,
        messages.DefragmentRequest,
        () => ({ kind: 'space', id: 0, defragment: true }),
        ({ response: { header } }) => messages.DefragmentResponse.encode({ header }),
      ),
    ],
    [
      '/etcdserverpb.Maintenance/HashKV',
      unary(
        context,
        messages.HashKVRequest,
        ({ revision }) => ({ kind: 'hashKv', id: 0, revision }),
        ({ response: { header, hash, revision, compactRevision } }) =>
          messages.HashKVResponse.encode({
            header,
            hash: firstWord(hash),
            hashRevision: revision,
            compactRevision,
          }),
      ),
    ],
    [
      '/etcdserverpb.Maintenance/Hash',
      single(context, messages.HashRequest, call => {
        asRoot(context, call, () => {
          const hash = firstWord(context.machine.stateHash)
          call.send(messages.HashResponse.encode({ header: headerNow(context), hash }))
          call.end(rpcCode.ok, '')
        })
      }),
    ],
    [
      '/etcdserverpb.Maintenance/Snapshot',
      single(context, messages.SnapshotRequest, call => {
        context.service.handle(new SnapshotCall(context, call), {
          kind: 'snapshot',
          id: 0,
          name: 0,
          offset: 0,
        })
      }),
    ],
    [
      '/etcdserverpb.Maintenance/MoveLeader',
      unary(
        context,
        messages.MoveLeaderRequest,
        ({ targetID }) => ({ kind: 'moveLeader', id: 0, target: targetID, forwarded: false }),
        ({ response: { header } }) => messages.MoveLeaderResponse.encode({ header }),
      ),
    ],
  ]
}

/** For what is answered here and not by the service, which asks by itself. */
function asRoot({ service }: EtcdContext, call: RpcCall, answer: () => void): void {
  service.guard.permitted(
    { principal: principalOf(call) },
    (check, by) => check.root(by),
    error => {
      if (error === null) {
        answer()
        return
      }
      const { code, message } = statusOf(error)
      call.end(code, message)
    },
  )
}

/** etcd's hashes have 32 bits; ours have 64, and agree in the first half where they agree at all. */
function firstWord(hash: string): number {
  return Number.parseInt(hash.slice(0, 8), 16)
}

/** The stream in messages as it comes, then its SHA-256 in one of its own. */
class SnapshotCall extends CallRequester {
  readonly #context: EtcdContext

  constructor(context: EtcdContext, call: RpcCall) {
    super(context, call)
    this.#context = context
  }

  override snapshotPart(_id: number, blob: Uint8Array): void {
    // How much follows is not known before it is read: at least this much is.
    this.#send(blob, 32)
  }

  answer(answer: Answer): void {
    if (answer.kind !== 'snapshot') return
    this.#send(answer.response.sha256, 0)
    this.call.end(rpcCode.ok, '')
  }

  rangePart(): void {}

  #send(blob: Uint8Array, remainingBytes: number): void {
    const header = headerNow(this.#context)
    this.call.send(
      messages.SnapshotResponse.encode({ header, remainingBytes, blob, version: etcdVersion }),
    )
  }
}
