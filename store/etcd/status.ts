// Errors as clients of etcd know them: a status of gRPC and etcd's own sentence, which its clients
// compare. Ours that etcd has no counterpart for keep their sentence and start with "raftsman:".

import { RaftsmanError } from '../../platform/errors.js'
import type { Outcome } from '../../platform/errors.js'
import { rpcCode } from '../../platform/rpc.js'
import type { RpcCode } from '../../platform/rpc.js'
import { grpcStatusOf } from '../core/errors.js'
import type { GrpcStatus } from '../core/errors.js'

export interface Status {
  readonly code: RpcCode
  readonly message: string
}

/** What an error says of itself, whether it was made here or came from the leader. */
export interface ErrorFacts {
  readonly code: string
  readonly message: string
  readonly retryable: boolean
  readonly outcome: Outcome
}

const codes: Readonly<Record<GrpcStatus, RpcCode>> = {
  InvalidArgument: rpcCode.invalidArgument,
  OutOfRange: rpcCode.outOfRange,
  NotFound: rpcCode.notFound,
  FailedPrecondition: rpcCode.failedPrecondition,
  ResourceExhausted: rpcCode.resourceExhausted,
  Unavailable: rpcCode.unavailable,
  DataLoss: rpcCode.dataLoss,
  PermissionDenied: rpcCode.permissionDenied,
  Unauthenticated: rpcCode.unauthenticated,
}

const timedOut = 'etcdserver: request timed out'

/** Codes of what stands around the state machine: Raft, the service, this room. */
const byCode: Readonly<Record<string, (facts: ErrorFacts) => Status>> = {
  'too-many-requests': () => exhausted('etcdserver: too many requests'),
  'no-leader': () => unavailable('etcdserver: no leader'),
  transferring: () => unavailable('etcdserver: leader changed'),
  'not-leader': () => precondition('etcdserver: not leader'),
  'leader-lost': ({ outcome }) =>
    unavailable(
      outcome === 'unknown'
        ? `${timedOut}, possibly due to previous leader failure`
        : 'etcdserver: leader changed',
    ),
  timeout: () => unavailable(timedOut),
  stopped: () => serverStopped,
  'not-a-member': () => serverStopped,
  'request-too-large': () => invalid('etcdserver: request is too large'),
  'disk-full': () => exhausted('etcdserver: mvcc: database space exceeded'),
  'backend-full': () => exhausted('etcdserver: mvcc: database space exceeded'),
  // What stands behind it in the native protocol would keep clients from knowing it again.
  'unhealthy-cluster': () => unavailable('etcdserver: unhealthy cluster'),
  'change-pending': () => unavailable(timedOut),
  'answer-too-large': ({ message }) => exhausted(`raftsman: ${message}`),
  'range-interrupted': ({ message }) => unavailable(`raftsman: ${message}`),
  'malformed-message': ({ message }) => ({
    code: rpcCode.internal,
    message: `grpc: error unmarshalling request: ${message}`,
  }),
  'integer-too-large': ({ message }) => invalid(message),
}

/** @throws what is no RaftsmanError, a broken invariant above all */
export function statusOf(error: unknown): Status {
  if (!(error instanceof RaftsmanError)) throw error
  return statusOfFacts(error)
}

export function statusOfFacts(facts: ErrorFacts): Status {
  const known = byCode[facts.code]
  if (known !== undefined) return known(facts)
  const grpc = grpcStatusOf(facts.code)
  if (grpc !== null) return { code: codes[grpc], message: facts.message }
  const message = `raftsman: ${facts.message}`
  return facts.retryable ? unavailable(message) : { code: rpcCode.unknown, message }
}

/**
 * Why a watch is refused or ended. Who asks is refused in the words of gRPC's library in Go, as etcd does:
 * its client compares them whole, to log in again and go on.
 */
export function cancelReasonOf(error: RaftsmanError): string {
  const { message } = statusOf(error)
  const name = authRefusals[error.code]
  return name === undefined ? message : `rpc error: code = ${name} desc = ${message}`
}

const authRefusals: Readonly<Record<string, GrpcStatus>> = {
  'user-empty': 'InvalidArgument',
  'permission-denied': 'PermissionDenied',
  'invalid-auth-token': 'Unauthenticated',
  'auth-old-revision': 'InvalidArgument',
}

export const serverStopped: Status = {
  code: rpcCode.unavailable,
  message: 'etcdserver: server stopped',
}

export const noLeader: Status = { code: rpcCode.unavailable, message: 'etcdserver: no leader' }

function unavailable(message: string): Status {
  return { code: rpcCode.unavailable, message }
}

function exhausted(message: string): Status {
  return { code: rpcCode.resourceExhausted, message }
}

function precondition(message: string): Status {
  return { code: rpcCode.failedPrecondition, message }
}

function invalid(message: string): Status {
  return { code: rpcCode.invalidArgument, message }
}
