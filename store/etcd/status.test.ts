// The sentences of etcd that we say, each with the status that etcd gives it.

import { describe, expect, it } from 'vitest'

import { RaftsmanError } from '../../platform/errors.js'
import { rpcCode } from '../../platform/rpc.js'
import { raftNodeError } from '../../raft/index.js'
import { StoreError, storeErrorCodes } from '../core/errors.js'
import { statusOf, statusOfFacts } from './status.js'

/** etcd's errors by status, without their common beginning. */
const sentences: Partial<Record<keyof typeof rpcCode, readonly string[]>> = {
  invalidArgument: [
    'key is not provided',
    'key not found',
    'value is provided',
    'lease is provided',
    'too many operations in txn request',
    'duplicate key given in txn request',
    'invalid client api version',
    'invalid sort option',
    'given member URLs are invalid',
    'request is too large',
    'user name is empty',
    'role name is empty',
    'authentication failed, invalid user ID or password',
    'permission not given',
    'invalid auth management',
    'revision of auth store is old',
    'wrong downgrade target version format',
    'invalid downgrade target version',
  ],
  outOfRange: [
    'mvcc: required revision has been compacted',
    'mvcc: required revision is a future revision',
    'too large lease TTL',
  ],
  resourceExhausted: ['mvcc: database space exceeded', 'too many requests'],
  notFound: ['requested lease not found', 'member not found'],
  failedPrecondition: [
    'lease already exists',
    'member ID already exist',
    'Peer URLs already exists',
    're-configuration failed due to not enough started members',
    'can only promote a learner member',
    'can only promote a learner member which is in sync with leader',
    'too many learner members in cluster',
    'cluster ID mismatch',
    'root user does not exist',
    'root user does not have root role',
    'user name already exists',
    'user name not found',
    'role name already exists',
    'role name not found',
    'role is not granted to the user',
    'permission is not granted to the role',
    'authentication is not enabled',
    'not leader',
    'not capable',
    'rpc not supported for learner',
    'bad leader transferee',
    'cluster version not found during downgrade',
    'cluster has a downgrade job in progress',
    'no inflight downgrade job',
  ],
  cancelled: ['watch canceled', 'request canceled'],
  permissionDenied: ['permission denied'],
  unauthenticated: ['invalid auth token'],
  unavailable: [
    'no leader',
    'leader changed',
    'server stopped',
    'request timed out',
    'request timed out, possibly due to previous leader failure',
    'request timed out, possibly due to connection lost',
    'request timed out, waiting for the applied index took too long',
    'unhealthy cluster',
  ],
  dataLoss: ['corrupt cluster'],
  deadlineExceeded: ['context deadline exceeded'],
}

const statusBySentence = new Map<string, string>(
  Object.entries(sentences).flatMap(([status, list]) =>
    list.map(sentence => [`etcdserver: ${sentence}`, status] as const),
  ),
)

const nameOf = (code: number) => Object.entries(rpcCode).find(([, one]) => one === code)?.[0]

const facts = (code: string, outcome: 'not-applied' | 'unknown' = 'not-applied') => ({
  code,
  message: 'what we would say',
  retryable: true,
  outcome,
})

describe('an error of the state machine', () => {
  it.each(storeErrorCodes)('%s has the status that etcd gives its sentence', code => {
    const { code: status, message } = statusOf(new StoreError(code))
    if (message.startsWith('etcdserver: ')) {
      expect(nameOf(status)).toBe(statusBySentence.get(message))
    } else expect(message).toMatch(/^(raftsman|mvcc): /)
  })

  it('is the same when it comes from the leader', () => {
    for (const code of storeErrorCodes) {
      const { message, retryable, outcome } = new StoreError(code)
      expect(statusOfFacts({ code, message, retryable, outcome })).toEqual(
        statusOf(new StoreError(code)),
      )
    }
  })
})

describe('an error of replication', () => {
  it.each([
    ['too-many-requests', 'too many requests'],
    ['no-leader', 'no leader'],
    ['transferring', 'leader changed'],
    ['not-leader', 'not leader'],
    ['timeout', 'request timed out'],
    ['stopped', 'server stopped'],
    ['not-a-member', 'server stopped'],
    ['request-too-large', 'request is too large'],
    ['disk-full', 'mvcc: database space exceeded'],
  ] as const)('%s is told as "%s"', (code, sentence) => {
    const status = statusOf(raftNodeError(code))
    expect(status.message).toBe(`etcdserver: ${sentence}`)
    expect(nameOf(status.code)).toBe(statusBySentence.get(status.message))
  })

  it('says whether what was asked for may have happened', () => {
    expect(statusOfFacts(facts('leader-lost')).message).toBe('etcdserver: leader changed')
    expect(statusOfFacts(facts('leader-lost', 'unknown')).message).toBe(
      'etcdserver: request timed out, possibly due to previous leader failure',
    )
  })
})

describe('an error that etcd does not know', () => {
  it('keeps its sentence, and is worth another try where it says so', () => {
    expect(statusOfFacts(facts('something-new'))).toEqual({
      code: rpcCode.unavailable,
      message: 'raftsman: what we would say',
    })
    expect(statusOfFacts({ ...facts('something-new'), retryable: false }).code).toBe(
      rpcCode.unknown,
    )
  })

  it('is no answer when it is a broken invariant', () => {
    expect(() => statusOf(new TypeError('ours'))).toThrow('ours')
    const typed = { code: 'typed', retryable: false, outcome: 'unknown' } as const
    expect(statusOf(new RaftsmanError('typed', typed)).message).toBe('raftsman: typed')
  })
})
