// One request of a user on its way: what it costs, when it gives up, who waits for it. And the
// errors that the client itself answers with, beside those that members send.

import { RaftsmanError, unreachable } from '../../platform/errors.js'
import type { Outcome } from '../../platform/errors.js'
import type { Answer, Request, RequestKind, WireError } from '../protocol.js'
import type { AuthRequest, KeyValue, TxnRequest } from '../core/types.js'
import type { Connection } from './connection.js'
import type { WriteName } from './write-session.js'

/** What a failed call says: `code` is stable, `outcome` whether a write may have happened. */
export class StoreClientError extends RaftsmanError {}

type WithoutId<R> = R extends Request ? Omit<R, 'id'> : never

/** A request before the queue has given it its id. */
export type NewRequest = WithoutId<Request>

export interface Call {
  readonly id: number
  readonly kind: RequestKind
  /** Asking again does no harm: reads, keep-alives. Others are repeated only when not applied. */
  readonly repeatable: boolean
  /** Under a name it may be asked again, too. */
  readonly nameable: boolean
  readonly packed: Uint8Array
  readonly deadlineMs: number
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: Error) => void
  /** Where it was sent; null while it waits for a connection. */
  connection: Connection | null
  /** Handed to a link that was open: from then on a member may have got it. */
  sent: boolean
  /** Null: it has none, or none yet. */
  name: WriteName | null
  /** An attempt that was given up may have been done. */
  maybe: boolean
  attempts: number
  /** Times it was refused for want of a token that counts. */
  loginRefusals: number
  /** Key-values of a long range that came ahead of its answer. */
  parts: KeyValue[] | null
  partsBytes: number
}

/** The usual ones as literals: an object spread into another with one property more takes a microsecond. */
export function withId(request: NewRequest, id: number): Request {
  if (request.kind === 'put') return { kind: 'put', id, request: request.request }
  if (request.kind === 'range') return { kind: 'range', id, request: request.request }
  if (request.kind === 'txn') return { kind: 'txn', id, request: request.request }
  if (request.kind === 'leaseKeepAlive') {
    const { lease, forwarded } = request
    return { kind: 'leaseKeepAlive', id, lease, forwarded }
  }
  return { ...request, id }
}

/** Asking twice does no harm: reads, and what changes nothing of its kind. */
export function isRepeatable(request: NewRequest): boolean {
  switch (request.kind) {
    case 'range':
    case 'leaseKeepAlive':
    case 'leaseTimeToLive':
    case 'leaseLeases':
    case 'status':
    case 'memberList':
    case 'hashKv':
    // It has a nonce; where it cannot, one too many is forgotten.
    case 'openSession':
      return true
    case 'txn':
      return isReadOnly(request.request)
    case 'space':
      return true
    case 'alarm':
      return request.request.action === 'get'
    case 'clusterVersion':
      return request.request.action === 'get' || request.request.action === 'validate'
    case 'put':
    case 'deleteRange':
    case 'compact':
    case 'leaseGrant':
    case 'leaseRevoke':
    case 'moveLeader':
    case 'memberAdd':
    case 'memberPromote':
    case 'memberUpdate':
    case 'memberRemove':
    case 'memberReplace':
    case 'snapshot':
      return false
    case 'authenticate':
      return true
    case 'auth':
      return authReads.has(request.request.action)
    default:
      return unreachable(request)
  }
}

/** A write of the kinds that the store does once where they have a name. */
export function isNameable(request: NewRequest): boolean {
  return request.kind === 'txn' ? !isReadOnly(request.request) : nameable.has(request.kind)
}

const nameable: ReadonlySet<RequestKind> = new Set([
  'put',
  'deleteRange',
  'compact',
  'leaseGrant',
  'leaseRevoke',
])

const authReads: ReadonlySet<AuthRequest['action']> = new Set([
  'status',
  'userGet',
  'userList',
  'roleGet',
  'roleList',
])

function isReadOnly(txn: TxnRequest): boolean {
  return [...txn.success, ...txn.failure].every(
    op => op.kind === 'range' || (op.kind === 'txn' && isReadOnly(op.request)),
  )
}

/** Codes by which a member says that another member, or the same one soon, may do better. */
const memberTrouble: ReadonlySet<string> = new Set([
  'no-leader',
  'not-leader',
  'transferring',
  'stopped',
  'timeout',
  'member-corrupt',
])

export const isMemberTrouble = (code: string): boolean => memberTrouble.has(code)

export function clientError(
  code: string,
  message: string,
  traits: { readonly retryable: boolean; readonly outcome?: Outcome },
): StoreClientError {
  return new StoreClientError(message, {
    code,
    retryable: traits.retryable,
    outcome: traits.outcome ?? 'not-applied',
  })
}

/** A member's error as the user sees it. */
export function memberError(error: WireError): StoreClientError {
  return new StoreClientError(error.message, error)
}
