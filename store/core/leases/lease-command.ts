// Commands on leases: grant, revoke, checkpoint of the time left. Their form in a log entry, and what
// they do to the state. Counterpart: the lease requests of etcd's applier.

import { assert, unreachable } from '../../../platform/errors.js'
import type { PackedValue } from '../../../platform/msgpack.js'
import type { AppliedState, EntryContext } from '../applied-state.js'
import { count, list, malformed, tuple, unknownCommand } from '../command-fields.js'
import { StoreError } from '../errors.js'
import { type Applied, type Sliced, sorted, workOf } from '../sliced.js'
import { leaseCheckpointsPerCommandMax } from '../limits.js'
import type { LeaseGrantResponse, LeaseId, LeaseRevokeResponse, ResponseHeader } from '../types.js'

export interface LeaseCheckpoint {
  readonly id: LeaseId
  /** Seconds left when it was taken; 0: the whole granted time. */
  readonly remainingSeconds: number
}

export type LeaseCommand =
  /** `id` is already picked (not 0) and `ttlSeconds` raised to the minimum by who proposes. */
  | { readonly kind: 'leaseGrant'; readonly id: LeaseId; readonly ttlSeconds: number }
  /**
   * `leaderTerm` 0: a client asked. Otherwise the leader of that term saw it expire; it is refused
   * on apply when the entry was appended in a later term.
   */
  | { readonly kind: 'leaseRevoke'; readonly id: LeaseId; readonly leaderTerm: number }
  | {
      readonly kind: 'leaseCheckpoint'
      readonly leaderTerm: number
      readonly checkpoints: readonly LeaseCheckpoint[]
    }

export type LeaseResult =
  | { readonly ok: true; readonly kind: 'leaseGrant'; readonly response: LeaseGrantResponse }
  | { readonly ok: true; readonly kind: 'leaseRevoke'; readonly response: LeaseRevokeResponse }
  | {
      readonly ok: true
      readonly kind: 'leaseCheckpoint'
      readonly response: { readonly header: ResponseHeader }
    }

const code = { grant: 5, revoke: 6, checkpoint: 7 } as const

export function encodeLeaseCommand(command: LeaseCommand): PackedValue[] {
  switch (command.kind) {
    case 'leaseGrant':
      return [code.grant, command.id, command.ttlSeconds]
    case 'leaseRevoke':
      return [code.revoke, command.id, command.leaderTerm]
    case 'leaseCheckpoint': {
      const { checkpoints, leaderTerm } = command
      assert(checkpoints.length <= leaseCheckpointsPerCommandMax, 'too many lease checkpoints')
      const pairs = checkpoints.flatMap(({ id, remainingSeconds }) => [id, remainingSeconds])
      return [code.checkpoint, leaderTerm, pairs]
    }
    default:
      return unreachable(command)
  }
}

export function decodeLeaseCommand(fields: unknown[]): LeaseCommand {
  switch (fields[0]) {
    case code.grant: {
      const [, id, ttlSeconds] = tuple(fields, 3)
      return { kind: 'leaseGrant', id: count(id), ttlSeconds: count(ttlSeconds) }
    }
    case code.revoke: {
      const [, id, leaderTerm] = tuple(fields, 3)
      return { kind: 'leaseRevoke', id: count(id), leaderTerm: count(leaderTerm) }
    }
    case code.checkpoint:
      return decodeCheckpoint(fields)
    default:
      return unknownCommand(fields[0])
  }
}

function decodeCheckpoint(fields: unknown[]): LeaseCommand {
  const [, leaderTerm, pairs] = tuple(fields, 3)
  const numbers = list(pairs, 2 * leaseCheckpointsPerCommandMax).map(count)
  if (numbers.length % 2 !== 0) malformed('a lease checkpoint is cut')
  const checkpoints: LeaseCheckpoint[] = []
  for (let i = 0; i < numbers.length; i += 2) {
    checkpoints.push({ id: count(numbers[i]), remainingSeconds: count(numbers[i + 1]) })
  }
  return { kind: 'leaseCheckpoint', leaderTerm: count(leaderTerm), checkpoints }
}

/** Throws StoreError, and has then changed nothing. */
export function applyLeaseCommand(
  state: AppliedState,
  command: LeaseCommand,
  { header, term }: EntryContext,
): Applied<LeaseResult> {
  const { kv } = state
  switch (command.kind) {
    case 'leaseGrant': {
      const lease = kv.leases.grant(command.id, command.ttlSeconds)
      state.leaseClock.granted(lease.id)
      kv.counts.leasesGranted++
      kv.hash.number(lease.id).number(lease.ttlSeconds)
      const { id, ttlSeconds } = lease
      const response = { header: header(kv.revision), id, ttlSeconds }
      return { ok: true, kind: 'leaseGrant', response }
    }
    case 'leaseRevoke':
      fence(command.leaderTerm, term)
      return revoke(state, command, header)
    case 'leaseCheckpoint':
      fence(command.leaderTerm, term)
      for (const { id, remainingSeconds } of command.checkpoints) {
        kv.leases.checkpoint(id, remainingSeconds)
        kv.hash.number(id).number(remainingSeconds)
      }
      return { ok: true, kind: 'leaseCheckpoint', response: { header: header(kv.revision) } }
    default:
      return unreachable(command)
  }
}

/** What a leader decided by its clock counts only in its own term. 0: a client decided. */
function fence(leaderTerm: number, entryTerm: number): void {
  if (leaderTerm !== 0 && leaderTerm !== entryTerm) throw new StoreError('stale-leader')
}

function* revoke(
  { kv, leaseClock }: AppliedState,
  { id, leaderTerm }: Extract<LeaseCommand, { kind: 'leaseRevoke' }>,
  header: EntryContext['header'],
): Sliced<LeaseResult> {
  const lease = kv.leases.get(id)
  if (lease === undefined) throw new StoreError('lease-not-found')
  kv.begin()
  // Sorted: the order of rows is the same on a member that built its table from stored rows.
  for (const key of yield* sorted(lease.keys, kv.pace)) {
    const entry = kv.live(key)
    assert(entry !== undefined, 'an attached key lives')
    kv.deleteKey(entry)
    kv.counts.deletes++
    if (kv.pace.spend(workOf.writing)) yield
  }
  kv.end()
  kv.leases.remove(id)
  leaseClock.revoked(id)
  kv.counts.leasesRevoked++
  if (leaderTerm !== 0) kv.counts.leasesExpired++
  kv.hash.number(id)
  return { ok: true, kind: 'leaseRevoke', response: { header: header(kv.revision) } }
}
