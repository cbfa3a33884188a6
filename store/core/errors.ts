// What the state machine refuses, and why. Codes are ours and stable; the message and the gRPC
// status of each are etcd's, because clients of etcd compare them. A refusal changes no key and no lease.

import { type Outcome, RaftsmanError } from '../../platform/errors.js'
import type { Revision } from './types.js'

export type GrpcStatus =
  | 'InvalidArgument'
  | 'OutOfRange'
  | 'NotFound'
  | 'FailedPrecondition'
  | 'ResourceExhausted'
  | 'Unavailable'
  | 'DataLoss'
  | 'PermissionDenied'
  | 'Unauthenticated'

interface Refusal {
  readonly grpc: GrpcStatus
  readonly message: string
  readonly retryable?: true
  /** Absent: it had no effect. */
  readonly outcome?: 'unknown'
}

const refusals = {
  'key-empty': { grpc: 'InvalidArgument', message: 'etcdserver: key is not provided' },
  'key-not-found': { grpc: 'InvalidArgument', message: 'etcdserver: key not found' },
  'value-provided': { grpc: 'InvalidArgument', message: 'etcdserver: value is provided' },
  'lease-provided': { grpc: 'InvalidArgument', message: 'etcdserver: lease is provided' },
  'too-many-operations': {
    grpc: 'InvalidArgument',
    message: 'etcdserver: too many operations in txn request',
  },
  'duplicate-key': {
    grpc: 'InvalidArgument',
    message: 'etcdserver: duplicate key given in txn request',
  },
  'invalid-sort': { grpc: 'InvalidArgument', message: 'etcdserver: invalid sort option' },
  'request-too-large': { grpc: 'InvalidArgument', message: 'etcdserver: request is too large' },
  malformed: { grpc: 'InvalidArgument', message: 'raftsman: request is malformed' },
  compacted: {
    grpc: 'OutOfRange',
    message: 'etcdserver: mvcc: required revision has been compacted',
  },
  'future-revision': {
    grpc: 'OutOfRange',
    message: 'etcdserver: mvcc: required revision is a future revision',
  },
  'lease-not-found': { grpc: 'NotFound', message: 'etcdserver: requested lease not found' },
  'lease-exists': { grpc: 'FailedPrecondition', message: 'etcdserver: lease already exists' },
  'lease-ttl-too-large': { grpc: 'OutOfRange', message: 'etcdserver: too large lease TTL' },
  'member-not-found': { grpc: 'NotFound', message: 'etcdserver: member not found' },
  'member-name-exists': {
    grpc: 'FailedPrecondition',
    message: 'raftsman: another member has this name',
  },
  'peer-addresses-exist': {
    grpc: 'FailedPrecondition',
    message: 'etcdserver: Peer URLs already exists',
  },
  'peer-addresses-invalid': {
    grpc: 'InvalidArgument',
    message: 'etcdserver: given member URLs are invalid',
  },
  'members-not-started': {
    grpc: 'FailedPrecondition',
    message: 'etcdserver: re-configuration failed due to not enough started members',
  },
  'unhealthy-cluster': {
    grpc: 'Unavailable',
    message: 'etcdserver: unhealthy cluster',
    retryable: true,
  },
  'not-learner': {
    grpc: 'FailedPrecondition',
    message: 'etcdserver: can only promote a learner member',
  },
  'learner-not-ready': {
    grpc: 'FailedPrecondition',
    message: 'etcdserver: can only promote a learner member which is in sync with leader',
    retryable: true,
  },
  'too-many-learners': {
    grpc: 'FailedPrecondition',
    message: 'etcdserver: too many learner members in cluster',
    retryable: true,
  },
  'bad-transferee': {
    grpc: 'FailedPrecondition',
    message: 'etcdserver: bad leader transferee',
  },
  'no-space': {
    grpc: 'ResourceExhausted',
    message: 'etcdserver: mvcc: database space exceeded',
  },
  'member-corrupt': {
    grpc: 'Unavailable',
    message: 'raftsman: the state of this member is wrong and is being brought back',
    retryable: true,
  },
  corrupt: { grpc: 'DataLoss', message: 'etcdserver: corrupt cluster' },
  'version-too-low': {
    grpc: 'Unavailable',
    message: 'raftsman: not every member runs a version that knows this request',
    retryable: true,
  },
  'downgrade-format': {
    grpc: 'InvalidArgument',
    message: 'etcdserver: wrong downgrade target version format',
  },
  'downgrade-target': {
    grpc: 'InvalidArgument',
    message: 'etcdserver: invalid downgrade target version',
  },
  'cluster-version-unknown': {
    grpc: 'FailedPrecondition',
    message: 'etcdserver: cluster version not found during downgrade',
  },
  'downgrade-in-progress': {
    grpc: 'FailedPrecondition',
    message: 'etcdserver: cluster has a downgrade job in progress',
  },
  'no-downgrade': {
    grpc: 'FailedPrecondition',
    message: 'etcdserver: no inflight downgrade job',
  },
  'stale-leader': {
    grpc: 'FailedPrecondition',
    message: 'raftsman: proposed by a leader that has been replaced since',
  },
  'not-leader': {
    grpc: 'FailedPrecondition',
    message: 'etcdserver: not leader',
    retryable: true,
  },
  'too-many-leases': { grpc: 'ResourceExhausted', message: 'raftsman: too many leases' },
  'too-many-records': {
    grpc: 'ResourceExhausted',
    message: 'raftsman: too many system records',
  },
  'empty-watch-range': { grpc: 'InvalidArgument', message: 'mvcc: watcher range is empty' },
  'too-many-ranges': { grpc: 'InvalidArgument', message: 'raftsman: too many ranges in one watch' },
  'too-many-watches': { grpc: 'ResourceExhausted', message: 'raftsman: too many watches' },
  'too-many-snapshots': {
    grpc: 'ResourceExhausted',
    message: 'raftsman: too many snapshots are being read',
    retryable: true,
  },
  'sort-too-large': {
    grpc: 'ResourceExhausted',
    message: 'raftsman: sorting so many keys takes more memory than there is for it',
  },
  'sort-memory-taken': {
    grpc: 'ResourceExhausted',
    message: 'raftsman: other sorted ranges hold the memory for sorting',
    retryable: true,
  },
  'back-pressure': {
    grpc: 'ResourceExhausted',
    message: 'raftsman: applied state cannot be written, and its buffer is full',
    retryable: true,
  },
  'root-user-missing': {
    grpc: 'FailedPrecondition',
    message: 'etcdserver: root user does not exist',
  },
  'root-role-missing': {
    grpc: 'FailedPrecondition',
    message: 'etcdserver: root user does not have root role',
  },
  'user-exists': { grpc: 'FailedPrecondition', message: 'etcdserver: user name already exists' },
  'user-empty': { grpc: 'InvalidArgument', message: 'etcdserver: user name is empty' },
  'user-not-found': { grpc: 'FailedPrecondition', message: 'etcdserver: user name not found' },
  'role-exists': { grpc: 'FailedPrecondition', message: 'etcdserver: role name already exists' },
  'role-not-found': { grpc: 'FailedPrecondition', message: 'etcdserver: role name not found' },
  'role-empty': { grpc: 'InvalidArgument', message: 'etcdserver: role name is empty' },
  'auth-failed': {
    grpc: 'InvalidArgument',
    message: 'etcdserver: authentication failed, invalid user ID or password',
  },
  'permission-not-given': {
    grpc: 'InvalidArgument',
    message: 'etcdserver: permission not given',
  },
  'permission-denied': { grpc: 'PermissionDenied', message: 'etcdserver: permission denied' },
  'role-not-granted': {
    grpc: 'FailedPrecondition',
    message: 'etcdserver: role is not granted to the user',
  },
  'permission-not-granted': {
    grpc: 'FailedPrecondition',
    message: 'etcdserver: permission is not granted to the role',
  },
  'auth-not-enabled': {
    grpc: 'FailedPrecondition',
    message: 'etcdserver: authentication is not enabled',
  },
  'invalid-auth-token': { grpc: 'Unauthenticated', message: 'etcdserver: invalid auth token' },
  'invalid-auth-management': {
    grpc: 'InvalidArgument',
    message: 'etcdserver: invalid auth management',
  },
  'auth-old-revision': {
    grpc: 'InvalidArgument',
    message: 'etcdserver: revision of auth store is old',
    retryable: true,
  },
  'too-many-auth-records': {
    grpc: 'ResourceExhausted',
    message: 'raftsman: too many users, roles or permissions',
  },
  'snapshot-gone': {
    grpc: 'FailedPrecondition',
    message: 'raftsman: this snapshot cannot go on; begin another one',
  },
  'session-not-found': {
    grpc: 'NotFound',
    message: 'raftsman: there is no such session, or it was forgotten',
  },
  'session-denied': {
    grpc: 'PermissionDenied',
    message: 'raftsman: the session was opened by another user',
  },
  'once-ahead': {
    grpc: 'ResourceExhausted',
    message: 'raftsman: too many answers of this session have not been seen',
    retryable: true,
  },
  'once-forgotten': {
    grpc: 'FailedPrecondition',
    message: 'raftsman: the answer to this write was seen or given up, and is not kept any more',
    outcome: 'unknown',
  },
  'once-answer-long': {
    grpc: 'FailedPrecondition',
    message: 'raftsman: the write was answered before, and the answer was too long to be kept',
  },
  'snapshot-corrupt': { grpc: 'DataLoss', message: 'raftsman: snapshot is damaged' },
} satisfies Readonly<Record<string, Refusal>>

export type StoreErrorCode = keyof typeof refusals

export const storeErrorCodes = Object.keys(refusals) as readonly StoreErrorCode[]

/** Null for codes that are not of the state machine. */
export function grpcStatusOf(code: string): GrpcStatus | null {
  return Object.hasOwn(refusals, code) ? refusals[code as StoreErrorCode].grpc : null
}

/** The code whose text a message is, or begins with; null for others. */
export function storeErrorCodeOf(message: string): StoreErrorCode | null {
  return (
    storeErrorCodes.find(code => {
      const { message: text } = refusals[code]
      return message === text || message.startsWith(`${text}: `)
    }) ?? null
  )
}

/**
 * A request the store refused, without effect unless `outcome` says that nobody knows. `detail` is for
 * people and goes behind the text.
 */
export class StoreError extends RaftsmanError {
  declare readonly code: StoreErrorCode
  readonly grpc: GrpcStatus
  readonly detail: string | undefined

  constructor(code: StoreErrorCode, detail?: string, outcome?: Outcome) {
    const refusal: Refusal = refusals[code]
    super(detail === undefined ? refusal.message : `${refusal.message}: ${detail}`, {
      code,
      retryable: refusal.retryable === true,
      outcome: outcome ?? refusal.outcome ?? 'not-applied',
    })
    this.grpc = refusal.grpc
    this.detail = detail
  }
}

/**
 * The log holds what this program does not know, so a newer one wrote it. To pass over it would make
 * a state that the other members do not have: the member stops instead.
 */
export class UnknownCommandError extends RaftsmanError {
  constructor(what: string) {
    super(`${what}; a newer version of the program is needed on this member`, {
      code: 'version-unknown',
      retryable: false,
      outcome: 'unknown',
    })
  }
}

/** The history asked for is gone; everything from `compactRevision` on is there. */
export class CompactedError extends StoreError {
  readonly compactRevision: Revision

  constructor(compactRevision: Revision) {
    super('compacted')
    this.compactRevision = compactRevision
  }
}

/** What a caller can be told; anything else is a mistake of ours, and is thrown on. */
export function asRaftsmanError(error: unknown): RaftsmanError {
  if (error instanceof RaftsmanError) return error
  throw error
}

/** Who asked for the newest state did nothing wrong when a compaction overtook the slices of its reading. */
export function rangeInterrupted(): RaftsmanError {
  return new RaftsmanError('a compaction overtook the range; ask again', {
    code: 'range-interrupted',
    retryable: true,
    outcome: 'not-applied',
  })
}
