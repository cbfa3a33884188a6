// Who may do what: every operation against the permissions of the user it is done for, the same on
// all members. Counterpart: etcd's auth applier. Both branches of a transaction are looked at,
// nested ones too, whichever will run; previous values and comparisons need the right to read.

import { unreachable } from '../../../platform/errors.js'
import type { AuthState, UserAccess } from './auth-state.js'
import type { Author, Identity } from './author.js'
import type { Command } from '../command.js'
import { StoreError } from '../errors.js'
import { boundsOf } from '../key-range.js'
import type { Lease, LeaseTable } from '../leases/lease.js'
import type {
  DeleteRangeRequest,
  KeyRange,
  LeaseId,
  PutRequest,
  RequestOp,
  TxnRequest,
  WatchRequest,
} from '../types.js'

/**
 * What every check throws: `user-empty` without an identity, `auth-old-revision` when users or roles
 * have changed since it was established, `permission-denied` else. Nothing while auth is disabled.
 */
export class AuthCheck {
  readonly #auth: AuthState
  readonly #leases: LeaseTable

  constructor(auth: AuthState, leases: LeaseTable) {
    this.#auth = auth
    this.#leases = leases
  }

  command(command: Command): void {
    if (!this.#auth.enabled || command.by === 'member') return
    switch (command.kind) {
      case 'put':
        this.#put(this.#access(command.by), command.request)
        return
      case 'deleteRange':
        this.#delete(this.#access(command.by), command.request)
        return
      case 'txn':
        this.#txn(this.#access(command.by), command.request)
        return
      case 'leaseGrant':
      case 'openSession':
        this.known(command.by)
        return
      case 'leaseRevoke':
        // A lease that ran out is revoked by the leader; no client can say so.
        if (command.leaderTerm === 0) this.leaseWrite(command.by, command.id)
        return
      case 'leaseCheckpoint':
        return
      case 'cluster':
        // To raise it no client can ask.
        if (command.change.kind !== 'raise') this.root(command.by)
        return
      case 'compact':
      case 'alarm':
      case 'quota':
      case 'hash':
      case 'auth':
      case 'member':
        this.root(command.by)
        return
      default:
        unreachable(command)
    }
  }

  /** Anybody who has an identity. */
  known(by: Author): void {
    if (this.#auth.enabled && by !== 'member') this.#current(by)
  }

  /** Users with the root role. */
  root(by: Author): void {
    if (!this.#auth.enabled || by === 'member') return
    const access = this.#auth.accessOf(this.#current(by).user)
    if (access === undefined) throw new StoreError('user-not-found')
    if (!access.root) throw new StoreError('permission-denied')
  }

  /** A user about itself; else root. */
  userGet(by: Author, user: string): void {
    if (this.#auth.enabled && by !== 'member' && by?.user === user) this.#current(by)
    else this.root(by)
  }

  /** A user about its own roles; else root. */
  roleGet(by: Author, role: string): void {
    const own = by !== undefined && by !== 'member' && this.#auth.hasRole(by.user, role)
    if (this.#auth.enabled && own) this.#current(by)
    else this.root(by)
  }

  range(by: Author, range: KeyRange): void {
    if (this.#auth.enabled && by !== 'member') this.#read(this.#access(by), range)
  }

  /** All of its ranges. */
  watch(by: Author, watch: WatchRequest): void {
    this.range(by, watch)
    for (const range of watch.moreRanges ?? []) this.range(by, range)
  }

  readTxn(by: Author, txn: TxnRequest): void {
    if (this.#auth.enabled && by !== 'member') this.#txn(this.#access(by), txn)
  }

  /** To renew or revoke a lease is to decide on its keys. */
  leaseWrite(by: Author, id: LeaseId): void {
    if (!this.#auth.enabled || by === 'member') return
    this.#current(by)
    const lease = this.#leases.get(id)
    if (lease !== undefined && lease.keys.size > 0) this.#writeKeys(this.#access(by), lease)
  }

  /** The keys of a lease are told only to who may read them. */
  leaseKeys(by: Author, id: LeaseId): void {
    if (!this.#auth.enabled || by === 'member') return
    this.#current(by)
    const lease = this.#leases.get(id)
    if (lease !== undefined && lease.keys.size > 0) this.#readKeys(this.#access(by), lease)
  }

  /** Every lease there is: who lists them may read every key attached to one. */
  leaseLeases(by: Author): void {
    if (!this.#auth.enabled || by === 'member') return
    this.#current(by)
    for (const lease of this.#leases.all()) {
      if (lease.keys.size > 0) this.#readKeys(this.#access(by), lease)
    }
  }

  #current(by: Author): Identity {
    if (by === undefined || by === 'member') throw new StoreError('user-empty')
    if (by.authRevision < this.#auth.revision) throw new StoreError('auth-old-revision')
    return by
  }

  #access(by: Author): UserAccess {
    const access = this.#auth.accessOf(this.#current(by).user)
    if (access === undefined) throw new StoreError('permission-denied')
    return access
  }

  #put(access: UserAccess, put: PutRequest): void {
    this.#write(access, { key: put.key })
    // Whoever may not revoke a lease may not hang a key on it either.
    const lease = this.#leases.get(put.lease ?? 0)
    if (lease !== undefined) this.#writeKeys(access, lease)
    if (put.prevKv === true) this.#read(access, { key: put.key })
  }

  #delete(access: UserAccess, request: DeleteRangeRequest): void {
    this.#write(access, request)
    if (request.prevKv === true) this.#read(access, request)
  }

  #txn(access: UserAccess, txn: TxnRequest): void {
    if (access.root) return
    for (const compare of txn.compare) this.#read(access, compare)
    for (const op of txn.success) this.#op(access, op)
    for (const op of txn.failure) this.#op(access, op)
  }

  #op(access: UserAccess, op: RequestOp): void {
    switch (op.kind) {
      case 'range':
        this.#read(access, op.request)
        return
      case 'put':
        this.#put(access, op.request)
        return
      case 'deleteRange':
        this.#delete(access, op.request)
        return
      case 'txn':
        this.#txn(access, op.request)
        return
      default:
        unreachable(op)
    }
  }

  #read(access: UserAccess, range: KeyRange): void {
    if (!access.root && !access.read.covers(boundsOf(range))) denied()
  }

  #write(access: UserAccess, range: KeyRange): void {
    if (!access.root && !access.write.covers(boundsOf(range))) denied()
  }

  #readKeys(access: UserAccess, lease: Lease): void {
    if (access.root) return
    for (const key of lease.keys) {
      if (!access.read.covers({ start: key, end: `${key}\0`, single: true })) denied()
    }
  }

  #writeKeys(access: UserAccess, lease: Lease): void {
    if (access.root) return
    for (const key of lease.keys) {
      if (!access.write.covers({ start: key, end: `${key}\0`, single: true })) denied()
    }
  }
}

function denied(): never {
  throw new StoreError('permission-denied')
}
